#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "buffers.h"
#include "program.h"

namespace ms {

/**
 * While a recording is open, new buffers have no memory and commands are written down instead of run. Only for the
 * JavaScript thread.
 */
bool isRecording();
/** Number of the open recording; 0 where none is open. */
std::uint64_t recordingNumber();
void beginRecording();
/** Ends it with these buffers as outputs. */
std::shared_ptr<Program> endRecording(const std::vector<Buffer>& outputs);
/** Ends it without a result. */
void abandonRecording();

/** A buffer that is given anew at each run. */
Buffer recordInput(std::size_t floats);
/** What the commands that follow belong to. */
void recordLabel(const std::string& label);
void recordTime(std::int32_t time);
void recordLayer(std::int32_t layer);

// For buffers.cpp, worker.cpp and memory.cpp

/** The recorded value of a new buffer without memory. */
std::int32_t recordValue(std::size_t floats);
void recordCommand(const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, Run run, Traits traits);
/** The command recorded last may be joined with others of the same kind; nothing where no recording is open. */
void recordJoin(std::shared_ptr<const Program::Join> join);
/** The command recorded last lays its operands one after another; nothing where no recording is open. */
void recordConcatenation(Program::Concatenation how);
/** The command recorded last can read the operands of a concatenation; nothing where no recording is open. */
void recordApart(Program::Apart apart);
/** The command recorded last works element by element; nothing where no recording is open. */
void recordElements(std::shared_ptr<const Elements> elements);
void recordConstant(const Buffer& buffer, const float* values, std::size_t length);

}  // namespace ms
