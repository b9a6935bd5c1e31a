"""oracle: the comparisons table of `cormack validate` from the predictions that the program wrote, by code that is not ours.

Expected: DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988) and Obuchowski (Biometrics 53, 1997) for the difference of two areas, by
their sums over pairs; SciPy's exact binomial test for McNemar's; the ratio estimator's variance for clusters; Nadeau and Bengio (Machine
Learning 52, 2003) with SciPy's t; Holm's adjustment (1979) by its definition. Tolerance 1e-9: the same sums in another order.
"""
import csv
import itertools
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from scipy import stats
    from sklearn import datasets, metrics
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

CORMACK = os.environ["CORMACK"]
MODELS = ["logistic", "knn", "gradient_boosting"]
Z = stats.norm.ppf(0.975)


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def close(got, expected, what):
    if np.isnan(expected):
        assert got == "", f"{what}: {got} instead of a missing value"
    else:
        assert abs(float(got) - expected) <= 1e-9 * max(1, abs(expected)), f"{what}: {got} instead of {expected!r}"


def pairs_won(y, score):
    a, b = score[y == 1][:, None], score[y == 0][None, :]
    return (a > b) + 0.5 * (a == b)


def delong(y, scores, others, subject):
    """Difference of mean areas over repeats and its variance by subject."""
    won = np.mean([pairs_won(y, s) for s in scores], axis=0) - np.mean([pairs_won(y, s) for s in others], axis=0)
    difference, (m, n) = won.mean(), won.shape
    groups = sorted(set(subject))
    side = {1: (won.mean(axis=1), subject[y == 1]), 0: (won.mean(axis=0), subject[y == 0])}
    off = {k: np.array([np.sum(v[s == g] - difference) for g in groups]) for k, (v, s) in side.items()}
    have = {k: len(set(s)) for k, (v, s) in side.items()}
    s10 = have[1] / ((have[1] - 1) * m) * np.sum(off[1] ** 2)
    s01 = have[0] / ((have[0] - 1) * n) * np.sum(off[0] ** 2)
    s11 = len(groups) / (len(groups) - 1) * np.sum(off[1] * off[0])
    return difference, s10 / m + s01 / n + 2 * s11 / (m * n)


def expected_auc(a, b, positive):
    y = (a[0]["target"] == positive).astype(int)
    difference, variance = delong(y, [r[positive] for r in a], [r[positive] for r in b], a[0]["subject"])
    z = difference / np.sqrt(variance)
    return difference, variance, z, 2 * stats.norm.sf(abs(z))


def expected_accuracy(a, b):
    right, other = a[0]["right"].astype(int), b[0]["right"].astype(int)
    gain, subject = right - other, a[0]["subject"]
    groups = sorted(set(subject))
    off = np.array([np.sum(gain[subject == g] - gain.mean()) for g in groups])
    variance = len(groups) / (len(groups) - 1) * np.sum(off**2) / len(gain) ** 2
    if len(groups) == len(gain):
        p = stats.binomtest(int(np.sum(gain > 0)), int(np.sum(gain != 0)), 0.5).pvalue if np.any(gain) else 1.0
        return gain.mean(), variance, np.nan, p
    z = gain.mean() / np.sqrt(variance)
    return gain.mean(), variance, z, 2 * stats.norm.sf(abs(z))


def fold_areas(views, classes):
    out = []
    for view in views:
        for fold in range(1, 6):
            inside = view["fold"] == fold
            of = classes[1:] if len(classes) == 2 else classes
            out.append(np.mean([metrics.roc_auc_score(view["target"][inside] == c, view[c][inside]) for c in of]))
    return np.array(out)


def corrected_t(a, b, classes):
    d = fold_areas(a, classes) - fold_areas(b, classes)
    error = np.sqrt(d.var(ddof=1) * (1 / len(d) + 1 / 4))
    return d.mean(), error, d.mean() / error, 2 * stats.t.sf(abs(d.mean() / error), len(d) - 1), stats.t.ppf(0.975, len(d) - 1)


def holm(p):
    order, least, out = np.argsort(p), 0.0, np.empty(len(p))
    for at, i in enumerate(order):
        least = max(least, min(1, (len(p) - at) * p[i]))
        out[i] = least
    return out


def views_of(rows, classes):
    out = []
    for repeat in sorted({r["repeat"] for r in rows}):
        own = sorted((r for r in rows if r["repeat"] == repeat), key=lambda r: int(r["row"]))
        view = {k: np.array([r[k] for r in own]) for k in ["target", "subject", "predicted"]}
        view["right"] = view["target"] == view["predicted"]
        view["fold"] = np.array([int(r["fold"] or 0) for r in own])
        view |= {c: np.array([float(r["probability " + c]) for r in own]) for c in classes}
        out.append(view)
    return out


def check_line(line, a, b, classes):
    what = " ".join(line[k] for k in ["model", "other", "part", "class", "metric", "test"])
    if line["test"] == "corrected_t":
        difference, error, statistic, p, reach = corrected_t(a, b, classes)
    else:
        found = expected_auc(a, b, line["class"]) if line["metric"] == "auc" else expected_accuracy(a, b)
        difference, error, statistic, p, reach = found[0], np.sqrt(found[1]), found[2], found[3], Z
    close(line["difference"], difference, what)
    close(line["low"], difference - reach * error, what + " low")
    close(line["high"], difference + reach * error, what + " high")
    close(line["statistic"], statistic, what + " statistic")
    close(line["p"], p, what + " p")


def run(title, x, target, subject, words, tests):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/t.csv", "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["subject", "target"] + [f"f{i}" for i in range(x.shape[1])])
            out.writerows([s, t] + [repr(float(v)) for v in row] for s, t, row in zip(subject, target, x))
        subprocess.run([CORMACK, "validate", f"{folder}/t.csv", *MODELS, words + " permutations=0 resamples=0 explain=false", "--target", "target",
                        "--subject", "subject", "-o", f"{folder}/out", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        lines, rows = read(f"{folder}/out/comparisons.csv"), read(f"{folder}/out/predictions.csv")
    classes = [k.removeprefix("probability ") for k in rows[0] if k.startswith("probability ")]
    views = {(m, part): views_of([r for r in rows if (r["model"], r["part"]) == (m, part)], classes)
             for m in MODELS for part in ["cross_validation", "hold_out"]}
    families = {}
    for line in lines:
        check_line(line, views[line["model"], line["part"]], views[line["other"], line["part"]], classes)
        families.setdefault((line["part"], line["class"], line["metric"], line["test"]), []).append(line)
    assert {k[3] for k in families} == tests, families.keys()
    for key, family in families.items():
        assert [(r["model"], r["other"]) for r in family] == list(itertools.combinations(MODELS, 2)), key
        for line, p in zip(family, holm(np.array([float(r["p"]) for r in family]))):
            close(line["p_holm"], p, f"{key} p_holm")
    print(f"{title}: {len(lines)} comparisons agree")


cancer = datasets.load_breast_cancer()
few = cancer.data[:, [0, 4, 8, 9, 11, 14]]
names = np.array(["malignant", "benign"])[cancer.target]
alone = [f"S{i}" for i in range(569)]
clusters = [f"S{i}" for i in np.random.default_rng(5).integers(0, 150, 569)]
run("a row a subject, three repeats", few, names, alone, "validate repeats=3 hold_out=0.25", {"delong", "mcnemar", "corrected_t"})
run("clusters", few, names, clusters, "validate hold_out=0.25", {"clustered_delong", "clustered_mcnemar", "corrected_t"})
run("hold-out alone", few, names, alone, "validate folds=0 hold_out=0.3", {"delong", "mcnemar"})
wine = datasets.load_wine()
run("three classes", wine.data[:, :4], np.array(["a", "b", "c"])[wine.target], [f"S{i}" for i in range(178)], "validate repeats=2", {"delong", "mcnemar", "corrected_t"})
