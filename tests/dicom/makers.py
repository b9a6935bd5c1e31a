"""Small DICOM series made with pydicom, so that what a reader must find is known."""

import pathlib

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

CT, MR, PET = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.128"
US_FILM, NM, DOSE, SC = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.481.2", "1.2.840.10008.5.1.4.1.1.7"
COLUMNS, ROWS = 20, 16


def dataset(kind, number, pixels, modality, **attributes):
    """An image of `kind` with `pixels` (frames?, rows, columns) and whatever attributes are given by keyword."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = attributes.pop("SOPInstanceUID", f"2.25.100.{number}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = kind, meta.MediaStorageSOPInstanceUID
    ds.PatientID, ds.PatientName, ds.Modality = "P1", "Test^Volume", modality
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = "2.25.1", "2.25.2", "2.25.3"
    ds.StudyDate, ds.StudyTime, ds.SeriesNumber, ds.InstanceNumber = "20240102", "101500", 1, number
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    pixels = np.asarray(pixels)
    ds.Rows, ds.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        ds.NumberOfFrames = len(pixels)
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8 * pixels.dtype.itemsize
    ds.HighBit, ds.PixelRepresentation = ds.BitsStored - 1, int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def sliced(kind, modality, number, z, pixels=None, **attributes):
    """An axial slice at (-10, -8, z), pixels 1.5 x 1.25 mm (x, y); its pixels tell its position unless they are given."""
    if pixels is None:
        pixels = np.full((ROWS, COLUMNS), 100 + round(10 * z), dtype=np.int16)
    geometry = {
        "ImagePositionPatient": [-10, -8, z],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PixelSpacing": [1.25, 1.5],
        "SliceThickness": 2,
    }
    return dataset(kind, number, pixels, modality, **{**geometry, **attributes})


def save(folder, datasets):
    """Writes them under names whose order is not that of the slices; returns the folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for i, ds in enumerate(datasets):
        ds.save_as(folder / f"f{(i * 7919) % 1009:04d}", enforce_file_format=True)
    return folder


def ct(count, step=2.5, skip=(), **attributes):
    return [sliced(CT, "CT", i + 1, step * i, RescaleSlope=1, RescaleIntercept=-1000, **attributes) for i in range(count) if i not in skip]


def item(**attributes):
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def sequence(*items):
    return Sequence(items)
