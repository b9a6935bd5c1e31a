"""oracle: which columns a preparation keeps, against scikit-learn, SciPy, statsmodels and, for mRMR and stability, the published formulas in NumPy."""
import sys

try:
    import numpy as np
    import pandas
    import statsmodels.api as sm
    from lifelines import datasets as lifelines_data
    from scipy import stats
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from sklearn import datasets
    from sklearn.feature_selection import SelectKBest, f_classif, f_regression
    from sklearn.linear_model import Lasso, LogisticRegression
    from sklearn.metrics import mutual_info_score
    from statsmodels.stats.multitest import multipletests
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from peers import train

rng = np.random.default_rng(3)
cancer, wine, diabetes = datasets.load_breast_cancer(), datasets.load_wine(), datasets.load_diabetes(scaled=False)


def noisy(x, columns):
    """With columns that know nothing, so that some must go."""
    return np.c_[x, rng.normal(size=(len(x), columns))]


tables = {"cancer": (noisy(cancer.data, 8), cancer.target), "wine": (noisy(wine.data, 8), wine.target),
          "diabetes": (noisy(diabetes.data, 10), diabetes.target + 0.25)}
rossi = lifelines_data.load_rossi()
survival = noisy(rossi.drop(columns=["week", "arrest"]).to_numpy(dtype=float), 8)


def kept(words, x, y, *options, **columns):
    task = ["--task", "regression"] if np.asarray(y).dtype.kind == "f" and "event" not in columns else []
    kind = "cox" if "event" in columns else "linear" if task else "naive_bayes"
    return train(kind, x, y, *task, *options, prepare=f"prepare scale=none {words}", **columns)["prepare"]["keep"]


def same(got, expected, what):
    assert list(got) == sorted(int(i) for i in expected), f"{what}: kept {list(got)}, expected {sorted(expected)}"
    print(f"{what}: {len(got)} kept")


# by the statistic
for name, (x, y) in tables.items():
    for k in (1, 3, 7):
        judge = SelectKBest(f_regression if name == "diabetes" else f_classif, k=k).fit(x, y)
        same(kept(f"k_best={k}", x, y), np.flatnonzero(judge.get_support()), f"{name}, k_best={k}")


# by p, corrected
def p_values(test, x, y):
    one, two = x[y == 1], x[y == 0]
    return {"anova": lambda: f_classif(x, y)[1], "slope": lambda: f_regression(x, y)[1], "welch": lambda: stats.ttest_ind(one, two, equal_var=False).pvalue,
            "mann_whitney": lambda: stats.mannwhitneyu(one, two, method="asymptotic").pvalue}[test]()


corrections = {"benjamini_hochberg": "fdr_bh", "holm": "holm", "bonferroni": "bonferroni", "none": None}


def significant(p, correction, alpha):
    return np.flatnonzero((multipletests(p, method=corrections[correction])[1] if corrections[correction] else p) <= alpha)


def sweep(name, test, p, x, y, *options, **columns):
    """An alpha between each two corrected p, so that each decides once."""
    for correction, method in corrections.items():
        levels = np.unique(multipletests(p, method=method)[1] if method else p)
        levels = [a for a in levels if 1e-12 < a < 0.9]
        for level in levels[:: max(1, len(levels) // 4)]:
            alpha = float(min(level * (1 + 1e-9), 1))
            same(kept(f"test={test} alpha={alpha!r} correction={correction}", x, y, *options, **columns), significant(p, correction, alpha),
                 f"{name}, {test}, {correction}, alpha={alpha:.3g}")


weak = {"cancer": tables["cancer"][0][:, [9, 11, 14, 18, 19, *range(30, 38)]], "wine": tables["wine"][0], "diabetes": tables["diabetes"][0]}
for name, test in (("cancer", "anova"), ("wine", "anova"), ("cancer", "welch"), ("cancer", "mann_whitney"), ("diabetes", "slope")):
    sweep(name, test, p_values(test, weak[name], tables[name][1]), weak[name], tables[name][1])

# the score test of one column: gradient squared by the information at 0, by statsmodels
p = []
for column in survival.T:
    model = sm.PHReg(rossi["week"].to_numpy(dtype=float), (column - column.mean())[:, None], status=rossi["arrest"].to_numpy(), ties="efron")
    gradient, hessian = model.score(np.zeros(1))[0], model.hessian(np.zeros((1, 1))[0])[0, 0]
    p.append(stats.chi2.sf(gradient ** 2 / -hessian, 1))
sweep("rossi", "cox", np.array(p), survival, rossi["week"].to_numpy(), "--event", "event", event=rossi["arrest"].to_numpy())

# clusters: average linkage by SciPy, medoids here
for name, (x, _) in tables.items():
    r = np.abs(np.corrcoef(x.T))
    for cut in (0.95, 0.8, 0.5, 0.2):
        label = fcluster(linkage(squareform(1 - r, checks=False), "average"), 1 - cut, "distance")
        stay = [max(np.flatnonzero(label == k), key=lambda a: (round(r[a, label == k].sum(), 9), -a)) for k in set(label)]
        same(kept(f"max_cluster={cut}", *tables[name]), stay, f"{name}, max_cluster={cut}")


# mRMR: Ding and Peng 2005, table 2 (MID, MIQ), mutual information by scikit-learn
def states(v):
    return (v > v.mean() - v.std() / 2).astype(int) + (v > v.mean() + v.std() / 2)


for name, (x, y) in tables.items():
    z = np.array([states(v) for v in x.T])
    target = states(y) if y.dtype.kind == "f" else y
    relevance = np.array([mutual_info_score(v, target) for v in z])
    between = np.array([[mutual_info_score(a, b) for a in z] for b in z])
    for scheme in ("difference", "quotient"):
        taken = [int(relevance.argmax())]
        while len(taken) < 8:
            mean = between[:, taken].mean(axis=1)
            worth = relevance - mean if scheme == "difference" else relevance / (mean + 0.01)
            worth[taken] = -np.inf
            taken.append(int(worth.argmax()))
            if len(taken) in (3, 8):
                same(kept(f"choose=mrmr_{scheme} k_best={len(taken)}", x, y), taken, f"{name}, mrmr_{scheme}, {len(taken)}")

# lasso: the peer at the same penalty; LIBLINEAR's intercept is a column of 100
for name, (x, y) in tables.items():
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    outputs = [y] if y.dtype.kind == "f" else [y == c for c in ([1] if name == "cancer" else [0, 1, 2])]
    largest = max(np.abs(z.T @ (t - t.mean())).max() for t in outputs)
    for share in (0.5, 0.1, 0.02):
        if y.dtype.kind == "f":
            weight = np.abs(Lasso(alpha=share * largest / len(z), tol=1e-10, max_iter=100000).fit(z, y).coef_)
        else:
            weight = np.max([np.abs(LogisticRegression(penalty="l1", solver="liblinear", C=1 / (share * largest), intercept_scaling=100, tol=1e-8,
                                                       max_iter=100000).fit(z, t).coef_[0]) for t in outputs], axis=0)
        same(kept(f"choose=lasso penalty={share}", x, y), np.flatnonzero(weight), f"{name}, lasso, {share}")
        same(kept(f"choose=lasso penalty={share} k_best=2", x, y), np.argsort(-weight, kind="stable")[:2], f"{name}, lasso, {share}, k_best=2")

# stability: other halves are drawn here, so that only columns clearly above or below the share are compared
x, y = tables["diabetes"]
z = (x - x.mean(axis=0)) / x.std(axis=0)
alpha = 0.15 * np.abs(z.T @ (y - y.mean())).max() / len(z)
chosen = np.zeros(z.shape[1])
for _ in range(200):
    half = rng.permutation(len(z))[: len(z) // 2]
    chosen += Lasso(alpha=alpha, max_iter=100000).fit(z[half], y[half]).coef_ != 0
got = set(kept("choose=stability penalty=0.15 stability=0.8 subsamples=200", x, y))
assert set(np.flatnonzero(chosen / 200 > 0.9)) <= got <= set(np.flatnonzero(chosen / 200 > 0.7)), (got, chosen / 200)
assert got == set(kept("choose=stability penalty=0.15 stability=0.8 subsamples=200", x, y)), "the same seed, the same columns"
print(f"stability: {sorted(int(i) for i in got)} of shares {np.round(chosen / 200, 2)}")
