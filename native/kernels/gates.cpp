#include "gates.h"

#include "math.h"

namespace ms {
namespace MS_ISA {
namespace {

// Results may lie where an input of the same size does: an element's inputs are read before its results are written.

/** Calls step(state, wide, lanes) for all elements: offsets in [outer, inner] and [outer, GATES, inner], Full or Partial. */
template <int GATES, class Step>
MS_INLINE void eachRow(const Part& part, const Step& step) {
  for (std::size_t at = part.begin; at < part.end;) {
    const std::size_t column = at % part.inner, wide = (at - column) * GATES + column;
    const std::size_t left = part.inner - column, wanted = part.end - at;
    const std::size_t length = left < wanted ? left : wanted;
    eachLanes(length, [&](std::size_t k, auto lanes) __attribute__((always_inline)) { step(at + k, wide + k, lanes); });
    at += length;
  }
}

/** The logistic function; not below that of -28. */
MS_INLINE Lanes gate(Lanes x) { return 1 / logisticUnder(x); }

void lstm(const float* z, const float* c, float* h, float* next, Part part) {
  const float *zi = z, *zf = zi + part.inner, *zg = zf + part.inner, *zo = zg + part.inner;
  eachRow<4>(part, [=](std::size_t state, std::size_t wide, auto lanes) {
    const Lanes i = logisticUnder(lanes.load(zi + wide)), f = logisticUnder(lanes.load(zf + wide));
    const Ratio g = tangentRatio(lanes.load(zg + wide));
    const Lanes cell = lanes.load(c + state) / f + g.over / (i * g.under);
    const Ratio t = tangentRatio(cell);
    const Lanes hidden = t.over / (logisticUnder(lanes.load(zo + wide)) * t.under);
    lanes.store(h + state, hidden);
    lanes.store(next + state, cell);
  });
}

void lstmGradient(const float* z, const float* c, const float* dh, const float* dNext, float* dz, float* dc, Part part) {
  const std::size_t n = part.inner;
  eachRow<4>(part, [=](std::size_t state, std::size_t wide, auto lanes) {
    const float* from = z + wide;
    const Lanes i = gate(lanes.load(from)), f = gate(lanes.load(from + n));
    const Lanes g = hyperbolicTangent(lanes.load(from + 2 * n)), o = gate(lanes.load(from + 3 * n));
    const Lanes old = lanes.load(c + state), d = lanes.load(dh + state);
    const Lanes t = hyperbolicTangent(f * old + i * g);
    const Lanes dCell = lanes.load(dNext + state) + d * o * (1 - t * t);
    float* to = dz + wide;
    lanes.store(to, dCell * g * i * (1 - i));
    lanes.store(to + n, dCell * old * f * (1 - f));
    lanes.store(to + 2 * n, dCell * i * (1 - g * g));
    lanes.store(to + 3 * n, d * t * o * (1 - o));
    lanes.store(dc + state, dCell * f);
  });
}

template <bool SQUASH, bool FORGET, bool OUTPUT>
void memoryOf(const float* z, const float* m, float* next, float* output, Part part) {
  const std::size_t n = part.inner;
  eachRow<OUTPUT ? 4 : 3>(part, [=](std::size_t state, std::size_t wide, auto lanes) {
    const float* from = z + wide;
    const Lanes old = lanes.load(m + state), kept = SQUASH ? hyperbolicTangent(old) : old;
    const Lanes i = logisticUnder(lanes.load(from));
    const Ratio g = tangentRatio(lanes.load(from + 2 * n));
    const Lanes still = FORGET ? kept / logisticUnder(lanes.load(from + n)) : kept;
    const Lanes value = still + g.over / (i * g.under);
    [[maybe_unused]] const Lanes o = OUTPUT ? lanes.load(from + 3 * n) : old;
    lanes.store(next + state, value);
    if (OUTPUT) lanes.store(output + state, o);
  });
}

template <bool SQUASH, bool FORGET, bool OUTPUT>
void memoryGradientOf(const float* z, const float* m, const float* dNext, const float* dOutput, float* dz, float* dm, Part part) {
  const std::size_t n = part.inner;
  eachRow<OUTPUT ? 4 : 3>(part, [=](std::size_t state, std::size_t wide, auto lanes) {
    const float* from = z + wide;
    const Lanes d = lanes.load(dNext + state), old = lanes.load(m + state);
    const Lanes i = gate(lanes.load(from)), g = hyperbolicTangent(lanes.load(from + 2 * n));
    const Lanes kept = SQUASH ? hyperbolicTangent(old) : old;
    const Lanes f = FORGET ? gate(lanes.load(from + n)) : all(1);
    const Lanes dKept = FORGET ? d * f : d;
    [[maybe_unused]] const Lanes dO = OUTPUT ? lanes.load(dOutput + state) : d;
    float* to = dz + wide;
    lanes.store(to, d * g * i * (1 - i));
    lanes.store(to + n, FORGET ? d * kept * f * (1 - f) : all(0));
    lanes.store(to + 2 * n, d * i * (1 - g * g));
    if (OUTPUT) lanes.store(to + 3 * n, dO);
    lanes.store(dm + state, SQUASH ? dKept * (1 - kept * kept) : dKept);
  });
}

template <bool SQUASH, bool FORGET>
void memoryWith(const float* z, const float* m, float* next, float* output, Part part) {
  if (output) memoryOf<SQUASH, FORGET, true>(z, m, next, output, part);
  else memoryOf<SQUASH, FORGET, false>(z, m, next, next, part);
}

void memory(const float* z, const float* m, float* next, float* output, bool squash, bool forget, Part part) {
  if (squash) {
    if (forget) memoryWith<true, true>(z, m, next, output, part);
    else memoryWith<true, false>(z, m, next, output, part);
  } else {
    if (forget) memoryWith<false, true>(z, m, next, output, part);
    else memoryWith<false, false>(z, m, next, output, part);
  }
}

template <bool SQUASH, bool FORGET>
void memoryGradientWith(const float* z, const float* m, const float* dNext, const float* dOutput, float* dz, float* dm, Part part) {
  if (dOutput) memoryGradientOf<SQUASH, FORGET, true>(z, m, dNext, dOutput, dz, dm, part);
  else memoryGradientOf<SQUASH, FORGET, false>(z, m, dNext, dNext, dz, dm, part);
}

void memoryGradient(const float* z, const float* m, const float* dNext, const float* dOutput, float* dz, float* dm, bool squash,
                    bool forget, Part part) {
  if (squash) {
    if (forget) memoryGradientWith<true, true>(z, m, dNext, dOutput, dz, dm, part);
    else memoryGradientWith<true, false>(z, m, dNext, dOutput, dz, dm, part);
  } else {
    if (forget) memoryGradientWith<false, true>(z, m, dNext, dOutput, dz, dm, part);
    else memoryGradientWith<false, false>(z, m, dNext, dOutput, dz, dm, part);
  }
}

template <bool TANH>
void outputOf(const float* o, const float* u, float* h, std::size_t begin, std::size_t end) {
  eachLanes(end - begin, [=](std::size_t k, auto lanes) {
    const std::size_t at = begin + k;
    const Lanes x = lanes.load(o + at);
    const Ratio y = TANH ? tangentRatio(x) : Ratio{all(1), logisticUnder(x)}, t = tangentRatio(lanes.load(u + at));
    lanes.store(h + at, y.over * t.over / (y.under * t.under));
  });
}

void output(const float* o, const float* u, float* h, bool squash, std::size_t begin, std::size_t end) {
  if (squash) outputOf<true>(o, u, h, begin, end);
  else outputOf<false>(o, u, h, begin, end);
}

template <bool TANH>
void outputGradientOf(const float* o, const float* u, const float* dh, float* dO, float* du, std::size_t begin, std::size_t end) {
  eachLanes(end - begin, [=](std::size_t k, auto lanes) {
    const std::size_t at = begin + k;
    const Lanes x = lanes.load(o + at), y = TANH ? hyperbolicTangent(x) : gate(x);
    const Lanes t = hyperbolicTangent(lanes.load(u + at)), d = lanes.load(dh + at);
    lanes.store(dO + at, d * t * (TANH ? 1 - y * y : y * (1 - y)));
    lanes.store(du + at, d * y * (1 - t * t));
  });
}

void outputGradient(const float* o, const float* u, const float* dh, float* dO, float* du, bool squash, std::size_t begin,
                    std::size_t end) {
  if (squash) outputGradientOf<true>(o, u, dh, dO, du, begin, end);
  else outputGradientOf<false>(o, u, dh, dO, du, begin, end);
}

/** The candidate from its sum, and its slope there. */
template <bool LEAKY>
MS_INLINE Lanes freshOf(Lanes sum, float slope) {
  return LEAKY ? (sum > 0.0f ? sum : slope * sum) : hyperbolicTangent(sum);
}

template <bool LEAKY>
void gruOf(const float* zx, const float* zh, const float* h, float* next, float slope, Part part) {
  const std::size_t n = part.inner;
  eachRow<3>(part, [=](std::size_t state, std::size_t wide, auto lanes) {
    const float *x = zx + wide, *y = zh + wide;
    const Lanes update = gate(lanes.load(x) + lanes.load(y));
    const Lanes reset = logisticUnder(lanes.load(x + n) + lanes.load(y + n));
    const Lanes fresh = freshOf<LEAKY>(lanes.load(x + 2 * n) + lanes.load(y + 2 * n) / reset, slope);
    lanes.store(next + state, (1 - update) * fresh + update * lanes.load(h + state));
  });
}

void gru(const float* zx, const float* zh, const float* h, float* next, bool leaky, float slope, Part part) {
  if (leaky) gruOf<true>(zx, zh, h, next, slope, part);
  else gruOf<false>(zx, zh, h, next, slope, part);
}

template <bool LEAKY>
void gruGradientOf(const float* zx, const float* zh, const float* h, const float* dNext, float* dzx, float* dzh, float* dh,
                   float slope, Part part) {
  const std::size_t n = part.inner;
  eachRow<3>(part, [=](std::size_t state, std::size_t wide, auto lanes) {
    const float *x = zx + wide, *y = zh + wide;
    const Lanes update = gate(lanes.load(x) + lanes.load(y)), reset = gate(lanes.load(x + n) + lanes.load(y + n));
    const Lanes inner = lanes.load(y + 2 * n), sum = lanes.load(x + 2 * n) + reset * inner;
    const Lanes fresh = freshOf<LEAKY>(sum, slope), slopeThere = LEAKY ? (sum > 0.0f ? all(1) : all(slope)) : 1 - fresh * fresh;
    const Lanes d = lanes.load(dNext + state), dSum = d * (1 - update) * slopeThere;
    const Lanes dUpdate = d * (lanes.load(h + state) - fresh) * update * (1 - update);
    const Lanes dReset = dSum * inner * reset * (1 - reset);
    float *dx = dzx + wide, *dy = dzh + wide;
    lanes.store(dx, dUpdate);
    lanes.store(dy, dUpdate);
    lanes.store(dx + n, dReset);
    lanes.store(dy + n, dReset);
    lanes.store(dx + 2 * n, dSum);
    lanes.store(dy + 2 * n, dSum * reset);
    lanes.store(dh + state, d * update);
  });
}

void gruGradient(const float* zx, const float* zh, const float* h, const float* dNext, float* dzx, float* dzh, float* dh,
                 bool leaky, float slope, Part part) {
  if (leaky) gruGradientOf<true>(zx, zh, h, dNext, dzx, dzh, dh, slope, part);
  else gruGradientOf<false>(zx, zh, h, dNext, dzx, dzh, dh, slope, part);
}

void highway(const float* ps, const float* z, float* next, Part part) {
  const std::size_t n = part.inner;
  eachRow<2>(part, [=](std::size_t state, std::size_t wide, auto lanes) {
    const Lanes fresh = hyperbolicTangent(lanes.load(ps + wide)), s = gate(lanes.load(ps + wide + n));
    lanes.store(next + state, s * fresh + (1 - s) * lanes.load(z + state));
  });
}

void highwayGradient(const float* ps, const float* z, const float* dNext, float* dps, float* dz, Part part) {
  const std::size_t n = part.inner;
  eachRow<2>(part, [=](std::size_t state, std::size_t wide, auto lanes) {
    const Lanes fresh = hyperbolicTangent(lanes.load(ps + wide)), s = gate(lanes.load(ps + wide + n));
    const Lanes d = lanes.load(dNext + state), old = lanes.load(z + state);
    lanes.store(dps + wide, d * s * (1 - fresh * fresh));
    lanes.store(dps + wide + n, d * (fresh - old) * s * (1 - s));
    lanes.store(dz + state, d * (1 - s));
  });
}

}  // namespace

const Gates gates{lstm, lstmGradient, memory,  memoryGradient, output,
                  outputGradient,     gru,    gruGradient,     highway, highwayGradient};

}  // namespace MS_ISA
}  // namespace ms
