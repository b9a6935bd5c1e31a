#!/usr/bin/env bash
# The whole job on a cohort that Cormack makes itself: demo.sh FOLDER
# Nothing is done twice: a cohort that this very program has made stays, and the run skips what it has.
set -euo pipefail
folder=$1
cohort=$folder/cohort result=$folder/result
stamp=$cohort/complete # written last, so a cohort that was broken off has none
made_by="$(build/cormack --version), program $(sha256sum <build/cormack | cut -c1-64): phantom thorax"
if [ "$(cat "$stamp" 2>/dev/null)" != "$made_by" ]; then
  rm -rf "$cohort"
  build/cormack phantom thorax "$cohort"
  printf '%s\n' "$made_by" >"$stamp"
fi
# 1: done, and something is in quarantine, which is what the cohort is made for
# Named from the study file, as its own paths are: the outputs tell nothing of the machine
CORMACK_PHANTOM=$(realpath --relative-to=examples "$cohort") build/cormack run examples/thorax.yaml -o "$result" || [ $? -eq 1 ]
echo "The report:"
echo "$(cd "$result" && pwd)/report.html"
