#include "program.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "error.h"
#include "join.h"
#include "recompute.h"
#include "team.h"

namespace ms {
namespace {

using Command = Program::Command;
using Value = Program::Value;
using Role = Program::Role;

/** Values start at multiples of 64 bytes. */
constexpr std::size_t GRAIN = 16;
/** Floats below which one thread copies faster than a team. */
constexpr std::size_t COPY_GRAIN = 16384;
/** No command, no tenancy. */
constexpr std::size_t NONE = std::numeric_limits<std::size_t>::max();

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

/** First and last command that touches a value. */
struct Life {
  std::size_t first = NONE, last = 0;
};

/** A stretch of the program's memory that one or several values use one after another, or a row of values. */
struct Tenancy {
  struct Tenant {
    std::uint32_t value;
    std::size_t offset;
  };
  std::size_t floats, first, last, place;
  std::vector<Tenant> tenants;
};

std::vector<Tenancy> tenancies(const Program& program) {
  std::vector<Life> lives(program.values.size());
  for (std::size_t i = 0; i < program.commands.size(); i++) {
    for (const auto* list : {&program.commands[i].reads, &program.commands[i].writes}) {
      for (const std::uint32_t value : *list) {
        lives[value].first = std::min(lives[value].first, i);
        lives[value].last = i;
      }
    }
  }
  for (std::size_t i = 0; i < program.donated; i++) lives[program.outputs[i]].last = program.commands.size();
  const auto own = [&](std::uint32_t v) {
    return program.values[v].role == Role::temporary && program.values[v].output < 0;
  };
  std::vector<Tenancy> result;
  std::vector<std::size_t> home(program.values.size(), NONE), rowOf(program.values.size(), NONE);
  for (std::size_t r = 0; r < program.rows.size(); r++) {
    for (const std::uint32_t value : program.rows[r]) rowOf[value] = r;
  }
  const auto moveIn = [&](std::size_t where, std::uint32_t value, std::size_t offset) {
    home[value] = where;
    result[where].last = std::max(result[where].last, lives[value].last);
    result[where].tenants.push_back({value, offset});
  };
  for (std::size_t i = 0; i < program.commands.size(); i++) {
    const Command& command = program.commands[i];
    for (const std::uint32_t written : command.writes) {
      if (!own(written) || home[written] != NONE) continue;
      const std::size_t floats = program.values[written].floats;
      if (rowOf[written] != NONE) {
        std::size_t offset = 0;
        for (const std::uint32_t value : program.rows[rowOf[written]]) {
          if (offset == 0) result.push_back({0, i, i, 0, {}});
          moveIn(result.size() - 1, value, offset);
          offset += program.values[value].floats;
        }
        result.back().floats = (offset + GRAIN - 1) / GRAIN * GRAIN;
        continue;
      }
      std::size_t where = NONE;
      if (command.inPlace) {
        for (const std::uint32_t read : command.reads) {
          if (!own(read) || home[read] == NONE || lives[read].last != i || program.values[read].floats != floats) continue;
          if (rowOf[read] != NONE) continue;
          // Another result of this command may have moved in already.
          const bool taken = std::any_of(command.writes.begin(), command.writes.end(), [&](std::uint32_t other) {
            return other != written && home[other] == home[read];
          });
          if (taken) continue;
          where = home[read];
          break;
        }
      }
      if (where == NONE) {
        where = result.size();
        result.push_back({(floats + GRAIN - 1) / GRAIN * GRAIN, i, i, 0, {}});
      }
      moveIn(where, written, 0);
    }
  }
  return result;
}

/** Gives every tenancy the lowest place where none that lives at the same time lies; the largest first. */
std::size_t place(std::vector<Tenancy>& all) {
  std::vector<std::size_t> order(all.size());
  for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return all[a].floats > all[b].floats; });
  std::vector<std::size_t> placed;  // by place
  std::size_t top = 0;
  for (const std::size_t which : order) {
    Tenancy& one = all[which];
    std::size_t at = 0;
    for (const std::size_t other : placed) {
      const Tenancy& there = all[other];
      if (there.last < one.first || one.last < there.first) continue;
      if (there.place >= at + one.floats) break;
      at = std::max(at, there.place + there.floats);
    }
    one.place = at;
    top = std::max(top, at + one.floats);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), which,
                                   [&](std::size_t a, std::size_t b) { return all[a].place < all[b].place; }),
                  which);
  }
  return top;
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
  recompute(program, steps);
  join(program);
  dropUnneeded(program);
  std::vector<Tenancy> all = tenancies(program);
  program.memoryFloats = place(all);
  for (const Tenancy& one : all) {
    for (const auto& [value, offset] : one.tenants) program.values[value].place = one.place + offset;
  }
  if (program.memoryFloats > 0) {
    const std::size_t bytes = program.memoryFloats * sizeof(float);
    if (bytes > memoryLimit()) {
      fail("out of memory: the recorded step needs %zu MB, and the engine may use %zu MB", bytes / 1000000, memoryLimit() / 1000000);
    }
    float* memory = static_cast<float*>(std::aligned_alloc(64, bytes));
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
    const float* from = program.memory.get() + value.place;
    parallel(value.floats, COPY_GRAIN, [&](std::size_t begin, std::size_t end) {
      std::memcpy(inputs[i] + begin, from + begin, (end - begin) * sizeof(float));
    });
  }
  return Ending::done;
}

std::vector<double> profile(const Program& program, float* const* inputs, float* const* outputs) {
  std::vector<double> seconds;
  runCommands(program, inputs, outputs, &seconds);
  return seconds;
}

}  // namespace ms
