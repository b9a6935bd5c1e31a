"""docs/parity.md is what tests/parity/page.py makes of the cases (differences may vary within their tolerances), and has every operation."""
import difflib
import sys

import parity
import page
import pictures

if any(pictures.get(name) is None for name in pictures.REAL):
    print("skipped: the real images are absent, which some cases are made from")
    sys.exit(77)
known = {case.op for rows in page.groups().values() for cases in rows.values() for case in cases} | {op for op, _, _ in page.ELSEWHERE}
missing = sorted(set(parity.cormack.ops.DESCRIPTIONS) - known)
if missing:
    sys.exit(f"no row in docs/parity.md: {', '.join(missing)}; write cases in tests/parity, or name its judge in page.py")
gone = [test for _, _, tests in page.ELSEWHERE for test in tests.split(", ") if not (parity.package.SOURCE / test).exists()]
if gone:
    sys.exit(f"page.py names tests that are not there: {', '.join(gone)}")
kept = page.PAGE.read_text() if page.PAGE.exists() else ""
ours, theirs = (page.without_differences(text).splitlines() for text in (kept, page.text(lambda group, cases: "0")))
changed = list(difflib.unified_diff(ours, theirs, "docs/parity.md", "the cases", lineterm="", n=0))
if changed:
    print("\n".join(changed[:40]))
    sys.exit("docs/parity.md is not what the cases say; run make parity and commit it")
print(f"{len(known)} operations, {sum(line.startswith('| `') for line in ours)} rows")
