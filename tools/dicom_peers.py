"""What independent decoders make of a DICOM file's pixels: DCMTK (its command line), pydicom with its codecs, GDCM.

Each gives stored values as an array (frames, rows, columns, samples), bits above BitsStored removed, colour as it is in the file, or says why not.
"""
import logging
import multiprocessing
import os
import pathlib
import shutil
import subprocess
import tempfile
import warnings

import numpy as np
import pydicom
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

JPEG = {"1.2.840.10008.1.2.4." + n for n in ("50", "51", "53", "55", "57", "70")}
JPEGLS = {"1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"}
RLE = "1.2.840.10008.1.2.5"
NATIVE = {"1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"}


_fork = multiprocessing.get_context("fork")


class Refused(Exception):
    """The peer does not decode the file."""


def header(path):
    return pydicom.dcmread(path, force=True)


def shape_of(ds):
    return (int(ds.get("NumberOfFrames") or 1), int(ds.Rows), int(ds.Columns), int(ds.SamplesPerPixel))


def _place(cells, ds):
    """Bits of the stored value out of their cells (PS3.5 8.1.1)."""
    if cells.dtype.kind == "f":
        return cells
    stored, high = int(ds.BitsStored), int(ds.get("HighBit", ds.BitsStored - 1))
    kind = np.dtype(("i" if ds.PixelRepresentation else "u") + str(cells.dtype.itemsize))
    width = 8 * cells.dtype.itemsize
    return (cells.view(kind) << (width - 1 - high)) >> (width - stored)


def by_pydicom(path, ds):
    try:
        return np.asarray(pixel_array(ds, raw=True)).reshape(shape_of(ds))
    except Exception as error:  # whatever it raises is its refusal
        raise Refused(str(error).splitlines()[-1].strip()[:120]) from error


def _frame_rescale(ds, frame):
    """Slope and intercept of PixelValueTransformationSequence (PS3.3 C.7.6.16.2.9), per frame, then shared; None where there is none."""
    for groups, at in (("PerFrameFunctionalGroupsSequence", frame), ("SharedFunctionalGroupsSequence", 0)):
        items = ds.get(groups)
        if items and "PixelValueTransformationSequence" in items[at]:
            item = items[at].PixelValueTransformationSequence[0]
            return float(item.RescaleSlope), float(item.RescaleIntercept)
    return None


def values_by_pydicom(path, ds):
    """Values: colour as RGB, palette applied, modality LUT or rescale; functional groups and dose scaling, which pydicom reads and leaves alone."""
    try:
        array = np.asarray(pixel_array(ds)).reshape(shape_of(ds))
        if ds.PhotometricInterpretation == "PALETTE COLOR":
            return apply_color_lut(array[..., 0], ds).reshape(shape_of(ds)[:3] + (3,))
        if shape_of(ds)[3] == 1 and "PixelData" in ds:
            if _frame_rescale(ds, 0):
                maps = [_frame_rescale(ds, frame) for frame in range(len(array))]
                return np.stack([frame * slope + intercept for frame, (slope, intercept) in zip(array.astype(np.float64), maps)])
            if ds.get("Modality") == "RTDOSE" and "DoseGridScaling" in ds:
                return array * float(ds.DoseGridScaling)
            array = apply_modality_lut(array, ds)
        return array
    except Exception as error:
        raise Refused(str(error).splitlines()[-1].strip()[:120]) from error


def _run(command):
    done = subprocess.run(command, capture_output=True, timeout=60)
    if done.returncode:
        text = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise Refused((text[-1] if text else f"exit {done.returncode}")[:120])


def by_dcmtk(path, ds):
    """Decompressed by dcmdjpeg, dcmdjpls or dcmdrle without colour conversion, the cells' bytes written by dcmdump +W."""
    syntax = str(ds.file_meta.TransferSyntaxUID) if "TransferSyntaxUID" in getattr(ds, "file_meta", {}) else "1.2.840.10008.1.2"
    tools = {RLE: ["dcmdrle"]} | {uid: ["dcmdjpeg", "+cn"] for uid in JPEG} | {uid: ["dcmdjpls"] for uid in JPEGLS}
    if syntax not in tools and syntax not in NATIVE:
        raise Refused("DCMTK 3.6.7 has no codec for this transfer syntax")
    if shutil.which("dcmdump") is None:
        raise Refused("DCMTK is not installed")
    with tempfile.TemporaryDirectory() as folder:
        source = str(path)
        if syntax in tools:
            source = folder + "/plain.dcm"
            _run(tools[syntax] + [str(path), source])
            ds = header(source)
        _run(["dcmdump", "-q", "+W", folder, source])
        files = sorted(pathlib.Path(folder).glob("*.raw"), key=lambda f: f.stat().st_size)
        if not files:
            raise Refused("dcmdump wrote no pixel data")
        raw = files[-1].read_bytes()
    return _from_bytes(raw, ds)


def _from_bytes(raw, ds):
    """Little endian native bytes to values."""
    frames, rows, columns, samples = shape = shape_of(ds)
    count = frames * rows * columns * samples
    allocated = int(ds.BitsAllocated)
    if "FloatPixelData" in ds or "DoubleFloatPixelData" in ds:
        return np.frombuffer(raw, f"<f{allocated // 8}", count).reshape(shape)
    if allocated == 1:
        return np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[:count].reshape(shape)
    kind = np.dtype(f"<u{allocated // 8}")
    if str(ds.PhotometricInterpretation) == "YBR_FULL_422" and len(raw) < count * kind.itemsize:
        four = np.frombuffer(raw, kind, count * 2 // 3).reshape(-1, 4)
        return _place(np.stack([four[:, [0, 2, 3]], four[:, [1, 2, 3]]], 1).reshape(shape), ds)
    if len(raw) < count * kind.itemsize:
        raise Refused("too few bytes")
    cells = np.frombuffer(raw, kind, count)
    if samples > 1 and ds.get("PlanarConfiguration"):
        cells = np.ascontiguousarray(cells.reshape(frames, samples, rows, columns).transpose(0, 2, 3, 1))
    return _place(cells.reshape(shape), ds)


def by_gdcm(path, ds):
    import gdcm
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # it speaks, and dies, in a process of its own
    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    gdcm.Trace.DebugOff()
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    if not reader.Read():
        raise Refused("GDCM cannot read it")
    image = reader.GetImage()
    raw = image.GetBuffer()
    if raw is None:
        raise Refused("GDCM cannot decode it")
    raw = raw.encode("utf-8", "surrogateescape")
    kind = {gdcm.PixelFormat.UINT8: "u1", gdcm.PixelFormat.INT8: "i1", gdcm.PixelFormat.UINT16: "<u2", gdcm.PixelFormat.INT16: "<i2",
            gdcm.PixelFormat.UINT12: "<u2", gdcm.PixelFormat.INT12: "<i2", gdcm.PixelFormat.UINT32: "<u4", gdcm.PixelFormat.INT32: "<i4",
            gdcm.PixelFormat.FLOAT32: "<f4", gdcm.PixelFormat.FLOAT64: "<f8"}.get(image.GetPixelFormat().GetScalarType())
    if kind is None:
        raise Refused("GDCM gives packed bits")
    frames, rows, columns, samples = shape = shape_of(ds)
    count = frames * rows * columns * samples
    if len(raw) < count * np.dtype(kind).itemsize:
        raise Refused("GDCM gives another size")
    cells = np.frombuffer(raw, kind, count)
    if samples > 1 and image.GetPlanarConfiguration():
        cells = np.ascontiguousarray(cells.reshape(frames, samples, rows, columns).transpose(0, 2, 3, 1))
    cells = cells.reshape(shape)
    return cells if cells.dtype.kind == "f" else _place(cells, ds)


PEERS = {"DCMTK": by_dcmtk, "pydicom": by_pydicom, "GDCM": by_gdcm}


def _answer(name, path, ds):
    try:
        return PEERS[name](path, ds), None
    except Refused as error:
        return None, str(error)
    except Exception as error:  # a header that the peer's own parser stumbles over
        return None, f"{type(error).__name__}: {error}".splitlines()[0][:120]


def ask(name, path, ds):
    """(array, None) or (None, why). GDCM answers from a process of its own, for it may abort."""
    if name != "GDCM":
        return _answer(name, path, ds)
    receiver, sender = _fork.Pipe(False)
    child = _fork.Process(target=lambda: sender.send(_answer(name, path, ds)))
    child.start()
    sender.close()
    try:
        answer = receiver.recv()
    except EOFError:
        answer = None, "GDCM crashes"
    child.join()
    return answer
