#!/usr/bin/env bash
# What ./totum says when a step fails, and that a second call neither configures nor builds again. The packages, cmake
# and the program are stand-ins, so that it takes no time.
# Usage: totum_script_test.sh SOURCE_DIR
set -uo pipefail
source_dir=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/totum-script-XXXXXX")
trap 'rm -rf "$work"' EXIT
failures=0

stand_in() { # NAME BODY
  printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
expect() { # WHAT STATUS WANTED_STATUS TEXT...
  local what=$1 status=$2 wanted=$3 text
  shift 3
  [ "$status" = "$wanted" ] || { echo "FAILED: $what: exit status $status, not $wanted"; failures=$((failures + 1)); }
  for text in "$@"; do
    grep -qF -- "$text" "$work/output" || {
      echo "FAILED: $what: the output lacks: $text"
      cat "$work/output"
      failures=$((failures + 1))
    }
  done
}
fresh_tree() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree" "$work/bin"
  cp "$source_dir/totum" "$work/tree/totum"
  : >"$work/calls"
  stand_in dpkg-query 'echo installed'
}
totum() { # runs the copied script with the stand-ins first on the path
  PATH="$work/bin:$PATH" Torch_DIR=/nowhere TOTUM_BUILD=${build:-cpu} "$work/tree/totum" "$@" >"$work/output" 2>&1
}
working_cmake="echo \"\$@\" >>'$work/calls'
case \"\$1\" in --build) mkdir -p '$work/tree/build/cpu/cli'
  printf '#!/bin/sh\necho the program was called with \"\$@\"\nexit 7\n' >'$work/tree/build/cpu/cli/totum'
  chmod +x '$work/tree/build/cpu/cli/totum' ;; esac"

fresh_tree
build=gpu totum version
expect "an unknown build" $? 1 "TOTUM_BUILD is gpu; must be cpu, cuda or debug"

fresh_tree
stand_in dpkg-query 'exit 1'
stand_in id 'echo 1000'
stand_in sudo 'exit 1'
totum version
expect "missing packages without root" $? 1 "these Debian packages are missing" libinsighttoolkit5-dev \
  "apt-get update && apt-get install --no-install-recommends"
rm "$work/bin/id" "$work/bin/sudo"

fresh_tree
stand_in cmake 'echo "CMake Error: no such compiler"; exit 3'
totum version
expect "a configuration that fails" $? 1 "CMake Error: no such compiler" "the step 'configure' failed" "cpu-configure.log" \
  "The log names what cmake misses."

fresh_tree
stand_in cmake "$working_cmake"
totum predict --out "a b"
expect "the first call" $? 7 "the program was called with predict --out a b"
calls=$(wc -l <"$work/calls")
[ "$calls" = 2 ] || { echo "FAILED: the first call called cmake $calls times, not 2"; failures=$((failures + 1)); }
totum version
expect "the second call" $? 7 "the program was called with version"
[ "$(wc -l <"$work/calls")" = "$calls" ] || { echo "FAILED: the second call built again"; failures=$((failures + 1)); }
sleep 0.02
echo '// changed' >"$work/tree/a.cpp"
totum version
expect "a call after a change" $? 7 "the program was called with version"
[ "$(wc -l <"$work/calls")" -gt "$calls" ] || { echo "FAILED: a changed source was not built"; failures=$((failures + 1)); }

# Of `test -R`, only the programs of the tests that it names are built, beside the program itself.
fresh_tree
stand_in cmake "echo \"\$@\" >>'$work/calls'; mkdir -p '$work/tree/build/cpu'
case \"\$*\" in *help*) printf 'all: phony\\ncore_test: phony\\ndata_test: phony\\n' ;; esac"
stand_in ctest 'case "$*" in *-N*) echo "  Test  #1: core_test"; echo "  Test #22: some_script" ;; *) echo "ctest $*" ;; esac'
totum test -R 'core|script'
expect "a test by name" $? 0 "ctest --output-on-failure" "-R core|script"
grep -q -- "--target totum_program core_test -j" "$work/calls" || {
  echo "FAILED: test -R did not build the program and core_test alone:"
  cat "$work/calls"
  failures=$((failures + 1))
}

[ "$failures" = 0 ] && echo "totum_script_test: passed"
exit "$((failures > 0))"
