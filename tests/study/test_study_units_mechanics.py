"""Which step is done for which images: visits, two inputs, two visits, image sets with labels, and labels joined to them."""
import csv
import json
import os
import tempfile

import numpy as np

import study_lib as lib


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def test_between(work):
    """S00 and S03 have two visits, the others one: done once for each pair, on the earlier visit's grid."""
    lib.write(f"{work}/s.yaml", """study: pairs
inputs: {ct: {path: data, keys: "{subject}/{visit}.nii.gz"}}
steps:
  - {name: mask, op: otsu, of: "moved"}
  - {name: moved, op: resample, of: ct@after, reference: ct@before, save: true}
""")
    lib.run(f"{work}/s.yaml", f"{work}/pairs", check=0)
    found = [(row["subject"], row["visit"], row["later_visit"]) for row in rows(f"{work}/pairs/tables/mask.csv")]
    assert found == [("S00", "2020-01-01", "2020-02-01"), ("S03", "2020-01-01", "2020-02-01")], found
    assert os.path.exists(f"{work}/pairs/images/S03/2020-01-01..2020-02-01/moved.nii.gz")


def test_two_inputs(work):
    """A mask for each image; one is missing, one is there twice."""
    for i in range(6):
        mask = np.zeros((24, 40, 40))
        mask[8:16, 10:30, 10:30] = 1
        if i != 2:
            lib.write_nifti(f"{work}/masks/S{i:02d}/2020-01-01.nii.gz", mask)
    lib.write_nifti(f"{work}/masks/S04/2020-01-01.nii", mask)
    study = """study: masked
inputs:
  ct: {path: "data/*/2020-01-01.nii.gz", keys: "{subject}/{visit}.nii.gz"}
  mask: {path: masks, kind: labels, keys: "{subject}/{visit}.nii*"OPTIONAL}
steps:
  - {name: inside, op: otsu, of: ct, mask: mask}
"""
    lib.write(f"{work}/s.yaml", study.replace("OPTIONAL", ""))
    lib.run(f"{work}/s.yaml", f"{work}/masked", check=1)
    assert [row["subject"] for row in rows(f"{work}/masked/tables/inside.csv")] == ["S00", "S01", "S03", "S05"]
    aside = {row["subject"]: row for row in rows(f"{work}/masked/quarantine.csv")}
    assert aside["S02"]["code"] == "missing" and "no image of «mask»" in aside["S02"]["reason"], aside
    assert aside["S04"]["step"] == "inside" and "several images of «mask»" in aside["S04"]["reason"], aside
    lib.write(f"{work}/s.yaml", study.replace("OPTIONAL", ", optional: true"))
    lib.run(f"{work}/s.yaml", f"{work}/masked", check=1)
    assert [row["subject"] for row in rows(f"{work}/masked/quarantine.csv")] == ["S04"]


def test_not_a_mask(work):
    """An image with fractions is no label map, whatever the study says."""
    lib.write(f"{work}/s.yaml", """study: masked
inputs: {mask: {path: data/S01, kind: labels, keys: "{subject}/{visit}.nii.gz"}}
steps: [{op: fill_holes, of: mask}]
""")
    lib.run(f"{work}/s.yaml", f"{work}/fractions", check=1)
    assert "whole numbers" in rows(f"{work}/fractions/quarantine.csv")[0]["reason"]


def test_set(work):
    """A labelled image set: a subject a row of the array, its label, and the part of the set; the columns are what NumPy says."""
    rng = np.random.default_rng(4)
    train, val = rng.integers(0, 200, (30, 9, 8), dtype=np.uint8), rng.integers(0, 200, (12, 9, 8), dtype=np.uint8)
    labels = {"train": rng.integers(0, 2, (30, 1)), "val": rng.integers(0, 2, (12, 1))}
    for part, images in (("train", train), ("val", val)):
        images[labels[part][:, 0] == 1] //= 2
    np.savez(f"{work}/set.npz", train_images=train, train_labels=labels["train"].astype(np.uint8), val_images=val, val_labels=labels["val"].astype(np.uint8))
    lib.write(f"{work}/s.yaml", """study: set
inputs: {xray: {path: set.npz}}
labels: {of: xray, target: sick}
steps: [{name: features, op: otsu, of: xray}]
learn: {table: features, features: [threshold, between_share], models: [logistic], validate: {folds: 3, repeats: 1, resamples: 100}}
""")
    result = lib.run(f"{work}/s.yaml", f"{work}/set", "--json", check=0)
    assert json.loads(result.stdout)["subjects"] == 42
    assert len(rows(f"{work}/set/tables/features.csv")) == 42  # the step's own, beside what is learned from
    table = rows(f"{work}/set/tables/learn_features.csv")
    want = [(f"{part}-{i:07d}", str(int(labels[part][i, 0])), part) for part in ("train", "val") for i in range(len(labels[part]))]
    assert [(row["subject"], row["sick"], row["set"]) for row in table] == want
    metrics = {row["metric"]: float(row["value"]) for row in rows(f"{work}/set/tables/learn_metrics.csv") if row["value"]}
    assert metrics["auc"] > 0.95, metrics
    assert os.path.exists(f"{work}/set/models/logistic.json")


def test_labels(work):
    """Labels by subject and by visit; dates in any of the usual writings."""
    visits = [("S00", "2020-01-01", "no"), ("S00", "2020-02-01", "yes"), ("S01", "2020-01-01", "yes"), ("S03", "2020-02-01", "no")]
    lib.write(f"{work}/visits.csv", "who,when,ill\n" + "".join(f"{s},{d.replace('-', '')},{t}\n" for s, d, t in visits))
    study = """study: labels
inputs: {ct: {path: data, keys: "{subject}/{visit}.nii.gz"}}
labels: {file: visits.csv, subject: who, target: ill, time: when}
steps: [{name: split, op: otsu, of: ct}]
learn: {table: split, features: [threshold], models: [knn], validate: {folds: 2, repeats: 1}}
"""
    lib.write(f"{work}/s.yaml", study)
    lib.run(f"{work}/s.yaml", f"{work}/labels")  # too few for a model; the table is there all the same
    found = {(row["subject"], row["visit"]): row["ill"] for row in rows(f"{work}/labels/tables/learn_features.csv")}
    assert len(found) == 8 and {k: v for k, v in found.items() if v} == {(s, d): t for s, d, t in visits}, found
    # without the time two rows of one subject contradict each other
    lib.write(f"{work}/s.yaml", study.replace(", time: when", ""))
    result = lib.run(f"{work}/s.yaml", f"{work}/labels", check=2)
    assert "«S00» has two different rows (lines 2 and 3)" in result.stderr, result.stderr
    # names that fit none of the subjects
    lib.write(f"{work}/visits.csv", "who,when,ill\nP1,20200101,no\nP2,20200101,yes\n")
    lib.write(f"{work}/s.yaml", study)
    result = lib.run(f"{work}/s.yaml", f"{work}/labels", check=2)
    assert "names none of the subjects" in result.stderr and "«P1»" in result.stderr and "«S00»" in result.stderr, result.stderr
    assert os.path.exists(f"{work}/labels/report.html"), "the report is written, and tells the refusal"


def test_names(work):
    """Subjects with names that no file may have; series of one visit side by side."""
    voxels = np.random.default_rng(2).normal(0, 1, (4, 6, 8))
    for name in ("a b", "a%20b", "ä", "x..y"):
        lib.write_nifti(f"{work}/odd/{name}/v1/one.nii", voxels)
        lib.write_nifti(f"{work}/odd/{name}/v1/two.nii", voxels + 1)
    lib.write(f"{work}/s.yaml", """study: odd
inputs: {ct: {path: odd, keys: "{subject}/{visit}/*.nii"}}
steps: [{name: clip, op: clip, of: ct, lower: 0, save: true}, {op: otsu, of: ct}]
""")
    lib.run(f"{work}/s.yaml", f"{work}/odd_out", check=0)
    made = sorted(os.path.relpath(os.path.join(d, f), f"{work}/odd_out/images") for d, _, files in os.walk(f"{work}/odd_out/images") for f in files)
    assert made == sorted(f"{s}/v1/{n}/clip.nii.gz" for s in ("a%20b", "a%2520b", "%C3%A4", "x..y") for n in ("one", "two")), made
    table = rows(f"{work}/odd_out/tables/otsu.csv")
    assert [(r["subject"], r["series"]) for r in table][:3] == [("a b", "one"), ("a b", "two"), ("a%20b", "one")], table
    lib.write(f"{work}/s.yaml", open(f"{work}/s.yaml").read().replace(", save: true", ""))
    lib.run(f"{work}/s.yaml", f"{work}/odd_out", check=0)
    assert not os.path.exists(f"{work}/odd_out/images")


with tempfile.TemporaryDirectory() as work:
    lib.cohort(work)
    test_between(work)
    test_two_inputs(work)
    test_not_a_mask(work)
    test_set(work)
    test_labels(work)
    test_names(work)
    print("units: pairs of visits, two inputs, masks, labelled sets, labels by visit, odd names")
