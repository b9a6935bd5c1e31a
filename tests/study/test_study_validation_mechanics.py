"""mechanics: a study file that asks for tuning, recalibration, sites left out, subgroups and further fits; its tables and its report."""
import csv
import os
import sys
import tempfile

import study_lib as lib

try:
    import nibabel
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

STUDY = """study: sites
inputs: {ct: {path: data, keys: "{subject}.nii.gz"}}
labels: {file: labels.csv, subject: who, target: ill}
steps: [{name: mask, op: threshold, of: ct, lower: 0}, {name: first, op: first_order, of: ct, labels: mask}]
learn:
  table: first
  features: [mean, median, kurtosis]
  models: [{model: knn, k: [3, 5, 9]}, logistic: {C: 0.01..100}]
  tune: {search: random, tries: 4, folds: 3}
  recalibrate: logistic
  subgroups: [sex]
  validate: {group: site, optimism: 10, permutation_test: 19, learning_curve: 4, resamples: 100, hold_out: held}
"""


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


with tempfile.TemporaryDirectory() as work:
    rng = np.random.default_rng(8)
    os.mkdir(f"{work}/data")
    lines = []
    for i in range(72):
        ill = i % 2
        image = rng.normal(100 + 6 * ill + rng.normal(0, 5), 10 + rng.random(), (6, 6, 6)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), f"{work}/data/S{i:02}.nii.gz")
        lines.append(f"S{i:02},{ill},{'MF'[i // 2 % 2]},{['Bern', 'Basel', 'Genf'][i // 4 % 3]},{int(i >= 60)}\n")
    lib.write(f"{work}/labels.csv", "who,ill,sex,site,held\n" + "".join(lines))
    lib.write(f"{work}/s.yaml", STUDY)
    lib.run(f"{work}/s.yaml", f"{work}/out", check=0)
    tables = f"{work}/out/tables/learn_"
    assert {r["group"] for r in rows(f"{tables}folds.csv")} == {"Bern", "Basel", "Genf", ""}
    assert {(r["column"], r["level"]) for r in rows(f"{tables}subgroups.csv")} == {
        ("sex", "M"), ("sex", "F"), ("site", "Bern"), ("site", "Basel"), ("site", "Genf")}
    tuning = rows(f"{tables}tuning.csv")
    assert {r["parameters"] for r in tuning if r["model"] == "knn"} <= {"k=3", "k=5", "k=9"}
    assert sum(r["model"] == "logistic" and r["part"] == "final" for r in tuning) == 4
    assert {r["part"] for r in rows(f"{tables}recalibration.csv")} == {"cross_validation", "hold_out"}
    assert len(rows(f"{tables}optimism.csv")) == 24 and len(rows(f"{tables}learning_curve.csv")) == 8
    assert all(0.05 <= float(r["p"]) <= 1 for r in rows(f"{tables}permutation_test.csv"))
    with open(f"{work}/out/report.html") as file:
        report = file.read()
    for title in ("Chosen parameters", "Recalibration", "Optimism", "Against chance", "Subgroups", "Learning curve"):
        assert f"<h3>{title}</h3>" in report, title
    # what is asked for changes the key under which learning is kept
    lib.write(f"{work}/s.yaml", STUDY.replace("recalibrate: logistic", "recalibrate: isotonic").replace("group: site", "group: subject"))
    lib.run(f"{work}/s.yaml", f"{work}/out", check=0)
    assert {r["group"] for r in rows(f"{tables}folds.csv")} == {""}
    for wrong, said in (("recalibrate: magic", "recalibrate"), ("tune: 3", "tune must be"), ("subgroups: [age]", "age")):
        key = wrong.split(":")[0]
        lib.write(f"{work}/s.yaml", "\n".join(f"  {wrong}" if line.startswith(f"  {key}:") else line for line in STUDY.split("\n")))
        result = lib.run(f"{work}/s.yaml", f"{work}/wrong", check=2)
        assert said in result.stderr, result.stderr
    # several targets: a model each, and metrics of all of them together
    several = STUDY.replace("target: ill}", "target: [ill, held]}").replace(", hold_out: held", "").replace("optimism: 10, permutation_test: 19, learning_curve: 4, ", "")
    lib.write(f"{work}/m.yaml", several.replace("group: site", "folds: 3").replace("  tune: {search: random, tries: 4, folds: 3}\n", "").replace("[3, 5, 9]", "3").replace("0.01..100", "1"))
    lib.run(f"{work}/m.yaml", f"{work}/m", check=0)
    metrics = rows(f"{work}/m/tables/learn_metrics.csv")
    assert {r["model"] for r in metrics} == {"knn", "logistic", "knn-ill", "knn-held", "logistic-ill", "logistic-held"}
    assert {"subset_accuracy", "hamming_loss"} <= {r["metric"] for r in metrics if r["model"] == "knn"}
    assert sorted(os.listdir(f"{work}/m/models")) == ["knn-held.json", "knn-ill.json", "logistic-held.json", "logistic-ill.json"]
    lib.write(f"{work}/wrong.yaml", several.replace("[ill, held]", "[ill, gone]"))
    assert "gone" in lib.run(f"{work}/wrong.yaml", f"{work}/wrong", check=2).stderr
    if len(sys.argv) > 1:
        import shutil
        shutil.copy(f"{work}/out/report.html", sys.argv[1])
print("studies validate")
