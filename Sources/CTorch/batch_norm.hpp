// The loops of batch_norm.cpp: over a chunk of rows, some columns at a time, whose sums stay in registers. `Vector` is
// `Floats`, or `float` for rows that do not fill vectors; `Stored` is how the values lie in memory.
#pragma once

#include "vectors.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace ctorch::batch_norm {

/// A value in memory.
struct BFloat16 {
  uint16_t bits;
};

template <class Vector> constexpr int lanes = sizeof(Vector) / sizeof(float);

template <class Vector> CT_INLINE Vector load(const float *from) {
  Vector out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

template <class Vector> CT_INLINE Vector load(const BFloat16 *from) {
  std::conditional_t<lanes<Vector> == 1, uint16_t, Halves> bits;
  std::memcpy(&bits, from, sizeof bits);
  return from_bfloat16(bits);
}

/// Writes a value into the caches, or `streamed` past them: a vector then, which must lie at a multiple of its size.
template <class Value> CT_INLINE void put(void *to, Value value, bool streamed) {
  if constexpr (sizeof(Value) > sizeof(float))
    if (streamed) return __builtin_nontemporal_store(value, static_cast<Value *>(to));
  std::memcpy(to, &value, sizeof value);
}

template <class Vector> CT_INLINE void store(float *to, Vector value, bool streamed = false) { put(to, value, streamed); }

template <class Vector> CT_INLINE void store(BFloat16 *to, Vector value, bool streamed = false) {
  put(to, to_bfloat16(value), streamed);
}

/// A NaN stays one.
template <int activation, class Vector> CT_INLINE Vector activated(Vector z) {
  const Vector zero{}, six = zero + 6.0f;
  if constexpr (activation != CT_ACTIVATION_NONE) z = z < zero ? zero : z;
  if constexpr (activation == CT_ACTIVATION_RELU6) z = z > six ? six : z;
  return z;
}

/// The gradient in front of the activation, of that behind it: z is its input, or of ReLU its output.
template <int activation, class Vector> CT_INLINE Vector in_front(Vector gradient, Vector z) {
  const Vector zero{}, six = zero + 6.0f;
  if constexpr (activation != CT_ACTIVATION_NONE) gradient = z <= zero ? zero : gradient;
  if constexpr (activation == CT_ACTIVATION_RELU6) gradient = z >= six ? zero : gradient;
  return gradient;
}

/// Calls body.template operator()<vectors>(column) for blocks of so many vectors of columns.
template <class Vector, class Body> CT_INLINE void for_columns(int64_t columns, const Body &body) {
  int64_t column = 0;
  for (; column + 4 * lanes<Vector> <= columns; column += 4 * lanes<Vector>) body.template operator()<4>(column);
  for (; column < columns; column += lanes<Vector>) body.template operator()<1>(column);
}

/// Calls body with the activation as a constant.
template <class Body> CT_INLINE void with_activation(int64_t activation, const Body &body) {
  switch (activation) {
  case CT_ACTIVATION_RELU:
    return body.template operator()<CT_ACTIVATION_RELU>();
  case CT_ACTIVATION_RELU6:
    return body.template operator()<CT_ACTIVATION_RELU6>();
  default:
    return body.template operator()<CT_ACTIVATION_NONE>();
  }
}

/// Σ (x − first) and Σ (x − first)² of each column.
template <class Vector, class Stored>
CT_INLINE void moments(const Stored *x, int64_t rows, int64_t columns, const float *first, float *sums, float *squares) {
  for_columns<Vector>(columns, [&]<int vectors>(int64_t column) __attribute__((always_inline)) {
    Vector shift[vectors], sum[vectors]{}, square[vectors]{};
    for (int v = 0; v < vectors; ++v) shift[v] = load<Vector>(first + column + v * lanes<Vector>);
    for (int64_t row = 0; row < rows; ++row)
      for (int v = 0; v < vectors; ++v) {
        const Vector d = load<Vector>(x + row * columns + column + v * lanes<Vector>) - shift[v];
        sum[v] += d;
        square[v] += d * d;
      }
    for (int v = 0; v < vectors; ++v) {
      store(sums + column + v * lanes<Vector>, sum[v]);
      store(squares + column + v * lanes<Vector>, square[v]);
    }
  });
}

/// For every column: before the activation stands (x − mean) · scale + offset.
struct Scaling {
  const float *mean, *scale, *offset;
};

/// A block of columns' scaling, in registers.
template <class Vector, int vectors> struct Block {
  Vector mean[vectors], scale[vectors], offset[vectors];

  CT_INLINE Block(const Scaling &scaling, int64_t column) {
    for (int v = 0; v < vectors; ++v) {
      const int64_t at = column + v * lanes<Vector>;
      mean[v] = load<Vector>(scaling.mean + at);
      scale[v] = load<Vector>(scaling.scale + at);
      offset[v] = load<Vector>(scaling.offset + at);
    }
  }
};

/// y = activation((x − mean) · scale + offset + added).
template <class Vector, class Stored>
CT_INLINE void normalize(const Stored *x, const Stored *added, Stored *y, int64_t rows, int64_t columns,
                         const Scaling &scaling, int64_t activation, bool streamed) {
  with_activation(activation, [&]<int activation>() __attribute__((always_inline)) {
    for_columns<Vector>(columns, [&]<int vectors>(int64_t column) __attribute__((always_inline)) {
      const Block<Vector, vectors> block(scaling, column);
      for (int64_t row = 0; row < rows; ++row)
        for (int v = 0; v < vectors; ++v) {
          const int64_t at = row * columns + column + v * lanes<Vector>;
          Vector z = (load<Vector>(x + at) - block.mean[v]) * block.scale[v] + block.offset[v];
          if (added) z += load<Vector>(added + at);
          store(y + at, activated<activation>(z), streamed);
        }
    });
  });
}

/// Σ g and Σ g (x − mean) of each column, g being the gradient in front of the activation; it is also written to `kept`.
///
/// The activation's input is computed again, or where `output` is given its output is read.
template <class Vector, class Stored>
CT_INLINE void reduce(const Stored *x, const Stored *gradient, const Stored *output, Stored *kept, int64_t rows,
                      int64_t columns, const Scaling &scaling, int64_t activation, bool streamed, float *sums, float *products) {
  with_activation(activation, [&]<int activation>() __attribute__((always_inline)) {
    for_columns<Vector>(columns, [&]<int vectors>(int64_t column) __attribute__((always_inline)) {
      const Block<Vector, vectors> block(scaling, column);
      Vector sum[vectors]{}, product[vectors]{};
      for (int64_t row = 0; row < rows; ++row)
        for (int v = 0; v < vectors; ++v) {
          const int64_t at = row * columns + column + v * lanes<Vector>;
          const Vector d = load<Vector>(x + at) - block.mean[v];
          const Vector z = output ? load<Vector>(output + at) : d * block.scale[v] + block.offset[v];
          const Vector g = in_front<activation>(load<Vector>(gradient + at), z);
          if (kept) store(kept + at, g, streamed);
          sum[v] += g;
          product[v] += g * d;
        }
      for (int v = 0; v < vectors; ++v) {
        store(sums + column + v * lanes<Vector>, sum[v]);
        store(products + column + v * lanes<Vector>, product[v]);
      }
    });
  });
}

/// The gradient of x: g · scale + (x − mean) · slope + constant.
template <class Vector, class Stored>
CT_INLINE void propagate(const Stored *x, const Stored *gradient, Stored *to_x, int64_t rows, int64_t columns,
                         const Scaling &scaling, const float *slope, const float *constant, int64_t activation, bool streamed) {
  with_activation(activation, [&]<int activation>() __attribute__((always_inline)) {
    for_columns<Vector>(columns, [&]<int vectors>(int64_t column) __attribute__((always_inline)) {
      const Block<Vector, vectors> block(scaling, column);
      Vector a[vectors], b[vectors];
      for (int v = 0; v < vectors; ++v) {
        a[v] = load<Vector>(slope + column + v * lanes<Vector>);
        b[v] = load<Vector>(constant + column + v * lanes<Vector>);
      }
      for (int64_t row = 0; row < rows; ++row)
        for (int v = 0; v < vectors; ++v) {
          const int64_t at = row * columns + column + v * lanes<Vector>;
          const Vector d = load<Vector>(x + at) - block.mean[v];
          const Vector g = in_front<activation>(load<Vector>(gradient + at), d * block.scale[v] + block.offset[v]);
          store(to_x + at, g * block.scale[v] + d * a[v] + b[v], streamed);
        }
    });
  });
}

} // namespace ctorch::batch_norm
