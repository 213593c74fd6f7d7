#!/usr/bin/env bash
# All that needs a GPU, in one call of a few minutes: the tests labelled gpu, the memory and race checkers on our
# kernels, the kernels beside ATen and cuDNN, training steps beside PyTorch, and a small run on the CPU and twice on the GPU.
# Usage: scripts/gpu_check.sh [BUILD [OUT]]   BUILD: folder of a CUDA build (build/cuda); OUT: for logs (BUILD/gpu-check)
# TOTUM_PEER_PYTHON: a Python with PyTorch (default: .venv/bin/python). TOTUM_GPU_STEPS: a subset of the steps' names.
# Exit status 0 if every step passed; a table of steps, with seconds, comes last.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=$(realpath "${1:-$root/build/cuda}")
out=${2:-$build/gpu-check}
python=${TOTUM_PEER_PYTHON:-$root/.venv/bin/python}
mkdir -p "$out"
cd "$root"
export TOTUM_HOME=$root
failed=0
summary=()

step() { # NAME SECONDS COMMAND...
  local name=$1 limit=$2 started=$SECONDS status
  shift 2
  [[ " ${TOTUM_GPU_STEPS:-$name} " == *" $name "* ]] || return 0
  echo "== $name"
  timeout "$limit" bash -c '"$@"' step "$@" >"$out/$name.txt" 2>&1
  status=$?
  summary+=("$(printf '%-24s %s  %4d s' "$name" "$([ $status = 0 ] && echo passed || echo "FAILED ($status)")" $((SECONDS - started)))")
  if [ $status != 0 ]; then
    failed=1
    grep -E 'FAILED|Failure|error|Error' "$out/$name.txt" | head -n 20
    tail -n 15 "$out/$name.txt"
  fi
}

peers() { # eager and compiled, the same sizes as ours
  local size base method failures=()
  for size in "32 32 48 16 2 2" "32 64 96 32 2 1" "64 192 192 32 3 1"; do
    read -r d h w base batch stem <<<"$size"
    for method in seg full; do
      for mode in "" --compile; do
        [ "$mode" = "" ] || [ "$h" = 192 ] || [ "$method $h" = "seg 64" ] || continue # compiling takes a minute each
        # shellcheck disable=SC2086
        timeout 120 "$python" benchmarks/pytorch_step.py --device cuda --size "$d" "$h" "$w" --base "$base" --batch "$batch" \
          --stem "$stem" --method "$method" $mode --iters 10 2>>"$out/peers.log" || failures+=("$size $method $mode")
      done
    done
  done
  [ ${#failures[@]} = 0 ] || { printf 'failed: %s\n' "${failures[@]}"; return 1; }
}

small_runs() { # ablation (a) and the full method, two epochs: on both devices, and on the GPU again, with the same bytes
  local run
  for run in cpu cuda cuda-again; do
    "$build/cli/totum" reproduce --preset smoke --methods ablation_a,full --device "${run%-again}" --set schedule.epochs=2 \
      --jobs 2 --out "$out/smoke-$run" || return 1
  done
  predictions_of "$out/smoke-cuda" >"$out/predictions.txt"
  [ -s "$out/predictions.txt" ] || { echo "no predictions"; return 1; }
  predictions_of "$out/smoke-cuda-again" | diff "$out/predictions.txt" - || { echo "a second run differs"; return 1; }
}
predictions_of() { (cd "$1" && find . -path '*predictions*' -name '*.nii.gz' -exec sha256sum {} + | sort -k 2); }

export root build out python
export -f peers small_runs predictions_of
step device 30 nvidia-smi
step kernels_gpu_test 120 "$build/tests/kernels/kernels_gpu_test"
step gpu_test 240 "$build/tests/methods/gpu_test"
step kernels_benchmark 120 "$build/benchmarks/kernels_benchmark" --benchmark_filter=cuda --benchmark_min_time=0.2
step training_steps 240 env TOTUM_BENCHMARK_DEVICE=cuda "$build/benchmarks/training_step_benchmark" \
  --benchmark_filter=training_step --benchmark_min_time=0.5
step training_steps_fastest 120 env TOTUM_BENCHMARK_DEVICE=cuda TOTUM_BENCHMARK_FASTEST=1 \
  "$build/benchmarks/training_step_benchmark" --benchmark_filter='ablation_a|full|paper' --benchmark_min_time=0.5
step small_runs 300 small_runs
if command -v compute-sanitizer >/dev/null; then
  # Our kernels alone, without cuDNN's; the race checker is so slow that it gets the small convolutions.
  step memcheck 240 compute-sanitizer --tool memcheck --error-exitcode 9 "$build/tests/kernels/kernels_gpu_test" \
    "--gtest_filter=KernelsOnGpu.*:*WeightGradient*"
  step racecheck 240 compute-sanitizer --tool racecheck --error-exitcode 9 "$build/tests/kernels/kernels_gpu_test" \
    "--gtest_filter=KernelsOnGpu.*:*WeightGradient*_in[235]_*"
else
  summary+=("memcheck, racecheck      skipped: no compute-sanitizer on the PATH")
fi
step peers 600 peers

grep -h -E '^(upsample|dice|weight_gradient|input_gradient)/' "$out/kernels_benchmark.txt" 2>/dev/null
for f in training_steps training_steps_fastest; do grep -h -E "^training_step/" "$out/$f.txt" 2>/dev/null | sed "s/^/$f: /"; done
grep -h crops_per_s "$out/peers.txt" 2>/dev/null
printf '%s\n' "${summary[@]}"
exit $failed
