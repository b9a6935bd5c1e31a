"""Smoothing, order statistics and slopes."""
from bench_ops import Case, cv2, nd, sitk

CASES = [
    Case("gaussian", {"sigma": 2, "units": "voxel"}, "ct", {
        "SimpleITK recursive": lambda i: sitk.SmoothingRecursiveGaussian(i.sitk_f32, [2 * s for s in i.spacing]),
        "SciPy float": lambda i: nd.gaussian_filter(i.f32, 2)}),
    Case("gaussian", {"sigma": 2, "units": "voxel"}, "xray8", {"OpenCV": lambda i: cv2.GaussianBlur(i.array, (17, 17), 2)}),
    Case("gaussian", {"sigma": 2, "units": "voxel"}, "xray", {"OpenCV": lambda i: cv2.GaussianBlur(i.array, (17, 17), 2)}),
    Case("median", {"radius": 1}, "ct", {
        "SimpleITK": lambda i: sitk.Median(i.sitk, [1] * 3), "SciPy": lambda i: nd.median_filter(i.array, 3)}),
    Case("median", {"radius": 2}, "xray8", {"OpenCV": lambda i: cv2.medianBlur(i.array, 5)}),
]
