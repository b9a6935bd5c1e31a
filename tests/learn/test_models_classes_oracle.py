"""oracle: naive Bayes and linear discriminants against scikit-learn on its bundled tables.

Tolerances were measured and are stated at each check.
"""
import sys

try:
    import numpy as np
    from peers import agree, fitted, probabilities
    from sklearn import datasets
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

sets = {"iris": datasets.load_iris(), "wine": datasets.load_wine(), "cancer": datasets.load_breast_cancer()}

for title, data in sets.items():
    x, y, new = data.data[::2], data.target[::2], data.data[1::2]
    k = len(np.unique(y))
    # ---- naive Bayes: closed form on both sides --------------------------------------------------------------------------
    for smoothing, prior in [(1e-9, None), (1e-3, np.full(k, 1 / k))]:
        judge = GaussianNB(var_smoothing=smoothing, priors=prior).fit(x, y)
        model, out = fitted(f"naive_bayes smoothing={smoothing} prior={'data' if prior is None else 'uniform'}", x, y, new)
        agree(probabilities(model, out), judge.predict_proba(new), 1e-9, f"{title}: naive Bayes, smoothing {smoothing}")
    # ---- linear discriminants: closed form; the svd solver needs no covariance, so its rounding differs ---------------------
    judge = LinearDiscriminantAnalysis(solver="svd").fit(x, y)
    model, out = fitted("linear_discriminant", x, y, new, explain=True)
    agree(probabilities(model, out), judge.predict_proba(new), 1e-11, f"{title}: discriminant, svd")
    # lsqr: scikit-learn's least squares lose digits where scales differ, up to 1e-7 on cancer; svd above agrees to 1e-12
    for shrinkage, words in [(0.0, ""), (0.3, "shrinkage=0.3"), ("auto", "covariance=ledoit_wolf")]:
        judge = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage or None).fit(x, y)
        model, out = fitted(f"linear_discriminant {words}", x, y, new)
        agree(probabilities(model, out), judge.predict_proba(new), 1e-6, f"{title}: discriminant, shrinkage {shrinkage}")
    judge = LinearDiscriminantAnalysis(solver="lsqr", priors=np.full(k, 1 / k)).fit(x, y)
    model, out = fitted("linear_discriminant prior=uniform", x, y, new)
    agree(probabilities(model, out), judge.predict_proba(new), 1e-6, f"{title}: discriminant, uniform prior")
