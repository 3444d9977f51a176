#pragma once
#include <cstddef>
#include <functional>
#include <vector>

#include "buffers.h"
#include "team.h"

namespace ms {

/** What a command does; `at` points to the data of its buffers, those it reads first, then those it writes. */
using Run = std::function<void(float* const* at)>;

/**
 * A command of which element i of what is written depends on element i of what is read alone. `run` does n elements of all
 * operands, from where `at` points to; what is written may lie where an operand is. Operands, at most MOST, whose bit is set in
 * `fixed` are one number for all elements.
 */
struct Elements {
  static constexpr std::size_t MOST = 16;
  std::size_t floats;
  std::function<void(float* const* at, std::size_t n)> run;
  unsigned fixed = 0;
  bool isFixed(std::size_t operand) const { return (fixed >> operand & 1) != 0; }
};

/** Starts the engine's thread, which owns a team of `threads` threads (itself included). Once per process. */
void startWorker(int threads);
void stopWorker();

/** What the planner of recorded steps may do with a command. */
enum Traits : unsigned {
  NO_TRAITS = 0,
  /** What is written may lie where an operand of the same size is. */
  IN_PLACE = 1,
  /** Takes long: its results are kept rather than computed again. */
  COSTLY = 2,
  /** What is written is the sum of what is read. */
  SUM = 4,
};

/**
 * Queues a command. Commands run one after another on the engine's thread, in the order of the calls; the caller does not
 * wait. All checks of arguments belong before this call. Only for the JavaScript thread.
 */
void submit(const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, Run run, Traits traits = NO_TRAITS);

/** The same of a command that several threads share by elements, each at least `grain` of them. */
void submit(const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, std::size_t grain, Elements elements,
            Traits traits = NO_TRAITS);

/** Waits until all queued commands have run. Throws what the first failed one of them threw. */
void drain();

/** Throws what the first failed command threw, once; does not wait. */
void rethrowFailure();

}  // namespace ms
