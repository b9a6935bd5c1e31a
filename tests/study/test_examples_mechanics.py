"""The examples on real data end with their tables and a whole report: X-rays with labels, CT, MR and PET from real scanners,
and pictures in folders, whose copies are refused until told to drop them."""
import csv
import json
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree

from sklearn.metrics import roc_auc_score

import report_lib
import study_lib as lib

SOURCE = os.environ.get("CORMACK_SOURCE", os.getcwd())
DATA = os.path.abspath(os.environ.get("CORMACK_TEST_DATA", f"{SOURCE}/../shared/data"))


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def run(name, out):
    env = dict(os.environ, CORMACK_TEST_DATA=DATA)
    result = subprocess.run([lib.CORMACK, "run", f"{SOURCE}/examples/{name}.yaml", "-o", out, "--json"], env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert not rows(f"{out}/quarantine.csv")
    return json.loads(result.stdout), report_lib.read(f"{out}/report.html")


def test_xray(out):
    outcome, sections = run("pneumonia_xray", out)
    assert outcome["subjects"] == 5232, outcome
    for table in ("intensity", "gradients", "histogram", "learn_features"):
        assert len(rows(f"{out}/tables/{table}.csv")) == 5232, table
    metrics = rows(f"{out}/tables/learn_metrics.csv")
    for part in ("cross_validation", "hold_out"):
        areas = {m["model"]: m for m in metrics if m["metric"] == "auc" and m["part"] == part}
        assert len(areas) == 5, areas
        for model, area in areas.items():
            value, low, high = (float(area[k]) for k in ("value", "low", "high"))
            assert 0.9 < low < value < high < 1, area
            print(f"  {part} {model}: AUC {value:.3f} ({low:.3f} to {high:.3f})")
    assert re.search(r"AUC of \w+, cross-validated; 95 % interval", sections["glance"]["text"])
    assert sections["images"]["tags"]["img"] == 24 and "train-0000000" in sections["images"]["text"]
    print(f"  {outcome['seconds']:.1f} s")


def test_sarcoma(out):
    outcome, sections = run("sarcoma", out)
    assert outcome["images"] == 4, outcome
    head = {table: list(rows(f"{out}/tables/{table}.csv")[0]) for table in ("ct_in_body", "pet_in_hot", "chest_in_lungs", "mr_in_body")}
    assert "mean [HU]" in head["ct_in_body"] and "mean [HU]" in head["chest_in_lungs"] and "mean [g/ml]" in head["pet_in_hot"], head
    hot = rows(f"{out}/tables/pet_in_hot.csv")[0]
    assert float(hot["min [g/ml]"]) >= 2.5 and 2.5 < float(hot["mean [g/ml]"]) < float(hot["max [g/ml]"]) < 60, hot
    # a limb in air's place would have a mean below -200, and soft tissue with bone lies around 0 to 200
    body = rows(f"{out}/tables/ct_in_body.csv")[0]
    assert -200 < float(body["mean [HU]"]) < 250, body
    lungs = rows(f"{out}/tables/chest_in_lungs.csv")
    assert all(-950 < float(row["mean [HU]"]) < -500 for row in lungs), lungs
    assert sections["images"]["tags"]["img"] == 12
    held = {row["modality"]: row for row in rows(f"{out}/tables/catalog.csv")}
    assert {m: int(held[m]["images"]) for m in held} == {"CT": 107, "MR": 47, "PT": 47, "RTSTRUCT": 4, "all": 205}, held
    assert (held["all"]["patients"], held["all"]["studies"], held["all"]["series"]) == ("2", "2", "8"), held
    assert "What the catalogue holds" in sections["inputs"]["text"], sections["inputs"]["text"]
    made = sorted(name for _, _, files in os.walk(f"{out}/images") for name in files)
    assert made == ["ct_body.nii.gz", "lungs.lungs.nii.gz", "mr_body.nii.gz", "pet_body.nii.gz", "pet_hot.nii.gz"], made
    print(f"  {outcome['seconds']:.1f} s")


def test_brain(out):
    def start(duplicates):
        env = dict(os.environ, CORMACK_TEST_DATA=DATA, DUPLICATES=duplicates)
        return subprocess.run([lib.CORMACK, "run", f"{SOURCE}/examples/brain_mri_tumor.yaml", "-o", out], env=env, capture_output=True, text=True)

    refused = start("keep")
    assert refused.returncode == 2 and "duplicate_rows" in refused.stderr and "17 such pairs" in refused.stderr, refused.stderr
    assert start("drop").returncode == 1
    # the copies by md5sum of the files: 14 pictures are there under two names or more, 17 too many
    told = rows(f"{out}/quarantine.csv")
    assert len(told) == 17 and {row["code"] for row in told} == {"duplicate"}, told
    assert len(rows(f"{out}/tables/learn_features.csv")) == 160 - 17
    areas = {m["model"]: float(m["value"]) for m in rows(f"{out}/tables/learn_metrics.csv") if m["metric"] == "auc"}
    assert len(areas) == 3 and all(0.7 < area < 0.95 for area in areas.values()), areas
    print(f"  AUC {areas}")
    # each plot of the page is a file of its own, and well-formed
    page = open(f"{out}/report.html").read()
    plots = os.listdir(f"{out}/plots")
    assert len(plots) == page.count("<svg data-file=") and {"roc-yes.svg", "decision_curve-yes.svg"} < set(plots), plots
    assert sum(name.startswith("force-") for name in plots) == sum(name.startswith("waterfall-") for name in plots) > 20
    for name in plots:
        assert xml.etree.ElementTree.parse(f"{out}/plots/{name}").getroot().tag == "{http://www.w3.org/2000/svg}svg", name


def test_pneumoniamnist(out):
    env = dict(os.environ, CORMACK_TEST_DATA=DATA)
    done = subprocess.run([lib.CORMACK, "run", f"{SOURCE}/examples/pneumoniamnist.yaml", "-o", out], env=env, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert {row["code"] for row in rows(f"{out}/quarantine.csv")} == {"duplicate"}
    held = {(m["model"], m["metric"]): float(m["value"]) for m in rows(f"{out}/tables/learn_metrics.csv") if m["part"] == "hold_out" and m["value"]}
    # published for ResNet-18 and ResNet-50 on the set's test part (Yang et al., Sci Data 10:41, 2023)
    for model in ("logistic", "gradient_boosting"):
        assert held[model, "auc"] > 0.948 and held[model, "accuracy"] > 0.854, held
        page = open(f"{SOURCE}/examples/README.md").read()
        assert f"{held[model, 'auc']:.3f} (" in page and f"{held[model, 'accuracy']:.3f} (" in page, "examples/README.md has other figures"
    judge_prediction(out, env)


def judge_prediction(out, env):
    """The model of the run, applied to an .npz as the page says: what the run itself predicted, and scikit-learn's AUC of it."""
    new = f"{out}-new"
    done = subprocess.run([lib.CORMACK, "predict", f"{out}/models/logistic.json", f"{DATA}/medmnist/pneumoniamnist_dev_trainval.npz",
                           "--select", "val_images", "-o", new], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    predicted = {row["subject"]: row for row in rows(f"{new}/tables/predictions.csv")}
    held = [row for row in rows(f"{out}/tables/learn_predictions.csv") if (row["model"], row["part"]) == ("logistic", "hold_out")]
    assert len(predicted) == 524 and len(held) == 516
    assert all(predicted[row["subject"]]["probability 1"] == row["probability 1"] for row in held)
    area = roc_auc_score([int(row["pneumonia"]) for row in predicted.values()], [float(row["probability 1"]) for row in predicted.values()])
    told = {row["metric"]: float(row["value"]) for row in rows(f"{new}/tables/predictions_metrics.csv") if row["value"]}
    assert abs(told["auc"] - area) < 1e-12, (told, area)
    assert f"val: auc {area:.3f}" in open(f"{SOURCE}/examples/README.md").read(), area


for needed in ("medmnist", "ibsi_sts_validation", "cls/brain_mri_tumor_yes_no"):
    if not os.path.isdir(f"{DATA}/{needed}"):
        lib.skip(f"{DATA} has no {needed}: the examples on real data are left out")
with tempfile.TemporaryDirectory() as work:
    print("sarcoma")
    test_sarcoma(f"{work}/sarcoma")
    print("brain_mri_tumor")
    test_brain(f"{work}/brain")
    print("pneumoniamnist")
    test_pneumoniamnist(f"{work}/pneumoniamnist")
    print("pneumonia_xray")
    test_xray(f"{work}/xray")
