"""The benches that are programs of their own: bench/bench_*.py. Each prints its own table and notes rows (rows.py)."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def groups():
    return [(path.stem, None) for path in sorted(HERE.glob("bench_*.py"))]


def run(name, limit):
    """Its rows. limit: seconds after which it is stopped; what was noted till then counts."""
    with tempfile.TemporaryDirectory() as folder:
        noted = pathlib.Path(folder) / "rows"
        kept = os.environ.get("CORMACK_BENCH", str(ROOT / "out/bench"))
        pathlib.Path(kept).mkdir(parents=True, exist_ok=True)
        env = {"CORMACK": str(ROOT / "build/cormack"), "CORMACK_TEST_DATA": str(ROOT.parent / "shared/data"), **os.environ,
               "CORMACK_BENCH": kept, "BENCH_ROWS": str(noted)}
        try:
            subprocess.run([sys.executable, HERE / f"{name}.py"], cwd=ROOT, env=env, check=True, timeout=limit)
        except subprocess.TimeoutExpired:
            print(f"{name}: stopped, since the time is used up", flush=True)
        lines = noted.read_text().splitlines() if noted.exists() else []
        return [{"group": name, **json.loads(line)} for line in lines]
