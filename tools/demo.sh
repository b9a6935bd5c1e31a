#!/usr/bin/env bash
# The whole job on a cohort that Cormack makes itself: demo.sh FOLDER
set -euo pipefail
folder=$1
build/cormack phantom thorax "$folder/cohort"
# 1: done, and something is in quarantine, which is what the cohort is made for
build/cormack run examples/thorax.yaml -o "$folder/result" --input "$folder/cohort" || [ $? -eq 1 ]
echo "The report: $(cd "$folder/result" && pwd)/report.html"
