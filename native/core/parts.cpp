#include "parts.h"

#include <algorithm>

#include "uses.h"

namespace ms {

void readParts(Program& program) {
  const Uses uses = usesOf(program);
  // Its numbers are the same at all times: those that the concatenation read.
  const auto settled = [&](std::uint32_t v) {
    return program.values[v].role != Program::Role::temporary || uses.maker[v] != Program::NONE;
  };
  for (Program::Command& command : program.commands) {
    // Joined commands want whole operands next to each other.
    if (!command.apart || command.join) continue;
    const std::size_t maker = uses.maker[command.reads[0]];
    if (maker == Program::NONE || !program.commands[maker].concatenation) continue;
    const Program::Command& whole = program.commands[maker];
    if (!std::all_of(whole.reads.begin(), whole.reads.end(), settled)) continue;
    Run run = command.apart(*whole.concatenation);
    if (!run) continue;
    command.run = std::move(run);
    std::vector<std::uint32_t> reads = whole.reads;
    reads.insert(reads.end(), command.reads.begin() + 1, command.reads.end());
    command.reads = std::move(reads);
  }
}

}  // namespace ms
