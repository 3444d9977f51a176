#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "buffers.h"
#include "worker.h"

namespace ms {

/**
 * A recorded sequence of commands over values: numbers of known size without a place yet. Written once, planned once (which
 * commands are needed, where each value lies while it is needed), run many times.
 */
struct Program {
  /** Values start at multiples of so many floats: 64 bytes. */
  static constexpr std::size_t GRAIN = 16;
  /** No command, no place. */
  static constexpr std::size_t NONE = static_cast<std::size_t>(-1);

  /** Where a value lies: in the program's own memory while it is needed; in a buffer given at each run; in a copy made
   * while recording; in a buffer that lived before the recording and is kept alive by the program. */
  enum class Role : std::uint8_t { temporary, input, constant, captured };

  static constexpr std::int32_t INSIDE = -1, DONATED = -2;

  struct Value {
    std::size_t floats = 0;
    Role role = Role::temporary;
    /** Which input, constant or captured buffer; the offset in floats of a temporary in the program's memory. */
    std::size_t place = 0;
    /** Which output of the program it is, of those that are not donated; or one of these. */
    std::int32_t output = INSIDE;
  };

  /** How several commands, such as one convolution's gradients of its weights at several time steps, run as one. */
  struct Join {
    /** How many at once. */
    std::size_t count;
    /** Given first operands one after another in memory, second operands likewise, the sum of the results, scratch. */
    Run run;
    std::size_t scratchFloats;
  };

  /** How operands lie in a result: in each of `outer` rows one after another, with so many floats of each. */
  struct Concatenation {
    std::size_t outer;
    std::vector<std::size_t> inners;
  };
  /** Gives what runs a command whose first operand lies in its parts, which come instead of it; nothing where that cannot be. */
  using Apart = std::function<Run(const Concatenation&)>;

  struct Command {
    Run run;
    std::vector<std::uint32_t> reads, writes;
    /** What is written may lie where an operand of the same size is. */
    bool inPlace = false;
    /** Computing it again costs more than the memory of its results is worth. */
    bool costly = false;
    /** The sum of two values. */
    bool sum = false;
    /** Commands with the same one may be joined where only the sum of their results is wanted. */
    std::shared_ptr<const Join> join;
    /** Where it does nothing but lay operands one after another: how. */
    std::shared_ptr<const Concatenation> concatenation;
    /** Where it can read those of a concatenation. */
    Apart apart;
    /** Where it works element by element: how. */
    std::shared_ptr<const Elements> elements;
    /** Index into `labels`: the operation that queued it. */
    std::uint32_t label = 0;
    /** Time step and layer it was queued in; -1 outside. */
    std::int32_t time = -1, layer = -1;
  };

  std::vector<Value> values;
  std::vector<Command> commands;
  std::vector<std::shared_ptr<const std::vector<float>>> constants;
  /** Labels of the operations that first used the constants. */
  std::vector<std::uint32_t> constantLabels;
  std::vector<Buffer> captured;
  /** Values that must lie one after another, from planning. */
  std::vector<std::vector<std::uint32_t>> rows;
  std::vector<std::uint32_t> inputs, outputs;
  /** So many first outputs stay in the program's memory until `execute` writes them over the inputs of the same number. */
  std::size_t donated = 0;
  std::vector<std::string> labels;

  /** What planning found out. */
  std::size_t memoryFloats = 0;
  std::shared_ptr<float> memory;
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
};

/** What differs between two recordings of one step, in one line; empty where nothing does. */
std::string difference(const Program& a, const Program& b);

/** How a run ended. `refused`: a number of an output is not finite, so donated inputs stay as they were. */
enum class Ending : std::uint8_t { done, cancelled, refused };

/**
 * Leaves out commands whose results nobody needs, computes cheap values again for the backward pass instead of keeping them,
 * and gives every value its place. With `steps`, all values inside a time step that only the backward pass needs are computed
 * again there, from the states between the steps.
 */
void plan(Program& program, bool steps);

/**
 * Runs a planned program on the engine's thread, `outputs` being those after the donated ones. Where it was cancelled outputs
 * are not to be used.
 */
Ending execute(const Program& program, float* const* inputs, float* const* outputs);

/** The same without writing over inputs; gives the seconds of each command. */
std::vector<double> profile(const Program& program, float* const* inputs, float* const* outputs);

}  // namespace ms
