// libgridless_cuda.so: CUDA graphs by PyTorch's own class, which keeps the memory of the recorded operations and the
// random numbers' offset right. `make cuda` compiles it; nothing links it.
#include "gridless_cuda.h"

#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAStream.h>

#include <cstring>
#include <exception>
#include <optional>

struct GridlessGraph {
  at::cuda::CUDAGraph graph;
  bool is_capturing = false;
};

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
    auto *graph = new GridlessGraph;
    *out = graph;
    graph->graph.capture_begin();
    graph->is_capturing = true;
  });
}

char *gridless_graph_end(GridlessGraph *graph) {
  return guarded([&] {
    graph->is_capturing = false;
    graph->graph.capture_end();
  });
}

char *gridless_graph_replay(GridlessGraph *graph) {
  return guarded([&] { graph->graph.replay(); });
}

void gridless_graph_free(GridlessGraph *graph) {
  if (!graph) return;
  // A capture that fails to end leaves nothing to keep.
  if (graph->is_capturing) free(gridless_graph_end(graph));
  free(guarded([&] { delete graph; }));
}
