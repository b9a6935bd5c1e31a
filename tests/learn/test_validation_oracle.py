"""oracle: metrics, intervals and curves of `cormack validate` against scikit-learn, SciPy and DeLong's definition.

The expected numbers are computed here from the predictions that the program wrote, by code that is not ours: scikit-learn's metrics,
SciPy's Wilson interval, and DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988) written out by its sums over pairs; for rows that come
in clusters Obuchowski (Biometrics 53, 1997), equations 2 to 5, likewise. Tolerance 1e-9: the same sums in another order.
"""
import csv
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from scipy import stats
    from sklearn import datasets, metrics
    from sklearn.calibration import calibration_curve
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CORMACK = os.environ["CORMACK"]
TOLERANCE = 1e-9


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, names, x, target, subject):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["subject", "target"] + names)
        for row in range(len(x)):
            out.writerow([subject[row], target[row]] + [repr(float(v)) for v in x[row]])


def close(got, expected, what, tolerance=TOLERANCE):
    if got == "" and np.isnan(expected):
        return
    assert abs(float(got) - expected) <= tolerance, f"{what}: {got} instead of {expected!r}"


def obuchowski(y, score, subject):
    """AUC and its variance for clustered rows, straight from the definition. One row a cluster gives DeLong."""
    positive, negative = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    psi = (score[positive][:, None] > score[negative][None, :]) + 0.5 * (score[positive][:, None] == score[negative][None, :])
    auc, m, n = psi.mean(), len(positive), len(negative)
    v10, v01 = psi.mean(axis=1), psi.mean(axis=0)
    clusters = np.unique(subject)
    d10 = np.array([v10[subject[positive] == c].sum() - auc * np.sum(subject[positive] == c) for c in clusters])
    d01 = np.array([v01[subject[negative] == c].sum() - auc * np.sum(subject[negative] == c) for c in clusters])
    i10 = sum(np.any(subject[positive] == c) for c in clusters)
    i01 = sum(np.any(subject[negative] == c) for c in clusters)
    i = len(clusters)
    s10 = i10 / ((i10 - 1) * m) * np.sum(d10**2)
    s01 = i01 / ((i01 - 1) * n) * np.sum(d01**2)
    s11 = i / (i - 1) * np.sum(d10 * d01)
    return auc, s10 / m + s01 / n + 2 * s11 / (m * n)


def by_class(y, said, p, c):
    is_c, said_c = y == c, said == c
    tn, fp, fn, tp = metrics.confusion_matrix(is_c, said_c, labels=[False, True]).ravel()
    return {
        "precision": metrics.precision_score(is_c, said_c, zero_division=0),
        "recall": metrics.recall_score(is_c, said_c, zero_division=0),
        "f1": metrics.f1_score(is_c, said_c, zero_division=0),
        "specificity": tn / (tn + fp),
        "npv": tn / (tn + fn) if tn + fn else 0.0,
        "auc": metrics.roc_auc_score(is_c, p) if 0 < is_c.sum() < len(y) else np.nan,
    }


def expected_metrics(y, said, p, classes):
    one_hot = (y[:, None] == np.array(classes)[None, :]).astype(float)
    result = {
        ("all", "accuracy"): metrics.accuracy_score(y, said),
        ("all", "balanced_accuracy"): metrics.balanced_accuracy_score(y, said),
        ("all", "log_loss"): metrics.log_loss(y, p, labels=classes),
        ("all", "brier"): metrics.brier_score_loss(y == classes[1], p[:, 1]) if len(classes) == 2 else np.mean(np.sum((p - one_hot) ** 2, axis=1)),
    }
    judged = classes[1:] if len(classes) == 2 else classes
    for c in judged:
        for name, value in by_class(y, said, p[:, classes.index(c)], c).items():
            result[c, name] = value
    if len(classes) > 2:
        for name in ["precision", "recall", "f1", "specificity", "npv", "auc"]:
            result["macro", name] = np.mean([result[c, name] for c in judged])
    return result


def check_intervals(row, views, classes):
    name, c = row["metric"], row["class"]
    y, subject = views[0]["y"], views[0]["subject"]
    value = float(row["value"])
    if row["interval"] == "wilson" and name != "auc":
        counts = []
        for view in views:
            said, is_c = view["said"] == c, view["y"] == c
            counts.append({"accuracy": len(y), "precision": said.sum(), "recall": is_c.sum(), "specificity": (~is_c).sum(), "npv": (~said).sum()}[name])
        n = np.mean(counts)
        if len(views) == 1:
            low, high = stats.binomtest(int(round(value * n)), int(n)).proportion_ci(method="wilson")
        else:
            z = stats.norm.ppf(0.975)
            middle, half = (value + z * z / (2 * n)) / (1 + z * z / n), z / (1 + z * z / n) * np.sqrt(value * (1 - value) / n + z * z / (4 * n * n))
            low, high = middle - half, middle + half
    elif row["interval"] in ("delong", "clustered_delong") and len(views) == 1:
        auc, variance = obuchowski((y == c).astype(int), views[0]["p"][:, classes.index(c)], subject)
        half = stats.norm.ppf(0.975) * np.sqrt(variance)
        low, high = max(0, auc - half), min(1, auc + half)
    else:
        assert row["interval"] in ("bootstrap", "delong", "clustered_delong", "wilson"), row
        assert float(row["low"]) <= value + 1e-12 and value - 1e-12 <= float(row["high"]), row
        return
    close(row["low"], low, f"low of {name} {c}")
    close(row["high"], high, f"high of {name} {c}")


def view_of(rows, classes):
    return {
        "y": np.array([r["target"] for r in rows]),
        "said": np.array([r["predicted"] for r in rows]),
        "subject": np.array([r["subject"] for r in rows]),
        "p": np.array([[float(r[f"probability {c}"]) for c in classes] for r in rows]),
        "row": [int(r["row"]) for r in rows],
    }


def check_curves(out, model, part, repeat, view, classes):
    def mine(table):
        return [r for r in table if r["model"] == model and r["part"] == part and r["repeat"] == repeat]

    for c in classes[1:] if len(classes) == 2 else classes:
        is_c, score = view["y"] == c, view["p"][:, classes.index(c)]
        points = [r for r in mine(out["roc"]) if r["class"] == c]
        got = [(float(r["false_positive_rate"]), float(r["true_positive_rate"])) for r in points]
        fpr, tpr, _ = metrics.roc_curve(is_c, score, drop_intermediate=False)
        every = set(zip(np.round(fpr, 12), np.round(tpr, 12)))
        assert all((round(a, 12), round(b, 12)) in every for a, b in got), "a ROC point that scikit-learn does not have"
        close(repr(metrics.auc([g[0] for g in got], [g[1] for g in got])), metrics.roc_auc_score(is_c, score), "area under our ROC points")
        bins = [r for r in mine(out["calibration"]) if r["class"] == c and int(r["rows"])]
        observed, mean = calibration_curve(is_c, score, n_bins=10, strategy="uniform")
        assert len(bins) == len(mean), "calibration: other bins"
        for r, o, m in zip(bins, observed, mean):
            close(r["observed"], o, "observed share")
            close(r["mean_probability"], m, "mean probability")
    cells = metrics.confusion_matrix(view["y"], view["said"], labels=classes)
    for r in mine(out["confusion"]):
        assert int(r["rows"]) == cells[classes.index(r["target"]), classes.index(r["predicted"])], "confusion matrix"


def check_folds(out, rows_of, subjects, classes, target, folds):
    for (model, repeat), rows in rows_of.items():
        seen = {}
        count = {c: np.zeros(folds) for c in classes}
        for r in rows:
            assert seen.setdefault(r["subject"], r["fold"]) == r["fold"], "a subject is in two folds"
            count[r["target"]][int(r["fold"]) - 1] += 1
        assert sorted(int(r["row"]) for r in rows) == sorted(set(int(r["row"]) for r in rows)), "a row was tested twice"
        largest = max(np.unique(subjects, return_counts=True)[1])
        for c in classes:
            assert np.ptp(count[c]) <= largest, f"class {c} is uneven over the folds: {count[c]}"


def run(title, names, x, target, subject, words):
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/t.csv", names, x, target, subject)
        command = [CORMACK, "validate", f"{folder}/t.csv", "logistic", "knn", "gradient_boosting rounds=20", words, "--target", "target", "--subject",
                   "subject", "-o", f"{folder}/out", "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        out = {n: read(f"{folder}/out/{n}.csv") for n in ["metrics", "predictions", "roc", "calibration", "confusion", "fold_metrics", "folds", "summary"]}
    classes = [k[len("probability "):] for k in out["predictions"][0] if k.startswith("probability ")]
    checked = 0
    rows_of = {}
    for model in ["logistic", "knn", "gradient_boosting"]:
        for part in ["cross_validation", "hold_out"]:
            rows = [r for r in out["predictions"] if r["model"] == model and r["part"] == part]
            repeats = sorted(set(r["repeat"] for r in rows))
            views = [view_of([r for r in rows if r["repeat"] == repeat], classes) for repeat in repeats]
            if not views:
                continue
            tables = [expected_metrics(v["y"], v["said"], v["p"], classes) for v in views]
            for r in out["metrics"]:
                if r["model"] != model or r["part"] != part or r["metric"].startswith("calibration_"):  # those: test_decision_oracle
                    continue
                close(r["value"], np.mean([t[r["class"], r["metric"]] for t in tables]), f"{title} {model} {part} {r['class']} {r['metric']}")
                check_intervals(r, views, classes)
                checked += 1
            for repeat, view in zip(repeats, views):
                check_curves(out, model, part, repeat, view, classes)
                if part == "cross_validation":
                    rows_of[model, repeat] = [r for r in rows if r["repeat"] == repeat]
        for r in out["fold_metrics"]:
            if r["model"] != model or r["repeat"] != "1" or r["metric"].startswith("calibration_"):
                continue
            view = view_of([q for q in rows_of[model, "1"] if q["fold"] == r["fold"]], classes)
            table = expected_metrics(view["y"], view["said"], view["p"], classes)
            close(r["value"], table[r["class"], r["metric"]], f"fold {r['fold']} {r['metric']}")
            checked += 1
    check_folds(out, rows_of, subject, classes, target, 5)
    held = {r["subject"] for r in out["predictions"] if r["part"] == "hold_out"}
    assert not held & {r["subject"] for r in out["predictions"] if r["part"] == "cross_validation"}, "a held-out subject was used"
    print(f"{title}: {checked} numbers agree")


cancer = datasets.load_breast_cancer()
cancer_names = [n.replace(" ", "_") for n in cancer.feature_names]
labels = np.array(["malignant", "benign"])[cancer.target]
# a feature set that is hard enough for errors of both kinds
few = [0, 4, 8, 9, 11, 14]
run("binary, a row a subject", [cancer_names[i] for i in few], cancer.data[:, few], labels, [f"S{i}" for i in range(569)], "validate repeats=1 hold_out=0.25")
run("binary, three repeats", [cancer_names[i] for i in few], cancer.data[:, few], labels, [f"S{i}" for i in range(569)], "validate repeats=3 permutations=0")
rng = np.random.default_rng(5)
run("binary, clusters", [cancer_names[i] for i in few], cancer.data[:, few], labels, [f"S{i}" for i in rng.integers(0, 150, 569)], "validate hold_out=0.25")
wine = datasets.load_wine()
run("three classes", [f"f{i}" for i in range(4)], wine.data[:, :4], np.array(["a", "b", "c"])[wine.target], [f"S{i}" for i in range(178)], "validate repeats=2")
