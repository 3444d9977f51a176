#include "../kernels/isa.h"

#include <cstdlib>
#include <cstring>

namespace ms {
namespace {

Isa best() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::generic;
  const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return wide ? Isa::avx512 : Isa::avx2;
#else
  return Isa::generic;
#endif
}

Isa choose() {
  const Isa has = best();
  const char* wish = std::getenv("MS_RNN_ISA");
  if (!wish) return has;
  if (std::strcmp(wish, "generic") == 0) return Isa::generic;
  if (std::strcmp(wish, "avx2") == 0 && has != Isa::generic) return Isa::avx2;
  return has;
}

}  // namespace

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

}  // namespace ms
