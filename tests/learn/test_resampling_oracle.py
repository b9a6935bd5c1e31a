"""oracle: optimism, permutation test and learning curve against scikit-learn models on the same draws.

The bootstrap samples are drawn here once more (src/learn/rng.h) and the optimism is that of scikit-learn's ridge and logistic regression on
them. The permutation test has the value of the metrics, its p is (b + 1) / (n + 1), and its law under chance that of permutation_test_score
(mean within four standard errors). The learning curve ends in the fold metrics of the whole training sets, and its training scores there
are scikit-learn's. Tolerances: 1e-7 for closed forms (ridge), 1e-4 for logistic regression.
"""
import sys

try:
    import numpy as np
    from sklearn import datasets
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.metrics import brier_score_loss, mean_absolute_error, r2_score, roc_auc_score
    from sklearn.model_selection import KFold, permutation_test_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import draws
import peers

OPTIMISM = 12  # the stream's number


def drawn(b, subjects, seed=1):
    own = draws.stream(seed, OPTIMISM, b)
    return np.sort([draws.below(own, i, subjects) for i in range(subjects)])


def validate(x, y, who, words, more, tables, *options):
    peers.write(f"{peers.folder}/t.csv", x, {"who": [f"S{w}" for w in who], "target": y})
    peers.run("validate", f"{peers.folder}/t.csv", words, "prepare scale=zscore", f"validate resamples=0 permutations=0 explain=false {more}",
              "--target", "target", "--subject", "who", *options, "-o", f"{peers.folder}/out")
    return [peers.read(f"{peers.folder}/out/{t}.csv") for t in tables]


def check_optimism(x, y, who, words, model, scores, tolerance):
    (table,) = validate(x, y, who, words, "folds=0 optimism=25", ["optimism"])
    rows_of = [np.flatnonzero(who == w) for w in np.unique(who)]
    apparent = scores(model.fit(x, y), x, y)
    lost = []
    for b in range(25):
        rows = np.concatenate([rows_of[s] for s in drawn(b, len(rows_of))])
        model.fit(x[rows], y[rows])
        whole, own = scores(model, x, y), scores(model, x[rows], y[rows])
        lost.append({name: own[name] - whole[name] for name in own})
    for name in apparent:
        (at,) = np.flatnonzero(table["metric"] == name)
        optimism = np.mean([each[name] for each in lost])
        peers.agree(table["apparent"][at], apparent[name], tolerance, f"{words}: apparent {name}")
        peers.agree(table["optimism"][at], optimism, tolerance, f"{words}: optimism of {name}")
        peers.agree(table["corrected"][at], apparent[name] - optimism, 2 * tolerance, f"{words}: corrected {name}")
        assert table["resamples"][at] == 25


def test_optimism():
    x, y = datasets.load_diabetes(return_X_y=True)
    x, y = x[:120], y[:120]
    check_optimism(x, y, np.arange(120) // 2, "ridge alpha=1", make_pipeline(StandardScaler(), Ridge(1)),
                   lambda m, x, y: {"mae": mean_absolute_error(y, m.predict(x)), "r2": r2_score(y, m.predict(x))}, 1e-7)
    x, y = datasets.load_breast_cancer(return_X_y=True)
    check_optimism(x[:200, :6], y[:200], np.arange(200), "logistic intercept_scaling=10000",
                   make_pipeline(StandardScaler(), LogisticRegression(tol=1e-12, max_iter=100000)),
                   lambda m, x, y: {"auc": roc_auc_score(y, m.predict_proba(x)[:, 1]), "brier": brier_score_loss(y, m.predict_proba(x)[:, 1])}, 1e-4)


def test_chance():
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(80, 3)), rng.normal(size=80)
    who = np.arange(80)
    test, metrics = validate(x, y, who, "ridge alpha=1", "folds=4 permutation_test=400", ["permutation_test", "metrics"])
    peers.agree(test["value"], metrics["value"][metrics["metric"] == "r2"], 1e-12, "the value of the metrics")
    value, law, p = permutation_test_score(make_pipeline(StandardScaler(), Ridge(1)), x, y, cv=KFold(4, shuffle=True, random_state=1),
                                           n_permutations=400, random_state=0)
    assert test["permutations"][0] == 400 and test["p"][0] > 0.05, test
    assert (test["p"][0] * 401) % 1 < 1e-9 or (test["p"][0] * 401) % 1 > 1 - 1e-9
    # the peer's is the mean over folds, ours of all rows together, which is a little higher; the scale is the same
    assert abs(test["permuted_mean"][0] - law.mean()) < 0.1 and test["permuted_low"][0] < law.mean() < test["permuted_high"][0], (test, law.mean())
    bx, by = datasets.load_breast_cancer(return_X_y=True)
    who = np.arange(120) // 3  # several rows a subject, of both classes
    (test,) = validate(bx[:120, :5], by[:120], who, "logistic", "folds=4 permutation_test=99", ["permutation_test"])
    assert test["p"][0] == 0.01 and test["value"][0] > test["permuted_high"][0] and abs(test["permuted_mean"][0] - 0.5) < 0.1, test


def test_curve():
    x, y = datasets.load_diabetes(return_X_y=True)
    who = np.arange(len(y)) // 2
    curve, folds, p = validate(x, y, who, "ridge alpha=1", "folds=4 learning_curve=5", ["learning_curve", "fold_metrics", "predictions"])
    assert len(curve["test"]) == 5 and np.all(np.diff(curve["subjects"]) > 0) and np.all(curve["folds"] == 4)
    peers.agree(curve["subjects"], np.arange(1, 6) / 5 * 221 * 3 / 4, 3, "subjects on the curve")
    r2 = folds["value"][folds["metric"] == "r2"]
    peers.agree(curve["test"][-1], r2.mean(), 1e-9, "the end of the curve")
    peers.agree(curve["test_spread"][-1], r2.std(), 1e-9, "its spread")
    own = []
    for fold in range(1, 5):
        train = np.setdiff1d(np.arange(len(y)), p["row"][p["fold"] == fold].astype(int))
        own.append(make_pipeline(StandardScaler(), Ridge(1)).fit(x[train], y[train]).score(x[train], y[train]))
    peers.agree(curve["training"][-1], np.mean(own), 1e-9, "the training scores at its end")
    assert curve["training"][0] > curve["training"][-1] > curve["test"][-1] > curve["test"][0]


def test_threads():
    x, y = datasets.load_diabetes(return_X_y=True)
    seen = []
    for threads in ("1", "2"):
        validate(x[:100], y[:100], np.arange(100), "ridge alpha=0.1|10", "folds=3 optimism=10 permutation_test=10 learning_curve=3", [],
                 "--threads", threads)
        seen.append([open(f"{peers.folder}/out/{t}.csv").read() for t in ("optimism", "permutation_test", "learning_curve")])
    assert seen[0] == seen[1]


test_optimism()
test_chance()
test_curve()
test_threads()
print("resampling agrees")
