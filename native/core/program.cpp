#include "program.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "error.h"
#include "fuse.h"
#include "join.h"
#include "parts.h"
#include "places.h"
#include "recompute.h"

namespace ms {
namespace {

using Command = Program::Command;
using Value = Program::Value;
using Role = Program::Role;

void copyBoundOutputs(Program& program) {
  for (std::size_t i = 0; i < program.outputs.size(); i++) {
    const std::uint32_t from = program.outputs[i];
    const std::int32_t where = i < program.donated ? Program::DONATED : static_cast<std::int32_t>(i - program.donated);
    if (program.values[from].role == Role::temporary && program.values[from].output == Program::INSIDE) {
      program.values[from].output = where;
      continue;
    }
    // An input that is handed through, or one value as two outputs: its buffer belongs to somebody else.
    const std::size_t floats = program.values[from].floats;
    const std::uint32_t to = static_cast<std::uint32_t>(program.values.size());
    program.values.push_back({floats, Role::temporary, 0, where});
    Command copy;
    copy.run = [floats](float* const* at) { std::memcpy(at[1], at[0], floats * sizeof(float)); };
    copy.reads = {from};
    copy.writes = {to};
    copy.label = static_cast<std::uint32_t>(program.labels.size());
    program.labels.push_back("Copy");
    program.commands.push_back(std::move(copy));
    program.outputs[i] = to;
  }
}

/**
 * The backward pass is recorded without layers: a command there belongs to the last layer whose values or weights it reads,
 * and where it reads none to that of the gradients it reads.
 */
void attributeLayers(Program& program) {
  struct Mark {
    std::int32_t layer = -1;
    bool back = false;
  };
  std::vector<Mark> marks(program.values.size());
  std::size_t end = 0;
  for (std::size_t i = 0; i < program.commands.size(); i++) {
    if (program.commands[i].time >= 0) end = i + 1;
  }
  for (std::size_t i = 0; i < program.commands.size(); i++) {
    Command& command = program.commands[i];
    const bool back = i >= end;
    if (back && command.layer < 0) {
      std::int32_t forward = -1, backward = -1;
      for (const std::uint32_t read : command.reads) {
        std::int32_t& found = marks[read].back ? backward : forward;
        found = std::max(found, marks[read].layer);
      }
      command.layer = forward >= 0 ? forward : backward;
    }
    for (const std::uint32_t read : command.reads) {
      if (!back && command.layer >= 0 && marks[read].layer < 0) marks[read].layer = command.layer;
    }
    for (const std::uint32_t written : command.writes) marks[written] = {command.layer, back};
  }
}

void dropUnneeded(Program& program) {
  std::vector<bool> needed(program.values.size(), false);
  for (const std::uint32_t output : program.outputs) needed[output] = true;
  std::vector<Command> kept;
  for (std::size_t i = program.commands.size(); i-- > 0;) {
    Command& command = program.commands[i];
    const bool used = std::any_of(command.writes.begin(), command.writes.end(), [&](std::uint32_t v) { return needed[v]; });
    if (!used) continue;
    for (const std::uint32_t value : command.reads) needed[value] = true;
    kept.push_back(std::move(command));
  }
  std::reverse(kept.begin(), kept.end());
  program.commands = std::move(kept);
}

}  // namespace

std::string difference(const Program& a, const Program& b) {
  const auto text = [](const char* what, const std::string& label) { return std::string(what) + " of " + label; };
  if (a.commands.size() != b.commands.size()) return "the number of commands";
  for (std::size_t i = 0; i < a.commands.size(); i++) {
    const Command &x = a.commands[i], &y = b.commands[i];
    if (a.labels[x.label] != b.labels[y.label]) return text("the order of operations: one", a.labels[x.label] + " and " + b.labels[y.label]);
    if (x.reads != y.reads || x.writes != y.writes) return text("the operands", a.labels[x.label]);
  }
  for (std::size_t i = 0; i < std::min(a.constants.size(), b.constants.size()); i++) {
    const auto &x = *a.constants[i], &y = *b.constants[i];
    const bool same = x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
    if (!same) return text("a constant", a.labels[a.constantLabels[i]]);
  }
  if (a.constants.size() != b.constants.size()) return "the number of constants";
  for (std::size_t i = 0; i < a.values.size(); i++) {
    if (a.values[i].floats != b.values[i].floats) return "the size of a value";
  }
  return "";
}

void plan(Program& program, bool steps) {
  copyBoundOutputs(program);
  attributeLayers(program);
  readParts(program);
  dropUnneeded(program);
  recompute(program, steps);
  join(program);
  dropUnneeded(program);
  fuse(program);
  assignPlaces(program);
  if (program.memoryFloats > 0) {
    const std::size_t bytes = program.memoryFloats * sizeof(float);
    if (bytes > memoryLimit()) {
      fail("out of memory: the recorded step needs %zu MB, and the engine may use %zu MB", bytes / 1000000, memoryLimit() / 1000000);
    }
    float* memory = takeMemory(bytes);
    if (!memory) fail("out of memory: the recorded step needs %zu bytes", bytes);
    program.memory = std::shared_ptr<float>(memory, std::free);
  }
}

namespace {

/** Runs the commands; false where it was cancelled. */
bool runCommands(const Program& program, float* const* inputs, float* const* outputs, std::vector<double>* seconds) {
  const auto at = [&](std::uint32_t which) -> float* {
    const Value& value = program.values[which];
    if (value.output >= 0) return outputs[value.output];
    switch (value.role) {
      case Role::input: return inputs[value.place];
      case Role::constant: return const_cast<float*>(program.constants[value.place]->data());
      case Role::captured: return program.captured[value.place].data;
      default: return program.memory.get() + value.place;
    }
  };
  std::vector<float*> pointers;
  for (const Command& command : program.commands) {
    if (program.cancelled->load(std::memory_order_relaxed)) return false;
    pointers.clear();
    for (const std::uint32_t value : command.reads) pointers.push_back(at(value));
    for (const std::uint32_t value : command.writes) pointers.push_back(at(value));
    if (seconds) {
      const auto started = std::chrono::steady_clock::now();
      command.run(pointers.data());
      seconds->push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count());
    } else {
      command.run(pointers.data());
    }
  }
  return true;
}

}  // namespace

Ending execute(const Program& program, float* const* inputs, float* const* outputs) {
  if (!runCommands(program, inputs, outputs, nullptr)) return Ending::cancelled;
  if (program.donated == 0) return Ending::done;
  for (std::size_t i = program.donated; i < program.outputs.size(); i++) {
    const float* values = outputs[i - program.donated];
    const std::size_t floats = program.values[program.outputs[i]].floats;
    if (!std::all_of(values, values + floats, [](float value) { return std::isfinite(value); })) return Ending::refused;
  }
  for (std::size_t i = 0; i < program.donated; i++) {
    const Value& value = program.values[program.outputs[i]];
    std::memcpy(inputs[i], program.memory.get() + value.place, value.floats * sizeof(float));
  }
  return Ending::done;
}

std::vector<double> profile(const Program& program, float* const* inputs, float* const* outputs) {
  std::vector<double> seconds;
  runCommands(program, inputs, outputs, &seconds);
  return seconds;
}

}  // namespace ms
