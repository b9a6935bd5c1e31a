"""Series that Cormack writes: no error from dciodvfy (dicom3tools, checks PS3.3), read back equal by pydicom and by DCMTK's dcmdump."""
import glob
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pydicom

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import cormack_dicom as cd

CT, MR, PT, SC = ("1.2.840.10008.5.1.4.1.1." + end for end in ("2", "4", "128", "7"))
DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", "../shared/data"))
PATIENT = {0x00100010: "Müller^Jörg=山田^太郎", 0x00100020: "P-1", 0x00080020: "20200229", 0x00080030: "101010.5",
           0x00200010: "1", 0x0008103E: "Thorax, ß"}
rng = np.random.default_rng(7)


def errors_of(path):
    """dciodvfy's complaints of class Error."""
    run = subprocess.run(["dciodvfy", "-new", path], capture_output=True, text=True, errors="replace")
    return [line for line in run.stderr.splitlines() if line.startswith("Error")]


def dcmtk_pixels(path, folder, dtype):
    subprocess.run(["dcmdump", "-q", "+W", folder, path], check=True, capture_output=True)
    raw = glob.glob(os.path.join(folder, "*.raw"))
    assert len(raw) == 1, raw
    values = np.fromfile(raw[0], dtype)
    os.unlink(raw[0])
    return values


def written(name, voxels, check_tools=True, allowed_errors=(), components=1, spacing=(0.7, 0.9, 2.5), origin=(-100.25, 30.5, 1e-3),
            direction=(1, 0, 0, 0, 0.8, -0.6, 0, 0.6, 0.8), unit="1", meta=None, **options):
    """Writes, checks with the judges, and returns the data sets in slice order."""
    made = cd.image(voxels, spacing, origin, direction, unit, meta, components)
    folder = tempfile.mkdtemp()
    try:
        cd.write_series(made, folder, **options)
        files = sorted(glob.glob(folder + "/*"))
        shape = voxels.shape[:-1] if components > 1 else voxels.shape
        assert [os.path.basename(f) for f in files] == [f"IM{i + 1:04d}.dcm" for i in range(int(np.prod(shape[:-2])))]
        slices = voxels.reshape((-1,) + voxels.shape[len(shape) - 2:])
        sets = []
        for at, path in enumerate(files):
            ds = pydicom.dcmread(path)
            slope, intercept = float(ds.get("RescaleSlope", 1)), float(ds.get("RescaleIntercept", 0))
            values = (ds.pixel_array.astype(np.float64) * slope + intercept).astype(voxels.dtype)
            assert np.array_equal(values, slices[at]), f"{name}: pydicom reads other values in slice {at}"
            stored = dcmtk_pixels(path, folder, ds.pixel_array.dtype)[: ds.pixel_array.size]
            assert np.array_equal(stored.reshape(ds.pixel_array.shape), ds.pixel_array), f"{name}: DCMTK reads other values"
            bad = [e for e in errors_of(path) if e not in allowed_errors] if check_tools else []
            assert not bad, f"{name}: {bad}"
            assert ds.InstanceNumber == at + 1 and ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID
            if "ImagePositionPatient" in ds:
                matrix = np.array(direction, float).reshape(3, 3)
                where = np.array(origin) + matrix @ (np.array(spacing) * [0, 0, at % slices.shape[0] if len(shape) < 4 else at % shape[1]])
                # 16 characters of a decimal string hold 13 significant digits of a negative number with an exponent
                assert np.allclose(np.array(ds.ImagePositionPatient, float), where, rtol=1e-12, atol=1e-12)
                assert np.allclose(np.array(ds.ImageOrientationPatient, float), matrix[:, :2].T.ravel(), rtol=0, atol=1e-13)
                assert [float(x) for x in ds.PixelSpacing] == [spacing[1], spacing[0]]
            sets.append(ds)
        for uid in ("SOPInstanceUID",):
            assert len({ds[uid].value for ds in sets}) == len(sets)
        for uid in ("SeriesInstanceUID", "StudyInstanceUID"):
            assert len({ds[uid].value for ds in sets}) == 1
        print(f"{name}: {len(sets)} files good")
        return sets
    finally:
        cd.release(made)
        shutil.rmtree(folder)


def refused(word, voxels, components=1, unit="1", **options):
    made = cd.image(voxels, unit=unit, components=components)
    try:
        cd.write_series(made, tempfile.gettempdir() + "/cormack-never", **options)
    except cd.CormackError as error:
        assert word in str(error), error
    else:
        raise AssertionError(f"nothing said about {word}")
    finally:
        cd.release(made)


def originals():
    hounsfield = rng.integers(-1024, 3072, (3, 5, 7)).astype(np.int16)
    phantom = PATIENT | {0x00080008: "ORIGINAL\\PRIMARY\\AXIAL", 0x00180060: "120", 0x00080070: "Cormack", 0x00180015: "CHEST",
                               0x00185100: "HFS", 0x0020000D: "2.25.1234"}
    sets = written("CT as from a scanner", hounsfield, unit="HU", sop_class=CT, attributes=phantom)
    assert sets[0].PatientName == "Müller^Jörg=山田^太郎" and sets[0].SpecificCharacterSet == "ISO_IR 192"
    assert sets[0].ImageType == ["ORIGINAL", "PRIMARY", "AXIAL"] and "DerivationDescription" not in sets[0]
    assert sets[0].RescaleType == "HU" and sets[0].StudyInstanceUID == "2.25.1234" and sets[0].KVP == 120
    again = written("the same again", hounsfield, unit="HU", sop_class=CT, attributes=phantom)
    assert [a.SOPInstanceUID for a in sets] == [a.SOPInstanceUID for a in again]
    other = written("another seed", hounsfield, unit="HU", sop_class=CT, attributes=phantom, seed="other")
    assert sets[0].SeriesInstanceUID != other[0].SeriesInstanceUID
    sets = written("CT by metadata", hounsfield, unit="HU", meta={"Modality": "CT", "PatientID": "M1", "KVP": "100", "PatientName": "A^B"})
    assert sets[0].SOPClassUID == CT and sets[0].PatientID == "M1" and sets[0].KVP == 100 and sets[0].ImageType[0] == "DERIVED"
    written("MR u8 widened", rng.integers(0, 255, (2, 4, 4)).astype(np.uint8), sop_class=MR, attributes=PATIENT)
    written("MR u16", rng.integers(0, 65535, (2, 4, 4)).astype(np.uint16), sop_class=MR, attributes=PATIENT)
    written("MR with time", rng.integers(0, 65535, (2, 3, 4, 4)).astype(np.uint16), sop_class=MR, attributes=PATIENT)
    written("CT f32 quarters", (hounsfield / 4).astype(np.float32), unit="HU", sop_class=CT, attributes=PATIENT)
    written("CT i32", hounsfield.astype(np.int32), sop_class=CT, attributes=PATIENT)
    written("CT f32 tenths", (hounsfield / 10).astype(np.float32), sop_class=CT, attributes=PATIENT)
    written("PET Bq/ml", rng.integers(0, 30000, (2, 4, 4)).astype(np.uint16), unit="Bq/ml", sop_class=PT, attributes=PATIENT)


def captures():
    written("SC u8, odd size", rng.integers(0, 255, (5, 7)).astype(np.uint8), attributes=PATIENT)
    written("SC u8 volume", rng.integers(0, 255, (3, 5, 7)).astype(np.uint8), attributes=PATIENT)
    written("SC u16", rng.integers(0, 65535, (3, 5, 7)).astype(np.uint16), attributes=PATIENT)
    written("SC i16", rng.integers(-999, 999, (3, 5, 7)).astype(np.int16), attributes=PATIENT)
    written("SC RGB", rng.integers(0, 255, (2, 5, 7, 3)).astype(np.uint8), components=3, attributes=PATIENT)
    written("SC RGB u16", rng.integers(0, 65535, (2, 5, 7, 3)).astype(np.uint16), components=3, attributes=PATIENT)


def derived():
    folder = DATA / "ibsi_sts_validation"
    series = {}
    for path in sorted(glob.glob(str(folder / "**/*"), recursive=True)):
        if not os.path.isfile(path):
            continue
        try:
            ds = pydicom.dcmread(path, stop_before_pixels=True)
        except pydicom.errors.InvalidDicomError:
            continue
        if "ImagePositionPatient" in ds:
            series.setdefault(ds.SeriesInstanceUID, []).append((float(ds.ImagePositionPatient[2]), path, ds))
    if not series:
        print("derived images: skipped, no", folder)
    for found in series.values():
        found = sorted(found, key=lambda row: row[0])[:4]
        first = found[0][2]
        sources = [row[1] for row in found]
        # what the sources do wrong themselves they may go on doing: dciodvfy's errors about them
        known = {error for path in sources for error in errors_of(path)}
        voxels = rng.integers(0, 2000, (len(found), 6, 5)).astype(np.int16)
        sets = written(f"derived from {first.Modality}", voxels, allowed_errors=known, unit={"CT": "HU", "PT": "Bq/ml"}.get(first.Modality, "1"),
                       spacing=(1.5, 1.5, found[1][0] - found[0][0]), origin=tuple(float(x) for x in first.ImagePositionPatient),
                       direction=(1, 0, 0, 0, 1, 0, 0, 0, 1), sources=sources)
        for at, ds in enumerate(sets):
            source = found[at][2]
            assert ds.SOPClassUID == source.SOPClassUID and ds.StudyInstanceUID == source.StudyInstanceUID
            assert ds.FrameOfReferenceUID == source.FrameOfReferenceUID and ds.PatientID == source.PatientID
            assert ds.SeriesInstanceUID != source.SeriesInstanceUID and ds.ImageType[0] == "DERIVED"
            assert [i.ReferencedSOPInstanceUID for i in ds.SourceImageSequence] == [source.SOPInstanceUID]
            if "AcquisitionTime" in source:
                assert ds.AcquisitionTime == source.AcquisitionTime
        capture = written(f"capture of {first.Modality}", voxels.astype(np.uint8), allowed_errors=known, sources=sources,
                          secondary_capture=True)
        assert capture[0].SOPClassUID == SC and capture[0].PatientID == first.PatientID
        assert len(capture[0].SourceImageSequence) == len(sources)


def main():
    for tool in ("dciodvfy", "dcmdump"):
        if not shutil.which(tool):
            print(f"skipped: {tool} is not installed")
            sys.exit(77)
    originals()
    captures()
    derived()
    refused("exactly", rng.normal(size=(2, 3, 4)))
    refused("finite", np.full((2, 3, 4), np.nan))
    refused("component", rng.integers(0, 9, (2, 3, 4, 2)).astype(np.uint8), components=2)
    refused("SeriesDate", np.zeros((2, 3, 4), np.uint16), sop_class=PT)
    refused("not a date", np.zeros((2, 3, 4), np.uint16), sop_class=CT, attributes={0x00080020: "2020-01-01"})
    refused("class", np.zeros((2, 3, 4), np.uint16), sop_class="1.2.840.10008.5.1.4.1.1.481.3")


main()
