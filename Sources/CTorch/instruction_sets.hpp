// One source, three instruction sets: what every x86-64 processor has, AVX2, and AVX-512, chosen at run time.
#pragma once

#include "ctorch.h"

// Functions that take or return vectors are inlined into an instruction set's variant, so that how these would be passed
// does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

/// What runs inside an instruction set's variant must be inlined into it, to be compiled for it.
#define CT_INLINE inline __attribute__((always_inline))

namespace ctorch {

template <class Body> void run_baseline(const Body &body) { body(); }

template <class Body> __attribute__((target("avx2"))) void run_avx2(const Body &body) { body(); }

template <class Body>
__attribute__((target("avx512f,avx512dq,avx512vl"), min_vector_width(512))) void run_avx512(const Body &body) {
  body();
}

/// Runs a body, whose call operator is CT_INLINE, compiled for an instruction set that this processor must have.
template <class Body> void run(CTInstructionSet isa, const Body &body) {
  static const CTInstructionSet best = ct_instruction_set_available(CT_ISA_AVX512) ? CT_ISA_AVX512
                                       : ct_instruction_set_available(CT_ISA_AVX2) ? CT_ISA_AVX2
                                                                                   : CT_ISA_BASELINE;
  switch (isa == CT_ISA_BEST ? best : isa) {
  case CT_ISA_AVX512:
    return run_avx512(body);
  case CT_ISA_AVX2:
    return run_avx2(body);
  default:
    return run_baseline(body);
  }
}

} // namespace ctorch
