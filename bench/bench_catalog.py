"""The catalogue of 100,000 instances: adding them, adding again, a query; beside a bare listing and stat of the same files.

Run: make bench ONLY=bench_catalog"""
import os
import pathlib
import subprocess

from rows import note, seconds

out = subprocess.run([pathlib.Path(os.environ["CORMACK"]).parent / "bench/bench_catalog"], check=True, capture_output=True, text=True).stdout
found = {name: float(value) for name, value in (line.split() for line in out.splitlines())}
count, threads, peak, bare = int(found["instances"]), int(found["threads"]), found["peak"] / 1024, found["bare"]
print(f"{count} instances, {threads} threads, {peak:.0f} MiB peak of the process; a bare listing and stat takes {seconds(bare)}")
for key, words in (("cold", "add, bytes on disk"), ("warm", "add, bytes in memory"), ("again", "add again")):
    print(f"{words:24} {seconds(found[key]):>10} {count / found[key]:10.0f} files a second")
    note(f"{words}, {count} instances", found[key], None, threads, bare / found[key], "listing and stat", peak, remark=f"{found[key] / found['again']:.0f} times as long as adding again" if key != "again" else "")
print(f"{'query by patient':24} {seconds(found['query']):>10}")
note(f"query by patient of {count} instances", found["query"], None, threads, peak_mib=peak)
