#include "multiply_add.h"

#include <cpuid.h>
#include <immintrin.h>
#include <time.h>

// Twelve sums, as each depends on the one before it for four to six cycles, and two start in a cycle.
enum { SUMS = 12, ROUNDS = 100000 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 12")
#endif

// The sums stay in registers, as the loop over them is unrolled; the compiler cannot add beforehand what it does not know, `one`.
#define LOOP(NAME, TARGET, VECTOR, ZERO, ADD, FIRST)                                                                   \
  __attribute__((target(TARGET))) static float NAME(float one) {                                                       \
    VECTOR sums[SUMS];                                                                                                 \
    for (int i = 0; i < SUMS; i++) sums[i] = ZERO;                                                                     \
    for (long round = 0; round < ROUNDS; round++) {                                                                    \
      UNROLLED for (int i = 0; i < SUMS; i++) sums[i] = ADD;                                                           \
    }                                                                                                                  \
    float total = 0;                                                                                                   \
    for (int i = 0; i < SUMS; i++) total += FIRST(sums[i]);                                                            \
    return total;                                                                                                      \
  }

LOOP(avx2, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_fmadd_ps(_mm256_set1_ps(one), sums[i], _mm256_set1_ps(one)),
     _mm256_cvtss_f32)
LOOP(avx512, "avx512f", __m512, _mm512_setzero_ps(), _mm512_fmadd_ps(_mm512_set1_ps(one), sums[i], _mm512_set1_ps(one)),
     _mm512_cvtss_f32)
LOOP(avx512_bf16, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(),
     _mm512_dpbf16_ps(sums[i], (__m512bh)_mm512_set1_ps(one), (__m512bh)_mm512_set1_ps(one)), _mm512_cvtss_f32)

static bool has_amx_bf16(void) {
  unsigned a, b, c, d;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1);
}

double multiply_add_rate(bool bfloat16, double seconds) {
  float (*loop)(float) = NULL;
  double operations = 0;
  if (bfloat16) {
    if (__builtin_cpu_supports("avx512bf16") && !has_amx_bf16()) loop = avx512_bf16, operations = 64;
  } else if (__builtin_cpu_supports("avx512f")) {
    loop = avx512, operations = 32;
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    loop = avx2, operations = 16;
  }
  if (loop == NULL) return 0;
  volatile float one = 1, result;
  double best = 0;
  for (double end = now() + seconds; now() < end;) {
    double start = now();
    result = loop(one);
    double rate = operations * SUMS * ROUNDS / (now() - start);
    if (rate > best) best = rate;
  }
  (void)result;
  return best;
}
