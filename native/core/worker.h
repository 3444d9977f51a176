#pragma once
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <vector>

#include "buffers.h"

namespace ms {

/** What a command does; `at` points to the data of its buffers, those it reads first, then those it writes. */
using Run = std::function<void(float* const* at)>;

/** Starts the engine's thread, which owns a team of `threads` threads (itself included). Once per process. */
void startWorker(int threads);
void stopWorker();
int teamSize();

/**
 * Queues a command. Commands run one after another on the engine's thread, in the order of the calls; the caller does not
 * wait. All checks of arguments belong before this call. Only for the JavaScript thread.
 *
 * @param inPlace element i of what is written depends on element i of what is read alone: a recorded step may then let both
 * lie in one place
 */
void submit(const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, Run run, bool inPlace = false);

/** Waits until all queued commands have run. Throws what the first failed one of them threw. */
void drain();

/** Throws what the first failed command threw, once; does not wait. */
void rethrowFailure();

/** True on the engine's thread; only there may kernels use the team. */
bool onWorker();

/**
 * Runs body(begin, end) over [0, n) on the team: contiguous parts, the same for the same n and team, so that results do not
 * depend on timing. Work smaller than `grain` stays on one thread.
 */
template <class Body>
void parallel(std::size_t n, std::size_t grain, const Body& body) {
  const std::size_t team = static_cast<std::size_t>(teamSize());
  const std::size_t parts = grain == 0 ? team : (n / grain < team ? n / grain : team);
  if (parts <= 1) {
    if (n > 0) body(std::size_t{0}, n);
    return;
  }
#pragma omp parallel for num_threads(static_cast<int>(parts)) schedule(static, 1)
  for (std::size_t part = 0; part < parts; part++) body(n * part / parts, n * (part + 1) / parts);
}

}  // namespace ms
