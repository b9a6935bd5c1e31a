"""oracle: validation of regressions and of survival, from the predictions that `cormack validate` wrote.

Expected: scikit-learn's MAE, RMSE and R2, SciPy's correlation and line; lifelines' C-index, Kaplan-Meier estimate with its exponential
Greenwood limits, and log-rank test; the C-index's jackknife by its definition (leaving each subject's pairs out, to first order), and the
cumulative/dynamic AUC of Blanche, Dartigues and Jacqmin-Gadda (Stat. Med. 32, 2013) by its sums over pairs; the Brier score of
Graf et al. (Stat. Med. 18, 1999) by its sum over rows, integrated over 50 steps. Bootstrap intervals are checked
to hold the value. Tolerance 1e-9: the same sums in another order.
"""
import csv
import os
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    from lifelines import KaplanMeierFitter
    from lifelines.datasets import load_rossi
    from lifelines.statistics import logrank_test
    from lifelines.utils import concordance_index
    from scipy import stats
    from sklearn import datasets, metrics
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

warnings.simplefilter("ignore")
CORMACK = os.environ["CORMACK"]
COMMON = "permutations=2 resamples=200"


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def close(got, expected, what, tolerance=1e-9):
    if np.isnan(expected):
        assert got == "", f"{what}: {got} instead of a missing value"
    else:
        assert got != "" and abs(float(got) - expected) <= tolerance * max(1, abs(expected)), f"{what}: {got} instead of {expected!r}"


def validate(columns, models, words, options, tables):
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/t.csv", "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(columns)
            out.writerows(zip(*([repr(v) if isinstance(v, float) else v for v in np.asarray(c).tolist()] for c in columns.values())))
        subprocess.run([CORMACK, "validate", f"{folder}/t.csv", *models, f"validate {COMMON} {words}", *options, "-o", f"{folder}/out", "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        return {t: read(f"{folder}/out/{t}.csv") for t in tables}


def views(out, model, part, columns):
    rows = [r for r in out["predictions"] if r["model"] == model and r["part"] == part]
    return [{c: np.array([r[c] if c == "subject" else float(r[c]) for r in rows if r["repeat"] == repeat]) for c in columns}
            for repeat in sorted({r["repeat"] for r in rows})]


def check_values(out, model, part, expected, intervals):
    lines = {r["metric"]: r for r in out["metrics"] if r["model"] == model and r["part"] == part}
    assert list(lines) == list(expected), list(lines)
    for name, value in expected.items():
        close(lines[name]["value"], value, f"{model} {part} {name}")
        assert lines[name]["interval"] == intervals(name) and float(lines[name]["low"]) <= value <= float(lines[name]["high"]), lines[name]


# ---- regression

def regression_of(v):
    y, p = v["target"], v["predicted"]
    line = stats.linregress(p, y)
    return {"mae": metrics.mean_absolute_error(y, p), "rmse": metrics.root_mean_squared_error(y, p), "r2": metrics.r2_score(y, p),
            "correlation": line.rvalue, "calibration_intercept": np.mean(y - p), "calibration_slope": line.slope}


def test_regression():
    data = datasets.load_diabetes()
    columns = {"who": [f"S{i}" for i in range(len(data.target))], "progression": data.target} | dict(zip(data.feature_names, data.data.T))
    out = validate(columns, ["linear", "ridge"], "repeats=2 hold_out=0.2", ["--target", "progression", "--subject", "who"],
                   ["metrics", "fold_metrics", "predictions", "comparisons", "importance", "folds", "roc", "confusion", "survival"])
    for model in ["linear", "ridge"]:
        for part in ["cross_validation", "hold_out"]:
            each = [regression_of(v) for v in views(out, model, part, ["target", "predicted"])]
            check_values(out, model, part, {k: np.mean([e[k] for e in each]) for k in each[0]}, lambda name: "bootstrap")
    seen = {r["row"]: r["target"] for r in out["predictions"]}
    assert len(seen) == 442 and all(float(t) == data.target[int(r)] for r, t in seen.items())
    check_spread(out, data.target)
    r2 = {(r["model"], r["repeat"], r["fold"]): float(r["value"]) for r in out["fold_metrics"] if r["metric"] == "r2"}
    d = np.array([r2["linear", k[1], k[2]] - v for k, v in r2.items() if k[0] == "ridge"])
    check_errors(out)
    (line,) = [r for r in out["comparisons"] if r["test"] == "corrected_t"]
    t = d.mean() / np.sqrt(d.var(ddof=1) * (1 / len(d) + 1 / 4))
    close(line["statistic"], t, "corrected t of R2")
    close(line["p"], 2 * stats.t.sf(abs(t), len(d) - 1), "its p")
    assert not out["roc"] and not out["confusion"] and not out["survival"]
    lost = {r["feature"]: float(r["value"]) for r in out["importance"] if r["measure"] == "permutation" and r["model"] == "ridge"}
    assert lost["bmi"] > 0.05 > abs(lost["age"]), lost  # of the two, BMI alone tells of the progression
    print("regression agrees")


def check_errors(out):
    """Mean squared errors set against each other: the z of the rows' differences, means over the repeats."""
    for part in ["cross_validation", "hold_out"]:
        gain = 0
        for sign, model in [(-1, "linear"), (1, "ridge")]:
            vs = views(out, model, part, ["target", "predicted"])
            gain = gain + sign * np.mean([(v["target"] - v["predicted"])**2 for v in vs], axis=0)
        (line,) = [r for r in out["comparisons"] if r["part"] == part and r["metric"] == "squared_error"]
        z = gain.mean() / (gain.std(ddof=1) / np.sqrt(len(gain)))
        assert line["test"] == "paired_z"
        close(line["difference"], gain.mean(), "difference of squared errors")
        close(line["statistic"], z, "its z")
        close(line["p"], 2 * stats.norm.sf(abs(z)), "its p")


def check_spread(out, target):
    """Each fold has its share of every fifth of the target."""
    fifth = np.digitize(target, np.quantile(target, [.2, .4, .6, .8]))
    for fold in range(1, 6):
        rows = [int(r["row"]) for r in out["predictions"] if (r["model"], r["repeat"], r["fold"]) == ("linear", "1", str(fold))]
        assert np.all(np.bincount(fifth[rows], minlength=5) >= 10), np.bincount(fifth[rows])


# ---- survival

def comparable(v):
    t, e = v["target"][:, None], v["event"][:, None] == 1
    return e & ((t < t.T) | ((t == t.T) & ~e.T))


def c_index_influence(vs):
    """Each subject's part of the mean C-index over the repeats."""
    subjects = sorted(set(vs[0]["subject"]))
    total = np.zeros(len(subjects))
    for v in vs:
        pairs, r = comparable(v), v["risk"]
        won = pairs * ((r[:, None] > r) + 0.5 * (r[:, None] == r))
        c = won.sum() / pairs.sum()
        own = (won.sum(1) + won.sum(0) - c * (pairs.sum(1) + pairs.sum(0))) / pairs.sum()
        total += np.array([own[v["subject"] == s].sum() for s in subjects]) / len(vs)
    return total


def spread_of(influence):
    return np.sqrt(np.sum(influence**2) * len(influence) / (len(influence) - 1))


def check_c_index_difference(out, part, columns):
    a, b = (views(out, model, part, columns) for model in ("cox", "cox 2"))
    difference = np.mean([concordance_index(v["target"], -v["risk"], v["event"]) - concordance_index(w["target"], -w["risk"], w["event"])
                          for v, w in zip(a, b)])
    (line,) = [r for r in out["comparisons"] if r["part"] == part and r["test"] == "jackknife"]
    z = difference / spread_of(c_index_influence(a) - c_index_influence(b))
    close(line["difference"], difference, "difference of C-indices")
    close(line["statistic"], z, "its z")
    close(line["p"], 2 * stats.norm.sf(abs(z)), "its p")


def auc_at(v, at):
    t, e, r = v["target"], v["event"] == 1, v["risk"]
    uncut = np.ones(len(t))
    for i in range(len(t)):
        for time in np.unique(t[~e & (t < t[i])]):
            uncut[i] *= 1 - np.sum(~e & (t == time)) / np.sum((t > time) | ((t == time) & ~e))
    case, control = e & (t <= at), t > at
    w = case / uncut
    won = (r[:, None] > r) + 0.5 * (r[:, None] == r)
    return np.sum(w[:, None] * control * won) / (w.sum() * control.sum())


def brier_at(v, share, at):
    """Graf et al. 1999: weights 1 / P(not censored before the event), or until `at`."""
    t, e = v["target"], v["event"] == 1

    def uncensored(until):
        g = 1.0
        for time in np.unique(t[~e]):
            if until(time):
                g *= 1 - np.sum(~e & (t == time)) / np.sum((t > time) | ((t == time) & ~e))
        return g
    g_at = uncensored(lambda time: time <= at)
    total = 0
    for i in range(len(t)):
        if t[i] > at:
            total += (1 - share[i])**2 / g_at
        elif e[i]:
            total += share[i]**2 / uncensored(lambda time, i=i: time < t[i])
    return total / len(t)


def shares_of_folds(out, table, features, times, words, options):
    """Survival past each time of the rows of a view, by models that `cormack train` fits to the other folds; row -> shares."""
    shares = {}
    with tempfile.TemporaryDirectory() as folder:
        def write(name, rows):
            with open(f"{folder}/{name}", "w", newline="") as file:
                sink = csv.writer(file)
                sink.writerow(table)
                sink.writerows([table[c][i] for c in table] for i in rows)
        pool = {r["row"] for r in out["predictions"] if r["model"] == "cox" and r["part"] == "cross_validation"}
        places = {(r["repeat"], r["fold"]) for r in out["predictions"] if r["model"] == "cox"}
        for repeat, fold in sorted(places):
            test = [int(r["row"]) for r in out["predictions"] if (r["model"], r["repeat"], r["fold"]) == ("cox", repeat, fold)]
            write("train.csv", [int(i) for i in sorted(pool, key=int) if int(i) not in set(test)])
            write("test.csv", test)
            subprocess.run([CORMACK, "train", f"{folder}/train.csv", words, *options, "-o", f"{folder}/m.json", "--quiet"], check=True, stdout=subprocess.DEVNULL)
            subprocess.run([CORMACK, "predict", f"{folder}/m.json", f"{folder}/test.csv", "--survival", ",".join(repr(float(t)) for t in times), "-o", f"{folder}/p.csv",
                            "--quiet"], check=True)
            for i, r in zip(test, read(f"{folder}/p.csv")):
                shares[repeat, i] = [float(r[c]) for c in r if c.startswith("survival ")]
    return shares


def check_follow_up(columns, options):
    """Beyond the last time in training nothing is said: a time asked for is refused, a median is marked."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/t.csv", "w", newline="") as file:
            sink = csv.writer(file)
            sink.writerow(columns)
            sink.writerows(zip(*columns.values()))
        subprocess.run([CORMACK, "train", f"{folder}/t.csv", "cox", *options, "-o", f"{folder}/m.json", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        for times, good in [("52", True), ("20,52.5", False)]:
            done = subprocess.run([CORMACK, "predict", f"{folder}/m.json", f"{folder}/t.csv", "--survival", times, "-o", f"{folder}/p.csv"], capture_output=True, text=True)
            assert (done.returncode == 0) == good and (good or "52.5" in done.stderr and done.returncode == 2 and "follow-up" in done.stderr), done.stderr
        for r in read(f"{folder}/p.csv"):
            assert (r["predicted"] == "") == (r["longer_than"] == "52"), r


def check_curves(out, model, part, repeat, v):
    high = v["risk"] > np.median(v["risk"])
    p = logrank_test(v["target"][high], v["target"][~high], v["event"][high], v["event"][~high]).p_value
    for group, inside in [("high risk", high), ("low risk", ~high)]:
        rows = [r for r in out["survival"] if (r["model"], r["part"], r["repeat"], r["group"]) == (model, part, repeat, group)]
        km = KaplanMeierFitter().fit(v["target"][inside], v["event"][inside])
        limits, table = km.confidence_interval_, km.event_table
        assert len(rows) == len(np.unique(v["target"][inside]))
        for r in rows:
            t = float(r["time"])
            close(r["survival"], km.survival_function_.loc[t].item(), f"survival at {t}")
            close(r["log_rank_p"], p, "log-rank p")
            assert [int(r[k]) for k in ("at_risk", "events", "censored")] == [int(table.loc[t, k]) for k in ("at_risk", "observed", "censored")], r
            if r["low"]:
                close(r["low"], limits.loc[t].iloc[0], f"lower limit at {t}")
                close(r["high"], limits.loc[t].iloc[1], f"upper limit at {t}")


def test_survival():
    rossi = load_rossi()
    columns = {"who": [f"S{i // 2}" for i in range(len(rossi))]} | {c: rossi[c].to_numpy() for c in rossi.columns}
    out = validate(columns, ["cox", "cox alpha=20"], "repeats=2 hold_out=0.3", ["--target", "week", "--event", "arrest", "--subject", "who"],
                   ["metrics", "predictions", "survival", "summary", "comparisons"])
    options = ["--target", "week", "--event", "arrest", "--subject", "who"]
    check_follow_up(columns, options)
    horizons = np.quantile(rossi.week[rossi.arrest == 1], [.25, .5, .75])
    grid = [horizons[-1] * (g + 1) / 50 for g in range(50)]
    shares = shares_of_folds(out, columns, rossi.columns, grid, "cox", options)
    said = {r["name"]: r["value"] for r in out["summary"]}
    for q, h in zip((25, 50, 75), horizons):
        close(said[f"horizon q{q}"], h, "horizon")
    for part in ["cross_validation", "hold_out"]:
        vs = views(out, "cox", part, ["target", "event", "risk", "subject"])
        expected = {"c_index": np.mean([concordance_index(v["target"], -v["risk"], v["event"]) for v in vs])}
        for q, h in zip((25, 50, 75), horizons):
            expected[f"auc_q{q}"] = np.mean([auc_at(v, h) for v in vs])
        said = views(out, "cox", part, [f"survival q{q}" for q in (25, 50, 75)])
        for q, h in zip((25, 50, 75), horizons):
            expected[f"brier_q{q}"] = np.mean([brier_at(v, s[f"survival q{q}"], h) for v, s in zip(vs, said)])
        rows = [[int(r["row"]) for r in out["predictions"] if (r["model"], r["part"], r["repeat"]) == ("cox", part, repeat)]
                for repeat in (["1", "2"] if part == "cross_validation" else [""])]
        each = []
        for at, (v, row) in enumerate(zip(vs, rows)):
            own = np.array([shares[str(at + 1) if part == "cross_validation" else "", i] for i in row])
            curve = [0] + [brier_at(v, own[:, g], t) for g, t in enumerate(grid)]
            each.append(np.trapezoid(curve, [0, *grid]) / grid[-1])
        expected["integrated_brier"] = np.mean(each)
        check_values(out, "cox", part, expected, lambda name: "jackknife" if name == "c_index" else "bootstrap")
        check_c_index_difference(out, part, ["target", "event", "risk", "subject"])
        line = next(r for r in out["metrics"] if r["part"] == part and r["metric"] == "c_index")
        close(line["high"], expected["c_index"] + stats.norm.ppf(0.975) * spread_of(c_index_influence(vs)), "upper limit of the C-index")
        for at, v in enumerate(vs):
            check_curves(out, "cox", part, str(at + 1) if part == "cross_validation" else "", v)
    out = validate(columns, ["cox"], 'folds=3 horizons=10,52', options, ["metrics", "predictions"])
    (v,), (said,) = views(out, "cox", "cross_validation", ["target", "event", "risk"]), views(out, "cox", "cross_validation", ["survival 10", "survival 52"])
    lines = {r["metric"]: r["value"] for r in out["metrics"]}
    close(lines["auc_10"], auc_at(v, 10), "AUC at a given time")
    for t in (10, 52):
        close(lines[f"brier_{t}"], brier_at(v, said[f"survival {t}"], t), "Brier score at a given time")
    assert lines["auc_52"] == ""  # nobody lives past the end of the study
    print("survival agrees")


test_regression()
test_survival()
