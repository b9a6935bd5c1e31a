"""The demo, against the truth that the phantom writes: lungs, nodules, growth, alignment, learning, quarantine.

Expected numbers are the label maps and tables beside the cohort, which follow from the phantom's closed forms and not from any
operation under test; Dice, matching and distances are computed here with NumPy, the area under the curve by scikit-learn.
"""
import collections
import csv
import json
import math
import os
import shutil
import subprocess
import sys

import nibabel
import numpy as np
from sklearn.metrics import brier_score_loss, roc_auc_score

CORMACK = os.environ.get("CORMACK", "build/cormack")
SOURCE = os.environ.get("CORMACK_SOURCE", os.getcwd())
WORK = os.path.join(os.path.dirname(os.path.abspath(CORMACK)), "test-demo")
COHORT, RESULT = f"{WORK}/cohort", f"{WORK}/result"

failures = []


def check(good, what):
    print(("ok    " if good else "MISS  ") + what)
    if not good:
        failures.append(what)


def rows(path):
    """Rows of a CSV as dictionaries; units in the heads are left out."""
    with open(path) as file:
        return [{name.split(" [")[0]: value for name, value in row.items()} for row in csv.DictReader(file)]


def dashed(date):
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"


def run():
    shutil.rmtree(WORK, ignore_errors=True)
    subprocess.run([CORMACK, "phantom", "thorax", COHORT, "--quiet"], check=True)
    env = dict(os.environ, CORMACK_PHANTOM=COHORT)
    done = subprocess.run([CORMACK, "run", f"{SOURCE}/examples/thorax.yaml", "-o", RESULT, "--quiet"], env=env, capture_output=True, text=True)
    check(done.returncode == 1, f"exit code 1 for a run with quarantine: {done.returncode} {done.stderr.strip()}")


def voxels(path):
    image = nibabel.load(path)
    return np.asarray(image.dataobj), image.affine


def quarantine(visits):
    """Exactly what the phantom has damaged: the study whose slice is cut off, by that file, and the study without a slice."""
    missing = [v for v in visits if v["missing_slice"]]
    cut = [v for v in visits if v["truncated_slice"]]
    check(len(missing) == 1 and len(cut) == 1, "the cohort has one study with a missing slice and one with a truncated file")
    found = rows(f"{RESULT}/quarantine.csv")
    cut_file = f"{cut[0]['dicom']}/IM{int(cut[0]['truncated_slice']):04d}.dcm"
    named = [r for r in found if r["path"].endswith(cut_file)]
    check(len(named) == 1 and "cut off" in named[0]["reason"] and "get the whole file" in named[0]["reason"] and named[0]["code"] == "format"
          and named[0]["subject"] == cut[0]["patient_id"], f"{cut_file} is named because it is cut off, with its patient")
    studies = {(v["patient_id"], dashed(v["study_date"])) for v in missing + cut}
    got = {(r["subject"], r["visit"]) for r in found}
    check(got == studies and len(found) == 2, f"one row for each study with a gap, nothing else: {sorted(got)}, {len(found)} rows")
    for row in found:
        number = next(int(v["missing_slice"] or v["truncated_slice"]) for v in missing + cut if v["patient_id"] == row["subject"])
        check("1 slice is missing" in row["reason"] and f"IM{number - 1:04d}.dcm" in row["reason"] and f"IM{number + 1:04d}.dcm" in row["reason"],
              f"{row['subject']}: the reason names the gap by the files at its sides")
    return studies


def lungs(visits, aside):
    dice = []
    for v in visits:
        if (v["patient_id"], dashed(v["study_date"])) in aside:
            continue
        truth, affine = voxels(f"{COHORT}/{v['lungs']}")
        found, found_affine = voxels(f"{RESULT}/images/{v['patient_id']}/{dashed(v['study_date'])}/lungs.lungs.nii.gz")
        assert truth.shape == found.shape and np.allclose(affine, found_affine, atol=1e-3), v
        a, b = truth > 0, found > 0
        dice.append((2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b)), v["patient_id"], v["study_date"]))
        # right and left, by name in the truth's table of labels: 1 right, 2 left in both
        for side in (1, 2):
            a, b = truth == side, found == side
            one = 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))
            if one < 0.96:
                check(False, f"lung {side} of {v['patient_id']} {v['study_date']}: Dice {one:.4f}")
    check(len(dice) == len(visits) - len(aside), f"{len(dice)} scans have lungs")
    check(min(dice)[0] >= 0.97, f"lungs: Dice {np.mean([d[0] for d in dice]):.4f} in the mean, {min(dice)[0]:.4f} in the worst ({min(dice)[1]} {min(dice)[2]}); >= 0.97 each")


def match(truth, found):
    """Pairs of a true and a found nodule, the nearest first; a found one belongs to a true one whose radius + 3 mm it lies within."""
    near = []
    for i, t in enumerate(truth):
        for j, f in enumerate(found):
            d = math.dist([float(t[k]) for k in "xyz"], [float(f[k]) for k in "xyz"])
            if d <= float(t["diameter"]) / 2 + 3:
                near.append((d, i, j))
    pairs, used = {}, set()
    for _, i, j in sorted(near):
        if i not in pairs and j not in used:
            pairs[i] = j
            used.add(j)
    return pairs


def nodules(visits, aside):
    """Sensitivity for nodules from 6 mm on, false ones a scan. A small true nodule that is found is neither."""
    truth, found = collections.defaultdict(list), collections.defaultdict(list)
    for row in rows(f"{COHORT}/truth/nodules.csv"):
        truth[row["patient_id"], dashed(row["study_date"])].append(row)
    for row in rows(f"{RESULT}/tables/nodules.csv"):
        found[row["subject"], row["visit"]].append(row)
    large = hit = false = 0
    scans, of_truth, missed, errors = 0, {}, [], []
    for v in visits:
        key = v["patient_id"], dashed(v["study_date"])
        if key in aside:
            continue
        scans += 1
        pairs = match(truth[key], found[key])
        false += len(found[key]) - len(pairs)
        for i, t in enumerate(truth[key]):
            if i in pairs:
                of_truth[key, t["nodule"]] = (t, found[key][pairs[i]])
            if float(t["diameter"]) < 6:
                continue
            large += 1
            hit += i in pairs
            if i in pairs:
                errors.append(float(found[key][pairs[i]]["volume"]) / float(t["volume"]) - 1)
            else:
                missed.append(f"{key[0]} {key[1]} {float(t['diameter']):.1f} mm {t['place']} {t['density']} {t['margin']}")
    for line in missed:
        print("      missed: " + line)
    check(hit >= 0.9 * large, f"nodules from 6 mm on: {hit} of {large} found, {100 * hit / large:.1f} %; >= 90 %")
    check(false < 2 * scans, f"false ones: {false} in {scans} scans, {false / scans:.2f} a scan; < 2")
    print(f"      volume of nodules from 6 mm on: error {100 * np.median(errors):+.1f} % in the median, |error| {100 * np.median(np.abs(errors)):.1f} %, "
          f"90th percentile {100 * np.quantile(np.abs(errors), 0.9):.1f} %")
    return of_truth


def growth(of_truth):
    """Growth is the later volume over the earlier one; its error relates the measured factor to the true one. All nodules that are from
    6 mm on at both visits, found at both and matched by the study; the bar is for the median, the whole distribution is printed."""
    measured = {(r["subject"], r["visit"], r["nodule_1"]): r for r in rows(f"{RESULT}/tables/growth.csv") if r["nodule_1"] and r["nodule_2"]}
    first = {}
    for (key, number), (t, f) in of_truth.items():
        first.setdefault((key[0], number), []).append((key[1], t, f))
    errors, lost, wrong, doubling = [], 0, 0, []
    for (subject, number), visits in sorted(first.items()):
        visits.sort(key=lambda v: v[0])
        if len(visits) < 2 or min(float(v[1]["diameter"]) for v in visits) < 6:
            continue
        (date, t1, f1), (_, t2, f2) = visits
        row = measured.get((subject, date, f1["nodule"]))
        if not row:
            lost += 1
            continue
        if row["nodule_2"] != f2["nodule"]:
            wrong += 1
            continue
        true = float(t2["volume"]) / float(t1["volume"])
        got = float(row["volume_2"]) / float(row["volume_1"])
        assert abs(100 * (got - 1) - float(row["growth"])) < 1e-6 * max(1, abs(float(row["growth"]))), row
        errors.append((got / true - 1, subject, number, float(t1["diameter"]), true, got))
        if row["doubling_time"] and t1["doubling_time"] and true > 1.25:
            doubling.append(float(row["doubling_time"]) / float(t1["doubling_time"]) - 1)
    for error, subject, number, diameter, true, got in errors:
        print(f"      {subject} nodule {number}: {diameter:4.1f} mm, grown by {true:.3f}, measured {got:.3f}: {100 * error:+.1f} %")
    size = np.abs([e[0] for e in errors])
    print("      |error of growth|: " + ", ".join(f"{q} % of them within {100 * np.quantile(size, q / 100):.1f} %" for q in (50, 75, 90, 100)))
    check(lost == 0 and wrong == 0, f"nodules of two visits: {len(errors)} matched, {lost} not matched, {wrong} matched wrongly")
    check(len(errors) >= 8 and np.median(size) <= 0.10, f"growth: median |error| {100 * np.median(size):.1f} % of {len(errors)} nodules; <= 10 %")
    check(abs(np.mean([e[0] for e in errors])) <= 0.10, f"growth: mean error {100 * np.mean([e[0] for e in errors]):+.1f} %; within 10 %")
    if doubling:
        print(f"      doubling time of what grew by more than a quarter: median |error| {100 * np.median(np.abs(doubling)):.1f} % of {len(doubling)}")


def alignment():
    """Mean distance between where the found and the true transform take the points of the lungs' bounding box; < 2 mm each."""
    with open(f"{COHORT}/truth/transforms.json") as file:
        true = json.load(file)["transforms"]
    worst, all_errors = (0, ""), []
    for row in rows(f"{RESULT}/tables/align.csv"):
        names = [f"matrix_{r}{c}" for r in range(1, 4) for c in range(1, 5)]
        found = np.array([float(row[n]) for n in names]).reshape(3, 4)
        date = row["visit"].replace("-", "")
        labels, affine = voxels(f"{COHORT}/truth/{row['subject']}_{date}_lungs.nii.gz")
        index = np.argwhere(labels > 0)[::997]
        points = (affine @ np.c_[index, np.ones(len(index))].T)[:3] * np.array([[-1], [-1], [1]])  # NIfTI's RAS to LPS
        homogeneous = np.r_[points, np.ones((1, points.shape[1]))]
        error = np.linalg.norm((found - np.array(true[row["subject"]])) @ homogeneous, axis=0).mean()
        all_errors.append(error)
        worst = max(worst, (error, row["subject"]))
    check(len(all_errors) >= 10 and worst[0] < 2, f"alignment: {len(all_errors)} pairs, {np.mean(all_errors):.2f} mm in the mean, {worst[0]:.2f} mm in the worst ({worst[1]}); < 2 mm")


def learning():
    diagnosis = {r["patient_id"]: r["malignant"] for r in rows(f"{COHORT}/diagnoses.csv")}
    predictions, metrics = rows(f"{RESULT}/tables/learn_predictions.csv"), rows(f"{RESULT}/tables/learn_metrics.csv")
    check(all(p["target"] == diagnosis[p["subject"]] for p in predictions), "the targets of all predictions are the diagnoses")
    models = sorted({p["model"] for p in predictions})
    check(len(models) == 5, f"five models: {', '.join(models)}")
    best = 0
    for model in models:
        areas, briers = [], []
        for repeat in sorted({p["repeat"] for p in predictions if p["part"] == "cross_validation"}):
            mine = [p for p in predictions if p["model"] == model and p["part"] == "cross_validation" and p["repeat"] == repeat]
            assert len(mine) == len({p["subject"] for p in mine}), "each subject is predicted once a repeat"
            y, p = [int(m["target"]) for m in mine], [float(m["probability 1"]) for m in mine]
            areas.append(roc_auc_score(y, p))
            briers.append(brier_score_loss(y, p))
        stated = {m["metric"]: m for m in metrics if m["model"] == model and m["part"] == "cross_validation" and m["class"] in ("1", "all")}
        auc = stated["auc"]
        check(abs(float(auc["value"]) - np.mean(areas)) < 1e-9, f"{model}: AUC {float(auc['value']):.3f} ({float(auc['low']):.3f} to {float(auc['high']):.3f}) is scikit-learn's")
        if "brier" in stated:
            check(abs(float(stated["brier"]["value"]) - np.mean(briers)) < 1e-9, f"{model}: Brier score {np.mean(briers):.3f} is scikit-learn's")
        check(float(auc["low"]) < float(auc["value"]) < float(auc["high"]), f"{model}: the interval holds the value")
        best = max(best, float(auc["low"]))
    features = rows(f"{RESULT}/tables/learn_features.csv")
    truth = collections.defaultdict(float)
    for n in rows(f"{COHORT}/truth/nodules.csv"):
        if n["visit"] == "1":
            truth[n["patient_id"]] = max(truth[n["patient_id"]], float(n["diameter"]))
    y = [int(f["malignant"]) for f in features]
    ideal = roc_auc_score(y, [truth[f["subject"]] for f in features])
    measured = roc_auc_score(y, [float(f["nodules.diameter"] or 0) for f in features])
    check(abs(measured - ideal) < 0.1, f"diameter of the largest nodule: AUC {measured:.3f} as measured, {ideal:.3f} in truth")
    check(best > 0.5, f"the best model's interval begins above chance: {best:.3f}")


run()
visits = rows(f"{COHORT}/truth/visits.csv")
aside = quarantine(visits)
lungs(visits, aside)
growth(nodules(visits, aside))
alignment()
learning()
if failures:
    sys.exit("\n".join(["not met:"] + failures))
shutil.rmtree(WORK)
