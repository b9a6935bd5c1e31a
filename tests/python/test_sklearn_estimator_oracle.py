"""cormack.sklearn: scikit-learn's own checks of estimators, and its searches and folds around our models."""
import pickle
import warnings

import numpy as np
import package
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import cormack
from cormack.sklearn import Classifier, Regressor

LEAKS = "target_proxy,target_copy"  # of the tables that scikit-learn makes up for its checks, where a feature is the target


def test_checks():
    for estimator in (Classifier(allow=LEAKS), Classifier("random_forest", trees=10, allow=LEAKS), Classifier("svm", allow=LEAKS),
                      Regressor(allow=LEAKS), Regressor("gradient_boosting", rounds=10, allow=LEAKS)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = check_estimator(estimator, on_skip=None, on_fail=None)
        failed = [(check["check_name"], check["exception"]) for check in told if check["status"] == "failed"]
        assert not failed and sum(check["status"] == "passed" for check in told) >= 40, (estimator, failed)


def test_search():
    """The same neighbours chosen, and the same predictions, as by scikit-learn's own classifier in the same search."""
    X, y = load_iris(return_X_y=True)
    y = np.array(["setosa", "versicolor", "virginica"])[y]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    grid = [3, 5, 9, 15]
    ours = GridSearchCV(Classifier("knn", k=1, prepare={"scale": "none"}, allow="duplicate_rows"), {"k": grid}, cv=folds).fit(X, y)
    theirs = GridSearchCV(KNeighborsClassifier(), {"n_neighbors": grid}, cv=folds).fit(X, y)
    assert np.abs(ours.cv_results_["mean_test_score"] - theirs.cv_results_["mean_test_score"]).max() < 0.014, "two of 150 rows: ties of neighbours"
    assert (ours.predict(X) == theirs.predict(X)).mean() > 0.98


def test_numbers():
    X, y = load_diabetes(return_X_y=True)
    # Ridge of standardized columns; ours standardizes by itself
    ours = cross_val_predict(Regressor("ridge", alpha=3.0), X, y, cv=5)
    theirs = cross_val_predict(make_pipeline(StandardScaler(), Ridge(alpha=3.0)), X, y, cv=5)
    assert np.abs(ours - theirs).max() < 1e-8 * np.abs(theirs).max(), np.abs(ours - theirs).max()


def test_missing_and_copies():
    X, y = load_breast_cancer(return_X_y=True)
    X = X.copy()
    X[::7, 3] = np.nan
    model = Classifier("gradient_boosting", rounds=20, prepare={"k_best": 10})
    assert cross_val_score(model, X, y, cv=3, scoring="roc_auc").min() > 0.95
    fitted = clone(model).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict_proba(X) == fitted.predict_proba(X)).all() and again.get_params() == model.get_params()
    package.refused(cormack.ParameterError, "roundz", Classifier("gradient_boosting", roundz=3).fit, X, y)


package.main(globals())
