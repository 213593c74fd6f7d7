#!/usr/bin/env bash
# One training step of ablation (a): totum and the same network in eager PyTorch, one after the other in one run.
# Usage: benchmarks/race.sh [cpu|cuda]   (after ./totum build)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
device=${1:-cpu}
build=$root/build/$([ "$device" = cuda ] && echo cuda || echo cpu)
python=$root/.venv/bin/python
# size, width, stem stride as in training_step_benchmark.cpp; batch 2, two threads
for setting in "32 32 48 16 2" "32 56 56 16 2" "32 32 32 32 1"; do
  read -r depth height width base stem <<<"$setting"
  echo "== patch $depth x $height x $width, width $base, stem stride $stem, batch 2, 2 threads"
  "$build/benchmarks/training_step_benchmark" --benchmark_min_time=3 \
    --benchmark_filter="ablation_a/D:$depth/H:$height/W:$width/width:$base/batch:2/stem_stride:$stem" 2>/dev/null | grep training_step
  OMP_NUM_THREADS=2 "$python" "$root/benchmarks/pytorch_step.py" --device "$device" --size "$depth" "$height" "$width" \
    --base "$base" --stem "$stem" --batch 2 --threads 2 --iters 20 2>/dev/null
done
