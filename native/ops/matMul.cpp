#include <map>
#include <memory>

#include "../core/call.h"
#include "../core/onednn.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

using dnnl::memory;

struct Product {
  std::shared_ptr<Primitive> primitive;
  std::size_t scratchFloats;
};

/** Most shapes that are kept ready. */
constexpr std::size_t KEPT = 512;
std::map<std::vector<std::size_t>, Product>& products = *new std::map<std::vector<std::size_t>, Product>;

Product& productOf(const std::vector<std::size_t>& key, std::size_t batchA, std::size_t batchB, std::size_t rows,
                   std::size_t columns, std::size_t inner, bool turnA, bool turnB) {
  const auto found = products.find(key);
  if (found != products.end()) return found->second;
  const auto f32 = memory::data_type::f32;
  const auto d = [](std::size_t n) { return static_cast<memory::dim>(n); };
  const auto desc = [&](std::size_t batch, std::size_t height, std::size_t width, bool turned) {
    const memory::dims strides =
        turned ? memory::dims{d(height * width), 1, d(height)} : memory::dims{d(height * width), d(width), 1};
    return memory::desc({d(batch), d(height), d(width)}, f32, strides);
  };
  const std::size_t batch = batchA > batchB ? batchA : batchB;
  const memory::desc a = desc(batchA, rows, inner, turnA), b = desc(batchB, inner, columns, turnB),
                     c = desc(batch, rows, columns, false);
  const dnnl::matmul::primitive_desc description({a, b, c}, ownScratch(), cpu());
  Product product{std::make_shared<Primitive>(dnnl::matmul(description),
                                              std::vector<Primitive::Slot>{{DNNL_ARG_SRC, a},
                                                                           {DNNL_ARG_WEIGHTS, b},
                                                                           {DNNL_ARG_DST, c},
                                                                           {DNNL_ARG_SCRATCHPAD, description.scratchpad_desc()}}),
                  floatsOf(description.scratchpad_desc())};
  if (products.size() >= KEPT) products.clear();
  return products.emplace(key, std::move(product)).first->second;
}

/**
 * matMul(a, b, out, batchA, batchB, rows, columns, inner, turnA, turnB): out [batch, rows, columns] = a [batchA, rows, inner]
 * times b [batchB, inner, columns]; a batch of 1 goes with every sample of the other; a turned matrix lies transposed.
 */
napi_value matMul(Call& call) {
  const Buffer a = call.buffer("a", 1), b = call.buffer("b", 1), out = call.buffer("out", 1);
  constexpr std::size_t most = std::size_t{1} << 30;
  const std::size_t batchA = call.count("batchA", 1, most), batchB = call.count("batchB", 1, most);
  const std::size_t rows = call.count("rows", 1, most), columns = call.count("columns", 1, most);
  const std::size_t inner = call.count("inner", 1, most);
  const bool turnA = call.flag("turnA"), turnB = call.flag("turnB");
  if (batchA != batchB && batchA != 1 && batchB != 1) call.refuse("batches %zu and %zu do not go together", batchA, batchB);
  const std::size_t batch = batchA > batchB ? batchA : batchB;
  call.need(a, product({batchA, rows, inner}), "a");
  call.need(b, product({batchB, inner, columns}), "b");
  call.need(out, product({batch, rows, columns}), "out");
  const std::vector<std::size_t> key{batchA, batchB, rows, columns, inner, turnA, turnB};
  const Product& ready = productOf(key, batchA, batchB, rows, columns, inner, turnA, turnB);
  const Scratch scratch(ready.scratchFloats);
  submit({a, b}, {out, scratch.buffer}, [primitive = ready.primitive](float* const* at) { primitive->run(at); }, COSTLY);
  return nothing(call.env());
}

}  // namespace

void defineMatMul(napi_env env, napi_value exports) { define(env, exports, "matMul", matMul); }

}  // namespace ms
