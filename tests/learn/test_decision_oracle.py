"""oracle: calibration slope and intercept, decision curves and thresholds of `cormack validate`, from the predictions that it wrote.

Expected: logistic regression of the outcome on the log-odds (Cox, Biometrika 45, 1958), its likelihood maximised by SciPy, and the sandwich
of the subjects' scores (Liang and Zeger, Biometrika 73, 1986) written out in NumPy; net benefit by its definition (Vickers and Elkin, Med.
Decis. Making 26, 2006); thresholds by trying every score. SciPy's Wilson interval;
where subjects have several rows the bootstrap's percentiles on the same draws. Tolerance 1e-9, of the fitted ones 1e-6: SciPy stops there.
"""
import csv
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from scipy import optimize, stats
    from sklearn import datasets
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CORMACK = os.environ["CORMACK"]
EPS = np.finfo(float).eps
WANTED = {"sensitivity": 0.9, "specificity": 0.85}


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def close(got, expected, what, tolerance=1e-9):
    if np.isnan(expected):
        assert got == "", f"{what}: {got} instead of a missing value"
    else:
        assert got != "" and abs(float(got) - expected) <= tolerance * max(1, abs(expected)), f"{what}: {got} instead of {expected!r}"


def regression(x, y, offset):
    """Coefficients of the greatest likelihood, and each row's influence on them."""
    def loss(beta):
        m = x @ beta + offset
        return np.sum(np.logaddexp(0, m) - y * m)
    def slope(beta):
        return x.T @ (1 / (1 + np.exp(-(x @ beta + offset))) - y)
    beta = optimize.minimize(loss, np.zeros(x.shape[1]), jac=slope, method="BFGS", options={"gtol": 1e-10}).x
    p = 1 / (1 + np.exp(-(x @ beta + offset)))
    information = (x * (p * (1 - p))[:, None]).T @ x
    return beta, (x * (y - p)[:, None]) @ np.linalg.inv(information)


def expected_fit(views, c):
    """Mean over repeats and variance by subject, of the intercept with slope 1 and of the slope."""
    found = []
    for with_slope in [False, True]:
        values, influence = [], 0
        for v in views:
            p = v[c]
            if np.any((p < EPS) | (p > 1 - EPS)):
                values.append(np.nan)
                continue
            logit, one = np.log(p) - np.log1p(-p), np.ones(len(p))
            y = (v["target"] == c).astype(float)
            beta, each = regression(np.stack([one, logit], 1), y, 0) if with_slope else regression(one[:, None], y, logit)
            values.append(beta[-1])
            influence = influence + each[:, -1] / len(views)
        if np.isnan(values).any():
            found.append((np.nan, np.nan))
            continue
        sums = np.array([influence[views[0]["subject"] == s].sum() for s in set(views[0]["subject"])])
        found.append((np.mean(values), np.sum(sums**2) * len(sums) / (len(sums) - 1)))
    return dict(zip(["calibration_intercept", "calibration_slope"], found))


def check_fit(line, views, alone):
    value, variance = expected_fit(views, line["class"])[line["metric"]]
    what = f"{line['model']} {line['part']} {line['class']} {line['metric']}"
    reach = stats.norm.ppf(0.975) * np.sqrt(variance)
    close(line["value"], value, what, 1e-6)
    close(line["low"], value - reach, what + " low", 1e-6)
    close(line["high"], value + reach, what + " high", 1e-6)
    assert line["interval"] == ("" if np.isnan(value) else "sandwich" if alone else "clustered_sandwich"), line["interval"]
    return not np.isnan(value)


def check_decision(line, view):
    y, p, t = view["target"] == line["class"], view[line["class"]], float(line["threshold"])
    odds = t / (1 - t)
    close(line["net_benefit"], np.mean(y & (p >= t)) - np.mean(~y & (p >= t)) * odds, f"net benefit at {t}")
    close(line["treat_all"], np.mean(y) - np.mean(~y) * odds, f"treat all at {t}")


def expected_threshold(view, c, rule):
    y, p = view["target"] == c, view[c]
    scores = np.unique(p)[::-1]
    sensitivity = np.array([np.mean(p[y] >= t) for t in scores])
    specificity = np.array([np.mean(p[~y] < t) for t in scores])
    if rule == "youden":
        return scores[np.argmax(np.round(sensitivity + specificity, 12))]
    if rule == "sensitivity":
        return scores[np.argmax(sensitivity >= WANTED[rule])]
    return scores[np.flatnonzero(specificity >= WANTED[rule])[-1]]


def mix(z):
    z = (z + 0x9e3779b97f4a7c15) % 2**64
    z = ((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) % 2**64
    return z ^ (z >> 31)


def resampled(subject, inside, hit):
    """Percentiles over 20 draws of subjects (src/learn/rng.h, stream 3); of 0 and 1 Wilson's with the number of subjects."""
    number = {s: i for i, s in enumerate(dict.fromkeys(subject))}
    at, n = np.array([number[s] for s in subject]), len(number)
    part, whole = np.bincount(at, inside & hit, n), np.bincount(at, inside, n)
    share = part.sum() / whole.sum()
    if share in (0, 1):
        with_any = int(np.sum(whole > 0))
        return stats.binomtest(int(share * with_any), with_any).proportion_ci(0.95, "wilson")
    values = []
    for b in range(20):
        own = mix(mix(mix(1) ^ 3) ^ b)
        times = np.bincount([((mix(own ^ mix(i)) >> 32) * n) >> 32 for i in range(n)], minlength=n)
        values.append(np.sum(times * part) / np.sum(times * whole))
    return np.quantile(values, [0.025, 0.975])


def check_threshold(line, view, alone):
    y, said = view["target"] == line["class"], view[line["class"]] >= float(line["threshold"])
    for name, inside, hit in [("sensitivity", y, said), ("specificity", ~y, ~said), ("precision", said, y), ("npv", ~said, ~y)]:
        part, whole = int(np.sum(inside & hit)), int(np.sum(inside))
        close(line[name], part / whole, f"{line['rule']} {name}")
        low, high = stats.binomtest(part, whole).proportion_ci(0.95, "wilson") if alone else resampled(view["subject"], inside, hit)
        close(line[name + "_low"], low, f"{line['rule']} {name} low")
        close(line[name + "_high"], high, f"{line['rule']} {name} high")


def view_of(rows, classes):
    view = {k: np.array([r[k] for r in rows]) for k in ["target", "subject"]}
    return view | {c: np.array([float(r["probability " + c]) for r in rows]) for c in classes}


def run(title, x, target, subject, words):
    models = ["logistic", "knn k=25"]
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/t.csv", "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["subject", "target"] + [f"f{i}" for i in range(x.shape[1])])
            out.writerows([s, t] + [repr(float(v)) for v in row] for s, t, row in zip(subject, target, x))
        subprocess.run([CORMACK, "validate", f"{folder}/t.csv", *models, f"{words} permutations=0 explain=false resamples=20 specificity={WANTED['specificity']}",
                        "--target", "target", "--subject", "subject", "-o", f"{folder}/out", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        out = {n: read(f"{folder}/out/{n}.csv") for n in ["metrics", "predictions", "decision", "thresholds"]}
    classes = [k.removeprefix("probability ") for k in out["predictions"][0] if k.startswith("probability ")]
    views, checked, fitted = {}, 0, 0
    for r in out["predictions"]:
        views.setdefault((r["model"], r["part"], r["repeat"]), []).append(r)
    views = {k: view_of(v, classes) for k, v in views.items()}
    alone = len(set(subject)) == len(subject)
    for line in out["metrics"]:
        if line["metric"].startswith("calibration_"):
            fitted += check_fit(line, [v for k, v in views.items() if k[:2] == (line["model"], line["part"])], alone)
            checked += 1
    assert checked == 2 * 2 * 2 * (1 if len(classes) == 2 else len(classes)), checked
    for line in out["decision"]:
        check_decision(line, views[line["model"], line["part"], line["repeat"]])
    for line in out["thresholds"]:
        close(line["threshold"], expected_threshold(views[line["model"], "cross_validation", "1"], line["class"], line["rule"]), line["rule"])
        check_threshold(line, views[line["model"], line["part"], line["repeat"]], alone)
    assert fitted >= checked // 2, "k-NN's certain probabilities have no slope; the other model's have"
    print(f"{title}: {fitted} fits, {len(out['decision'])} points of decision curves, {len(out['thresholds'])} thresholds agree")


cancer = datasets.load_breast_cancer()
few = cancer.data[:, [0, 4, 8, 9, 11, 14]] + np.random.default_rng(3).normal(0, [3, .02, .05, .02, .6, .003], (569, 6))
names = np.array(["malignant", "benign"])[cancer.target]
run("a row a subject", few, names, [f"S{i}" for i in range(569)], "validate repeats=2 hold_out=0.3")
run("clusters", few, names, [f"S{i}" for i in np.random.default_rng(5).integers(0, 150, 569)], "validate hold_out=0.3")
wine = datasets.load_wine()
run("three classes", wine.data[:, 1:4], np.array(["a", "b", "c"])[wine.target], [f"S{i}" for i in range(178)], "validate hold_out=0.3")
