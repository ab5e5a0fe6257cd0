// Standard normal numbers as a pure function of (seed, step, index): Philox4x32-10 (Salmon, Moraes, Dror, Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011) followed by the Box–Muller transform. Nothing is stored, so
// any part of ε can be drawn again, in any order, on any number of threads.
//
// Index i is lane i % 4 of block i / 4. The counter is (block, step), the key is the seed. Only +, −, × and sqrt are
// used, without contraction, so every instruction set gives the same bits.
#pragma once

#include "instruction_sets.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#pragma clang fp contract(off)

namespace ctorch::normal {

constexpr int width = 16; // blocks computed side by side: one AVX-512 register of 32-bit words


/// One round for `width` counters: two 32 × 32 → 64 bit products, crossed.
CT_INLINE void philox_round(uint32_t (&c)[4][width], uint32_t k0, uint32_t k1) {
  for (int i = 0; i < width; ++i) {
    uint64_t p0 = uint64_t(0xD2511F53u) * c[0][i];
    uint64_t p1 = uint64_t(0xCD9E8D57u) * c[2][i];
    uint32_t c1 = c[1][i], c3 = c[3][i];
    c[0][i] = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c[1][i] = uint32_t(p1);
    c[2][i] = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c[3][i] = uint32_t(p0);
  }
}

/// −2 ln((x + ½) / 2³²), from the exponent and a polynomial of the mantissa in [√½, √2): fitted to 4e-8 relative.
CT_INLINE float minus_two_log_uniform(uint32_t x) {
  // Of x's bits the float keeps 24; the ½ keeps the logarithm's argument above 0.
  float u = (float(int32_t(x >> 1)) + 0.25f) * 0x1p-31f;
  int32_t bits = std::bit_cast<int32_t>(u) - 0x3f3504f3; // √½
  int32_t exponent = bits >> 23;
  float m = std::bit_cast<float>((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
  float z = m * m;
  // ln(1 + m) = m − m²/2 + m³ P(m), P fitted by least squares at Chebyshev nodes of [√½ − 1, √2 − 1].
  float p = 0.333339726f + m * (-0.250009694f + m * (0.199605965f + m * (-0.165879491f + m * (0.149509795f + m *
            (-0.141974718f + m * 0.0850695338f)))));
  float log = (m - 0.5f * z) + (z * m) * p;
  return -2.0f * (log + float(exponent) * 0.693147180559945f);
}

/// cos and sin of 2πu for u = x / 2³²: the quadrant from the top two bits, polynomials on [−π/4, π/4].
CT_INLINE void cos_sin_turn(uint32_t x, float &cosine, float &sine) {
  uint32_t shifted = x + 0x20000000u; // an eighth of a turn, so that the remainder is centred
  uint32_t quadrant = shifted >> 30;
  float r = float(int32_t(shifted & 0x3fffffffu) - 0x20000000) * (1.57079632679489662f * 0x1p-30f);
  float z = r * r;
  float s = r + r * z * (-1.66666546e-1f + z * (8.33216087e-3f + z * -1.95152959e-4f));
  float c = 1.0f - 0.5f * z + z * z * (4.16666457e-2f + z * (-1.38873163e-3f + z * 2.44331571e-5f));
  bool swapped = quadrant & 1;
  float a = swapped ? s : c, b = swapped ? c : s;
  cosine = ((quadrant + 1) & 2) ? -a : a;
  sine = (quadrant & 2) ? -b : b;
}

/// The 4 × width draws of blocks block, block + 1, …, interleaved as indices run.
CT_INLINE void normal_blocks(float *out, uint64_t seed, uint64_t step, uint64_t block) {
  uint32_t c[4][width];
  for (int i = 0; i < width; ++i) {
    uint64_t b = block + uint64_t(i);
    c[0][i] = uint32_t(b);
    c[1][i] = uint32_t(b >> 32);
    c[2][i] = uint32_t(step);
    c[3][i] = uint32_t(step >> 32);
  }
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    philox_round(c, k0, k1);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int i = 0; i < width; ++i) {
    float cos0, sin0, cos1, sin1;
    float r0 = std::sqrt(minus_two_log_uniform(c[0][i]));
    float r1 = std::sqrt(minus_two_log_uniform(c[2][i]));
    cos_sin_turn(c[1][i], cos0, sin0);
    cos_sin_turn(c[3][i], cos1, sin1);
    out[4 * i] = r0 * cos0;
    out[4 * i + 1] = r0 * sin0;
    out[4 * i + 2] = r1 * cos1;
    out[4 * i + 3] = r1 * sin1;
  }
}

CT_INLINE void fill(float *out, size_t count, uint64_t seed, uint64_t step, uint64_t start) {
  constexpr size_t batch = 4 * width;
  float buffer[batch];
  uint64_t end = start + count;
  for (uint64_t position = start; position < end;) {
    uint64_t block = position / 4, first = block * 4;
    if (position == first && end - position >= batch) {
      normal_blocks(out, seed, step, block);
      out += batch;
      position += batch;
    } else {
      normal_blocks(buffer, seed, step, block);
      uint64_t stop = end < first + batch ? end : first + batch;
      std::memcpy(out, buffer + (position - first), (stop - position) * sizeof(float));
      out += stop - position;
      position = stop;
    }
  }
}

} // namespace ctorch::normal
