"""The demo's study on a small cohort, from DICOM to models and report: the same bits with one thread and with two, and after kill -9
at random moments of reading, segmenting, aligning, learning and writing."""
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

import study_lib as lib
import thorax_lib as thorax

KILLS = int(os.environ.get("CORMACK_TEST_KILLS", "6"))


def killed_after(out, seconds, env):
    process = subprocess.Popen([lib.CORMACK, "run", thorax.STUDY, "-o", out, "--quiet"], env=env, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


with tempfile.TemporaryDirectory() as work:
    env = thorax.cohort(f"{work}/cohort")
    start = time.monotonic()
    lib.run(thorax.STUDY, f"{work}/one", "--quiet", "--threads", "1", env=env, check=1)
    seconds = time.monotonic() - start
    whole = lib.digest(f"{work}/one")
    kinds = {kind: sum(name.endswith(kind) for name in whole) for kind in (".csv", ".json", ".nii.gz", ".html")}
    assert sum(name.startswith("models/") for name in whole) == 5 and kinds[".nii.gz"] > 30 and kinds[".html"] == 1, kinds
    lib.run(thorax.STUDY, f"{work}/two", "--quiet", "--threads", "2", env=env, check=1)
    wrong = lib.differences(whole, lib.digest(f"{work}/two"))
    assert not wrong, f"two threads: {wrong}"
    rng = random.Random(79)
    hits = 0
    for kill in range(KILLS):
        out = f"{work}/out"
        shutil.rmtree(out, ignore_errors=True)
        for _ in range(rng.randint(1, 3)):
            hits += killed_after(out, rng.uniform(0, seconds), env)
        lib.run(thorax.STUDY, out, "--quiet", "--resume", "--threads", rng.choice(["1", "2"]), env=env, check=1)
        wrong = lib.differences(whole, lib.digest(out))
        assert not wrong, f"kill {kill}: {wrong}"
    assert hits >= KILLS // 2, "the kills came too late to show anything"
    print(f"{len(whole)} files {kinds}: the same with 1 and 2 threads and after {hits} kills in {KILLS} runs of {seconds:.1f} s")
