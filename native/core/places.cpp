#include "places.h"

#include <algorithm>

namespace ms {
namespace {

using Command = Program::Command;
using Role = Program::Role;
constexpr std::size_t GRAIN = Program::GRAIN, NONE = Program::NONE;

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

void assignPlaces(Program& program) {
  std::vector<Tenancy> all = tenancies(program);
  program.memoryFloats = place(all);
  for (const Tenancy& one : all) {
    for (const auto& [value, offset] : one.tenants) program.values[value].place = one.place + offset;
  }
}

}  // namespace ms
