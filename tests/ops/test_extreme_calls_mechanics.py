"""Calls at the ends of what operations take: an error that says why, or a result, and never a crash (sanitizer builds look closer)."""
import os
import pathlib
import subprocess
import tempfile

import numpy as np

CORMACK = os.environ["CORMACK"]
NRRD = "NRRD0004\ntype: double\ndimension: 3\nsizes: {} {} {}\nspace: left-posterior-superior\nspace directions: ({},0,0) (0,1,0) (0,0,1)\nspace origin: (0,0,0)\nencoding: raw\nendian: little\n\n"


def write(path, voxels, spacing=1):
    path.write_bytes(NRRD.format(*voxels.shape[::-1], spacing).encode() + voxels.astype("<f8").tobytes())
    return path


def run(code, what, *words):
    done = subprocess.run([CORMACK, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == code and what in done.stderr, (words, done.returncode, done.stderr)
    return done


with tempfile.TemporaryDirectory() as folder:
    at = pathlib.Path(folder)
    noise = np.random.default_rng(3).normal(size=(6, 24, 24))
    image = write(at / "image.nrrd", noise)
    # what cannot be pooled is told
    run(2, "", "gabor", image, at / "out.nrrd", "--turn", 45, "--frequency", 1e-4)
    # intensities so far apart that their difference is infinite
    for values in ([-1.5e308, 1.5e308], [-1.5e308, 1e308, 1.5e308]):
        far = write(at / "far.nrrd", np.array(values).reshape(1, 1, -1))
        mask = write(at / "mask.nrrd", np.ones((1, 1, len(values))))
        run(2, "too far apart", "radiomics", far, mask, "-o", at / "f.csv", "--discretize", "count", "--volume_bins", "count")
    # a mask cut so low that the region grows towards the end of its box
    thick = write(at / "thick.nrrd", noise, 10)
    one = np.zeros_like(noise)
    one[2:4, 10:14, 12] = 1
    region = write(at / "region.nrrd", one, 10)
    run(0, "", "radiomics", thick, region, "-o", at / "g.csv", "--spacing", 1, "--mask_threshold", 0.1, "--bin_width", 0.5)
    run(2, "mask_threshold 1e-06 takes in", "radiomics", thick, region, "-o", at / "g.csv", "--spacing", 1, "--mask_threshold", 1e-6, "--bin_width", 0.5)
print("ends of the range are told")
