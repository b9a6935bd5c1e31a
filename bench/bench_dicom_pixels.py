"""Decoding of one 512 x 512 CT slice by Cormack and by pydicom with its codecs, in the same run, one thread.

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
BUDGET = 0.3


def pydicom_seconds(path, plugin):
    """Median of decoding to an array; the file is parsed before."""
    ds = pydicom.dcmread(path)
    ds.PixelData  # noqa: B018  read now
    decoder = get_decoder(ds.file_meta.TransferSyntaxUID)
    times, begin = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < BUDGET:
        t = time.perf_counter()
        decoder.as_array(ds, raw=True, decoding_plugin=plugin)
        times.append(time.perf_counter() - t)
    return statistics.median(times)


def main():
    program, data = pathlib.Path(os.environ["CORMACK"]).parent / "bench/bench_dicom_pixels", pathlib.Path(os.environ["CORMACK_TEST_DATA"])
    folder = data / "dicom" / "cornerstone_ct_all_syntaxes"
    paths = [next(folder.glob(f"CTImage.dcm_{name}*")) for name in SYNTAXES]
    out = subprocess.run([program, str(BUDGET), *map(str, paths)], check=True, capture_output=True, text=True).stdout
    ours = {pathlib.Path(f[0]): [float(x) for x in f[1:]] for f in (line.split("\t") for line in out.splitlines()[1:])}
    print(f"{'syntax':24} {'Cormack ms':>10} {'as image':>9} {'values':>8} {'f32':>8} {'memcpy':>8}   best of pydicom's, ms (ratio)")
    for name, path in zip(SYNTAXES, paths):
        uid = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
        plugins = get_decoder(uid).available_plugins or ("",)
        peers = {}
        for plugin in plugins:
            try:
                peers[plugin or "numpy"] = pydicom_seconds(path, plugin) * 1e3
            except Exception:  # a plugin that does not do this file
                continue
        note(f"decode a slice, {name}", ours[path][0] / 1e3, {f"pydicom {k}": v / 1e3 for k, v in peers.items()}, limit_share=ours[path][4] / ours[path][0],
             limit="copying the voxels")
        best = min(peers, key=peers.get)
        print(f"{name:24} {ours[path][0]:10.3f} {ours[path][1]:9.3f} {ours[path][2]:8.3f} {ours[path][3]:8.3f} {ours[path][4]:8.3f}   "
              f"{peers[best]:.3f} {best} ({peers[best] / ours[path][0]:.1f}x)  " + ", ".join(f"{k} {v:.1f}" for k, v in peers.items() if k != best))


main()
