#!/usr/bin/env bash
# Makes the Python that runs Benchmarks/peer/peer.py, and prints its path. Needs `make setup`, Python 3.11 with pip, nm.
# It uses the PyTorch that Gridless is built against, so both sides compute with the same library. Its Python module was
# built with CUDA and wants CUDA's libraries even where there is no GPU: gigabytes, none of which is ever called. So
# where they are absent, empty ones stand in, which define the names that the module's files look for.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'peer: %s\n' "$*" >&2; }
die() { printf 'peer: error: %s\n' "$*" >&2; exit 1; }

cache="${XDG_CACHE_HOME:-$HOME/.cache}/gridless"
torch="${LIBTORCH:-$cache/libtorch-2.11.0/torch}"
[ -e "$torch/__init__.py" ] || die "$torch has no Python package. Run make setup, or unset LIBTORCH"

python="${GRIDLESS_PYTHON:-$(command -v python3.11 || command -v python3 || true)}"
[ -n "$python" ] || die "no Python. Install Python 3.11 with pip, or name one by GRIDLESS_PYTHON"
version="$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" || die "$python does not run"
[ "$version" = 3.11 ] ||
  die "$python is Python $version; PyTorch's wheel here is for 3.11. Name a Python 3.11 by GRIDLESS_PYTHON"
command -v taskset >/dev/null || die "taskset is missing. Install it: apt-get install util-linux"

# Another list of packages, Python or PyTorch makes another folder.
peer="$cache/peer-$({ cat Scripts/peer.txt Scripts/peer.sh; echo "$python $torch"; } | sha256sum | cut -c1-12)"
if [ ! -x "$peer/python" ]; then
  mkdir -p "$cache"
  exec 9>"$cache/.lock"
  flock 9
fi
if [ ! -x "$peer/python" ]; then
  say "installing torchvision, NumPy and Pillow (once; kept in $peer)"
  rm -rf "$peer"
  mkdir -p "$peer/cuda"
  "$python" -m pip install --quiet --no-deps --no-cache-dir --require-hashes --only-binary=:all: \
    --target "$peer/packages" -r Scripts/peer.txt >&2 ||
    die "pip could not install Scripts/peer.txt. Check the network and pip's index, then run make bench again"
  export PYTHONPATH="$(dirname "$torch"):$peer/packages"

  # stub SONAME VERSION: an empty library with every name that torch's libraries want of that version.
  stub() {
    { grep -F "@$2" "$peer/cuda/names" || grep -v @ "$peer/cuda/names"; } | sed 's/@.*//; s/.*/.globl &\n&:/' >"$peer/cuda/stub.s"
    echo '.quad 0' >>"$peer/cuda/stub.s"
    echo "$2 { *; };" >"$peer/cuda/stub.map"
    clang -shared -nostdlib "$peer/cuda/stub.s" -Wl,-soname,"$1" -Wl,--version-script,"$peer/cuda/stub.map" \
      -o "$peer/cuda/$1" || die "clang cannot make $1"
  }
  if ! "$python" -c 'import torch' 2>/dev/null; then
    command -v nm >/dev/null || die "nm is missing. Install it: apt-get install binutils"
    nm -D --undefined-only "$torch"/lib/*.so | awk '$1 == "U" { print $2 }' |
      grep -E '^(cublas|cudnn|cufft|cuFile|curand|cusolver|cusparse|nccl|nvshmem)' | sort -u >"$peer/cuda/names"
    for library in cublas.so.13 cublasLt.so.13 cudnn.so.9 cufft.so.12 cufile.so.0 curand.so.10 cusolver.so.12 \
      cusparse.so.12 cusparseLt.so.0 nccl.so.2; do
      stub "lib$library" "lib$library"
    done
    stub libnvshmem_host.so.3 NVSHMEM
    export LD_LIBRARY_PATH="$peer/cuda"
  fi
  "$python" -c 'import torch, torchvision' || die "PyTorch does not load; its message is above"
  cat >"$peer/python.new" <<END
#!/bin/sh
export PYTHONPATH='$PYTHONPATH' LD_LIBRARY_PATH='${LD_LIBRARY_PATH:-}'
exec '$python' "\$@"
END
  chmod +x "$peer/python.new"
  mv "$peer/python.new" "$peer/python"
fi
printf '%s\n' "$peer/python"
