#include "team.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace ms {
namespace {

/** What is to be done: one job at a time, which the engine's thread waits for. */
struct Job {
  void (*body)(void* data) = nullptr;
  void* data = nullptr;
};

/**
 * How many parts the job has and which one is next, in one number, so that a thread that comes late takes nothing of a job
 * that is over: bits 0-15 next, 16-31 parts, the others count jobs.
 */
std::atomic<std::uint64_t> ticket{0};
std::atomic<std::uint32_t> done{0}, sleepers{0};
std::atomic<bool> ownerSleeps{false}, stopping{false};
std::atomic<std::uint32_t> arrived{0}, meetings{0};

// Never destroyed: the process may exit while the engine computes.
Job& job = *new Job;
std::mutex& mutex = *new std::mutex;
std::condition_variable &news = *new std::condition_variable, &finished = *new std::condition_variable;
std::vector<std::thread>& helpers = *new std::vector<std::thread>;
int team = 1;

thread_local bool isWorker = false;
thread_local std::uint32_t part = 0, parts = 1;

std::uint32_t nextOf(std::uint64_t ticket) { return ticket & 0xffff; }
std::uint32_t partsOf(std::uint64_t ticket) { return (ticket >> 16) & 0xffff; }
bool hasWork() {
  const std::uint64_t now = ticket.load();
  return nextOf(now) < partsOf(now);
}

void runPart(std::uint32_t which, std::uint32_t of) {
  part = which;
  parts = of;
  job.body(job.data);
  part = 0;
  parts = 1;
  if (done.fetch_add(1) + 1 == of && ownerSleeps.load()) {
    std::lock_guard<std::mutex> lock(mutex);
    finished.notify_one();
  }
}

/** Takes a part of the job that nobody has begun, and runs it; false where there is none. */
bool help() {
  std::uint64_t now = ticket.load();
  while (nextOf(now) < partsOf(now)) {
    if (!ticket.compare_exchange_weak(now, now + 1)) continue;
    runPart(nextOf(now), partsOf(now));
    return true;
  }
  return false;
}

void helper() {
  while (!stopping.load()) {
    if (help() || spinUntil(hasWork)) continue;
    std::unique_lock<std::mutex> lock(mutex);
    sleepers.fetch_add(1);
    while (!hasWork() && !stopping.load()) news.wait(lock);
    sleepers.fetch_sub(1);
  }
}

}  // namespace

void startTeam(int threads) {
  team = threads;
  for (int i = 1; i < threads; i++) helpers.emplace_back(helper);
}

void stopTeam() {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping.store(true);
    news.notify_all();
  }
  for (std::thread& thread : helpers) thread.join();
  helpers.clear();
}

int teamSize() { return team; }
void enterTeam() { isWorker = true; }
bool onWorker() { return isWorker; }
std::size_t currentPart() { return part; }

void runParts(std::size_t count, void (*body)(void* data), void* data) {
  const std::uint32_t of = static_cast<std::uint32_t>(count);
  // Elsewhere, and inside a part, there is one thread.
  if (!isWorker || parts > 1 || of < 2) {
    const std::uint32_t before = part, among = parts;
    for (part = 0, parts = of; part < of; part++) body(data);
    part = before;
    parts = among;
    return;
  }
  job = {body, data};
  done.store(0);
  ticket.store((((ticket.load() >> 32) + 1) << 32) | (static_cast<std::uint64_t>(of) << 16) | 1);
  if (sleepers.load() > 0) {
    std::lock_guard<std::mutex> lock(mutex);
    news.notify_all();
  }
  runPart(0, of);
  // A helper that has not come, because another process is busy, is not waited for.
  while (help()) continue;
  const auto ready = [of] { return done.load() == of; };
  if (spinUntil(ready)) return;
  // Asleep, so that a helper that waits for a core may have this one.
  std::unique_lock<std::mutex> lock(mutex);
  ownerSleeps.store(true);
  while (!ready()) finished.wait(lock);
  ownerSleeps.store(false);
}

namespace {

void meet() {
  const std::uint32_t now = meetings.load();
  if (arrived.fetch_add(1) + 1 == parts) {
    arrived.store(0);
    meetings.fetch_add(1);
    return;
  }
  while (!spinUntil([now] { return meetings.load() != now; })) std::this_thread::yield();
}

}  // namespace
}  // namespace ms

// What oneDNN calls of OpenMP. The dynamic linker looks for a library's symbols first in what was loaded and then in what that
// needs, so it finds these before those of libgomp.
#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void GOMP_parallel(void (*body)(void*), void* data, unsigned wanted, unsigned) {
  const std::size_t most = static_cast<std::size_t>(ms::onWorker() && ms::parts == 1 ? ms::teamSize() : 1);
  ms::runParts(wanted == 0 || wanted > most ? most : wanted, body, data);
}
EXPORTED void GOMP_barrier() {
  if (ms::parts > 1) ms::meet();
}
EXPORTED int omp_get_max_threads() { return ms::teamSize(); }
EXPORTED int omp_get_num_threads() { return static_cast<int>(ms::parts); }
EXPORTED int omp_get_thread_num() { return static_cast<int>(ms::part); }
EXPORTED int omp_in_parallel() { return ms::parts > 1; }
