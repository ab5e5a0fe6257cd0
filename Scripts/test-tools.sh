#!/usr/bin/env bash
# Installs what tests read their subjects with: TensorBoard and onnxruntime, in the cache, and Chromium, Debian's package.
# Where one cannot be installed it says so, and the test that wants it is skipped; it never fails.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'test-tools: %s\n' "$*" >&2; }

cache="${XDG_CACHE_HOME:-$HOME/.cache}/gridless"
mkdir -p "$cache"
exec 9>"$cache/.lock"
flock 9

# --- install_packages NAME: a folder of packages, named by the list Scripts/NAME.txt (TestSupport's ForeignReader looks
# there) ---------------------------------------------------------------------------------------------------------------
install_packages() {
  local python packages="$cache/$1-$(sha256sum "Scripts/$1.txt" | cut -c1-12)"
  [ ! -e "$packages" ] || return 0
  python="${GRIDLESS_PYTHON:-$(command -v python3.11 || command -v python3 || true)}"
  [ -n "$python" ] && [ "$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')" = 3.11 ] ||
    { say "no Python 3.11, for which Scripts/$1.txt is: tests that need it will be skipped"; return 0; }
  say "installing $1 (once; kept in $packages)"
  rm -rf "$packages.new"
  "$python" -m pip install --quiet --root-user-action=ignore --no-deps --no-cache-dir --require-hashes \
    --only-binary=:all: --target "$packages.new" -r "Scripts/$1.txt" >&2 ||
    { say "pip could not install it: tests that need it will be skipped"; return 0; }
  printf '%s\n' "$python" >"$packages.new/python.txt"
  mv "$packages.new" "$packages"
}

# --- Chromium --------------------------------------------------------------------------------------------------------
install_chromium() {
  local as_root log
  [ -z "$(command -v chromium || command -v chromium-headless-shell || true)" ] || return 0
  if [ "$(id -u)" = 0 ]; then as_root=(); elif sudo -n true 2>/dev/null; then as_root=(sudo -n); else
    say "no chromium, and no right to install it: the test of reports in a browser will be skipped"; return 0
  fi
  command -v apt-get >/dev/null || { say "no chromium and no apt-get: the test of reports in a browser will be skipped"; return 0; }
  say "installing chromium"
  log="$(mktemp)"
  apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"; }
  { apt update || true; apt install -y --no-install-recommends chromium; } >"$log" 2>&1 ||
    { tail -n 3 "$log" >&2; say "chromium could not be installed: the test of reports in a browser will be skipped"; }
  rm -f "$log"
}

install_packages tensorboard
install_packages onnxruntime
install_chromium
