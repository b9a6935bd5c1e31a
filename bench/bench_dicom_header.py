"""Opening a CT header of 60 elements, one thread, warm cache: Cormack, DCMTK, pydicom, and what open+read+close costs alone.

Run: make bench ONLY=bench_dicom_header"""
import os
import pathlib
import shutil
import subprocess
import sys

from rows import note, seconds

HERE = pathlib.Path(__file__).resolve().parent
BENCH = pathlib.Path(os.environ["CORMACK"]).parent / "bench/bench_dicom_header"
OUT = pathlib.Path(os.environ["CORMACK_BENCH"]) / "dicom_header"


def dcmtk():
    """The program that opens files with DCMTK, or None."""
    source, program = HERE / "peer_dcmtk_header.cc", OUT / "peer_dcmtk"
    if not pathlib.Path("/usr/include/dcmtk/config/osconfig.h").exists() or not shutil.which("g++"):
        print("DCMTK: skipped, libdcmtk-dev and g++ are not installed")
        return None
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["g++", "-O2", source, "-o", program, "-ldcmdata", "-lofstd", "-loflog"], check=True)
    return program


def one_core(*command):
    """{name: number} of the lines that a program writes, kept on one core."""
    keep = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    out = subprocess.run([*keep, *map(str, command)], check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in out.splitlines())}


def main():
    series = OUT / "series"
    OUT.mkdir(parents=True, exist_ok=True)
    if not (series / "IM0300.dcm").exists():
        subprocess.run([BENCH, "make", series, "300"], check=True)
    paths = sorted(series.glob("*.dcm"))
    times = one_core(BENCH, "run", *paths)
    elements = times.pop("elements")
    peer = dcmtk()
    times |= one_core(peer, *paths) if peer else {}
    times |= one_core(sys.executable, HERE / "peer_pydicom_header.py", *paths)
    print(f"a header of {elements:.0f} elements, one thread, warm cache")
    for name, value in times.items():
        print(f"{name:18} {seconds(value):>10} {1 / value:10.0f} files a second {value / times['cormack']:8.2f} x cormack")
    ours, floor = times.pop("cormack"), times.pop("read")
    note(f"open a header of {elements:.0f} elements", ours, times, limit_share=floor / ours, limit="open, read and close")


main()
