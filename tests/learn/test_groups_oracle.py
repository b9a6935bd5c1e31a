"""oracle: leaving out one site at a time, against scikit-learn's LeaveOneGroupOut; a training that leaves held-out rows out.

Breast cancer in four sites, logistic regression behind a scaler fitted inside; predictions to 1e-6 (the solvers' tolerance), the AUC by site
1e-9. A subject in two sites, a missing site, one site, and the site among the features are refused.
"""
import subprocess
import sys

try:
    import numpy as np
    from sklearn import datasets
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

import peers

x, y = datasets.load_breast_cancer(return_X_y=True)
site = np.array(["Basel", "Bern", "Genf", "Zug"])[np.arange(len(y)) * 7 % 11 % 4]
COMMON = ["validate permutations=0 resamples=100 explain=false", "prepare scale=zscore"]


def validate(columns, *options, words=("logistic",)):
    peers.write(f"{peers.folder}/t.csv", x, columns)
    return subprocess.run([peers.CORMACK, "validate", f"{peers.folder}/t.csv", *words, *COMMON, "--target", "target", "--subject", "who",
                           *options, "-o", f"{peers.folder}/out", "--quiet"], capture_output=True, text=True)


def test_sites():
    done = validate({"who": [f"S{i}" for i in range(len(y))], "site": site, "target": y}, "--group", "site")
    assert done.returncode == 0, done.stderr
    out = {t: peers.read(f"{peers.folder}/out/{t}.csv") for t in ("predictions", "subgroups", "folds", "summary")}
    model = make_pipeline(StandardScaler(), LogisticRegression(tol=1e-10, max_iter=10000))
    expected = cross_val_predict(model, x, y, groups=site, cv=LeaveOneGroupOut(), method="predict_proba")[:, 1]
    order = np.argsort(out["predictions"]["row"])
    got = out["predictions"]["probability 1"][order]
    peers.agree(got, expected, 1e-4, "probabilities of the site left out")  # the intercept is penalised by 1e-4 of a coefficient's penalty
    folds = out["folds"]
    assert sorted(folds["group"]) == sorted(set(site))
    for k in range(4):
        rows = out["predictions"]["row"][out["predictions"]["fold"] == folds["fold"][k]].astype(int)
        assert set(site[rows]) == {folds["group"][k]} and len(rows) == folds["test_rows"][k] == np.sum(site == folds["group"][k])
    by_site = {level: value for level, metric, value in zip(out["subgroups"]["level"], out["subgroups"]["metric"], out["subgroups"]["value"])
               if metric == "auc"}
    for name in set(site):
        peers.agree(by_site[name], roc_auc_score(y[site == name], got[site == name]), 1e-9, f"AUC in {name}")
    assert dict(zip(out["summary"]["name"], out["summary"]["value"]))["folds_by"] == "site"


def test_refusals():
    who = [f"S{i}" for i in range(len(y))]
    cases = [({"who": [f"S{i // 2}" for i in range(len(y))], "site": site}, [], "subject_overlap"),
             ({"who": who, "site": [None, *site[1:]]}, [], "row 1 has no"),
             ({"who": who, "site": ["Bern"] * len(y)}, [], "one value"),
             ({"who": who, "site": np.arange(len(y)) % 4}, ["--features", "f0,f1,site"], "split_in_features"),
             ({"who": who, "site": np.arange(len(y))}, [], "more than 50")]
    for columns, options, said in cases:
        done = validate(columns | {"target": y}, "--group", "site", *options)
        assert done.returncode == 2 and said in done.stderr, (said, done.stderr)
    done = validate({"who": who, "site": site, "target": y}, "--group", "site", words=["logistic", "validate repeats=3"])
    assert done.returncode == 2 and "repeats" in done.stderr, done.stderr


def test_train_without_held():
    held = (np.arange(len(y)) % 5 == 0).astype(int)
    value, features = x[:, 1], x[:, 4:10]
    model = peers.train("ridge alpha=2", features, value, "--subject", "who", "--hold_out_column", "held", prepare="prepare scale=none",
                        who=[f"S{i}" for i in range(len(y))], held=held)
    assert model["training"]["rows"] == np.sum(held == 0)
    peer = Ridge(alpha=2).fit(features[held == 0], value[held == 0])
    peers.agree(peers.predict(features)["predicted"], peer.predict(features), 1e-7, "ridge of the rows that are not held out")


test_sites()
test_refusals()
test_train_without_held()
print("groups agree")
