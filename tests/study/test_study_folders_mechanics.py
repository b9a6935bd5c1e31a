"""Labels by the names of folders, and copies of an image under other names: refused as a leak, dropped on request."""
import csv
import shutil
import tempfile

import numpy as np
import study_lib as lib

STUDY = """study: folders
inputs: {photo: {path: classes, keys: "{label}/{subject}.nii", duplicates: keep}}
labels: {of: photo, target: kind}
steps: [{name: whole, op: threshold, of: photo, lower: -1000}, {name: grey, op: regions, of: photo, labels: whole}]
learn: {table: grey, features: [mean, sd, min, max], models: [knn], validate: {folds: 2, repeats: 1}}
"""


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def classes(work):
    rng = np.random.default_rng(5)
    for i in range(12):
        lib.write_nifti(f"{work}/classes/{'bad' if i % 2 else 'good'}/s{i:02d}.nii", rng.normal(10 * (i % 2) + rng.normal(0, 10), 10, (3, 12, 12)))


def test_labels(work):
    lib.write(f"{work}/s.yaml", STUDY)
    lib.run(f"{work}/s.yaml", f"{work}/out", check=0)
    found = {row["subject"]: row["kind"] for row in rows(f"{work}/out/tables/learn_features.csv")}
    assert found == {f"s{i:02d}": "bad" if i % 2 else "good" for i in range(12)}, found
    lib.write(f"{work}/s.yaml", STUDY.replace("{label}/", "*/"))
    result = lib.run(f"{work}/s.yaml", f"{work}/out", check=2)
    assert "carry no labels" in result.stderr and "{label}/{subject}.png" in result.stderr, result.stderr


def test_copies(work):
    """A copy within a class, three of a kind in it, and one picture in both classes: who is kept, who is told of."""
    shutil.copy(f"{work}/classes/good/s00.nii", f"{work}/classes/good/t00.nii")
    for name in ("t01", "u01"):
        shutil.copy(f"{work}/classes/bad/s01.nii", f"{work}/classes/bad/{name}.nii")
    shutil.copy(f"{work}/classes/bad/s03.nii", f"{work}/classes/good/t03.nii")
    lib.write(f"{work}/s.yaml", STUDY)
    result = lib.run(f"{work}/s.yaml", f"{work}/out", check=2)
    assert "duplicate_rows" in result.stderr and "duplicates: drop" in result.stderr, result.stderr
    lib.write(f"{work}/s.yaml", STUDY.replace("duplicates: keep", "duplicates: drop"))
    lib.run(f"{work}/s.yaml", f"{work}/out", check=1)
    told = {row["subject"]: (row["code"], row["reason"]) for row in rows(f"{work}/out/quarantine.csv")}
    assert set(told) == {"t00", "t01", "u01", "s03", "t03"} and {code for code, _ in told.values()} == {"duplicate"}, told
    assert told["t00"][1] == "has the same bytes as classes/good/s00.nii, which is used", told
    assert told["u01"][1] == "has the same bytes as classes/bad/s01.nii, which is used", told
    assert told["t03"][1] == "has the same bytes as classes/bad/s03.nii, and the copies differ in their labels: none is used", told
    found = {row["subject"] for row in rows(f"{work}/out/tables/learn_features.csv")}
    assert found == {f"s{i:02d}" for i in range(12)} - {"s03"}, found


def test_arrays(work):
    """The images of an .npz are compared one by one."""
    images = np.random.default_rng(6).integers(0, 255, (12, 8, 8)).astype(np.uint8)
    images[7] = images[2]
    labels = np.array([0, 1] * 6)
    np.savez(f"{work}/set.npz", train_images=images, train_labels=labels)
    lib.write(f"{work}/n.yaml", STUDY.replace('path: classes, keys: "{label}/{subject}.nii", duplicates: keep', "path: set.npz, duplicates: drop"))
    lib.run(f"{work}/n.yaml", f"{work}/arrays", check=1)
    told = {row["subject"]: row["reason"] for row in rows(f"{work}/arrays/quarantine.csv")}
    assert set(told) == {"train-0000002", "train-0000007"}, told
    assert "as train-0000002, and the copies differ in their labels" in told["train-0000007"], told


with tempfile.TemporaryDirectory() as work:
    classes(work)
    test_labels(work)
    test_copies(work)
    test_arrays(work)
