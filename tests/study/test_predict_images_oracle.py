"""`cormack predict` of a study's model on images: the same numbers as the study's steps and `cormack predict` on their tables by hand,
metrics as scikit-learn's, and images that the steps were not made for in quarantine."""
import csv
import json
import os
import subprocess
import tempfile

import numpy as np
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, roc_auc_score

import study_lib as lib

STEPS = """study: patches
inputs: {xray: {path: PATH}}
steps:
  - {name: whole, op: threshold, of: xray, lower: 0}
  - {name: grey, op: first_order, of: xray, labels: whole, bin_width: 8}
  - {name: edges, op: gradient_magnitude, of: xray, sigma: 1.5}
  - {name: rough, op: first_order, of: edges, labels: whole, discretize: count, bin_count: 16}
  - {name: picture, op: median, of: xray}
"""
LEARN = """labels: {of: xray, target: bright}
learn: {table: [grey, rough], models: [{model: logistic, C: 0.1}], validate: {folds: 2}, seed: 1}
report: false
"""


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def images(count, seed, size=24):
    """Noise, with a patch that is brighter in the second class, though not always."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, count)
    x = rng.normal(100, 20, (count, size, size))
    x[:, 4:12, 4:12] += (20 + 25 * y + rng.normal(0, 15, count))[:, None, None]
    return np.clip(x, 0, 255).astype("u1"), y.astype("u1")[:, None]


def predict(model, *words, check=0):
    done = subprocess.run([lib.CORMACK, "predict", model, *words], capture_output=True, text=True)
    assert done.returncode == check, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def train(work):
    x, y = images(160, 1)
    np.savez(f"{work}/old.npz", images=x, labels=y)
    lib.write(f"{work}/s.yaml", STEPS.replace("PATH", "old.npz") + LEARN)
    lib.run(f"{work}/s.yaml", f"{work}/study", check=0)
    return f"{work}/study/models/logistic.json"


def test_as_by_hand(work, model):
    x, y = images(90, 2)
    np.savez(f"{work}/new.npz", new_images=x, new_labels=y)
    predict(f"{work}/study", f"{work}/new.npz", "-o", f"{work}/predicted")
    found = rows(f"{work}/predicted/tables/predictions.csv")
    lib.write(f"{work}/steps.yaml", STEPS.replace("PATH", "new.npz"))
    lib.run(f"{work}/steps.yaml", f"{work}/steps", check=0)
    tables = {name: rows(f"{work}/steps/tables/{name}.csv") for name in ("grey", "rough")}
    merged = [{"subject": a["subject"]} | {f"{t}.{k}": v for t, r in (("grey", a), ("rough", b)) for k, v in r.items()} for a, b in zip(*tables.values())]
    with open(f"{work}/merged.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, merged[0])
        writer.writeheader()
        writer.writerows(merged)
    predict(model, f"{work}/merged.csv", "-o", f"{work}/by_hand.csv")
    by_hand = rows(f"{work}/by_hand.csv")
    assert len(found) == len(by_hand) == 90
    for a, b, truth in zip(found, by_hand, y[:, 0]):
        assert a["subject"] == b["subject"] and a["bright"] == str(truth), (a, b)
        for column in ("predicted", "probability 0", "probability 1"):
            assert a[column] == b[column], (a, b)
    assert json.load(open(f"{work}/predicted/tables/predictions.json"))
    assert not os.path.exists(f"{work}/predicted/tables/picture.csv") and "picture" not in json.load(open(model))["study"]
    return y[:, 0], found


def test_metrics(work, y, found):
    p = np.array([float(row["probability 1"]) for row in found])
    told = {row["metric"]: row for row in rows(f"{work}/predicted/tables/predictions_metrics.csv")}
    peer = {"auc": roc_auc_score(y, p), "accuracy": accuracy_score(y, p > 0.5), "brier": brier_score_loss(y, p), "log_loss": log_loss(y, p)}
    for name, value in peer.items():
        assert abs(float(told[name]["value"]) - value) < 1e-12, (name, told[name], value)
        assert float(told[name]["low"]) < value < float(told[name]["high"]) and told[name]["rows"] == "90"
    assert 0.7 < peer["auc"] < 1, peer
    print(f"  AUC {peer['auc']:.3f}, as scikit-learn's")


def test_parts_and_threads(work, model):
    """Each set of an .npz is judged by itself; the bytes do not depend on threads."""
    x, y = images(60, 3)
    np.savez(f"{work}/sets.npz", a_images=x[:30], a_labels=y[:30], b_images=x[30:], b_labels=y[30:], c_images=x[:5])
    for threads in ("1", "3"):
        predict(model, f"{work}/sets.npz", "-o", f"{work}/sets{threads}", "--threads", threads)
    assert not lib.differences(lib.digest(f"{work}/sets1"), lib.digest(f"{work}/sets3"))
    assert [(r["part"], r["rows"]) for r in rows(f"{work}/sets1/tables/predictions_metrics.csv") if r["metric"] == "auc"] == [("a", "30"), ("b", "30")]
    assert len(rows(f"{work}/sets1/tables/predictions.csv")) == 65
    predict(model, f"{work}/sets.npz", "--select", "b_images", "-o", f"{work}/b")
    assert len(rows(f"{work}/b/tables/predictions.csv")) == 30


def test_without_labels(work, model):
    x, _ = images(5, 4)
    np.savez(f"{work}/unknown.npz", u_images=x)
    predict(model, f"{work}/unknown.npz", "-o", f"{work}/unknown")
    assert "bright" not in rows(f"{work}/unknown/tables/predictions.csv")[0]
    assert not os.path.exists(f"{work}/unknown/tables/predictions_metrics.csv")
    lib.write(f"{work}/labels.csv", "who,bright\n" + "".join(f"u-{i:07d},{i % 2}\n" for i in range(5)))
    predict(model, f"{work}/unknown.npz", "-o", f"{work}/unknown", "--labels", f"{work}/labels.csv", "--subject", "who")
    assert [r["bright"] for r in rows(f"{work}/unknown/tables/predictions.csv")] == ["0", "1", "0", "1", "0"]
    assert os.path.exists(f"{work}/unknown/tables/predictions_metrics.csv")
    np.savez(f"{work}/strange.npz", images=x, labels=np.arange(5))
    assert "no class of the model" in predict(model, f"{work}/strange.npz", "-o", f"{work}/strange", check=2)


def test_survival(work):
    """Judged at the quartiles of the times as well; with all times known the Brier score is a mean square."""
    x, y = images(80, 7)
    np.savez(f"{work}/times.npz", t_images=x)
    months = np.random.default_rng(8).exponential(10, 80) + 5 * y[:, 0] + 1
    for name, died in (("all", 1), ("none", 0)):
        lib.write(f"{work}/{name}.csv", "who,months,died\n" + "".join(f"t-{i:07d},{t!r},{died}\n" for i, t in enumerate(months.tolist())))
    lib.write(f"{work}/times.yaml", STEPS.replace("PATH", "times.npz") + LEARN.replace("of: xray, target: bright", "file: all.csv, subject: who, target: months")
              .replace("learn: {", "learn: {event: died, ").replace("logistic, C: 0.1", "cox, alpha: 1"))
    lib.run(f"{work}/times.yaml", f"{work}/times", check=0)
    model = f"{work}/times/models/cox.json"
    predict(model, f"{work}/times.npz", "-o", f"{work}/timed", "--labels", f"{work}/all.csv", "--subject", "who")
    told = {row["metric"]: float(row["value"]) for row in rows(f"{work}/timed/tables/predictions_metrics.csv")}
    middle = np.quantile(months, 0.5)
    predict(model, f"{work}/timed/tables/predictions_features.csv", "--survival", repr(middle.item()), "-o", f"{work}/lives.csv")
    share = np.array([float(list(row.values())[-1]) for row in rows(f"{work}/lives.csv")])
    assert abs(told["brier_q50"] - np.mean((share - (months > middle)) ** 2)) < 1e-12, told
    assert 0.5 < told["c_index"] < told["auc_q50"] < 1 and 0 < told["integrated_brier"] < 0.25, told
    predict(model, f"{work}/times.npz", "-o", f"{work}/untimed", "--labels", f"{work}/none.csv", "--subject", "who")
    assert all(row["value"] == "" for row in rows(f"{work}/untimed/tables/predictions_metrics.csv"))


def test_others_are_refused(work, model):
    """Another shape, another number of axes, a broken file: quarantine, and the rest is done."""
    x, y = images(6, 5)
    os.makedirs(f"{work}/mixed")
    np.savez(f"{work}/mixed/good.npz", good_images=x, good_labels=y)
    np.savez(f"{work}/mixed/large.npz", large_images=images(2, 6, 32)[0])
    np.savez(f"{work}/mixed/deep.npz", deep_images=np.zeros((2, 24, 24, 24), "u1"))
    with open(f"{work}/mixed/good.npz", "rb") as file, open(f"{work}/mixed/broken.npz", "wb") as to:
        to.write(file.read()[:200])
    predict(model, f"{work}/mixed", "-o", f"{work}/mixed_out", check=1)
    assert len(rows(f"{work}/mixed_out/tables/predictions.csv")) == 6
    aside = rows(f"{work}/mixed_out/quarantine.csv")
    assert sum("32 x 32, and the input «xray» is 24 x 24" in r["reason"] for r in aside) == 2, aside
    assert sum("24 x 24 x 24" in r["reason"] for r in aside) == 2 and sum(r["path"].endswith("broken.npz") for r in aside) == 1, aside
    assert "no image came through" in predict(model, f"{work}/mixed/large.npz", "-o", f"{work}/large", check=2)
    # the steps of a model whose images were in HU do not take images without a unit
    other = json.load(open(model))
    other["study"] = other["study"].replace('"unit": "1"', '"unit": "HU"')
    json.dump(other, open(f"{work}/hu.json", "w"))
    assert "no image came through" in predict(f"{work}/hu.json", f"{work}/mixed/good.npz", "-o", f"{work}/hu", check=2)
    assert all("it is in the unit «1», and the input «xray» in «HU»" in r["reason"] for r in rows(f"{work}/hu/quarantine.csv"))
    # nor does the model take what other steps make, or steps that are none
    for wrong, told in (("grey", "did you mean"), ("first_order", "op"), ("rough", "not like the one")):
        other["study"] = json.load(open(model))["study"].replace(f'"{wrong}"', f'"{wrong}x"' if wrong != "rough" else '"roughly"')
        if wrong == "grey":
            other["study"] = other["study"].replace('"of": "greyx"', '"of": "grey"')
        json.dump(other, open(f"{work}/wrong.json", "w"))
        assert told in predict(f"{work}/wrong.json", f"{work}/mixed/good.npz", "-o", f"{work}/wrong", check=2), wrong
    # a model carries no places of its own, neither to read nor to write
    study = json.load(open(model))["study"]
    for key, more in (("inputs", {"xray": {"path": "x"}}), ("inputs", {"xray": {"catalog": "x"}}), ("inputs", {"xray": 1}), ("outputs", "x"), ("catalog", "x")):
        other["study"] = json.dumps(json.loads(study) | {key: more})
        json.dump(other, open(f"{work}/wrong.json", "w"))
        assert "the study in it is damaged" in predict(f"{work}/wrong.json", f"{work}/mixed/good.npz", "-o", f"{work}/wrong", check=2), (key, more)
    assert "it was trained on a table" in predict(plain(work), f"{work}/mixed/good.npz", "-o", f"{work}/none", check=2)
    assert "add -o FOLDER" in predict(model, f"{work}/mixed/good.npz", check=2)


def plain(work):
    lib.write(f"{work}/table.csv", "a,y\n" + "".join(f"{i * 7 % 11},{int(i * 7 % 11 > 5) if i % 5 else i % 2}\n" for i in range(40)))
    done = subprocess.run([lib.CORMACK, "train", f"{work}/table.csv", "logistic", "--target", "y", "-o", f"{work}/plain.json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return f"{work}/plain.json"


def test_volumes(work):
    """Visits, aggregated regions, labels of a file, two inputs: a patient more is predicted as the study would have."""
    lib.cohort(work, subjects=12)
    lib.write(f"{work}/v.yaml", lib.STUDY + """  - {name: sizes, op: regions, of: ct, regions: ball}
labels: {file: labels.csv, subject: patient, target: malignant}
learn: {table: {of: sizes, aggregate: {largest: volume_mm3, count: true, mean: [volume_mm3]}}, models: [logistic, naive_bayes], validate: {folds: 2}}
report: false
""")
    lib.run(f"{work}/v.yaml", f"{work}/volumes", check=0)
    assert "holds 2 models; give one of them" in predict(f"{work}/volumes", f"{work}/data", "-o", f"{work}/p", check=2)
    model = f"{work}/volumes/models/naive_bayes.json"
    assert '"shape": [0, 0, 0]' in json.load(open(model))["study"]
    predict(model, f"ct={work}/data", "-o", f"{work}/p", "--labels", f"{work}/labels.csv")
    learned = {r["subject"]: r for r in rows(f"{work}/volumes/tables/learn_features.csv")}
    seen = rows(f"{work}/p/tables/predictions_features.csv")
    assert len(seen) == 12 and all(learned[r["subject"]] == r for r in seen)
    assert any(r["metric"] == "auc" for r in rows(f"{work}/p/tables/predictions_metrics.csv"))
    predict(model, f"{work}/volumes/tables/learn_features.csv", "-o", f"{work}/t.csv")
    for a, b in zip(rows(f"{work}/p/tables/predictions.csv"), rows(f"{work}/t.csv")):
        assert (a["predicted"], a["probability yes"]) == (b["predicted"], b["probability yes"])


with tempfile.TemporaryDirectory() as work:
    model = train(work)
    test_metrics(work, *test_as_by_hand(work, model))
    test_parts_and_threads(work, model)
    test_without_labels(work, model)
    test_survival(work)
    test_others_are_refused(work, model)
def test_two_inputs(work):
    for i in range(6):
        mask = np.zeros((24, 40, 40))
        mask[8:16, 10:30, 10:30] = 1
        lib.write_nifti(f"{work}/masks/S{i:02d}.nii.gz", mask)
    lib.write(f"{work}/two.yaml", """study: two
inputs:
  ct: {path: "data/*/2020-01-01.nii.gz", keys: "{subject}/*.nii.gz"}
  mask: {path: masks, kind: labels, keys: "{subject}.nii.gz"}
steps: [{name: inside, op: regions, of: ct, regions: mask}]
labels: {file: labels.csv, subject: patient, target: malignant}
learn: {table: inside, features: [mean, max, sd], models: [naive_bayes], validate: {folds: 2}}
report: false
""")
    lib.run(f"{work}/two.yaml", f"{work}/two", check=1)
    assert "write ct=… mask=…" in predict(f"{work}/two", f"{work}/masks", "-o", f"{work}/q", check=2)
    assert "add mask=FOLDER" in predict(f"{work}/two", f"ct={work}/data", "-o", f"{work}/q", check=2)
    predict(f"{work}/two", f"ct={work}/data/S0*/2020-01-01.nii.gz", f"mask={work}/masks", "-o", f"{work}/q", check=1)
    assert len(rows(f"{work}/q/tables/predictions.csv")) == 6


with tempfile.TemporaryDirectory() as work:
    test_volumes(work)
    test_two_inputs(work)
