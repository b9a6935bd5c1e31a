"""Operations of Cormack beside SimpleITK, SciPy, scikit-image and OpenCV: the same volume, the same number of threads, the same run.

bench_ops.py [THREADS] [SIZE]; needs build/bench/bench_ops (make bench). Prints a line per operation and writes nothing."""
import json
import os
import subprocess
import sys
import tempfile
import time

threads = int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
    os.environ[name] = str(threads)
try:
    import numpy as np
    import scipy.ndimage as nd
    import SimpleITK as sitk
    import skimage.filters
    import skimage.measure
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
try:
    import cv2
    cv2.setNumThreads(threads)
except ImportError:
    cv2 = None
sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)

root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
program = os.path.join(os.environ.get("CORMACK_BUILD", os.path.join(root, "build")), "bench", "bench_ops")
side = int(sys.argv[2]) if len(sys.argv) > 2 else 192
shape = (side // 2, side, side)
random = np.random.default_rng(1)
smooth = nd.gaussian_filter(random.normal(size=shape), 3)
ct = (smooth / smooth.std() * 300 + random.normal(size=shape) * 20).astype(np.int16)
mask = (smooth > 0.3 * smooth.std()).astype(np.uint8)
f32 = ct.astype(np.float32)
one = f32[:1].copy()
images = {name: sitk.GetImageFromArray(a) for name, a in (("ct", ct), ("mask", mask), ("f32", f32))}
I, M, F = images["ct"], images["mask"], images["f32"]
flat = ct[shape[0] // 2]
big = np.tile(flat, (8, 8)).astype(np.int16)
big8 = np.clip(big / 8 + 128, 0, 255).astype(np.uint8)
arrays = {"ct": ct, "mask": mask, "f32": f32, "big8": big8[None], "bigf": big[None].astype(np.float32)}


def resampled(method, spacing):
    size = [int(np.ceil(n / spacing)) for n in shape[::-1]]
    return lambda: sitk.Resample(I, size, sitk.Transform(), method, [0.5 * (n - 1 - (m - 1) * spacing) for n, m in zip(shape[::-1], size)], [spacing] * 3)


# volume, operation, parameters, peers (name, call)
cases = [
    ("ct", "gaussian", "sigma=2", [("SimpleITK recursive", lambda: sitk.SmoothingRecursiveGaussian(I, 2.0)), ("SciPy", lambda: nd.gaussian_filter(ct, 2))]),
    ("f32", "gaussian", "sigma=1", [("SimpleITK recursive", lambda: sitk.SmoothingRecursiveGaussian(F, 1.0)), ("SciPy", lambda: nd.gaussian_filter(f32, 1))]),
    ("bigf", "gaussian", "sigma=2 units=voxel", [("OpenCV", lambda: cv2.GaussianBlur(arrays["bigf"][0], (17, 17), 2))]),
    ("ct", "mean", "radius=1", [("SimpleITK", lambda: sitk.BoxMean(I, [1] * 3)), ("SciPy", lambda: nd.uniform_filter(ct, 3))]),
    ("ct", "median", "radius=1", [("SimpleITK", lambda: sitk.Median(I, [1] * 3))]),
    ("ct", "median", "radius=2", [("SimpleITK", lambda: sitk.Median(I, [2] * 3))]),
    ("big8", "median", "radius=1", [("OpenCV", lambda: cv2.medianBlur(big8, 3))]),
    ("big8", "median", "radius=2", [("OpenCV", lambda: cv2.medianBlur(big8, 5))]),
    ("bigf", "bilateral", "sigma=2 units=voxel range_sigma=30", [("OpenCV", lambda: cv2.bilateralFilter(arrays["bigf"][0], 9, 30, 2))]),
    ("ct", "bilateral", "sigma=1 range_sigma=30", []),
    ("ct", "unsharp", "sigma=2", [("scikit-image", lambda: skimage.filters.unsharp_mask(f32, 2, preserve_range=True))]),
    ("ct", "gradient_magnitude", "", [("SimpleITK", lambda: sitk.GradientMagnitude(I)), ("SciPy", lambda: nd.generic_gradient_magnitude(f32, nd.prewitt))]),
    ("ct", "threshold", "lower=0", [("SimpleITK", lambda: sitk.BinaryThreshold(I, 0, 32767)), ("NumPy", lambda: (ct >= 0).view(np.uint8))]),
    ("ct", "otsu", "", [("SimpleITK", lambda: sitk.OtsuThreshold(I)), ("scikit-image", lambda: ct > skimage.filters.threshold_otsu(ct))]),
    ("mask", "connected_components", "", [("SimpleITK", lambda: sitk.ConnectedComponent(M, True)), ("SciPy", lambda: nd.label(mask, np.ones((3, 3, 3)))), ("scikit-image", lambda: skimage.measure.label(mask))]),
    ("mask", "fill_holes", "", [("SimpleITK", lambda: sitk.BinaryFillhole(M))]),
    ("mask", "dilate", "radius=3", [("SimpleITK", lambda: sitk.BinaryDilate(M, [3] * 3))]),
    ("mask", "close", "radius=5", [("SimpleITK", lambda: sitk.BinaryMorphologicalClosing(M, [5] * 3))]),
    ("ct", "dilate", "radius=2", [("SimpleITK", lambda: sitk.GrayscaleDilate(I, [2] * 3))]),
    ("ct", "erode", "radius=2 shape=box", [("SciPy", lambda: nd.grey_erosion(ct, 5)), ("SimpleITK", lambda: sitk.GrayscaleErode(I, [2] * 3, sitk.sitkBox))]),
    ("big8", "dilate", "radius=2 shape=box", [("OpenCV", lambda: cv2.dilate(big8, np.ones((5, 5), np.uint8)))]),
    ("ct", "open", "radius=2", [("SimpleITK", lambda: sitk.GrayscaleMorphologicalOpening(I, [2] * 3))]),
    ("ct", "resample", "spacing=0.8", [("SimpleITK", resampled(sitk.sitkLinear, 0.8)), ("SciPy", lambda: nd.zoom(ct, 1.25, order=1))]),
    ("ct", "resample", "spacing=1.6 interpolation=nearest", [("SimpleITK", resampled(sitk.sitkNearestNeighbor, 1.6))]),
    ("ct", "resample", "spacing=0.8 interpolation=cubic", [("SimpleITK", resampled(sitk.sitkBSpline, 0.8))]),
    ("ct", "normalize", "method=percentile", [("NumPy", lambda: np.clip((ct - np.percentile(ct, 1)) / np.ptp(np.percentile(ct, [1, 99])), 0, 1).astype(np.float32))]),
    ("ct", "standardize", "", [("SimpleITK", lambda: sitk.Normalize(I)), ("NumPy", lambda: ((f32 - f32.mean()) / f32.std()))]),
    ("ct", "window", "preset=lung", [("SimpleITK", lambda: sitk.Cast(sitk.IntensityWindowing(I, -1350, 150), sitk.sitkUInt8))]),
    ("ct", "clip", "lower=-100 upper=300", [("SimpleITK", lambda: sitk.Clamp(I, sitk.sitkInt16, -100, 300)), ("NumPy", lambda: np.clip(ct, -100, 300))]),
    ("ct", "crop", "start=8,8,8 size=100,100,40", []),
    ("mask", "shape", "", [("SimpleITK", lambda: sitk.LabelShapeStatisticsImageFilter().Execute(M))]),
]


def median_ms(call, repeats):
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append((time.perf_counter() - begin) * 1e3)
    return sorted(times)[repeats // 2]


def main():
    print(f"{threads} threads; volume {shape[2]}x{shape[1]}x{shape[0]}, picture {big.shape[1]}x{big.shape[0]}; ms, median of 5 (peers 3)")
    print(f"{'operation':22}{'of':6}{'parameters':38}{'ours':>9}{'memory':>8}   peer: ms (ratio)")
    with tempfile.TemporaryDirectory() as folder:
        for name, array in arrays.items():
            array.tofile(os.path.join(folder, name))
        for name, op, params, peers in cases:
            array = arrays[name]
            kind = {"uint8": "u8", "int16": "i16", "float32": "f32"}[array.dtype.name]
            nz, ny, nx = array.shape
            line = subprocess.run([program, str(threads), str(nx), str(ny), str(nz), kind, os.path.join(folder, name), "5", op, params],
                                  check=True, capture_output=True, text=True).stdout
            ours = json.loads(line)
            text = []
            for peer, call in peers:
                if peer == "OpenCV" and cv2 is None:
                    continue
                ms = median_ms(call, 3)
                text.append(f"{peer}: {ms:.1f} ({ms / ours['ms']:.1f}x)")
            print(f"{op:22}{name:6}{params:38}{ours['ms']:9.2f}{ours['memory']:8.3f}   {'; '.join(text)}", flush=True)


main()
