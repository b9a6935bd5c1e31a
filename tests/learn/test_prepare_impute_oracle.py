"""oracle: missing values and scaling against scikit-learn, on its tables with cells taken out.

Cormack standardises the columns for distances and regressions, so that units do not count; the peer gets standardised columns too.
What a preparation does to training rows stands in the saved rows of a nearest neighbour model; what it does to new rows shows in the
predictions of a linear model behind it.
"""
import sys
import warnings

try:
    import numpy as np
    from sklearn import datasets
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from peers import agree, fitted, train

warnings.simplefilter("ignore")  # the peer says where it stops at the last round
rng = np.random.default_rng(7)


def holes(x, share, complete=2):
    """Missing at random, but the last columns are complete in training."""
    x = np.array(x, dtype=float)
    gone = rng.random(x.shape) < share
    gone[:, x.shape[1] - complete:] = False
    x[gone] = np.nan
    return x


class Peer:
    """An imputer on standardised columns."""

    def __init__(self, imputer):
        self.imputer, self.scaler = imputer, StandardScaler()

    def fit(self, x, y=None):
        self.imputer.fit(self.scaler.fit_transform(x))
        return self

    def transform(self, x):
        return self.scaler.inverse_transform(self.imputer.transform(self.scaler.transform(x)))

    def fit_transform(self, x, y=None):
        return self.fit(x).transform(x)


diabetes, cancer = datasets.load_diabetes(scaled=False), datasets.load_breast_cancer()
tables = {"diabetes": (diabetes.data, diabetes.target), "cancer": (cancer.data[:, :12], cancer.data[:, 20])}
judges = {
    "impute=knn": lambda: KNNImputer(n_neighbors=5),
    "impute=knn neighbours=9": lambda: KNNImputer(n_neighbors=9),
    "impute=iterative": lambda: IterativeImputer(skip_complete=True),
    "impute=iterative rounds=3": lambda: IterativeImputer(skip_complete=True, max_iter=3),
}
for name, (x, y) in tables.items():
    train_x, new_x = holes(x[::2], 0.15), holes(x[1::2], 0.2, complete=0)
    train_y = np.asarray(y[::2], dtype=float) + 0.25
    for words, judge in judges.items():
        peer = Peer(judge())
        expected = peer.fit_transform(train_x)
        model = train("knn k=1", train_x, train_y, "--task", "regression", prepare=f"prepare {words} scale=none")
        got = np.reshape(model["predictor"]["x"], expected.shape)
        spread = np.nanstd(train_x, axis=0)
        # sums in another order; the regressions end by a rule on changes, which rounding does not reach
        agree(got / spread, expected / spread, 1e-9, f"{name}, {words}: training rows")
        line = LinearRegression().fit(expected, train_y)
        model, out = fitted("linear", train_x, train_y, new_x, "--task", "regression", prepare=f"prepare {words} scale=none", explain=True)
        agree(out["predicted"] / np.std(train_y), line.predict(peer.transform(new_x)) / np.std(train_y), 1e-8, f"{name}, {words}: new rows")

# a new row that shares no column with any training row gets the means
x = np.array([[1.0, np.nan], [3, np.nan], [np.nan, 5], [np.nan, 8], [4, np.nan]] * 3)
x[:, 1] += np.arange(15)
model, out = fitted("linear", x, np.arange(15.0) + 0.5, np.array([[np.nan, np.nan]]), "--task", "regression", prepare="prepare impute=knn")
means = np.nanmean(x, axis=0)
line = LinearRegression().fit(np.where(np.isnan(x), means, x), np.arange(15.0) + 0.5)
agree(out["predicted"], line.predict([means]), 1e-12, "nothing in common")


# indicators and scalers
x = holes(diabetes.data[::2], 0.1)
y = diabetes.target[::2] + 0.25
new = holes(diabetes.data[1::2], 0.1)
for words, imputer, scaler in (("impute=mean indicators=true scale=zscore", SimpleImputer(strategy="mean", add_indicator=True), StandardScaler()),
                               ("impute=median indicators=true scale=none", SimpleImputer(strategy="median", add_indicator=True), None),
                               ("impute=median scale=minmax", SimpleImputer(strategy="median"), MinMaxScaler()),
                               ("impute=median scale=robust", SimpleImputer(strategy="median"), RobustScaler())):
    peer = make_pipeline(imputer, scaler)
    expected = peer.fit_transform(x)
    model = train("knn k=1", x, y, "--task", "regression", prepare=f"prepare {words}")
    agree(np.reshape(model["predictor"]["x"], expected.shape), expected, 1e-10, f"{words}: training rows")
    line = make_pipeline(peer, LinearRegression()).fit(x, y)
    model, out = fitted("linear", x, y, new, "--task", "regression", prepare=f"prepare {words}", explain=True)
    agree(out["predicted"], line.predict(new), 1e-8, f"{words}: new rows")
