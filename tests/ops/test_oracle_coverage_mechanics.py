"""Every operation of the registry was run by an oracle test of this run of the tests, which CTest starts before this one.

An oracle test is one whose name ends in _oracle; what it ran it notes itself (tests/python/package.py, tests/core/oracle_note.c), so that
a test that was skipped or that nobody calls counts for nothing."""
import os
import pathlib
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import package  # noqa: E402  (where the package cannot be loaded, as with sanitizers, its oracles are skipped, and so is this)

import cormack  # noqa: E402

notes = {path.name: set(path.read_text().split()) for path in (package.BUILD / "oracles").glob("*_oracle")}
if not notes:
    print("skipped: no oracle test has run yet; run all tests (make test)")
    sys.exit(77)
missing = sorted(set(cormack.ops.DESCRIPTIONS) - set.union(*notes.values()))
print(f"{len(notes)} oracle tests ran {len(set.union(*notes.values()))} of {len(cormack.ops.DESCRIPTIONS)} operations")
if missing:
    sys.exit(f"no oracle test ran: {', '.join(missing)}; write cases in tests/parity, or a test tests/ops/test_*_oracle")
