"""docs/bench.md from the rows of build/bench.json."""
import time

from rows import seconds

ALIKE = 0.9  # a ratio that another run may turn

HEAD = """# Speed

Each operation beside the libraries that a user would otherwise take: same input, same process, run after run in turn, everybody warmed up,
medians of up to 5 runs. Made by `make bench` (`bench/ops`, and the programs `bench/bench_*.py`) on {when} (UTC); {machine}.

CT is 512 x 512 x 256 of i16, MR 256 x 256 x 180 of f32, X-ray 4096 x 4096 of u16 (xray8: u8, xrayf: f32); ct_part is 256 x 256 x 128 from the
middle of CT, mr_part 128 x 128 x 90 of MR, xray_part 1024 x 1024 of X-ray, for peers that take minutes. Ratio: the peer's time / ours. SciPy, scikit-image, scikit-learn, NumPy,
PyWavelets and connected-components-3d have one thread whatever is asked; peers that take more than 8 s with two threads are not asked
for one. Memory: the peak with input and output, and as a multiple of both. Limit: the share of the time that moving the bytes of input
and output would take at the machine's copying speed, or the method's arithmetic at the speed of a matrix product. * ran once.
"""


def _cases(rows):
    """Rows by case and threads."""
    found = {}
    for row in rows:
        found.setdefault((row["group"], row["case"], row["threads"]), []).append(row)
    return list(found.values())


def _fastest(case):
    return min((row for row in case if row["peer"]), key=lambda row: row["peer_s"], default=None)


def _peer(row):
    return f"{row['peer']} {seconds(row['peer_s'])}{'*' if row['peer_runs'] == 1 else ''} ({row['ratio']:.2g}x)" if row["ratio"] < 10 else \
        f"{row['peer']} {seconds(row['peer_s'])}{'*' if row['peer_runs'] == 1 else ''} ({row['ratio']:.0f}x)"


def _limit(row):
    share = f"{row['limit_share']:.0%} of {row['limit']}" if row["limit_share"] is not None else ""
    return "; ".join(filter(None, [share, row.get("note", "")]))


def _table(title, columns, lines):
    bar = "| " + " | ".join(columns) + " |"
    return [f"\n## {title}\n", bar, "| " + " | ".join(["---"] * len(columns)) + " |", *lines] if lines else [f"\n## {title}\n", "None."]


def _cells(*cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _slower(rows):
    """The fastest peers of what is slower, the slowest first."""
    found = [best for best in map(_fastest, _cases(rows)) if best and best["ratio"] < 1]
    return sorted(found, key=lambda row: row["ratio"])


def unexplained(rows):
    """Cases that are slower by more than runs differ and whose row says in no words what limits them."""
    return list(dict.fromkeys(f"{row['group']} {row['case']}" for row in _slower(rows) if row["ratio"] < ALIKE and not row.get("note")))


def _slower_table(rows):
    return _table("Slower than the fastest peer", ["operation", "threads", "ours", "fastest peer", "ratio", "what limits"], [
        _cells(best["case"], best["threads"], seconds(best["ours_s"]), f"{best['peer']} {seconds(best['peer_s'])}", f"{best['ratio']:.2f}x",
               _limit(best) if best.get("note") or best["ratio"] < ALIKE else "runs differ by as much") for best in _slower(rows)])


def _asked(rows):
    found = [best for best in map(_fastest, _cases([row for row in rows if row.get("must")])) if best]
    return _table("Asked for", ["operation", "ours", "fastest peer", "ratio", "asked for", ""], [
        _cells(best["case"], seconds(best["ours_s"]), f"{best['peer']} {seconds(best['peer_s'])}", f"{best['ratio']:.2f}x", f"{best['must']:g}x",
               "" if best["ratio"] >= best["must"] else "falls short") for best in found])


def write(kept, path):
    rows = kept.rows
    newest = max(row["when"] for row in rows)
    machine = next(row["machine"] for row in rows if row["when"] == newest)
    old = [row for row in rows if row["when"] < kept.began]
    lines = [HEAD.format(when=time.strftime("%Y-%m-%d", time.gmtime(newest)), machine=machine)]
    if old:
        lines.append("Rows with † are of an earlier run.\n")
    lines += _slower_table(rows) + _asked(rows)
    for group in dict.fromkeys(row["group"] for row in rows):
        cases = _cases([row for row in rows if row["group"] == group])
        lines += _table(group, ["operation", "threads", "ours", "peers", "limit", "memory"], [_row(case, kept.began) for case in cases])
    temporary = path.with_suffix(".part")
    temporary.write_text("\n".join(lines) + "\n")
    temporary.replace(path)


def _row(case, began):
    first = case[0]
    peers = "; ".join(_peer(row) for row in sorted((row for row in case if row["peer"]), key=lambda row: row["peer_s"]))
    memory = "" if first["peak_mib"] is None else f"{first['peak_mib']:.0f} MiB" + (f", {first['peak_of_least']:.2f}" if "peak_of_least" in first else "")
    return _cells(first["case"] + (" †" if first["when"] < began else ""), first["threads"], seconds(first["ours_s"]), peers, _limit(first), memory)
