"""Studies whose images are asked of a catalogue: what is chosen, kept, told and set aside; every number is counted in the cohort's own tables."""
import csv
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile

import study_lib as lib

STUDY = """study: asked
catalog: {path: cohort/dicom}
inputs:
  ct: {modality: ct, where: "CONDITION"}
steps:
  - {name: air, op: threshold, of: ct, lower: -2000, upper: -500, save: true}
  - {name: size, op: regions, of: ct, labels: air}
"""


def rows(path):
    with open(path) as file:
        return list(csv.DictReader(file))


def outcome(result):
    return json.loads(result.stdout)


def study(work, where="1", text=STUDY, name="study.yaml"):
    path = f"{work}/{name}"
    lib.write(path, text.replace("CONDITION", where))
    return path


def subjects(out):
    return [row["subject"] for row in rows(f"{out}/tables/size.csv")]


def count_dicom(folder):
    return sum(name.endswith(".dcm") for _, _, names in os.walk(folder) for name in names)


def test_same_as_path(work, visits):
    """A catalogue of a folder and the folder itself: the same images, quarantine and bytes of what is measured."""
    by_path = study(work, text=STUDY.replace("catalog: {path: cohort/dicom}\n", "").replace("{modality: ct, where: \"CONDITION\"}", "{modality: CT, path: cohort/dicom}"))
    lib.run(by_path, f"{work}/path", check=1)
    first = outcome(lib.run(study(work), f"{work}/asked", "--json", check=1))
    a, b = lib.digest(f"{work}/path"), lib.digest(f"{work}/asked")
    same = [name for name in a if name.startswith("images/") or name in ("tables/size.csv", "quarantine.csv")]
    assert len(same) == len(visits) - 2 + 2 and all(a[name] == b.get(name) for name in same), lib.differences(a, b)
    assert not [name for name in rows(f"{work}/asked/quarantine.csv") if not name["subject"]], "a broken file is told without its patient"
    # what it holds, against the cohort: the truncated file is broken, so it is no image of the catalogue
    files = count_dicom(f"{work}/cohort/dicom") - 1
    held = {row["modality"]: row for row in rows(f"{work}/asked/tables/catalog.csv")}
    patients, studies = len({v["patient_id"] for v in visits}), len(visits)
    for modality in ("CT", "all"):
        row = held[modality]
        assert (int(row["patients"]), int(row["studies"]), int(row["images"]), int(row["files"])) == (patients, studies, files, files), row
    report = open(f"{work}/asked/report.html").read()
    assert "What the catalogue holds" in report and f">{files}<" in report
    # nothing changed: nothing done, the same with other threads
    again = outcome(lib.run(study(work), f"{work}/asked", "--json", check=1))
    assert (again["steps_run"], again["steps_kept"]) == (0, first["steps_run"]), again
    lib.run(study(work), f"{work}/threads", "--threads", "1", check=1)
    assert not lib.differences(b, lib.digest(f"{work}/threads"))
    return b


def test_choice(work, visits):
    hurt = {v["patient_id"] for v in visits if v["truncated_slice"] or v["missing_slice"]}
    chosen = sorted({v["patient_id"] for v in visits} - hurt)[2:4]
    where = f"patient_id IN ('{chosen[0]}', '{chosen[1]}') -- these two"
    out = f"{work}/choice"
    lib.run(study(work, where), out)
    assert sorted(set(subjects(out))) == chosen, subjects(out)
    # finer and coarser names of images choose the same
    for query in (f"SELECT patient_id FROM patients WHERE patient_id IN ('{chosen[0]}', '{chosen[1]}');",
                  f"SELECT study_uid FROM images WHERE patient_id IN ('{chosen[0]}', '{chosen[1]}')",
                  f"SELECT * FROM series_list WHERE patient_id IN ('{chosen[0]}', '{chosen[1]}')",
                  f"SELECT path FROM images WHERE patient_id IN ('{chosen[0]}', '{chosen[1]}')"):
        result = lib.run(study(work, text=STUDY.replace("where: \"CONDITION\"", f"query: \"{query}\"")), f"{work}/query")
        assert result.returncode == 1, (query, result.stderr)
        assert rows(f"{work}/query/tables/size.csv") == rows(f"{out}/tables/size.csv"), query
    # images of one patient whose catalogue row says so, out of a catalogue that was made before
    subprocess.run([lib.CORMACK, "catalog", "add", f"{work}/cohort/dicom", "--catalog", f"{work}/cohort.sqlite", "--quiet"])
    text = STUDY.replace("catalog: {path: cohort/dicom}", "catalog: cohort.sqlite")
    lib.run(study(work, where, text=text), f"{work}/made")
    assert rows(f"{work}/made/tables/size.csv") == rows(f"{out}/tables/size.csv")
    inputs = [json.load(open(f"{place}/provenance.json"))["inputs"] for place in (out, f"{work}/made")]
    assert [i["files"] for i in inputs[0]] == [i["files"] for i in inputs[1]]
    assert all(i["path"].startswith(i["subject"]) for i in inputs[0]), inputs[0]


def test_quarantine_beside(work, visits):
    """Of a catalogue that was made before, only broken files beside the chosen images are told."""
    cut = next(v for v in visits if v["truncated_slice"])
    text = STUDY.replace("catalog: {path: cohort/dicom}", "catalog: cohort.sqlite")
    lib.run(study(work, f"patient_id = '{cut['patient_id']}'", text=text), f"{work}/cut", check=1)
    told = rows(f"{work}/cut/quarantine.csv")
    assert len(told) == 1 and told[0]["path"].endswith(f"IM{int(cut['truncated_slice']):04d}.dcm") and told[0]["subject"] == cut["patient_id"], told
    assert "cut off" in told[0]["reason"] and "1 slice is missing" in told[0]["reason"], told
    sound = next(v for v in visits if not v["truncated_slice"] and not v["missing_slice"] and v["patient_id"] != cut["patient_id"])
    lib.run(study(work, f"patient_id = '{sound['patient_id']}'", text=text), f"{work}/sound", check=0)
    assert not rows(f"{work}/sound/quarantine.csv")


def test_changes(work, visits, whole):
    """New, removed and returning files; a stale catalogue; --fresh; a plan writes nothing."""
    out, place = f"{work}/asked", f"{work}/cohort/dicom"
    before = outcome(lib.run(study(work), out, "--json", check=1))
    sound = next(v for v in visits if not v["truncated_slice"] and not v["missing_slice"])
    folder = f"{work}/cohort/{sound['dicom']}"
    shutil.move(folder, f"{work}/away")
    less = outcome(lib.run(study(work), out, "--json", check=1))
    assert less["images"] == before["images"] - 1 and less["steps_run"] == 0, less
    stale = lib.run(study(work, f"patient_id = '{sound['patient_id']}'", text=STUDY.replace("catalog: {path: cohort/dicom}", "catalog: cohort.sqlite")), f"{work}/stale")
    told = rows(f"{work}/stale/quarantine.csv") if os.path.exists(f"{work}/stale/quarantine.csv") else []
    assert "no usable image" in stale.stderr or (told and all("no longer there" in row["reason"] for row in told)), (stale.stderr, told)
    shutil.move(f"{work}/away", folder)
    lib.run(study(work), out, check=1)
    assert not lib.differences(whole, lib.digest(out))
    lib.run(study(work), out, "--fresh", check=1)
    assert not lib.differences(whole, lib.digest(out))
    kept = [name for name in os.listdir(f"{out}/.cormack") if name.endswith(".sqlite")]
    assert len(kept) == 1, kept
    # another folder is another catalogue
    one = os.path.dirname(sound["dicom"])
    lib.run(study(work, text=STUDY.replace("cohort/dicom", f"cohort/{one}")), out)
    names = [name for name in os.listdir(f"{out}/.cormack") if name.endswith(".sqlite")]
    assert len(names) == 1 and names != kept and set(subjects(out)) == {sound["patient_id"]}, (names, subjects(out))
    plan = lib.run(study(work), f"{work}/never", "--plan")
    assert f"{before['images']} images" in plan.stdout and not os.path.exists(f"{work}/never"), plan
    assert place and not [name for name in os.listdir(tempfile.gettempdir()) if name.startswith("cormack-catalog-")]


def test_kept_up_to_date(work):
    """catalog: {file, path}: one catalogue for several studies, made where it is not there."""
    text = STUDY.replace("catalog: {path: cohort/dicom}", "catalog: {file: shared.sqlite, path: cohort/dicom}")
    lib.run(study(work, text=text), f"{work}/shared", check=1)
    assert rows(f"{work}/shared/tables/size.csv") == rows(f"{work}/path/tables/size.csv")
    with sqlite3.connect(f"{work}/shared.sqlite") as db:
        assert db.execute("SELECT count(*) FROM files").fetchone()[0] == count_dicom(f"{work}/cohort/dicom")
    assert not [name for name in os.listdir(f"{work}/shared/.cormack") if name.endswith(".sqlite")]


def test_refusals(work):
    result = lib.run(study(work, "patient_id = 'nobody'"), f"{work}/none", check=2)
    assert "study.yaml:4:29: input «ct»" in result.stderr and "no usable image" in result.stderr, result.stderr
    result = lib.run(study(work, "modalty = 'CT'"), f"{work}/none", check=2)
    assert ":4:" in result.stderr and "did you mean «modality»?" in result.stderr, result.stderr


with tempfile.TemporaryDirectory() as work:
    subprocess.run([lib.CORMACK, "phantom", "thorax", f"{work}/cohort", "--patients", "8", "--matrix", "64", "--slice", "8", "--quiet"], check=True)
    visits = rows(f"{work}/cohort/truth/visits.csv")
    whole = test_same_as_path(work, visits)
    test_choice(work, visits)
    test_quarantine_beside(work, visits)
    test_changes(work, visits, whole)
    test_kept_up_to_date(work)
    test_refusals(work)
    print(f"{len(visits)} studies asked of a catalogue: choice, quarantine, changes, plan, refusals")
