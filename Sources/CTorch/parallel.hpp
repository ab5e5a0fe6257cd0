// Our own loops on libtorch's own threads. at::parallel_for is a header that needs the compiler's OpenMP, and Swift's
// clang has none: there it is silently serial. A second pool of threads would compete with libgomp's, which spin. So
// the loop calls libgomp, which libtorch has loaded, by the entry point that GCC compiles `#pragma omp parallel` to.
#pragma once

#include <ATen/Parallel.h>

#include <atomic>
#include <cstdint>
#include <dlfcn.h>

namespace ctorch {

/// Calls body(i) for i < count, on as many threads as libtorch's operations use.
///
/// Which thread takes which i is not fixed: what body writes must depend on i alone, and it must not throw.
template <class Body> void parallel_for(int64_t count, const Body &body) {
  using Parallel = void (*)(void (*)(void *), void *, unsigned, unsigned);
  static const auto start = reinterpret_cast<Parallel>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  struct Work {
    const Body &body;
    int64_t count;
    std::atomic<int64_t> next{0};
    void run() {
      for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) body(i);
    }
  } work{body, count};
  int threads = at::get_num_threads();
  if (start && threads > 1 && count > 1)
    start([](void *work) { static_cast<Work *>(work)->run(); }, &work, unsigned(threads), 0);
  else
    work.run();
}

} // namespace ctorch
