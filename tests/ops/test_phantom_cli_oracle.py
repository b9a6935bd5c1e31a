"""cormack phantom thorax: studies that independent readers (pydicom, SimpleITK) read as the tables beside them say, two deliberate defects, and
a cohort in which size and margin tell the diagnosis well but not fully (AUC by scikit-learn)."""
import csv
import glob
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import pydicom
    import SimpleITK
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict
except ImportError as missing:
    print("skipped:", missing)
    sys.exit(77)

cormack = os.environ["CORMACK"]
out = tempfile.mkdtemp()


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [{k.split(" [")[0]: v for k, v in row.items()} for row in csv.DictReader(file)]


subprocess.run([cormack, "phantom", "thorax", out, "--patients", "5", "--matrix", "96", "--slice", "5", "--quiet"], check=True)
visits, nodules = rows(out + "/truth/visits.csv"), rows(out + "/truth/nodules.csv")
assert len(rows(out + "/diagnoses.csv")) == 5 and len(visits) == 6
missing = [v for v in visits if v["missing_slice"]]
truncated = [v for v in visits if v["truncated_slice"]]
assert len(missing) == 1 and len(truncated) == 1 and missing[0] != truncated[0]
frames = set()
for v in visits:
    files = sorted(glob.glob(f"{out}/{v['dicom']}/*.dcm"))
    assert len(files) == 60 - bool(v["missing_slice"])
    heads = [pydicom.dcmread(f, stop_before_pixels=True) for f in files]
    assert {h.PatientID for h in heads} == {v["patient_id"]} and {h.StudyDate for h in heads} == {v["study_date"]}
    assert len({h.SeriesInstanceUID for h in heads}) == 1 and len({h.SOPInstanceUID for h in heads}) == len(heads)
    frames.add(heads[0].FrameOfReferenceUID)
    if v["missing_slice"] or v["truncated_slice"]:
        continue
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(f"{out}/{v['dicom']}"))
    ct = reader.Execute()
    hu = SimpleITK.GetArrayFromImage(ct)
    lungs = SimpleITK.ReadImage(f"{out}/{v['lungs']}")
    label = SimpleITK.GetArrayFromImage(lungs)
    assert np.allclose(ct.GetOrigin(), lungs.GetOrigin(), atol=1e-3) and np.allclose(ct.GetSpacing(), lungs.GetSpacing(), atol=1e-4)
    assert -900 < hu[label == 1].mean() < -740 and hu.min() >= -1024 and np.percentile(hu[label == 3], 10) < -900
    for n in nodules:  # bright where the table says that a nodule is
        if (n["patient_id"], n["study_date"]) != (v["patient_id"], v["study_date"]) or n["place"] == "wall" or float(n["diameter"]) < 9:
            continue
        x, y, z = ct.TransformPhysicalPointToIndex([float(n[k]) for k in "xyz"])
        assert hu[z, y, x] > -500, n
assert len(frames) == len(visits)
transform = json.load(open(out + "/truth/transforms.json"))["transforms"]
for patient, m in transform.items():
    m = np.array(m)
    assert np.allclose(m[:, :3] @ m[:, :3].T, np.eye(3), atol=1e-12)
    for n in nodules:
        if n["patient_id"] != patient or n["visit"] != "1" or n["place"] == "wall":
            continue
        later = next(k for k in nodules if k["patient_id"] == patient and k["visit"] == "2" and k["nodule"] == n["nodule"])
        there = m[:, :3] @ [float(n[k]) for k in "xyz"] + m[:, 3]
        assert np.allclose(there, [float(later[k]) for k in "xyz"], atol=1e-9)

subprocess.run([cormack, "phantom", "thorax", out + "/tables", "--no_images", "--quiet"], check=True)
sick = {r["patient_id"]: int(r["malignant"]) for r in rows(out + "/tables/diagnoses.csv")}
largest = {}
for n in rows(out + "/tables/truth/nodules.csv"):
    if n["visit"] == "1" and float(n["volume"]) > float(largest.get(n["patient_id"], {"volume": 0})["volume"]):
        largest[n["patient_id"]] = n
x = np.array([[np.log(float(n["volume"])), n["margin"] == "spiculated", n["margin"] == "lobulated", n["density"] == "calcified"]
              for n in largest.values()], float)
y = np.array([sick[p] for p in largest])
auc = roc_auc_score(y, cross_val_predict(LogisticRegression(), x, y, cv=5, method="predict_proba")[:, 1])
print(f"AUC of size, margin and density: {auc:.3f}")
assert 0.8 <= auc <= 0.97
