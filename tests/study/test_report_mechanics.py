"""The report of the demo's study on a small cohort: all sections with what belongs into them, nothing fetched, no patient's name in what
the run has made."""
import csv
import gzip
import os
import re
import tempfile

import report_lib
import study_lib as lib
import thorax_lib as thorax

MODELS = ["logistic", "svm", "knn", "random_forest", "gradient_boosting"]


def test_sections(out):
    sections = report_lib.read(f"{out}/report.html")
    assert list(sections) == ["glance", "inputs", "images", "prediction", "why", "subjects", "growth", "tables", "methods", "checklist", "provenance"], list(sections)
    text = {name: section["text"] for name, section in sections.items()}
    tags = {name: section["tags"] for name, section in sections.items()}
    assert "subjects" in text["glance"] and "in quarantine" in text["glance"] and re.search(r"AUC of \w+, cross-validated; 95 % interval 0\.\d+ to", text["glance"])
    assert "cut off" in text["inputs"] and "1 slice is missing" in text["inputs"]
    assert tags["images"]["img"] >= 3 * 12 and tags["images"]["svg"] >= 2 * 12, tags["images"]
    assert "lung_right" in text["images"] and "2.25." not in text["images"], "captions name the image, not a number of sixty digits"
    for model in MODELS:
        assert text["prediction"].count(model) >= 5, f"{model}: metrics, ROC, interval, calibration, confusion"
    for word in ("AUC", "sensitivity", "specificity", "Calibration", "Confusion", "accuracy", "precision", "recall", "F1", "Brier"):
        assert word in text["prediction"], word
    assert re.search(r"0\.\d{3} to [01]\.\d{3}", text["prediction"]), "intervals"
    for word in ("Decision curve", "net benefit", "Thresholds", "youden", "Models against each other", "p, all pairs"):
        assert word in text["prediction"], word
    assert tags["prediction"]["svg"] >= 8 and "mean |SHAP|" in text["why"] and "permutation importance" in text["why"] and "SHAP value" in text["why"]
    shown = tags["subjects"]["details"]
    assert shown >= 12 and tags["subjects"]["svg"] == 2 * shown, "a force plot and a waterfall for each subject"
    for word in ("volume [mm³]", "diameter [mm]", "growth [%]", "doubling time [days]", "at the earlier visit, mm³", "both visits"):
        assert word in text["growth"], word
    assert tags["growth"]["img"] >= 2, "crops of nodules"
    assert "IEEE Trans Med Imaging" in text["methods"] and "threshold -400" in text["methods"]
    for word in ("TRIPOD+AI", "16 subjects found", "5-fold cross-validation, 4 times", "Cormack 0.", "for the authors", "events a variable"):
        assert word in text["checklist"], word
    assert "op: lungs" in text["provenance"], "the study file itself"


def test_names(out):
    """The name, the number and the birth date of a patient stay in the DICOM files; tables go by the subject's number."""
    names = 0
    for folder, folders, files in os.walk(out):
        folders[:] = [f for f in folders if f != ".cormack"]
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()
            if name.endswith(".nii.gz"):
                data = gzip.decompress(data)
                assert b"PatientID" not in data and b"PatientBirthDate" not in data and b"CHEST-" not in data[:8000], name
                names += 1
            assert b"Phantom^" not in data and b"PatientName" not in data, name
    assert names > 10


def test_odd_text(work, env):
    """Whatever a study is called and says, the page stays whole."""
    with open(thorax.STUDY) as file:
        study = file.read()
    study = study.replace("title: Do nodule features predict malignancy?", "title: \"<script>alert(1)</script> & 'a' > \\\"b\\\"\"")
    lib.write(f"{work}/odd.yaml", study)
    lib.run(f"{work}/odd.yaml", f"{work}/odd", "--quiet", env=env, check=1)
    report_lib.read(f"{work}/odd/report.html")


def test_numbers(work, env):
    """A target of numbers, or of times until an event, has its own metrics and pictures."""
    cohort = env["CORMACK_PHANTOM"]
    with open(f"{cohort}/diagnoses.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open(f"{cohort}/outcomes.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["patient_id", "age", "months", "died"])
        out.writerows([r["patient_id"], r["age [a]"] + ".5", 3 + 7 * i % 11, int(i % 3 > 0)] for i, r in enumerate(rows))
    with open(thorax.STUDY) as file:
        study = file.read().replace("diagnoses.csv", "outcomes.csv").replace("folds: 5, repeats: 4", "folds: 2, repeats: 2")
    kinds = "models: [logistic, svm, knn, random_forest, gradient_boosting]"
    for name, target, learn, words in [("regression", "age", "models: [ridge, lasso]", ("R²", "MAE", "Observed and predicted", "predicted", "observed")),
                                       ("survival", "months", "event: died\n  models: [cox: {alpha: 1}]", ("C-index", "Kaplan and Meier", "log-rank p", "high risk"))]:
        lib.write(f"{work}/{name}.yaml", study.replace("target: malignant", f"target: {target}").replace(kinds, learn))
        lib.run(f"{work}/{name}.yaml", f"{work}/out", "--quiet", env=env, check=1)  # there the images' steps are done
        sections = report_lib.read(f"{work}/out/report.html")
        for word in words:
            assert word in sections["prediction"]["text"], (name, word)
        assert "AUC" not in sections["glance"]["text"] + sections["why"]["text"], name
        assert sections["subjects"]["tags"]["details"] >= 10, name


with tempfile.TemporaryDirectory() as work:
    env = thorax.cohort(f"{work}/cohort")
    lib.run(thorax.STUDY, f"{work}/out", "--quiet", env=env, check=1)
    test_sections(f"{work}/out")
    test_names(f"{work}/out")
    test_odd_text(work, env)
    test_numbers(work, env)
    print("report: sections, names, odd text, numbers and survival")
