"""Operations of Cormack beside the libraries that a user would otherwise take, run after run in turn in one process.

    bench/ops/bench_ops.py [WORDS…] [--threads 1,2] [--scale S | --quick] [--write]

WORDS: only cases whose name has them all. --scale: of each axis of the inputs (--quick: 0.25). --write: build/bench.json and, of the
whole run at full size, docs/bench.md (make bench does that); else only a line per case is printed.

A group of cases is a file bench/ops/cases_<group>.py:

    from bench_ops import Case, nd, sitk
    CASES = [Case("median", {"radius": 1}, "ct", {"SciPy": lambda i: nd.median_filter(i.array, 3)})]

Names of inputs are those of inputs.py; the peer is called with the Input (i.array, i.f32, i.sitk, i.sitk_f32, i.of("ct_mask"), i.kept(key,
make)). Peers named after one of SINGLE have one thread whatever is asked, and are timed once for all thread counts. Peers get the type
they are fast and right with, converted before. Everybody is warmed up; then rounds in turn until each has had 5 runs or BUDGET seconds;
who takes longer than that already warming up runs once. Medians."""
import argparse
import dataclasses
import importlib.util
import json
import math
import os
import pathlib
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("CORMACK_BUILD", ROOT / "build"))
os.environ.setdefault("CORMACK_LIBRARY", str(BUILD / "lib/libcormack.so"))
sys.path[:0] = [str(ROOT / "python"), str(HERE)]
if __name__ == "__main__":
    sys.modules["bench_ops"] = sys.modules["__main__"]
try:
    import cc3d
    import cv2
    import edt
    import numpy as np
    import pywt
    import scipy.ndimage as nd
    import SimpleITK as sitk
    import skimage
    import sklearn
    import threadpoolctl

    import cormack
    import inputs
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)

__all__ = ["Case", "cc3d", "cormack", "cv2", "edt", "nd", "np", "pywt", "sitk", "skimage", "sklearn", "threads"]
SINGLE = ("SciPy", "scikit-image", "NumPy", "PyWavelets", "connected-components-3d", "MedPy", "surface-distance")
BUDGET = 4.0  # seconds a participant
threads = 1  # how many the peers may use now, for those that take the number as an argument


@dataclasses.dataclass
class Case:
    op: str
    params: dict
    input: str  # name in inputs.py
    peers: dict  # name, which begins with the library's: Input -> anything
    inputs: Callable | None = None  # Input -> {port: image}; else the input is the first port
    flops: float = 0  # operations a voxel that the method cannot do without; 0: bound by the bytes of input and output

    @property
    def name(self):
        return " ".join([self.op, *(f"{k}={','.join(map(str, v)) if isinstance(v, (list, tuple)) else v}" for k, v in self.params.items())])


# ---- what the machine can do


class Machine:
    def __init__(self):
        block = np.zeros(96 << 20, np.uint8)
        other = np.ones_like(block)
        self.bandwidth = 2 * block.nbytes / min(_timed(lambda: np.copyto(block, other)) for _ in range(5))
        a = np.ones((1536, 1536), np.float32)
        with threadpoolctl.threadpool_limits(1):
            self.flops = 2 * 1536**3 / min(_timed(lambda: a @ a) for _ in range(4))

    def shares(self, case, array, results, seconds, count):
        """(share, what limits): of the bytes that must be moved, or of one core's arithmetic times the threads."""
        moved = array.nbytes + sum(r.array.nbytes for r in results if isinstance(r, cormack.Image))
        bytes_share = moved / self.bandwidth / seconds
        flops_share = case.flops * array.size / (self.flops * count) / seconds
        return (flops_share, "arithmetic") if flops_share > bytes_share else (bytes_share, "memory")

    def words(self):
        model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
        return (f"{model}, {os.cpu_count()} cores; one core copies {self.bandwidth / 1e9:.0f} GB/s (read + written) and multiplies matrices at "
                f"{self.flops / 1e9:.0f} GFLOP/s (f32)")


# ---- timing


def _timed(call):
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def in_turn(calls):
    """{name: seconds of each run}: everybody once in each round."""
    times, spent = {name: [] for name in calls}, {}
    for name, call in calls.items():
        spent[name] = _timed(call)
        if spent[name] > BUDGET:
            times[name].append(spent[name])
    for _ in range(5):
        for name, call in calls.items():
            if spent[name] <= BUDGET:
                times[name].append(_timed(call))
                spent[name] += times[name][-1]
    return times


def set_threads(count):
    global threads
    threads = count
    cv2.setNumThreads(count)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(count)
    sitk.ProcessObject.SetGlobalDefaultThreader("Platform")
    threadpoolctl.threadpool_limits(count)


def ours(case, item, context):
    given = case.inputs(item) if case.inputs else {cormack.ops.DESCRIPTIONS[case.op]["inputs"][0]["name"]: item.image}
    return lambda: getattr(cormack, case.op)(**given, **case.params, context=context)


def memory(call, context, array):
    """(results, peak in MiB with the input, the same as a multiple of input and output)."""
    before = context.memory_used
    context.reset_peak()
    made = call()
    results = made if isinstance(made, tuple) else (made,)
    peak = context.memory_peak - before + array.nbytes
    least = array.nbytes + sum(r.array.nbytes for r in results if isinstance(r, cormack.Image))
    return results, peak / 2**20, peak / least


def run_case(group, case, counts, machine):
    """A dictionary for each number of threads and peer; peer None where there is none."""
    item, rows, single = inputs.get(case.input), [], {}
    for count in counts:
        set_threads(count)
        context = cormack.Context(threads=count, progress=False)
        call = ours(case, item, context)
        results, peak, times_least = memory(call, context, item.array)
        calls = {"": call}
        calls |= {name: (lambda peer=peer: peer(item)) for name, peer in case.peers.items() if name not in single}
        times = in_turn(calls)
        single |= {name: seconds for name, seconds in times.items() if name.startswith(SINGLE)}
        mine = statistics.median(times.pop(""))
        share, limit = machine.shares(case, item.array, results, mine, count)
        base = {"group": group, "case": f"{case.name} [{case.input}]", "threads": count, "ours_s": mine, "limit_share": share,
                "limit": limit, "peak_mib": peak, "peak_of_least": times_least}
        for name, seconds in ({**single, **times} or {None: []}).items():
            peer = statistics.median(seconds) if seconds else None
            rows.append({**base, "peer": name, "peer_s": peer, "peer_runs": len(seconds), "ratio": peer and peer / mine})
        del results
    return rows


# ---- telling


def line(rows):
    first = rows[0]
    peers = "; ".join(f"{r['peer']} {seconds(r['peer_s'])} ({r['ratio']:.2f}x)" for r in rows if r["peer"])
    return (f"{first['case']:60} {first['threads']} thr {seconds(first['ours_s']):>9} {first['limit_share']:4.0%} of {first['limit']:10} "
            f"{first['peak_mib']:6.0f} MiB ({first['peak_of_least']:.2f})  {peers}")


def seconds(value):
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.{1 if value < 0.1 else 0}f} ms"


def groups():
    for path in sorted(HERE.glob("cases_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield path.stem.removeprefix("cases_"), module.CASES


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("words", nargs="*")
    words.add_argument("--threads", default="1,2")
    words.add_argument("--scale", type=float, default=inputs.scale)
    words.add_argument("--quick", action="store_true")
    words.add_argument("--write", action="store_true")
    told = words.parse_args()
    inputs.scale = 0.25 if told.quick else told.scale
    machine, rows = Machine(), []
    print(f"{machine.words()}; scale {inputs.scale:g}", flush=True)
    for group, cases in groups():
        for case in cases:
            if not all(word in f"{group} {case.name} [{case.input}]" for word in told.words):
                continue
            found = run_case(group, case, [int(n) for n in told.threads.split(",")], machine)
            for count in sorted({row["threads"] for row in found}):
                print(line([row for row in found if row["threads"] == count]), flush=True)
            rows += found
    if told.write:
        import page
        page.write(rows, machine, BUILD, ROOT / "docs/bench.md" if inputs.scale == 1 and not told.words else None)


if __name__ == "__main__":
    main()
