#!/usr/bin/env bash
# Builds and runs Examples/Consumer against the last commit, as a user's package would: by address and version tag.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.1.0
scratch="$PWD/.build-consumer"
clone="$scratch/gridless"

# The identity of the sources in the last commit of the repository $1.
sources() { git --git-dir="$1/.git" rev-parse HEAD:Sources HEAD:Package.swift 2>/dev/null || true; }

if [ -n "$(git status --porcelain -- Package.swift Sources)" ]; then
  echo "consumer: note: this tests the last commit; your changes since are not in it" >&2
fi

# SwiftPM takes it that a tag never moves. So a commit with other sources starts afresh.
if [ "$(sources "$clone")" != "$(sources .)" ]; then
  rm -rf "$scratch"
  mkdir -p "$scratch"
  git clone --quiet --no-local . "$clone.new"
  git -C "$clone.new" tag --force "$version" >/dev/null
  # Dependencies come from the checkouts that the build left, so that no network is needed.
  for checkout in .build/checkouts/*; do
    git clone --quiet --no-local "$checkout" "$scratch/checkouts/$(basename "$checkout")"
  done
  mv "$clone.new" "$clone"
fi

rm -rf "$scratch/Consumer" "$scratch/security" "$scratch/run"
cp -R Examples/Consumer "$scratch/Consumer"
rm -rf "$scratch/Consumer/.build" "$scratch/Consumer/Package.resolved"
for mirror in "$scratch"/checkouts/*; do
  repository="$(git -C ".build/checkouts/${mirror##*/}" config remote.origin.url)"
  original="$(git -C "$repository" config remote.origin.url)"
  swift package --package-path "$scratch/Consumer" config set-mirror --original "$original" --mirror "$mirror" >/dev/null
done
# A security folder of its own, because the user's records each version's commit for good.
GRIDLESS_URL="$clone" swift run -c release --package-path "$scratch/Consumer" --scratch-path "$scratch/build" \
  --security-path "$scratch/security" --disable-dependency-cache Consumer \
  "${XDG_CACHE_HOME:-$HOME/.cache}/gridless/digits/digits.csv" Examples/digits/resnet8-digits-0-4.safetensors \
  "$scratch/run"
