#pragma once
#include <dnnl.hpp>
#include <memory>
#include <unordered_map>
#include <vector>

namespace ms {

/** The one engine and stream of oneDNN; primitives are created on the JavaScript thread and run on the engine's. */
inline dnnl::engine& cpu() {
  static dnnl::engine& engine = *new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

inline dnnl::stream& stream() {
  static dnnl::stream& stream = *new dnnl::stream(cpu());
  return stream;
}

/** Scratch memory comes from our pool: the library's own crashed when primitives ran on another thread than before. */
inline dnnl::primitive_attr ownScratch() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

inline std::size_t floatsOf(const dnnl::memory::desc& desc) { return (desc.get_size() + sizeof(float) - 1) / sizeof(float); }

/**
 * A primitive with its arguments. Created once, run many times, only on the engine's thread. The arguments are set in the
 * order of `slots`.
 */
class Primitive {
 public:
  struct Slot {
    int argument;
    dnnl::memory::desc desc;
  };

  Primitive(const dnnl::primitive& primitive, std::vector<Slot> slots) : primitive_(primitive), slots_(std::move(slots)) {
    for (const Slot& slot : slots_) {
      memories_.push_back(dnnl::memory(slot.desc, cpu(), DNNL_MEMORY_NONE));
      arguments_.insert({slot.argument, memories_.back()});
    }
  }

  void run(float* const* at) {
    for (std::size_t i = 0; i < memories_.size(); i++) memories_[i].set_data_handle(at[i]);
    primitive_.execute(stream(), arguments_);
    stream().wait();
  }

 private:
  dnnl::primitive primitive_;
  std::vector<Slot> slots_;
  std::vector<dnnl::memory> memories_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

}  // namespace ms
