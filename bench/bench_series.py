"""From a series folder of 300 CT slices to a volume, and to .nii.gz: Cormack, dcm2niix and SimpleITK side by side, in one run.

    python bench/bench_series.py [--slices 300] [--rounds 7] [--folder DIR]

Prints medians, ratios, and what limits: reading the bytes of the files, and compressing the voxels. Everybody writes to
a place that is empty, once to warm up and then in turn: who is the first to fill memory that the system has to fetch from
a host, or replaces a file whose pages are still held, takes up to three times as long. Compression, of which the peers
take half a minute, is timed once.
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


def itk_convert(series, path, compressed):
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    sitk.WriteImage(reader.Execute(), str(path), compressed)


def converters(series, out):
    """{kind of file: {program: what it does}}; each writes into the folder `out`."""
    niix = lambda z: run("dcm2niix", "-b", "n", "-f", "peer", "-o", out, "-z", z, series)
    return {
        ".nii": {
            "cormack": lambda: run(CORMACK, "convert", series, out / "ours.nii"),
            "dcm2niix": lambda: niix("n"),
            "SimpleITK (in process)": lambda: itk_convert(series, out / "itk.nii", False),
        },
        ".nii.gz": {
            "cormack": lambda: run(CORMACK, "convert", series, out / "ours.nii.gz"),
            "dcm2niix -z i": lambda: niix("i"),
            "SimpleITK (in process)": lambda: itk_convert(series, out / "itk.nii.gz", True),
        },
    }


def timed(jobs, out, rounds):
    """{name: seconds of each round}, in turn, into an emptied folder."""
    times = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    return times


def compare(series, out):
    """Whether all three give the same voxels and geometry."""
    import SimpleITK as sitk

    for job in converters(series, out)[".nii"].values():
        job()
    ours, theirs = nibabel.load(out / "ours.nii"), nibabel.load(out / "peer.nii")
    itk = sitk.GetArrayFromImage(sitk.ReadImage(str(out / "itk.nii"))).transpose(2, 1, 0)
    turned = theirs.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(theirs.affine), nibabel.io_orientation(ours.affine)))
    voxels = np.asarray(ours.dataobj)
    print("  same voxels as dcm2niix:", bool((voxels == np.asarray(turned.dataobj)).all()), " as SimpleITK:", bool((voxels == itk).all()),
          f" geometry within {np.abs(ours.affine - turned.affine).max():.2g} mm of dcm2niix")


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--slices", type=int, default=300)
    options.add_argument("--rounds", type=int, default=7, help="of what takes less than a second")
    options.add_argument("--only", choices=(".nii", ".nii.gz"))
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = pathlib.Path(temporary) / "out"
        kept = os.environ.get("CORMACK_BENCH")
        series = pathlib.Path(kept or temporary) / f"series{options.slices}"
        if not series.exists() or not any(series.iterdir()):
            series.mkdir(exist_ok=True)
            make_series(series, options.slices)
        bare = {"read": lambda: sum(len(path.read_bytes()) for path in series.iterdir()), "info": lambda: run(CORMACK, "info", series)}
        bare = {name: statistics.median(t) for name, t in timed(bare, out, options.rounds).items()}
        print(f"{options.slices} slices; the bytes of the files, read: {bare['read']:.3f} s; cormack info FOLDER: {bare['info']:.3f} s")
        for kind, jobs in converters(series, out).items():
            if options.only not in (None, kind):
                continue
            rounds = options.rounds if kind == ".nii" else 1
            if rounds > 1:
                timed(jobs, out, 1)
            times = timed(jobs, out, rounds)
            for name, taken in times.items():
                print(f"  {kind:8} {name:24} {statistics.median(taken):8.3f} s (fastest {min(taken):.3f} s)")
            ours = times.pop("cormack")
            note(f"{options.slices} slices to {kind}", ours, times, os.cpu_count(), bare["read"] / statistics.median(ours), "reading the files")
        compare(series, out)


main()
