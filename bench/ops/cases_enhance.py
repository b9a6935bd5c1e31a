"""Contrast, vessels and repair."""
from bench_ops import Case, cv2, nd, np, skimage

VOXEL = {"units": "voxel"}


def vessels(op, sigmas, name, **given):
    peer = getattr(skimage.filters, op)
    return Case(op, {"sigmas": sigmas, **VOXEL, **given}, name, {"scikit-image": lambda i: peer(i.f32, sigmas, black_ridges=False)}, flops=120)


def normalized(i, size=21):
    """As a user of OpenCV writes it; float for what it smooths."""
    v = i.f32
    m = cv2.boxFilter(v, -1, (size, size))
    return (v - m) / np.sqrt(np.maximum(cv2.sqrBoxFilter(v, -1, (size, size)) - m * m, 1e-6))


def normalized_nd(i, size=21):
    v = i.f32
    m = nd.uniform_filter(v, size)
    return (v - m) / np.sqrt(np.maximum(nd.uniform_filter(v * v, size) - m * m, 1e-6))


CASES = [
    *[vessels(op, [1, 2], name) for op in ("frangi", "sato") for name in ("mr", "xrayf")],
    *[Case("clahe", {"tiles": 8, "clip_limit": 2}, name, {"OpenCV": lambda i: cv2.createCLAHE(2.0, (8, 8)).apply(i.array)}) for name in ("xray8", "xray")],
    Case("clahe", {"tiles": 8, "clip_limit": 2}, "ct", {"scikit-image": lambda i: skimage.exposure.equalize_adapthist(
        i.kept("0 to 1", lambda: (i.f32 + 1024) / 4096), [n // 8 for n in i.array.shape], 0.01)}),
    Case("adaptive_threshold", {"method": "gaussian", "sigma": 3.5}, "xray8", {"OpenCV": lambda i: cv2.adaptiveThreshold(
        i.array, 1, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, 21, 0)}),
    *[Case("local_contrast", {"radius": 10}, name, {"OpenCV boxFilter": normalized, "SciPy uniform_filter": lambda i: normalized_nd(i)}) for name in ("xray", "xrayf")],
    Case("local_contrast", {"radius": 3}, "ct", {"SciPy uniform_filter": lambda i: normalized_nd(i, 7)}),
    Case("adaptive_threshold", {"radius": 3}, "ct", {"scikit-image": lambda i: i.f32 > skimage.filters.threshold_local(i.f32, 7, "mean")}),
]
