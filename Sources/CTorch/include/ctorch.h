// A C interface over libtorch: the only door between Swift and PyTorch's C++.
//
// Every function that can fail returns a CTStatus, which the compiler does not let a caller ignore. No C++ exception
// leaves this interface. A handle (CTTensor) owns one at::Tensor; results are new handles written to `out`, released
// by ct_tensor_free. Names and semantics are PyTorch's: https://pytorch.org/docs/2.11/torch.html.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// NULL on success, else PyTorch's own message, to be released by ct_message_free.
typedef struct CTStatus {
  char *message;
} CTStatus;

/// Marks a function whose status must be looked at; Swift treats an ignored one as an error.
#define CT_CHECKED __attribute__((warn_unused_result)) CTStatus

typedef struct CTTensorBox *CTTensor;

/// A shape, or another list of integers, borrowed for the time of the call.
typedef struct CTIntArray {
  const int64_t *values;
  size_t count;
} CTIntArray;

/// Values of at::ScalarType.
typedef enum CTDType {
  CT_UINT8 = 0,
  CT_INT32 = 3,
  CT_INT64 = 4,
  CT_FLOAT16 = 5,
  CT_FLOAT32 = 6,
  CT_FLOAT64 = 7,
  CT_BOOL = 11,
  CT_BFLOAT16 = 15,
} CTDType;

/// `type` is 0 for the CPU and 1 for CUDA, as in at::DeviceType.
typedef struct CTDevice {
  int8_t type;
  int8_t index;
} CTDevice;

void ct_message_free(char *message);

// MARK: Runtime (runtime.cpp)

/// The version whose headers this interface was compiled against, for example "2.11.0".
const char *ct_compiled_version(void);
/// The path of the libtorch_cpu.so that is loaded, or NULL if the loader does not tell.
const char *ct_library_path(void);
/// Sets what must be set before the first tensor: glibc's malloc keeps freed activations instead of returning their
/// pages to the kernel after each step.
void ct_configure_allocator(void);
CT_CHECKED ct_set_num_threads(int count);
int ct_get_num_threads(void);
/// Whether the processor has AVX512-BF16 or AMX-BF16.
bool ct_has_bfloat16_instructions(void);
/// Loads libtorch_cuda.so by its full path with dlopen (RTLD_NOW | RTLD_GLOBAL), without TF32 and cuDNN's attention.
CT_CHECKED ct_cuda_load(const char *path);
/// Devices that CUDA reports; 0 when libtorch_cuda.so is not loaded.
CT_CHECKED ct_cuda_device_count(int *out);
CT_CHECKED ct_set_deterministic(bool enabled);

// MARK: CUDA graphs (graph.cpp)

/// A recorded sequence of a GPU's operations.
typedef struct CTGraphBox *CTGraph;

/// Loads libgridless_cuda.so by its full path with dlopen; libtorch_cuda.so must be loaded already. The others fail
/// before this has succeeded.
CT_CHECKED ct_graph_load(const char *path);
/// Makes a stream of our own the calling thread's current one, as capture needs, and the one before again.
CT_CHECKED ct_stream_enter(void);
CT_CHECKED ct_stream_leave(void);
/// Between the two, operations are recorded and not done. `out` is to be released even after a failure, if not NULL.
CT_CHECKED ct_graph_begin(CTGraph *out);
CT_CHECKED ct_graph_end(CTGraph graph);
/// Does what was recorded, without waiting for it.
CT_CHECKED ct_graph_replay(CTGraph graph);
void ct_graph_free(CTGraph graph);

// MARK: Lifetime and data (tensor.cpp)

void ct_tensor_free(CTTensor tensor);
CT_CHECKED ct_empty(CTTensor *out, CTIntArray size, CTDType dtype, CTDevice device);
CT_CHECKED ct_full(CTTensor *out, CTIntArray size, double value, CTDType dtype, CTDevice device);
/// Copies `bytes` bytes, which must be exactly size × dtype, in row-major order.
CT_CHECKED ct_from_host(CTTensor *out, const void *data, size_t bytes, CTIntArray size, CTDType dtype, CTDevice device);
/// Writes the elements in logical row-major order, whatever the strides and the device.
CT_CHECKED ct_to_host(CTTensor tensor, void *data, size_t bytes);
/// The address of the first element; NULL for an empty tensor.
CT_CHECKED ct_data_pointer(void **out, CTTensor tensor);
CT_CHECKED ct_item(double *out, CTTensor tensor);

int64_t ct_dim(CTTensor tensor);
int64_t ct_numel(CTTensor tensor);
/// Both write ct_dim values.
CT_CHECKED ct_sizes(int64_t *out, CTTensor tensor);
CT_CHECKED ct_strides(int64_t *out, CTTensor tensor);
CTDType ct_dtype(CTTensor tensor);
CTDevice ct_device(CTTensor tensor);

// MARK: Views and shape (tensor.cpp)

CT_CHECKED ct_narrow(CTTensor *out, CTTensor self, int64_t dim, int64_t start, int64_t length);
CT_CHECKED ct_view(CTTensor *out, CTTensor self, CTIntArray size);
CT_CHECKED ct_reshape(CTTensor *out, CTTensor self, CTIntArray size);
CT_CHECKED ct_permute(CTTensor *out, CTTensor self, CTIntArray dims);
CT_CHECKED ct_contiguous(CTTensor *out, CTTensor self);
CT_CHECKED ct_clone(CTTensor *out, CTTensor self);
CT_CHECKED ct_to(CTTensor *out, CTTensor self, CTDType dtype, CTDevice device);
CT_CHECKED ct_cat(CTTensor *out, const CTTensor *tensors, size_t count, int64_t dim);

// MARK: Arithmetic (arithmetic.cpp)

CT_CHECKED ct_add(CTTensor *out, CTTensor self, CTTensor other, double alpha);
CT_CHECKED ct_mul(CTTensor *out, CTTensor self, CTTensor other);
CT_CHECKED ct_div(CTTensor *out, CTTensor self, CTTensor other);
CT_CHECKED ct_mul_scalar(CTTensor *out, CTTensor self, double value);
CT_CHECKED ct_add_scalar(CTTensor *out, CTTensor self, double value);
CT_CHECKED ct_sum(CTTensor *out, CTTensor self);
CT_CHECKED ct_mean(CTTensor *out, CTTensor self, CTIntArray dims, bool keepdim);
CT_CHECKED ct_all_finite(bool *out, CTTensor self);
/// Σ aᵢbᵢ of two flat vectors in float64, whatever their types; Σ aᵢ where `other` is NULL.
CT_CHECKED ct_dot_double(double *out, CTTensor self, CTTensor other);

// In place, on whole vectors.
CT_CHECKED ct_zero_(CTTensor self);
CT_CHECKED ct_copy_(CTTensor self, CTTensor source);
CT_CHECKED ct_add_(CTTensor self, CTTensor other, double alpha);
CT_CHECKED ct_add_product_(CTTensor self, CTTensor a, CTTensor b);
CT_CHECKED ct_mul_scalar_(CTTensor self, double value);

// MARK: Scalars and draws on a device (elementwise.cpp)

/// log(1 + eˣ), or x above the threshold.
CT_CHECKED ct_softplus(CTTensor *out, CTTensor self, double threshold);
CT_CHECKED ct_log(CTTensor *out, CTTensor self);
CT_CHECKED ct_log1p(CTTensor *out, CTTensor self);
CT_CHECKED ct_expm1(CTTensor *out, CTTensor self);
CT_CHECKED ct_sqrt(CTTensor *out, CTTensor self);
CT_CHECKED ct_reciprocal(CTTensor *out, CTTensor self);
CT_CHECKED ct_clamp_max(CTTensor *out, CTTensor self, double max);
/// Bool tensors.
CT_CHECKED ct_is_finite(CTTensor *out, CTTensor self);
CT_CHECKED ct_logical_and(CTTensor *out, CTTensor self, CTTensor other);
CT_CHECKED ct_eq(CTTensor *out, CTTensor self, CTTensor other);
CT_CHECKED ct_where(CTTensor *out, CTTensor condition, CTTensor self, CTTensor other);
CT_CHECKED ct_index_select(CTTensor *out, CTTensor self, int64_t dim, CTTensor index);
CT_CHECKED ct_select(CTTensor *out, CTTensor self, int64_t dim, int64_t index);
/// Standard normal numbers from the default generator of the tensor's device.
CT_CHECKED ct_normal_(CTTensor self);
/// Seeds a device's default generator.
CT_CHECKED ct_manual_seed(CTDevice device, uint64_t seed);
/// Crops of `pixels`, bytes [N, H, W, 3], as float32 [B, 3, size, size], channels-last: a row of `crops`, int64
/// [B, 4 or more], is (image, top, left, mirrored); byte b of channel c becomes table[c, b], a float32 [3, 256];
/// `reversed` turns the channels' order round first.
CT_CHECKED ct_gather_crops(CTTensor *out, CTTensor pixels, CTTensor crops, CTTensor table, int64_t size, bool reversed);

// MARK: Networks (nn.cpp)

CT_CHECKED ct_conv2d(CTTensor *out, CTTensor input, CTTensor weight, CTTensor bias, int64_t stride, int64_t padding,
                     int64_t groups);
/// `padding` is (left, right, top, bottom), as in torch.nn.functional.pad.
CT_CHECKED ct_pad(CTTensor *out, CTTensor input, CTIntArray padding, double value);
CT_CHECKED ct_linear(CTTensor *out, CTTensor input, CTTensor weight, CTTensor bias);
/// What follows a layer.
typedef enum { CT_ACTIVATION_NONE, CT_ACTIVATION_RELU, CT_ACTIVATION_RELU6 } CTActivation;
/// activation(batch_norm(input) + shortcut) (batch_norm.cpp); without a shortcut where that is NULL.
CT_CHECKED ct_batch_norm(CTTensor *out, CTTensor input, CTTensor weight, CTTensor bias, CTTensor running_mean,
                         CTTensor running_var, bool training, double momentum, double eps, CTTensor shortcut,
                         CTActivation activation);
CT_CHECKED ct_relu(CTTensor *out, CTTensor self);
CT_CHECKED ct_hardtanh(CTTensor *out, CTTensor self, double min, double max);
/// Over the last dimension.
CT_CHECKED ct_layer_norm(CTTensor *out, CTTensor self, CTTensor weight, CTTensor bias, double eps);
/// x Φ(x), with the exact Φ.
CT_CHECKED ct_gelu(CTTensor *out, CTTensor self);
CT_CHECKED ct_silu(CTTensor *out, CTTensor self);
CT_CHECKED ct_sigmoid(CTTensor *out, CTTensor self);
/// softmax(QKᵀ/√d)V over the last two dimensions, [tokens, d]; each query looks only at the keys where `mask`, a bool
/// [N, 1, 1, keys], is true, or at all where it is NULL.
CT_CHECKED ct_attention(CTTensor *out, CTTensor query, CTTensor key, CTTensor values, CTTensor mask);
CT_CHECKED ct_tanh(CTTensor *out, CTTensor self);
/// The rows of `weight`, [rows, width], whose numbers an int64 tensor holds; row 0 where a number is negative.
CT_CHECKED ct_embedding(CTTensor *out, CTTensor weight, CTTensor numbers);
/// Bools: where the elements are at least `value`.
CT_CHECKED ct_at_least(CTTensor *out, CTTensor self, double value);
/// A view in which dimensions of one element are repeated.
CT_CHECKED ct_expand(CTTensor *out, CTTensor self, CTIntArray size);
CT_CHECKED ct_upsample_bicubic2d(CTTensor *out, CTTensor self, int64_t height, int64_t width, bool align_corners);
CT_CHECKED ct_max_pool2d(CTTensor *out, CTTensor self, int64_t kernel, int64_t stride, int64_t padding);
CT_CHECKED ct_avg_pool2d(CTTensor *out, CTTensor self, int64_t kernel, int64_t stride, int64_t padding);
CT_CHECKED ct_log_softmax(CTTensor *out, CTTensor self, int64_t dim);
/// The mean over the batch of −log softmax(logits)[target].
CT_CHECKED ct_cross_entropy(CTTensor *out, CTTensor logits, CTTensor targets);
/// Each example's log softmax(logits)[target], shape [N].
CT_CHECKED ct_log_likelihood(CTTensor *out, CTTensor logits, CTTensor targets);

// MARK: Autograd (autograd.cpp)

/// Sets the calling thread's gradient mode and returns what it was.
bool ct_set_grad_enabled(bool enabled);
CT_CHECKED ct_detach(CTTensor *out, CTTensor self);
CT_CHECKED ct_set_requires_grad(CTTensor self, bool requires_grad);
bool ct_requires_grad(CTTensor self);
/// Writes NULL when the tensor has no gradient.
CT_CHECKED ct_grad(CTTensor *out, CTTensor self);
CT_CHECKED ct_set_grad(CTTensor self, CTTensor grad);
CT_CHECKED ct_backward(CTTensor loss);

// MARK: Counter-based normal draws (normal.cpp)

/// Which instruction set computes the draws; the bits are the same in each.
typedef enum CTInstructionSet { CT_ISA_BEST = 0, CT_ISA_BASELINE = 1, CT_ISA_AVX2 = 2, CT_ISA_AVX512 = 3 } CTInstructionSet;

bool ct_instruction_set_available(CTInstructionSet isa);
/// out[k] = ε(seed, step, start + k), k < count: standard normal numbers as a pure function of (seed, step, index).
void ct_normal(float *out, size_t count, uint64_t seed, uint64_t step, uint64_t start, CTInstructionSet isa);

// MARK: A step's passes over the parameter vector (passes.cpp)

/// A run of the vector that one thread works on: rows × inputs × positions elements of one parameter.
///
/// In storage the last two are swapped (a convolution's O,H,W,I); ε runs over the logical order.
typedef struct CTSpan {
  int64_t storage;
  int64_t logical;
  int64_t rows, inputs, positions;
  int32_t group;
  /// Whether the network reads these weights in bfloat16.
  bool reduced;
} CTSpan;

/// A range of the vector with its own σ and its own prior.
typedef struct CTGroup {
  int64_t start, length;
  /// Whether the prior's mean m is `center` there; otherwise 0.
  bool centered;
  /// σ.
  double sigma;
  /// c, by which the prior pulls: its gradient is c (w̄ − m).
  double pull;
} CTGroup;

typedef struct CTPass {
  const CTSpan *spans;
  size_t span_count;
  const CTGroup *groups;
  size_t group_count;
  CTInstructionSet isa;
} CTPass;

/// ε: the draws of (seed, step).
typedef struct CTNoise {
  uint64_t seed, step;
} CTNoise;

// Vectors are flat float32 on the CPU, `reduced` is a bfloat16 one of the same length or NULL. Results are per group.

/// epsilon = ε, in the order of storage; what lies between the spans is not written.
CT_CHECKED ct_pass_draw(CTPass pass, uint64_t seed, uint64_t step, CTTensor epsilon);
/// weights = mean + σε, written to `reduced` for reduced spans; and ‖mean − m‖².
CT_CHECKED ct_pass_sample(CTPass pass, CTTensor mean, CTTensor center, CTNoise noise, CTTensor weights,
                          CTTensor reduced, double *squared_distances);
/// Σ gᵢεᵢ (0 without noise), and ‖g + c (mean − m)‖².
CT_CHECKED ct_pass_reduce(CTPass pass, CTTensor mean, CTTensor center, const CTNoise *noise, CTTensor gradients,
                          CTTensor reduced, double *dots, double *squared_norms);
/// With g' = scale (g + c (mean − m)): v = momentum v + g', mean −= learning_rate (g' + momentum v), g = 0.
CT_CHECKED ct_pass_nesterov(CTPass pass, CTTensor mean, CTTensor center, CTTensor gradients, CTTensor reduced,
                            CTTensor velocity, double scale, double momentum, double learning_rate);

// MARK: The same passes as libtorch's operations (tensor_passes.cpp)

// Vectors are flat float32 or float64 on any device. Every scalar is a float64 tensor on that device, [groups] where it
// is per group: no value comes to the host. The groups' own σ and c are not read, and ε is given. Where a span is
// reduced the whole vector is rounded into `reduced`, and the gradients of both precisions are added up; that of float32
// must then be 0 in the reduced spans, and that of bfloat16 in the others, which is where backward leaves them.

/// weights = mean + σε (the mean without ε); distances = ‖mean − m‖².
CT_CHECKED ct_tensor_pass_sample(CTPass pass, CTTensor mean, CTTensor center, CTTensor epsilon, CTTensor sigmas,
                                 CTTensor weights, CTTensor reduced, CTTensor distances);
/// dots = Σ gᵢεᵢ (0 without ε); squared_norms = ‖g + c (mean − m)‖².
CT_CHECKED ct_tensor_pass_reduce(CTPass pass, CTTensor mean, CTTensor center, CTTensor epsilon, CTTensor gradients,
                                 CTTensor reduced, CTTensor pulls, CTTensor dots, CTTensor squared_norms);
/// Nesterov's update as ct_pass_nesterov's; where `applied`, a bool, is false, only g = 0. NULL means true.
CT_CHECKED ct_tensor_pass_nesterov(CTPass pass, CTTensor mean, CTTensor center, CTTensor gradients, CTTensor reduced,
                                   CTTensor velocity, CTTensor pulls, CTTensor scale, double momentum,
                                   CTTensor learning_rate, CTTensor applied);

#ifdef __cplusplus
}
#endif
