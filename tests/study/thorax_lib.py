"""A small cohort of chest CT studies, coarse enough for seconds, and the demo's study over it."""
import os
import subprocess

import study_lib as lib

STUDY = os.path.join(os.environ.get("CORMACK_SOURCE", os.getcwd()), "examples", "thorax.yaml")


def cohort(folder, patients=16):
    subprocess.run([lib.CORMACK, "phantom", "thorax", folder, "--patients", str(patients), "--matrix", "112", "--slice", "4", "--quiet"], check=True)
    return dict(os.environ, CORMACK_PHANTOM=folder)
