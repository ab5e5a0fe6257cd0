// What the two implementations of a step's passes share.
#pragma once

#include "support.hpp"

#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <initializer_list>

namespace ctorch {

/// Refuses vectors that a pass would read beyond their end or take for another type.
inline void check_pass(const CTPass &pass, CTTensor mean, CTTensor center, std::initializer_list<CTTensor> others,
                       CTTensor half) {
  const at::Tensor &first = value(mean);
  TORCH_CHECK(first.dim() == 1 && first.is_contiguous() && (first.scalar_type() == at::kFloat || first.scalar_type() == at::kDouble),
              "a flat vector of float32 or float64 expected, found ", first.sizes(), " ", first.scalar_type());
  auto same = [&](CTTensor other, at::ScalarType type) {
    if (!other) return;
    const at::Tensor &tensor = value(other);
    TORCH_CHECK(tensor.sizes() == first.sizes() && tensor.is_contiguous() && tensor.device() == first.device() &&
                    tensor.scalar_type() == type,
                "a flat vector of ", first.sizes(), " ", type, " on ", first.device(), " expected, found ",
                tensor.sizes(), " ", tensor.scalar_type(), " on ", tensor.device());
  };
  same(center, first.scalar_type());
  for (CTTensor other : others) same(other, first.scalar_type());
  same(half, at::kBFloat16);
  for (size_t index = 0; index < pass.group_count; ++index) {
    const CTGroup &group = pass.groups[index];
    TORCH_CHECK(group.start >= 0 && group.start + group.length <= first.numel() && (!group.centered || center),
                "a group of the parameter vector that the vector of ", first.numel(), " elements does not hold");
  }
  for (size_t index = 0; index < pass.span_count; ++index) {
    const CTSpan &span = pass.spans[index];
    TORCH_CHECK(span.storage >= 0 && span.storage + span.rows * span.inputs * span.positions <= first.numel() &&
                    size_t(span.group) < pass.group_count,
                "a span of the parameter vector that the vector of ", first.numel(), " elements does not hold");
  }
}

} // namespace ctorch
