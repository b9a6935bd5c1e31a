"""oracle: linear models against scikit-learn on its bundled tables; contributions of a linear model are w (x - mean).

Tolerances were measured and are stated at each check.
"""
import sys

try:
    import numpy as np
    from peers import agree, fitted, probabilities
    from sklearn import datasets
    from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

diabetes, wine, iris = datasets.load_diabetes(), datasets.load_wine(), datasets.load_iris()


def halves(data):
    scaler = StandardScaler().fit(data.data[::2])
    return data.data[::2], data.target[::2], data.data[1::2], scaler.transform(data.data[::2]), scaler.transform(data.data[1::2])


# ---- numbers: the same convex functions; direct solvers to rounding, coordinate descent to the stop of both --------------
x, y, new, z, z_new = halves(diabetes)
regression = ["--task", "regression"]
for words, judge, scaled, tolerance in [
    ("linear", LinearRegression(), False, 1e-9),
    ("ridge alpha=3", Ridge(alpha=3, solver="cholesky"), True, 1e-9),
    ("ridge alpha=0.001", Ridge(alpha=0.001, solver="svd"), True, 1e-9),
    ("lasso alpha=2 tolerance=1e-12", Lasso(alpha=2, tol=1e-14, max_iter=1000000), True, 1e-6),
    ("elastic_net alpha=0.3 l1_ratio=0.7 tolerance=1e-12", ElasticNet(alpha=0.3, l1_ratio=0.7, tol=1e-14, max_iter=1000000), True, 1e-6),
]:
    judge.fit(z if scaled else x, y)
    model, out = fitted(words, x, y.astype(int), new, *regression, explain=True)
    agree(model["predictor"]["weight"], judge.coef_, tolerance * np.abs(judge.coef_).max(), f"{words}: coefficients")
    agree(out["predicted"], judge.predict(z_new if scaled else new), tolerance * 300, f"{words}: predictions")
    assert np.array_equal(np.array(model["predictor"]["weight"]) == 0, judge.coef_ == 0) or "ridge" in words, f"{words}: other features dropped"

# more features than rows: the shortest of the solutions
rng = np.random.default_rng(3)
few, wide = rng.normal(size=(20, 45)), rng.normal(size=(30, 45))
answer = rng.normal(size=20)
judge = LinearRegression().fit(few, answer)
model, out = fitted("linear", few, answer, wide)
agree(model["predictor"]["weight"], judge.coef_, 1e-10, "linear, 20 rows of 45 features: coefficients")
agree(out["predicted"], judge.predict(wide), 1e-9, "linear, 20 rows of 45 features: predictions")
twice = np.c_[x, x[:, 2]]  # a copy of a column is another such case
judge = LinearRegression().fit(twice, y)
model, out = fitted("linear", twice, y.astype(int), np.c_[new, new[:, 2]], *regression)
agree(out["predicted"], judge.predict(np.c_[new, new[:, 2]]), 1e-7, "linear, a column twice: predictions")

# ---- three classes in one: multinomial, intercept free; both stop at 1e-10 -------------------------------------------------
for title, data in [("wine", wine), ("iris", iris)]:
    x, y, new, z, z_new = halves(data)
    for c in [0.01, 1, 100]:
        judge = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(z, y)
        model, out = fitted(f"logistic C={c} tolerance=1e-11", x, y, new, explain=True)
        agree(probabilities(model, out), judge.predict_proba(z_new), 1e-8, f"{title}: multinomial C={c} probabilities")
    again = StandardScaler().fit(x[20:])
    judge = LogisticRegression(C=0.5, solver="newton-cholesky", tol=1e-12, class_weight="balanced").fit(again.transform(x[20:]), y[20:])
    model, out = fitted("logistic C=0.5 tolerance=1e-11 class_weight=balanced", x[20:], y[20:], new)
    agree(probabilities(model, out), judge.predict_proba(again.transform(new)), 1e-8, f"{title}: multinomial, balanced")
