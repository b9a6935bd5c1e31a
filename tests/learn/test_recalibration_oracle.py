"""oracle: recalibrated probabilities against scikit-learn's CalibratedClassifierCV (ensemble=False) on the same inner folds.

The folds are made here once more from docs/learning.md and src/learn/rng.h (SplitMix64), so that both sides fit their maps to the same
predictions: logistic on breast cancer's two weakest features with sigmoid and temperature; naive Bayes on these and on wine (three classes)
with isotonic maps. The saved model predicts the same bits, and a map that is not rising is refused. Brier and log loss before and after are those
of the table's own predictions. Tolerances: 1e-5 behind logistic regression (where its solver stops), 1e-9 isotonic.
"""
import json
import subprocess
import sys

try:
    import numpy as np
    from sklearn import datasets
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import brier_score_loss, log_loss
    from sklearn.model_selection import PredefinedSplit
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import draws
import peers

RECALIBRATE = 11  # the stream's number


def folds_of(y, folds, seed=1, job=0):
    """One row a subject: shuffled, each to the fold where its class has grown least, of equals the one with fewer rows."""
    own, order = draws.stream(seed, RECALIBRATE, job), list(range(len(y)))
    for i in range(len(y) - 1, 0, -1):
        j = draws.below(own, i, i + 1)
        order[i], order[j] = order[j], order[i]
    count, rows, fold = np.zeros((folds, y.max() + 1)), np.zeros(folds), np.zeros(len(y), int)
    for i in order:
        f = min(range(folds), key=lambda f: (count[f, y[i]], rows[f], f))
        count[f, y[i]] += 1
        rows[f] += 1
        fold[i] = f
    return fold


def ours(words, x, y, method):
    peers.write(f"{peers.folder}/train.csv", x, {"target": y})
    peers.run("train", f"{peers.folder}/train.csv", words, "prepare scale=zscore", f"recalibrate method={method} folds=4", "--target", "target",
              "-o", f"{peers.folder}/model.json")
    with open(f"{peers.folder}/model.json") as file:
        model = json.load(file)
    assert model["recalibration"]["method"] == method
    return peers.probabilities(model, peers.predict(x))


def theirs(model, x, y, method):
    split = PredefinedSplit(folds_of(y, 4))
    return CalibratedClassifierCV(make_pipeline(StandardScaler(), model), method=method, cv=split, ensemble=False).fit(x, y).predict_proba(x)


def test_maps():
    x, y = datasets.load_breast_cancer(return_X_y=True)
    x = x[:, [1, 4]]
    logistic = LogisticRegression(tol=1e-12, max_iter=100000)
    words = "logistic intercept_scaling=10000"
    for method, peer in (("logistic", "sigmoid"), ("temperature", "temperature")):
        peers.agree(ours(words, x, y, method), theirs(logistic, x, y, peer), 1e-5, f"logistic, {method}")
    peers.agree(ours("naive_bayes", x, y, "isotonic"), theirs(GaussianNB(), x, y, "isotonic"), 1e-9, "naive Bayes, isotonic")
    x, y = datasets.load_wine(return_X_y=True)
    peers.agree(ours("naive_bayes", x[:, :4], y, "isotonic"), theirs(GaussianNB(), x[:, :4], y, "isotonic"), 1e-9, "naive Bayes of three classes, isotonic")


def test_validation():
    x, y = datasets.load_breast_cancer(return_X_y=True)
    peers.write(f"{peers.folder}/t.csv", x[:, :10], {"who": [f"S{i}" for i in range(len(y))], "target": y})
    words = ["validate", f"{peers.folder}/t.csv", "naive_bayes", "validate permutations=0 resamples=0 hold_out=0.3", "--target", "target",
             "--subject", "who", "-o", f"{peers.folder}/out"]
    peers.run(*words)
    raw = peers.read(f"{peers.folder}/out/predictions.csv")
    peers.run(*words, "recalibrate method=logistic")
    mapped, table = peers.read(f"{peers.folder}/out/predictions.csv"), peers.read(f"{peers.folder}/out/recalibration.csv")
    assert np.array_equal(raw["row"], mapped["row"])
    for part in ("cross_validation", "hold_out"):
        for when, out in (("before", raw), ("after", mapped)):
            here = out["part"] == part
            target, p = out["target"][here], out["probability 1"][here]
            values = {m: v for m, v, q in zip(table["metric"], table[when], table["part"]) if q == part}
            peers.agree(values["brier"], brier_score_loss(target, p), 1e-9, f"{part}: Brier {when}")
            peers.agree(values["log_loss"], log_loss(target, p), 1e-9, f"{part}: log loss {when}")
        lines = {m: (b, a) for m, b, a, q in zip(table["metric"], table["before"], table["after"], table["part"]) if q == part}
        assert lines["brier"][1] < lines["brier"][0] and lines["log_loss"][1] < 0.7 * lines["log_loss"][0], lines
        assert lines["auc"][1] > lines["auc"][0] - 0.01, lines  # each fold has its own map; within one the order stays


def test_refusals():
    x, y = datasets.load_wine(return_X_y=True)
    ours("naive_bayes", x[:, :4], y, "isotonic")
    with open(f"{peers.folder}/model.json") as file:
        text = file.read()
    good = json.loads(text)

    def refused(change):
        bad = json.loads(text)
        change(bad["recalibration"])
        with open(f"{peers.folder}/bad.json", "w") as file:
            json.dump(bad, file)
        done = subprocess.run([peers.CORMACK, "predict", f"{peers.folder}/bad.json", f"{peers.folder}/new.csv"], capture_output=True, text=True)
        assert done.returncode == 2 and "recalibration" in done.stderr, done.stderr

    assert len(good["recalibration"]["from"]) == 3
    refused(lambda r: r["from"].pop())
    refused(lambda r: r["to"][0].reverse())
    refused(lambda r: r["from"][1].reverse())
    refused(lambda r: r.update(method="magic"))
    refused(lambda r: r["to"][2].append(1.0))
    refused(lambda r: (r.clear(), r.update(method="temperature", slope=[-1.0], offset=[0.0])))
    refused(lambda r: (r.clear(), r.update(method="logistic", slope=[1e301] * 3, offset=[0.0] * 3)))
    refused(lambda r: r.update(slope=[1.0]))
    peers.write(f"{peers.folder}/t.csv", x, {"target": x[:, 0] * 1.5 + y})
    done = subprocess.run([peers.CORMACK, "train", f"{peers.folder}/t.csv", "ridge", "recalibrate method=logistic", "--target", "target", "--features",
                           "f3,f4,f5", "-o", f"{peers.folder}/m.json"], capture_output=True, text=True)
    assert done.returncode == 2 and "probabilities" in done.stderr, done.stderr


test_maps()
test_validation()
test_refusals()
print("recalibration agrees")
