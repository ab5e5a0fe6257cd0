#!/usr/bin/env bash
# Set-up: everything the build needs beyond the Swift toolchain, git, Python 3 with pip and apt.
# Installs what is missing and is silent and quick when nothing is. The large download (libtorch) is kept outside the
# clone, in ${XDG_CACHE_HOME:-~/.cache}/gridless, so that a second clone does not fetch it again.
set -euo pipefail
cd "$(dirname "$0")/.."

cache="${XDG_CACHE_HOME:-$HOME/.cache}/gridless"
torch_version=2.11.0

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# --- what nobody but the user can install -------------------------------------------------------------------------
[ "$(uname -s)/$(uname -m)" = Linux/x86_64 ] || die "found $(uname -s)/$(uname -m); Gridless supports Linux/x86_64 only"
command -v swift >/dev/null || die "no Swift toolchain on PATH. Install Swift 6.2 or newer (https://swift.org/install), then run make again"
command -v python3 >/dev/null || die "python3 is missing. Install it: apt-get install python3 python3-pip"
python3 -m pip --version >/dev/null 2>&1 || die "pip is missing. Install it: apt-get install python3-pip"

# --- Debian's image libraries -------------------------------------------------------------------------------------
missing=()
[ -e /usr/include/jpeglib.h ] || missing+=(libjpeg62-turbo-dev)
[ -e /usr/include/png.h ] || missing+=(libpng-dev)
[ -e /usr/include/webp/decode.h ] || missing+=(libwebp-dev)
if [ ${#missing[@]} -gt 0 ]; then
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null || die "missing ${missing[*]} and no apt-get here. Install the headers of libjpeg-turbo, libpng and libwebp"
  if [ "$(id -u)" = 0 ]; then as_root=(); elif sudo -n true 2>/dev/null; then as_root=(sudo -n); else
    die "missing ${missing[*]}. Run: sudo $install"
  fi
  say "installing ${missing[*]}"
  log="$(mktemp)"
  # shellcheck disable=SC2086
  { "${as_root[@]}" apt-get update && DEBIAN_FRONTEND=noninteractive "${as_root[@]}" $install; } >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "could not install ${missing[*]}. Run: sudo $install"; }
  rm -f "$log"
fi

# --- wheels: pinned, checked by hash, unpacked side by side -------------------------------------------------------
# fetch NAME DEST: downloads the wheels pinned in Scripts/NAME.txt and unpacks them into DEST, all or nothing.
fetch() {
  local name="$1" dest="$2" work
  mkdir -p "$cache"
  local free; free=$(df -Pk "$cache" | awk 'NR==2{print int($4/1024)}')
  [ "$free" -ge "$3" ] || die "$cache has $free MB free; $name needs $3 MB. Free some, or set XDG_CACHE_HOME to another disk"
  work="$(mktemp -d "$cache/.unpacking-XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  say "downloading $name (once; kept in $cache)"
  python3 -m pip download --quiet --no-deps --no-cache-dir --require-hashes --only-binary=:all: \
    --implementation cp --python-version 3.11 --abi cp311 --abi none --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$work/wheels" -r "Scripts/$name.txt" ||
    die "pip could not download $name. Check the network and pip's index, then run make again (or: pip download --no-deps -r Scripts/$name.txt)"
  mkdir "$work/tree"
  for wheel in "$work"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$work/tree" || die "cannot unpack $wheel"; done
  mkdir -p "$(dirname "$dest")"
  # Another set-up may have won the race; both trees are the same.
  mv -T "$work/tree" "$dest" 2>/dev/null || [ -d "$dest" ]
  rm -rf "$work"
  trap - EXIT
}

if [ -n "${LIBTORCH:-}" ]; then
  found="$(sed -n "s/^__version__ = '\([^'+]*\).*/\1/p" "$LIBTORCH/version.py" 2>/dev/null || true)"
  [ "$found" = "$torch_version" ] ||
    die "LIBTORCH=$LIBTORCH holds torch '${found:-none}', expected $torch_version. Unset LIBTORCH, or point it at the torch folder of that version"
elif [ ! -e "$cache/libtorch-$torch_version/torch/lib/libtorch_cpu.so" ]; then
  fetch libtorch "$cache/libtorch-$torch_version" 4000
fi
