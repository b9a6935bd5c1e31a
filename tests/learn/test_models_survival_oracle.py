"""oracle: Cox against lifelines on its table of Rossi et al., with all its ties; a closed form; proportional odds against statsmodels.

Tolerances were measured and are stated at each check.
"""
import json
import math
import sys
import warnings

try:
    import numpy as np
    import pandas
    from lifelines import CoxPHFitter, CoxTimeVaryingFitter
    from lifelines.datasets import load_lung, load_rossi, load_stanford_heart_transplants
    from peers import agree, fitted, folder, predict, probabilities, run, train, write
    from sklearn import datasets
    from sklearn.preprocessing import StandardScaler
    from statsmodels.miscmodels.ordinal_model import OrderedModel
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

warnings.filterwarnings("ignore")

# ---- Cox: lifelines stops at a gradient of 1e-7 by default; here at 1e-10 ---------------------------------------------------
lung = load_lung().dropna().reset_index(drop=True)
for title, table, time, event in [("rossi", load_rossi(), "week", "arrest"), ("lung", lung, "time", "status")]:
    features = [c for c in table.columns if c not in (time, event)]
    x, x_new = table[features].to_numpy(float), table[features].to_numpy(float)[::3]
    judge = CoxPHFitter().fit(table, time, event, fit_options={"precision": 1e-12})
    times = [float(t) for t in judge.baseline_survival_.index[1::25]]  # between its times lifelines draws straight lines; here the curve has steps
    model, out = fitted("cox", x, table[time].to_numpy(), x_new, "--event", "event", prepare="prepare scale=none", explain=True,
                        event=table[event].to_numpy())
    linear = model["predictor"]["linear"]
    agree(linear["weight"], judge.params_[features], 1e-8, f"{title}: Cox coefficients (Efron)")
    new = pandas.DataFrame(x_new, columns=features)
    agree(out["risk"], judge.predict_log_partial_hazard(new), 1e-7, f"{title}: log partial hazard")
    median = judge.predict_median(new).to_numpy(float)
    agree(np.nan_to_num(out["predicted"], nan=math.inf) == median, np.ones(len(median)), 0, f"{title}: median times")
    baseline = judge.baseline_cumulative_hazard_.iloc[:, 0]
    agree(model["predictor"]["hazard"], baseline[model["predictor"]["time"]], 1e-7, f"{title}: cumulated baseline hazard")
    _, out = fitted("cox", x, table[time].to_numpy(), x_new, "--event", "event", event=table[event].to_numpy())
    agree(out["risk"], judge.predict_log_partial_hazard(new), 1e-7, f"{title}: scaled features, the same risk")
    curve = predict(x_new, "--survival", ",".join(f"{t:g}" for t in times))
    judged = judge.predict_survival_function(new, times=times).to_numpy()
    agree([curve[f"survival {t:g}"] for t in times], judged, 1e-7, f"{title}: survival at {len(times)} times")

# four rows by hand: events at 1 (x = 0), 2 (x = 1), 3 (x = 0), then one censored (x = 1). With r = exp(w)
# log L = -log(2 + 2r) + w - log(1 + 2r) - log(1 + r); the root of its derivative by bisection
low, high = -10.0, 10.0
for _ in range(200):
    w = (low + high) / 2
    r = math.exp(w)
    slope = 1 - 2 * r / (1 + r) - 2 * r / (1 + 2 * r)
    low, high = (w, high) if slope > 0 else (low, w)
model, _ = fitted("cox", np.array([[0.0], [1], [0], [1]]), [1, 2, 3, 4], np.array([[0.0]]), "--event", "event", prepare="prepare scale=none",
                  event=[1, 1, 1, 0])
agree(model["predictor"]["linear"]["weight"], [w], 1e-9, "Cox, four rows: root of the score equation")

# ---- covariates that change: lifelines' Newton steps end at 1e-10; its table of heart transplants, with ties ----------------------
def spans(table, features, subject, target, event, more=(), name="train"):
    write(f"{folder}/{name}.csv", table[features].to_numpy(float), {"start": table.start.to_numpy(float), "target": table[target].to_numpy(float),
                                                                   "event": table[event].to_numpy(int), "patient": table[subject].to_numpy()})
    run("train", f"{folder}/{name}.csv", "cox", "prepare scale=none", "--target", "target", "--event", "event", "--subject", "patient", "--start", "start",
        "-o", f"{folder}/model.json", *more)
    with open(f"{folder}/model.json") as file:
        return json.load(file)["predictor"]


def split(table, time, event, pieces, seed):
    """The same patients in pieces of time, each with a covariate of its own."""
    rng, rows = np.random.default_rng(seed), []
    for at, row in table.iterrows():
        ends = sorted({*rng.choice(np.arange(1, max(2, int(row[time]))), pieces).tolist(), row[time]} - {0})
        for start, end in zip([0, *ends[:-1]], ends):
            if start < end:
                rows.append({**row, "id": at, "start": start, "stop": end, "came": row[event] * (end == row[time]), "changing": rng.normal()})
    return pandas.DataFrame(rows)


heart = load_stanford_heart_transplants()
rossi = load_rossi()
pieces = split(rossi, "week", "arrest", 4, 3)
static = [c for c in rossi.columns if c not in ("week", "arrest")]
for title, table, features, end, event in [("heart transplants", heart, ["age", "year", "surgery", "transplant"], "stop", "event"),
                                           ("rossi in pieces", pieces, [*static, "changing"], "stop", "came")]:
    table = table[table.start < table[end]].reset_index(drop=True)
    judge = CoxTimeVaryingFitter().fit(table[["id", "start", end, event, *features]], event, "start", end, id_col="id", fit_options={"precision": 1e-12})
    model = spans(table, features, "id", end, event)
    agree(model["linear"]["weight"], judge.params_[features], 1e-8, f"{title}: coefficients over time")
    agree(model["linear"]["standard_error"], judge.standard_errors_[features], 1e-7, f"{title}: standard errors over time")
    agree(model["log_likelihood"], judge.log_likelihood_, 1e-7, f"{title}: log-likelihood over time")
    risk = table[features].to_numpy(float) @ np.array(model["linear"]["weight"])
    risk -= table[features].to_numpy(float).mean(axis=0) @ np.array(model["linear"]["weight"])
    times = np.unique(table[end][table[event] == 1])
    steps = [(table[event] * (table[end] == t)).sum() / np.exp(risk[(table.start < t) & (t <= table[end])]).sum() for t in times]
    agree(model["hazard"], np.cumsum(steps), 1e-9, f"{title}: cumulated baseline hazard, by its formula")

# a row whose weight is far above all others' leaves no mark on the times before it came under observation
rng = np.random.default_rng(4)
x = np.append(rng.normal(size=120), 60)
late = pandas.DataFrame({"x": x, "id": np.arange(121), "start": 0.0, "stop": np.append(rng.exponential(np.exp(-x[:-1])), 0), "came": 1})
late.loc[120, ["start", "stop"]] = late.stop[:-1].quantile(0.9) + np.array([0, 1e-6])
model = spans(late, ["x"], "id", "stop", "came")
risk = (x - x.mean()) * model["linear"]["weight"][0]
times = np.unique(late.stop)
steps = [1 / np.exp(risk[(late.start < t) & (t <= late.stop)]).sum() for t in times]
assert risk.max() - np.median(risk) > 37, risk.max()
agree(model["hazard"], np.cumsum(steps), 1e-9, "a large weight that leaves: cumulated baseline hazard, by its formula")
whole = train("cox", rossi[static].to_numpy(float), rossi.week.to_numpy(), "--event", "event", prepare="prepare scale=none", event=rossi.arrest.to_numpy())["predictor"]
parts = spans(pieces, static, "id", "stop", "came")
agree(parts["linear"]["weight"], whole["linear"]["weight"], 1e-9, "rossi in pieces without the changing covariate: as whole")
agree(parts["log_likelihood"], whole["log_likelihood"], 1e-9, "rossi in pieces: its likelihood as whole")
agree(whole["linear"]["standard_error"], CoxPHFitter().fit(rossi, "week", "arrest", fit_options={"precision": 1e-12}).standard_errors_[static], 1e-8,
      "rossi: standard errors")
for what, change in [("overlap in time", {"start": 0.0}), ("is not a time from 0", {"start": 60.0}), ("is not a time from 0", {"start": -1.0})]:
    odd = pieces.copy()
    odd.loc[odd.index[(odd.id == odd.id.iloc[-1]) & (odd.start > 0)][:1], list(change)] = list(change.values())
    try:
        spans(odd, static, "id", "stop", "came")
        raise SystemExit(f"not refused: {what}")
    except AssertionError as refusal:
        assert what in str(refusal), refusal
for more, what in ((["prepare k_best=2"], "neither the choice"), (["--subject", ""], "name event and subject")):
    try:
        spans(pieces, static, "id", "stop", "came", more)
        raise SystemExit(f"not refused: {what}")
    except AssertionError as refusal:
        assert what in str(refusal), refusal

# ---- proportional odds: diabetes' target in four steps, and wine's cultivars as if they were ordered ------------------------
diabetes, wine = datasets.load_diabetes(), datasets.load_wine()
steps = np.digitize(diabetes.target, np.quantile(diabetes.target, [0.25, 0.5, 0.8]))
for title, x, y in [("diabetes", diabetes.data, steps), ("wine, four features", wine.data[:, [1, 3, 4, 9]], wine.target)]:
    z = StandardScaler().fit_transform(x[::2])
    z_new = StandardScaler().fit(x[::2]).transform(x[1::2])
    judge = OrderedModel(y[::2], z, distr="logit").fit(method="newton", maxiter=200, tol=1e-12, disp=False)
    judge = OrderedModel(y[::2], z, distr="logit").fit(start_params=judge.params, method="bfgs", gtol=1e-9, maxiter=1000, disp=False)
    model, out = fitted("ordinal", x[::2], y[::2], x[1::2], "--task", "ordinal", explain=True)
    agree(model["predictor"]["linear"]["weight"], judge.params[:x.shape[1]], 1e-5, f"{title}: proportional odds, coefficients")
    agree(probabilities(model, out), judge.model.predict(judge.params, z_new), 1e-6, f"{title}: proportional odds, probabilities")
named = np.array(["low", "medium", "high", "highest"])[steps]
_, again = fitted("ordinal", diabetes.data[::2], named[::2], diabetes.data[1::2], "--order", "low,medium,high,highest")
model, out = fitted("ordinal", diabetes.data[::2], steps[::2], diabetes.data[1::2])
for at, name in enumerate(["low", "medium", "high", "highest"]):
    agree(again[f"probability {name}"], out[f"probability {at}"], 0, f"ordered by name: {name}")
