#!/bin/bash
# Kills `totum reproduce`, or one of its workers, with kill -9 at random moments, continues each time, and compares the
# result with that of an undisturbed call: weights, predictions, scores and report.json (but for its "times") must be
# equal byte for byte.
#
# scripts/kill_test.sh PROGRAM [KILLS] [SEED]     KILLS 20; SEED of the random moments (printed)
set -euo pipefail

program=$(realpath "$1")
kills=${2:-20}
RANDOM=${3:-$$}
echo "kill_test: $kills kills, seed ${3:-$$}"

work=$(mktemp -d "${TMPDIR:-/tmp}/totum-kill-XXXXXX")
trap 'rm -rf "$work"' EXIT

reproduce() { # OUT
  exec "$program" reproduce --preset smoke --device cpu --jobs 2 --out "$1" --methods single,ablation_a,ablation_c \
    --set threads=1 --set dataset/phantom=tiny --set dataset/split=phantom_tiny --set 'sampler/patch_voxels=[16,32,32]' \
    --set 'preprocess/spacing_mm=[16,10,10]' --set schedule/epochs=16 --set schedule/validate_every_epochs=2 \
    --set schedule/log_every_iterations=1 --set schedule/checkpoint_every_s=0.3
}

# Sums of everything that must be equal; report.json without its times and the hashes of the files that print them.
sums() { # OUT
  (
    cd "$1"
    find runs \( -name best.safetensors -o -name scores.csv -o -name '*.nii.gz' -o -name run.json \) -print0 | sort -z | xargs -0 sha256sum
    python3 -c 'import json, sys; r = json.load(open(sys.argv[1])); r.pop("times", None); [r["files"].pop(f) for f in ("report.html", "report.md", "tables/ledger.csv")]; print(json.dumps(r, sort_keys=True))' \
      report/smoke/report.json | sha256sum
  )
}

# The moment: up to 6 s, but the first seconds (data, preprocessing) and the last ones are as likely as training.
random_sleep() { sleep "$((RANDOM % 6)).$((RANDOM % 10))"; }

workers_of() { # PID
  cat "/proc/$1/task/$1/children" 2>/dev/null || true
}

start=$SECONDS
(reproduce "$work/undisturbed") > "$work/undisturbed.txt" 2> "$work/undisturbed.err" || { cat "$work/undisturbed.err"; exit 1; }
echo "kill_test: the undisturbed call took $((SECONDS - start)) s"
sums "$work/undisturbed" > "$work/undisturbed.sums"

round=0
done_kills=0
compare() {
  sums "$work/killed" > "$work/killed.sums"
  if ! diff "$work/undisturbed.sums" "$work/killed.sums"; then
    echo "kill_test: FAILED: the killed and continued job differs (round $round, after $done_kills kills)"
    exit 1
  fi
  echo "kill_test: round $round equal after $done_kills kills in total"
  rm -rf "$work/killed"
  round=$((round + 1))
}

while [ "$done_kills" -lt "$kills" ]; do
  (reproduce "$work/killed") > "$work/killed.txt" 2> "$work/killed.err" &
  pid=$!
  random_sleep
  if ! kill -0 "$pid" 2>/dev/null; then # it was done before its moment came
    wait "$pid" || { cat "$work/killed.err"; echo "kill_test: FAILED: the continued call failed"; exit 1; }
    compare
    continue
  fi
  read -r -a workers <<< "$(workers_of "$pid")"
  if [ "${#workers[@]}" -gt 0 ] && [ $((RANDOM % 2)) -eq 0 ]; then
    kill -9 "${workers[$((RANDOM % ${#workers[@]}))]}" 2>/dev/null && done_kills=$((done_kills + 1))
    wait "$pid" 2>/dev/null || true # status 1: the report shows the hole
  else
    kill -9 "$pid" 2>/dev/null && done_kills=$((done_kills + 1))
    wait "$pid" 2>/dev/null || true
  fi
done
(reproduce "$work/killed") > "$work/killed.txt" 2> "$work/killed.err" || { cat "$work/killed.err"; echo "kill_test: FAILED: the continued call failed"; exit 1; }
compare
echo "kill_test: passed, $done_kills kills"
