// The most that one core can multiply and add: what the convolutions' rate is measured against.
#pragma once

#include <stdbool.h>

/// Runs fused multiply-adds of this core's widest vectors, all independent, for about `seconds`, and returns how many
/// floating-point operations a second that was: two per product. With `bfloat16`, AVX512-BF16's products of pairs, summed in
/// float32. Returns 0 where the processor has neither AVX2 nor AVX-512 (or not AVX512-BF16), or has AMX for bfloat16, whose
/// tiles do more.
double multiply_add_rate(bool bfloat16, double seconds);
