"""Rows of build/bench.json: {group, case, threads, ours_s, peer, peer_s, ratio, limit_share, peak_mib} and what docs/bench.md says beside.

Benches that are programs of their own (bench/bench_*.py) call note(); `make bench` gathers what they noted."""
import json
import os
import pathlib
import statistics
import time


def seconds(value):
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.{1 if value < 0.1 else 0}f} ms" if value >= 1e-4 else f"{value * 1e6:.1f} µs"


def note(case, ours, peers, threads=1, limit_share=None, limit="", peak_mib=None, must=0, remark=""):
    """A row for each peer {name: seconds or list of them}; limit_share: of `limit`, what cannot be gone below. Written where BENCH_ROWS says."""
    if "BENCH_ROWS" not in os.environ:
        return
    middle = lambda value: statistics.median(value) if isinstance(value, (list, tuple)) else value
    mine = middle(ours)
    base = {"case": case, "threads": threads, "ours_s": mine, "limit_share": limit_share, "limit": limit, "peak_mib": peak_mib, "must": must, "note": remark}
    with open(os.environ["BENCH_ROWS"], "a") as file:
        for peer, value in (peers or {None: None}).items():
            taken = middle(value)
            runs = len(value) if isinstance(value, (list, tuple)) else 0
            file.write(json.dumps({**base, "peer": peer, "peer_s": taken, "peer_runs": runs, "ratio": taken and taken / mine}) + "\n")


class Rows:
    """The file, in the order of `cases` (group, case); case None: all of the group. Rows of others are dropped."""

    def __init__(self, path, machine, cases, keep):
        self.path, self.order = pathlib.Path(path), {key: at for at, key in enumerate(cases)}
        old = json.loads(self.path.read_text()) if self.path.exists() else []
        old = [row for row in old if self._place(row) is not None and "when" in row]
        self.began = max((row["began"] for row in old), default=time.time()) if keep else time.time()
        self.rows, self.machine = old, machine.words()

    def _place(self, row):
        return self.order.get((row["group"], row["case"]), self.order.get((row["group"], None)))

    def fresh(self, group, case):
        return any(row["group"] == group and case in (None, row["case"]) and row["when"] >= self.began for row in self.rows)

    def put(self, rows):
        """Replaces those of the same group and case."""
        new = {(row["group"], row["case"]) for row in rows}
        stamp = {"when": time.time(), "began": self.began, "machine": self.machine}
        self.rows = [row for row in self.rows if (row["group"], row["case"]) not in new] + [{**row, **stamp} for row in rows]
        self.rows.sort(key=lambda row: (self._place(row), -row["threads"]))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(self.rows, indent=1) + "\n")
        temporary.replace(self.path)
