#include "recompute.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace ms {
namespace {

using Command = Program::Command;
using Value = Program::Value;
using Role = Program::Role;

/** Who writes a value in the forward pass, and where it is computed again for the backward pass. */
struct Origin {
  /** Commands with a time step that write it, in order. */
  std::vector<std::size_t> makers;
  bool readBack = false;
  /** It stays in memory from the forward to the backward pass. */
  bool kept = false;
  /** Over how many time steps it is computed again from what is kept. */
  std::size_t depth = 0;
  /** The value that the backward pass uses. */
  std::uint32_t again = 0;
};

/** The forward pass: what was recorded up to the last command that belongs to a time step. */
struct Forward {
  std::size_t end = 0;
  std::vector<Origin> origins;
};

Forward forwardOf(const Program& program) {
  Forward forward;
  forward.origins.resize(program.values.size());
  for (std::size_t i = 0; i < program.commands.size(); i++) {
    const Command& command = program.commands[i];
    if (command.time < 0) continue;
    forward.end = i + 1;
    for (const std::uint32_t written : command.writes) forward.origins[written].makers.push_back(i);
  }
  for (std::size_t i = forward.end; i < program.commands.size(); i++) {
    for (const std::uint32_t read : program.commands[i].reads) forward.origins[read].readBack = true;
  }
  return forward;
}

/**
 * With rematerialisation: keeps what passes from one stretch of time steps to the next. A stretch is computed again as a whole,
 * so long ones keep few states and have much inside: the best length is the root of what all states take by what one step has
 * inside (Chen et al. 2016, "Training deep nets with sublinear memory cost").
 */
void keepStates(const Program& program, Forward& forward) {
  const auto timeOf = [&](std::uint32_t value) {
    return forward.origins[value].makers.empty() ? -1 : program.commands[forward.origins[value].makers[0]].time;
  };
  std::int32_t steps = 0;
  std::vector<bool> passed(program.values.size(), false);
  for (const Command& command : program.commands) {
    steps = std::max(steps, command.time + 1);
    for (const std::uint32_t read : command.reads) {
      if (command.time >= 0 && timeOf(read) >= 0 && timeOf(read) != command.time) passed[read] = true;
    }
  }
  double states = 0, inside = 1;
  for (std::uint32_t v = 0; v < program.values.size(); v++) {
    if (timeOf(v) >= 0 && passed[v]) states += static_cast<double>(program.values[v].floats);
    if (timeOf(v) == steps / 2 && forward.origins[v].readBack) inside += static_cast<double>(program.values[v].floats);
  }
  const std::int32_t stretch = std::max(1, static_cast<std::int32_t>(std::lround(std::sqrt(states / inside))));
  for (const Command& command : program.commands) {
    if (command.time < 0) continue;
    for (const std::uint32_t read : command.reads) {
      if (timeOf(read) >= 0 && timeOf(read) / stretch != command.time / stretch) forward.origins[read].kept = true;
    }
  }
}

/** Values that are kept and that computing `value` again reads, directly or through others that are computed again. */
void addSources(const Program& program, const Forward& forward, std::uint32_t value, std::set<std::uint32_t>& seen,
                std::vector<std::uint32_t>& found) {
  for (const std::size_t maker : forward.origins[value].makers) {
    for (const std::uint32_t read : program.commands[maker].reads) {
      if (!seen.insert(read).second) continue;
      const Origin& origin = forward.origins[read];
      // From before the forward pass: inputs and the like are there anyway.
      const bool given = origin.makers.empty() && program.values[read].role != Role::temporary;
      if (given) continue;
      if (origin.makers.empty() || origin.kept) found.push_back(read);
      else addSources(program, forward, read, seen, found);
    }
  }
}

std::vector<std::uint32_t> sourcesOf(const Program& program, const Forward& forward, std::uint32_t value) {
  std::vector<std::uint32_t> found;
  std::set<std::uint32_t> seen{value};
  addSources(program, forward, value, seen, found);
  return found;
}

/**
 * For each value over how many time steps it is handed on by cheap commands: a cell's state goes on and on, a hidden state that
 * a convolution reads in the next step does not.
 */
std::vector<std::size_t> handedOn(const Program& program, const Forward& forward) {
  std::vector<std::size_t> result(program.values.size(), 0);
  for (std::size_t i = forward.end; i-- > 0;) {
    const Command& command = program.commands[i];
    if (command.time < 0 || command.costly) continue;
    std::size_t further = 0;
    for (const std::uint32_t written : command.writes) further = std::max(further, result[written]);
    for (const std::uint32_t read : command.reads) {
      const auto& makers = forward.origins[read].makers;
      const bool before = !makers.empty() && program.commands[makers[0]].time != command.time;
      result[read] = std::max(result[read], further + (before ? 1 : 0));
    }
  }
  return result;
}

/**
 * Without: keeps what is costly to compute, what is small, and of the rest what could be computed again only by keeping more,
 * or by a long chain, such as a state from the states before it.
 */
void keepCostly(const Program& program, Forward& forward) {
  constexpr std::size_t LONGEST = 2;
  // What is made of much more than itself costs little to keep, such as a predicted frame.
  constexpr std::size_t SMALL_PART = 8;
  std::vector<Origin>& origins = forward.origins;
  for (Origin& origin : origins) {
    const auto& makers = origin.makers;
    origin.kept = std::any_of(makers.begin(), makers.end(), [&](std::size_t maker) { return program.commands[maker].costly; });
  }
  const std::vector<std::size_t> further = handedOn(program, forward);
  std::vector<bool> there(origins.size(), false);
  std::vector<std::uint32_t> doubtful;
  for (std::size_t v = 0; v < origins.size(); v++) there[v] = origins[v].readBack && (origins[v].kept || origins[v].makers.empty());
  for (std::size_t i = 0; i < forward.end; i++) {
    const Command& command = program.commands[i];
    if (command.time < 0 || command.costly) continue;
    for (const std::uint32_t written : command.writes) {
      Origin& origin = origins[written];
      if (origin.makers.back() != i) continue;
      for (const std::size_t maker : origin.makers) {
        for (const std::uint32_t read : program.commands[maker].reads) {
          if (read == written || origins[read].kept || origins[read].makers.empty()) continue;
          const bool before = program.commands[origins[read].makers[0]].time != command.time;
          origin.depth = std::max(origin.depth, origins[read].depth + (before ? 1 : 0));
        }
      }
      std::size_t read = 0;
      for (const std::uint32_t from : command.reads) read += program.values[from].floats;
      // Keeping the states alone cuts all chains.
      const bool cuts = origin.depth > LONGEST && further[written] > 1;
      if (cuts || SMALL_PART * program.values[written].floats < read) {
        origin.kept = true;
      } else if (origin.readBack) {
        const std::vector<std::uint32_t> sources = sourcesOf(program, forward, written);
        std::size_t more = 0;
        for (const std::uint32_t source : sources) {
          if (!there[source]) more += program.values[source].floats;
        }
        if (more >= program.values[written].floats) {
          origin.kept = true;
          if (origin.depth == 0) doubtful.push_back(written);
        } else {
          for (const std::uint32_t source : sources) there[source] = true;
        }
      }
      if (origin.kept) {
        origin.depth = 0;
        there[written] = origin.readBack;
      }
    }
  }
  // What later values are computed from is there too by now.
  for (const std::uint32_t value : doubtful) {
    const std::vector<std::uint32_t> sources = sourcesOf(program, forward, value);
    if (!std::all_of(sources.begin(), sources.end(), [&](std::uint32_t source) { return there[source]; })) continue;
    origins[value].kept = there[value] = false;
  }
}

/** Appends the commands that compute a value of the forward pass again, where that has not been done; the new value. */
std::uint32_t again(Program& program, Forward& forward, std::uint32_t value, std::vector<Command>& result) {
  if (value >= forward.origins.size()) return value;
  if (forward.origins[value].makers.empty() || forward.origins[value].kept) return value;
  if (forward.origins[value].again != 0) return forward.origins[value].again;
  for (const std::size_t maker : std::vector<std::size_t>(forward.origins[value].makers)) {
    Command copy = program.commands[maker];
    for (std::uint32_t& read : copy.reads) {
      if (std::find(copy.writes.begin(), copy.writes.end(), read) == copy.writes.end()) read = again(program, forward, read, result);
    }
    for (std::uint32_t& written : copy.writes) {
      std::uint32_t& fresh = forward.origins[written].again;
      if (fresh == 0) {
        fresh = static_cast<std::uint32_t>(program.values.size());
        Value like = program.values[written];
        like.output = Program::INSIDE;
        program.values.push_back(like);
      }
      for (std::uint32_t& read : copy.reads) {
        if (read == written) read = fresh;
      }
      written = fresh;
    }
    copy.time = -1;
    result.push_back(std::move(copy));
  }
  return forward.origins[value].again;
}

}  // namespace

void recompute(Program& program, bool steps) {
  Forward forward = forwardOf(program);
  if (forward.end == 0) return;
  if (steps) keepStates(program, forward);
  else keepCostly(program, forward);
  for (const std::uint32_t output : program.outputs) forward.origins[output].kept = true;
  std::vector<Command> result(program.commands.begin(), program.commands.begin() + static_cast<std::ptrdiff_t>(forward.end));
  for (std::size_t i = forward.end; i < program.commands.size(); i++) {
    Command command = program.commands[i];
    for (std::uint32_t& read : command.reads) read = again(program, forward, read, result);
    result.push_back(std::move(command));
  }
  program.commands = std::move(result);
}

}  // namespace ms
