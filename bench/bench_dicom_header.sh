#!/usr/bin/env bash
# Opening a CT header of 60 elements, one thread, warm cache, processor time: Cormack, DCMTK, pydicom, and what open+read+close costs alone.
set -euo pipefail
cd "$(dirname "$0")/.."
out=${CORMACK_BENCH:-out/bench}/dicom_header
bench=build/bench/bench_dicom_header
mkdir -p "$out"
[ -e "$out/series/IM0300.dcm" ] || "$bench" make "$out/series" 300
results=$out/results
taskset -c 0 "$bench" run "$out"/series/*.dcm > "$results"
if [ -e /usr/include/dcmtk/config/osconfig.h ] && command -v g++ > /dev/null; then
  [ "$out/peer_dcmtk" -nt bench/peer_dcmtk_header.cc ] || g++ -O2 bench/peer_dcmtk_header.cc -o "$out/peer_dcmtk" -ldcmdata -lofstd -loflog
  taskset -c 0 "$out/peer_dcmtk" "$out"/series/*.dcm >> "$results"
else
  echo "DCMTK: skipped, libdcmtk-dev and g++ are not installed"
fi
if [ -x .venv/bin/python ]; then
  taskset -c 0 .venv/bin/python bench/peer_pydicom_header.py "$out"/series/*.dcm >> "$results"
else
  echo "pydicom: skipped, .venv is not there"
fi
awk '
  $1 == "elements" { elements = $2; next }
  { time[$1] = $2; order[++n] = $1 }
  END {
    printf "a header of %d elements, one thread, warm cache\n%-18s %12s %14s %10s\n", elements, "", "us a file", "files a second", "x cormack"
    for (i = 1; i <= n; i++)
      printf "%-18s %12.2f %14.0f %10.2f\n", order[i], time[order[i]] * 1e6, 1 / time[order[i]], time[order[i]] / time["cormack"]
  }' "$results"
