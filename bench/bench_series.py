"""From a series folder of 300 CT slices to a volume, and to .nii.gz: Cormack, dcm2niix and SimpleITK side by side, in one run.

    python bench/bench_series.py [--slices 300] [--rounds 1] [--folder DIR]

Prints medians, ratios, and what limits: reading the bytes of the files, and compressing the voxels.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from rows import note

CORMACK = os.environ.get("CORMACK", "build/cormack")


def slice_pixels(z, count, size):
    """A chest of a kind: body, two lungs, spine, and noise as of a scanner; the same bits on every machine (integers, PCG64)."""
    y, x = np.mgrid[0:size, 0:size]
    noise = np.random.Generator(np.random.PCG64(z)).integers(-24, 25, (size, size))
    shape = 1000 * (2 * z - count) // count
    body = (x - 256) ** 2 * 10 + (y - 256) ** 2 * 16 < 10 * 200**2
    lungs = ((abs(x - 256) - 95) ** 2 * 10 + (y - 250) ** 2 * 4 < 10 * 62**2 * (1000 - abs(shape)) // 1000) & body
    spine = (x - 256) ** 2 + (y - 370) ** 2 < 26**2
    value = np.where(body, np.where(lungs, 170, np.where(spine, 1350, 1064)), 24)
    return np.clip(value + noise, 0, 4095).astype("<i2")


def make_series(folder, count, size=512):
    for z in range(count):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = f"2.25.4711.{z + 1}"
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        ds.PatientID = ds.PatientName = "bench"
        ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "2.25.4712", "2.25.4713", "2.25.4714"
        ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = "20240102"
        ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = "120000"
        ds.Modality, ds.Manufacturer, ds.SeriesDescription = "CT", "bench", "bench"
        ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        ds.SeriesNumber, ds.InstanceNumber, ds.AcquisitionNumber = 1, z + 1, 1
        ds.SliceThickness, ds.KVP = "1.0", "120"
        ds.ImagePositionPatient = [-175.0, -175.0, f"{1000.0 - z:.1f}"]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing = ["0.68359375", "0.68359375"]
        ds.Rows = ds.Columns = size
        ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
        ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
        ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = "1", "-1024", "HU"
        ds.PixelData = slice_pixels(z, count, size).tobytes()
        # file names in another order than the slices
        ds.save_as(folder / f"IM{(z * 7919) % 1000003:07d}.dcm", enforce_file_format=True)


def run(*command):
    subprocess.run([str(c) for c in command], check=True, capture_output=True)


def itk_read(folder):
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def read_bytes(folder):
    return sum(len(path.read_bytes()) for path in folder.iterdir())


def timed(work, before=None):
    if before:
        before()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slices", type=int, default=300)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--folder")
    options = options.parse_args()
    import SimpleITK as sitk

    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        kept = options.folder or (f"{os.environ['CORMACK_BENCH']}/series{options.slices}" if "CORMACK_BENCH" in os.environ else None)
        series = pathlib.Path(kept or work / "series")
        if not series.exists() or not any(series.iterdir()):
            series.mkdir(exist_ok=True)
            make_series(series, options.slices)
        peer = work / "peer"

        def fresh():
            shutil.rmtree(peer, ignore_errors=True)
            peer.mkdir()

        niix = ("dcm2niix", "-b", "n", "-f", "peer", "-o", peer)
        jobs = {
            "the bytes of the files, read": lambda: read_bytes(series),
            "cormack info FOLDER": lambda: run(CORMACK, "info", series),
            "folder -> .nii (no compression): cormack": lambda: run(CORMACK, "convert", series, work / "ours.nii"),
            "folder -> .nii: dcm2niix": lambda: run(*niix, "-z", "n", series),
            "folder -> .nii: SimpleITK (in process)": lambda: sitk.WriteImage(itk_read(series), str(work / "itk.nii")),
            "folder -> .nii.gz: cormack": lambda: run(CORMACK, "convert", series, work / "ours.nii.gz"),
            "folder -> .nii.gz: dcm2niix -z i": lambda: run(*niix, "-z", "i", series),
            "folder -> .nii.gz: SimpleITK (in process)": lambda: sitk.WriteImage(itk_read(series), str(work / "itk.nii.gz"), True),
        }
        times = {name: [] for name in jobs}
        for _ in range(options.rounds):
            for name, job in jobs.items():
                times[name].append(timed(job, fresh))
        print(f"{len(list(series.iterdir()))} slices, {read_bytes(series) / 1e6:.0f} MB, medians of {options.rounds} rounds")
        median = {name: statistics.median(t) for name, t in times.items()}
        for name, seconds in median.items():
            print(f"  {name:46s} {seconds:8.3f} s")
        for kind in (".nii", ".nii.gz"):
            ours = next(v for k, v in median.items() if k.startswith(f"folder -> {kind} ") or k.startswith(f"folder -> {kind}: cormack"))
            fastest = min(v for k, v in median.items() if k.startswith(f"folder -> {kind}:") and "cormack" not in k)
            peers = {k.partition(": ")[2]: times[k] for k in median if k.startswith(f"folder -> {kind}:") and "cormack" not in k}
            note(f"{options.slices} slices to {kind}", ours, peers, os.cpu_count(), median["the bytes of the files, read"] / ours, "reading the files")
            print(f"  {kind}: the faster peer takes {fastest / ours:.2f} times as long as Cormack")
        for name in ("ours.nii.gz", "itk.nii.gz"):
            print(f"  {name}: {(work / name).stat().st_size / 1e6:.1f} MB")
        fresh()
        run(*niix, "-z", "n", series)
        ours, theirs = nibabel.load(work / "ours.nii.gz"), nibabel.load(peer / "peer.nii")
        itk = sitk.GetArrayFromImage(sitk.ReadImage(str(work / "itk.nii.gz"))).transpose(2, 1, 0)
        turned = theirs.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(theirs.affine), nibabel.io_orientation(ours.affine)))
        voxels = np.asarray(ours.dataobj)
        print("  same voxels as dcm2niix:", bool((voxels == np.asarray(turned.dataobj)).all()), " as SimpleITK:", bool((voxels == itk).all()),
              f" geometry within {np.abs(ours.affine - turned.affine).max():.2g} mm of dcm2niix")


main()
