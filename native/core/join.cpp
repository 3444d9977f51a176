#include "join.h"

#include <map>
#include <set>

#include "uses.h"

namespace ms {
namespace {

using Command = Program::Command;
using Role = Program::Role;

/** Joinable commands whose results end in one sum and nowhere else, in their order. */
std::vector<std::vector<std::size_t>> sumsOf(const Program& program) {
  const Uses uses = usesOf(program);
  std::map<std::pair<std::uint32_t, const Program::Join*>, std::vector<std::size_t>> found;
  for (std::size_t i = 0; i < program.commands.size(); i++) {
    const Command& command = program.commands[i];
    if (!command.join) continue;
    std::uint32_t sum = command.writes[0];
    for (std::size_t next; (next = uses.onlyReader(sum)) != Program::NONE;) {
      const Command& reader = program.commands[next];
      // An output has its place, whoever else writes the same number.
      if (!reader.sum || program.values[reader.writes[0]].output != Program::INSIDE) break;
      sum = reader.writes[0];
    }
    if (sum != command.writes[0]) found[{sum, command.join.get()}].push_back(i);
  }
  std::vector<std::vector<std::size_t>> result;
  for (auto& [key, list] : found) result.push_back(std::move(list));
  return result;
}

}  // namespace

void join(Program& program) {
  std::set<std::uint32_t> placed;
  /** Results that are part of another command's. */
  std::set<std::uint32_t> gone;
  // Each part of a row starts where the one before ends.
  const auto own = [&](std::uint32_t v) {
    const Program::Value& value = program.values[v];
    return value.role == Role::temporary && value.output == Program::INSIDE && value.floats % Program::GRAIN == 0;
  };
  for (const std::vector<std::size_t>& list : sumsOf(program)) {
    const std::shared_ptr<const Program::Join> how = program.commands[list[0]].join;
    const std::size_t count = how->count;
    for (std::size_t first = 0; first + count <= list.size(); first += count) {
      std::vector<std::uint32_t> rows[2];
      std::set<std::uint32_t> seen;
      for (std::size_t i = first; i < first + count; i++) {
        for (std::size_t k = 0; k < 2; k++) {
          const std::uint32_t value = program.commands[list[i]].reads[k];
          if (own(value) && placed.count(value) == 0) seen.insert(value);
          rows[k].push_back(value);
        }
      }
      // An operand that lies elsewhere, or in two rows.
      if (seen.size() != 2 * count) continue;
      placed.insert(seen.begin(), seen.end());
      for (std::size_t i = first; i + 1 < first + count; i++) {
        Command& part = program.commands[list[i]];
        gone.insert(part.writes[0]);
        part.writes.clear();
        part.reads.clear();
      }
      const std::uint32_t scratch = static_cast<std::uint32_t>(program.values.size());
      program.values.push_back({how->scratchFloats, Role::temporary, 0, Program::INSIDE});
      Command& whole = program.commands[list[first + count - 1]];
      whole.writes = {whole.writes[0], scratch};
      whole.reads = rows[0];
      whole.reads.insert(whole.reads.end(), rows[1].begin(), rows[1].end());
      whole.run = [how, count](float* const* at) {
        float* const operands[4] = {at[0], at[count], at[2 * count], at[2 * count + 1]};
        how->run(operands);
      };
      for (auto& row : rows) program.rows.push_back(std::move(row));
    }
  }
  if (gone.empty()) return;
  std::map<std::uint32_t, std::uint32_t> instead;
  for (Command& command : program.commands) {
    for (std::uint32_t& read : command.reads) {
      const auto found = instead.find(read);
      if (found != instead.end()) read = found->second;
    }
    if (!command.sum) continue;
    const bool without[2] = {gone.count(command.reads[0]) > 0, gone.count(command.reads[1]) > 0};
    if (!without[0] && !without[1]) continue;
    if (without[0] && without[1]) gone.insert(command.writes[0]);
    else instead[command.writes[0]] = command.reads[without[0] ? 1 : 0];
    command.writes.clear();
    command.reads.clear();
    command.sum = false;
  }
}

}  // namespace ms
