#include "support.hpp"

#include <ATen/Functions.h>

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
