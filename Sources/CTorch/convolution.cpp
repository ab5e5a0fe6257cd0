// Convolutions, and the one case in which libtorch's own way back is not taken.
//
// oneDNN has no kernel of its own for some gradients of depthwise convolutions in bfloat16: those of the input where the
// stride is not 1, and those of the weight where the kernel is larger than 3. A general one takes their place, which is up
// to 500 times slower (MobileNetV2's four strided layers were more than half of its step). So these gradients are computed in
// float32, from what bfloat16 holds, and rounded; everything else of such a layer stays in bfloat16.
#include "support.hpp"

#include <ATen/Functions.h>
#include <torch/csrc/autograd/custom_function.h>

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

  bool slow_to_input() const { return stride > 1; }
  static bool slow_to_weight(const at::Tensor &weight) { return weight.size(2) > 3 || weight.size(3) > 3; }
};

/// A depthwise convolution in bfloat16 whose slow gradients are computed in float32.
struct DepthwiseConvolution : torch::autograd::Function<DepthwiseConvolution> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
                            const std::optional<at::Tensor> &bias, int64_t stride, int64_t padding) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["biased"] = bias.has_value();
    at::AutoDispatchBelowADInplaceOrView below;
    return Geometry{stride, padding, x.size(1)}.forward(x, weight, bias);
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &gradient = gradients[0];
    const Geometry geometry{context->saved_data["stride"].toInt(), context->saved_data["padding"].toInt(), x.size(1)};
    const bool to_bias = context->saved_data["biased"].toBool() && context->needs_input_grad(2);
    bool to_x = context->needs_input_grad(0), to_weight = context->needs_input_grad(1);
    at::Tensor x_gradient, weight_gradient, bias_gradient;
    if (to_bias) bias_gradient = gradient.sum({0, 2, 3});
    const bool x_slow = to_x && geometry.slow_to_input(), weight_slow = to_weight && Geometry::slow_to_weight(weight);
    if (x_slow || weight_slow) {
      // The gradient of the input needs no more of the input than its size.
      const at::Tensor wide = weight_slow ? x.to(at::kFloat) : at::empty_like(x, x.options().dtype(at::kFloat));
      std::tie(x_gradient, weight_gradient, std::ignore) =
          geometry.backward(gradient.to(at::kFloat), wide, weight.to(at::kFloat), {x_slow, weight_slow, false});
      if (x_slow) x_gradient = x_gradient.to(x.scalar_type()), to_x = false;
      if (weight_slow) weight_gradient = weight_gradient.to(weight.scalar_type()), to_weight = false;
    }
    if (to_x || to_weight) {
      auto [to_input, to_kernel, _] = geometry.backward(gradient, x, weight, {to_x, to_weight, false});
      if (to_x) x_gradient = to_input;
      if (to_weight) weight_gradient = to_kernel;
    }
    const at::Tensor none;
    return {x_gradient, weight_gradient, bias_gradient, none, none};
  }
};

bool is_slow(const Geometry &geometry, const at::Tensor &x, const at::Tensor &weight) {
  return x.is_cpu() && x.dim() == 4 && x.scalar_type() == at::kBFloat16 && geometry.groups > 1 &&
         geometry.groups == x.size(1) && weight.size(0) == x.size(1) &&
         (geometry.slow_to_input() || Geometry::slow_to_weight(weight));
}

} // namespace

CTStatus ct_conv2d(CTTensor *out, CTTensor input, CTTensor weight, CTTensor bias, int64_t stride, int64_t padding,
                   int64_t groups) {
  return returning(out, [&]() -> at::Tensor {
    const Geometry geometry{stride, padding, groups};
    if (is_slow(geometry, value(input), value(weight)))
      return DepthwiseConvolution::apply(value(input), value(weight), optional(bias), stride, padding);
    return geometry.forward(value(input), value(weight), optional(bias));
  });
}
