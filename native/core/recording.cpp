#include "recording.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "error.h"

namespace ms {
namespace {

/** A constant of one value in more entries than these is a command that writes it. */
constexpr std::size_t SMALL = 64;

std::shared_ptr<Program> open;
std::uint64_t recordings = 0;
std::map<std::string, std::uint32_t>& labels = *new std::map<std::string, std::uint32_t>;
/** Buffers from before the recording, by id, and their values. */
std::map<std::uint32_t, std::uint32_t>& captured = *new std::map<std::uint32_t, std::uint32_t>;
std::uint32_t label = 0;
std::int32_t time = -1, layer = -1;

std::uint32_t valueOf(const Buffer& buffer) {
  if (buffer.value >= 0) return static_cast<std::uint32_t>(buffer.value);
  const auto found = captured.find(buffer.id);
  if (found != captured.end()) return found->second;
  const std::uint32_t value = static_cast<std::uint32_t>(open->values.size());
  open->values.push_back({buffer.floats, Program::Role::captured, open->captured.size(), Program::INSIDE});
  open->captured.push_back(buffer);
  pin(buffer.id);
  captured.emplace(buffer.id, value);
  return value;
}

void clear() {
  open = nullptr;
  captured.clear();
  labels.clear();
}

}  // namespace

bool isRecording() { return open != nullptr; }
std::uint64_t recordingNumber() { return open ? recordings : 0; }

void beginRecording() {
  if (open) fail("a recording is open already");
  clear();
  open = std::make_shared<Program>();
  recordings++;
  time = layer = -1;
  recordLabel("start");
}

std::shared_ptr<Program> endRecording(const std::vector<Buffer>& outputs) {
  if (!open) fail("no recording is open");
  for (const Buffer& output : outputs) open->outputs.push_back(valueOf(output));
  const std::shared_ptr<Program> program = open;
  clear();
  return program;
}

void abandonRecording() {
  if (!open) return;
  for (const Buffer& buffer : open->captured) unpin(buffer.id);
  clear();
}

Buffer recordInput(std::size_t floats) {
  if (!open) fail("no recording is open");
  const Buffer buffer = allocate(floats);
  Program::Value& value = open->values[static_cast<std::size_t>(buffer.value)];
  value.role = Program::Role::input;
  value.place = open->inputs.size();
  open->inputs.push_back(static_cast<std::uint32_t>(buffer.value));
  return buffer;
}

void recordLabel(const std::string& name) {
  if (!open) return;
  const auto [found, isNew] = labels.emplace(name, static_cast<std::uint32_t>(open->labels.size()));
  if (isNew) open->labels.push_back(name);
  label = found->second;
}

void recordTime(std::int32_t step) { time = step; }
void recordLayer(std::int32_t which) { layer = which; }

std::int32_t recordValue(std::size_t floats) {
  open->values.push_back({floats, Program::Role::temporary, 0, Program::INSIDE});
  return static_cast<std::int32_t>(open->values.size() - 1);
}

void recordCommand(const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, Run run, Traits traits) {
  Program::Command command;
  for (const Buffer& buffer : reads) command.reads.push_back(valueOf(buffer));
  for (const Buffer& buffer : writes) {
    const std::uint32_t value = valueOf(buffer);
    if (open->values[value].role != Program::Role::temporary) {
      fail("%s writes to a buffer that lived before the recording", open->labels[label].c_str());
    }
    command.writes.push_back(value);
  }
  command.run = std::move(run);
  command.inPlace = traits & IN_PLACE;
  command.costly = traits & COSTLY;
  command.sum = (traits & SUM) && reads.size() == 2;
  command.label = label;
  command.time = time;
  command.layer = layer;
  open->commands.push_back(std::move(command));
}

void recordJoin(std::shared_ptr<const Program::Join> join) {
  if (open && !open->commands.empty()) open->commands.back().join = std::move(join);
}

void recordConcatenation(Program::Concatenation how) {
  if (open) open->commands.back().concatenation = std::make_shared<const Program::Concatenation>(std::move(how));
}

void recordApart(Program::Apart apart) {
  if (open) open->commands.back().apart = std::move(apart);
}

void recordElements(std::shared_ptr<const Elements> elements) {
  if (open) open->commands.back().elements = std::move(elements);
}

void recordConstant(const Buffer& buffer, const float* values, std::size_t length) {
  if (buffer.value < 0) fail("a buffer that lived before the recording cannot be written in it");
  const bool even = length == buffer.floats && std::all_of(values, values + length, [first = values[0]](float value) {
    return std::memcmp(&value, &first, sizeof(float)) == 0;
  });
  if (even && length > SMALL) {
    // Such as states that begin at zero: made when needed instead of kept.
    const auto fill = [length, value = values[0]](float* const* at) { std::fill(at[0], at[0] + length, value); };
    return recordCommand({}, {buffer}, fill, NO_TRAITS);
  }
  Program::Value& value = open->values[static_cast<std::size_t>(buffer.value)];
  value.role = Program::Role::constant;
  value.place = open->constants.size();
  auto copy = std::make_shared<std::vector<float>>(values, values + length);
  copy->resize(value.floats);
  open->constants.push_back(copy);
  open->constantLabels.push_back(label);
}

}  // namespace ms
