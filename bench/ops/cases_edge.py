"""Edges."""
from bench_ops import Case, cv2, sitk, skimage

VALUES = {"sigma": 1, "units": "voxel", "per": "voxel", "thresholds": "value"}
OPENCV = {**VALUES, "sigma": 0}  # its slopes are 8 times ours

CASES = [
    Case("canny", {**VALUES, "lower": 50, "upper": 100}, "ct_part", {
        "SimpleITK": lambda i: sitk.CannyEdgeDetection(i.sitk_f32, 50, 100, [s * s for s in i.spacing])}, must=4),
    *[Case("canny", {**OPENCV, "lower": 12.5 * k, "upper": 25 * k}, name, {
        "OpenCV, of 8 bits": lambda i: cv2.Canny(i.of("xray8").array, 100, 200, L2gradient=True)}, must=1) for name, k in (("xray8", 1), ("xray", 256))],
    Case("canny", {"sigma": 2, "units": "voxel", "lower": 90, "upper": 95}, "xrayf", {
        "scikit-image": lambda i: skimage.feature.canny(i.array, 2, 0.90, 0.95, use_quantiles=True)}),
    Case("zero_crossings", {}, "mr", {"SimpleITK": lambda i: sitk.ZeroCrossingBasedEdgeDetection(i.sitk, 4)}),
    Case("hysteresis", {"thresholds": "value", "lower": 100, "upper": 300}, "ct", {
        "scikit-image": lambda i: skimage.filters.apply_hysteresis_threshold(i.array, 100, 300)}),
]
