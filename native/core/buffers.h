#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ms {

/** Float32 memory of the pool: what a command reads or writes. */
struct Buffer {
  std::uint32_t id;
  float* data;
  std::size_t floats;
  /** While recording: which recorded value it stands for; -1 for buffers with memory. */
  std::int32_t value = -1;
};

/** Bytes of the pool: in use, kept for reuse, and the number of live buffers. */
struct PoolState {
  std::size_t usedBytes, freeBytes, buffers;
};

/**
 * The engine's memory. Buffers are handed out and taken back by the JavaScript thread in the order of its calls; commands
 * run in that same order, so a buffer may be reused while commands on its former content are still waiting.
 * All functions belong to the JavaScript thread. An id names one lifetime of a buffer: after `release` it is refused.
 */
Buffer allocate(std::size_t floats);
void release(std::uint32_t id);
Buffer bufferAt(std::uint32_t id);
/** Keeps a buffer's memory after its release until `unpin`, once for each call. */
void pin(std::uint32_t id);
void unpin(std::uint32_t id);
PoolState poolState();

/** A buffer for one call's commands: free for those that follow them, also where one of them is refused. */
class Scratch {
 public:
  explicit Scratch(std::size_t floats) : buffer(allocate(floats > 0 ? floats : 1)) {}
  ~Scratch() { release(buffer.id); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const Buffer buffer;
};

/**
 * Memory from the system at a multiple of 64 bytes, for std::free; null where there is none. Large blocks are on large pages where
 * the system has them: convolutions walk over many pages at once.
 */
float* takeMemory(std::size_t bytes);

/** Bytes the pool may have: MS_RNN_MEMORY megabytes, by default three quarters of the machine's. */
std::size_t memoryLimit();

}  // namespace ms
