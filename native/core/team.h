#pragma once
#include <chrono>
#include <cstddef>

namespace ms {

/**
 * The threads that compute: the engine's own and its helpers. An own team instead of OpenMP's, because OpenMP's threads either
 * look for work all the time, which costs a step six times its time where another process is busy, or sleep at once, which
 * costs 1.6 times where none is (native/README.md has the measurements). These look for a bounded time, and the engine's
 * thread does the part of a helper that has not come to run.
 *
 * oneDNN computes on the same team: team.cpp defines the few functions of OpenMP that it calls.
 */
void startTeam(int threads);
void stopTeam();
int teamSize();

/** True on the engine's thread; only there the team can be used. */
void enterTeam();
bool onWorker();

/** Runs body(data) `parts` times, at most once a thread of the team; `currentPart` tells which one it is. Waits for all. */
void runParts(std::size_t parts, void (*body)(void* data), void* data);
std::size_t currentPart();

/** Runs body(begin, end) over [0, n) on the team: contiguous parts, the same for the same n and team, so that results do not
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
  struct Job {
    const Body& body;
    std::size_t n, parts;
  } job{body, n, parts};
  runParts(parts, [](void* data) {
    const Job& job = *static_cast<Job*>(data);
    const std::size_t part = currentPart();
    job.body(job.n * part / job.parts, job.n * (part + 1) / job.parts);
  }, &job);
}

/** How long a thread looks for news before it sleeps. Longer costs other processes time, shorter costs wake-ups. */
constexpr std::chrono::microseconds PATIENCE{50};

/** Looks until `ready()` or until patience ends; what `ready` says last. */
template <class Ready>
bool spinUntil(const Ready& ready) {
  const auto until = std::chrono::steady_clock::now() + PATIENCE;
  do {
    for (int i = 0; i < 64; i++) {
      if (ready()) return true;
#ifdef __x86_64__
      __builtin_ia32_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() < until);
  return ready();
}

}  // namespace ms
