"""The step of radiomics as the design writes it: regions from a step, parameters from a file as PyRadiomics has them. The features are those of the
command on the same images; the file is checked with the study, and what it says is part of what a step has done."""
import csv
import os
import re
import subprocess
import tempfile

import study_lib as lib
import thorax_lib

STUDY = """study: design
inputs:
  ct: {path: cohort/dicom, modality: CT}
steps:
  - {name: clean,    op: median,    of: ct, radius: 1, save: true}
  - {name: lungs,    op: lungs,     of: clean}
  - {name: nodules,  op: nodules,   of: clean, inside: lungs, save: nodules}
  - {name: features, op: radiomics, of: ct, regions: nodules, params: ct.yaml}
"""
PARAMS = """setting:
  binWidth: 30
  geometryTolerance: 0.001
imageType:
  Original: {}
  LoG: {sigma: [2.0]}
featureClass:
  firstorder: [Mean, Entropy]
  glcm: [Contrast]
"""


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def kept(work):
    """Of each step: how often it is done, and how often that is kept."""
    told = lib.run(f"{work}/s.yaml", f"{work}/out", "--plan").stdout
    return {name: (int(times), int(still)) for name, times, still in re.findall(r"step +(\S+) .*: (\d+) times, (\d+) kept", told)}


def test_features(work):
    """Equal to the command's, nodule by nodule."""
    lib.write(f"{work}/s.yaml", STUDY)
    lib.write(f"{work}/ct.yaml", PARAMS)
    lib.run(f"{work}/s.yaml", f"{work}/out")
    found = rows(f"{work}/out/tables/features.csv")
    assert "features" not in {row["step"] for row in rows(f"{work}/out/quarantine.csv")}, "who has no nodule has no row"
    assert {name for name in found[0] if "_" in name and not name.startswith("diagnostics_")} == {
        f"{image}_{feature}" for image in ("original", "log-sigma-2-0-mm-3D") for feature in ("firstorder_Mean", "firstorder_Entropy", "glcm_Contrast")}, list(found[0])
    compared = 0
    for subject, visit in sorted({(row["subject"], row["visit"]) for row in found}):
        image, mask = f"{work}/cohort/dicom/{subject}", f"{work}/out/images/{subject}/{visit}/nodules.nii.gz"
        (folder,) = [d for d, _, files in os.walk(image) if files and visit.replace("-", "") in d.replace("-", "")] or [image]
        done = subprocess.run([lib.CORMACK, "radiomics", folder, mask, "--params", f"{work}/ct.yaml", "--label", "0"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        for theirs, ours in zip(csv.DictReader(done.stdout.splitlines()), [r for r in found if (r["subject"], r["visit"]) == (subject, visit)], strict=True):
            same = [name for name in theirs if not name.startswith("diagnostics_")]
            assert {name: theirs[name] for name in same} == {name: ours[name] for name in same}, (theirs, ours)
            compared += 1
    assert compared >= 2, compared


def test_file_is_part_of_the_step(work):
    """A comment changes nothing; a setting changes this step alone; what the step says counts more than the file."""
    first = kept(work)
    assert first["features"][1] >= 2, first
    lib.write(f"{work}/ct.yaml", "# of the clinic\n" + PARAMS)
    assert kept(work) == first
    lib.write(f"{work}/ct.yaml", PARAMS.replace("30", "40"))
    assert kept(work) == {**first, "features": (first["features"][0], 0)}
    lib.write(f"{work}/s.yaml", STUDY.replace("params: ct.yaml", "params: ct.yaml, binWidth: 30"))
    assert kept(work) == first


def test_learning(work):
    """A subject without a nodule counts 0 and has the others' features, missing; diagnostics are none of them."""
    lib.write(f"{work}/s.yaml", STUDY + "learn: {table: {of: features, aggregate: {largest: original_firstorder_Mean, sum: [original_glcm_Contrast], count: true}}, "
              "models: [logistic], validate: {folds: 2, repeats: 1, resamples: 100, allow: duplicate_rows}}\n"
              "labels: {file: cohort/diagnoses.csv, subject: patient_id, target: malignant}\n")
    done = lib.run(f"{work}/s.yaml", f"{work}/learnt")
    assert os.path.exists(f"{work}/learnt/tables/learn_features.csv"), done.stderr
    learnt = rows(f"{work}/learnt/tables/learn_features.csv")
    nodules = [(row["subject"], row["visit"]) for row in rows(f"{work}/learnt/tables/features.csv")]
    assert {"0"} < {row["count"] for row in learnt}, learnt
    for row in learnt:
        there = (row["subject"], row["visit"]) in nodules
        assert (row["count"] != "0") == there == (row["original_firstorder_Mean"] != "") == (float(row["sum_original_glcm_Contrast"]) > 0), row
    assert not [name for name in learnt[0] if "diagnostics" in name]


def test_mistakes(work):
    """All at once, by the lines of the study, with the place in the file."""
    lib.write(f"{work}/s.yaml", STUDY)
    for text, told in ((PARAMS.replace("binWidth", "binwidth"), "ct.yaml:2:3: unknown key «binwidth»"), (PARAMS.replace("Contrast", "Cntrast"), "did you mean «Contrast»"),
                       ("- 1\n", "group of keys"), (None, "paths are relative to the study file")):
        os.remove(f"{work}/ct.yaml")
        if text:
            lib.write(f"{work}/ct.yaml", text)
        done = lib.run(f"{work}/s.yaml", f"{work}/wrong", check=2)
        assert "s.yaml:8:" in done.stderr and told in done.stderr, done.stderr
        assert not os.path.exists(f"{work}/wrong/tables")
        lib.write(f"{work}/ct.yaml", PARAMS)
    lib.write(f"{work}/s.yaml", STUDY.replace("params: ct.yaml", "params: [ct.yaml]"))
    assert "a group of keys or a file" in lib.run(f"{work}/s.yaml", f"{work}/wrong", check=2).stderr


def test_flat_file(work):
    """A file of the operation's own parameters, of any operation."""
    lib.write(f"{work}/s.yaml", STUDY)
    first = kept(work)
    lib.write(f"{work}/s.yaml", STUDY.replace("radius: 1", "params: median.yaml"))
    lib.write(f"{work}/median.yaml", "radius: 2\n")
    assert kept(work)["clean"][1] == 0
    lib.write(f"{work}/median.yaml", "radius: 1\n")
    assert kept(work) == first
    lib.write(f"{work}/median.yaml", "setting: {radius: 1}\n")
    assert "setting" in lib.run(f"{work}/s.yaml", f"{work}/wrong", check=2).stderr


with tempfile.TemporaryDirectory() as work:
    thorax_lib.cohort(f"{work}/cohort", 10)
    test_features(work)
    test_file_is_part_of_the_step(work)
    test_learning(work)
    test_mistakes(work)
    test_flat_file(work)
    print("radiomics: the design's step, its file part of the step, mistakes by line, flat files")
