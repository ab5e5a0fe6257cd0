#include "support.hpp"

#include <ATen/Functions.h>

using namespace ctorch;

CTStatus ct_pad(CTTensor *out, CTTensor input, CTIntArray padding, double fill) {
  return returning(out, [&] { return at::constant_pad_nd(value(input), list(padding), fill); });
}

CTStatus ct_linear(CTTensor *out, CTTensor input, CTTensor weight, CTTensor bias) {
  return returning(out, [&] { return at::linear(value(input), value(weight), optional(bias)); });
}

CTStatus ct_relu(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::relu(value(self)); });
}

CTStatus ct_hardtanh(CTTensor *out, CTTensor self, double min, double max) {
  return returning(out, [&] { return at::hardtanh(value(self), min, max); });
}

CTStatus ct_layer_norm(CTTensor *out, CTTensor self, CTTensor weight, CTTensor bias, double eps) {
  return returning(out, [&] {
    return at::layer_norm(value(self), value(weight).sizes(), value(weight), value(bias), eps);
  });
}

CTStatus ct_gelu(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::gelu(value(self), "none"); });
}

CTStatus ct_silu(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::silu(value(self)); });
}

CTStatus ct_sigmoid(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::sigmoid(value(self)); });
}

CTStatus ct_attention(CTTensor *out, CTTensor query, CTTensor key, CTTensor values, CTTensor mask) {
  return returning(
      out, [&] { return at::scaled_dot_product_attention(value(query), value(key), value(values), optional(mask)); });
}

CTStatus ct_tanh(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::tanh(value(self)); });
}

CTStatus ct_embedding(CTTensor *out, CTTensor weight, CTTensor numbers) {
  return returning(out, [&] { return at::embedding(value(weight), value(numbers).clamp_min(0)); });
}

CTStatus ct_at_least(CTTensor *out, CTTensor self, double value) {
  return returning(out, [&] { return ctorch::value(self).ge(value); });
}

CTStatus ct_expand(CTTensor *out, CTTensor self, CTIntArray size) {
  return returning(out, [&] { return value(self).expand(list(size)); });
}

CTStatus ct_upsample_bicubic2d(CTTensor *out, CTTensor self, int64_t height, int64_t width, bool align_corners) {
  return returning(out, [&] { return at::upsample_bicubic2d(value(self), {height, width}, align_corners); });
}

CTStatus ct_max_pool2d(CTTensor *out, CTTensor self, int64_t kernel, int64_t stride, int64_t padding) {
  return returning(out, [&] { return at::max_pool2d(value(self), {kernel, kernel}, {stride, stride}, {padding, padding}); });
}

CTStatus ct_avg_pool2d(CTTensor *out, CTTensor self, int64_t kernel, int64_t stride, int64_t padding) {
  return returning(out, [&] { return at::avg_pool2d(value(self), {kernel, kernel}, {stride, stride}, {padding, padding}); });
}

CTStatus ct_log_softmax(CTTensor *out, CTTensor self, int64_t dim) {
  return returning(out, [&] { return at::log_softmax(value(self), dim); });
}

CTStatus ct_cross_entropy(CTTensor *out, CTTensor logits, CTTensor targets) {
  return returning(out, [&] { return at::cross_entropy_loss(value(logits), value(targets)); });
}

CTStatus ct_log_likelihood(CTTensor *out, CTTensor logits, CTTensor targets) {
  return returning(out, [&] {
    return at::log_softmax(value(logits), 1).gather(1, value(targets).unsqueeze(1)).squeeze(1);
  });
}
