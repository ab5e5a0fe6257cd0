#!/usr/bin/env bash
# Makes the bundle, unpacks it and starts it as a machine without Swift would: with what is in it, PyTorch's libraries, and of
# the system's only the C and C++ libraries.
set -euo pipefail
cd "$(dirname "$0")/.."

die() { printf 'bundle: error: %s\n' "$*" >&2; exit 1; }

torch="${LIBTORCH:-${XDG_CACHE_HOME:-$HOME/.cache}/gridless/libtorch-2.11.0/torch}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
Scripts/bundle.sh "$scratch/bundle.tar.gz" > /dev/null
tar -C "$scratch" -xzf "$scratch/bundle.tar.gz"
folder="$(echo "$scratch"/gridless-*)"

foreign="$(LD_LIBRARY_PATH="$folder/lib:$torch/lib" ldd "$folder/bin/gridless" "$folder/bin/gridless-bench" |
  awk -v own="$folder/" -v torch="$(dirname "$torch")/" '
    $2 != "=>" || index($3, own) == 1 || index($3, torch) == 1 { next }
    $1 ~ /^(libc|libm|libdl|librt|libpthread|libresolv|libutil|libstdc\+\+|libgcc_s)\.so/ { next }
    { print }')"
[ -z "$foreign" ] || die "it takes these from this machine: $foreign"

env -i PATH="$PATH" LIBTORCH="$torch" "$folder/gridless" doctor | grep -q "^libtorch .*2\.11\.0" || die "it does not start"
env -i PATH="$PATH" LIBTORCH="$torch" "$folder/gridless-bench" --help | grep -q gpu || die "gridless-bench does not start"
if message="$(env -i PATH=/nowhere "$(command -v sh)" "$folder/gridless" doctor 2>&1)"; then die "it starts without PyTorch"; fi
[[ "$message" == *"Point LIBTORCH at"* ]] || die "without PyTorch it says: $message"
echo "bundle: it starts with its own libraries and PyTorch's"
