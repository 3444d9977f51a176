#pragma once

/**
 * Every file in this folder is compiled once for each instruction set, with MS_ISA naming the set: generic, and on x86-64
 * avx2 and avx512. A family declares a table of functions, each set defines one, and `pick` takes the best the processor has.
 *
 * No templates or inline functions of the standard library in these files: the linker keeps one copy of each for the whole
 * program, and that could be the one with instructions the processor lacks. Helpers are `static` or in the namespace MS_ISA.
 */
namespace ms {

enum class Isa { generic, avx2, avx512 };

/** What this processor has; MS_RNN_ISA (generic, avx2, avx512) can ask for less. */
Isa isa();

template <class Table>
const Table& pick([[maybe_unused]] const Table& generic, [[maybe_unused]] const Table& avx2,
                  [[maybe_unused]] const Table& avx512) {
  switch (isa()) {
    case Isa::avx512: return avx512;
    case Isa::avx2: return avx2;
    default: return generic;
  }
}

}  // namespace ms

/** Declares `name()`, the table of a family for this processor. Use inside namespace ms. */
#if defined(__x86_64__)
#define MS_TABLE(Type, name)                      \
  namespace generic { extern const Type name; }   \
  namespace avx2 { extern const Type name; }      \
  namespace avx512 { extern const Type name; }    \
  inline const Type& name() { return pick(generic::name, avx2::name, avx512::name); }
#else
#define MS_TABLE(Type, name)                      \
  namespace generic { extern const Type name; }   \
  inline const Type& name() { return generic::name; }
#endif
