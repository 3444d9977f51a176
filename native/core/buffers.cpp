#include "buffers.h"

#include <sys/mman.h>
#include <unistd.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <map>

#include "error.h"
#include "recording.h"
#include "worker.h"

namespace ms {
namespace {

/** A block from this size on is put on large pages: its last one is a small part of it. */
constexpr std::size_t LARGE_PAGE = std::size_t{1} << 21, LARGE = 8 * LARGE_PAGE;
constexpr std::uint32_t SLOT_BITS = 20;
constexpr std::uint32_t SLOT_MASK = (1u << SLOT_BITS) - 1;
constexpr std::uint32_t GENERATION_MASK = 0xfff;
constexpr std::size_t ALIGNMENT = 64;
/** Allocations after which the highest use so far counts as past. */
constexpr std::size_t WINDOW = 1 << 16;
constexpr std::size_t SPARE_BYTES = 64 << 20;

struct Slot {
  float* data = nullptr;
  std::size_t floats = 0;
  std::size_t bytes = 0;
  std::uint32_t generation = 0;
  bool live = false;
  /** Of a buffer without memory, made while recording, and which recording that was. */
  std::int32_t value = -1;
  std::uint64_t recording = 0;
  std::uint32_t pins = 0;
};

std::vector<Slot> slots;
std::vector<std::uint32_t> emptySlots;
/** Slots with unused memory, by its bytes; the one used last is taken first, because it may still be in a cache. */
std::map<std::size_t, std::vector<std::uint32_t>> unused;
std::size_t usedBytes = 0, freeBytes = 0, live = 0;
std::size_t allocations = 0, peakBefore = 0, peakNow = 0;

/** Sizes are rounded up to one of eight per power of two, so that few of them differ. */
std::size_t classOf(std::size_t floats) {
  std::size_t bytes = (floats * sizeof(float) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  std::size_t step = ALIGNMENT;
  while (step * 16 <= bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

/** Gives memory back to the system, the largest first, until `most` bytes are kept. Commands that use it run before. */
void trim(std::size_t most) {
  while (freeBytes > most && !unused.empty()) {
    auto last = std::prev(unused.end());
    const std::uint32_t slot = last->second.back();
    last->second.pop_back();
    if (last->second.empty()) unused.erase(last);
    freeBytes -= slots[slot].bytes;
    float* data = slots[slot].data;
    submit({}, {}, [data](float* const*) { std::free(data); });
    slots[slot].data = nullptr;
    emptySlots.push_back(slot);
  }
}

std::uint32_t idOf(std::uint32_t slot) { return slots[slot].generation << SLOT_BITS | slot; }

std::uint32_t emptySlot() {
  if (!emptySlots.empty()) {
    const std::uint32_t slot = emptySlots.back();
    emptySlots.pop_back();
    return slot;
  }
  if (slots.size() > SLOT_MASK) fail("more than %u buffers are live", SLOT_MASK);
  slots.emplace_back();
  return static_cast<std::uint32_t>(slots.size() - 1);
}

Buffer start(std::uint32_t slot, std::size_t floats) {
  Slot& taken = slots[slot];
  taken.live = true;
  taken.floats = floats;
  taken.generation = (taken.generation + 1) & GENERATION_MASK;
  live++;
  return {idOf(slot), taken.data, floats, taken.value};
}

/**
 * With sanitizers: from here on, in the order of commands, only the first `floats` of a buffer's memory may be used. Its
 * memory is rounded up and used again, so that they would not see a wrong access.
 */
void guard([[maybe_unused]] std::uint32_t slot, [[maybe_unused]] std::size_t floats) {
#ifdef __SANITIZE_ADDRESS__
  if (isRecording()) return;
  submit({}, {}, [data = slots[slot].data, bytes = slots[slot].bytes, floats](float* const*) {
    __asan_unpoison_memory_region(data, bytes);
    __asan_poison_memory_region(data + floats, bytes - floats * sizeof(float));
  });
#endif
}

void giveBack(std::uint32_t slot) {
  guard(slot, 0);
  usedBytes -= slots[slot].bytes;
  freeBytes += slots[slot].bytes;
  unused[slots[slot].bytes].push_back(slot);
}

Slot& slotOf(std::uint32_t id) {
  const std::uint32_t slot = id & SLOT_MASK;
  if (slot >= slots.size() || !slots[slot].live || idOf(slot) != id) fail("no buffer %u: released or never made", id);
  return slots[slot];
}

}  // namespace

std::size_t memoryLimit() {
  static const std::size_t limit = [] {
    const std::size_t machine =
        static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const char* wish = std::getenv("MS_RNN_MEMORY");
    const double megabytes = wish ? std::strtod(wish, nullptr) : 0;
    return megabytes >= 1 ? static_cast<std::size_t>(megabytes * 1e6) : machine / 4 * 3;
  }();
  return limit;
}

float* takeMemory(std::size_t bytes) {
  const bool large = bytes >= LARGE;
  void* memory = nullptr;
  if (posix_memalign(&memory, large ? LARGE_PAGE : ALIGNMENT, bytes) != 0) return nullptr;
  if (large) madvise(memory, bytes, MADV_HUGEPAGE);
  return static_cast<float*>(memory);
}

Buffer allocate(std::size_t floats) {
  if (floats == 0) fail("a buffer of 0 floats was asked for, expected at least 1");
  if (floats > memoryLimit() / sizeof(float)) {
    fail("out of memory: a buffer of %zu floats was asked for, and the engine may use %zu MB", floats, memoryLimit() / 1000000);
  }
  if (isRecording()) {
    const std::uint32_t slot = emptySlot();
    slots[slot].value = recordValue(floats);
    slots[slot].recording = recordingNumber();
    return start(slot, floats);
  }
  const std::size_t bytes = classOf(floats);
  if (++allocations % WINDOW == 0) {
    peakBefore = peakNow;
    peakNow = usedBytes;
    trim(std::max(peakBefore, peakNow) / 2 + SPARE_BYTES);
  }
  std::uint32_t slot;
  const auto found = unused.find(bytes);
  if (found != unused.end()) {
    slot = found->second.back();
    found->second.pop_back();
    if (found->second.empty()) unused.erase(found);
    freeBytes -= bytes;
  } else {
    const std::size_t peak = std::max({peakBefore, peakNow, usedBytes + bytes});
    const std::size_t total = usedBytes + freeBytes + bytes;
    // Other sizes than before are wanted: unused memory must not add up.
    if (total > peak + peak / 2 + SPARE_BYTES) trim(freeBytes / 2);
    if (usedBytes + freeBytes + bytes > memoryLimit()) trim(0);
    if (usedBytes + bytes > memoryLimit()) {
      fail("out of memory: %zu MB are in use, %zu more were asked for, and the engine may use %zu MB", usedBytes / 1000000,
           bytes / 1000000, memoryLimit() / 1000000);
    }
    float* data = takeMemory(bytes);
    if (!data) {
      trim(0);
      drain();
      data = takeMemory(bytes);
    }
    if (!data) fail("out of memory: %zu bytes were asked for and %zu are in use", bytes, usedBytes);
    slot = emptySlot();
    slots[slot].data = data;
    slots[slot].bytes = bytes;
  }
  usedBytes += bytes;
  peakNow = std::max(peakNow, usedBytes);
  guard(slot, floats);
  return start(slot, floats);
}

void release(std::uint32_t id) {
  Slot& slot = slotOf(id);
  slot.live = false;
  live--;
  if (slot.value >= 0) {
    slot.value = -1;
    emptySlots.push_back(id & SLOT_MASK);
  } else if (slot.pins == 0) {
    giveBack(id & SLOT_MASK);
  }
}

Buffer bufferAt(std::uint32_t id) {
  const Slot& slot = slotOf(id);
  if (slot.value >= 0 && slot.recording != recordingNumber()) {
    fail("buffer %u was made in a recording that is over and has no numbers", id);
  }
  return {id, slot.data, slot.floats, slot.value};
}

void pin(std::uint32_t id) { slotOf(id).pins++; }

void unpin(std::uint32_t id) {
  Slot& slot = slots[id & SLOT_MASK];
  if (--slot.pins == 0 && !slot.live) giveBack(id & SLOT_MASK);
}

PoolState poolState() { return {usedBytes, freeBytes, live}; }

}  // namespace ms
