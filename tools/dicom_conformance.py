"""Compares Cormack's decoding of every DICOM image under a folder with DCMTK, pydicom and GDCM, and writes docs/dicom-conformance.md.

Run: .venv/bin/python tools/dicom_conformance.py ../shared/data [--check]      (--check: fails where the page would change)
"""
import collections
import os
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import dicom_engine
import dicom_peers

SOURCE = pathlib.Path(__file__).resolve().parent.parent
PAGE = SOURCE / "docs" / "dicom-conformance.md"
NOT_DICOM = {".nii", ".gz", ".csv", ".png", ".npz", ".json", ".md", ".txt", ".nrrd", ".mha", ".jpg", ".py", ".zip"}
FLOAT_ROUNDING = 2.0 ** -23  # values are f32 where the rescale is fractional; the peers give f64

# Why a peer's pixels are not ours, by file: peers, who is right and by what. Stored values first, values after.
STORED_REASONS = [
    (("JPGExtended.dcm", "CT0012.fragmented_no_bot", "4.51.dcm"), {"pydicom"},
     "the inverse DCT is specified to a precision, not to the bit (ITU-T T.83); the IJG code of DCMTK, GDCM and Cormack agree, libjpeg of "
     "pylibjpeg rounds otherwise: all are right"),
    (("SC_rgb_rle_16bit", "SC_rgb_rle_32bit"), {"GDCM"},
     "PS3.5 G.2: the segments run sample by sample, most significant byte first; GDCM 3.2 mixes the bytes of several samples. DCMTK, pydicom and "
     "Cormack are right"),
]
VALUE_REASONS = [
    (("JPGExtended.dcm", "CT0012.fragmented_no_bot", "4.51.dcm"), "as the stored values"),
    (("OBXXXX1A_expb",), "PS3.3 C.7.6.3.1.6: palette data are OW, whose words a big endian syntax swaps; pydicom reads them as little endian. The little "
                         "endian twin of the file has Cormack's colours"),
]
# Where no two peers decode a file: what stands for them.
ALONE = [
    (("liver_rle", "liver_nonbyte_aligned_rle", "liver_deflate", "liver_nonbyte_aligned_deflate"),
     "no peer decodes it; equal to its uncompressed twin, which DCMTK and pydicom decode alike"),
    (("parametric_map",), "DCMTK and GDCM do not read float pixel data; equal to pydicom"),
    (("JLSL_08_07_0_1F",), "DCMTK and GDCM refuse 7-bit samples; equal to pydicom's two decoders"),
]
TWINS = {"liver_rle.dcm": "liver.dcm", "liver_deflate.dcm": "liver.dcm", "liver_nonbyte_aligned_rle.dcm": "liver_nonbyte_aligned.dcm",
         "liver_nonbyte_aligned_deflate.dcm": "liver_nonbyte_aligned.dcm"}
# What is refused: what its message must name, and why that is right.
BIG_ENDIAN_WORDS = (
    "PS3.5 (2016b) 8.1.1: OW is a stream of 16-bit words, of which a big endian syntax swaps the bytes, the low word of a cell first. DCMTK and GDCM read "
    "so and are right by the letter; the file was written with all four bytes swapped, as pydicom reads it, and only so has the doses of its little "
    "endian twin. Nothing in the file tells, and the letter gives doses that are wrong a thousandfold: refused")
REFUSED = {
    "MR_truncated.dcm": ("only 8130 are left", ""),
    "badVR.dcm": ("NumberOfFrames", ""),
    "meta_missing_tsyntax.dcm": ("Columns", "a made-up data set without an image's description"),
    "nested_priv_SQ.dcm": ("Columns", ""),
    "JPEG2000-embedded-sequence-delimiter.dcm": ("tiles", "made to test parsers: the codestream was cut and a delimiter put in its place"),
    "rtdose_expb.dcm": ("two readings", BIG_ENDIAN_WORDS),
    "rtdose_expb_1frame.dcm": ("two readings", BIG_ENDIAN_WORDS),
}


def find(table, name):
    for entry in table:
        if any(part in name for part in entry[0]):
            return entry
    return None


def images(data):
    """Every file under `data` that a DICOM parser finds pixel data in."""
    for folder, _, names in sorted(os.walk(data)):
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if path.suffix in NOT_DICOM:
                continue
            with open(path, "rb") as file:
                magic = file.read(132)[128:] == b"DICM"
            if not magic and "/dicom/" not in str(path):
                continue
            try:
                ds = dicom_peers.header(path)
                if any(key in ds for key in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
                    yield path, ds
            except Exception:  # nothing that has pixels for any of the judges
                continue


def compare(ours, theirs):
    """"=", "±n" or "other size"."""
    if theirs.size != ours.size:
        return "other size"
    theirs = theirs.reshape(ours.shape)
    if np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f"):
        return "="
    most = np.abs(ours.astype(np.float64) - theirs.astype(np.float64)).max()
    return f"±{most:g}" if most <= 2 else "differs"


def compare_values(ours, path, ds):
    try:
        theirs = dicom_peers.values_by_pydicom(path, ds)
    except dicom_peers.Refused:
        return "-"
    if theirs.size != ours.size:
        return "other size"
    theirs = theirs.reshape(ours.shape).astype(np.float64)
    tolerance = FLOAT_ROUNDING * np.abs(theirs) if ours.dtype == np.float32 else 0.0
    return "=" if np.all((np.abs(ours - theirs) <= tolerance) | (np.isnan(ours.astype(np.float64)) & np.isnan(theirs))) else "differs"


def judge(engine, path, ds):
    """The row of a file."""
    meta = getattr(ds, "file_meta", {})
    uid = meta.TransferSyntaxUID if "TransferSyntaxUID" in meta else None
    row = {"name": path.name, "syntax": uid.name if uid else "(not stated)", "photometric": str(ds.get("PhotometricInterpretation", "-")), "peers": {},
           "bits": f"{ds.get('BitsStored', '')}/{ds.get('BitsAllocated', '')}{' s' if ds.get('PixelRepresentation') else ''}"}
    ours = None
    try:
        with engine.open(path) as file:
            ours, values = file.decode(dicom_engine.STORED), file.decode(dicom_engine.VALUES)
        row["ours"] = "decoded"
        row["values"] = compare_values(values, path, ds)
    except dicom_engine.EngineError as error:
        row["ours"], row["values"] = "refused", "-"
        row["message"] = str(error).removeprefix(str(path) + ": ")
    for peer in dicom_peers.PEERS:
        if peer == "GDCM" and list(row["peers"].values()) == ["=", "="]:
            continue  # a third opinion is asked for where two are not enough
        theirs, why = dicom_peers.ask(peer, path, ds)
        row["peers"][peer] = "refuses" if theirs is None else "decodes" if ours is None else compare(ours, theirs)
        if theirs is None:
            row.setdefault("why", {})[peer] = why
    return row


def faults(row):
    """What in a row is neither agreement nor explained."""
    name, peers = row["name"], row["peers"]
    if row["ours"] == "refused":
        cause = REFUSED.get(name)
        return [] if cause and cause[0] in row["message"] else [f"refused: {row['message']}"]
    found = []
    reason = find(STORED_REASONS, name)
    for peer, verdict in peers.items():
        if verdict not in ("=", "refuses") and not (reason and peer in reason[1]):
            found.append(f"{peer} {verdict}")
    if sum(v == "=" for v in peers.values()) < 2 and not find(ALONE, name):
        found.append("fewer than two peers agree")
    if row["values"] not in ("=", "-") and not find(VALUE_REASONS, name):
        found.append(f"values: {row['values']}")
    return found


def remarks(row):
    notes = []
    if row["ours"] == "refused":
        why = REFUSED.get(row["name"], ("", ""))[1]
        return f"«{row['message']}»" + (f" ({why})" if why else "")
    reason, value_reason, alone = find(STORED_REASONS, row["name"]), find(VALUE_REASONS, row["name"]), find(ALONE, row["name"])
    if reason and any(row["peers"].get(peer) not in ("=", "refuses", None) for peer in reason[1]):
        notes.append(reason[2])
    if value_reason and row["values"] not in ("=", "-"):
        notes.append("values: " + value_reason[1])
    if alone:
        notes.append(alone[1])
    return "; ".join(notes)


HEAD = """# DICOM pixels: conformance

Made by `tools/dicom_conformance.py`; checked by `tests/io/test_dicom_pixels_oracle.py`. Do not edit.

Every image among the test data, decoded by Cormack and by independent decoders: DCMTK 3.6.7 (dcmdjpeg, dcmdjpls, dcmdrle, dcmdump), pydicom
3.0 with its codecs (pylibjpeg, pyjpegls), and GDCM 3.2 as third opinion where one of the two refuses or differs. Compared are the stored values of all
frames, bit for bit: `=` equal, `±n` differs by at most n, `refuses` the peer does not decode the file. «values» compares rescaled values and
RGB with pydicom's (fractional rescale: to the rounding of a 32-bit float; where the rescale stands in functional groups, or is the scaling of a
dose, with what pydicom reads there). DCMTK 3.6.7 has no JPEG 2000 codec; GDCM, pydicom and Cormack have OpenJPEG, in three builds: for lossy
JPEG 2000 they are one judge, for lossless files the uncompressed twins are another.

## Where the judges differ

"""


def page(rows):
    groups = collections.OrderedDict()
    for folder, row in rows:
        key = (folder, row["syntax"], row["photometric"], row["bits"], row["ours"], tuple(row["peers"].items()), row["values"], remarks(row))
        groups.setdefault(key, []).append(row["name"])
    decoded = sum(row["ours"] == "decoded" for _, row in rows)
    text = [HEAD]
    text.append(f"{len(rows)} images: {decoded} decoded, {len(rows) - decoded} refused.\n\n")
    text.append("| file | transfer syntax | photometric | bits | Cormack | DCMTK | pydicom | GDCM | values | remark |\n|" + " --- |" * 10 + "\n")
    interesting = [(k, n) for k, n in groups.items() if k[7]]
    plain = [(k, n) for k, n in groups.items() if not k[7]]
    for chosen, title in ((interesting, None), (plain, "\n## Where all agree\n\n")):
        if title:
            text.append(title + "| files | transfer syntax | photometric | bits | DCMTK | pydicom | GDCM | values |\n|" + " --- |" * 8 + "\n")
        for (folder, syntax, photometric, bits, ours, peers, values, remark), names in chosen:
            peers = dict(peers)
            name = f"{folder}/{names[0]}" if len(names) == 1 else f"{folder}/ ({len(names)} files: {names[0]} …)"
            cells = [peers.get(p, "") for p in ("DCMTK", "pydicom", "GDCM")]
            line = [name, syntax, photometric, bits] + ([ours] if not title else []) + cells + [values] + ([remark] if not title else [])
            text.append("| " + " | ".join(line) + " |\n")
    return "".join(text)


def survey(data, engine=None):
    engine = engine or dicom_engine.Engine()
    return [(str(path.parent.relative_to(data)), judge(engine, path, ds)) for path, ds in images(data)]


def main():
    data = pathlib.Path(sys.argv[1])
    rows = survey(data)
    wrong = [(folder, row["name"], fault) for folder, row in rows for fault in faults(row)]
    for fault in wrong:
        print(*fault, sep=" | ")
    text = page(rows)
    if "--check" in sys.argv:
        if PAGE.read_text() != text:
            sys.exit("docs/dicom-conformance.md is out of date: run tools/dicom_conformance.py")
    else:
        PAGE.write_text(text)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
