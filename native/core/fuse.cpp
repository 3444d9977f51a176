#include "fuse.h"

#include <algorithm>
#include <map>
#include <set>

#include "team.h"
#include "uses.h"

namespace ms {
namespace {

using Command = Program::Command;
constexpr std::size_t NONE = Program::NONE;

/** Elements of a tile: with MOST_INSIDE of them half of a core's first cache. */
constexpr std::size_t TILE = 512;
constexpr std::size_t MOST_INSIDE = 8, MOST_OPERANDS = 24;
/** Elements that are worth a thread, times the number of parts. */
constexpr std::size_t GRAIN = 16384;

/** Commands that become one, at the place of the last. */
using Group = std::vector<std::size_t>;

bool isIn(const Group& group, std::size_t command) { return std::find(group.begin(), group.end(), command) != group.end(); }

/** What a group reads from elsewhere, what it writes for others, and what stays inside. */
struct Operands {
  std::vector<std::uint32_t> reads, writes, inside;
};

Operands operandsOf(const Program& program, const Uses& uses, const Group& group) {
  Operands operands;
  std::set<std::uint32_t> made, seen;
  for (const std::size_t member : group) {
    for (const std::uint32_t read : program.commands[member].reads) {
      if (made.count(read) == 0 && seen.insert(read).second) operands.reads.push_back(read);
    }
    for (const std::uint32_t written : program.commands[member].writes) made.insert(written);
  }
  for (const std::size_t member : group) {
    for (const std::uint32_t written : program.commands[member].writes) {
      const auto& readers = uses.readers[written];
      const bool wanted = uses.isOutput[written] ||
                          std::any_of(readers.begin(), readers.end(), [&](std::size_t reader) { return !isIn(group, reader); });
      (wanted ? operands.writes : operands.inside).push_back(written);
    }
  }
  return operands;
}

/**
 * Which tile each value inside lies in: one that is free again, so that a long chain needs few. Gives their number.
 */
std::size_t assignTiles(const Program& program, const Uses& uses, const Group& group, const Operands& operands,
                        std::map<std::uint32_t, std::size_t>& tiles) {
  const std::set<std::uint32_t> inside(operands.inside.begin(), operands.inside.end());
  std::vector<std::size_t> available;
  std::size_t count = 0;
  for (const std::size_t member : group) {
    const Command& command = program.commands[member];
    const std::set<std::uint32_t> reads(command.reads.begin(), command.reads.end());
    for (const std::uint32_t read : reads) {
      if (inside.count(read) > 0 && uses.readers[read].back() == member) available.push_back(tiles.at(read));
    }
    for (const std::uint32_t written : command.writes) {
      if (inside.count(written) == 0) continue;
      if (available.empty()) available.push_back(count++);
      tiles[written] = available.back();
      available.pop_back();
    }
  }
  return count;
}

/** True where the group may run as late as command `i`, one of `whole`: nobody else reads its results before. */
bool canWait(const Program& program, const Uses& uses, const Group& group, std::size_t i, const Group& whole) {
  std::size_t next = group.back() + 1;
  while (next < i && isIn(whole, next)) next++;
  // What waits keeps its operands in memory, and what it leaves is not there yet.
  std::size_t kept = 0, spared = 0;
  const std::size_t floats = program.commands[i].elements->floats;
  const Operands operands = operandsOf(program, uses, group);
  for (const std::uint32_t read : operands.reads) {
    const bool dies = program.values[read].role == Program::Role::temporary && !uses.isOutput[read] &&
                      uses.readers[read].back() <= group.back();
    if (dies && program.values[read].floats >= floats) kept++;
  }
  for (const std::uint32_t written : operands.writes) {
    for (const std::size_t reader : uses.readers[written]) {
      if (reader < i && !isIn(whole, reader)) return false;
    }
    spared++;
  }
  return next == i || kept <= spared;
}

/** How one part of a fused command finds its operands: among those of the whole (from 0) or inside (from -1 down). */
struct Part {
  std::shared_ptr<const Elements> elements;
  std::vector<std::int32_t> operands;
};

Command fused(const Program& program, const Uses& uses, const Group& group, std::uint32_t label) {
  const Operands operands = operandsOf(program, uses, group);
  std::map<std::uint32_t, std::int32_t> number;
  for (const auto* list : {&operands.reads, &operands.writes}) {
    for (const std::uint32_t value : *list) number.emplace(value, static_cast<std::int32_t>(number.size()));
  }
  std::map<std::uint32_t, std::size_t> tiles;
  assignTiles(program, uses, group, operands, tiles);
  for (const auto& [value, tile] : tiles) number[value] = -1 - static_cast<std::int32_t>(tile);
  std::vector<Part> parts;
  for (const std::size_t member : group) {
    const Command& command = program.commands[member];
    Part part{command.elements, {}};
    for (const std::uint32_t read : command.reads) part.operands.push_back(number[read]);
    for (const std::uint32_t written : command.writes) part.operands.push_back(number[written]);
    parts.push_back(std::move(part));
  }
  Command result = program.commands[group.back()];
  result.label = label;
  // Earlier parts must not write over what later ones read.
  result.inPlace = operands.writes == result.writes;
  result.reads = operands.reads;
  result.writes = operands.writes;
  const std::size_t floats = result.elements->floats;
  result.elements = nullptr;
  result.run = [parts = std::move(parts), floats](float* const* at) {
    parallel(floats, GRAIN / parts.size(), [&](std::size_t begin, std::size_t end) {
      alignas(64) float inside[MOST_INSIDE][TILE];
      for (std::size_t from = begin; from < end; from += TILE) {
        for (const Part& part : parts) {
          float* operand[Elements::MOST];
          for (std::size_t k = 0; k < part.operands.size(); k++) {
            const std::int32_t which = part.operands[k];
            operand[k] = which < 0 ? inside[-1 - which] : at[which] + (part.elements->isFixed(k) ? 0 : from);
          }
          part.elements->run(operand, std::min(TILE, end - from));
        }
      }
    });
  };
  return result;
}

}  // namespace

void fuse(Program& program) {
  const std::uint32_t label = static_cast<std::uint32_t>(program.labels.size());
  program.labels.push_back("fused element-wise");
  const Uses uses = usesOf(program);
  const std::size_t count = program.commands.size();
  /** By command: the group it belongs to, named by that group's last command. */
  std::vector<std::size_t> groupOf(count, NONE);
  std::map<std::size_t, Group> groups;
  for (std::size_t i = 0; i < count; i++) {
    const Command& command = program.commands[i];
    if (!command.elements) continue;
    // A value that several commands write stays where it is.
    const bool whole = std::all_of(command.writes.begin(), command.writes.end(), [&](std::uint32_t v) { return uses.maker[v] == i; });
    if (!whole) continue;
    Group mine{i};
    for (std::size_t k = 0; k < command.reads.size(); k++) {
      const std::size_t maker = uses.maker[command.reads[k]];
      if (maker == NONE || maker >= i || command.elements->isFixed(k) || isIn(mine, maker) || groupOf[maker] == NONE) continue;
      const std::size_t name = groupOf[maker];
      const Group& theirs = groups[name];
      if (program.commands[maker].elements->floats != command.elements->floats) continue;
      Group both;
      std::merge(theirs.begin(), theirs.end(), mine.begin(), mine.end(), std::back_inserter(both));
      const Operands operands = operandsOf(program, uses, both);
      std::map<std::uint32_t, std::size_t> tiles;
      if (assignTiles(program, uses, both, operands, tiles) > MOST_INSIDE) continue;
      if (operands.reads.size() + operands.writes.size() > MOST_OPERANDS) continue;
      if (!canWait(program, uses, theirs, i, both)) continue;
      mine = std::move(both);
      groups.erase(name);
    }
    for (const std::size_t member : mine) groupOf[member] = i;
    groups[i] = std::move(mine);
  }
  std::vector<Command> result;
  for (std::size_t i = 0; i < count; i++) {
    if (groupOf[i] == NONE || groups.at(groupOf[i]).size() == 1) result.push_back(std::move(program.commands[i]));
    else if (groupOf[i] == i) result.push_back(fused(program, uses, groups[i], label));
  }
  program.commands = std::move(result);
}

}  // namespace ms
