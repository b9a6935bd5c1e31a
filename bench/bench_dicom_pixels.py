"""Decoding of one 512 x 512 CT slice by Cormack and by pydicom with its codecs, one thread: processor time, in turn.

Run: make bench ONLY=bench_dicom_pixels
"""
import logging
import os
import pathlib
import statistics
import subprocess
import time
import warnings

import pydicom
from pydicom.pixels import get_decoder
from rows import note

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
SYNTAXES = ["LittleEndianExplicit", "BigEndianExplicit", "RLELossless", "JPEGProcess14SV1", "JPEGLSLossless", "JPEG2000LosslessOnly",
            "JPEG2000Transfer", "JPEGProcess1Transfer", "JPEGProcess2_4"]
BUDGET = 0.2
TURNS = 3


def pydicom_decoding(path, plugin):
    """What decodes to an array; the file is parsed before."""
    ds = pydicom.dcmread(path)
    ds.PixelData  # noqa: B018  read now
    decoder = get_decoder(ds.file_meta.TransferSyntaxUID)
    return lambda: decoder.as_array(ds, raw=True, decoding_plugin=plugin)


def seconds(work):
    """Median."""
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < BUDGET:
        t = time.process_time()
        work()
        times.append(time.process_time() - t)
    return statistics.median(times)


def cormack_milliseconds(path):
    """Stored values as they are, the same as an image, rescaled values, those as f32, and a copy of the voxels."""
    program = pathlib.Path(os.environ["CORMACK"]).parent / "bench/bench_dicom_pixels"
    out = subprocess.run([program, str(BUDGET), path], check=True, capture_output=True, text=True).stdout
    return [float(number) for number in out.splitlines()[1].split("\t")[1:]]


def peers_of(path):
    decodings = {}
    uid = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    for plugin in get_decoder(uid).available_plugins or ("",):
        work = pydicom_decoding(path, plugin)
        try:
            work()
        except Exception:  # a plugin that does not do this file
            continue
        decodings[plugin or "numpy"] = work
    return decodings


def main():
    folder = pathlib.Path(os.environ["CORMACK_TEST_DATA"]) / "dicom" / "cornerstone_ct_all_syntaxes"
    print(f"{'syntax':24} {'Cormack ms':>10} {'as image':>9} {'values':>8} {'f32':>8} {'memcpy':>8}   best of pydicom's, ms (ratio)")
    for name in SYNTAXES:
        path = next(folder.glob(f"CTImage.dcm_{name}*"))
        peers = peers_of(path)
        turns = [(cormack_milliseconds(path), {peer: seconds(work) * 1e3 for peer, work in peers.items()}) for _ in range(TURNS)]
        ours = [statistics.median(numbers) for numbers in zip(*(turn[0] for turn in turns), strict=True)]
        taken = {peer: statistics.median(turn[1][peer] for turn in turns) for peer in peers}
        note(f"decode a slice, {name}", ours[0] / 1e3, {f"pydicom {peer}": ms / 1e3 for peer, ms in taken.items()}, limit_share=ours[4] / ours[0],
             limit="copying the voxels")
        best = min(taken, key=taken.get)
        print(f"{name:24} {ours[0]:10.3f} {ours[1]:9.3f} {ours[2]:8.3f} {ours[3]:8.3f} {ours[4]:8.3f}   "
              f"{taken[best]:.3f} {best} ({taken[best] / ours[0]:.1f}x)  " + ", ".join(f"{k} {v:.1f}" for k, v in taken.items() if k != best))


main()
