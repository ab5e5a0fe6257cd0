// What every translation unit of CTorch shares: the box behind a handle, and the guard that turns C++ exceptions into
// a CTStatus.
#pragma once

#include "ctorch.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <optional>
#include <utility>

struct CTTensorBox {
  at::Tensor value;
};

namespace ctorch {

inline CTStatus failure(const char *message) noexcept {
  char *copy = strdup(message);
  // Out of memory while reporting an error: a status that is not a success, and that ct_message_free accepts.
  return CTStatus{copy ? copy : strdup("")};
}

template <class Body> CTStatus guarded(Body &&body) noexcept {
  try {
    std::forward<Body>(body)();
    return CTStatus{nullptr};
  } catch (const c10::Error &error) {
    return failure(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return failure(error.what());
  } catch (...) {
    return failure("an exception of unknown type left libtorch");
  }
}

/// Runs a body that returns an at::Tensor, and hands it out as a new handle.
template <class Body> CTStatus returning(CTTensor *out, Body &&body) noexcept {
  return guarded([&] { *out = new CTTensorBox{std::forward<Body>(body)()}; });
}

inline const at::Tensor &value(CTTensor tensor) { return tensor->value; }

inline std::optional<at::Tensor> optional(CTTensor tensor) {
  return tensor ? std::optional<at::Tensor>(tensor->value) : std::nullopt;
}

inline at::IntArrayRef list(CTIntArray array) { return at::IntArrayRef(array.values, array.count); }

inline c10::Device device(CTDevice device) {
  return c10::Device(static_cast<c10::DeviceType>(device.type), device.index);
}

inline at::TensorOptions options(CTDType dtype, CTDevice where) {
  return at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype)).device(device(where));
}

} // namespace ctorch
