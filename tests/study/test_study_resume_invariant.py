"""kill -9 at any point, then --resume: the same bits as an undisturbed run, and nothing done twice that was done."""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

import study_lib as lib

KILLS = int(os.environ.get("CORMACK_TEST_KILLS", "25"))


def killed_after(study, out, seconds, threads):
    process = subprocess.Popen([lib.CORMACK, "run", study, "-o", out, "--quiet", "--threads", str(threads)], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait()


with tempfile.TemporaryDirectory() as work:
    lib.cohort(work, subjects=8, size=(40, 64, 64))
    study = f"{work}/study.yaml"
    lib.write(study, lib.STUDY)
    start = time.monotonic()
    lib.run(study, f"{work}/whole", "--threads", "2", check=0)
    seconds = time.monotonic() - start
    whole = lib.digest(f"{work}/whole")
    assert len(whole) > 15, whole
    rng = random.Random(7)
    hits = 0
    for kill in range(KILLS):
        out = f"{work}/out"
        shutil.rmtree(out, ignore_errors=True)
        # one to three kills, anywhere from before the folder is made to after the end
        for _ in range(rng.randint(1, 3)):
            hits += killed_after(study, out, rng.uniform(0, seconds * 1.1), rng.choice([1, 2])) == -signal.SIGKILL
        result = lib.run(study, out, "--resume", "--json", "--threads", rng.choice(["1", "2"]), check=0)
        wrong = lib.differences(whole, lib.digest(out))
        assert not wrong, f"kill {kill}: {wrong}"
        left = [os.path.join(d, f) for d, _, files in os.walk(out) for f in files if ".part-" in f]
        assert not left, left
        outcome = json.loads(result.stdout)
        assert outcome["steps_failed"] == 0
        again = json.loads(lib.run(study, out, "--resume", "--json", check=0).stdout)
        assert again["steps_run"] == 0 and again["steps_kept"] == outcome["steps_run"] + outcome["steps_kept"], again
    print(f"{KILLS} runs, {hits} kills hit, {seconds:.2f} s a run: same bits each time")
    assert hits >= KILLS // 2, "the kills came too late to show anything"
