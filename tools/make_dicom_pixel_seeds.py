"""Writes fuzz/corpus/fuzz_dicom_pixels: a small synthetic image in every way that pixel data can be stored.

Encoders: pydicom and its plugins, DCMTK (dcmcjpeg, dcmcjpls, dcmconv), zlib. Run: .venv/bin/python tools/make_dicom_pixel_seeds.py
The same image gives the unit tests their files, so that what was encoded is known: see `picture`.
"""
import pathlib
import subprocess
import sys
import zlib

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.sequence import Sequence
from pydicom.uid import (ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000, JPEG2000Lossless,
                         JPEGLSLossless, JPEGLSNearLossless, RLELossless)

ROWS, COLUMNS = 33, 34


def picture(samples=1, bits=12, frames=1):
    """Closed form: value of (frame, row, column, sample)."""
    f, y, x, s = np.meshgrid(np.arange(frames), np.arange(ROWS), np.arange(COLUMNS), np.arange(samples), indexing="ij")
    return ((x * 37 + y * y * 11 + s * 50 + f * 5 + x * y) * (1 << bits) // 1100) % (1 << bits)


def base(photometric="MONOCHROME2", samples=1, allocated=16, stored=12, frames=1, signed=0):
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = "2.25.1"
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
    ds.SOPClassUID, ds.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = ROWS, COLUMNS, samples, photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = allocated, stored, stored - 1, signed
    if samples > 1:
        ds.PlanarConfiguration = 0
    if frames > 1:
        ds.NumberOfFrames = frames
    kind = "<u1" if allocated == 8 else "<u2" if allocated == 16 else "<u4"
    ds.PixelData = _even(picture(samples, stored, frames).astype(kind).tobytes())
    ds["PixelData"].VR = "OW" if allocated > 8 else "OB"
    return ds


def _even(data):
    return data + b"\0" * (len(data) % 2)


def save(ds, path, syntax=ExplicitVRLittleEndian):
    ds.file_meta.TransferSyntaxUID = syntax
    ds.save_as(path, little_endian=True, implicit_vr=syntax == ImplicitVRLittleEndian, enforce_file_format=True)
    return path


def natives(folder):
    grey = base()
    grey.RescaleSlope, grey.RescaleIntercept, grey.WindowCenter, grey.WindowWidth = "2", "-1024", "40", "400"
    grey.PixelPaddingValue = 0
    save(grey, folder / "grey_explicit.dcm")
    save(grey, folder / "grey_implicit.dcm", ImplicitVRLittleEndian)
    high = base()
    high.HighBit = 15
    high.PixelData = ((picture() << 4) | 5).astype("<u2").tobytes()
    save(high, folder / "grey_high_bit.dcm")
    bit = base(allocated=8, stored=1, frames=3)
    bit.BitsAllocated = 1
    bit.PixelData = _even(np.packbits(picture(1, 1, 3).astype(np.uint8).ravel(), bitorder="little").tobytes())
    save(bit, folder / "bits_1.dcm")
    packed = base()
    packed.BitsAllocated = 12
    bits = (picture().ravel()[:, None] >> np.arange(12)) & 1
    packed.PixelData = _even(np.packbits(bits.astype(np.uint8).ravel(), bitorder="little").tobytes())
    save(packed, folder / "bits_12_packed.dcm")
    wide = base(allocated=32, stored=32)
    save(wide, folder / "grey_32.dcm")
    floats = base()
    del floats.PixelData, floats.BitsStored, floats.HighBit, floats.PixelRepresentation
    floats.BitsAllocated = 32
    floats.FloatPixelData = (picture() / 8).astype("<f4").tobytes()
    save(floats, folder / "float.dcm")
    save(base("RGB", 3, 8, 8), folder / "rgb.dcm")
    planar = base("RGB", 3, 8, 8)
    planar.PlanarConfiguration = 1
    planar.PixelData = _even(picture(3, 8).astype(np.uint8).transpose(0, 3, 1, 2).tobytes())
    save(planar, folder / "rgb_planar.dcm")
    sub = base("YBR_FULL_422", 3, 8, 8)
    full = picture(3, 8).astype(np.uint8).reshape(-1, 2, 3)
    sub.PixelData = _even(np.concatenate([full[:, :, 0], full[:, 0, 1:]], 1).tobytes())
    save(sub, folder / "ybr_422.dcm")


def tables(folder):
    def palette(segmented):
        ds = base("PALETTE COLOR", 1, 8, 8)
        ramp = np.arange(256, dtype=np.uint16) * 257
        for name, shift in (("Red", 0), ("Green", 3), ("Blue", 7)):
            setattr(ds, name + "PaletteColorLookupTableDescriptor", [256, 0, 16])
            plain = np.roll(ramp, shift)
            if segmented:
                words = [0, 2, 100, 200, 1, 126, 60000, 0, 2, 7, 9, 2, 1, 0, 0, 1, 124, 5]
                setattr(ds, "Segmented" + name + "PaletteColorLookupTableData", np.array(words, "<u2").tobytes())
            else:
                setattr(ds, name + "PaletteColorLookupTableData", plain.tobytes())
        return ds
    save(palette(False), folder / "palette.dcm")
    save(palette(True), folder / "palette_segmented.dcm")
    lut = base()
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [4096, 0, 16], (np.arange(4096, dtype="<u2") * 3).tobytes()
    item["LUTData"].VR = "OW"
    lut.ModalityLUTSequence = Sequence([item])
    lut.VOILUTSequence = Sequence([item])
    save(lut, folder / "lut.dcm")
    groups = base(frames=2)
    shared, frames = Dataset(), []
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.25], 2
    shared.PixelMeasuresSequence = Sequence([measures])
    for f in range(2):
        frame, rescale, voi = Dataset(), Dataset(), Dataset()
        rescale.RescaleIntercept, rescale.RescaleSlope, rescale.RescaleType = -100 * f, 0.5 + f, "US"
        voi.WindowCenter, voi.WindowWidth = 100, 50 + f
        frame.PixelValueTransformationSequence, frame.FrameVOILUTSequence = Sequence([rescale]), Sequence([voi])
        frames.append(frame)
    groups.SharedFunctionalGroupsSequence, groups.PerFrameFunctionalGroupsSequence = Sequence([shared]), Sequence(frames)
    save(groups, folder / "functional_groups.dcm")


def encapsulated(folder):
    for name, syntax, samples, allocated, stored, frames in [
            ("rle_16", RLELossless, 1, 16, 12, 2), ("rle_rgb", RLELossless, 3, 8, 8, 1), ("jls", JPEGLSLossless, 1, 16, 12, 2),
            ("jls_rgb", JPEGLSLossless, 3, 8, 8, 1), ("jls_near", JPEGLSNearLossless, 1, 8, 8, 1), ("j2k", JPEG2000Lossless, 1, 16, 12, 2),
            ("j2k_rgb", JPEG2000Lossless, 3, 8, 8, 1), ("j2k_lossy", JPEG2000, 1, 16, 12, 1)]:
        ds = base("RGB" if samples == 3 else "MONOCHROME2", samples, allocated, stored, frames)
        extra = {"jls_error": 2} if syntax == JPEGLSNearLossless else {"j2k_psnr": [60]} if syntax == JPEG2000 else {}
        ds.compress(syntax, generate_instance_uid=False, **extra)
        ds.save_as(folder / f"{name}.dcm", enforce_file_format=True)
    deflated = base(frames=2)
    deflate = [zlib.compressobj(9, zlib.DEFLATED, -15) for _ in range(2)]
    frames = [_even(d.compress(p.astype("<u2").tobytes()) + d.flush()) for d, p in zip(deflate, picture(frames=2))]
    deflated.PixelData = encapsulate(frames)
    deflated["PixelData"].VR, deflated["PixelData"].is_undefined_length = "OB", True
    deflated.file_meta.TransferSyntaxUID = JPEG2000Lossless  # pydicom writes no syntax that it does not know; this one is as long
    deflated.save_as(folder / "deflated_frames.dcm", enforce_file_format=True)
    written = (folder / "deflated_frames.dcm").read_bytes()
    (folder / "deflated_frames.dcm").write_bytes(written.replace(b"1.2.840.10008.1.2.4.90", b"1.2.840.10008.1.2.8.1\0"))
    pieces = base(frames=2)
    pieces.compress(JPEG2000Lossless, generate_instance_uid=False)
    from pydicom.encaps import generate_frames
    whole = list(generate_frames(pieces.PixelData, number_of_frames=2))
    pieces.PixelData = encapsulate(whole, fragments_per_frame=3, has_bot=True)
    pieces.save_as(folder / "fragments_table.dcm", enforce_file_format=True)
    pieces.PixelData = encapsulate(whole, fragments_per_frame=3, has_bot=False)
    pieces.save_as(folder / "fragments_no_table.dcm", enforce_file_format=True)
    pieces.PixelData, pieces.ExtendedOffsetTable, pieces.ExtendedOffsetTableLengths = encapsulate_extended(whole)
    pieces.save_as(folder / "extended_table.dcm", enforce_file_format=True)


def by_dcmtk(folder):
    eight, twelve = folder / "tmp8.dcm", folder / "tmp12.dcm"
    rgb = folder / "tmprgb.dcm"
    save(base(allocated=8, stored=8), eight)
    save(base(), twelve)
    save(base("RGB", 3, 8, 8), rgb)
    for name, source, options in [
            ("jpeg_baseline", eight, ["+eb"]), ("jpeg_baseline_ybr", rgb, ["+eb", "+cy", "+s2"]), ("jpeg_baseline_rgb", rgb, ["+eb", "+cr"]),
            ("jpeg_extended_12", twelve, ["+ee"]), ("jpeg_spectral", twelve, ["+es"]), ("jpeg_progressive", twelve, ["+ep"]),
            ("jpeg_lossless", twelve, ["+el", "+sv", "6"]), ("jpeg_lossless_sv1", twelve, ["+e1"]), ("jpeg_lossless_rgb", rgb, ["+e1"])]:
        subprocess.run(["dcmcjpeg", "+un", *options, str(source), str(folder / f"{name}.dcm")], check=True)
    for name in ("grey_explicit", "palette_segmented", "lut", "rgb"):
        subprocess.run(["dcmconv", "+tb", str(folder / f"{name}.dcm"), str(folder / f"{name}_big_endian.dcm")], check=True)
    subprocess.run(["dcmconv", "+td", str(twelve), str(folder / "deflated.dcm")], check=True)
    for scratch in (eight, twelve, rgb):
        scratch.unlink()


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "fuzz" / "corpus" / "fuzz_dicom_pixels"
    folder.mkdir(parents=True, exist_ok=True)
    for make in (natives, tables, encapsulated, by_dcmtk):
        make(folder)


if __name__ == "__main__":
    main()
