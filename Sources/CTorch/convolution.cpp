// Convolutions, and those among them for which libtorch's own way back is not taken.
//
// A weight of more precision than the input, whose noise bfloat16 would lose, is read in its own precision forward, which is
// where the noise counts. Everything else stays in the input's: the output, and the way back, which would take twice as
// long in float32.
//
// oneDNN has no kernels of its own for two gradients of a depthwise convolution, and general ones take their place: in
// bfloat16 that of the input where the stride is not 1 (up to 250 times slower than in float32; MobileNetV2's four strided
// layers took more than half of its step), and that of the weight where the kernel is larger than 3 (slower by 2 to 5
// times in bfloat16, and by 2 to 6 in float32 where it is larger than 5).
#include "support.hpp"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <tuple>

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

struct Geometry {
  int64_t stride, padding, groups;

  at::Tensor forward(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias) const {
    return at::conv2d(x, weight, bias, {stride, stride}, at::IntArrayRef({padding, padding}), {1, 1}, groups);
  }

  std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(const at::Tensor &gradient, const at::Tensor &x,
                                                          const at::Tensor &weight, std::array<bool, 3> wanted) const {
    const int64_t strides[] = {stride, stride}, paddings[] = {padding, padding}, ones[] = {1, 1}, zeros[] = {0, 0};
    return at::convolution_backward(gradient, x, weight, std::nullopt, strides, paddings, ones, /*transposed=*/false,
                                    zeros, groups, wanted);
  }

  /// Whether oneDNN computes it, channel by channel.
  bool is_depthwise(const at::Tensor &x, const at::Tensor &weight) const {
    return x.is_cpu() && x.dim() == 4 && groups > 1 && groups == x.size(1) && weight.size(0) == x.size(1);
  }

  bool slow_to_input(const at::Tensor &x, const at::Tensor &weight) const {
    return x.scalar_type() == at::kBFloat16 && stride > 1 && is_depthwise(x, weight);
  }

  bool slow_to_weight(const at::Tensor &x, const at::Tensor &weight) const {
    if (!is_depthwise(x, weight)) return false;
    const int64_t kernel = std::max(weight.size(2), weight.size(3));
    return (x.scalar_type() == at::kBFloat16 && kernel > 3) || (x.scalar_type() == at::kFloat && kernel > 5);
  }

  /// The gradient of a depthwise convolution's input, computed in float32.
  at::Tensor gradient_of_input(const at::Tensor &gradient, const at::Tensor &x, const at::Tensor &weight) const {
    // It needs no more of the input than its size.
    const at::Tensor size = at::empty_like(x, x.options().dtype(at::kFloat));
    const auto gradients = backward(gradient.to(at::kFloat), size, weight.to(at::kFloat), {true, false, false});
    return std::get<0>(gradients).to(x.scalar_type());
  }

  /// The gradient of a depthwise convolution's weight, as a convolution itself: of each image's channels, [N·C], with the
  /// output's gradient as kernels, whose pixels lie `stride` apart; then the sum over the images.
  at::Tensor gradient_of_weight(const at::Tensor &gradient, const at::Tensor &x, const at::Tensor &weight) const {
    const int64_t images = x.size(0), channels = x.size(1), all = images * channels;
    const at::Tensor input = x.permute({2, 3, 0, 1}).reshape({1, x.size(2), x.size(3), all}).permute({0, 3, 1, 2});
    const at::Tensor kernels =
        gradient.permute({2, 3, 0, 1}).reshape({gradient.size(2), gradient.size(3), 1, all}).permute({3, 2, 0, 1});
    const at::Tensor found = at::conv2d(input, kernels, {}, {1, 1}, at::IntArrayRef({padding, padding}), {stride, stride}, all)
                                 .slice(2, 0, weight.size(2))
                                 .slice(3, 0, weight.size(3));
    return found.reshape({images, channels, weight.size(2), weight.size(3)})
        .sum(0, /*keepdim=*/false, at::kFloat)
        .unsqueeze(1)
        .to(weight.scalar_type());
  }
};

/// A convolution that computes in its weight's dtype and goes back in its input's, past oneDNN's slow gradients.
struct Convolution : torch::autograd::Function<Convolution> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                            const std::optional<at::Tensor> &bias, int64_t stride, int64_t padding, int64_t groups) {
    at::AutoDispatchBelowADInplaceOrView below;
    const at::ScalarType dtype = x.scalar_type();
    context->save_for_backward({x, weight.to(dtype)});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["groups"] = groups;
    context->saved_data["biased"] = bias.has_value();
    return Geometry{stride, padding, groups}.forward(x.to(weight.scalar_type()), weight, bias).to(dtype);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &gradient = gradients[0];
    const Geometry geometry{context->saved_data["stride"].toInt(), context->saved_data["padding"].toInt(),
                            context->saved_data["groups"].toInt()};
    bool to_x = context->needs_input_grad(0), to_weight = context->needs_input_grad(1);
    at::Tensor x_gradient, weight_gradient, bias_gradient;
    if (context->saved_data["biased"].toBool() && context->needs_input_grad(2))
      bias_gradient = gradient.sum({0, 2, 3}, /*keepdim=*/false, at::promote_types(gradient.scalar_type(), at::kFloat));
    if (to_x && geometry.slow_to_input(x, weight))
      x_gradient = geometry.gradient_of_input(gradient, x, weight), to_x = false;
    if (to_weight && geometry.slow_to_weight(x, weight))
      weight_gradient = geometry.gradient_of_weight(gradient, x, weight), to_weight = false;
    if (to_x || to_weight) {
      auto [of_input, of_weight, _] = geometry.backward(gradient, x, weight, {to_x, to_weight, false});
      if (to_x) x_gradient = of_input;
      if (to_weight) weight_gradient = of_weight;
    }
    const at::Tensor none;
    // The engine gives each gradient its leaf's dtype.
    return {x_gradient, weight_gradient, bias_gradient, none, none, none};
  }
};

} // namespace

CTStatus ct_conv2d(CTTensor *out, CTTensor input, CTTensor weight, CTTensor bias, int64_t stride, int64_t padding,
                   int64_t groups) {
  return returning(out, [&]() -> at::Tensor {
    const Geometry geometry{stride, padding, groups};
    const at::Tensor &x = value(input), &w = value(weight);
    if (!at::GradMode::is_enabled())
      return geometry.forward(x.to(w.scalar_type()), w, optional(bias)).to(x.scalar_type());
    if (x.scalar_type() != w.scalar_type() || geometry.slow_to_input(x, w) || geometry.slow_to_weight(x, w))
      return Convolution::apply(x, w, optional(bias), stride, padding, groups);
    return geometry.forward(x, w, optional(bias));
  });
}
