#!/usr/bin/env bash
# One training step of ablation (a): totum and the same network in eager PyTorch, one after the other in one run.
# Usage: benchmarks/race.sh [cpu|cuda]   (after ./totum build)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
device=${1:-cpu}
build=$root/build/$([ "$device" = cuda ] && echo cuda || echo cpu)
# The CPU build's LibTorch lacks the libraries that PyTorch's Python part loads: then the peer gets its own environment.
python=$root/.venv/bin/python
if ! "$python" -c 'import torch' 2>/dev/null; then
  python=$root/build/race-venv/bin/python
  if ! "$python" -c 'import torch' 2>/dev/null; then
    echo "race.sh: installing torch==2.11.0 for the peer into build/race-venv (5 GB)" >&2
    python3 -m venv "$root/build/race-venv"
    "$python" -m pip install --quiet --disable-pip-version-check torch==2.11.0 numpy
  fi
fi
# size, width, stem stride as in training_step_benchmark.cpp; batch 2, two threads
for setting in "32 32 48 16 2" "32 56 56 16 2" "32 32 32 32 1"; do
  read -r depth height width base stem <<<"$setting"
  echo "== patch $depth x $height x $width, width $base, stem stride $stem, batch 2, 2 threads"
  "$build/benchmarks/training_step_benchmark" --benchmark_min_time=3 \
    --benchmark_filter="ablation_a/D:$depth/H:$height/W:$width/width:$base/batch:2/stem_stride:$stem" 2>/dev/null | grep training_step
  OMP_NUM_THREADS=2 "$python" "$root/benchmarks/pytorch_step.py" --device "$device" --size "$depth" "$height" "$width" \
    --base "$base" --stem "$stem" --batch 2 --threads 2 --iters 20 2>/dev/null
done
