#pragma once
#include <cstddef>
#include <functional>
#include <vector>

#include "buffers.h"
#include "team.h"

namespace ms {

/** What a command does; `at` points to the data of its buffers, those it reads first, then those it writes. */
using Run = std::function<void(float* const* at)>;

/** Starts the engine's thread, which owns a team of `threads` threads (itself included). Once per process. */
void startWorker(int threads);
void stopWorker();

/** What the planner of recorded steps may do with a command. */
enum Traits : unsigned {
  NO_TRAITS = 0,
  /** Element i of what is written depends on element i of what is read alone, so both may lie in one place. */
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

/** Waits until all queued commands have run. Throws what the first failed one of them threw. */
void drain();

/** Throws what the first failed command threw, once; does not wait. */
void rethrowFailure();

}  // namespace ms
