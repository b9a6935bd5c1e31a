"""The rules on series made for them: what splits, what stacks, what is mended and what is refused."""

import pathlib
import re
import tempfile

import numpy as np

import makers
from makers import CT, DOSE, MR, NM, PET, SC, US_FILM, ct, dataset, item, save, sequence, sliced
from parity import convert, refused

TEMPORARY = tempfile.TemporaryDirectory()
FOLDER = pathlib.Path(TEMPORARY.name)
made = 0


def place():
    global made
    made += 1
    return FOLDER / f"set{made}"


def read(datasets, *options):
    folder = save(place(), datasets)
    return convert(folder, f"{folder}.nii", *options)


def refusal(datasets, *options):
    folder = save(place(), datasets)
    return refused(folder, f"{folder}.nii", *options)


def keys(datasets):
    """Keys of the volumes of a folder that holds several, from the message that lists them."""
    return re.findall(r"(2\.25\.2\S*) \(", refusal(datasets))


def lps(image):
    return np.diag([-1, -1, 1, 1]) @ image.affine


# ---- what splits

def private(group, creator, element, vr, value):
    def add(ds):
        block = ds.private_block(group, creator, create=True)
        block.add_new(element, vr, value)
        return ds

    return add


def two_kinds(first, second):
    """Two interleaved stacks of five slices; `first` and `second` are attributes, or functions that add them."""
    out = []
    for i in range(10):
        kind = second if i % 2 else first
        ds = sliced(MR, "MR", i + 1, 2.0 * (i // 2), np.full((16, 20), i % 2 + 1, np.int16), **(kind if isinstance(kind, dict) else {}))
        out.append(ds if isinstance(kind, dict) else kind(ds))
    return out


SPLITS = {
    "echo": ({"EchoNumbers": 1}, {"EchoNumbers": 2}),
    "te": ({"EchoTime": 4.92}, {"EchoTime": 7.38}),
    "component": ({"ComplexImageComponent": "MAGNITUDE"}, {"ComplexImageComponent": "PHASE"}),
    "type": ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"]}, {"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}),
    "kernel": ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}),
    "thickness": ({"SliceThickness": 2}, {"SliceThickness": 5}),
    "spacing": ({"PixelSpacing": [1.25, 1.5]}, {"PixelSpacing": [1, 1]}),
    "orientation": ({}, {"ImageOrientationPatient": [0, 1, 0, -1, 0, 0]}),
    "frame": ({"FrameOfReferenceUID": "2.25.31"}, {"FrameOfReferenceUID": "2.25.32"}),
    "class": ({}, {"SOPClassUID": SC}),
    "coil": ({"ReceiveCoilName": "C1"}, {"ReceiveCoilName": "C2"}),
    "ti": ({"InversionTime": 200}, {"InversionTime": 900}),
    "flip": ({"FlipAngle": 5}, {"FlipAngle": 26}),
    "b": ({"DiffusionBValue": 0.0}, {"DiffusionBValue": 800.0}),
    "b (Siemens)": (private(0x19, "SIEMENS MR HEADER", 0x0C, "IS", 0), private(0x19, "SIEMENS MR HEADER", 0x0C, "IS", 800)),
    "b (GE)": (private(0x43, "GEMS_PARM_01", 0x39, "IS", [1000000000, 8, 0, 0]), private(0x43, "GEMS_PARM_01", 0x39, "IS", [1000000800, 8, 0, 0])),
    "b (Philips)": (private(0x2001, "Philips Imaging DD 001", 0x03, "FL", 0.0), private(0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0)),
    "component (GE)": (private(0x43, "GEMS_PARM_01", 0x2F, "SS", 0), private(0x43, "GEMS_PARM_01", 0x2F, "SS", 1)),
}
for name, (first, second) in SPLITS.items():
    datasets = two_kinds(first, second)
    folder = save(place(), datasets)
    found = re.findall(r"(2\.25\.2\S*) \(", refused(folder, f"{folder}.nii"))
    assert len(found) == 2, (name, found)
    assert all(f"/{name.split()[0]}=" in key for key in found), (name, found)
    for key in found:
        image = convert(folder, f"{folder}.nii", "--select", key)
        assert image.shape == (20, 16, 5) and len(np.unique(image.dataobj)) == 1, (name, key, image.shape)
print(len(SPLITS), "splits")

# two CT localizers never stack, and stand beside the series
scouts = [sliced(CT, "CT", 90 + i, 40.0 * i, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]) for i in range(2)]
assert len(keys(ct(6) + scouts)) == 3

# ---- order and geometry

image = read(ct(9))
assert image.shape == (20, 16, 9)
assert np.allclose(lps(image), [[1.5, 0, 0, -10], [0, 1.25, 0, -8], [0, 0, 2.5, 0], [0, 0, 0, 1]], atol=1e-6)
assert (image.get_fdata()[0, 0] == 100 + 25 * np.arange(9) - 1000).all()

# instance numbers against the positions change nothing
against = ct(9)
for ds in against:
    ds.InstanceNumber = 100 - ds.InstanceNumber
assert (read(against).get_fdata() == image.get_fdata()).all()

# no positions: by instance number, and it is said
blind = ct(5)
for ds in blind:
    del ds.ImagePositionPatient, ds.ImageOrientationPatient
assert (read(blind).get_fdata()[0, 0] == 100 + 25 * np.arange(5) - 1000).all()

# ---- gaps

gap = ct(12, skip=(5, 6))
text = refusal(gap)
assert "2 slices are missing: 2 between slice 5 (10.00 mm, instance 5) and slice 6 (17.50 mm, instance 8)" in text, text
assert re.search(r"the gap lies between \S+/f\d+ and \S+/f\d+", text), text
filled = read(gap, "--fill", "linear")
assert filled.shape[2] == 12
assert np.allclose(filled.get_fdata()[3, 4], np.round(100 + 25 * np.arange(12) - 1000), atol=0.5)
dropped = read(gap, "--fill", "drop")
assert dropped.shape[2] == 5 and np.isclose(lps(dropped)[2, 3], 0)
later = read(ct(12, skip=(3,)), "--fill", "drop")
assert later.shape[2] == 8 and np.isclose(lps(later)[2, 3], 10)
assert "unevenly spaced: 4 mm between slice 6 and slice 7" in refusal([*ct(6), *[sliced(CT, "CT", 20 + i, 16.5 + 4.0 * i) for i in range(5)]]), "irregular"

# ---- gantry tilt: a field that is linear in space stays that field when the slices are moved back

angle = np.radians(15)
tilted = []
for i in range(8):
    down = np.array([0, np.cos(angle), -np.sin(angle)])
    origin = np.array([-10, -8, 3.0 * i])
    x, y = np.meshgrid(np.arange(20) * 1.5, np.arange(16) * 1.25)
    point = origin[:, None, None] + np.array([1, 0, 0])[:, None, None] * x + down[:, None, None] * y
    values = np.round(2000 + 20 * point[0] + 30 * point[1] + 40 * point[2]).astype(np.int16)
    tilted.append(sliced(CT, "CT", i + 1, 0, values, ImagePositionPatient=list(map(str, np.round(origin, 6))),
                         ImageOrientationPatient=[1, 0, 0, 0, *map(lambda v: f"{v:.12f}", down[1:])], GantryDetectorTilt=15))
text = refusal(tilted)
assert "sheared by 15.00 degrees" in text, text
straight = read(tilted, "--tilt", "correct")
matrix = lps(straight)
spacing = np.linalg.norm(matrix[:3, :3], axis=0)
assert np.allclose(spacing, [1.5, 1.25, 3 * np.cos(angle)], atol=1e-5), spacing
assert abs(matrix[:3, 1] @ matrix[:3, 2]) < 1e-5
grid = np.stack([*np.meshgrid(*[np.arange(n) for n in straight.shape], indexing="ij"), np.ones(straight.shape)])
point = np.tensordot(matrix, grid, 1)
expected = 2000 + 20 * point[0] + 30 * point[1] + 40 * point[2]
off = np.abs(straight.get_fdata() - expected)
inside = off < 1.01  # half for the pixels' rounding, half for the result's
assert inside.sum() > 0.97 * 20 * 15 * 8, inside.sum()  # the rest lies outside of the slices, or at their rim
assert straight.shape[1] > 16

# ---- the same file twice

folder = save(place(), ct(6))
for path in list(folder.iterdir())[:2]:
    (folder / f"copy-{path.name}").write_bytes(path.read_bytes())
assert convert(folder, f"{folder}.nii").shape[2] == 6
conflict = ct(6)
conflict.append(sliced(CT, "CT", 3, 5.0, np.zeros((16, 20), np.int16), SOPInstanceUID="2.25.100.3"))
text = refusal(conflict)
assert "missing" in text, text

# ---- time

def volumes_in_time(times, **by_time):
    return [sliced(MR, "MR", 1 + t * 4 + s, 2.0 * s, np.full((16, 20), 10 * t + s, np.int16), **{k: v(t) for k, v in by_time.items()})
            for t in range(times) for s in range(4)]


TIMES = {
    "TemporalPositionIdentifier": (lambda t: t + 1, 1),
    "TriggerTime": (lambda t: 40 * t, 0.04),
    "AcquisitionNumber": (lambda t: t + 1, 1),
    "FrameReferenceTime": (lambda t: 5000 + 2500 * t, 2.5),
}
for keyword, (value, step) in TIMES.items():
    image = read(volumes_in_time(5, **{keyword: value}))
    assert image.shape == (20, 16, 4, 5), (keyword, image.shape)
    assert (image.get_fdata()[0, 0] == np.arange(4)[:, None] + 10 * np.arange(5)).all(), keyword
    assert np.isclose(image.header.get_zooms()[3], step), (keyword, image.header.get_zooms())
image = read(volumes_in_time(3, AcquisitionDate=lambda t: "20240102", AcquisitionTime=lambda t: f"1015{3 * t:02d}.50"))
assert image.shape == (20, 16, 4, 3) and np.isclose(image.header.get_zooms()[3], 3)
uneven = volumes_in_time(3, FrameReferenceTime=lambda t: [0, 1000, 6000][t])
assert keys(uneven) == ["2.25.2/reference=0", "2.25.2/reference=1", "2.25.2/reference=6"]
nothing = volumes_in_time(2)
for ds in nothing:
    ds.InstanceNumber = 1
assert "2 frames lie in the same plane" in refusal(nothing)
directions = volumes_in_time(3, DiffusionBValue=lambda t: 700.0, DiffusionGradientOrientation=lambda t: [float(t == k) for k in range(3)])
assert read(directions).shape == (20, 16, 4, 3)

# ---- values

slopes = [sliced(PET, "PT", i + 1, 2.0 * i, np.full((16, 20), 1000, np.int16), RescaleSlope=f"{0.5 + 0.1 * i:.1f}", RescaleIntercept=0,
                 Units="BQML") for i in range(4)]
image = read(slopes)
assert image.get_data_dtype() == np.float32 and np.allclose(image.get_fdata()[0, 0], [500, 600, 700, 800])

def pet(**changes):
    drug = item(RadiopharmaceuticalStartTime="090000", RadionuclideTotalDose=3.7e8, RadionuclideHalfLife=6586.2)
    for keyword in [k for k in changes if hasattr(drug, k)]:
        value = changes.pop(keyword)
        delattr(drug, keyword) if value is None else setattr(drug, keyword, value)
    usual = dict(RescaleSlope=2.5, RescaleIntercept=0, Units="BQML", PatientWeight=70, CorrectedImage=["ATTN", "DECY"], DecayCorrection="START",
                 SeriesDate="20240102", SeriesTime="100000", AcquisitionDate="20240102", AcquisitionTime="100000",
                 RadiopharmaceuticalInformationSequence=sequence(drug), **{})
    usual.update(changes)
    usual = {k: v for k, v in usual.items() if v is not None}
    return [sliced(PET, "PT", i + 1, 2.0 * i, np.full((16, 20), 4000, np.int16), **usual) for i in range(3)]


# 10,000 Bq/ml; 3.7e8 Bq decayed for 3600 s at 6586.2 s half-life; 70 kg
expected = 10000 * 70000 / (3.7e8 * 2 ** (-3600 / 6586.2))
assert np.allclose(read(pet(), "--suv").get_fdata(), expected, rtol=1e-6)
assert np.allclose(read(pet()).get_fdata(), 10000)
assert np.allclose(read(pet(DecayCorrection="ADMIN"), "--suv").get_fdata(), 10000 * 70000 / 3.7e8, rtol=1e-6)
for absent, word in (("PatientWeight", "PatientWeight"), ("RadionuclideTotalDose", "RadionuclideTotalDose"), ("RadionuclideHalfLife", "RadionuclideHalfLife"),
                     ("DecayCorrection", "DecayCorrection"), ("CorrectedImage", "CorrectedImage"), ("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartTime"),
                     ("Units", "Units")):
    text = refusal(pet(**{absent: None}), "--suv")
    assert word in text, (absent, text)
assert "suv is for PET" in refusal(ct(3), "--suv")

# padding keeps its value, and is not mixed into interpolated slices
padded = ct(6, skip=(3,))
for ds in padded:
    pixels = np.full((16, 20), 1000, np.int16)
    pixels[0] = -2000
    ds.PixelData, ds.PixelPaddingValue = pixels.tobytes(), -2000
    ds.PixelRepresentation = 1
image = read(padded, "--fill", "linear").get_fdata()
assert set(np.unique(image)) == {-3000.0, 0.0}

# ---- multi-frame objects

film = dataset(US_FILM, 1, np.arange(6, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 10), np.uint8), "US", FrameTime=50, FrameIncrementPointer=0x00181063)
image = read([film])
assert image.shape == (10, 8, 1, 6) and np.isclose(image.header.get_zooms()[3], 0.05), image.shape
offsets = [0, 2.5, 5, 7.5]
dose = dataset(DOSE, 1, np.arange(4, dtype=np.uint16)[:, None, None] * np.ones((1, 8, 10), np.uint16), "RTDOSE", ImagePositionPatient=[1, 2, 3],
               ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[2, 2], GridFrameOffsetVector=offsets, DoseGridScaling=0.25, DoseUnits="GY",
               FrameIncrementPointer=0x3004000C)
image = read([dose])
assert image.shape == (10, 8, 4) and np.allclose(image.get_fdata()[0, 0], [0, 0.25, 0.5, 0.75])
assert np.allclose(lps(image)[:3, 3], [1, 2, 3]) and np.isclose(image.header.get_zooms()[2], 2.5)
tomography = dataset(NM, 1, np.arange(5, dtype=np.uint16)[:, None, None] * np.ones((1, 8, 10), np.uint16), "NM", PixelSpacing=[4, 4], SpacingBetweenSlices=4,
                     SliceVector=[1, 2, 3, 4, 5], FrameIncrementPointer=0x00540080, ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
                     DetectorInformationSequence=sequence(item(ImagePositionPatient=[-9, -8, 7], ImageOrientationPatient=[1, 0, 0, 0, 1, 0])))
image = read([tomography])
assert image.shape == (10, 8, 5) and np.allclose(lps(image)[:3, 3], [-9, -8, 7]) and np.isclose(image.header.get_zooms()[2], 4)

# two detectors of three time slots each are two films
slots = dataset(NM, 1, np.arange(6, dtype=np.uint16)[:, None, None] * np.ones((1, 8, 10), np.uint16), "NM", PixelSpacing=[4, 4], DetectorVector=[1, 1, 1, 2, 2, 2],
                TimeSlotVector=[1, 2, 3, 1, 2, 3], FrameIncrementPointer=[0x00540020, 0x00540070], ImageType=["ORIGINAL", "PRIMARY", "GATED", "EMISSION"])
folder = save(place(), [slots])
for at, first in ((1, 0), (2, 3)):
    image = convert(folder, f"{folder}.nii", "--select", f"2.25.2/image={at}")
    assert image.shape == (10, 8, 1, 3) and (image.get_fdata()[0, 0, 0] == first + np.arange(3)).all()

# ---- one picture

alone = dataset(SC, 1, np.arange(80, dtype=np.uint8).reshape(8, 10), "CR", ImagerPixelSpacing=[0.2, 0.1])
image = read([alone])
assert image.shape[:2] == (10, 8) and np.allclose(image.header.get_zooms()[:2], [0.1, 0.2])

# ---- threads and the order of files change nothing

folder = save(place(), ct(40))
convert(folder, f"{folder}-1.nii", "--threads", "1")
other = place()
other.mkdir()
for i, path in enumerate(sorted(folder.iterdir(), key=lambda p: p.name[::-1])):
    (other / f"{i:03d}").write_bytes(path.read_bytes())
convert(other, f"{other}-2.nii", "--threads", "2")
assert pathlib.Path(f"{folder}-1.nii").read_bytes() == pathlib.Path(f"{other}-2.nii").read_bytes()
print("all rules hold")
