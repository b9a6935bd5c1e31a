"""Puts the package from the source tree with the library of this build on the path. Exits 77 where that cannot be loaded."""
import os
import pathlib
import sys

SOURCE = pathlib.Path(os.environ.get("CORMACK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("CORMACK", SOURCE / "build/cormack")).parent
sys.path.insert(0, str(SOURCE / "python"))
os.environ.setdefault("CORMACK_LIBRARY", str(BUILD / "lib/libcormack.so"))
try:
    import cormack
except (ImportError, OSError) as error:  # not built, or with a sanitizer that a plain Python cannot load
    print("skipped:", error)
    sys.exit(77)

NOTE = os.environ.get("CORMACK_ORACLE_NOTE")


def _noting(run):
    """Operations that gave a result are noted for test_oracle_coverage_mechanics."""
    seen = set()

    def noting(op, *args):
        made = run(op, *args)
        if op["name"] not in seen:
            seen.add(op["name"])
            with open(NOTE, "a") as file:
                file.write(op["name"] + "\n")
        return made

    return noting


if NOTE:
    cormack.ops._run = _noting(cormack.ops._run)


def refused(kind, words, function, *args, **named):
    """The exception that the call must raise, with these words in it."""
    try:
        function(*args, **named)
    except kind as error:
        assert words in str(error), f"{error} does not say «{words}»"
        return error
    raise AssertionError(f"{function} {args} {named} was not refused")


def main(names):
    """Runs every test_ function."""
    for name, function in sorted(names.items()):
        if name.startswith("test_"):
            print(name, flush=True)
            function()
