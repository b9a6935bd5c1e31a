"""Every operation of the registry has a bench case beside its peers (bench/ops/cases_*.py), but for those named here."""
import os
import pathlib
import sys

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(SOURCE / "tests/python"), str(SOURCE / "bench/ops")]
import package  # noqa: E402  (finds the build, or skips)

os.environ["CORMACK_BUILD"] = str(package.BUILD)
import bench_ops  # noqa: E402  (skips where peers are not installed)

EXCEPTIONS = {
    "compare": "its input are two tables of a few rows: there is nothing to wait for",
    "delta_features": "its input is a table",
    "icc": "its input is a table",
    "radiomics": "timed beside PyRadiomics by a program of its own, bench/bench_radiomics.py",
}

cases = [case for _, case in bench_ops.groups()]
known, timed = set(bench_ops.cormack.ops.DESCRIPTIONS), {case.op for case in cases}
problems = [f"no bench case: {op}; write one in bench/ops/cases_*.py" for op in sorted(known - timed - EXCEPTIONS.keys())]
problems += [f"{op} is an exception here, and needs none" for op in sorted(EXCEPTIONS.keys() & timed | EXCEPTIONS.keys() - known)]
problems += [f"a bench case of {op}, which is no operation" for op in sorted(timed - known)]
names = [case.on for case in cases]
problems += [f"two bench cases are called {name}" for name in sorted({name for name in names if names.count(name) > 1})]
print(f"{len(cases)} cases of {len(timed & known)} of {len(known)} operations")
if problems:
    sys.exit("\n".join(problems))
