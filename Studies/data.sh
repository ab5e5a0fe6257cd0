#!/usr/bin/env bash
# data.sh: lays out the study's data sets in STUDY (default .build/study) from the shared ones, which stay as they are.
#
# flowers-val and cifar-val have a held-out part in the place of the test split, for screening: flowers89's own val, and
# 2,000 training images of CIFAR-10 (the first of data_batch_5). cifar-test has the first 2,000 test images, and the same
# training images as cifar-val. Needs Python with numpy and Pillow, for the shared data's unpack.py.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=$(realpath "${GRIDLESS_SHARED:-../shared}")/data
study=${STUDY:-.build/study}
mkdir -p "$study/data/flowers-val"
study=$(realpath "$study")
ln -sfn "$shared/flowers89/train" "$study/data/flowers-val/train"
ln -sfn "$shared/flowers89/val" "$study/data/flowers-val/test"
binaries=$study/cifar/cifar-10-batches-bin
[ -e "$binaries/test_batch.bin" ] || python3 "$shared/cifar10/unpack.py" "$study/cifar"
bytes=$((3073 * 2000))
for split in val test; do
  folder=$study/data/cifar-$split/cifar-10-batches-bin
  mkdir -p "$folder"
  for batch in 1 2 3 4; do ln -sfn "$binaries/data_batch_$batch.bin" "$folder/data_batch_$batch.bin"; done
  ln -sfn "$binaries/batches.meta.txt" "$folder/batches.meta.txt"
  tail -c +$((bytes + 1)) "$binaries/data_batch_5.bin" > "$folder/data_batch_5.bin"
done
head -c $bytes "$binaries/data_batch_5.bin" > "$study/data/cifar-val/cifar-10-batches-bin/test_batch.bin"
head -c $bytes "$binaries/test_batch.bin" > "$study/data/cifar-test/cifar-10-batches-bin/test_batch.bin"

# transfer.plan: AG News' first three classes without every fourth text, and the rest with the fourth class.
news=$shared/ag_news
mkdir -p "$study/ag-source" "$study/ag-target"
grep -E '^"[123]",' "$news/train.csv" | awk 'NR % 4 != 0' > "$study/ag-source/train.csv"
{ grep -E '^"[123]",' "$news/train.csv" | awk 'NR % 4 == 0'; grep '^"4",' "$news/train.csv"; } > "$study/ag-target/train.csv"
grep -E '^"[123]",' "$news/test.csv" > "$study/ag-source/test.csv"
cp "$news/test.csv" "$study/ag-target/"
