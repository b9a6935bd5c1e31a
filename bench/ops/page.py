"""build/bench.json and docs/bench.md from the rows of bench_ops.py."""
import json
import os

from bench_ops import seconds

KEYS = ("group", "case", "threads", "ours_s", "peer", "peer_s", "ratio", "limit_share", "peak_mib")
HEAD = """# Speed

Each operation beside the libraries that a user would otherwise take: same input, same process, run after run in turn, everybody warmed up,
medians of up to 5 runs. Made by `make bench` (`bench/ops`); {machine}.
CT is 512 x 512 x 256 of i16, MR 256 x 256 x 180 of f32, X-ray 4096 x 4096 of u16 (xray8: u8, xrayf: f32). Ratio: the peer's time / ours. SciPy,
scikit-image, NumPy, PyWavelets and connected-components-3d have one thread whatever is asked. Memory: the peak with input and output, and
as a multiple of both. Limit: the share of the time that the bytes of input and output alone would take at the copying speed of one core, or
that the method's arithmetic would take at the speed of a matrix product. * ran once.

"""


def merge(path, rows):
    """Replaces the rows of the same group, case and threads in the file."""
    old = json.loads(path.read_text()) if path.exists() else []
    new = {(row["group"], row["case"], row["threads"]) for row in rows}
    kept = [row for row in old if (row["group"], row["case"], row["threads"]) not in new]
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(kept + [{key: row.get(key) for key in KEYS} for row in rows], indent=1) + "\n")
    temporary.replace(path)


def _cases(rows):
    """Rows by case and threads, in the order of running."""
    found = {}
    for row in rows:
        found.setdefault((row["group"], row["case"], row["threads"]), []).append(row)
    return found.values()


def _peer(row):
    return f"{row['peer']} {seconds(row['peer_s'])}{'*' if row['peer_runs'] == 1 else ''} ({row['ratio']:.1f}x)"


def _slower(rows):
    lines = ["## Slower than the fastest peer\n", "| operation | threads | ours | fastest peer | ratio | what limits |", "| --- | --- | --- | --- | --- | --- |"]
    for case in _cases(rows):
        peers = [row for row in case if row["peer"]]
        best = min(peers, key=lambda row: row["peer_s"], default=None)
        if best and best["ratio"] < 1:
            lines.append(f"| {best['case']} | {best['threads']} | {seconds(best['ours_s'])} | {best['peer']} {seconds(best['peer_s'])} | {best['ratio']:.2f}x | "
                         f"{best['limit_share']:.0%} of {best['limit']} |")
    return lines if len(lines) > 3 else ["## Slower than the fastest peer\n", "None."]


def write(rows, machine, build, page):
    merge(build / "bench.json", rows)
    if page is None:
        return
    lines = [HEAD.format(machine=machine.words()) + _slower(rows)[0], *_slower(rows)[1:]]
    for group in dict.fromkeys(row["group"] for row in rows):
        lines += [f"\n## {group}\n", "| operation | threads | ours | peers | limit | memory |", "| --- | --- | --- | --- | --- | --- |"]
        for case in _cases([row for row in rows if row["group"] == group]):
            first = case[0]
            peers = "; ".join(_peer(row) for row in sorted((row for row in case if row["peer"]), key=lambda row: row["peer_s"]))
            lines.append(f"| {first['case']} | {first['threads']} | {seconds(first['ours_s'])} | {peers} | {first['limit_share']:.0%} of {first['limit']} | "
                         f"{first['peak_mib']:.0f} MiB, {first['peak_of_least']:.2f} |")
    page.write_text("\n".join(lines) + "\n")
    print(page)
