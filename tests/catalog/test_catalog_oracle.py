"""The catalogue of real files against pydicom's reading of them, and what happens when files change, move and vanish."""
import csv
import io
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import warnings

import pydicom

warnings.simplefilter("ignore")
CORMACK = os.environ.get("CORMACK", "build/cormack")
DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", "../shared/data"))


def run(*words, code=(0, 1), threads="2"):
    done = subprocess.run([CORMACK, "catalog", *words, "--quiet", "--threads", threads], capture_output=True, text=True)
    assert done.returncode in code, (words, done.returncode, done.stderr)
    return done


def add(catalog, *paths, **more):
    return json.loads(run("add", *map(str, paths), "--catalog", str(catalog), "--json", **more).stdout)


def query(catalog, sql):
    return list(csv.DictReader(io.StringIO(run("query", sql, "--catalog", str(catalog), "--format", "csv").stdout)))


def iso(date):
    return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdigit() else date


def text(ds, keyword):
    value = ds.get(keyword)
    if value is None:
        return ""
    joined = "\\".join(str(v).strip(" \0") for v in value) if isinstance(value, pydicom.multival.MultiValue) else str(value)
    return joined.strip(" \0")


def number(ds, keyword, at=0):
    value = ds.get(keyword)
    if value is None or value == "":
        return ""
    value = value[at] if isinstance(value, pydicom.multival.MultiValue) else value
    return float(value)


def against_pydicom(folder, catalog):
    report = add(catalog, folder)
    rows = query(catalog, "SELECT * FROM images ORDER BY path")
    assert len(rows) + report["quarantined"] == report["files"] and len(rows) > 200
    real = os.path.realpath(folder)
    assert {row["path"] for row in rows} | {row["path"] for row in query(catalog, "SELECT path FROM quarantined")} <= {
        os.path.join(base, name) for base, _, names in os.walk(real) for name in names}
    copies = {row["path"] for row in query(catalog, "SELECT path FROM duplicates")}  # files of one instance that differ: the last one speaks
    for row in rows:
        if row["path"] in copies:
            continue
        ds = pydicom.dcmread(row["path"], stop_before_pixels=True, force=True)
        expected = {
            "patient_id": text(ds, "PatientID"), "study_uid": text(ds, "StudyInstanceUID"), "series_uid": text(ds, "SeriesInstanceUID"),
            "sop_instance_uid": text(ds, "SOPInstanceUID"), "sop_class_uid": str(ds.get("SOPClassUID", "")), "modality": text(ds, "Modality"),
            "image_type": text(ds, "ImageType"), "acquisition_date": iso(text(ds, "AcquisitionDate")), "photometric": text(ds, "PhotometricInterpretation"),
        }
        for column, value in expected.items():
            assert row[column] == value, (row["path"], column, row[column], value)
        for column, keyword, at in (("rows", "Rows", 0), ("columns", "Columns", 0), ("number", "InstanceNumber", 0), ("frames", "NumberOfFrames", 0),
                                    ("position_z", "ImagePositionPatient", 2), ("row_spacing", "PixelSpacing", 0),
                                    ("slice_thickness", "SliceThickness", 0), ("echo_time_ms", "EchoTime", 0)):
            ours = float(row[column]) if row[column] else ""
            assert ours == number(ds, keyword, at), (row["path"], column, ours, number(ds, keyword, at))
        assert int(row["size"]) == os.path.getsize(row["path"])
    for row in query(catalog, "SELECT path, reason FROM quarantined"):
        ds = pydicom.dcmread(row["path"], stop_before_pixels=True, force=True)
        missing = [k for k in ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID") if not ds.get(k)]
        assert row["reason"].split(" ")[0] in missing or "left" in row["reason"] or "missing" in row["reason"], row
    again = add(catalog, folder)
    assert again["unchanged"] == report["files"] and not again["added"] and again["other"] == report["other"]
    assert again["quarantined"] == report["quarantined"]
    print(len(rows) - len(copies), "images agree with pydicom;", report["quarantined"], "quarantined")


def same_rows_at_any_thread_count(folder, tmp):
    dumps = []
    for threads in ("1", "2"):
        path = tmp / f"threads{threads}.sqlite"
        add(path, folder, threads=threads)
        with sqlite3.connect(path) as db:
            dumps.append([line for line in db.iterdump() if '"runs"' not in line])
    assert dumps[0] == dumps[1]


def incremental(tmp):
    folder, catalog = tmp / "in", tmp / "incremental.sqlite"
    (folder / "a").mkdir(parents=True)
    (folder / "b").mkdir()
    source = pydicom.dcmread(DATA / "dicom/pydicom/test_files/CT_small.dcm")
    for at in range(6):
        source.SOPInstanceUID = source.file_meta.MediaStorageSOPInstanceUID = f"2.25.{at + 1}"
        source.PatientID, source.InstanceNumber = f"P{at // 3}", at
        source.StudyInstanceUID, source.SeriesInstanceUID = f"2.25.10{at // 3}", f"2.25.20{at // 3}"
        source.save_as(folder / "ab"[at // 3] / f"{at}.dcm")
    (folder / "a/notes.txt").write_text("no DICOM")

    def counts():
        tables = ("patients", "studies", "series", "instances")
        return tuple(int(query(catalog, f"SELECT count(*) AS n FROM {table}")[0]["n"]) for table in tables)

    first = add(catalog, folder)
    assert (first["files"], first["added"], first["other"]) == (6, 6, 1) and counts() == (2, 2, 2, 6)
    assert add(catalog, folder)["unchanged"] == 6
    # a new one and a broken one
    source.SOPInstanceUID = source.file_meta.MediaStorageSOPInstanceUID = "2.25.7"
    source.save_as(folder / "b/6.dcm")
    (folder / "b/cut.dcm").write_bytes((folder / "b/3.dcm").read_bytes()[:3000])
    report = add(catalog, folder)
    assert (report["added"], report["unchanged"], report["quarantined"], report["files"]) == (2, 6, 1, 8), report
    assert "cut off at byte 3000" in query(catalog, "SELECT reason FROM quarantined")[0]["reason"]
    # the broken one is mended
    shutil.copyfile(folder / "b/3.dcm", folder / "b/cut.dcm")
    report = add(catalog, folder)
    assert (report["changed"], report["quarantined"], report["unchanged"]) == (1, 0, 7), report
    assert len(query(catalog, "SELECT * FROM duplicates")) == 2
    # moved within, renamed, moved to a folder not yet known
    (folder / "c").mkdir()
    (folder / "a/0.dcm").rename(folder / "c/0.dcm")
    (folder / "a/1.dcm").rename(folder / "a/one.dcm")
    report = add(catalog, folder)
    assert (report["moved"], report["added"], report["removed"], report["files"]) == (2, 0, 0, 8), report
    assert {os.path.basename(r["path"]) for r in query(catalog, "SELECT path FROM images WHERE patient_id = 'P0'")} == {"0.dcm", "one.dcm", "2.dcm"}
    # removed: noted, and back again
    (folder / "c/0.dcm").rename(tmp / "kept.dcm")
    shutil.move(folder / "b", tmp / "b")
    report = add(catalog, folder)
    assert (report["removed"], report["files"]) == (6, 2), report
    assert len(query(catalog, "SELECT * FROM removed_files")) == 6 and len(query(catalog, "SELECT * FROM images")) == 2
    assert counts()[3] == 7, "instances stay known"
    shutil.move(tmp / "b", folder / "b")
    report = add(catalog, folder)
    assert report["files"] == 7 and report["added"] + report["unchanged"] + report["moved"] == 7, report
    assert len(query(catalog, "SELECT * FROM removed_files")) == 1
    # a file that becomes another instance takes the old one with it
    source.SOPInstanceUID, source.PatientID = "2.25.99", "P9"
    source.StudyInstanceUID, source.SeriesInstanceUID = "2.25.109", "2.25.209"
    time.sleep(0.01)
    source.save_as(folder / "a/2.dcm")
    report = add(catalog, folder / "a/2.dcm")
    assert report["changed"] == 1 and counts() == (3, 3, 3, 7), (report, counts())
    assert not query(catalog, "SELECT * FROM images WHERE sop_instance_uid = '2.25.3'")
    report = add(catalog, folder)
    assert (report["files"], report["unchanged"], report["added"]) == (7, 7, 0), report
    with sqlite3.connect(catalog) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert not db.execute("PRAGMA foreign_key_check").fetchall()


def queries(catalog, tmp):
    before = catalog.read_bytes()
    for sql in ("DELETE FROM files", "SELECT 1; DROP TABLE files", "PRAGMA user_version = 3", f"ATTACH '{tmp}/x.db' AS x", "VACUUM",
                "SELECT load_extension('x')", "CREATE TABLE t (a)", "UPDATE patients SET name = ''", "", "SELEC 1", "BEGIN",
                "WITH x AS (SELECT 1) INSERT INTO files SELECT 1 FROM x", "SELECT writefile('x', 'y')"):
        done = run("query", sql, "--catalog", str(catalog), code=(2,))
        assert done.stderr.startswith("cormack: ") and not done.stdout, (sql, done.stderr)
    assert catalog.read_bytes() == before and not (tmp / "x.db").exists()
    answer = json.loads(run("query", "SELECT 1 AS a, 2.5 AS b, 'x' AS c, NULL AS d, 1 AS a UNION ALL SELECT 2.5, 3, NULL, NULL, 7 -- end\n;",
                            "--catalog", str(catalog), "--json").stdout)
    assert [c["name"] for c in answer["columns"]] == ["a", "b", "c", "d", "a_2"]
    assert [c["type"] for c in answer["columns"]] == ["real", "real", "text", "text", "int"]
    assert answer["rows"] == [[1, 2.5, "x", None, 1], [2.5, 3, None, None, 7]]
    table = run("query", "SELECT 'Müller' AS name, 12 AS age", "--catalog", str(catalog)).stdout
    assert table == "name    age\nMüller   12\n", table
    run("query", "SELECT 1", "--catalog", str(tmp / "none.sqlite"), code=(2,))
    (tmp / "text.sqlite").write_text("this is no database at all, but long enough to be one" * 20)
    run("query", "SELECT 1", "--catalog", str(tmp / "text.sqlite"), code=(2,))
    run("add", str(tmp / "in"), "--catalog", str(tmp / "text.sqlite"), code=(2,))
    run("add", str(tmp / "nowhere"), "--catalog", str(tmp / "new.sqlite"), code=(2,))
    endless = subprocess.Popen([CORMACK, "catalog", "query", "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
                                "--catalog", str(catalog)], stderr=subprocess.PIPE)
    time.sleep(0.5)
    endless.terminate()
    assert endless.wait(10) == 2 and b"stop" in endless.stderr.read().lower()


def main():
    folder = DATA / "dicom"
    if not folder.exists():
        print("skipped: no", folder)
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        tmp = pathlib.Path(os.path.realpath(name))
        against_pydicom(folder, tmp / "real.sqlite")
        same_rows_at_any_thread_count(folder, tmp)
        incremental(tmp)
        queries(tmp / "real.sqlite", tmp)


main()
