#include "worker.h"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>

#include "error.h"
#include "recording.h"

namespace ms {
namespace {

struct Command {
  Run run;
  std::vector<float*> at;
};

/** How many commands may wait. The JavaScript thread waits for room, so that it cannot run far ahead of the engine. */
constexpr std::uint64_t ROOM = 2048;

// Never destroyed: the process may exit while the engine computes.
std::array<Command, ROOM>& ring = *new std::array<Command, ROOM>;
std::atomic<std::uint64_t> submitted{0}, finished{0};
std::atomic<bool> workerSleeps{false}, stopping{false};
/** How many commands the sleeping caller wants finished; it is woken then and not before. */
constexpr std::uint64_t NOTHING = ~std::uint64_t{0};
std::atomic<std::uint64_t> wanted{NOTHING};
std::mutex& mutex = *new std::mutex;
std::condition_variable &news = *new std::condition_variable, &progress = *new std::condition_variable;
std::thread* worker = nullptr;
std::atomic<bool> failed{false};
std::exception_ptr failure;

void work() {
  enterTeam();
  for (;;) {
    const std::uint64_t next = finished.load();
    const auto ready = [next] { return submitted.load() > next || stopping.load(); };
    if (!spinUntil(ready)) {
      std::unique_lock<std::mutex> lock(mutex);
      workerSleeps.store(true);
      while (!ready()) news.wait(lock);
      workerSleeps.store(false);
    }
    if (submitted.load() == next) return;
    Command& command = ring[next % ROOM];
    try {
      // After a failure later commands would compute on what was never written.
      if (!failed.load()) command.run(command.at.data());
    } catch (...) {
      failure = std::current_exception();
      failed.store(true);
    }
    command.run = nullptr;
    finished.store(next + 1);
    if (next + 1 >= wanted.load()) {
      // The lock makes sure that the sleeper is either before its last look or inside wait.
      std::lock_guard<std::mutex> lock(mutex);
      progress.notify_one();
    }
  }
}

/** Asleep: the team needs all cores, and a spinning caller would take one from it. */
void sleepUntilFinished(std::uint64_t count) {
  if (finished.load() >= count) return;
  std::unique_lock<std::mutex> lock(mutex);
  wanted.store(count);
  while (finished.load() < count) progress.wait(lock);
  wanted.store(NOTHING);
}

}  // namespace

void startWorker(int threads) {
  startTeam(threads);
  worker = new std::thread(work);
}

void stopWorker() {
  if (!worker) return;
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping.store(true);
    news.notify_one();
  }
  worker->join();
  delete worker;
  worker = nullptr;
  stopTeam();
}

void submit(const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, Run run, Traits traits) {
  if (isRecording()) return recordCommand(reads, writes, std::move(run), traits);
  const std::uint64_t mine = submitted.load();
  if (mine - finished.load() >= ROOM) sleepUntilFinished(mine - ROOM / 2);
  Command& command = ring[mine % ROOM];
  command.at.clear();
  for (const Buffer& buffer : reads) command.at.push_back(buffer.data);
  for (const Buffer& buffer : writes) command.at.push_back(buffer.data);
  command.run = std::move(run);
  submitted.store(mine + 1);
  if (workerSleeps.load()) {
    std::lock_guard<std::mutex> lock(mutex);
    news.notify_one();
  }
}

void submit(const std::vector<Buffer>& reads, const std::vector<Buffer>& writes, std::size_t grain, Elements elements,
            Traits traits) {
  const std::size_t operands = reads.size() + writes.size();
  if (operands > Elements::MOST) fail("%zu operands, expected at most %zu", operands, Elements::MOST);
  const auto shared = std::make_shared<const Elements>(std::move(elements));
  const auto run = [operands, grain, shared](float* const* at) {
    parallel(shared->floats, grain, [&](std::size_t begin, std::size_t end) {
      float* part[Elements::MOST];
      for (std::size_t k = 0; k < operands; k++) part[k] = at[k] + (shared->isFixed(k) ? 0 : begin);
      shared->run(part, end - begin);
    });
  };
  submit(reads, writes, run, static_cast<Traits>(traits | IN_PLACE));
  recordElements(shared);
}

void drain() {
  const std::uint64_t all = submitted.load();
  // A result that is nearly there is not worth a sleep.
  if (all - finished.load() > 2 || !spinUntil([all] { return finished.load() >= all; })) sleepUntilFinished(all);
  rethrowFailure();
}

void rethrowFailure() {
  if (!failed.load()) return;
  const std::exception_ptr first = failure;
  failure = nullptr;
  failed.store(false);
  std::rethrow_exception(first);
}

}  // namespace ms
