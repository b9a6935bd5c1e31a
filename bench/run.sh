#!/usr/bin/env bash
# Runs every benchmark: bench_*.sh and bench_*.py as they are (they start the C ones that they need), and the C ones that stand alone.
# Each prints our time, the peers' times on the same input in the same run, and the ratio. Inputs are made in out/bench.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p out/bench
export CORMACK=$PWD/build/cormack CORMACK_BENCH=$PWD/out/bench CORMACK_TEST_DATA=${CORMACK_TEST_DATA:-$PWD/../shared/data}
only=${1:-}
for bench in bench/bench_*.sh bench/bench_*.py bench/bench_*.c; do
  [ -e "$bench" ] || continue
  name=$(basename "${bench%.*}")
  [[ $name == *"$only"* ]] || continue
  echo "=== $name"
  case $bench in
    *.sh) bash "$bench" ;;
    *.py) .venv/bin/python "$bench" ;;
    *.c) [ -e "bench/$name.sh" ] || [ -e "bench/$name.py" ] || "build/bench/$name" ;;
  esac
done | tee out/bench/results.txt
