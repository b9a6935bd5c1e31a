#!/usr/bin/env bash
# Runs every libFuzzer target for a bounded time: fuzz.sh SECONDS JOBS. New inputs go to build-fuzz/corpus; a crasher ends the run.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=$1 jobs=$2 status=0
[ -f build-fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
cmake --build build-fuzz -j "$jobs" --target fuzzers
for source in fuzz/fuzz_*.c; do
  name=$(basename "$source" .c)
  mkdir -p "build-fuzz/corpus/$name" "build-fuzz/crash/$name" "fuzz/corpus/$name"
  dictionary=(); [ -f "fuzz/$name.dict" ] && dictionary=("-dict=fuzz/$name.dict")
  if "build-fuzz/fuzz/$name" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
      "${dictionary[@]}" -artifact_prefix="build-fuzz/crash/$name/" "build-fuzz/corpus/$name" "fuzz/corpus/$name" \
      >"build-fuzz/$name.log" 2>&1; then
    echo "$name: $(awk '/number_of_executed_units/ {print $2}' "build-fuzz/$name.log") inputs, no crash"
  else
    echo "$name: CRASH; see build-fuzz/$name.log and build-fuzz/crash/$name"; tail -n 30 "build-fuzz/$name.log"; status=1
  fi
done
exit $status
