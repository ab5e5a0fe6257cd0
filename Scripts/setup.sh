#!/usr/bin/env bash
# Set-up: everything the build needs beyond the Swift toolchain, git, Python 3 with pip and apt.
# Installs what is missing and is silent and quick when nothing is. What it downloads is kept outside the clone, in
# ${XDG_CACHE_HOME:-~/.cache}/gridless, so that a second clone does not fetch it again.
set -euo pipefail
cd "$(dirname "$0")/.."

torch_version=2.11.0
charts_version=5.5.1
charts_sha256=e84270bd0cd5bdf60fefc26d00c2a391cb2e81f4d26a7a9ee16185a54773a3cf
digits_sha256=6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }

# --- what nobody but the user can install -------------------------------------------------------------------------
[ "$(uname -s)/$(uname -m)" = Linux/x86_64 ] || die "found $(uname -s)/$(uname -m); Gridless supports Linux/x86_64 only"
[ -n "${XDG_CACHE_HOME:-}${HOME:-}" ] || die "neither HOME nor XDG_CACHE_HOME is set. Set HOME to your home folder"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/gridless"
[[ "$cache" = /* ]] || die "XDG_CACHE_HOME=$XDG_CACHE_HOME is not an absolute path. Unset it or make it absolute"
command -v swift >/dev/null ||
  die "no Swift toolchain on PATH. Install Swift 6.2 or newer (https://swift.org/install), then run make again"
command -v git >/dev/null || die "git is missing. Install it: apt-get install git"
command -v flock >/dev/null || die "flock is missing. Install it: apt-get install util-linux"

# --- Debian's libraries -------------------------------------------------------------------------------------------
missing=()
[ -e /usr/include/jpeglib.h ] || missing+=(libjpeg-dev)
[ -e /usr/include/png.h ] || missing+=(libpng-dev)
[ -e /usr/include/webp/decode.h ] || missing+=(libwebp-dev)
[ -e /usr/include/openssl/evp.h ] || missing+=(libssl-dev)
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null ||
    die "missing ${missing[*]} and no apt-get here. Install the headers of libjpeg-turbo, libpng, libwebp and OpenSSL"
  by_hand="apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
  if [ "$(id -u)" = 0 ]; then as_root=(); elif sudo -n true 2>/dev/null; then as_root=(sudo -n); else
    die "missing ${missing[*]}. As root, run: $by_hand"
  fi
  say "installing ${missing[*]}"
  log="$(mktemp)"
  apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }
  # A failed update may still leave lists that are good enough to install from.
  { apt update || true; apt install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "could not install ${missing[*]} (log: $log). As root, run: $by_hand"; }
  rm -f "$log"
fi

# --- wheels: pinned, checked by hash, unpacked all or nothing -----------------------------------------------------
# download NAME MEGABYTES: the wheels pinned in Scripts/NAME.txt, into $work/wheels.
download() {
  python3 -m pip --version >/dev/null 2>&1 ||
    die "Python 3 with pip is missing. Install it: apt-get install python3 python3-pip"
  local free
  free=$(df -Pk "$cache" | awk 'NR==2{print int($4/1024)}')
  [ "$free" -ge "$2" ] || die "$cache has $free MB free; $1 needs $2 MB. Free some, or set XDG_CACHE_HOME to another disk"
  # Holding the lock, what an interrupted set-up left is nobody's.
  rm -rf "$cache"/.unpacking-*
  work="$(mktemp -d "$cache/.unpacking-XXXXXX")"
  trap 'rm -rf "$work"' EXIT
  say "downloading $1 (once; kept in $cache)"
  local quiet=--quiet
  if [ -t 2 ]; then quiet=--progress-bar=on; fi
  mkdir "$work/tmp"
  TMPDIR="$work/tmp" python3 -m pip download $quiet --no-deps --no-cache-dir --require-hashes --only-binary=:all: \
    --implementation cp --python-version 3.11 --abi cp311 --abi none --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$work/wheels" -r "Scripts/$1.txt" >&2 ||
    die "pip could not download $1. Check the network and pip's index, then run make again (or see: pip download --no-deps -r Scripts/$1.txt)"
}

# keep TREE DEST: moves the finished TREE to DEST, in place of a damaged one.
keep() {
  rm -rf "$2"
  mv -T "$1" "$2"
  rm -rf "$work"
}

# Only one set-up per cache works at a time; the others wait here and then find the work done.
lock() {
  mkdir -p "$cache" || die "cannot make the folder $cache. Set XDG_CACHE_HOME to a folder you may write to"
  exec 9>"$cache/.lock" || die "cannot write to $cache. Set XDG_CACHE_HOME to a folder you may write to"
  flock -n 9 || { say "waiting for another set-up"; flock 9; }
}

has_libtorch() { [ -e "$cache/libtorch-$torch_version/torch/lib/libtorch_cpu.so" ]; }
has_charts() { [ -e "$cache/echarts-$charts_version/echarts.min.js" ]; }
has_digits() { [ -e "$cache/digits/digits.csv" ]; }

if [ -n "${LIBTORCH:-}" ]; then
  # It becomes the command's rpath.
  [[ "$LIBTORCH" = /* ]] || die "LIBTORCH=$LIBTORCH is not an absolute path. Unset it or make it absolute"
  found="$(sed -n "s/^__version__ = '\([^'+]*\).*/\1/p" "$LIBTORCH/version.py" 2>/dev/null || true)"
  [ "$found" = "$torch_version" ] ||
    die "LIBTORCH=$LIBTORCH holds torch '${found:-none}', expected $torch_version. Unset LIBTORCH, or point it at the torch folder of that version"
elif ! has_libtorch; then
  lock
  if ! has_libtorch; then
    download libtorch 4000
    for wheel in "$work"/wheels/*.whl; do
      python3 -m zipfile -e "$wheel" "$work/tree" || die "cannot unpack $wheel"
    done
    keep "$work/tree" "$cache/libtorch-$torch_version"
  fi
fi

if ! has_charts; then
  lock
  if ! has_charts; then
    download charts 100
    mkdir "$work/tree"
    python3 -c 'import sys, zipfile
sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read("nicegui/elements/lib/echarts/echarts.min.js"))' \
      "$work"/wheels/*.whl >"$work/tree/echarts.min.js" || die "cannot unpack Apache ECharts"
    sha256sum --check --status <<<"$charts_sha256  $work/tree/echarts.min.js" ||
      die "the ECharts in NiceGUI's wheel is not the one expected (sha256 $charts_sha256)"
    keep "$work/tree" "$cache/echarts-$charts_version"
  fi
fi

if ! has_digits; then
  lock
  if ! has_digits; then
    download digits 100
    mkdir "$work/tree"
    python3 -c 'import gzip, sys, zipfile
packed = zipfile.ZipFile(sys.argv[1]).read("sklearn/datasets/data/digits.csv.gz")
sys.stdout.buffer.write(gzip.decompress(packed))' "$work"/wheels/*.whl >"$work/tree/digits.csv" || die "cannot unpack the digits"
    sha256sum --check --status <<<"$digits_sha256  $work/tree/digits.csv" ||
      die "the digits in scikit-learn's wheel are not those expected (sha256 $digits_sha256)"
    keep "$work/tree" "$cache/digits"
  fi
fi
