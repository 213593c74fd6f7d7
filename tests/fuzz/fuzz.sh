#!/usr/bin/env bash
# Builds the fuzz targets with Clang, libFuzzer and sanitizers, and runs each from its seeds.
#   tests/fuzz/fuzz.sh [SECONDS of each target, default 600]
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-600}
targets=(configuration_fuzz split_fuzz scores_fuzz nifti_header_fuzz)
# The seeds come from the ordinary build.
ninja -C build/cpu "${targets[@]}"
cmake --preset fuzz >build/fuzz-configure.log
ninja -C build/fuzz "${targets[@]}"
mkdir -p build/fuzz/findings
for target in "${targets[@]}"; do
  corpus=build/fuzz/corpus/$target
  "build/cpu/tests/fuzz/$target" --write-seeds "$corpus"
  "build/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/findings/$target-" "$corpus"
done
