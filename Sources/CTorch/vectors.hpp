// Vectors of 16 numbers, one register of AVX-512 or two of AVX2, and bfloat16, the upper half of a float32.
#pragma once

#include "instruction_sets.hpp"

#include <bit>
#include <cstdint>

namespace ctorch {

/// The numbers in a vector.
constexpr int width = 16;

typedef float Floats __attribute__((vector_size(4 * width)));
typedef uint32_t Words __attribute__((vector_size(4 * width)));
typedef int32_t Integers __attribute__((vector_size(4 * width)));
typedef uint16_t Halves __attribute__((vector_size(2 * width)));

CT_INLINE float from_bfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }
CT_INLINE Floats from_bfloat16(Halves bits) { return std::bit_cast<Floats>(__builtin_convertvector(bits, Words) << 16); }

/// To nearest, ties to even; a NaN stays one.
CT_INLINE uint16_t to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  return value == value ? uint16_t((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16) : 0x7fc0;
}
CT_INLINE Halves to_bfloat16(Floats value) {
  const Words bits = std::bit_cast<Words>(value);
  const Words rounded = (bits + 0x7fffu + ((bits >> 16) & 1)) >> 16;
  return __builtin_convertvector(value == value ? rounded : rounded * 0 + 0x7fc0u, Halves);
}

} // namespace ctorch
