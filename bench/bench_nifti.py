"""Reading and writing .nii.gz: Cormack (its Python package), nibabel and SimpleITK, same volume, one process, run after run in turn.

Medians of `ROUNDS` after one to warm up. What is read is a file of SimpleITK's, which has one member and so one thread; Cormack's own have
a member a MiB. The limit of writing is the compressor: its level decides size and time.
"""
import os
import pathlib
import statistics
import sys
import tempfile
import time

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from rows import note

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("CORMACK_LIBRARY", str(pathlib.Path(os.environ.get("CORMACK", ROOT / "build/cormack")).parent / "lib/libcormack.so"))
sys.path.insert(0, str(ROOT / "python"))
import cormack  # noqa: E402: found by the lines above

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


def timed(jobs):
    """{name: seconds of each round}, the first round left out; what a job returns is freed outside of its time."""
    times = {name: [] for name in jobs}
    for _ in range(ROUNDS + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            made = job()
            times[name].append(time.perf_counter() - start)
            del made
    return {name: taken[1:] for name, taken in times.items()}


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        volume = ct_like(SHAPE)
        nib.Nifti1Image(volume, np.eye(4)).to_filename(folder / "in.nii")
        image, picture = cormack.read(folder / "in.nii"), sitk.ReadImage(str(folder / "in.nii"))
        foreign, own = folder / "SimpleITK.nii.gz", folder / "cormack.nii.gz"
        rows = {"write": timed({
            "cormack": lambda: cormack.write(image, own),
            "SimpleITK": lambda: sitk.WriteImage(picture, str(foreign), True),
            "nibabel": lambda: nib.Nifti1Image(volume, np.eye(4)).to_filename(folder / "nibabel.nii.gz"),
        })}
        sizes = {peer: (folder / f"{peer}.nii.gz").stat().st_size for peer in rows["write"]}
        rows["read"] = timed({
            "cormack": lambda: cormack.read(foreign),
            "cormack, own file": lambda: cormack.read(own),
            "SimpleITK": lambda: sitk.ReadImage(str(foreign)),
            "nibabel": lambda: np.asanyarray(nib.load(foreign).dataobj),
        })
        # readable by both, same voxels
        assert np.array_equal(np.asanyarray(nib.load(own).dataobj), volume)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(own))).T, volume)
        assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(foreign))), np.asarray(cormack.read(foreign)))
        megabytes = volume.nbytes / 1e6
        print(f"{SHAPE} i16, {megabytes:.0f} MB, median of {ROUNDS}")
        for what, times in rows.items():
            middle = {peer: statistics.median(taken) for peer, taken in times.items()}
            for peer, seconds in middle.items():
                size = f"  {sizes[peer] / 1e6:7.1f} MB" if what == "write" else ""
                print(f"{what:6} {peer:18} {seconds:7.2f} s  {megabytes / seconds:7.0f} MB/s  {seconds / middle['cormack']:5.2f} x cormack{size}")
            note(f"{what} .nii.gz, {'x'.join(map(str, SHAPE))} i16", times.pop("cormack"),
                 {peer: taken for peer, taken in times.items() if "cormack" not in peer}, os.cpu_count())
    return 0


if __name__ == "__main__":
    sys.exit(main())
