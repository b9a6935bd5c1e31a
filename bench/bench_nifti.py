"""Reading and writing .nii.gz: Cormack beside nibabel and SimpleITK, same volume, same run.

Cormack is timed as a whole process (start, reading or writing of an uncompressed .nii included, fsync included); the peers inside a
running Python, without their start. Medians of `ROUNDS`. The limit of writing is the compressor: its level decides size and time.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from rows import note

CORMACK = os.environ.get("CORMACK", "build/cormack")
ROUNDS = 3
SHAPE = tuple(int(n) for n in os.environ.get("BENCH_SHAPE", "512,512,160").split(","))


def ct_like(shape):
    """Soft tissue, air and bone with a scanner's noise: about as compressible as a chest CT."""
    rng = np.random.default_rng(1)
    x, y, z = np.ogrid[-1:1:shape[0] * 1j, -1:1:shape[1] * 1j, -1:1:shape[2] * 1j]
    body = x**2 / 0.8 + y**2 / 0.5 + 0 * z < 1
    lungs = ((np.abs(x) - 0.4) ** 2 / 0.08 + y**2 / 0.2 + z**2 < 1) & body
    volume = np.where(lungs, -850, np.where(body, 40, -1024)) + rng.normal(0, 12, shape) * body
    return np.asfortranarray(volume.astype(np.int16))


def timed(work):
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def cormack(*words):
    subprocess.run([CORMACK, "convert", *map(str, words), "--quiet"], check=True)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        volume = ct_like(SHAPE)
        nib.Nifti1Image(volume, np.eye(4)).to_filename(folder / "in.nii")
        image, picture = nib.load(folder / "in.nii"), sitk.ReadImage(str(folder / "in.nii"))
        image.get_fdata(caching="unchanged")
        rows = {"write": {}, "read": {}}
        sizes = {}
        rows["write"]["cormack"] = timed(lambda: cormack(folder / "in.nii", folder / "cormack.nii.gz"))
        rows["write"]["SimpleITK"] = timed(lambda: sitk.WriteImage(picture, str(folder / "SimpleITK.nii.gz"), True))
        rows["write"]["nibabel"] = timed(lambda: nib.Nifti1Image(volume, np.eye(4)).to_filename(folder / "nibabel.nii.gz"))
        for peer in rows["write"]:
            sizes[peer] = (folder / f"{peer}.nii.gz").stat().st_size
        foreign, own = folder / "SimpleITK.nii.gz", folder / "cormack.nii.gz"
        rows["read"]["cormack"] = timed(lambda: cormack(foreign, folder / "out.nii"))
        rows["read"]["cormack, own file"] = timed(lambda: cormack(own, folder / "out.nii"))
        rows["read"]["SimpleITK"] = timed(lambda: sitk.ReadImage(str(foreign)))
        rows["read"]["nibabel"] = timed(lambda: np.asanyarray(nib.load(foreign).dataobj))
        for path in (own, folder / "out.nii"):  # readable by both, same voxels
            assert np.array_equal(np.asanyarray(nib.load(path).dataobj), volume)
            assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(path))).T, volume)
        megabytes = volume.nbytes / 1e6
        print(f"{SHAPE} i16, {megabytes:.0f} MB, median of {ROUNDS}")
        for what, times in rows.items():
            for peer, seconds in times.items():
                size = f"  {sizes[peer] / 1e6:7.1f} MB" if what == "write" else ""
                print(f"{what:6} {peer:18} {seconds:7.2f} s  {megabytes / seconds:7.0f} MB/s  {seconds / times['cormack']:5.1f} x cormack{size}")
            note(f"{what} .nii.gz, {'x'.join(map(str, SHAPE))} i16", times.pop("cormack"), {k: v for k, v in times.items() if "cormack" not in k})
    return 0


if __name__ == "__main__":
    sys.exit(main())
