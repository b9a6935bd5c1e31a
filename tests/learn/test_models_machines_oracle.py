"""oracle: support vector machines for numbers and for outliers against scikit-learn; both stop at 1e-7.

Tolerances were measured and are stated at each check.
"""
import sys

try:
    import numpy as np
    from peers import agree, fitted
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR, OneClassSVM
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

diabetes = datasets.load_diabetes()
x, y, new = diabetes.data[::2], diabetes.target[::2], diabetes.data[1::2]
scaler = StandardScaler().fit(x)
z, z_new = scaler.transform(x), scaler.transform(new)
for kernel in ["linear", "rbf", "poly"]:
    settings = dict(kernel=kernel, degree=2, coef0=1, gamma="scale", tol=1e-7)
    words = f"kernel={kernel} degree=2 coef0=1 tolerance=1e-7"
    judge = SVR(C=2, epsilon=5, **settings).fit(z, y)
    _, out = fitted(f"svm_regression C=2 epsilon=5 {words}", x, y.astype(int), new, "--task", "regression")
    agree(out["predicted"], judge.predict(z_new), 1e-6 * 300, f"diabetes: machine for numbers, {kernel}")
    if kernel != "rbf":  # with a flat kernel both need minutes to stop so near
        continue
    judge = OneClassSVM(nu=0.2, **settings).fit(z)
    _, out = fitted(f"svm_one_class nu=0.2 {words}", x, None, new)
    agree(out["score"], judge.decision_function(z_new), 1e-6, f"diabetes: one class, {kernel}")
    assert np.array_equal(out["predicted"] == "outlier", out["score"] < 0)
