"""mechanics: planted leaks are refused by name, with exit code 2, and sound tables are not."""
import csv
import math
import os
import random
import subprocess
import sys
import tempfile

CORMACK = os.environ["CORMACK"]
folder = tempfile.mkdtemp()
ROWS = 120


def sound():
    """Two rows a subject, two features that know a little of the target, and one that knows nothing."""
    random.seed(11)
    table = {"patient": [], "target": [], "size": [], "texture": [], "noise": [], "seen": []}
    for row in range(ROWS):
        y = row // 2 % 2
        table["patient"].append(f"P{row // 2:03d}")
        table["target"].append(["benign", "malignant"][y])
        table["size"].append(random.gauss(10 + 2 * y, 2))
        table["texture"].append(random.gauss(y, 1))
        table["noise"].append(random.gauss(0, 1))
        table["seen"].append(f"20{10 + row // 12:02d}-03-{1 + row % 12:02d}")
    return table


def run(table, *words, model="logistic"):
    with open(f"{folder}/t.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(table.keys())
        out.writerows(zip(*table.values()))
    return subprocess.run([CORMACK, "validate", f"{folder}/t.csv", model, "--target", "target", "--subject", "patient", *words], text=True,
                          capture_output=True)


def validate(words):
    return "validate folds=3 resamples=50 permutations=1 " + words


def refused(name, table, *words, allow=True, model="logistic"):
    if not any(w.startswith("validate") for w in words):
        words = (validate(""), *words)
    got = run(table, *words, model=model)
    assert got.returncode == 2 and f"{name}: " in got.stderr, f"{name}: exit {got.returncode}, {got.stderr!r}"
    assert got.stderr.count("\n") == 1, got.stderr
    if allow:
        words = tuple(w + f" allow={name}" if w.startswith("validate") else w for w in words)
        got = run(table, *words, model=model)
        assert got.returncode == 0 and "Let pass" in got.stderr, f"{name} is not let pass: {got.stderr!r}"
    print(f"{name}: refused")


t = sound()
got = run(t, validate(""), "--time", "seen")
assert got.returncode == 0, got.stderr

t["diagnosed"] = ["2030-01-01"] * ROWS
got = run(t, validate(""), "--time", "seen", "--outcome_time", "diagnosed")
assert got.returncode == 0, got.stderr
t["diagnosed"][50] = "2001-01-01"
refused("after_outcome", t, "--time", "seen", "--outcome_time", "diagnosed")
got = run(t, validate(""), "--outcome_time", "diagnosed")
assert got.returncode == 2 and "name that column as time" in got.stderr, got.stderr
t["diagnosed"] = [20300101] * ROWS  # days and dates cannot be told apart
got = run(t, validate(""), "--time", "seen", "--outcome_time", "diagnosed")
assert got.returncode == 2 and "one holds dates and the other numbers" in got.stderr, got.stderr

t = sound()
refused("target_in_features", t, "--features", "size,target", allow=False)

t = sound()
t["target"] = [int(v == "malignant") for v in t["target"]]
refused("target_in_features", t, "--features", "size,target", allow=False)

t = sound()
t["grade"] = [3 if v == "malignant" else 7 for v in t["target"]]
refused("target_copy", t)

t = sound()
t["score"] = [(v == "malignant") + random.gauss(0, 0.01) for v in t["target"]]
refused("target_proxy", t)

# another scale of a number that is to be learned, rising or falling
for scale in (lambda v: math.exp(3 * v), lambda v: -math.atan(4 * v) ** 3):
    t = sound()
    t["target"] = [random.gauss(0, 1) for _ in range(ROWS)]
    t["marker"] = [scale(v) for v in t["target"]]
    refused("target_order", t, model="linear")

t = sound()
t["biopsy_length"] = ["" if v == "benign" else random.gauss(5, 1) for v in t["target"]]
refused("missingness_proxy", t)

t = sound()
t["count"] = list(range(1, ROWS + 1))
refused("identifier_in_features", t)

t = sound()
order = list(range(ROWS // 2))
random.shuffle(order)
t["visit_group"] = [500 + order[row // 2] for row in range(ROWS)]
refused("identifier_in_features", t)

t = sound()
t["AccessionNumber"] = [random.randrange(10**8) for _ in range(ROWS)]
refused("identifier_in_features", t)

t = sound()
t["patient"] = [row // 2 * 7 for row in range(ROWS)]
refused("split_in_features", t, "--features", "size,patient")

t = sound()
t["part"] = ["test" if row % 5 == 0 else "train" for row in range(ROWS)]
refused("subject_overlap", t, "--hold_out_column", "part")

t = sound()
t["patient"][1] = " p0"  # patient P000, written in another way
refused("subject_alias", t)

t = sound()
for name in ["size", "texture", "noise"]:
    t[name][100] = t[name][3]
refused("duplicate_rows", t)

t = sound()
t["part"] = [int(row < 24) for row in range(ROWS)]  # the first are held out
refused("time_order", t, "--hold_out_column", "part", "--time", "seen", validate("temporal=true"))

# a subject who comes back after the cut
t = sound()
t["seen"][1] = "2031-01-01"
refused("time_order", t, "--time", "seen", validate("temporal=true hold_out=0.25"))

t = sound()
t["scanner"] = ["GE" if v == "malignant" else "Philips" if row % 4 else "Siemens" for row, v in enumerate(t["target"])]
refused("batch_is_target", t, "prepare batch=scanner")
t["scanner"] = ["GE" if row % 3 else "Siemens" for row in range(ROWS)]
got = run(t, validate(""), "prepare batch=scanner")
assert got.returncode == 0, got.stderr

# the same in order of time is sound
t = sound()
t["seen"] = [f"20{10 + row // 12:02d}-{1 + row % 12 // 2:02d}-01" for row in range(ROWS)]
got = run(t, "--time", "seen", validate("temporal=true hold_out=0.25"))
assert got.returncode == 0, got.stderr

# features of few values agree by chance: no duplicates
t = sound()
t = {k: t[k] for k in ["patient", "target"]} | {"stage": [random.randrange(4) for _ in range(ROWS)], "side": [random.randrange(2) for _ in range(ROWS)]}
got = run(t, validate(""))
assert got.returncode == 0, got.stderr

got = run(sound(), validate("allow=everything"))
assert got.returncode == 2 and "there is no leak" in got.stderr, got.stderr
