#include "support.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <algorithm>

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

CTStatus ct_dot_double(double *out, CTTensor self, CTTensor other) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    const at::Tensor &a = value(self);
    // By parts, so that the float64 copies stay small beside the vectors; a GPU starts several kernels for each.
    const int64_t part = a.is_cuda() ? 1 << 24 : 1 << 18;
    TORCH_CHECK(a.dim() == 1 && (!other || value(other).sizes() == a.sizes()), "two flat vectors of one length expected");
    at::Tensor sum = at::zeros({}, a.options().dtype(at::kDouble));
    for (int64_t start = 0; start < a.numel(); start += part) {
      int64_t length = std::min(part, a.numel() - start);
      at::Tensor product = a.narrow(0, start, length).to(at::kDouble);
      if (other) product = product.mul(value(other).narrow(0, start, length).to(at::kDouble));
      sum.add_(product.sum());
    }
    *out = sum.item<double>();
  });
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

CTStatus ct_add_product_(CTTensor self, CTTensor a, CTTensor b) {
  return guarded([&] { value(self).addcmul_(value(a), value(b)); });
}

CTStatus ct_mul_scalar_(CTTensor self, double scalar) {
  return guarded([&] { value(self).mul_(scalar); });
}
