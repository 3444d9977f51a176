#pragma once
#include <memory>

#include "../core/onednn.h"
#include "../core/program.h"

namespace ms {

/** What is computed from what. Maps are [batch, height, width, channels], kernels [height, width, in, out]. */
enum class Kind { output, input, weights };

/** A convolution of one geometry, ready to run. */
struct Plan {
  Kind kind;
  bool bias, cheap;
  std::size_t x, y, packed, plain, outChannels, scratch;
  /** Layouts of packed weights of our own, and after them oneDNN's. */
  static constexpr std::size_t TRANSFORMED = 0, PLAIN = 1, OTHERS = 2;
  /** Number of the layout of packed weights: convolutions with the same one share them. */
  std::size_t layout;
  /** Operands in the order of the buffers given to `convolve`: those that are read, those that are written, scratch. */
  Run run;
  /** The same with its first operand in parts. */
  Program::Apart apart;
  /** Weights [height, width, in, out] -> packed ones, or packed gradients back; scratch. */
  Run reorder;
  std::size_t reorderScratch;
  /** As the convolution of several time steps at once. */
  std::shared_ptr<const Program::Join> joined;
};

struct Geometry {
  dnnl::memory::dims x, y, weights, strides, dilations, before, after;
};

/** Makes a plan of oneDNN's direct convolution, on blocked or plain maps, operands in bfloat16 or float; false where it has none. */
bool direct(Plan& plan, const Geometry& g, bool blocked, bool half);

}  // namespace ms
