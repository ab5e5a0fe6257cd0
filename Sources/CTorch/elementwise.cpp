// Scalars that stay on a device, and what a step there needs beside them.
#include "support.hpp"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>

using namespace ctorch;

CTStatus ct_softplus(CTTensor *out, CTTensor self, double threshold) {
  return returning(out, [&] { return at::softplus(value(self), 1, threshold); });
}

CTStatus ct_log(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::log(value(self)); });
}

CTStatus ct_log1p(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::log1p(value(self)); });
}

CTStatus ct_expm1(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::expm1(value(self)); });
}

CTStatus ct_sqrt(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::sqrt(value(self)); });
}

CTStatus ct_reciprocal(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::reciprocal(value(self)); });
}

CTStatus ct_clamp_max(CTTensor *out, CTTensor self, double max) {
  return returning(out, [&] { return at::clamp_max(value(self), max); });
}

CTStatus ct_is_finite(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return at::isfinite(value(self)); });
}

CTStatus ct_logical_and(CTTensor *out, CTTensor self, CTTensor other) {
  return returning(out, [&] { return at::logical_and(value(self), value(other)); });
}

CTStatus ct_eq(CTTensor *out, CTTensor self, CTTensor other) {
  return returning(out, [&] { return at::eq(value(self), value(other)); });
}

CTStatus ct_where(CTTensor *out, CTTensor condition, CTTensor self, CTTensor other) {
  return returning(out, [&] { return at::where(value(condition), value(self), value(other)); });
}

CTStatus ct_index_select(CTTensor *out, CTTensor self, int64_t dim, CTTensor index) {
  return returning(out, [&] { return at::index_select(value(self), dim, value(index)); });
}

CTStatus ct_select(CTTensor *out, CTTensor self, int64_t dim, int64_t index) {
  return returning(out, [&] { return at::select(value(self), dim, index); });
}

CTStatus ct_normal_(CTTensor self) {
  return guarded([&] { value(self).normal_(); });
}

CTStatus ct_manual_seed(CTDevice where, uint64_t seed) {
  return guarded([&] {
    at::Generator generator = at::globalContext().defaultGenerator(device(where));
    std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  });
}

CTStatus ct_gather_crops(CTTensor *out, CTTensor pixels, CTTensor crops, CTTensor table, int64_t size, bool reversed) {
  return returning(out, [&] {
    const at::Tensor &images = value(pixels);
    TORCH_CHECK(images.dim() == 4 && images.size(3) == 3 && images.is_contiguous() && images.scalar_type() == at::kByte,
                "contiguous bytes [N, H, W, 3] expected, found ", images.sizes(), " ", images.scalar_type());
    auto column = [&](int64_t index) { return value(crops).select(1, index).view({-1, 1}); };
    at::Tensor index = column(0), top = column(1), left = column(2), mirrored = column(3);
    at::Tensor along = at::arange(size, top.options()).view({1, -1});
    at::Tensor row = index * images.size(1) + top + along;
    at::Tensor place = left + at::where(mirrored.to(at::kBool), size - 1 - along, along);
    at::Tensor pixel = row.unsqueeze(2) * images.size(2) + place.unsqueeze(1);
    at::Tensor bytes = images.view({-1, 3}).index_select(0, pixel.flatten()).to(at::kInt);
    if (reversed) bytes = bytes.flip(1);
    // Entry c·256 + b of the table is byte b of the network's channel c.
    bytes = bytes + at::arange(0, 3 * 256, 256, bytes.options());
    return value(table).flatten().index_select(0, bytes.flatten()).view({-1, size, size, 3}).permute({0, 3, 1, 2});
  });
}
