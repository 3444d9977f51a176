#include "../kernels/reduce.h"

#include "../core/call.h"
#include "../core/worker.h"
#include "families.h"

namespace ms {
namespace {

const Reduction& reductionNamed(Call& call) {
  const std::string name = call.text("function");
  if (name == "Sum") return reductions().sum;
  if (name == "Prod") return reductions().product;
  if (name == "Max") return reductions().maximum;
  if (name == "Min") return reductions().minimum;
  call.refuse("no function %s", name.c_str());
}

/** [outer, rows, inner], of which the rows are reduced, cut into parts that depend on the sizes alone. */
struct Parts {
  std::size_t outer, rows, inner;
  std::size_t columns() const { return inner < COLUMNS ? inner : COLUMNS; }
  std::size_t tiles() const { return (inner + COLUMNS - 1) / COLUMNS; }
  /** Rows of a part: enough that the parts' results are few beside the numbers themselves. */
  std::size_t height() const { return 8192 / columns() > 64 ? 8192 / columns() : 64; }
  std::size_t chunks() const { return (rows + height() - 1) / height(); }
  std::size_t count() const { return outer * chunks() * tiles(); }
};

/**
 * reduce(function, x, y, outer, rows, inner, scale): x [outer, rows, inner], y [outer, inner] = scale · the Sum, Prod, Max or
 * Min over the rows. Computed in double precision, in an order that does not depend on the number of threads.
 */
napi_value reduce(Call& call) {
  const Reduction run = reductionNamed(call);
  const Buffer x = call.buffer("x", 1), y = call.buffer("y", 1);
  const std::size_t outer = call.count("outer"), rows = call.count("rows");
  const Parts parts{outer, rows, call.count("inner")};
  call.need(x, product({outer, rows, parts.inner}), "x");
  call.need(y, outer * parts.inner, "y");
  const double scale = call.number("scale");
  // Results of the parts, where there are several to join: [outer, chunks, inner] of double.
  const bool several = parts.chunks() > 1;
  const Scratch scratch(several ? outer * parts.chunks() * parts.inner * 2 : 1);
  const std::size_t least = parts.height() < rows ? parts.height() : rows;
  const std::size_t grain = 16384 / (least * parts.columns()) + 1;
  submit({x}, {y, scratch.buffer}, [=](float* const* at) {
    const std::size_t chunks = parts.chunks(), tiles = parts.tiles(), inner = parts.inner, height = parts.height();
    double* results = reinterpret_cast<double*>(at[2]);
    parallel(parts.count(), grain, [&](std::size_t begin, std::size_t end) {
      double here[COLUMNS];
      for (std::size_t i = begin; i < end; i++) {
        const std::size_t column = i % tiles * COLUMNS, chunk = i / tiles % chunks, sample = i / tiles / chunks;
        const std::size_t columns = inner - column < COLUMNS ? inner - column : COLUMNS;
        const std::size_t row = chunk * height, count = parts.rows - row < height ? parts.rows - row : height;
        const float* from = at[0] + (sample * parts.rows + row) * inner + column;
        double* to = several ? results + (sample * chunks + chunk) * inner + column : here;
        run.part(from, count, inner, columns, to);
        if (!several) run.join(here, 1, columns, scale, at[1] + sample * inner + column);
      }
    });
    if (!several) return;
    parallel(parts.outer, 4096 / (chunks * inner) + 1, [&](std::size_t begin, std::size_t end) {
      for (std::size_t sample = begin; sample < end; sample++) {
        run.join(results + sample * chunks * inner, chunks, inner, scale, at[1] + sample * inner);
      }
    });
  });
  return nothing(call.env());
}

}  // namespace

void defineReduce(napi_env env, napi_value exports) { define(env, exports, "reduce", reduce); }

}  // namespace ms
