#include "support.hpp"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <torch/headeronly/version.h>

#include <dlfcn.h>
#include <filesystem>
#include <malloc.h>
#include <stdexcept>
#include <string>

using namespace ctorch;

void ct_message_free(char *message) { free(message); }

const char *ct_compiled_version(void) {
  static const std::string version = std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) +
                                     "." + std::to_string(TORCH_VERSION_PATCH);
  return version.c_str();
}

const char *ct_library_path(void) {
  Dl_info info;
  // Any symbol that libtorch_cpu.so defines will do.
  auto symbol = reinterpret_cast<const void *>(static_cast<void (*)(int)>(&at::set_num_threads));
  return dladdr(symbol, &info) ? info.dli_fname : nullptr;
}

void ct_configure_allocator(void) {
  // Without these, each step frees its activations to the kernel and faults them in again, page by page.
  constexpr int largest = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, largest);
  mallopt(M_TRIM_THRESHOLD, largest);
}

CTStatus ct_set_num_threads(int count) {
  return guarded([&] { at::set_num_threads(count); });
}

int ct_get_num_threads(void) { return at::get_num_threads(); }

bool ct_has_bfloat16_instructions(void) {
  return __builtin_cpu_supports("avx512bf16") || __builtin_cpu_supports("amx-bf16");
}

namespace {

/// cuDNN and cuBLAS open the compiler of kernels (NVRTC) by its bare name. That finds it in a wheel's folder only where it is loaded
/// already, which torch's Python package sees to; here it is loaded from beside `libtorch_cuda.so`, where pip puts it.
void load_kernel_compiler(const std::filesystem::path &cuda) {
  // The folder that the wheels of CUDA 13 share.
  const auto folder = cuda.parent_path().parent_path().parent_path() / "nvidia" / "cu13" / "lib";
  try {
    for (const char *name : {"libnvJitLink.so.", "libnvrtc-builtins.so.", "libnvrtc.so."})
      for (const auto &file : std::filesystem::directory_iterator(folder))
        if (file.path().filename().string().starts_with(name)) dlopen(file.path().c_str(), RTLD_NOW | RTLD_GLOBAL);
  } catch (const std::filesystem::filesystem_error &) {
    // Where it is not to be found, another engine is taken that needs none.
  }
}

} // namespace

CTStatus ct_cuda_load(const char *path) {
  return guarded([&] {
    load_kernel_compiler(path);
    if (!dlopen(path, RTLD_NOW | RTLD_GLOBAL)) throw std::runtime_error(dlerror());
    at::Context &context = at::globalContext();
    // Whether rounding spares a parameter's noise is decided for float32 and bfloat16. TF32, which convolutions take by
    // default, rounds float32 to 11 bits.
    context.setAllowTF32CuDNN(false);
    context.setAllowTF32CuBLAS(false);
    // cuDNN's attention compiles kernels with NVRTC, which need not be there.
    context.setSDPUseCuDNN(false);
  });
}

CTStatus ct_cuda_device_count(int *out) {
  return guarded([&] { *out = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0; });
}

CTStatus ct_set_deterministic(bool enabled) {
  return guarded([&] {
    at::globalContext().setDeterministicAlgorithms(enabled, /*warn_only=*/false);
    // What is written before it is read need not be filled with NaN first.
    at::globalContext().setDeterministicFillUninitializedMemory(false);
    // Which of cuDNN's algorithms is fastest differs from call to call; that it is not tried out is the default, too.
    at::globalContext().setBenchmarkCuDNN(false);
  });
}
