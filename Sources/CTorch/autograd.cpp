#include "support.hpp"

#include <c10/core/GradMode.h>

using namespace ctorch;

bool ct_set_grad_enabled(bool enabled) {
  bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(enabled);
  return before;
}

CTStatus ct_detach(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return value(self).detach(); });
}

CTStatus ct_set_requires_grad(CTTensor self, bool requires_grad) {
  return guarded([&] { value(self).set_requires_grad(requires_grad); });
}

bool ct_requires_grad(CTTensor self) { return value(self).requires_grad(); }

CTStatus ct_grad(CTTensor *out, CTTensor self) {
  return guarded([&] {
    const at::Tensor &grad = value(self).grad();
    *out = grad.defined() ? new CTTensorBox{grad} : nullptr;
  });
}

CTStatus ct_set_grad(CTTensor self, CTTensor grad) {
  return guarded([&] { value(self).mutable_grad() = value(grad); });
}

CTStatus ct_backward(CTTensor loss) {
  return guarded([&] { value(loss).backward(); });
}
