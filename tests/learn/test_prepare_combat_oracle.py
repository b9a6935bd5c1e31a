"""oracle: ComBat against neuroCombat and against the published formulas (Johnson, Li, Rabinovic 2007) in NumPy.

neuroCombat ends its iterations where the change is below 1e-4, by a rule that takes negative shifts for converged; the formulas here
are iterated to the end. So the formulas agree to rounding, the peer to less.
"""
import contextlib
import io
import json
import subprocess
import sys

try:
    import numpy as np
    import pandas
    from neuroCombat import neuroCombat, neuroCombatFromTraining
    from sklearn import datasets
    from sklearn.linear_model import LinearRegression
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from peers import CORMACK, agree, folder, names, read, run, train, write

rng = np.random.default_rng(11)
cancer = datasets.load_breast_cancer()


def scanners(x, covariates, levels=("GE", "Philips", "Siemens"), share=(0.5, 0.3, 0.2)):
    """Rows with a scanner's shift and spread on each feature but the covariates."""
    batch = rng.choice(len(levels), size=len(x), p=share)
    shift, spread = rng.normal(size=(len(levels), x.shape[1])), rng.uniform(0.6, 1.7, size=(len(levels), x.shape[1]))
    shift[:, covariates], spread[:, covariates] = 0, 1
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    return ((x - mean) / deviation * spread[batch] + shift[batch]) * deviation + mean, np.array(levels)[batch]


class Formula:
    """Section 3 of the paper."""

    def __init__(self, x, batch, z):
        self.levels = sorted(set(batch))
        one = np.array([batch == level for level in self.levels]).T.astype(float)
        weight = np.linalg.lstsq(np.c_[one, z], x, rcond=None)[0]
        k = len(self.levels)
        self.mean, self.slope = one.mean(axis=0) @ weight[:k], weight[k:]
        self.deviation = np.sqrt(((x - np.c_[one, z] @ weight) ** 2).mean(axis=0))
        s = self.standard(x, z)
        self.shift, self.spread = {}, {}
        for level in self.levels:
            rest = s[batch == level]
            n, g, d = len(rest), rest.mean(axis=0), rest.var(axis=0, ddof=1)
            d[d == 0] = 1
            gamma, delta, m, v = g.copy(), d.copy(), d.mean(), d.var(ddof=1)
            a, b = (2 * v + m * m) / v, (m * v + m ** 3) / v
            for _ in range(1000):
                gamma = (g.var(ddof=1) * n * g + delta * g.mean()) / (g.var(ddof=1) * n + delta)
                delta = (0.5 * ((rest - gamma) ** 2).sum(axis=0) + b) / (n / 2 + a - 1)
            self.shift[level], self.spread[level] = gamma, np.sqrt(delta)

    def standard(self, x, z):
        return (x - self.mean - z @ self.slope) / self.deviation

    def __call__(self, x, batch, z):
        s = self.standard(x, z)
        s = np.array([(row - self.shift[b]) / self.spread[b] for row, b in zip(s, batch)])
        return s * self.deviation + self.mean + z @ self.slope


def peer(x, batch, z):
    frame = pandas.DataFrame({"batch": batch} | {f"z{k}": z[:, k] for k in range(z.shape[1])})
    with contextlib.redirect_stdout(io.StringIO()):
        return neuroCombat(dat=x.T, covars=frame, batch_col="batch", continuous_cols=[f"z{k}" for k in range(z.shape[1])] or None)


for covariates in ([], [0], [0, 4]):
    x, batch = scanners(cancer.data[:, :14], covariates)
    y, others = cancer.data[:, 20] + 0.001, [j for j in range(14) if j not in covariates]
    old, new = slice(0, 400), slice(400, None)
    words = "prepare scale=none batch=scanner" + (f" covariates={','.join(f'f{j}' for j in covariates)}" if covariates else "")
    model = train("knn k=1", x[old], y[old], "--task", "regression", prepare=words, scanner=batch[old])
    got = np.reshape(model["predictor"]["x"], (400, 14))
    spread = x.std(axis=0)
    agree(got[:, covariates] / spread[covariates], x[old][:, covariates] / spread[covariates], 0, f"covariates {covariates} stay") if covariates else None
    z = x[:, covariates]
    formula = Formula(x[old][:, others], batch[old], z[old])
    agree(got[:, others] / spread[others], formula(x[old][:, others], batch[old], z[old]) / spread[others], 1e-9, f"formula, covariates {covariates}")
    judge = peer(x[old][:, others], batch[old], z[old])
    agree(got[:, others] / spread[others], judge["data"].T / spread[others], 2e-6, f"neuroCombat, covariates {covariates}")
    # what the scanners added is gone, what they spread is nearly so
    means = [got[batch[old] == b][:, others].mean(axis=0) for b in formula.levels]
    print("means of the scanners differ by", np.max(np.abs(np.ptp(means, axis=0) / spread[others])))

    # new rows: estimates of the training
    line = LinearRegression().fit(got, y[old])
    train("linear", x[old], y[old], "--task", "regression", prepare=words, scanner=batch[old])
    write(f"{folder}/new.csv", x[new], {"scanner": batch[new]})
    run("predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv", "--explain")
    ready = x[new].copy()
    ready[:, others] = formula(x[new][:, others], batch[new], z[new])
    out = read(f"{folder}/out.csv")
    agree(out["predicted"] / y.std(), line.predict(ready) / y.std(), 1e-8, "new rows")
    agree(sum(out[f"shap {name}"] for name in names(x)) + out["base"], out["output"], 1e-8, "contributions add up")

# missing values are filled first, selection comes after
x[rng.random(x.shape) < 0.1] = np.nan
for words in ("impute=mean", "impute=knn", "impute=mean k_best=3"):
    full = np.reshape(train("knn k=1", x, y, "--task", "regression", prepare=f"prepare scale=none {words.replace(' k_best=3', '')}")["predictor"]["x"], x.shape)
    expected = Formula(full, batch, np.empty((len(x), 0)))(full, batch, np.empty((len(x), 0)))
    model = train("knn k=1", x, y, "--task", "regression", prepare=f"prepare scale=none batch=scanner {words}", scanner=batch)
    keep = model["prepare"]["keep"]
    agree(np.reshape(model["predictor"]["x"], (len(x), len(keep))) / full.std(axis=0)[keep], expected[:, keep] / full.std(axis=0)[keep], 1e-8, words)


# refused: a batch that was not there, one row of a batch, one batch alone, covariates that the batch tells
def refused(what, *command):
    done = subprocess.run([CORMACK, *command], capture_output=True, text=True)
    assert done.returncode == 2 and what in done.stderr, done.stderr
    print(done.stderr.strip())


x = cancer.data[:60, :6]
batch = np.array(["A", "B"] * 30)


def refuse_train(what, batch, words="batch=scanner", **columns):
    write(f"{folder}/t.csv", x, {"t": cancer.target[:60], "scanner": batch} | columns)
    refused(what, "train", f"{folder}/t.csv", "logistic", f"prepare {words}", "--target", "t", "-o", f"{folder}/no.json")


train("logistic", x, cancer.target[:60], prepare="prepare batch=scanner", scanner=batch)
write(f"{folder}/new.csv", x[:2], {"scanner": ["A", "GE"]})
refused('"GE" has no training row', "predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv")
write(f"{folder}/new.csv", x[:2], {"scanner": ["A", ""]})
refused("row 2", "predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv")
write(f"{folder}/new.csv", x[:2])
refused('"scanner" is missing', "predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv")
refuse_train("one training row only", np.array(["A"] * 59 + ["B"]))
refuse_train("nothing to harmonise", np.array(["A"] * 60))
refuse_train("follows from the batch", batch, "batch=scanner covariates=strength", strength=np.where(batch == "A", 1.5, 3))
refuse_train("not among the features", batch, "batch=scanner covariates=age")
refuse_train("has another role", batch, "batch=t")
refuse_train('did you mean "scanner"', batch, "batch=scaner")

# saved and read again: the same bytes, and the same in a validation on one thread and on four
with open(f"{folder}/model.json") as file:
    model = json.load(file)
assert model["prepare"]["harmony"]["levels"] == ["A", "B"], model["prepare"]
write(f"{folder}/v.csv", cancer.data[:200, :8], {"t": cancer.target[:200], "scanner": np.array(["A", "B"] * 100)})
texts = []
for threads in ("1", "4"):
    run("validate", f"{folder}/v.csv", "logistic", "tree", "prepare batch=scanner", "validate folds=4 resamples=20", "--target", "t", "-o", f"{folder}/v",
        "--threads", threads)
    with open(f"{folder}/v/predictions.csv") as file:
        texts.append(file.read())
assert texts[0] == texts[1]
