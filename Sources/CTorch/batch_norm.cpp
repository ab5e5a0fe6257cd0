// Batch normalisation with what follows it, an activation and a shortcut's addition: in training mode two passes over
// memory forward and two backward, where libtorch's operations take five and seven; in evaluation mode, where no gradient
// is asked for, one. A convolutional network spends nearly as much time on these as on its convolutions.
//
// For float32 and bfloat16 on the CPU in the channels-last order, where an image's pixels are rows of channels. Sums are
// float32 over a chunk of rows about a first value, and float64 over the chunks in their order: the same bits at any
// number of threads. Anything else is left to libtorch's own operations.
#include "batch_norm.hpp"
#include "parallel.hpp"
#include "support.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace ctorch;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

/// Elements of a chunk: in bfloat16 and float32 they stay in the second-level cache.
constexpr int64_t chunk_length = 32768;

/// Bytes of a result that no cache would hold until it is read. It is written past them: a cache would first read from memory
/// what is about to be overwritten.
constexpr size_t streamed_bytes = size_t(24) << 20;

/// A matrix of rows of channels as rows of so many more columns that these fill whole vectors.
struct Shape {
  int64_t rows, channels;
  /// How many rows make one wide row.
  int64_t folded = 1;
  /// Whether results of this shape are written past the caches.
  bool streamed;

  explicit Shape(const at::Tensor &x)
      : rows(x.numel() / x.size(1)), channels(x.size(1)), streamed(x.nbytes() >= streamed_bytes) {
    while (folded * channels % width != 0) folded *= 2;
  }
  int64_t columns() const { return folded * channels; }
  /// Wide rows in a chunk.
  int64_t height() const { return std::max<int64_t>(1, chunk_length / columns()); }
  /// The chunks of wide rows, and one more for the rows that are left over.
  int64_t chunks() const { return (rows / folded + height() - 1) / height() + (rows % folded ? 1 : 0); }

  /// Calls body.template operator()<Vector>(first element, rows, columns) for each chunk, on all threads.
  template <class Body> void for_chunks(const Body &body) const {
    const int64_t whole = rows / folded;
    parallel_for(chunks(), [&](int64_t chunk) {
      const int64_t start = chunk * height();
      run(CT_ISA_BEST, [&]() __attribute__((always_inline)) {
        if (start < whole)
          body.template operator()<Floats>(chunk, start * columns(), std::min(height(), whole - start), columns());
        else
          body.template operator()<float>(chunk, whole * columns(), rows - whole * folded, channels);
      });
      // What is written past the caches is not ordered with what other threads see next.
      if (streamed) __builtin_ia32_sfence();
    });
  }

  /// Repeats values of the channels over the columns.
  std::vector<float> spread(const std::vector<double> &values) const {
    std::vector<float> out(columns());
    for (int64_t column = 0; column < columns(); ++column) out[column] = float(values[column % channels]);
    return out;
  }

  /// Adds up the chunks' sums by channel.
  std::vector<double> add_up(const std::vector<float> &sums) const {
    std::vector<double> out(channels);
    for (int64_t chunk = 0; chunk < chunks(); ++chunk)
      for (int64_t column = 0; column < columns(); ++column) out[column % channels] += sums[chunk * columns() + column];
    return out;
  }
};

std::vector<double> values(const at::Tensor &vector) {
  const at::Tensor flat = vector.contiguous();
  const float *data = static_cast<const float *>(flat.data_ptr());
  return std::vector<double>(data, data + flat.numel());
}

at::Tensor tensor(const std::vector<double> &values, const at::Tensor &like) {
  at::Tensor out = at::empty_like(like);
  float *data = static_cast<float *>(out.data_ptr());
  for (size_t i = 0; i < values.size(); ++i) data[i] = float(values[i]);
  return out;
}

/// The channels' scaling, repeated over the columns.
struct ChannelScaling {
  std::vector<float> mean, scale, offset;

  ChannelScaling(const Shape &shape, const std::vector<double> &mean, const std::vector<double> &scale,
                 const std::vector<double> &offset)
      : mean(shape.spread(mean)), scale(shape.spread(scale)), offset(shape.spread(offset)) {}

  batch_norm::Scaling columns() const { return {mean.data(), scale.data(), offset.data()}; }
};

template <class Scalar> const Scalar *read(const at::Tensor &x) { return static_cast<const Scalar *>(x.data_ptr()); }
template <class Scalar> Scalar *written(const at::Tensor &x) { return static_cast<Scalar *>(x.data_ptr()); }

/// Calls body with a value of the tensor's stored type.
template <class Body> void with_stored(const at::Tensor &x, const Body &body) {
  if (x.scalar_type() == at::kFloat) body(float());
  else body(batch_norm::BFloat16());
}

std::vector<double> scales(const std::vector<double> &weight, const std::vector<double> &variance, double eps) {
  std::vector<double> out(weight.size());
  for (size_t channel = 0; channel < out.size(); ++channel) out[channel] = weight[channel] / std::sqrt(variance[channel] + eps);
  return out;
}

/// activation((x − mean) · scale + bias + shortcut), by channel.
at::Tensor normalized(const at::Tensor &x, const std::optional<at::Tensor> &shortcut, const std::vector<double> &mean,
                      const std::vector<double> &scale, const at::Tensor &bias, int64_t activation) {
  const Shape shape(x);
  const ChannelScaling scaling(shape, mean, scale, values(bias));
  at::Tensor y = at::empty_like(x);
  with_stored(x, [&](auto stored) {
    using Stored = decltype(stored);
    const Stored *added = shortcut ? read<Stored>(*shortcut) : nullptr;
    shape.for_chunks([&]<class Vector>(int64_t, int64_t at, int64_t rows, int64_t columns) __attribute__((always_inline)) {
      batch_norm::normalize<Vector>(read<Stored>(x) + at, added ? added + at : nullptr, written<Stored>(y) + at, rows,
                                    columns, scaling.columns(), activation, shape.streamed);
    });
  });
  return y;
}

/// y = activation((x − mean)/√(variance + ε) · weight + bias + shortcut).
struct FusedBatchNorm : torch::autograd::Function<FusedBatchNorm> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias,
                            const std::optional<at::Tensor> &shortcut, at::Tensor running_mean, at::Tensor running_var,
                            double momentum, double eps, int64_t activation) {
    const Shape shape(x);
    const auto count = double(shape.rows);
    std::vector<float> first(shape.columns()), sums(shape.chunks() * shape.columns()), squares(sums.size());
    std::vector<double> mean(shape.channels), variance(shape.channels);
    with_stored(x, [&](auto stored) {
      using Stored = decltype(stored);
      for (int64_t column = 0; column < shape.columns(); ++column)
        first[column] = batch_norm::load<float>(read<Stored>(x) + column % shape.channels);
      shape.for_chunks([&]<class Vector>(int64_t chunk, int64_t at, int64_t rows, int64_t columns)
                           __attribute__((always_inline)) {
        batch_norm::moments<Vector>(read<Stored>(x) + at, rows, columns, first.data(), &sums[chunk * shape.columns()],
                                    &squares[chunk * shape.columns()]);
      });
      const auto sum = shape.add_up(sums), square = shape.add_up(squares);
      for (int64_t channel = 0; channel < shape.channels; ++channel) {
        const double shift = sum[channel] / count;
        mean[channel] = first[channel] + shift;
        // Of a channel that holds an infinity this is NaN, which must stay one.
        const double found = square[channel] / count - shift * shift;
        variance[channel] = found < 0 ? 0 : found;
      }
    });
    const at::Tensor y = normalized(x, shortcut, mean, scales(values(weight), variance, eps), bias, activation);
    const double unbiased = count / std::max(1.0, count - 1);
    std::vector<double> deviation(variance);
    for (double &value : deviation) value *= unbiased;
    running_mean.mul_(1 - momentum).add_(tensor(mean, running_mean), momentum);
    running_var.mul_(1 - momentum).add_(tensor(deviation, running_var), momentum);

    // Where something was added, the activation's slope cannot be told from x alone.
    const bool needs_output = shortcut && activation != CT_ACTIVATION_NONE;
    context->save_for_backward(
        {x, weight, bias, tensor(mean, weight), tensor(variance, weight), needs_output ? y : at::Tensor()});
    context->saved_data["eps"] = eps;
    context->saved_data["activation"] = activation;
    context->saved_data["adds"] = shortcut.has_value();
    return y;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &y = saved[5];
    const double eps = context->saved_data["eps"].toDouble();
    const int64_t activation = context->saved_data["activation"].toInt();
    const bool adds = context->saved_data["adds"].toBool();
    const at::Tensor gradient = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const Shape shape(x);
    const auto count = double(shape.rows);
    const auto mean = values(saved[3]), variance = values(saved[4]);
    const auto scale = scales(values(weight), variance, eps);
    const ChannelScaling scaling(shape, mean, scale, values(bias));
    std::vector<float> sums(shape.chunks() * shape.columns()), products(sums.size());
    std::vector<double> sum, product;
    // The gradient behind the activation is stored where the shortcut needs it as well.
    at::Tensor behind = adds && activation != CT_ACTIVATION_NONE ? at::empty_like(x) : at::Tensor();
    at::Tensor to_x = at::empty_like(x);
    with_stored(x, [&](auto stored) {
      using Stored = decltype(stored);
      const Stored *output = y.defined() ? read<Stored>(y) : nullptr;
      Stored *kept = behind.defined() ? written<Stored>(behind) : nullptr;
      shape.for_chunks([&]<class Vector>(int64_t chunk, int64_t at, int64_t rows, int64_t columns)
                           __attribute__((always_inline)) {
        batch_norm::reduce<Vector>(read<Stored>(x) + at, read<Stored>(gradient) + at, output ? output + at : nullptr,
                                   kept ? kept + at : nullptr, rows, columns, scaling.columns(), activation,
                                   shape.streamed, &sums[chunk * shape.columns()], &products[chunk * shape.columns()]);
      });
      sum = shape.add_up(sums), product = shape.add_up(products);
      std::vector<double> slope(shape.channels), constant(shape.channels);
      for (int64_t channel = 0; channel < shape.channels; ++channel) {
        slope[channel] = -scale[channel] / (variance[channel] + eps) * product[channel] / count;
        constant[channel] = -scale[channel] * sum[channel] / count;
      }
      const auto columns_slope = shape.spread(slope), columns_constant = shape.spread(constant);
      const Stored *source = kept ? kept : read<Stored>(gradient);
      const int64_t pending = kept ? CT_ACTIVATION_NONE : activation;
      shape.for_chunks([&]<class Vector>(int64_t, int64_t at, int64_t rows, int64_t columns)
                           __attribute__((always_inline)) {
        batch_norm::propagate<Vector>(read<Stored>(x) + at, source + at, written<Stored>(to_x) + at, rows, columns,
                                      scaling.columns(), columns_slope.data(), columns_constant.data(), pending, shape.streamed);
      });
    });
    for (int64_t channel = 0; channel < shape.channels; ++channel) product[channel] /= std::sqrt(variance[channel] + eps);
    const at::Tensor none;
    return {to_x, tensor(product, weight), tensor(sum, weight), !adds ? none : behind.defined() ? behind : gradient,
            none, none, none, none, none};
  }
};

/// Whether the loops can read a parameter or a statistic: on the CPU, one float32 number per channel.
bool is_by_channel(const at::Tensor &vector, int64_t channels) {
  return vector.is_cpu() && vector.scalar_type() == at::kFloat && vector.dim() == 1 && vector.size(0) == channels;
}

bool is_fused(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, const at::Tensor &running_mean,
              const at::Tensor &running_var, const std::optional<at::Tensor> &shortcut) {
  return x.is_cpu() && x.dim() == 4 && x.numel() > 0 && x.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) && is_by_channel(weight, x.size(1)) &&
         is_by_channel(bias, x.size(1)) && is_by_channel(running_mean, x.size(1)) &&
         is_by_channel(running_var, x.size(1)) &&
         (!shortcut || (shortcut->scalar_type() == x.scalar_type() && shortcut->sizes() == x.sizes() &&
                        shortcut->is_contiguous(at::MemoryFormat::ChannelsLast)));
}

} // namespace

CTStatus ct_batch_norm(CTTensor *out, CTTensor input, CTTensor weight, CTTensor bias, CTTensor running_mean,
                       CTTensor running_var, bool training, double momentum, double eps, CTTensor shortcut,
                       CTActivation activation) {
  return returning(out, [&]() -> at::Tensor {
    const at::Tensor &x = value(input);
    const auto added = optional(shortcut);
    const bool fused = is_fused(x, value(weight), value(bias), value(running_mean), value(running_var), added);
    if (!training && !c10::GradMode::is_enabled() && fused) {
      const auto scale = scales(values(value(weight)), values(value(running_var)), eps);
      return normalized(x, added, values(value(running_mean)), scale, value(bias), int64_t(activation));
    }
    if (training && fused)
      return FusedBatchNorm::apply(x, value(weight), value(bias), added, value(running_mean), value(running_var), momentum,
                                   eps, int64_t(activation));
    at::Tensor y = at::batch_norm(x, value(weight), value(bias), value(running_mean), value(running_var), training,
                                  momentum, eps, /*cudnn_enabled=*/true);
    if (added) y = at::add(y, *added);
    // In place: neither the normalisation nor the addition needs its output again.
    if (activation == CT_ACTIVATION_RELU) at::relu_(y);
    if (activation == CT_ACTIVATION_RELU6) at::hardtanh_(y, 0, 6);
    return y;
  });
}
