"""oracle: the subgroups table of `cormack validate` from the predictions that it wrote, by scikit-learn's metrics and SciPy's Wilson
interval. Tolerance 1e-9: the same sums in another order."""
import csv
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from scipy import stats
    from sklearn import datasets, metrics
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CORMACK = os.environ["CORMACK"]
SITES = ["north", "south", "", "west"]  # a quarter of the rows has none


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def run(folder, *options):
    return subprocess.run([CORMACK, "validate", f"{folder}/t.csv", "logistic", "validate repeats=2 hold_out=0.3 permutations=0 resamples=50", "--target", "target",
                           "--subject", "who", "-o", f"{folder}/out", "--quiet", *options], capture_output=True, text=True)


def views(predictions, part, inside):
    repeats = sorted({r["repeat"] for r in predictions if r["part"] == part})
    return [[r for r in predictions if r["part"] == part and r["repeat"] == repeat and inside(int(r["row"]))] for repeat in repeats]


def expected(metric, rows):
    y = np.array([r["target"] == "malignant" for r in rows])
    said = np.array([r["predicted"] == "malignant" for r in rows])
    p = np.array([float(r["probability malignant"]) for r in rows])
    return {"auc": metrics.roc_auc_score(y, p), "accuracy": np.mean(y == said), "recall": np.mean(said[y]), "brier": np.mean((p - y) ** 2)}[metric]


cancer = datasets.load_breast_cancer()
with tempfile.TemporaryDirectory() as folder:
    site = [SITES[i * 7 % 13 % 4] for i in range(569)]
    with open(f"{folder}/t.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["who", "site", "year", "target", "a", "b", "c"])
        for i in range(569):
            out.writerow([f"S{i}", site[i], 2019 + i % 2, ["malignant", "benign"][cancer.target[i]], *(repr(float(v)) for v in cancer.data[i, [4, 8, 9]])])
    said = run(folder, "--subgroups", "site,year", "--positive", "malignant")
    assert said.returncode == 0, said.stderr
    table, predictions = read(f"{folder}/out/subgroups.csv"), read(f"{folder}/out/predictions.csv")
    assert {(r["column"], r["level"]) for r in table} == {("site", "north"), ("site", "south"), ("site", "west"), ("year", "2019"), ("year", "2020")}
    checked = 0
    for r in table:
        inside = (lambda row: site[row] == r["level"]) if r["column"] == "site" else (lambda row: str(2019 + row % 2) == r["level"])
        each = views(predictions, r["part"], inside)
        assert {len(v) for v in each} == {int(r["rows"])}, r
        if r["metric"] not in ("auc", "accuracy", "recall", "brier"):
            continue
        value = np.mean([expected(r["metric"], v) for v in each])
        assert abs(float(r["value"]) - value) < 1e-9, (r, value)
        if r["interval"] == "wilson" and r["metric"] == "accuracy":
            n = len(each[0])
            if len(each) == 1:
                low = stats.binomtest(round(value * n), n).proportion_ci(0.95, "wilson").low
                assert abs(float(r["low"]) - low) < 1e-9, r
        checked += 1
    assert checked == 5 * 2 * 4, checked
    assert "year" not in {r["feature"] for r in read(f"{folder}/out/importance.csv")}, "a subgroup is no feature unless named"
    said = run(folder, "--subgroups", "sit")
    assert said.returncode == 2 and 'did you mean "site"' in said.stderr, said.stderr
    said = run(folder, "--subgroups", "who")
    assert said.returncode == 2 and "more than 50 values" in said.stderr, said.stderr
print(f"{checked} metrics of subgroups agree")
