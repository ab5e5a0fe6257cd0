#include "normal.hpp"

bool ct_instruction_set_available(CTInstructionSet isa) {
  switch (isa) {
  case CT_ISA_AVX2:
    return __builtin_cpu_supports("avx2");
  case CT_ISA_AVX512:
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  default:
    return true;
  }
}

void ct_normal(float *out, size_t count, uint64_t seed, uint64_t step, uint64_t start, CTInstructionSet isa) {
  ctorch::run(isa, [=]() __attribute__((always_inline)) { ctorch::normal::fill(out, count, seed, step, start); });
}
