#include "support.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <stdexcept>

using namespace ctorch;

CTStatus ct_add(CTTensor *out, CTTensor self, CTTensor other, double alpha) {
  return returning(out, [&] { return at::add(value(self), value(other), alpha); });
}

CTStatus ct_mul(CTTensor *out, CTTensor self, CTTensor other) {
  return returning(out, [&] { return at::mul(value(self), value(other)); });
}

CTStatus ct_div(CTTensor *out, CTTensor self, CTTensor other) {
  return returning(out, [&] { return at::div(value(self), value(other)); });
}

CTStatus ct_mul_scalar(CTTensor *out, CTTensor self, double scalar) {
  return returning(out, [&] { return at::mul(value(self), scalar); });
}

CTStatus ct_add_scalar(CTTensor *out, CTTensor self, double scalar) {
  return returning(out, [&] { return at::add(value(self), scalar); });
}

CTStatus ct_sum(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::sum(value(self)); });
}

CTStatus ct_mean(CTTensor *out, CTTensor self, CTIntArray dims, bool keepdim) {
  return returning(out, [&] { return at::mean(value(self), list(dims), keepdim); });
}

CTStatus ct_argmax(CTTensor *out, CTTensor self, int64_t dim) {
  return returning(out, [&] { return at::argmax(value(self), dim); });
}

CTStatus ct_all_finite(bool *out, CTTensor self) {
  return guarded([&] { *out = at::isfinite(value(self)).all().item<bool>(); });
}

CTStatus ct_zero_(CTTensor self) {
  return guarded([&] { value(self).zero_(); });
}

CTStatus ct_copy_(CTTensor self, CTTensor source) {
  return guarded([&] { value(self).copy_(value(source)); });
}

CTStatus ct_add_(CTTensor self, CTTensor other, double alpha) {
  return guarded([&] { value(self).add_(value(other), alpha); });
}

CTStatus ct_mul_scalar_(CTTensor self, double scalar) {
  return guarded([&] { value(self).mul_(scalar); });
}

CTStatus ct_add_difference_(CTTensor self, CTTensor a, CTTensor b, double alpha) {
  return guarded([&] { value(self).add_(at::sub(value(a), value(b)), alpha); });
}

namespace {

/// Σ term(aᵢ, bᵢ) in float64. Eight running sums, in an order that does not depend on threads or vector width.
template <class Scalar, class Term> double reduce(const Scalar *a, const Scalar *b, int64_t count, Term term) {
  constexpr int lanes = 8;
  double sums[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int lane = 0; lane < lanes; ++lane) sums[lane] += term(double(a[i + lane]), double(b[i + lane]));
  for (int lane = 0; i < count; ++i, ++lane) sums[lane] += term(double(a[i]), double(b[i]));
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

/// Reduces two flat vectors without a temporary on the CPU, and by libtorch's own kernels elsewhere.
template <class Term, class Elsewhere>
double reduce(const at::Tensor &a, const at::Tensor &b, Term term, Elsewhere elsewhere) {
  TORCH_CHECK(a.dim() == 1 && a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() && a.device() == b.device(),
              "two flat vectors of one length, dtype and device expected, found ", a.sizes(), " ", a.scalar_type(),
              " on ", a.device(), " and ", b.sizes(), " ", b.scalar_type(), " on ", b.device());
  if (a.is_cpu() && a.is_contiguous() && b.is_contiguous()) {
    // The untyped pointer: GCC, which built libtorch, and Clang mangle the typed accessor's template differently.
    const void *x = a.const_data_ptr(), *y = b.const_data_ptr();
    if (a.scalar_type() == at::kFloat)
      return reduce(static_cast<const float *>(x), static_cast<const float *>(y), a.numel(), term);
    if (a.scalar_type() == at::kDouble)
      return reduce(static_cast<const double *>(x), static_cast<const double *>(y), a.numel(), term);
  }
  c10::NoGradGuard no_grad;
  return elsewhere().template item<double>();
}

} // namespace

CTStatus ct_dot_float64(double *out, CTTensor a, CTTensor b) {
  return guarded([&] {
    *out = reduce(
        value(a), value(b), [](double x, double y) { return x * y; },
        [&] { return at::dot(value(a).to(at::kDouble), value(b).to(at::kDouble)); });
  });
}

CTStatus ct_squared_distance_float64(double *out, CTTensor a, CTTensor b) {
  return guarded([&] {
    *out = reduce(
        value(a), value(b), [](double x, double y) { return (x - y) * (x - y); },
        [&] { return at::sub(value(a).to(at::kDouble), value(b).to(at::kDouble)).square().sum(); });
  });
}
