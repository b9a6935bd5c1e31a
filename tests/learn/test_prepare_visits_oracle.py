"""oracle: gaps filled from other visits of the subject, against pandas; and rows that are left out."""
import subprocess
import sys

try:
    import numpy as np
    import pandas
    from sklearn.linear_model import LinearRegression
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from peers import CORMACK, agree, folder, read, run, train, write

rng = np.random.default_rng(4)
ROWS = 160
frame = pandas.DataFrame(rng.normal(size=(ROWS, 4)), columns=["f0", "f1", "f2", "f3"])
frame = frame.mask(rng.random(frame.shape) < [0.3, 0.4, 0.3, 0.02])
frame["who"] = [f"P{n:02d}" for n in rng.integers(0, 30, size=ROWS)]
frame["day"] = pandas.Timestamp("2020-01-01") + pandas.to_timedelta(rng.permutation(ROWS) * 3, unit="D")
x, who, day = frame[["f0", "f1", "f2", "f3"]].to_numpy(), frame["who"].to_numpy(), frame["day"].dt.strftime("%Y-%m-%d").to_numpy()
y = rng.normal(size=ROWS)


def expected(method):
    def one(rows):
        rows = rows.set_index("day").sort_index()
        values = rows[["f0", "f1", "f2", "f3"]]
        filled = values.ffill() if method == "previous" else values.interpolate(method="index", limit_area="inside")
        return filled.assign(at=rows["at"].to_numpy())
    parts = [one(rows) for _, rows in frame.assign(at=range(ROWS)).groupby("who")]
    return pandas.concat(parts).sort_values("at")[["f0", "f1", "f2", "f3"]].to_numpy()


options = ["--task", "regression", "--subject", "who", "--time", "day"]
for method in ("linear", "previous"):
    whole = expected(method)
    ready = np.where(np.isnan(whole), np.nanmean(whole, axis=0), whole)
    words = f"prepare along_time={method} impute=mean scale=none"
    model = train("knn k=1", x, y, *options, prepare=words, who=who, day=day)
    agree(np.reshape(model["predictor"]["x"], x.shape), ready, 1e-12, f"{method}: training rows, {np.isnan(x).sum() - np.isnan(whole).sum()} told")
    train("linear", x, y, *options, prepare=words, who=who, day=day)
    write(f"{folder}/new.csv", x, {"who": who, "day": day})
    run("predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv")
    agree(read(f"{folder}/out.csv")["predicted"], LinearRegression().fit(ready, y).predict(ready), 1e-12, f"{method}: new rows")

# with a batch, too, a row that was trained on is its own nearest neighbour
site = np.array(["A", "B"])[np.arange(ROWS) % 2]
train("knn k=1", x, y, *options, prepare="prepare along_time=linear batch=site impute=mean", who=who, day=day, site=site)
write(f"{folder}/new.csv", x, {"who": who, "day": day, "site": site})
run("predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv")
agree(read(f"{folder}/out.csv")["predicted"], y, 1e-12, "batch and along_time: rows of the training")

# rows that are left out
whole = ~np.isnan(x).any(axis=1)
model = train("knn k=1", np.c_[x, np.full(ROWS, np.nan)], y, "--task", "regression", prepare="prepare impute=drop scale=none")
agree(np.reshape(model["predictor"]["x"], (-1, 4)), x[whole], 0, "impute=drop")
write(f"{folder}/v.csv", x, {"t": y})
run("validate", f"{folder}/v.csv", "linear", "prepare impute=drop", "validate folds=3 resamples=20", "--target", "t", "-o", f"{folder}/v")
assert sorted(read(f"{folder}/v/predictions.csv")["row"]) == list(np.flatnonzero(whole))
notes = " ".join(read(f"{folder}/v/notes.csv")["text"])
assert f"{ROWS - whole.sum()} rows lack a value of a feature and are left out" in notes, notes


def refused(what, *words):
    done = subprocess.run([CORMACK, *words], capture_output=True, text=True)
    assert done.returncode == 2 and what in done.stderr, done.stderr


train("linear", x, y, "--task", "regression", prepare="prepare impute=drop")
refused('has no "f', "predict", f"{folder}/model.json", f"{folder}/v.csv", "-o", f"{folder}/out.csv")
refused("it needs the columns of the subject and of the time", "train", f"{folder}/v.csv", "linear", "prepare along_time=linear", "--target", "t")
train("linear", x, y, *options, prepare="prepare along_time=previous", who=who, day=day)
refused('"who"', "predict", f"{folder}/model.json", f"{folder}/v.csv", "-o", f"{folder}/out.csv")
