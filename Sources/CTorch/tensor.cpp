#include "support.hpp"

#include <ATen/Functions.h>

#include <stdexcept>
#include <string>
#include <vector>

using namespace ctorch;

static_assert(static_cast<int>(c10::ScalarType::Byte) == CT_UINT8);
static_assert(static_cast<int>(c10::ScalarType::Int) == CT_INT32);
static_assert(static_cast<int>(c10::ScalarType::Long) == CT_INT64);
static_assert(static_cast<int>(c10::ScalarType::Half) == CT_FLOAT16);
static_assert(static_cast<int>(c10::ScalarType::Float) == CT_FLOAT32);
static_assert(static_cast<int>(c10::ScalarType::Double) == CT_FLOAT64);
static_assert(static_cast<int>(c10::ScalarType::Bool) == CT_BOOL);
static_assert(static_cast<int>(c10::ScalarType::BFloat16) == CT_BFLOAT16);
static_assert(static_cast<int>(c10::DeviceType::CPU) == 0 && static_cast<int>(c10::DeviceType::CUDA) == 1);

static void require_bytes(const at::Tensor &tensor, size_t bytes) {
  if (tensor.nbytes() != bytes)
    throw std::invalid_argument("buffer of " + std::to_string(bytes) + " bytes for a tensor of " +
                                std::to_string(tensor.nbytes()) + " bytes");
}

void ct_tensor_free(CTTensor tensor) { delete tensor; }

CTStatus ct_empty(CTTensor *out, CTIntArray size, CTDType dtype, CTDevice device) {
  return returning(out, [&] { return at::empty(list(size), options(dtype, device)); });
}

CTStatus ct_full(CTTensor *out, CTIntArray size, double value, CTDType dtype, CTDevice device) {
  return returning(out, [&] { return at::full(list(size), value, options(dtype, device)); });
}

CTStatus ct_from_host(CTTensor *out, const void *data, size_t bytes, CTIntArray size, CTDType dtype, CTDevice where) {
  return returning(out, [&] {
    at::Tensor tensor = at::empty(list(size), options(dtype, where));
    require_bytes(tensor, bytes);
    if (bytes > 0) tensor.copy_(at::from_blob(const_cast<void *>(data), list(size), options(dtype, CTDevice{0, -1})));
    return tensor;
  });
}

CTStatus ct_to_host(CTTensor tensor, void *data, size_t bytes) {
  return guarded([&] {
    at::Tensor host = value(tensor).detach().to(at::kCPU).contiguous();
    require_bytes(host, bytes);
    if (bytes > 0) std::memcpy(data, host.const_data_ptr(), bytes);
  });
}

CTStatus ct_data_pointer(void **out, CTTensor tensor) {
  return guarded([&] { *out = value(tensor).mutable_data_ptr(); });
}

CTStatus ct_item(double *out, CTTensor tensor) {
  return guarded([&] { *out = value(tensor).item().toDouble(); });
}

int64_t ct_dim(CTTensor tensor) { return value(tensor).dim(); }
int64_t ct_numel(CTTensor tensor) { return value(tensor).numel(); }

CTStatus ct_sizes(int64_t *out, CTTensor tensor) {
  return guarded([&] {
    for (int64_t size : value(tensor).sizes()) *out++ = size;
  });
}

CTStatus ct_strides(int64_t *out, CTTensor tensor) {
  return guarded([&] {
    for (int64_t stride : value(tensor).strides()) *out++ = stride;
  });
}

CTDType ct_dtype(CTTensor tensor) { return static_cast<CTDType>(value(tensor).scalar_type()); }

CTDevice ct_device(CTTensor tensor) {
  c10::Device where = value(tensor).device();
  return CTDevice{static_cast<int8_t>(where.type()), where.index()};
}

CTStatus ct_narrow(CTTensor *out, CTTensor self, int64_t dim, int64_t start, int64_t length) {
  return returning(out, [&] { return value(self).narrow(dim, start, length); });
}

CTStatus ct_view(CTTensor *out, CTTensor self, CTIntArray size) {
  return returning(out, [&] { return value(self).view(list(size)); });
}

CTStatus ct_reshape(CTTensor *out, CTTensor self, CTIntArray size) {
  return returning(out, [&] { return value(self).reshape(list(size)); });
}

CTStatus ct_permute(CTTensor *out, CTTensor self, CTIntArray dims) {
  return returning(out, [&] { return value(self).permute(list(dims)); });
}

CTStatus ct_contiguous(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return value(self).contiguous(); });
}

CTStatus ct_clone(CTTensor *out, CTTensor self) {
  return returning(out, [&] { return value(self).clone(); });
}

CTStatus ct_to(CTTensor *out, CTTensor self, CTDType dtype, CTDevice where) {
  return returning(out, [&] { return value(self).to(device(where), static_cast<c10::ScalarType>(dtype)); });
}

CTStatus ct_cat(CTTensor *out, const CTTensor *tensors, size_t count, int64_t dim) {
  return returning(out, [&] {
    std::vector<at::Tensor> values;
    values.reserve(count);
    for (size_t i = 0; i < count; ++i) values.push_back(value(tensors[i]));
    return at::cat(values, dim);
  });
}
