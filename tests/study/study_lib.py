"""Small cohorts and runs for the tests of studies."""
import gzip
import hashlib
import os
import struct
import subprocess
import sys

import numpy as np

CORMACK = os.environ.get("CORMACK", "build/cormack")


def skip(why):
    print(why)
    sys.exit(77)


def write_nifti(path, voxels, spacing=(1.0, 1.0, 1.5)):
    """A plain NIfTI-1 of f32 voxels [z][y][x], written here so that the bytes are ours and free of dates."""
    data = np.ascontiguousarray(voxels, dtype="<f4")
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, data.shape[2], data.shape[1], data.shape[0], 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 16, 32)
    struct.pack_into("<8f", header, 76, 1, *spacing, 0, 0, 0, 0)
    struct.pack_into("<f", header, 108, 352)
    struct.pack_into("<f", header, 112, 1)
    header[123] = 2
    struct.pack_into("<hh", header, 252, 0, 1)
    for row in range(3):
        values = [0.0] * 4
        values[row] = spacing[row]
        struct.pack_into("<4f", header, 280 + 16 * row, *values)
    header[344:348] = b"n+1\0"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    raw = bytes(header) + data.tobytes()
    with open(path, "wb") as file:
        file.write(gzip.compress(raw, 1, mtime=0) if path.endswith(".gz") else raw)


def cohort(folder, subjects=6, size=(24, 40, 40), seed=1, second=3):
    """Noise and a ball that grows: every `second`-th subject has two visits. labels.csv: who has the larger ball."""
    rng = np.random.default_rng(seed)
    lines = ["patient,malignant,date"]
    z, y, x = np.mgrid[: size[0], : size[1], : size[2]]
    for i in range(subjects):
        for visit in range(2 if i % second == 0 else 1):
            voxels = rng.normal(0, 10, size)
            radius = 3 + 2 * (i % 2) + visit + rng.uniform(0, 1.5)
            voxels[(x - size[2] / 2) ** 2 + (y - size[1] / 2) ** 2 + (z - size[0] / 2) ** 2 < radius**2] += 100
            write_nifti(f"{folder}/data/S{i:02d}/2020-0{visit + 1}-01.nii.gz", voxels)
        lines.append(f"S{i:02d},{'yes' if i % 2 else 'no'},2020-01-01")
    with open(f"{folder}/labels.csv", "w") as file:
        file.write("\n".join(lines) + "\n")


STUDY = """study: balls
inputs:
  ct: {path: data, keys: "{subject}/{visit}.nii.gz"}
steps:
  - {name: smooth, op: gaussian, of: ct, sigma: 1.0}
  - {name: mask, op: otsu, of: smooth}
  - {name: ball, op: connected_components, of: mask, largest: 1, save: true}
"""


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def run(study, out, *more, env=None, check=None, **kwargs):
    result = subprocess.run([CORMACK, "run", study, "-o", out, *more], capture_output=True, text=True, env=env, **kwargs)
    if check is not None and result.returncode != check:
        raise AssertionError(f"exit code {result.returncode}, not {check}\n{result.stdout}\n{result.stderr}")
    return result


def digest(out):
    """Path -> hash of every file of OUT; what the run keeps for itself is left out."""
    found = {}
    for folder, folders, files in os.walk(out):
        folders[:] = [f for f in folders if f != ".cormack"]
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, out)] = hashlib.sha256(file.read()).hexdigest()
    return found


def differences(a, b):
    return sorted(k for k in set(a) | set(b) if a.get(k) != b.get(k))
