#!/usr/bin/env python3
"""Writes fuzz/corpus/fuzz_dicom_dataset: small data sets of our own in every encoding, with pydicom: .venv/bin/python tools/make_dicom_seeds.py"""
import io
import pathlib
import struct
import zlib

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence

TARGET = pathlib.Path(__file__).resolve().parent.parent / "fuzz/corpus/fuzz_dicom_dataset"
SYNTAXES = {"implicit": "1.2.840.10008.1.2", "explicit": "1.2.840.10008.1.2.1", "big": "1.2.840.10008.1.2.2"}


def data_set(charset="ISO_IR 100", name="M\u00fcller^J\u00f6rg"):
    ds = Dataset()
    ds.SpecificCharacterSet = charset
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.7", "2.25.1"
    ds.PatientName, ds.PatientID = name, "P1"
    ds.SliceThickness, ds.InstanceNumber = "1.5", 3
    ds.ImagePositionPatient = [1, -2.5, 3e-2]
    ds.SamplesPerPixel, ds.Rows, ds.Columns, ds.PixelRepresentation = 1, 2, 2, 1
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.SmallestImagePixelValue = -4
    ds.FrameIncrementPointer = 0x00181063
    inner = Dataset()
    inner.CodeValue, inner.CodeMeaning, inner.RealWorldValueSlope = "1", "meaning", 0.5
    middle = Dataset()
    middle.PurposeOfReferenceCodeSequence = Sequence([inner])
    middle.add_new(0x00091001, "UN", b"private")
    ds.SourceImageSequence = Sequence([middle, Dataset()])
    ds.PixelData = struct.pack("<4h", 1, -2, 3, 4)
    ds["PixelData"].VR = "OW"
    return ds


def file_bytes(ds, syntax, preamble=True):
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    out = io.BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=preamble, implicit_vr=syntax == SYNTAXES["implicit"],
                     little_endian=syntax != SYNTAXES["big"]) if preamble else None
    return out.getvalue()


def main():
    TARGET.mkdir(parents=True, exist_ok=True)
    seeds = {}
    for name, syntax in SYNTAXES.items():
        seeds[name] = file_bytes(data_set(), syntax)
        ds = data_set()
        for sequence in (ds["SourceImageSequence"],):
            sequence.is_undefined_length = True
            for item in sequence.value:
                item.is_undefined_length_sequence_item = True
        seeds[name + "_undefined"] = file_bytes(ds, syntax)
    seeds["bare"] = seeds["explicit"][seeds["explicit"].index(b"\x08\x00\x05\x00CS"):]
    explicit = seeds["explicit"]
    meta_end = explicit.index(b"\x08\x00\x05\x00CS")
    meta = explicit[:meta_end].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    meta = meta.replace(b"UI\x14\x001.2.840.10008.1.2.1.99", b"UI\x16\x001.2.840.10008.1.2.1.99")
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    seeds["deflated"] = meta + deflater.compress(explicit[meta_end:]) + deflater.flush()
    ds = data_set()
    ds.PixelData = encapsulate([b"\1\2\3\4", b"\5\6\7\10"])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    seeds["encapsulated"] = file_bytes(ds, "1.2.840.10008.1.2.5")
    seeds["japanese"] = file_bytes(data_set(["", "ISO 2022 IR 87"], "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce=\u3084\u307e\u3060"), SYNTAXES["explicit"])
    seeds["katakana"] = file_bytes(data_set(["ISO 2022 IR 13", "ISO 2022 IR 87"], "\uff94\uff8f\uff80\uff9e=\u5c71\u7530"), SYNTAXES["explicit"])
    seeds["korean"] = file_bytes(data_set(["", "ISO 2022 IR 149"], "Hong^Gildong=\u6d2a^\u5409\u6d1e=\ud64d^\uae38\ub3d9"), SYNTAXES["explicit"])
    seeds["chinese"] = file_bytes(data_set("GB18030", "Wang^XiaoDong=\u738b^\u5c0f\u4e1c"), SYNTAXES["explicit"])
    seeds["unicode"] = file_bytes(data_set("ISO_IR 192", "\u0394\u03b9\u03bf\u03bd\u03c5\u03c3\u03b9\u03bf\u03c2"), SYNTAXES["implicit"])
    un = struct.pack("<HH2sHI", 0x0008, 0x2112, b"UN", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    un += struct.pack("<HHI", 0x0008, 0x1155, 6) + b"2.25.1" + struct.pack("<HHI", 0xFFFE, 0xE00D, 0) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    seeds["un_sequence"] = explicit[:explicit.index(b"\x08\x00\x12\x21SQ")] + un + explicit[explicit.index(b"\x10\x00\x10\x00PN"):]
    for name, text in seeds.items():
        (TARGET / name).write_bytes(b"\0" + text)
        (TARGET / (name + "_header")).write_bytes(b"\1" + text)


if __name__ == "__main__":
    main()
