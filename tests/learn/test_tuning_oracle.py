"""oracle: parameters chosen on inner folds, against scikit-learn.

With as many inner folds as subjects each subject is a fold, so the folds are those of LeaveOneGroupOut and the scores those of GridSearchCV
(diabetes, 30 subjects of 4 rows; ridge and k-nearest neighbours behind a scaler fitted inside). The choice of each outer fold is GridSearchCV's
on that fold's training rows, and its predictions those of the model so chosen: nested validation. Successive halving has the counts of
candidates of HalvingGridSearchCV; its draws of subjects are its own. Tolerance 1e-9: the same sums in another order.
"""
import math
import subprocess
import sys

try:
    import numpy as np
    from scipy import stats
    from sklearn import datasets
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, LeaveOneGroupOut
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import peers

x, y = datasets.load_diabetes(return_X_y=True)
x, y = x[:120], y[:120]
who = np.arange(120) // 4
BY = {"auto": "r2", "mae": "neg_mean_absolute_error", "rmse": "neg_root_mean_squared_error"}


def validate(x, columns, words, *options):
    peers.write(f"{peers.folder}/t.csv", x, columns)
    peers.run("validate", f"{peers.folder}/t.csv", *words, "--target", "target", "--subject", "who", *options, "-o", f"{peers.folder}/out")
    return {t: peers.read(f"{peers.folder}/out/{t}.csv") for t in ("tuning", "predictions")}


def search(model, grid, metric, rows):
    found = GridSearchCV(make_pipeline(StandardScaler(), model), grid, scoring=BY[metric], cv=LeaveOneGroupOut())
    return found.fit(x[rows], y[rows], groups=who[rows])


def test_nested(words, model, key, values, metric):
    columns = {"who": [f"S{w:02}" for w in who], "target": y}
    out = validate(x, columns, [f"{words}={'|'.join(map(str, values))}", "prepare scale=zscore", "validate folds=3 permutations=0 resamples=0 explain=false",
                                f"tune folds=30 metric={metric}"])
    t, sign = out["tuning"], 1 if metric == "auto" else -1
    final = t["part"] == "final"
    expected = search(model, {key: values}, metric, np.arange(120))
    peers.agree(t["score"][final], sign * expected.cv_results_["mean_test_score"], 1e-9, f"{words} {metric}: mean scores")
    peers.agree(t["spread"][final], expected.cv_results_["std_test_score"], 1e-9, f"{words} {metric}: their spread")
    assert np.array_equal(np.flatnonzero(t["chosen"][final]), [expected.best_index_])
    assert np.all(t["inner_folds"][final] == 30) and np.all(t["subjects"][final] == 30)
    p = out["predictions"]
    for fold in (1, 2, 3):
        test = np.sort(p["row"][p["fold"] == fold].astype(int))
        train = np.setdiff1d(np.arange(120), test)
        assert not set(who[test]) & set(who[train])
        own = search(model, {key: values}, metric, train)
        line = (t["part"] == "cross_validation") & (t["fold"] == fold)
        assert line.sum() == 1 and t["parameters"][line][0] == f"{words.split()[-1]}={own.best_params_[key]}", t["parameters"][line]
        order = np.argsort(p["row"][p["fold"] == fold])
        peers.agree(p["predicted"][p["fold"] == fold][order], own.predict(x[test]), 1e-7, f"{words} {metric}: predictions of fold {fold}")


def test_train():
    """`cormack train` chooses too, and keeps what it chose."""
    values = [0.01, 1.0, 100.0]
    best = search(Ridge(), {"ridge__alpha": values}, "auto", np.arange(120)).best_params_["ridge__alpha"]
    columns = {"who": [f"S{w:02}" for w in who], "target": y}
    peers.write(f"{peers.folder}/t.csv", x, columns)
    peers.run("train", f"{peers.folder}/t.csv", "ridge alpha=0.01|1.0|100.0", "tune folds=30", "prepare scale=zscore", "--target", "target",
              "--subject", "who", "-o", f"{peers.folder}/m.json")
    import json
    with open(f"{peers.folder}/m.json") as file:
        assert json.load(file)["parameters"]["alpha"] == best


def test_halving_and_random():
    bx, by = datasets.load_breast_cancer(return_X_y=True)
    columns = {"who": [f"S{i}" for i in range(len(by))], "target": by}
    values = [10.0**e for e in range(-4, 5)]
    common = ["validate folds=2 permutations=0 resamples=0 explain=false", "prepare scale=zscore"]
    out = validate(bx, columns, ["logistic C=" + "|".join(map(repr, values)), *common, "tune search=halving folds=5 metric=log_loss"])
    t = out["tuning"]
    peer = HalvingGridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": values}, cv=5,
                               scoring="neg_log_loss", min_resources="exhaust", random_state=0).fit(bx, by)
    final = t["part"] == "final"
    counts = [int(np.sum(t["stage"][final] == s + 1)) for s in range(int(t["stage"].max()))]
    assert counts == list(peer.n_candidates_), (counts, peer.n_candidates_)
    for stage, wanted in enumerate(peer.n_resources_):
        assert np.all(np.abs(t["subjects"][final & (t["stage"] == stage + 1)] - wanted) <= len(by) * 0.02), (t["subjects"], wanted)
    last = final & (t["stage"] == t["stage"].max())
    assert t["chosen"][last][np.argmin(t["score"][last])] == 1 and t["chosen"][final].sum() == 1
    for stage in range(1, len(counts)):  # the better third goes on
        here = final & (t["stage"] == stage)
        best = set(t["candidate"][here][np.argsort(t["score"][here], kind="stable")][:counts[stage]])
        assert best == set(t["candidate"][final & (t["stage"] == stage + 1)])
    out = validate(bx, columns, ["logistic C=0.0001..10000", *common, "tune search=random tries=200 folds=2"])
    drawn = [float(p.split("=")[1]) for p in out["tuning"]["parameters"][out["tuning"]["part"] == "final"]]
    assert len(set(drawn)) == 200 and stats.kstest(np.log10(drawn), stats.uniform(-4, 8).cdf).pvalue > 0.001
    out = validate(bx, columns, ["logistic C=1|2|3|4|5|6|7", *common, "tune search=random tries=4 folds=2"])
    assert len(set(out["tuning"]["parameters"][out["tuning"]["part"] == "final"])) == 4


def test_threads():
    """The same bytes whatever the number of threads."""
    columns = {"who": [f"S{w:02}" for w in who], "target": y}
    words = ["random_forest trees=5|20 max_depth=2|4", "validate folds=3 permutations=0 resamples=50", "tune folds=3"]
    seen = []
    for threads in ("1", "2"):
        validate(x, columns, words, "--threads", threads)
        with open(f"{peers.folder}/out/tuning.csv") as tuning, open(f"{peers.folder}/out/predictions.csv") as predictions:
            seen.append(tuning.read() + predictions.read())
    assert seen[0] == seen[1]


def refusal(words, *options):
    done = subprocess.run([peers.CORMACK, "validate", f"{peers.folder}/t.csv", *words, "--target", "target", "--subject", "who", *options],
                          capture_output=True, text=True)
    assert done.returncode == 2, done.stdout
    return done.stderr


def test_refusals():
    peers.write(f"{peers.folder}/t.csv", x, {"who": [f"S{w:02}" for w in who], "target": y})
    for words, said in ((["ridge alpha=1..10"], "search=random"), (["ridge strength=1|2"], "strength"), (["ridge alpha=1|-2"], "alpha"),
                        (["ridge alpha=x..2", "tune search=random"], "range"), (["ridge alpha=1|2", "tune metric=brier"], "metric"),
                        (["ridge alpha=1|2 alpha=3|4"], "twice"), (["ridge alpha=1|2", "prepare k_bets=1|2"], "k_best")):
        said_now = refusal(words)
        assert said in said_now, (words, said_now)


assert not math.isnan(y.sum())
for metric in BY:
    test_nested("ridge alpha", Ridge(), "ridge__alpha", [0.01, 1.0, 10.0, 100.0], metric)
test_nested("knn k", KNeighborsRegressor(), "kneighborsregressor__n_neighbors", [3, 9, 27], "mae")
test_train()
test_halving_and_random()
test_threads()
test_refusals()
print("the choices agree")
