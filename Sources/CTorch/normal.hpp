// Standard normal numbers as a pure function of (seed, step, index): Philox4x32-10 (Salmon, Moraes, Dror, Shaw,
// "Parallel random numbers: as easy as 1, 2, 3", SC 2011) followed by the Box–Muller transform. Nothing is stored, so
// any part of ε can be drawn again, in any order, on any number of threads.
//
// Index i is lane i % 4 of block i / 4. The counter is (block, step), the key is the seed. Only +, −, × and sqrt are
// used, without contraction, so every instruction set gives the same bits.
#pragma once

#include "vectors.hpp"

#include <cstdint>
#include <cstring>

#pragma clang fp contract(off)

namespace ctorch::normal {

// A vector has a lane for each of `width` blocks, which are computed side by side.

/// The lanes of 64 bits in a vector's register.
constexpr int half = width / 2;

typedef uint64_t Counters __attribute__((vector_size(8 * half)));

/// The ten rounds, each of two 32 × 32 → 64 bit products, crossed. Of a lane's 64 bits the lower 32 are a counter's word; what
/// products leave above them is not read.
CT_INLINE void philox(Counters (&c)[4], uint64_t seed) {
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const Counters p0 = (c[0] & 0xffffffffu) * uint64_t(0xD2511F53u);
    const Counters p1 = (c[2] & 0xffffffffu) * uint64_t(0xCD9E8D57u);
    c[0] = (p1 >> 32) ^ c[1] ^ uint64_t(k0);
    c[1] = p1;
    c[2] = (p0 >> 32) ^ c[3] ^ uint64_t(k1);
    c[3] = p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

/// −2 ln((x + ½) / 2³²), from the exponent and a polynomial of the mantissa in [√½, √2): fitted to 4e-8 relative.
CT_INLINE Floats minus_two_log_uniform(Words x) {
  // Of x's bits the float keeps 24; the ½ keeps the logarithm's argument above 0.
  const Floats u = (__builtin_convertvector(Integers(x >> 1), Floats) + 0.25f) * 0x1p-31f;
  const Integers bits = Integers(u) - 0x3f3504f3; // √½
  const Integers exponent = bits >> 23;
  const Floats m = Floats((bits & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const Floats z = m * m;
  // ln(1 + m) = m − m²/2 + m³ P(m), P fitted by least squares at Chebyshev nodes of [√½ − 1, √2 − 1].
  const Floats p = 0.333339726f + m * (-0.250009694f + m * (0.199605965f + m * (-0.165879491f + m * (0.149509795f + m *
                   (-0.141974718f + m * 0.0850695338f)))));
  const Floats log = (m - 0.5f * z) + (z * m) * p;
  return -2.0f * (log + __builtin_convertvector(exponent, Floats) * 0.693147180559945f);
}

/// cos and sin of 2πu for u = x / 2³²: the quadrant from the top two bits, polynomials on [−π/4, π/4].
CT_INLINE void cos_sin_turn(Words x, Floats &cosine, Floats &sine) {
  const Words shifted = x + 0x20000000u; // an eighth of a turn, so that the remainder is centred
  const Words quadrant = shifted >> 30;
  const Floats r = __builtin_convertvector(Integers(shifted & 0x3fffffffu) - 0x20000000, Floats) *
                   (1.57079632679489662f * 0x1p-30f);
  const Floats z = r * r;
  const Floats s = r + r * z * (-1.66666546e-1f + z * (8.33216087e-3f + z * -1.95152959e-4f));
  const Floats c = 1.0f - 0.5f * z + z * z * (4.16666457e-2f + z * (-1.38873163e-3f + z * 2.44331571e-5f));
  const Integers swapped = (quadrant & 1) != 0;
  // A float's highest bit is its sign.
  cosine = Floats(Words(swapped ? s : c) ^ ((quadrant + 1) >> 1 << 31));
  sine = Floats(Words(swapped ? c : s) ^ (quadrant >> 1 << 31));
}

/// The words in two vectors of counters.
CT_INLINE Words words(Counters first, Counters second) {
  typedef uint32_t HalfWords __attribute__((vector_size(4 * half)));
  return __builtin_shufflevector(__builtin_convertvector(first, HalfWords), __builtin_convertvector(second, HalfWords), 0, 1,
                                 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

/// Writes a[0], b[0], c[0], d[0], a[1], b[1], …
CT_INLINE void store_interleaved(float *out, Floats a, Floats b, Floats c, Floats d) {
  typedef double Pairs __attribute__((vector_size(4 * width)));
  const auto store = [&](int block, Pairs ab, Pairs cd) __attribute__((always_inline)) {
    const Pairs low = __builtin_shufflevector(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11);
    const Pairs high = __builtin_shufflevector(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15);
    std::memcpy(out + 4 * block, &low, sizeof low);
    std::memcpy(out + 4 * block + width, &high, sizeof high);
  };
  store(0, Pairs(__builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)),
        Pairs(__builtin_shufflevector(c, d, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)));
  store(half, Pairs(__builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)),
        Pairs(__builtin_shufflevector(c, d, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)));
}

/// The 4 × width draws of blocks block, block + 1, …, interleaved as indices run.
CT_INLINE void normal_blocks(float *out, uint64_t seed, uint64_t step, uint64_t block) {
  const Counters zero{}, first = Counters{0, 1, 2, 3, 4, 5, 6, 7} + block, second = first + uint64_t(half);
  Counters c[4] = {first, first >> 32, zero + step, zero + (step >> 32)};
  Counters d[4] = {second, second >> 32, c[2], c[3]};
  philox(c, seed);
  philox(d, seed);
  Floats cos0, sin0, cos1, sin1;
  const Floats r0 = __builtin_elementwise_sqrt(minus_two_log_uniform(words(c[0], d[0])));
  const Floats r1 = __builtin_elementwise_sqrt(minus_two_log_uniform(words(c[2], d[2])));
  cos_sin_turn(words(c[1], d[1]), cos0, sin0);
  cos_sin_turn(words(c[3], d[3]), cos1, sin1);
  store_interleaved(out, r0 * cos0, r0 * sin0, r1 * cos1, r1 * sin1);
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
