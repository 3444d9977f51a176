#include "gates.h"

#include "math.h"

namespace ms {
namespace MS_ISA {
namespace {

// Results may lie where an input of the same size does: an element's inputs are read before its results are written.

/** Calls row(state, wide, length) for each run of elements in one row: offsets in [outer, inner] and [outer, GATES, inner]. */
template <int GATES, class Row>
void eachRow(const Part& part, const Row& row) {
  for (std::size_t at = part.begin; at < part.end;) {
    const std::size_t column = at % part.inner;
    const std::size_t left = part.inner - column, wanted = part.end - at;
    const std::size_t length = left < wanted ? left : wanted;
    row(at, (at - column) * GATES + column, length);
    at += length;
  }
}

void lstm(const float* z, const float* c, float* h, float* next, Part part) {
  const std::size_t n = part.inner;
  eachRow<4>(part, [=](std::size_t state, std::size_t wide, std::size_t length) {
    const float *i = z + wide, *f = i + n, *g = f + n, *o = g + n, *old = c + state;
    float *hOut = h + state, *cOut = next + state;
#pragma omp simd
    for (std::size_t k = 0; k < length; k++) {
      const Ratio ri = logisticRatio(i[k]), rf = logisticRatio(f[k]), rg = tangentRatio(g[k]);
      const float under = ri.under * rg.under, inverse = 1.0f / (rf.under * under);
      const float cell = rf.over * (under * inverse) * old[k] + ri.over * rg.over * (rf.under * inverse);
      hOut[k] = productOf(logisticRatio(o[k]), tangentRatio(cell));
      cOut[k] = cell;
    }
  });
}

void lstmGradient(const float* z, const float* c, const float* dh, const float* dNext, float* dz, float* dc, Part part) {
  const std::size_t n = part.inner;
  eachRow<4>(part, [=](std::size_t state, std::size_t wide, std::size_t length) {
    const float *zi = z + wide, *zf = zi + n, *zg = zf + n, *zo = zg + n;
    const float *old = c + state, *dhIn = dh + state, *dNextIn = dNext + state;
    float *di = dz + wide, *df = di + n, *dg = df + n, *dO = dg + n, *dcOut = dc + state;
#pragma omp simd
    for (std::size_t k = 0; k < length; k++) {
      const Ratio ri = logisticRatio(zi[k]), rf = logisticRatio(zf[k]), rg = tangentRatio(zg[k]), ro = logisticRatio(zo[k]);
      const float a = ri.under * rf.under, b = rg.under * ro.under, inverse = 1.0f / (a * b);
      const float i = ri.over * rf.under * (b * inverse), f = rf.over * ri.under * (b * inverse);
      const float g = rg.over * ro.under * (a * inverse), o = ro.over * rg.under * (a * inverse);
      const float t = hyperbolicTangent(f * old[k] + i * g);
      const float d = dhIn[k], dCell = dNextIn[k] + d * o * (1 - t * t);
      di[k] = dCell * g * i * (1 - i);
      df[k] = dCell * old[k] * f * (1 - f);
      dg[k] = dCell * i * (1 - g * g);
      dO[k] = d * t * o * (1 - o);
      dcOut[k] = dCell * f;
    }
  });
}

template <bool SQUASH, bool FORGET, bool OUTPUT>
void memoryOf(const float* z, const float* m, float* next, float* output, Part part) {
  const std::size_t n = part.inner;
  eachRow<OUTPUT ? 4 : 3>(part, [=](std::size_t state, std::size_t wide, std::size_t length) {
    const float *i = z + wide, *f = i + n, *g = f + n, *o = g + n, *old = m + state;
    float *mOut = next + state, *oOut = output + state;
#pragma omp simd
    for (std::size_t k = 0; k < length; k++) {
      const float kept = SQUASH ? hyperbolicTangent(old[k]) : old[k];
      const Ratio ri = logisticRatio(i[k]), rg = tangentRatio(g[k]);
      const float under = ri.under * rg.under;
      if (FORGET) {
        const Ratio rf = logisticRatio(f[k]);
        const float inverse = 1.0f / (rf.under * under);
        mOut[k] = rf.over * (under * inverse) * kept + ri.over * rg.over * (rf.under * inverse);
      } else {
        mOut[k] = kept + ri.over * rg.over / under;
      }
      if (OUTPUT) oOut[k] = o[k];
    }
  });
}

template <bool SQUASH, bool FORGET, bool OUTPUT>
void memoryGradientOf(const float* z, const float* m, const float* dNext, const float* dOutput, float* dz, float* dm, Part part) {
  const std::size_t n = part.inner;
  eachRow<OUTPUT ? 4 : 3>(part, [=](std::size_t state, std::size_t wide, std::size_t length) {
    const float *zi = z + wide, *zf = zi + n, *zg = zf + n, *old = m + state, *dIn = dNext + state, *dOIn = dOutput + state;
    float *di = dz + wide, *df = di + n, *dg = df + n, *dO = dg + n, *dmOut = dm + state;
#pragma omp simd
    for (std::size_t k = 0; k < length; k++) {
      const float d = dIn[k];
      const Two ig = valuesOf(logisticRatio(zi[k]), tangentRatio(zg[k]));
      const float i = ig.first, g = ig.second;
      const float kept = SQUASH ? hyperbolicTangent(old[k]) : old[k];
      di[k] = d * g * i * (1 - i);
      dg[k] = d * i * (1 - g * g);
      float dKept = d;
      if (FORGET) {
        const float f = logistic(zf[k]);
        df[k] = d * kept * f * (1 - f);
        dKept = d * f;
      } else {
        df[k] = 0;
      }
      if (OUTPUT) dO[k] = dOIn[k];
      dmOut[k] = SQUASH ? dKept * (1 - kept * kept) : dKept;
    }
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
#pragma omp simd
  for (std::size_t k = begin; k < end; k++) {
    h[k] = productOf(TANH ? tangentRatio(o[k]) : logisticRatio(o[k]), tangentRatio(u[k]));
  }
}

void output(const float* o, const float* u, float* h, bool squash, std::size_t begin, std::size_t end) {
  if (squash) outputOf<true>(o, u, h, begin, end);
  else outputOf<false>(o, u, h, begin, end);
}

template <bool TANH>
void outputGradientOf(const float* o, const float* u, const float* dh, float* dO, float* du, std::size_t begin, std::size_t end) {
#pragma omp simd
  for (std::size_t k = begin; k < end; k++) {
    const float d = dh[k];
    const Two parts = valuesOf(TANH ? tangentRatio(o[k]) : logisticRatio(o[k]), tangentRatio(u[k]));
    const float gate = parts.first, t = parts.second;
    dO[k] = d * t * (TANH ? 1 - gate * gate : gate * (1 - gate));
    du[k] = d * gate * (1 - t * t);
  }
}

void outputGradient(const float* o, const float* u, const float* dh, float* dO, float* du, bool squash, std::size_t begin,
                    std::size_t end) {
  if (squash) outputGradientOf<true>(o, u, dh, dO, du, begin, end);
  else outputGradientOf<false>(o, u, dh, dO, du, begin, end);
}

template <bool LEAKY>
void gruOf(const float* zx, const float* zh, const float* h, float* next, float slope, Part part) {
  const std::size_t n = part.inner;
  eachRow<3>(part, [=](std::size_t state, std::size_t wide, std::size_t length) {
    const float *x = zx + wide, *y = zh + wide, *old = h + state;
    float* out = next + state;
#pragma omp simd
    for (std::size_t k = 0; k < length; k++) {
      const Two parts = valuesOf(logisticRatio(x[k] + y[k]), logisticRatio(x[k + n] + y[k + n]));
      const float update = parts.first, reset = parts.second;
      const float sum = x[k + 2 * n] + reset * y[k + 2 * n];
      const float fresh = LEAKY ? (sum > 0 ? sum : slope * sum) : hyperbolicTangent(sum);
      out[k] = (1 - update) * fresh + update * old[k];
    }
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
  eachRow<3>(part, [=](std::size_t state, std::size_t wide, std::size_t length) {
    const float *x = zx + wide, *y = zh + wide, *old = h + state, *dIn = dNext + state;
    float *dx = dzx + wide, *dy = dzh + wide, *dOld = dh + state;
#pragma omp simd
    for (std::size_t k = 0; k < length; k++) {
      const Two parts = valuesOf(logisticRatio(x[k] + y[k]), logisticRatio(x[k + n] + y[k + n]));
      const float update = parts.first, reset = parts.second;
      const float inner = y[k + 2 * n], sum = x[k + 2 * n] + reset * inner;
      const float fresh = LEAKY ? (sum > 0 ? sum : slope * sum) : hyperbolicTangent(sum);
      const float d = dIn[k];
      const float dUpdate = d * (old[k] - fresh) * update * (1 - update);
      const float dSum = d * (1 - update) * (LEAKY ? (sum > 0 ? 1 : slope) : 1 - fresh * fresh);
      const float dReset = dSum * inner * reset * (1 - reset);
      dx[k] = dUpdate;
      dy[k] = dUpdate;
      dx[k + n] = dReset;
      dy[k + n] = dReset;
      dx[k + 2 * n] = dSum;
      dy[k + 2 * n] = dSum * reset;
      dOld[k] = d * update;
    }
  });
}

void gruGradient(const float* zx, const float* zh, const float* h, const float* dNext, float* dzx, float* dzh, float* dh,
                 bool leaky, float slope, Part part) {
  if (leaky) gruGradientOf<true>(zx, zh, h, dNext, dzx, dzh, dh, slope, part);
  else gruGradientOf<false>(zx, zh, h, dNext, dzx, dzh, dh, slope, part);
}

void highway(const float* ps, const float* z, float* next, Part part) {
  const std::size_t n = part.inner;
  eachRow<2>(part, [=](std::size_t state, std::size_t wide, std::size_t length) {
    const float *p = ps + wide, *s = p + n, *old = z + state;
    float* out = next + state;
#pragma omp simd
    for (std::size_t k = 0; k < length; k++) {
      const Two parts = valuesOf(logisticRatio(s[k]), tangentRatio(p[k]));
      const float gate = parts.first, fresh = parts.second;
      out[k] = gate * fresh + (1 - gate) * old[k];
    }
  });
}

void highwayGradient(const float* ps, const float* z, const float* dNext, float* dps, float* dz, Part part) {
  const std::size_t n = part.inner;
  eachRow<2>(part, [=](std::size_t state, std::size_t wide, std::size_t length) {
    const float *p = ps + wide, *s = p + n, *old = z + state, *dIn = dNext + state;
    float *dp = dps + wide, *ds = dp + n, *dOld = dz + state;
#pragma omp simd
    for (std::size_t k = 0; k < length; k++) {
      const float d = dIn[k];
      const Two parts = valuesOf(logisticRatio(s[k]), tangentRatio(p[k]));
      const float gate = parts.first, fresh = parts.second;
      dp[k] = d * gate * (1 - fresh * fresh);
      ds[k] = d * (fresh - old[k]) * gate * (1 - gate);
      dOld[k] = d * (1 - gate);
    }
  });
}

}  // namespace

const Gates gates{lstm, lstmGradient, memory,  memoryGradient, output,
                  outputGradient,     gru,    gruGradient,     highway, highwayGradient};

}  // namespace MS_ISA
}  // namespace ms
