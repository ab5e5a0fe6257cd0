// The C interface of libgridless_cuda.so, the only part of Gridless that needs CUDA's headers and libraries. CTorch loads
// it by dlopen, beside libtorch_cuda.so, so that the command runs where there is neither.
//
// A function that can fail returns NULL, or a message to be released by free().
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

typedef struct GridlessGraph GridlessGraph;

/// Waits for the current stream, and makes a stream of our own the current one, as capture needs.
char *gridless_stream_enter(void);
/// Waits for that stream, and makes the one before current again.
char *gridless_stream_leave(void);
/// From here to gridless_graph_end, work on the current stream is recorded and not done.
char *gridless_graph_begin(GridlessGraph **out);
char *gridless_graph_end(GridlessGraph *graph);
/// Does the recorded work, without waiting for it.
char *gridless_graph_replay(GridlessGraph *graph);
/// Releases the graph and its memory; one that is being captured is given up.
void gridless_graph_free(GridlessGraph *graph);

#ifdef __cplusplus
}
#endif
