"""Operations of Cormack beside the libraries that a user would otherwise take, run after run in turn in one process.

    bench/ops/bench_ops.py [WORDS…] [--threads 2,1] [--scale S | --quick] [--minutes M] [--write] [--resume]

WORDS: only cases whose group, name and input have them all. --scale: of each axis of the inputs (--quick: 0.25). --write: after every
case its rows go to build/bench.json and all of that to docs/bench.md (`make bench`, or `make bench ONLY='median ct'` of a part); at full
size only. --resume: leaves out what was written since the last whole run began. --minutes: what a run may take; it ends in time, since
each case gets its share of what is left, and one case's slowest peers bound the rest. Cases that a Must line of the issue names go first,
then the other benches (bench/bench_*.py), then the rest.

A group of cases is a file bench/ops/cases_<group>.py:

    from bench_ops import Case, nd, sitk
    NOTES = {"median": "what limits it, where a case has no note of its own"}
    CASES = [Case("median", {"radius": 1}, "ct", {"SciPy": lambda i: nd.median_filter(i.array, 3)})]

Names of inputs are those of inputs.py (those that end in _part are crops, for peers that take minutes); the peer is called with the
Input (i.array, i.f32, i.sitk, i.sitk_f32, i.of("ct_mask"), i.kept(key, make)). Peers named after one of SINGLE have one thread whatever is
asked, and are timed once for all thread counts. Peers get the type they are fast and right with, converted before. Everybody is warmed
up; then rounds in turn until each has had 5 runs or its share of the time, at most BUDGET seconds; who takes longer than that already
warming up runs once, and who takes longer than SLOW at 2 threads is not asked for 1. Medians."""
import argparse
import dataclasses
import importlib.util
import os
import pathlib
import statistics
import sys
import time
import traceback
from collections.abc import Callable

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("CORMACK_BUILD", ROOT / "build"))
os.environ.setdefault("CORMACK_LIBRARY", str(BUILD / "lib/libcormack.so"))
sys.path[:0] = [str(ROOT / "python"), str(HERE), str(HERE.parent)]
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
    from machine import Machine, timed
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
import others
import rows as store

__all__ = ["Case", "cc3d", "cormack", "cv2", "edt", "nd", "np", "pywt", "sitk", "skimage", "sklearn", "threads"]
SINGLE = ("SciPy", "PyRadiomics", "scikit-image", "scikit-learn", "NumPy", "PyWavelets", "connected-components-3d", "MedPy", "PyMaxflow", "surface-distance")
BUDGET, SLOW = 3.0, 8.0  # seconds a participant
OTHERS = 180.0  # seconds for a bench that is a program of its own
threads = 1  # how many the peers may use now, for those that take the number as an argument


@dataclasses.dataclass
class Case:
    op: str
    params: dict
    input: str  # name in inputs.py
    peers: dict  # name, which begins with the library's: Input -> anything
    inputs: Callable | None = None  # Input -> {port: image}; else the input is the first port
    flops: float = 0  # operations a voxel that the method cannot do without; 0: bound by the bytes of input and output
    passes: float = 1  # how often input and output must be moved: steps of an iteration, say
    must: float = 0  # the ratio that the issue asks for with 2 threads
    about: str = ""  # of its inputs, where two cases were alike but for those
    note: str = ""  # what limits it, in words, where the shares do not say

    @property
    def name(self):
        return " ".join([self.op, *(f"{k}={_text(v)}" for k, v in self.params.items())])

    @property
    def on(self):
        return f"{self.name} [{', '.join(filter(None, [self.input, self.about]))}]"


def _text(value):
    text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return text if len(text) <= 24 else text[:20] + "…"


# ---- timing


def in_turn(calls, budget):
    """{name: seconds of each run}: everybody once in each round."""
    times, spent = {name: [] for name in calls}, {}
    for name, call in calls.items():
        spent[name] = timed(call)
        if spent[name] > budget:
            times[name].append(spent[name])
    for _ in range(5):
        for name, call in calls.items():
            if spent[name] <= budget:
                times[name].append(timed(call))
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
    """(bytes of the results, peak in MiB with the input, the same as a multiple of input and output)."""
    before = context.memory_used
    context.reset_peak()
    made = call()
    given = sum(r.array.nbytes for r in (made if isinstance(made, tuple) else (made,)) if isinstance(r, cormack.Image))
    peak = context.memory_peak - before + array.nbytes
    return given, peak / 2**20, peak / (array.nbytes + given)


def run_case(group, case, counts, machine, seconds):
    """A dictionary for each number of threads and peer; peer None where there is none. seconds: what it may take, roughly."""
    item, found, single, slow = inputs.get(case.input), [], {}, set()
    budget = min(BUDGET, seconds / len(counts) / (1 + len(case.peers)))
    for count in counts:
        set_threads(count)
        context = cormack.Context(threads=count, progress=False)
        call = ours(case, item, context)
        given, peak, times_least = memory(call, context, item.array)
        calls = {"": call}
        calls |= {name: (lambda peer=peer: peer(item)) for name, peer in case.peers.items() if name not in single and name not in slow}
        times = in_turn(calls, budget)
        single |= {name: runs for name, runs in times.items() if name.startswith(SINGLE)}
        slow |= {name for name, runs in times.items() if min(runs) > SLOW}
        mine = statistics.median(times.pop(""))
        share, limit = machine.shares(case, item.array, given, mine, count)
        base = {"group": group, "case": case.on, "threads": count, "ours_s": mine, "limit_share": share, "limit": limit, "peak_mib": peak,
                "peak_of_least": times_least, "must": case.must if count == 2 else 0, "note": case.note}
        for name, runs in ({**single, **times} or {None: []}).items():
            peer = statistics.median(runs) if runs else None
            found.append({**base, "peer": name, "peer_s": peer, "peer_runs": len(runs), "ratio": peer and peer / mine})
    inputs.forget()
    return found


# ---- telling


def line(found):
    first = found[0]
    peers = "; ".join(f"{r['peer']} {store.seconds(r['peer_s'])} ({r['ratio']:.2f}x)" for r in found if r["peer"])
    return (f"{first['case']:60} {first['threads']} thr {store.seconds(first['ours_s']):>9} {first['limit_share']:4.0%} of {first['limit']:10} "
            f"{first['peak_mib']:6.0f} MiB ({first['peak_of_least']:.2f})  {peers}")


def groups():
    """(group, case) of all, those that the issue names first."""
    found = []
    for path in sorted(HERE.glob("cases_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        notes = getattr(module, "NOTES", {})
        for case in module.CASES:
            case.note = case.note or notes.get(case.op, "")
        found += [(path.stem.removeprefix("cases_"), case) for case in module.CASES]
    return sorted(found, key=lambda pair: -bool(pair[1].must))


def arguments():
    told = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    told.add_argument("words", nargs="*")
    told.add_argument("--threads", default="2,1")
    told.add_argument("--scale", type=float, default=inputs.scale)
    told.add_argument("--quick", action="store_true")
    told.add_argument("--minutes", type=float, default=30)
    told.add_argument("--write", action="store_true")
    told.add_argument("--resume", action="store_true")
    told = told.parse_args()
    if told.write and told.words and not (BUILD / "bench.json").exists():
        sys.exit("build/bench.json is not there, so that docs/bench.md would lose all other rows; run the whole, or bring the file")
    inputs.scale = 0.25 if told.quick else told.scale
    return told


class Run:
    """What is to be done, in order, and the time for it."""

    def __init__(self, told, machine):
        self.machine, self.counts, self.failed = machine, [int(n) for n in told.threads.split(",")], []
        cases = groups()
        whole = [(group, case.on) for group, case in cases]
        self.kept = store.Rows(BUILD / "bench.json", machine, whole + others.groups(), told.resume or bool(told.words)) if told.write and inputs.scale == 1 else None
        asked = lambda text: all(word in text for word in told.words)
        jobs = [(group, case) for group, case in cases if asked(f"{group} {case.on}")]
        first = sum(bool(case.must) for _, case in jobs)
        jobs[first:first] = [(name, None) for name, _ in others.groups() if asked(name) and inputs.scale == 1]
        self.jobs = [job for job in jobs if not (told.resume and self.kept and self.kept.fresh(job[0], job[1] and job[1].on))]
        for name in {case.input for _, case in self.jobs if case}:
            inputs.get(name)
            inputs.forget()
        self.end = time.monotonic() + 60 * told.minutes

    def left(self):
        return self.end - time.monotonic()

    def do(self, group, case, waiting):
        """One job; waiting: how many cases there are from here on."""
        if case is None:
            found = others.run(group, max(10, min(OTHERS, self.left())))
            print(f"=== {group}: {len(found)} rows", flush=True)
        else:
            found = run_case(group, case, self.counts, self.machine, max(2, self.left() / waiting))
            for count in self.counts:
                print(line([row for row in found if row["threads"] == count]), flush=True)
        if self.kept:
            self.kept.put(found)
            import page
            page.write(self.kept, ROOT / "docs/bench.md")

    def all(self):
        for at, (group, case) in enumerate(self.jobs):
            if self.left() <= 0:
                print(f"the time is used up; not run: {len(self.jobs) - at} cases. --resume goes on", flush=True)
                break
            try:
                self.do(group, case, len(self.jobs) - at)
            except Exception:
                print(f"FAILED {group} {case.on if case else ''}:\n{traceback.format_exc()}", flush=True)
                self.failed.append(group)
        return 1 if self.failed or self.unexplained() else 0

    def unexplained(self):
        """Tells what the page calls slower without saying in words what limits it."""
        import page
        cases = page.unexplained(self.kept.rows) if self.kept else []
        if cases:
            print("slower than a peer, and no note says what limits it (Case.note, NOTES of a file of cases, remark of rows.note):", *cases, sep="\n  ")
        return cases


def main():
    told = arguments()
    machine = Machine()
    print(f"{machine.words()}; scale {inputs.scale:g}", flush=True)
    begin = time.monotonic()
    status = Run(told, machine).all()
    print(f"{(time.monotonic() - begin) / 60:.1f} minutes")
    sys.exit(status)


if __name__ == "__main__":
    main()
