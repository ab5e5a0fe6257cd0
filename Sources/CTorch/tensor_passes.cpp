// The three passes of passes.cpp as libtorch's operations on whole vectors, for any type and device.
//
// Scalars are tensors: on a GPU nothing waits for the host, so that a step can be captured in a graph. A bfloat16 vector
// is copied and added flat, as the other vectors are; no pass knows parameters.
#include "passes.hpp"

using namespace ctorch;

namespace {

/// A group's part of a vector.
at::Tensor part(const at::Tensor &tensor, const CTGroup &group) { return tensor.narrow(0, group.start, group.length); }
at::Tensor part(CTTensor tensor, const CTGroup &group) { return part(value(tensor), group); }

/// w̄ − m of a group.
at::Tensor deviation(CTTensor mean, CTTensor center, const CTGroup &group) {
  return group.centered ? at::sub(part(mean, group), part(center, group)) : part(mean, group);
}

/// A scalar in the type of the vectors.
at::Tensor scalar(CTTensor scalar, CTTensor like) { return value(scalar).to(value(like).scalar_type()); }

/// Σ aᵢbᵢ in float64, without a copy of a vector in float64: rows of 1024 products are summed in their own type first.
at::Tensor product_sum(const at::Tensor &a, const at::Tensor &b) {
  constexpr int64_t row = 1024;
  at::Tensor products = at::mul(a, b);
  int64_t whole = products.numel() / row * row;
  at::Tensor rows = products.narrow(0, 0, whole).view({whole / row, row}).sum(1).to(at::kDouble);
  return at::add(rows.sum(), products.narrow(0, whole, products.numel() - whole).sum().to(at::kDouble));
}

at::Tensor squared_norm(const at::Tensor &tensor) { return product_sum(tensor, tensor); }

bool has_reduced(const CTPass &pass) {
  for (size_t index = 0; index < pass.span_count; ++index)
    if (pass.spans[index].reduced) return true;
  return false;
}

/// The gradient of both precisions: each parameter has one, and zeros in the other.
at::Tensor total(const CTPass &pass, CTTensor gradients, CTTensor reduced) {
  if (!has_reduced(pass)) return value(gradients);
  TORCH_CHECK(reduced, "a bfloat16 vector expected for the reduced spans, found none");
  return at::add(value(gradients), value(reduced));
}

} // namespace

CTStatus ct_tensor_pass_sample(CTPass pass, CTTensor mean, CTTensor center, CTTensor epsilon, CTTensor sigmas,
                               CTTensor weights, CTTensor reduced, CTTensor distances) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    check_pass(pass, mean, center, {weights, epsilon}, reduced);
    at::Tensor sigma = scalar(sigmas, mean);
    for (size_t index = 0; index < pass.group_count; ++index) {
      const CTGroup &group = pass.groups[index];
      at::Tensor sample = part(weights, group);
      if (epsilon)
        at::addcmul_out(sample, part(mean, group), part(epsilon, group), sigma[index]);
      else
        sample.copy_(part(mean, group));
      value(distances)[index].copy_(squared_norm(deviation(mean, center, group)));
    }
    if (!has_reduced(pass)) return;
    TORCH_CHECK(reduced, "a bfloat16 vector expected for the reduced spans, found none");
    value(reduced).copy_(value(weights));
  });
}

CTStatus ct_tensor_pass_reduce(CTPass pass, CTTensor mean, CTTensor center, CTTensor epsilon, CTTensor gradients,
                               CTTensor reduced, CTTensor pulls, CTTensor dots, CTTensor squared_norms) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    check_pass(pass, mean, center, {gradients, epsilon}, reduced);
    at::Tensor gradient = total(pass, gradients, reduced), pull = scalar(pulls, mean);
    for (size_t index = 0; index < pass.group_count; ++index) {
      const CTGroup &group = pass.groups[index];
      at::Tensor g = part(gradient, group), dot = value(dots)[index];
      if (epsilon)
        dot.copy_(product_sum(g, part(epsilon, group)));
      else
        dot.zero_();
      value(squared_norms)[index].copy_(squared_norm(at::addcmul(g, deviation(mean, center, group), pull[index])));
    }
  });
}

CTStatus ct_tensor_pass_nesterov(CTPass pass, CTTensor mean, CTTensor center, CTTensor gradients, CTTensor reduced,
                                 CTTensor velocity, CTTensor pulls, CTTensor scale, double momentum,
                                 CTTensor learning_rate, CTTensor applied) {
  return guarded([&] {
    c10::NoGradGuard no_grad;
    check_pass(pass, mean, center, {gradients, velocity}, reduced);
    at::Tensor gradient = total(pass, gradients, reduced);
    at::Tensor pull = scalar(pulls, mean), s = scalar(scale, mean), rate = scalar(learning_rate, mean);
    auto update = [&](at::Tensor old, const at::Tensor &updated) {
      if (applied)
        at::where_out(old, value(applied), updated, old);
      else
        old.copy_(updated);
    };
    for (size_t index = 0; index < pass.group_count; ++index) {
      const CTGroup &group = pass.groups[index];
      at::Tensor g = at::addcmul(part(gradient, group), deviation(mean, center, group), pull[index]).mul_(s);
      at::Tensor v = at::add(g, part(velocity, group), momentum);
      update(part(velocity, group), v);
      update(part(mean, group), at::addcmul(part(mean, group), g.add_(v, momentum), rate, -1));
    }
    value(gradients).zero_();
    if (reduced) value(reduced).zero_();
  });
}
