"""oracle: self-training and label propagation, with two thirds of the classes hidden, against scikit-learn.

Tolerances were measured and are stated at each check.
"""
import os
import sys

os.environ["OMP_NUM_THREADS"] = "1"  # small tables: threads would only wait for each other

try:
    import numpy as np
    from peers import agree, fitted, probabilities
    from sklearn import datasets
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB
    from sklearn.preprocessing import StandardScaler
    from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

for title, data in {"iris": datasets.load_iris(), "wine": datasets.load_wine()}.items():
    x, y, new = data.data[::2], data.target[::2], data.data[1::2]
    hidden = np.arange(len(y)) % 3 != 0
    given = [None if h else int(c) for h, c in zip(hidden, y)]
    # the preparation is fitted on labelled rows; so is the judge's. Labelled rows come first there too: sums keep their order
    order = np.r_[np.flatnonzero(~hidden), np.flatnonzero(hidden)]
    scaler = StandardScaler().fit(x[~hidden])
    z, z_new = scaler.transform(x)[order], scaler.transform(new)
    known = np.where(hidden, -1, y)[order]

    # ---- self-training over closed forms: the same rows are taken in the same rounds ------------------------------------------
    for base, judge in [("naive_bayes", GaussianNB()), ("linear_discriminant", LinearDiscriminantAnalysis(solver="lsqr"))]:
        for threshold, rounds in [(0.75, 10), (0.99, 0)]:
            teacher = SelfTrainingClassifier(judge, threshold=threshold, max_iter=rounds or None).fit(z, known)
            model, out = fitted(f"self_training base={base} threshold={threshold} rounds={rounds}", x, given, new)
            assert model["predictor"]["labelled"] == np.sum(~hidden)
            assert model["predictor"]["taken"] == np.sum(teacher.labeled_iter_ > 0), f"{title}: other rows are taken"
            agree(probabilities(model, out), teacher.predict_proba(z_new), 1e-8, f"{title}: self-training, {base}, {threshold}")
            assert model["training"]["rows"] == len(y)

    # ---- propagation: the same rounds -------------------------------------------------------------------------------------------
    for gamma in [0.5, 5]:
        judge = LabelPropagation(gamma=gamma, tol=1e-9, max_iter=20000).fit(z, known)
        model, out = fitted(f"label_propagation method=propagation gamma={gamma} tolerance=1e-9 rounds=20000", x, given, new)
        agree(probabilities(model, out), judge.predict_proba(z_new), 1e-9, f"{title}: propagation, gamma {gamma}")
        judge = LabelSpreading(gamma=gamma, alpha=0.3, tol=1e-9, max_iter=20000).fit(z, known)
        model, out = fitted(f"label_propagation alpha=0.3 gamma={gamma} tolerance=1e-9 rounds=20000", x, given, new)
        agree(probabilities(model, out), judge.predict_proba(z_new), 1e-9, f"{title}: spreading, gamma {gamma}")
