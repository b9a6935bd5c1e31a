"""Every real DICOM image of the test data against DCMTK, pydicom and GDCM (tools/dicom_conformance.py), and one CT slice in 15 transfer
syntaxes against itself."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

SOURCE = pathlib.Path(os.environ.get("CORMACK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", SOURCE.parent / "shared" / "data"))
sys.path.insert(0, str(SOURCE / "tools"))

if not (DATA / "dicom").is_dir():
    print(f"skipped: no DICOM files under {DATA}")
    sys.exit(77)
if not shutil.which("dcmdjpeg"):
    print("skipped: DCMTK is not installed (apt-get install dcmtk)")
    sys.exit(77)

import dicom_conformance as conformance
import dicom_engine
import dicom_peers

LOSSLESS = ["BigEndianExplicit", "DeflatedExplicit", "JPEG2000LosslessOnly", "JPEGLSLossless", "JPEGProcess14SV1", "JPEGProcess14Transfer",
            "LittleEndianExplicit", "LittleEndianImplicit", "RLELossless"]
LOSSY = {"JPEGLSLossy": ("DCMTK", "pydicom"), "JPEG2000Transfer": ("pydicom", "GDCM"), "JPEGProcess1Transfer": ("DCMTK", "pydicom"),
         "JPEGProcess2_4": ("DCMTK", "GDCM"), "JPEGProcess6_8": ("DCMTK", "GDCM"), "JPEGProcess10_12": ("DCMTK", "GDCM")}


def stored(engine, path, stage=dicom_engine.STORED):
    with engine.open(path) as file:
        return file.decode(stage)


def check_syntaxes(engine):
    folder = DATA / "dicom" / "cornerstone_ct_all_syntaxes"
    truth = stored(engine, folder / "CTImage.dcm")
    for name in LOSSLESS:
        path, = folder.glob(f"CTImage.dcm_{name}*")
        assert np.array_equal(stored(engine, path), truth), f"{path.name} is not the uncompressed image"
    for name, peers in LOSSY.items():
        path, = folder.glob(f"CTImage.dcm_{name}*")
        ours = stored(engine, path)
        for peer in peers:
            theirs, why = dicom_peers.ask(peer, path, dicom_peers.header(path))
            assert theirs is not None, f"{path.name}: {peer}: {why}"
            assert np.array_equal(ours, theirs.reshape(ours.shape)), f"{path.name}: {peer} decodes it otherwise"
    print(f"{len(LOSSLESS)} lossless syntaxes equal the uncompressed image, {len(LOSSY)} lossy ones the peers")


def check_twins(engine):
    """Files that no peer decodes, and pairs of which one is compressed without loss."""
    folder = DATA / "dicom" / "pydicom-data" / "data"
    pairs = dict(conformance.TWINS) | {"OBXXXX1A_expb.dcm": "OBXXXX1A.dcm", "MR2_J2KR.dcm": "MR2_UNCR.dcm", "693_J2KR.dcm": "693_UNCR.dcm",
                                       "liver_j2k.dcm": "liver.dcm", "OBXXXX1A_rle.dcm": "OBXXXX1A.dcm"}
    for one, other in pairs.items():
        assert np.array_equal(stored(engine, folder / one, dicom_engine.VALUES), stored(engine, folder / other, dicom_engine.VALUES)), one
    print(f"{len(pairs)} files equal their uncompressed twins")


def ppm(path, *options):
    """What dcmj2pnm shows, as an array of (rows, columns, samples)."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["dcmj2pnm", "-q", "+op", *options, str(path), f"{folder}/x.pnm"], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        kind, size, _, pixels = pathlib.Path(folder, "x.pnm").read_bytes().split(b"\n", 3)
    columns, rows = map(int, size.split())
    return np.frombuffer(pixels, np.uint8).reshape(rows, columns, 3 if kind == b"P6" else 1)


def check_display(engine):
    """DCMTK's rendering: the first window, 8 bits. It goes through look-up tables of integers: within 1 level for grey, 2 for colour out of YBR."""
    folder = DATA / "dicom"
    grey = ["pydicom/test_files/MR_small.dcm", "pydicom/test_files/CT_small.dcm", "pydicom-data/data/MR2_UNCR.dcm",
            "pydicom/test_files/dicomdirtests/77654033/CR1/6154", "cornerstone_ct_all_syntaxes/CTImage.dcm", "pydicom-data/data/JPEG-LL.dcm"]
    for name in grey:
        ds = dicom_peers.header(folder / name)
        if "WindowCenter" not in ds:
            continue
        off = np.abs(stored(engine, folder / name, dicom_engine.DISPLAY)[0].astype(int) - ppm(folder / name, "+Wi", "1").astype(int))
        assert off.max() <= 1, f"{name}: {off.max()} levels from DCMTK"
    for name in ["pydicom/test_files/examples_palette.dcm", "pydicom-data/data/SC_ybr_full_uncompressed.dcm", "pydicom/test_files/examples_ybr_color.dcm",
                 "pydicom-data/data/color-pl.dcm"]:
        off = np.abs(stored(engine, folder / name, dicom_engine.DISPLAY)[0].astype(int) - ppm(folder / name).astype(int))
        assert off.max() <= 2, f"{name}: {off.max()} levels from DCMTK"
    print("display agrees with DCMTK")


def main():
    engine = dicom_engine.Engine()
    check_syntaxes(engine)
    check_twins(engine)
    check_display(engine)
    rows = conformance.survey(DATA, engine)
    wrong = [f"{folder}/{row['name']}: {fault}" for folder, row in rows for fault in conformance.faults(row)]
    assert not wrong, "\n".join(wrong)
    assert len(rows) > 400, f"only {len(rows)} images found"
    assert conformance.page(rows) == conformance.PAGE.read_text(), "docs/dicom-conformance.md is out of date: run tools/dicom_conformance.py"
    print(f"{len(rows)} images agree with at least two of DCMTK, pydicom and GDCM, or are explained")


main()
