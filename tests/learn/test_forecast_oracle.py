"""oracle: mixed effects against statsmodels' MixedLM (Grunfeld's firms, drawn patients with slopes of their own); forecasts against Henderson's equations
solved whole in NumPy; intervals of linear regression against statsmodels' get_prediction, of ridge against the posterior in NumPy.

Tolerances were measured and are stated at each check. Standard errors are those given the variances, X' V^-1 X, as lme4's; statsmodels' also hold the variances'
doubt. statsmodels stops at a gradient of 1e-10 here.
"""
import subprocess
import sys
import warnings

try:
    import numpy as np
    import statsmodels.api as sm
    from peers import CORMACK, agree, folder, names, predict, read, run, train, write
    from scipy import stats
    from sklearn import datasets
    from statsmodels.datasets import grunfeld
    from statsmodels.regression.mixed_linear_model import MixedLM
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

warnings.filterwarnings("ignore")


def patients(count, seed, spread=0.3):
    """Time, a feature that varies by visit, the patient, the number."""
    rng = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        base, slope = rng.normal(0, 2), rng.normal(0, spread)
        for visit in range(rng.integers(2, 7)):
            time, other = 3 * visit + rng.random(), rng.normal()
            rows.append((time, other, at, 10 + base + (0.5 + slope) * time + 1.5 * other + rng.normal()))
    table = np.array(rows)
    return table[:, :2], table[:, 2].astype(int), table[:, 3]


def henderson(x, z, group, y, covariance, variance, new_x, new_z, new_group):
    """Forecast and its standard error from the whole system: coefficients and the effects of all groups; a new group adds its own."""
    groups, q = sorted(set(group)), z.shape[1]
    p = x.shape[1]

    def design(x, z, group):
        wide = np.zeros((len(x), p + q * len(groups)))
        wide[:, :p] = x
        for row, own in enumerate(group):
            if own in groups:
                at = p + q * groups.index(own)
                wide[row, at:at + q] = z[row]
        return wide
    w = design(x, z, group)
    system = w.T @ w
    system[p:, p:] += variance * np.kron(np.eye(len(groups)), np.linalg.inv(covariance))
    inverse = np.linalg.inv(system)
    new = design(new_x, new_z, new_group)
    error = variance * (1 + np.einsum("ij,jk,ik->i", new, inverse, new))
    error += [0 if own in groups else row @ covariance @ row for own, row in zip(new_group, new_z)]
    return new @ inverse @ w.T @ y, np.sqrt(error), variance * inverse[:p, :p]


# ---- mixed effects ----------------------------------------------------------------------------------------------------------
firms = grunfeld.load_pandas().data
cases = [("Grunfeld", firms[["value", "capital", "year"]].to_numpy(float), firms.firm.to_numpy(), firms.invest.to_numpy(float), None),
         ("40 patients", *patients(40, 0), 0), ("150 patients", *patients(150, 5), 0)]
for title, x, group, y, slope in cases:
    for method in ("reml", "ml"):
        for effects in ([None] if slope is None else [None, slope]):
            what = f"{title}, {method}{', slopes' if effects is not None else ''}"
            words = f"mixed method={method}" + (f" slope=f{effects}" if effects is not None else "")
            model = train(words, x, y, "--subject", "patient", patient=group)["predictor"]
            fixed = np.column_stack([np.ones(len(x)), x])
            chance = fixed[:, :1] if effects is None else fixed[:, [0, 1 + effects]]
            judge = MixedLM(y, fixed, group, exog_re=chance).fit(reml=method == "reml", method=["bfgs", "lbfgs", "powell"], gtol=1e-10)
            linear, scale = model["linear"], abs(judge.fe_params)
            agree((np.array(linear["intercept"] + linear["weight"]) - judge.fe_params) / scale, np.zeros(fixed.shape[1]), 1e-6, f"{what}: coefficients (relative)")
            agree(model["log_likelihood"], judge.llf, 1e-7, f"{what}: log-likelihood")
            agree(model["variance"] / judge.scale, 1, 1e-6, f"{what}: residual variance (relative)")
            covariance = np.array(model["covariance"]).reshape(chance.shape[1], -1)
            agree(covariance / np.abs(judge.cov_re).max(), judge.cov_re / np.abs(judge.cov_re).max(), 1e-5, f"{what}: covariance of effects (relative)")
            told = np.array(model["effect"]).reshape(-1, chance.shape[1])
            their = {str(name): value for name, value in judge.random_effects.items()}
            expected = np.array([their[name] for name in model["subjects"]])
            agree(told / np.abs(expected).max(), expected / np.abs(expected).max(), 1e-5, f"{what}: effects of subjects (relative)")
            # later visits of known patients, and of ones that nobody has seen
            new, own = x[::3] + 0.5, np.where(np.arange(len(x[::3])) % 4 == 3, "unseen", group[::3].astype(str))
            new_fixed = np.column_stack([np.ones(len(new)), new])
            value, error, spread = henderson(fixed, chance, [str(name) for name in group], y, covariance, model["variance"], new_fixed,
                                             new_fixed[:, :1] if effects is None else new_fixed[:, [0, 1 + effects]], own)
            write(f"{folder}/new.csv", new, {"patient": own})
            run("predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv", "--interval", "0.9")
            out = read(f"{folder}/out.csv")
            agree(out["predicted"] / np.abs(value).max(), value / np.abs(value).max(), 1e-9, f"{what}: forecasts")
            agree(out["standard_error"] / error, np.ones(len(error)), 1e-7, f"{what}: their errors (relative)")
            agree(out["known"], own != "unseen", 0, f"{what}: who is known")
            agree((np.array(linear["standard_error"]) / np.sqrt(np.diag(spread))[1:]), np.ones(x.shape[1]), 1e-7, f"{what}: standard errors")
            population = predict(new)["predicted"]
            agree(population / np.abs(value).max(), new_fixed @ np.array(linear["intercept"] + linear["weight"]) / np.abs(value).max(), 1e-12,
                  f"{what}: without the column of the patient all are new")

# where patients do not differ the variance of their effects is 0, and the coefficients are those of least squares
rng = np.random.default_rng(4)
x, group = rng.normal(size=(60, 2)), np.repeat(np.arange(20), 3)
y = x @ [1, 2] + rng.normal(size=60)
for own in range(20):
    y[group == own] -= y[group == own].mean() - x[group == own].mean(axis=0) @ [1, 2]
model = train("mixed", x, y, "--subject", "patient", patient=group)["predictor"]
judge = sm.OLS(y, sm.add_constant(x)).fit()
agree(model["covariance"], [0], 1e-9, "no difference between patients: variance")
agree(model["linear"]["weight"], judge.params[1:], 1e-7, "no difference between patients: coefficients")

# ---- linear and ridge -------------------------------------------------------------------------------------------------------
diabetes = datasets.load_diabetes()
x, y, new = diabetes.data[::2], diabetes.target[::2], diabetes.data[1::2]
for scale in ("none", "zscore"):
    model = train("linear", x, y, prepare=f"prepare scale={scale}")
    judge = sm.OLS(y, sm.add_constant(x)).fit()
    for share in (0.8, 0.95):
        theirs = judge.get_prediction(sm.add_constant(new)).summary_frame(alpha=1 - share)
        out = predict(new, "--interval", str(share))
        agree(out["predicted"], theirs["mean"], 1e-9, f"linear, scale={scale}: forecasts")
        agree(out["low"], theirs["obs_ci_lower"], 1e-8, f"linear, scale={scale}: lower ends at {share}")
        agree(out["high"], theirs["obs_ci_upper"], 1e-8, f"linear, scale={scale}: upper ends at {share}")
    if scale == "none":
        agree(model["predictor"]["standard_error"], judge.bse[1:], 1e-8, "linear: standard errors")
alpha = 0.3
train(f"ridge alpha={alpha}", x, y, prepare="prepare scale=none")
centred, away = x - x.mean(axis=0), new - x.mean(axis=0)
inverse = np.linalg.inv(centred.T @ centred + alpha * np.eye(x.shape[1]))
weight = inverse @ centred.T @ (y - y.mean())
degrees = len(y) - 1 - np.trace(centred @ inverse @ centred.T)
variance = ((y - y.mean() - centred @ weight) ** 2).sum() / degrees
error = np.sqrt(variance * (1 + 1 / len(y) + np.einsum("ij,jk,ik->i", away, inverse, away)))
out = predict(new, "--interval", "0.95")
agree(out["standard_error"], error, 1e-9, "ridge: errors, as of a posterior")
agree(out["high"], y.mean() + away @ weight + stats.t.ppf(0.975, degrees) * error, 1e-8, "ridge: upper ends")


# ---- what is refused --------------------------------------------------------------------------------------------------------
def refused(what, *words):
    done = subprocess.run([CORMACK, *words, "--quiet"], capture_output=True, text=True)
    assert done.returncode and what in done.stderr, (what, done.stderr)


x, group, y = patients(20, 1)
write(f"{folder}/t.csv", x, {"target": y, "patient": group, "single": [f"s{at}" for at in range(len(y))], "copy": x[:, 0] * 2})
common = "train", f"{folder}/t.csv"
rest = "--target", "target", "-o", f"{folder}/m.json", "--features"
refused("no column of the subject is named", *common, "mixed", *rest, "f0,f1")
refused("each subject has one row", *common, "mixed", *rest, "f0,f1", "--subject", "single")
refused('did you mean "f0"', *common, "mixed slope=f9", *rest, "f0,f1", "--subject", "patient")
refused("combinations of others", *common, "mixed", *rest, "f0,copy", "--subject", "patient")
run(*common, "lasso", *rest, "f0,f1", "--subject", "patient")
refused("forecasts no intervals", "predict", f"{folder}/m.json", f"{folder}/t.csv", "--interval", "0.9")
write(f"{folder}/few.csv", x[:3], {"target": y[:3]})
run("train", f"{folder}/few.csv", "linear", "--target", "target", "--features", ",".join(names(x)), "-o", f"{folder}/m.json")
refused("knows no errors", "predict", f"{folder}/m.json", f"{folder}/t.csv", "--interval", "0.9")
