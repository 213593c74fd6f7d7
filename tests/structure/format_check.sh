#!/usr/bin/env bash
# Fails with the names of files that clang-format would change. Arguments: the clang-format program, the project's root.
set -euo pipefail
cd "$2"
find core kernels data networks methods baselines evaluation experiments reports cli tests benchmarks \
  \( -name '*.h' -o -name '*.cpp' \) -print0 | sort -z | xargs -0 "$1" --dry-run --Werror
