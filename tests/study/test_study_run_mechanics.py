"""What a run keeps, skips, refuses, sets aside and says."""
import csv
import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile

import study_lib as lib


def outcome(result):
    return json.loads(result.stdout)


def test_threads(work, study):
    lib.run(study, f"{work}/one", "--threads", "1", check=0)
    lib.run(study, f"{work}/two", "--threads", "2", check=0)
    one, two = lib.digest(f"{work}/one"), lib.digest(f"{work}/two")
    assert not lib.differences(one, two), lib.differences(one, two)
    assert any(name.endswith(".nii.gz") for name in one) and any(name.endswith(".csv") for name in one)
    return one


def test_skip(work, study):
    out = f"{work}/skip"
    first = outcome(lib.run(study, out, "--json", check=0))
    units = first["steps_run"]
    assert units == 3 * first["images"] and first["steps_kept"] == 0, first
    # nothing changed, and files that are only touched: nothing is done
    os.utime(f"{work}/data/S01/2020-01-01.nii.gz")
    again = outcome(lib.run(study, out, "--json", check=0))
    assert (again["steps_run"], again["steps_kept"]) == (0, units), again
    # a parameter of the last step: only that step
    lib.write(study, lib.STUDY.replace("largest: 1", "largest: 2"))
    changed = outcome(lib.run(study, out, "--json", check=0))
    assert (changed["steps_run"], changed["steps_kept"]) == (units // 3, units * 2 // 3), changed
    # another image of one subject: only its steps
    lib.write(study, lib.STUDY)
    lib.run(study, out, check=0)
    shutil.copy(f"{work}/data/S01/2020-01-01.nii.gz", f"{work}/S01.copy")
    shutil.copy(f"{work}/data/S02/2020-01-01.nii.gz", f"{work}/data/S01/2020-01-01.nii.gz")
    other = outcome(lib.run(study, out, "--json", check=0))
    # S01 now has the image of S02, whose outcomes are there already: nothing is computed for it
    assert other["steps_run"] == 0, other
    shutil.move(f"{work}/S01.copy", f"{work}/data/S01/2020-01-01.nii.gz")
    # --fresh does everything
    assert outcome(lib.run(study, out, "--json", "--fresh", check=0))["steps_run"] == units
    # an output that somebody has changed or removed comes back
    before = lib.digest(out)
    os.unlink(f"{out}/images/S01/2020-01-01/ball.nii.gz")
    lib.write(f"{out}/quarantine.csv", "scribble\n")
    lib.run(study, out, check=0)
    assert not lib.differences(before, lib.digest(out))


def test_stale(work, study):
    out = f"{work}/stale"
    lib.run(study, out, check=0)
    assert os.path.isdir(f"{out}/images")
    lib.write(study, lib.STUDY.replace(", save: true", ""))
    lib.run(study, out, check=0)
    assert not os.path.exists(f"{out}/images"), "images of an earlier form of the study are left"
    lib.write(study, lib.STUDY)


def test_lost_store(work, study, whole):
    """What is lost of the store is made again: files of it removed, damaged, and a journal that is cut off."""
    out = f"{work}/lost"
    lib.run(study, out, check=0)
    kept = sorted(os.listdir(f"{out}/.cormack/store"))
    os.unlink(f"{out}/.cormack/store/{kept[0]}")
    with open(f"{out}/.cormack/store/{kept[1]}", "r+b") as file:
        file.seek(100)
        file.write(b"damaged")
    with open(f"{out}/.cormack/journal", "r+b") as file:
        file.truncate(os.path.getsize(f"{out}/.cormack/journal") * 2 // 3)
    shutil.rmtree(f"{out}/images")
    os.unlink(f"{out}/results.json")
    lib.run(study, out, check=0)
    assert not lib.differences(whole, lib.digest(out))


def test_cache_outputs(work, study, whole):
    lib.write(study, lib.STUDY + "cache: outputs\n")
    out = f"{work}/lean"
    lib.run(study, out, check=0)
    lean = lib.digest(out)
    images = [name for name in whole if name.endswith((".nii.gz", ".csv"))]
    assert all(lean[name] == whole[name] for name in images)
    size = sum(os.path.getsize(f"{out}/.cormack/store/{f}") for f in os.listdir(f"{out}/.cormack/store"))
    full = sum(os.path.getsize(f"{work}/one/.cormack/store/{f}") for f in os.listdir(f"{work}/one/.cormack/store"))
    assert size < full / 2, (size, full)
    # a changed last step makes the images again that were not kept
    lib.write(study, lib.STUDY.replace("largest: 1", "largest: 1, min_size: 2") + "cache: outputs\n")
    assert outcome(lib.run(study, out, "--json", check=0))["steps_failed"] == 0
    lib.write(study, lib.STUDY)


def test_refusals(work, study):
    foreign = f"{work}/foreign"
    os.mkdir(foreign)
    lib.write(f"{foreign}/thesis.txt", "years of work")
    result = lib.run(study, foreign, check=2)
    assert "not a study's" in result.stderr and os.listdir(foreign) == ["thesis.txt"], result.stderr
    lib.write(f"{work}/file", "")
    assert "is a file" in lib.run(study, f"{work}/file", check=2).stderr
    os.mkdir(f"{work}/empty")
    lib.run(study, f"{work}/empty", check=0)
    result = subprocess.run([lib.CORMACK, "run", study], capture_output=True, text=True)
    assert result.returncode == 2 and "-o OUT" in result.stderr
    # another run at work
    with open(f"{work}/empty/.cormack/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another run" in lib.run(study, f"{work}/empty", check=2).stderr
    # a plan makes nothing
    plan = lib.run(study, f"{work}/never", "--plan", check=0)
    assert "gaussian" in plan.stdout and not os.path.exists(f"{work}/never")
    assert json.loads(lib.run(study, f"{work}/empty", "--plan", "--json", check=0).stdout)["steps"][0]["kept"] > 0


def test_quarantine(work, study):
    for name, kept in (("S08", 900), ("S09", 0)):
        os.makedirs(f"{work}/data/{name}")
        with open(f"{work}/data/S01/2020-01-01.nii.gz", "rb") as whole, open(f"{work}/data/{name}/2020-01-01.nii.gz", "wb") as cut:
            cut.write(whole.read()[:kept])
    lib.write(f"{work}/data/notes.nii.gz", "not an image at all")
    result = lib.run(study, f"{work}/sick", "--json", check=1)
    assert outcome(result)["quarantined"] == 3 and outcome(result)["steps_failed"] == 9, result.stdout
    with open(f"{work}/sick/quarantine.csv") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["path"] for row in rows) == ["data/S08/2020-01-01.nii.gz", "data/S09/2020-01-01.nii.gz", "data/notes.nii.gz"], rows
    assert all(row["reason"] and row["code"] and row["step"] == "read" for row in rows), rows
    healthy, sick = lib.digest(f"{work}/one"), lib.digest(f"{work}/sick")
    images = [name for name in healthy if name.endswith(".nii.gz")]
    assert all(sick[name] == healthy[name] for name in images), "the healthy ones are not the same"
    for name in ("S08", "S09"):
        shutil.rmtree(f"{work}/data/{name}")
    os.unlink(f"{work}/data/notes.nii.gz")


def limit_files(size):
    def prepare():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


def test_disk_full(work, study, whole):
    """No room at different points: one clear line, nothing lost, and a run with room ends with the same bits."""
    for size in (100, 3000, 20000, 60000):
        out = f"{work}/full"
        shutil.rmtree(out, ignore_errors=True)
        result = lib.run(study, out, preexec_fn=limit_files(size))
        assert result.returncode == 2, (size, result)
        assert result.stderr.count("\n") == 1 and "written" in result.stderr, result.stderr
        before = lib.digest(out) if os.path.isdir(out) else {}
        assert all(whole.get(name) == digest for name, digest in before.items()), "something half written is left"
        lib.run(study, out, "--resume", check=0)
        assert not lib.differences(whole, lib.digest(out))
    # a small file system, where this user may mount one
    small = f"{work}/small"
    os.mkdir(small)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", small], capture_output=True).returncode == 0:
        try:
            result = lib.run(study, f"{small}/out", check=2)
            assert result.stderr.count("\n") == 1 and "No space left" in result.stderr, result.stderr
            subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
            lib.run(study, f"{small}/out", "--resume", check=0)
            assert not lib.differences(whole, lib.digest(f"{small}/out"))
        finally:
            subprocess.run(["umount", small])
    else:
        print("no tmpfs can be mounted here: the small file system is left out")


with tempfile.TemporaryDirectory() as work:
    lib.cohort(work)
    study = f"{work}/study.yaml"
    lib.write(study, lib.STUDY)
    whole = test_threads(work, study)
    test_skip(work, study)
    test_stale(work, study)
    test_lost_store(work, study, whole)
    test_cache_outputs(work, study, whole)
    test_refusals(work, study)
    test_quarantine(work, study)
    test_disk_full(work, study, whole)
    print("runs: threads, skipping, stale outputs, lost store, lean cache, refusals, quarantine, disk full")
