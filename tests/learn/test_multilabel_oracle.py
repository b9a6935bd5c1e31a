"""oracle: several targets at once against scikit-learn, from the predictions that `cormack validate` wrote, to 1e-9; the models of `cormack train`
against its one-vs-rest logistic regression; and what must hold of the folds: patients whole, labels even.

Data: emotions-like labels of scikit-learn's digits (round, straight, even): real images, labels that overlap and that few rows have together.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from sklearn import datasets, linear_model, metrics, multiclass, preprocessing
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CORMACK = os.environ["CORMACK"]
folder = tempfile.mkdtemp()
NAMES = ["round", "straight", "even", "rare"]


def read(name):
    with open(f"{folder}/{name}", newline="") as file:
        return list(csv.DictReader(file))


def run(*words):
    done = subprocess.run([CORMACK, *words], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def close(got, expected, what, tolerance=1e-9):
    assert got != "" and abs(float(got) - expected) <= tolerance * max(1, abs(expected)), f"{what}: {got} instead of {expected!r}"


digits = datasets.load_digits()
keep = np.arange(0, 1797, 4)
pixels, digit = digits.data[keep][:, 18:50:3], digits.target[keep]
rng = np.random.default_rng(5)
labels = np.stack([np.isin(digit, [0, 2, 3, 6, 8, 9]), np.isin(digit, [1, 4, 5, 7]) ^ (rng.random(len(digit)) < 0.1), digit % 2 == 0,
                   (digit == 7) & (rng.random(len(digit)) < 0.7)], axis=1).astype(int)
patient = np.arange(len(digit)) // 2
with open(f"{folder}/t.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow([f"p{j}" for j in range(pixels.shape[1])] + NAMES + ["patient"])
    out.writerows([*x, *y, f"P{s}"] for x, y, s in zip(pixels.tolist(), labels.tolist(), patient))

# ---- validation: metrics of all labels together ----------------------------------------------------------------------------
code, _, said = run("validate", f"{folder}/t.csv", "logistic", "naive_bayes", "validate folds=5 repeats=2 hold_out=0.25 resamples=200 permutations=1",
                    "--target", ",".join(NAMES), "--subject", "patient", "-o", f"{folder}/out", "--quiet")
assert code == 0, said
predictions, table = read("out/predictions.csv"), read("out/metrics.csv")
whole, summary = {}, {r["name"]: r["value"] for r in read("out/summary.csv")}
assert summary["task"] == "multilabel" and [int(summary[f"rows {n}"]) for n in NAMES] == labels.sum(axis=0).tolist()
EPS = np.finfo(float).eps


def expected(y, p):
    said = (p >= 0.5).astype(int)
    yield "all", "subset_accuracy", metrics.accuracy_score(y, said)
    yield "all", "hamming_loss", metrics.hamming_loss(y, said)
    yield "all", "log_loss", np.mean([metrics.log_loss(y[:, k], np.clip(p[:, k], EPS, 1 - EPS)) for k in range(y.shape[1])])
    yield "all", "label_ranking_average_precision", metrics.label_ranking_average_precision_score(y, p)
    yield "all", "coverage_error", metrics.coverage_error(y, p)
    yield "all", "ranking_loss", metrics.label_ranking_loss(y, p)
    for average in ("macro", "micro", "weighted", "samples"):
        for name, score in (("precision", metrics.precision_score), ("recall", metrics.recall_score), ("f1", metrics.f1_score),
                            ("jaccard", metrics.jaccard_score)):
            yield average, name, score(y, said, average=average, zero_division=0)
        if average != "samples":
            yield average, "auc", metrics.roc_auc_score(y, p, average=average)


checked = 0
for model in ("logistic", "naive_bayes"):
    for part in ("cross_validation", "hold_out"):
        of = {n: [r for r in predictions if r["model"] == f"{model}-{n}" and r["part"] == part] for n in NAMES}
        places = [[(r["repeat"], r["fold"], r["row"], r["subject"]) for r in of[n]] for n in NAMES]
        assert all(at == places[0] for at in places), "the labels have the same folds"
        values = []
        for repeat in sorted({r["repeat"] for r in of[NAMES[0]]}):
            y = np.array([[int(r["target"]) for r in of[n] if r["repeat"] == repeat] for n in NAMES]).T
            p = np.array([[float(r["probability 1"]) for r in of[n] if r["repeat"] == repeat] for n in NAMES]).T
            values.append({(average, name): value for average, name, value in expected(y, p)})
        got = {(r["class"], r["metric"]): r for r in table if r["model"] == model and r["part"] == part}
        assert set(got) == set(values[0]), set(got) ^ set(values[0])
        for key in got:
            mean = np.mean([v[key] for v in values])
            close(got[key]["value"], mean, f"{model}, {part}, {key}")
            assert float(got[key]["low"]) <= mean <= float(got[key]["high"]) and got[key]["interval"] == "bootstrap", key
            checked += 1
        for n in NAMES:  # each label by itself, cross-entropy too
            alone = [r for r in table if r["model"] == f"{model}-{n}" and r["part"] == part and r["metric"] == "log_loss"]
            each = [metrics.log_loss([int(r["target"]) for r in of[n] if r["repeat"] == repeat],
                                     np.clip([[float(r[f"probability {c}"]) for c in (0, 1)] for r in of[n] if r["repeat"] == repeat], EPS, 1 - EPS))
                    for repeat in sorted({r["repeat"] for r in of[n]})]
            close(alone[0]["value"], np.mean(each), f"{model}, {part}, {n}: log loss")
print(f"{checked} metrics of all labels together: as scikit-learn's to 1e-9")

# ---- folds: patients whole, labels even --------------------------------------------------------------------------------------
rows = [r for r in predictions if r["model"] == "logistic-round" and r["part"] == "cross_validation" and r["repeat"] == "1"]
fold_of = {}
for r in rows:
    assert fold_of.setdefault(r["subject"], r["fold"]) == r["fold"], "a patient in two folds"
for r in read("out/folds.csv"):
    if r["part"] == "cross_validation":
        for k, n in enumerate(NAMES[:3]):
            share, whole_share = int(r[f"test {n}"]) / int(r["test_rows"]), labels[:, k].mean()
            assert abs(share - whole_share) < 0.12, f"fold {r['fold']}: {n} in {share:.2f} of the rows, {whole_share:.2f} of all"

# ---- models: each label its own, as scikit-learn's one against the rest ------------------------------------------------------
code, _, said = run("train", f"{folder}/t.csv", "logistic", "--target", ",".join(NAMES[:3]), "--ignore", "rare", "--subject", "patient", "-o",
                    f"{folder}/models", "--quiet")
assert code == 0, said
saved = [f"{folder}/models/{n}.model.json" for n in NAMES[:3]]
for path in saved:
    with open(path) as file:
        assert json.load(file)["features"] == [f"p{j}" for j in range(pixels.shape[1])], "another label is a feature"
code, _, said = run("predict", *saved, f"{folder}/t.csv", "-o", f"{folder}/p.csv", "--quiet")
assert code == 0, said
got = read("p.csv")
z = preprocessing.StandardScaler().fit_transform(pixels)
judge = multiclass.OneVsRestClassifier(linear_model.LogisticRegression(C=1, tol=1e-10, max_iter=10000)).fit(z, labels[:, :3]).predict_proba(z)
for k, n in enumerate(NAMES[:3]):
    worst = np.abs(np.array([float(r[f"{n}: probability 1"]) for r in got]) - judge[:, k]).max()
    assert worst < 1e-5, f"{n}: probabilities differ by {worst}"
assert list(got[0])[:2] == ["row", "patient"]

# ---- combinations that the rows left for the folds lack ----------------------------------------------------------------------
with open(f"{folder}/held.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["p0", "p1", "one", "two", "held"])
    out.writerows([*rng.normal(size=2), i % 2, int(i % 4 > 1 if i < 60 else i % 4 == 3), int(i < 60 and i % 4 > 1)] for i in range(120))
code, _, said = run("validate", f"{folder}/held.csv", "logistic", "validate folds=5 resamples=0", "--target", "one,two", "--hold_out_column", "held", "-o",
                    f"{folder}/held")
assert code == 0, said

# ---- refused ---------------------------------------------------------------------------------------------------------------
for target, more, word in [("round,even,round", [], "twice"), ("round,p0", [], "whole numbers"), ("round,patient", [], "whole numbers"), ("round,", [], "2 to 64"),
                           ("round,even", ["--positive", "1"], "positive"), ("round,even", ["--features", "p1,p2,even"], "target_in_features")]:
    code, _, said = run("validate", f"{folder}/t.csv", "logistic", "--target", target, "--subject", "patient", *more)
    assert code and word in said, (target, more, code, said)
for words in (["ridge"], ["random_forest", "--task", "regression"]):
    code, _, said = run("validate", f"{folder}/t.csv", *words, "--target", "round,even", "--subject", "patient")
    assert code == 2 and "learned as two classes" in said, (words, code, said)
print("patients whole, labels even; models as one against the rest; wrong targets refused")
