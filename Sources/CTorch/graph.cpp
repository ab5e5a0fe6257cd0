// CUDA graphs, by a library that is loaded when it is first needed (gridless_cuda.h).
#include "gridless_cuda.h"
#include "support.hpp"

#include <dlfcn.h>
#include <stdexcept>
#include <string>

using namespace ctorch;

namespace {

struct Library {
  decltype(&gridless_stream_enter) enter;
  decltype(&gridless_stream_leave) leave;
  decltype(&gridless_graph_begin) begin;
  decltype(&gridless_graph_end) end;
  decltype(&gridless_graph_replay) replay;
  decltype(&gridless_graph_free) free;
};

std::optional<Library> library;

const Library &loaded() {
  if (!library) throw std::logic_error("the library of CUDA graphs is not loaded");
  return *library;
}

void check(char *message) {
  if (!message) return;
  std::string text = message;
  free(message);
  throw std::runtime_error(text);
}

} // namespace

CTStatus ct_graph_load(const char *path) {
  return guarded([&] {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) throw std::runtime_error(dlerror());
    auto find = [&](auto &function, const char *name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
      if (!function) throw std::runtime_error(std::string(path) + ": has no " + name + ". Build it again: make cuda");
    };
    Library found;
    find(found.enter, "gridless_stream_enter");
    find(found.leave, "gridless_stream_leave");
    find(found.begin, "gridless_graph_begin");
    find(found.end, "gridless_graph_end");
    find(found.replay, "gridless_graph_replay");
    find(found.free, "gridless_graph_free");
    library = found;
  });
}

CTStatus ct_stream_enter(void) {
  return guarded([] { check(loaded().enter()); });
}

CTStatus ct_stream_leave(void) {
  return guarded([] { check(loaded().leave()); });
}

CTStatus ct_graph_begin(CTGraph *out) {
  return guarded([&] {
    GridlessGraph *graph = nullptr;
    char *message = loaded().begin(&graph);
    *out = reinterpret_cast<CTGraph>(graph);
    check(message);
  });
}

CTStatus ct_graph_end(CTGraph graph) {
  return guarded([&] { check(loaded().end(reinterpret_cast<GridlessGraph *>(graph))); });
}

CTStatus ct_graph_replay(CTGraph graph) {
  return guarded([&] { check(loaded().replay(reinterpret_cast<GridlessGraph *>(graph))); });
}

void ct_graph_free(CTGraph graph) {
  if (library) library->free(reinterpret_cast<GridlessGraph *>(graph));
}
