#!/bin/bash
# Every method of the registry: a tiny real run, and `totum verify --data` on its report ends with 0.
#
# tests/cli/verify_methods_test.sh PROGRAM
set -euo pipefail

program=$(realpath "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/totum-verify-XXXXXX")
trap 'rm -rf "$work"' EXIT

# One entry for each method; the external one hands in the label maps of the atlas. Every run is small.
mapfile -t methods < <("$program" methods | awk '{print $1}')
entries=""
for method in "${methods[@]}"; do
  options="{}"
  [ "$method" != external ] ||
    options="{\"command\": [\"/bin/sh\", \"-c\", \"cp $work/out/runs/smoke/atlas_only/seed-0/predictions/* \\\"\$1\\\"/predictions/\", \"sh\"]}"
  [ "$method" != dar_unet ] || options='{"stage1_iterations": 2, "slice": 32, "translator": {"width": 4, "batch": 1}}'
  entries+="${entries:+, }{\"id\": \"$method\", \"method\": \"$method\", \"options\": $options}"
done
cat >"$work/all.json" <<JSON
{"name": "all", "metric": "volume_error_ml", "entries": [$entries],
 "cells": [{"id": "ct_ct", "test_modality": "ct", "relation": "intra"}], "tests": {"reference": "single"}}
JSON

"$program" reproduce --preset smoke --device cpu --jobs 1 --out "$work/out" --tables "$work/all.json" \
  --set threads=2 --set dataset/phantom=tiny --set dataset/split=phantom_tiny --set 'sampler/patch_voxels=[16,32,32]' \
  --set 'preprocess/spacing_mm=[16,10,10]' --set schedule/epochs=1 --set schedule/validate_every_epochs=1 >"$work/said"

said=$("$program" verify "$work/out/report/smoke" --data "$work/out/data/smoke")
again=$(grep -c 'holds .*scores of the label maps' <<<"$said")
if [ "$again" -ne $((2 * ${#methods[@]})) ] || grep -E '^(BROKEN|rule|unchecked)' <<<"$said"; then
  echo "verify_methods_test: $again links hold of $((2 * ${#methods[@]})) score files" >&2
  exit 1
fi
echo "verify_methods_test: scores of ${#methods[@]} methods are those of their files"
