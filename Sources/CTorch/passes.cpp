// The arithmetic of one step on the whole parameter vector, in three passes over memory:
//
//   ct_pass_sample    w = w̄ + σε, and ‖w̄ − m‖²
//   ct_pass_reduce    Σ gᵢεᵢ, and ‖g'‖² of g' = g + c (w̄ − m)
//   ct_pass_nesterov  v = μv + s g', w̄ −= η (s g' + μv), g = 0
//
// For float32 on the CPU: each is one fused loop, in which ε is drawn where it is used and never stored. Sums are
// float64, in an order that depends on the spans alone: the same bits at any number of threads and in every instruction
// set. For another type or device, and where ε is given, tensor_passes.cpp has the same formulas.
#include "normal.hpp"
#include "parallel.hpp"
#include "passes.hpp"

#include <vector>

#pragma clang fp contract(off)

using namespace ctorch;

namespace {

/// Running sums per loop: a whole number of vector registers in each instruction set.
constexpr int lanes = 16;
/// Elements per draw of ε: 32 kB together with the transposed copy, so that both stay in the first-level cache.
constexpr int64_t piece_length = 4096;

struct Sums {
  double lane[lanes] = {};
  double total() const {
    double sum = 0;
    for (double value : lane) sum += value;
    return sum;
  }
};

/// Calls body(i, lane) for i < n in the fixed order of the running sums.
template <class Body> CT_INLINE void for_lanes(int64_t n, const Body &body) {
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (int lane = 0; lane < lanes; ++lane) body(i + lane, lane);
  for (int lane = 0; i < n; ++i, ++lane) body(i, lane);
}

int64_t length(const CTSpan &span) { return span.rows * span.inputs * span.positions; }

/// Calls body(position, length, ε) for consecutive pieces of a span, ε in the order of storage.
template <class Body>
CT_INLINE void with_draws(const CTSpan &span, const CTNoise &noise, std::vector<float> &scratch, const Body &body) {
  int64_t row = span.inputs * span.positions, rows = row < piece_length ? piece_length / row : 1;
  bool transposed = span.inputs > 1 && span.positions > 1;
  if (!transposed && row > piece_length) row = piece_length, rows = 1; // A span is one row then, or one per channel.
  int64_t total = length(span);
  if (int64_t(scratch.size()) < 2 * row * rows) scratch.resize(2 * row * rows);
  float *logical = scratch.data(), *stored = transposed ? logical + row * rows : logical;
  for (int64_t at = 0; at < total; at += row * rows) {
    int64_t length = total - at < row * rows ? total - at : row * rows;
    ctorch::normal::fill(logical, length, noise.seed, noise.step, span.logical + at);
    if (transposed)
      for (int64_t start = 0; start < length; start += row)
        for (int64_t position = 0; position < span.positions; ++position)
          for (int64_t input = 0; input < span.inputs; ++input)
            stored[start + position * span.inputs + input] = logical[start + input * span.positions + position];
    body(span.storage + at, length, stored);
  }
}

/// The same without noise: ε is 0 and costs nothing.
template <class Body> CT_INLINE void without_draws(const CTSpan &span, const Body &body) {
  static const float zeros[piece_length] = {};
  for (int64_t at = 0, total = length(span); at < total; at += piece_length)
    body(span.storage + at, total - at < piece_length ? total - at : piece_length, zeros);
}

/// Runs body(span, group, scratch) for every span on all threads, in the wanted instruction set.
template <class Body> void for_spans(const CTPass &pass, const Body &body) {
  parallel_for(int64_t(pass.span_count), [&](int64_t index) {
    static thread_local std::vector<float> scratch;
    const CTSpan &span = pass.spans[index];
    const CTGroup &group = pass.groups[span.group];
    run(pass.isa, [&]() __attribute__((always_inline)) { body(index, span, group, scratch); });
  });
}

/// Adds up the spans' sums, group by group, in the order of the spans.
void add_up(const CTPass &pass, const std::vector<double> &sums, double *out) {
  for (size_t group = 0; group < pass.group_count; ++group) out[group] = 0;
  for (size_t index = 0; index < pass.span_count; ++index) out[pass.spans[index].group] += sums[index];
}

template <class Scalar> Scalar *pointer(CTTensor tensor) {
  // The untyped pointer: GCC, which built libtorch, and Clang mangle the typed accessor's template differently.
  return tensor ? static_cast<Scalar *>(value(tensor).data_ptr()) : nullptr;
}

/// Refuses what the fused loops are not for.
void check_fused(const CTPass &pass, CTTensor mean, CTTensor center, std::initializer_list<CTTensor> others,
                 CTTensor half, bool needs_half = true) {
  check_pass(pass, mean, center, others, half);
  TORCH_CHECK(value(mean).is_cpu() && value(mean).scalar_type() == at::kFloat,
              "a float32 vector on the CPU expected, found ", value(mean).scalar_type(), " on ", value(mean).device());
  for (size_t index = 0; index < pass.span_count; ++index)
    TORCH_CHECK(!needs_half || !pass.spans[index].reduced || half, "a bfloat16 vector expected for the reduced spans, found none");
}

} // namespace

CTStatus ct_pass_draw(CTPass pass, uint64_t seed, uint64_t step, CTTensor epsilon) {
  return guarded([&] {
    check_fused(pass, epsilon, nullptr, {}, nullptr, /*needs_half=*/false);
    float *out = pointer<float>(epsilon);
    for_spans(pass, [&](int64_t, const CTSpan &span, const CTGroup &, std::vector<float> &scratch)
                        __attribute__((always_inline)) {
      with_draws(span, {seed, step}, scratch,
                 [&](int64_t at, int64_t n, const float *epsilon)
                     __attribute__((always_inline)) { std::memcpy(out + at, epsilon, n * sizeof(float)); });
    });
  });
}

CTStatus ct_pass_sample(CTPass pass, CTTensor mean, CTTensor center, CTNoise noise, CTTensor weights, CTTensor reduced,
                        double *squared_distances) {
  return guarded([&] {
    check_fused(pass, mean, center, {weights}, reduced);
    std::vector<double> sums(pass.span_count);
    const float *m = pointer<float>(mean), *c = pointer<float>(center);
    float *w = pointer<float>(weights);
    uint16_t *half = pointer<uint16_t>(reduced);
    for_spans(pass, [&](int64_t index, const CTSpan &span, const CTGroup &group, std::vector<float> &scratch)
                        __attribute__((always_inline)) {
      Sums sum;
      const float sigma = float(group.sigma);
      auto body = [&](int64_t at, int64_t n, const float *epsilon) __attribute__((always_inline)) {
        const float *mean = m + at;
        if (span.reduced)
          for (int64_t i = 0; i < n; ++i) half[at + i] = to_bfloat16(mean[i] + sigma * epsilon[i]);
        else
          for (int64_t i = 0; i < n; ++i) w[at + i] = mean[i] + sigma * epsilon[i];
        for_lanes(n, [&](int64_t i, int lane) __attribute__((always_inline)) {
          double distance = double(mean[i]) - (group.centered ? double(c[at + i]) : 0);
          sum.lane[lane] += distance * distance;
        });
      };
      if (sigma == 0)
        without_draws(span, body);
      else
        with_draws(span, noise, scratch, body);
      sums[index] = sum.total();
    });
    add_up(pass, sums, squared_distances);
  });
}

namespace {

/// The gradient as backward left it: in the precision in which the network read the weight.
struct Gradient {
  float *full;
  uint16_t *half;
};

/// Calls body(read, pull), two functions of an element's position: g, and c (w̄ − m).
template <class Body>
CT_INLINE void with_gradient(const CTSpan &span, const CTGroup &group, Gradient gradient, const float *mean,
                             const float *center, const Body &body) {
  const float factor = float(group.pull);
  auto half = [=](int64_t i) __attribute__((always_inline)) { return from_bfloat16(gradient.half[i]); };
  auto full = [=](int64_t i) __attribute__((always_inline)) { return gradient.full[i]; };
  auto centered = [=](int64_t i) __attribute__((always_inline)) { return factor * (mean[i] - center[i]); };
  auto plain = [=](int64_t i) __attribute__((always_inline)) { return factor * mean[i]; };
  if (span.reduced)
    group.centered ? body(half, centered) : body(half, plain);
  else
    group.centered ? body(full, centered) : body(full, plain);
}

} // namespace

CTStatus ct_pass_reduce(CTPass pass, CTTensor mean, CTTensor center, const CTNoise *noise, CTTensor gradients,
                        CTTensor reduced, double *dots, double *squared_norms) {
  return guarded([&] {
    check_fused(pass, mean, center, {gradients}, reduced);
    std::vector<double> dot(pass.span_count), norm(pass.span_count);
    const float *m = pointer<float>(mean), *c = pointer<float>(center);
    const Gradient gradient{pointer<float>(gradients), pointer<uint16_t>(reduced)};
    for_spans(pass, [&](int64_t index, const CTSpan &span, const CTGroup &group, std::vector<float> &scratch)
                        __attribute__((always_inline)) {
      Sums dot_sum, norm_sum;
      with_gradient(span, group, gradient, m, c, [&](auto read, auto pull) __attribute__((always_inline)) {
        auto add_norm = [&](int64_t at, int64_t n) __attribute__((always_inline)) {
          for_lanes(n, [&](int64_t i, int lane) __attribute__((always_inline)) {
            double total = read(at + i) + pull(at + i);
            norm_sum.lane[lane] += total * total;
          });
        };
        if (noise)
          with_draws(span, *noise, scratch,
                     [&](int64_t at, int64_t n, const float *epsilon) __attribute__((always_inline)) {
                       for_lanes(n, [&](int64_t i, int lane) __attribute__((always_inline)) {
                         dot_sum.lane[lane] += double(read(at + i)) * double(epsilon[i]);
                       });
                       add_norm(at, n);
                     });
        else
          add_norm(span.storage, length(span));
      });
      dot[index] = dot_sum.total();
      norm[index] = norm_sum.total();
    });
    add_up(pass, dot, dots);
    add_up(pass, norm, squared_norms);
  });
}

CTStatus ct_pass_nesterov(CTPass pass, CTTensor mean, CTTensor center, CTTensor gradients, CTTensor reduced,
                          CTTensor velocity, double scale, double momentum, double learning_rate) {
  return guarded([&] {
    check_fused(pass, mean, center, {gradients, velocity}, reduced);
    float *m = pointer<float>(mean), *v = pointer<float>(velocity);
    const float *c = pointer<float>(center);
    const Gradient gradient{pointer<float>(gradients), pointer<uint16_t>(reduced)};
    const float s = float(scale), mu = float(momentum), eta = float(learning_rate);
    for_spans(pass, [&](int64_t, const CTSpan &span, const CTGroup &group, std::vector<float> &)
                        __attribute__((always_inline)) {
      int64_t start = span.storage, end = start + length(span);
      with_gradient(span, group, gradient, m, c, [&](auto read, auto pull) __attribute__((always_inline)) {
        for (int64_t i = start; i < end; ++i) {
          float g = s * (read(i) + pull(i));
          v[i] = mu * v[i] + g;
          m[i] -= eta * (g + mu * v[i]);
        }
      });
      if (span.reduced)
        std::memset(gradient.half + start, 0, (end - start) * sizeof(uint16_t));
      else
        std::memset(gradient.full + start, 0, (end - start) * sizeof(float));
    });
  });
}
