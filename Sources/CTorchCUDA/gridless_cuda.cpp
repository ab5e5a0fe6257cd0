// libgridless_cuda.so: CUDA graphs by PyTorch's own class, which keeps the memory of the recorded operations and the
// random numbers' offset right. `make cuda` compiles it; nothing links it.
#include "gridless_cuda.h"

#include <ATen/core/CachingHostAllocator.h>
#include <ATen/cuda/CUDAGeneratorImpl.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAStream.h>

#include <cstring>
#include <exception>
#include <optional>

namespace {

template <class Body> char *guarded(Body &&body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception of unknown type left libtorch_cuda");
  }
}

/// The streams of the thread that trains: the one before, while ours is current.
thread_local std::optional<c10::cuda::CUDAStream> before;

c10::cuda::CUDAStream side() {
  thread_local c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool();
  return stream;
}

} // namespace

/// PyTorch's graph, with what that class leaves undone where a capture fails.
struct GridlessGraph : at::cuda::CUDAGraph {
  bool is_capturing = false;

  /// Gives up a capture, so that eager work can go on.
  ///
  /// capture_end throws where an operation has invalidated the capture, before it has undone what capture_begin did: the
  /// allocators would go on taking this stream's memory from the graph's pools, and the generator would wait for a replay.
  void abandon() noexcept {
    char *invalid = guarded([&] { capture_end(); });
    is_capturing = false;
    if (!invalid) return;
    free(invalid);
    free(guarded([&] {
      for (auto &[state, increment] : captured_generator_states_) {
        state->capturing_ = false;
        state->offset_intragraph_ = 0;
      }
      c10::cuda::CUDACachingAllocator::endAllocateToPool(capture_dev_, mempool_id_);
      at::getHostAllocator(at::kCUDA)->end_allocate_to_pool(mempool_id_);
      // From here the destructor releases the pools.
      capture_ended_ = true;
    }));
  }
};

char *gridless_stream_enter(void) {
  return guarded([] {
    c10::cuda::CUDAStream current = c10::cuda::getCurrentCUDAStream();
    current.synchronize();
    c10::cuda::setCurrentCUDAStream(side());
    before = current;
  });
}

char *gridless_stream_leave(void) {
  return guarded([] {
    if (!before) return;
    c10::cuda::setCurrentCUDAStream(*before);
    before.reset();
    side().synchronize();
  });
}

char *gridless_graph_begin(GridlessGraph **out) {
  return guarded([&] {
    // A graph takes new memory. That of graphs which are gone is the driver's again only after this.
    c10::cuda::device_synchronize();
    c10::cuda::CUDACachingAllocator::emptyCache();
    auto *graph = new GridlessGraph;
    *out = graph;
    graph->is_capturing = true;
    graph->capture_begin();
  });
}

char *gridless_graph_end(GridlessGraph *graph) {
  return guarded([&] {
    graph->capture_end();
    graph->is_capturing = false;
  });
}

char *gridless_graph_replay(GridlessGraph *graph) {
  return guarded([&] { graph->replay(); });
}

void gridless_graph_free(GridlessGraph *graph) {
  if (!graph) return;
  if (graph->is_capturing) graph->abandon();
  free(guarded([&] { delete graph; }));
}
