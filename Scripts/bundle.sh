#!/usr/bin/env bash
# Packs the command with Swift's library and the image libraries into one archive, for a machine that has PyTorch of our
# version, as a GPU machine does, but no Swift. Needs `make build`; takes libgridless_cuda.so along where `make cuda` made it.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { printf 'bundle: error: %s\n' "$*" >&2; exit 1; }

version="$(.build/release/gridless --version)"
name="gridless-$version-linux-x86_64"
out="${1:-.build/$name.tar.gz}"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
folder="$work/$name"
mkdir -p "$folder/bin" "$folder/lib"

for program in gridless gridless-bench; do
  strip -o "$folder/bin/$program" ".build/release/$program" || die "cannot copy .build/release/$program. Run make build"
done
if [ -e .build/release/libgridless_cuda.so ]; then
  cp .build/release/libgridless_cuda.so "$folder/bin/"
else
  echo "bundle: without libgridless_cuda.so, so steps on a GPU are not recorded: slower. make cuda bundle takes it along" >&2
fi

# All that is loaded, but for PyTorch's own, glibc's parts and GCC's library, which PyTorch needs of the machine as well.
ldd "$folder/bin/gridless" "$folder/bin/gridless-bench" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }' | sort -u |
  while read -r file path; do
    case $file in
      libtorch* | libc10* | libgomp* | libcudart* | libcupti*) continue ;;
      libc.so* | libm.so* | libdl.so* | librt.so* | libpthread.so* | libresolv.so* | libutil.so* | libstdc++* | libgcc_s*) continue ;;
    esac
    strip -o "$folder/lib/$file" "$(readlink -f "$path")"
  done

cat > "$folder/gridless" <<'LAUNCHER'
#!/bin/sh
# Starts the command of its own name with the libraries beside it and PyTorch's: LIBTORCH, or that of `python3`.
here=$(dirname "$(readlink -f "$0")")
torch=${LIBTORCH:-$(python3 -c 'from importlib.util import find_spec
print(find_spec("torch").submodule_search_locations[0])' 2>/dev/null)}
if [ ! -e "$torch/lib/libtorch_cpu.so" ]; then
  echo "gridless: no PyTorch found. Point LIBTORCH at the folder torch of an installation, which holds lib/libtorch_cpu.so" >&2
  exit 1
fi
# pip puts CUDA's libraries beside torch.
cuda=$(printf '%s:' "$torch"/../nvidia/*/lib)
export LD_LIBRARY_PATH="$here/lib:$torch/lib:${cuda%:}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$here/bin/$(basename "$0")" "$@"
LAUNCHER
chmod +x "$folder/gridless"
ln -s gridless "$folder/gridless-bench"
cp LICENSE THIRD_PARTY_NOTICES.md "$folder/"

tar -C "$work" -czf "$out.new" "$name"
mv "$out.new" "$out"
printf '%s (%s bytes)\n' "$out" "$(stat -c %s "$out")"
