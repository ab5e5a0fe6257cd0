#!/usr/bin/env bash
# Compiles libgridless_cuda.so, which records CUDA graphs, beside the command. Needs `make setup`, but no GPU and no nvcc:
# it is C++ against PyTorch's headers and CUDA's.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'cuda: %s\n' "$*" >&2; }
die() { printf 'cuda: error: %s\n' "$*" >&2; exit 1; }

cache="${XDG_CACHE_HOME:-$HOME/.cache}/gridless"
torch="${LIBTORCH:-$cache/libtorch-2.11.0/torch}"
runtime="$(dirname "$torch")/nvidia/cu13/include"
[ -e "$torch/lib/libtorch_cuda.so" ] || die "$torch was built without CUDA. Unset LIBTORCH, or point it at another torch"
[ -e "$runtime/cuda_runtime_api.h" ] || die "$runtime has no headers of CUDA 13. Install nvidia-cuda-runtime 13.0 beside torch"

# Another list makes another folder.
headers="$cache/cuda-$(sha256sum Scripts/cuda.txt | cut -c1-12)"
if [ ! -e "$headers" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock 9
fi
if [ ! -e "$headers" ]; then
  say "downloading CUDA's headers (once; kept in $headers)"
  work="$(mktemp -d "$cache/.unpacking-XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  python3 -m pip download --quiet --no-deps --no-cache-dir --require-hashes --only-binary=:all: \
    --platform manylinux2014_x86_64 --dest "$work/wheels" -r Scripts/cuda.txt >&2 ||
    die "pip could not download Scripts/cuda.txt. Check the network and pip's index, then run make cuda again"
  for wheel in "$work"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$work/tree"; done
  mv -T "$work/tree" "$headers"
fi

mkdir -p .build/release
clang++ -std=c++20 -O2 -Wall -Werror -fPIC -shared -I Sources/CTorch -isystem "$torch/include" \
  -isystem "$runtime" -isystem "$headers/nvidia/cu13/include" Sources/CTorchCUDA/gridless_cuda.cpp \
  -o .build/release/libgridless_cuda.so -L "$torch/lib" -ltorch_cuda -lc10_cuda -ltorch_cpu -lc10 ||
  die "Sources/CTorchCUDA does not compile; the first error is above"
