"""oracle: each model against the library that users know: scikit-learn (logistic, svm, knn), XGBoost's and shap's Python packages.

Both sides get the same training table and predict the same rows. Tolerances were measured and are stated at each check.
"""
import csv
import itertools
import json
import math
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import shap
    import xgboost
    from sklearn import datasets
    from sklearn.feature_selection import f_classif
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import RobustScaler, StandardScaler
    from sklearn.svm import SVC
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CORMACK = os.environ["CORMACK"]
folder = tempfile.mkdtemp()


def write(path, names, x, target=None):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(names + (["target"] if target is not None else []))
        for row in range(len(x)):
            cells = ["" if math.isnan(v) else repr(float(v)) for v in x[row]]
            out.writerow(cells + ([target[row]] if target is not None else []))


def cormack(words, names, x, y, x_new, explain=False, prepare="prepare"):
    write(f"{folder}/train.csv", names, x, y)
    write(f"{folder}/new.csv", names, x_new)
    subprocess.run([CORMACK, "train", f"{folder}/train.csv", words, prepare, "--target", "target", "-o", f"{folder}/model.json", "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    command = [CORMACK, "predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv", "--quiet"]
    subprocess.run(command + (["--explain"] if explain else []), check=True)
    with open(f"{folder}/model.json") as file:
        model = json.load(file)
    with open(f"{folder}/out.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    classes = model["classes"]
    p = np.array([[float(r[f"probability {c}"]) for c in classes] for r in rows])
    phi = np.array([[float(r[f"shap {n}"]) for n in names] for r in rows]) if explain else None
    base = np.array([float(r["base"]) for r in rows]) if explain else None
    output = np.array([float(r["output"]) for r in rows]) if explain else None
    return model, p, phi, base, output


def agree(got, expected, tolerance, what):
    worst = float(np.max(np.abs(np.asarray(got) - np.asarray(expected))))
    assert worst <= tolerance, f"{what}: differs by {worst:.3g}, more than {tolerance:.1g}"
    print(f"{what}: differs by at most {worst:.3g}")


def l1_slope(w, b, z, y, c):
    """How far the optimality conditions of L1 logistic regression (the intercept counts as a coefficient) are missed."""
    sign = np.where(y == 1, 1, -1)
    gradient = -c * np.c_[z, np.ones(len(z))].T @ (sign / (1 + np.exp(sign * (z @ w + b))))
    all_w = np.r_[w, b]
    return np.max(np.where(all_w != 0, np.abs(gradient + np.sign(all_w)), np.maximum(np.abs(gradient) - 1, 0)))


cancer, wine = datasets.load_breast_cancer(), datasets.load_wine()
sets = {
    "cancer": ([f"f{i}" for i in range(30)], cancer.data[::2], cancer.target[::2], cancer.data[1::2]),
    "wine": ([f"f{i}" for i in range(13)], wine.data[::2], wine.target[::2], wine.data[1::2]),
}

for title, (names, x, y, new) in sets.items():
    scaler = StandardScaler().fit(x)
    z, z_new = scaler.transform(x), scaler.transform(new)

    # ---- logistic: both minimise the same convex function; tolerance by the solvers' stops -------------------------------
    model, p, _, _, _ = cormack("logistic C=0.5 intercept_scaling=1 several=rest tolerance=1e-11", names, x, y, new)
    if title == "cancer":
        judge = LogisticRegression(C=0.5, solver="liblinear", intercept_scaling=1, tol=1e-10, max_iter=10000).fit(z, y)
        agree(model["predictor"]["linear"]["weight"], judge.coef_.ravel(), 1e-6, f"{title}: logistic coefficients, liblinear")
        agree(p, judge.predict_proba(z_new), 1e-7, f"{title}: logistic probabilities, liblinear")
        # an intercept that is hardly penalised: as lbfgs, which does not penalise it
        model, p, _, _, _ = cormack("logistic C=0.5 intercept_scaling=100", names, x, y, new)
        judge = LogisticRegression(C=0.5, solver="lbfgs", tol=1e-12, max_iter=100000).fit(z, y)
        agree(p, judge.predict_proba(z_new), 1e-4, f"{title}: logistic probabilities, free intercept")
        model, p, _, _, _ = cormack("logistic C=0.2 penalty=l1 intercept_scaling=1", names, x, y, new)
        judge = LogisticRegression(C=0.2, l1_ratio=1, solver="liblinear", intercept_scaling=1, tol=1e-10, max_iter=100000).fit(z, y)
        w, b = np.array(model["predictor"]["linear"]["weight"]), model["predictor"]["linear"]["intercept"][0]
        for who, w_, b_ in [("ours", w, b), ("scikit-learn's", judge.coef_.ravel(), judge.intercept_[0])]:
            print(f"{title}: L1, {who}: slope left at the optimum", l1_slope(w_, b_, z, y, 0.2))
        assert l1_slope(w, b, z, y, 0.2) <= 1e-5
        agree(w, judge.coef_.ravel(), 2e-4, f"{title}: logistic coefficients, L1")
        assert np.array_equal(w == 0, judge.coef_.ravel() == 0), "L1 dropped other features"
    else:
        each = [LogisticRegression(C=0.5, solver="liblinear", tol=1e-10, max_iter=10000).fit(z, y == c).predict_proba(z_new)[:, 1] for c in range(3)]
        expected = np.array(each).T
        agree(p, expected / expected.sum(axis=1, keepdims=True), 1e-6, f"{title}: logistic probabilities, one against the rest")

    # ---- k nearest neighbours: exact ---------------------------------------------------------------------------------------
    for weights, metric in itertools.product(["uniform", "distance"], ["euclidean", "manhattan", "chebyshev"]):
        _, p, _, _, _ = cormack(f"knn k=7 weights={weights} metric={metric}", names, x, y, new)
        judge = KNeighborsClassifier(7, weights=weights, metric=metric, algorithm="brute").fit(z, y)
        agree(p, judge.predict_proba(z_new), 1e-9, f"{title}: knn {weights} {metric}")

    # ---- SVM: decision values of the stored machine against SVC; both stop at 1e-9 ----------------------------------------
    for kernel in ["linear", "rbf", "poly"]:
        model, p, _, _, _ = cormack(f"svm C=1.5 kernel={kernel} degree=2 coef0=1 tolerance=1e-9", names, x, y, new)
        judge = SVC(C=1.5, kernel=kernel, degree=2, coef0=1, tol=1e-9, gamma="scale", decision_function_shape="ovo").fit(z, y)
        state = model["predictor"]
        vector = np.array(state["vector"]).reshape(state["vectors"], -1)
        gamma, coef0 = state["kernel"]["numbers"]
        dots = z_new @ vector.T
        values = {"linear": dots, "poly": (gamma * dots + coef0) ** 2,
                  "rbf": np.exp(-gamma * ((z_new[:, None, :] - vector[None, :, :]) ** 2).sum(axis=2))}[kernel]
        decision = np.array([values[:, pair["vector"]] @ np.array(pair["alpha"]) - pair["numbers"][0] for pair in state["pairs"]]).T
        expected = judge.decision_function(z_new)
        expected = -expected[:, None] if expected.ndim == 1 else expected
        agree(decision, expected, 1e-6, f"{title}: svm decision values, {kernel}")
        if title == "cancer":  # probabilities follow from the stored sigmoid
            slope, offset = state["pairs"][0]["numbers"][1:]
            agree(p[:, 0], 1 / (1 + np.exp(slope * decision[:, 0] + offset)), 1e-6, f"{title}: svm probabilities")
            assert slope < 0, "a larger decision value must mean a larger probability"

        if title == "wine" and kernel == "rbf":  # coupling: the closed form of Wu, Lin, Weng 2004, equation 21, by a linear solver
            for row in range(len(new)):
                r = np.zeros((3, 3))
                for pair, (a, b) in enumerate(itertools.combinations(range(3), 2)):
                    slope, offset = state["pairs"][pair]["numbers"][1:]
                    share = np.clip(1 / (1 + np.exp(slope * decision[row, pair] + offset)), 1e-7, 1 - 1e-7)
                    r[a, b], r[b, a] = share, 1 - share
                q = -r.T * r
                np.fill_diagonal(q, (r**2).sum(axis=0))
                system = np.block([[q, np.ones((3, 1))], [np.ones((1, 3)), np.zeros((1, 1))]])
                expected = np.linalg.solve(system, [0, 0, 0, 1])[:3]
                assert np.max(np.abs(p[row] - expected)) < 1e-9, "pairwise coupling"
            print(f"{title}: svm probabilities, coupled")

    # ---- boosting: XGBoost's own package on the same numbers; leaves are single precision ---------------------------------
    holes = x.copy()
    holes[::7, 2] = np.nan
    new_holes = new.copy()
    new_holes[::5, 2] = np.nan
    objective = {"objective": "binary:logistic"} if title == "cancer" else {"objective": "multi:softprob", "num_class": 3}
    for method in ["hist", "exact"]:
        words = f"gradient_boosting rounds=40 learning_rate=0.2 max_depth=4 l2=2 l1=0.1 method={method} row_sample=0.8 column_sample=0.7 seed=3"
        model, p, phi, base, output = cormack(words, names, holes, y, new_holes, explain=True)
        settings = dict(objective, eta=0.2, max_depth=4, reg_lambda=2, alpha=0.1, tree_method=method, subsample=0.8, colsample_bytree=0.7, seed=3,
                        base_score=0.5, nthread=1)
        matrix, matrix_new = xgboost.DMatrix(holes, y), xgboost.DMatrix(new_holes)
        judge = xgboost.train(settings, matrix, 40)
        expected = judge.predict(matrix_new)
        expected = np.stack([1 - expected, expected], axis=1) if expected.ndim == 1 else expected
        agree(p, expected, 1e-6, f"{title}: boosting {method} probabilities, XGBoost {xgboost.__version__}")
        agree(base + phi.sum(axis=1), output, 1e-9, f"{title}: boosting {method}, contributions sum to the output")
        contributions = judge.predict(matrix_new, pred_contribs=True)
        if title == "wine":
            contributions = contributions[np.arange(len(new)), p.argmax(axis=1)]
        agree(np.c_[phi, base], contributions, 2e-5, f"{title}: boosting {method} contributions, XGBoost")
        margin = judge.predict(matrix_new, output_margin=True)
        margin = margin[np.arange(len(new)), p.argmax(axis=1)] if title == "wine" else margin
        agree(output, margin, 1e-5, f"{title}: boosting {method} output, XGBoost's margin")
        if method == "hist":
            values = shap.TreeExplainer(judge).shap_values(new_holes)
            values = values if title == "cancer" else (values[np.arange(len(new)), :, p.argmax(axis=1)] if np.ndim(values) == 3 else
                                                       np.array(values)[p.argmax(axis=1), np.arange(len(new))])
            agree(phi, values, 2e-5, f"{title}: boosting contributions, shap {shap.__version__}")


# ---- preparation: what is filled, kept and scaled, against scikit-learn's steps ------------------------------------------------
names, x, y, new = sets["cancer"]
holes = x.copy()
holes[::5, 3] = np.nan
holes[1::4, 7] = np.nan
holes[:, 11] = 0.1  # constant
kept = [j for j in range(30) if j != 11]
for impute, scale, best in [("median", "robust", 8), ("mean", "zscore", 12), ("mean", "none", 0)]:
    model, _, _, _, _ = cormack("logistic", names, holes, y, new, prepare=f"prepare impute={impute} scale={scale} k_best={best}")
    filled = SimpleImputer(strategy=impute).fit(holes[:, kept])
    columns = np.array(kept)
    if best:
        score = f_classif(filled.transform(holes[:, kept]), y)[0]
        columns = np.sort(columns[np.argsort(-score)[:best]])
    assert list(columns) == model["prepare"]["keep"], "other columns are kept"
    at = [kept.index(c) for c in columns]
    agree(model["prepare"]["fill"], filled.statistics_[at], 1e-10, f"{impute}: filled")
    values = filled.transform(holes[:, kept])[:, at]
    if scale == "robust":
        judge = RobustScaler().fit(values)
        agree(model["prepare"]["center"], judge.center_, 1e-10, "robust: center")
        agree(model["prepare"]["scale"], judge.scale_, 1e-10, "robust: scale")
    elif scale == "zscore":
        judge = StandardScaler().fit(values)
        agree(np.array(model["prepare"]["center"]) / judge.mean_, 1, 1e-12, "zscore: center")
        agree(np.array(model["prepare"]["scale"]) / judge.scale_, 1, 1e-12, "zscore: scale")
model, _, _, _, _ = cormack("logistic", names, x, y, new, prepare="prepare max_correlation=0.8")
r = np.abs(np.corrcoef(x.T))
greedy = []
for j in range(30):
    if all(r[j, k] <= 0.8 for k in greedy):
        greedy.append(j)
assert greedy == model["prepare"]["keep"], "correlated columns"


# ---- Shapley values by their definition: every subset of features, on trees small enough for it -----------------------------
def expectation(tree, node, x, known):
    if tree["feature"][node] < 0:
        return float(np.float32(tree["number"][node]))
    left, right = node + 1, tree["right"][node]
    f = tree["feature"][node]
    if f in known:
        value = np.float32(x[f])
        to_left = tree["missing_left"][node] if np.isnan(value) else value < np.float32(tree["number"][node])
        return expectation(tree, left if to_left else right, x, known)
    a, b = (float(np.float32(tree["cover"][n])) for n in (left, right))
    return (a * expectation(tree, left, x, known) + b * expectation(tree, right, x, known)) / (a + b)


def shapley(model, x, features):
    game = {known: sum(expectation(t, 0, x, set(known)) for t in model["predictor"]["trees"]) for size in range(features + 1)
            for known in itertools.combinations(range(features), size)}
    phi = np.zeros(features)
    for f in range(features):
        for known in game:
            if f in known:
                continue
            weight = math.factorial(len(known)) * math.factorial(features - len(known) - 1) / math.factorial(features)
            phi[f] += weight * (game[tuple(sorted(known + (f,)))] - game[known])
    return phi, game[()]


names, x, y, new = sets["cancer"]
few = [0, 1, 4, 7, 20, 27]
for words in ["gradient_boosting rounds=6 max_depth=5", "random_forest trees=6 max_depth=7"]:
    model, p, phi, base, output = cormack(words, [names[i] for i in few], x[:, few], y, new[:12, few], explain=True)
    for row in range(12):
        expected, empty = shapley(model, new[row, few], len(few))
        agree(phi[row], expected, 1e-12, f"{words}: Shapley values by definition, row {row}")
        agree(base[row], empty + model["predictor"]["base"][0], 1e-12, "base")
