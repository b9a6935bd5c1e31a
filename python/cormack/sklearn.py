"""Cormack's models as scikit-learn estimators: in pipelines, grid searches and cross-validation of scikit-learn's own.

    from cormack.sklearn import Classifier
    GridSearchCV(Classifier("svm", C=1), {"C": [0.1, 1, 10]}).fit(X, y)

Needs scikit-learn; `import cormack` does not."""
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_y, check_is_fitted, validate_data

from . import learn


class _Estimator(BaseEstimator):
    """kind: one that the task has (cormack.learn.kinds()). prepare: imputation, scaling and selection, fitted with the model
    ({"k_best": 10}; cormack.learn.describe("prepare")). allow: leaks to let pass, by name. Further arguments are parameters of
    the kind (cormack.learn.describe(kind)). NaN is a missing value. After fit: model_, a cormack.learn.Model."""

    _task = None

    def __init__(self, kind, *, prepare=None, allow="", **params):
        self.kind, self.prepare, self.allow = kind, prepare, allow
        self._params = params

    def get_params(self, deep=True):
        return {**super().get_params(deep), **self._params}

    def set_params(self, **params):
        own = {name: params.pop(name) for name in ("kind", "prepare", "allow") if name in params}
        super().set_params(**own)
        self._params = {**self._params, **params}
        return self

    def __getattr__(self, name):  # scikit-learn reads parameters as attributes
        params = self.__dict__.get("_params", {})
        if name in params:
            return params[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _table(self, X):
        names = getattr(self, "feature_names_in_", [f"x{at}" for at in range(X.shape[1])])
        return dict(zip(map(str, names), np.ascontiguousarray(X.T)))

    def _fit(self, X, target, groups):
        table = self._table(X)
        names = {role: role + "_" * sum(name.startswith(role) for name in table) for role in ("target", "subject")}
        table[names["target"]] = target
        table[names["subject"]] = np.arange(len(target)) if groups is None else np.unique(groups, return_inverse=True)[1]
        self.model_ = learn.train(table, learn.Learner(self.kind, self._params, self.prepare or {}), target=names["target"],
                                  subject=names["subject"], task=self._task, allow=self.allow or None)
        return self

    def _told(self, X):
        """The model's table of predictions, a column an array."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        told = self.model_.predict(self._table(X))
        return {name: np.asarray(told[name]) for name in told}


class Classifier(ClassifierMixin, _Estimator):
    __doc__ = "Kinds of model that tell classes.\n\n    " + _Estimator.__doc__

    def __init__(self, kind="logistic", *, prepare=None, allow="", **params):
        super().__init__(kind, prepare=prepare, allow=allow, **params)

    def fit(self, X, y, groups=None):
        """groups: rows of one are of one subject, and kept together where the kind has folds of its own."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"one class alone ({self.classes_[0]}) cannot be told from others; give rows of two classes or more")
        return self._fit(X, codes, groups)

    def predict(self, X):
        codes = self._told(X)["predicted"].astype(int)
        return self.classes_[codes]

    def predict_proba(self, X):
        """Columns in the order of classes_."""
        told = self._told(X)
        return np.column_stack([told[f"probability {code}"] for code in range(len(self.classes_))])


class Regressor(RegressorMixin, _Estimator):
    __doc__ = "Kinds of model that tell a number.\n\n    " + _Estimator.__doc__
    _task = "regression"

    def __init__(self, kind="ridge", *, prepare=None, allow="", **params):
        super().__init__(kind, prepare=prepare, allow=allow, **params)

    def fit(self, X, y, groups=None):
        """groups: rows of one are of one subject, and kept together where the kind has folds of its own."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", y_numeric=True)
        if len(y) < 2:
            raise ValueError("n_samples = 1: one row alone shows nothing; give two or more")
        return self._fit(X, _check_y(y, y_numeric=True).astype(np.float64), groups)

    def predict(self, X):
        return self._told(X)["predicted"].astype(np.float64)
