#pragma once
#include <vector>

#include "program.h"

namespace ms {

/** Which commands of a program write and read its values. */
struct Uses {
  /** The one command that writes each value; NONE where several or none do. */
  std::vector<std::size_t> maker;
  /** The commands that read each value, in order. */
  std::vector<std::vector<std::size_t>> readers;
  std::vector<bool> isOutput;

  /** The one command that reads a value; NONE where several or none do, or it is an output. */
  std::size_t onlyReader(std::uint32_t value) const {
    return readers[value].size() == 1 && !isOutput[value] ? readers[value][0] : Program::NONE;
  }
};

inline Uses usesOf(const Program& program) {
  const std::size_t values = program.values.size();
  Uses uses{std::vector<std::size_t>(values, Program::NONE), std::vector<std::vector<std::size_t>>(values),
            std::vector<bool>(values)};
  std::vector<std::size_t> makers(values, 0);
  for (std::size_t i = 0; i < program.commands.size(); i++) {
    for (const std::uint32_t read : program.commands[i].reads) uses.readers[read].push_back(i);
    for (const std::uint32_t written : program.commands[i].writes) uses.maker[written] = makers[written]++ == 0 ? i : Program::NONE;
  }
  for (const std::uint32_t output : program.outputs) uses.isOutput[output] = true;
  return uses;
}

}  // namespace ms
