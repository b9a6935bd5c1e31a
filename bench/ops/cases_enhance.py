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


def scratches(i):
    """Lines five voxels wide, and a blot."""
    def make():
        at = np.indices(i.array.shape[-2:])
        size = i.array.shape[-1]
        made = ((at[1] + at[0] // 3) % (size // 4) < 5) | (np.hypot(at[0] - size // 2, at[1] - size // 2) < size // 60)
        return np.broadcast_to(made, i.array.shape).astype(np.uint8) if i.array.ndim == 2 else balls(i.array.shape)
    return i.kept("scratches", make)


def balls(shape):
    """One in 24 voxels along each axis, a radius of 4 voxels."""
    at = np.indices(shape) % 24 - 12
    return (sum(a * a for a in at) < 16).astype(np.uint8)


def marked(i):
    return {"image": i.image, "mask": i.kept("marked", lambda: i.like(scratches(i)))}


def hysteresis(slopes):
    return skimage.filters.apply_hysteresis_threshold(slopes, *np.percentile(slopes, [90, 95]))


NOTES = {"adaptive_threshold": "the Gaussian of bytes in float, where OpenCV takes 16 bits",
         "inpaint": "the front is one chain, each voxel waits for the one before: one thread"}
CASES = [
    *[Case("hessian_eigenvalues", {"sigma": 2, "units": "voxel"}, name, {"scikit-image": lambda i: skimage.feature.hessian_matrix_eigvals(
        skimage.feature.hessian_matrix(i.f32, 2, use_gaussian_derivatives=True))}) for name in ("mr_part", "xrayf_part")],
    *[vessels(op, [1, 2], name) for op in ("frangi", "sato") for name in ("mr_part", "xrayf_part")],
    *[Case("clahe", {"tiles": 8, "clip_limit": 2}, name, {"OpenCV": lambda i: cv2.createCLAHE(2.0, (8, 8)).apply(i.array)}) for name in ("xray8", "xray")],
    Case("clahe", {"tiles": 8, "clip_limit": 2}, "ct", {"scikit-image": lambda i: skimage.exposure.equalize_adapthist(
        i.kept("0 to 1", lambda: (i.f32 + 1024) / 4096), [n // 8 for n in i.array.shape], 0.01)}),
    *[Case("adaptive_threshold", {"method": "gaussian", "sigma": s, "truncate": t}, "xray8", {"OpenCV": lambda i, n=n: cv2.adaptiveThreshold(
        i.array, 1, cv2.ADAPTIVE_THRESH_GAUSSIAN_C, cv2.THRESH_BINARY, n, 0)}) for s, t, n in ((3.5, 2.86, 21), (2, 2.5, 11))],
    *[Case("adaptive_threshold", {"radius": r, "offset": 3}, "xray8", {"OpenCV": lambda i, r=r: cv2.adaptiveThreshold(
        i.array, 1, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 2 * r + 1, 3)}) for r in (5, 20)],
    *[Case("edges", {"operator": "scharr", "thin": False, "thresholds": "value", "lower": 200, "upper": 600}, name, {
        "scikit-image": lambda i: skimage.filters.apply_hysteresis_threshold(skimage.filters.scharr(i.f32), 200, 600)}) for name in ("xray", "ct")],
    Case("edges", {"operator": "prewitt"}, "mr", {"scikit-image, not thinned": lambda i: hysteresis(skimage.filters.prewitt(i.f32))}),
    Case("inpaint", {"per": "voxel"}, "xray8", {"scikit-image": lambda i: skimage.restoration.inpaint_biharmonic(i.f32, scratches(i))}, marked),
    Case("inpaint", {"per": "voxel"}, "mr", {"scikit-image": lambda i: skimage.restoration.inpaint_biharmonic(i.array, scratches(i))}, marked),
    Case("inpaint", {"method": "fast_marching", "radius": 3}, "xray8", {"OpenCV": lambda i: cv2.inpaint(i.array, scratches(i), 3, cv2.INPAINT_TELEA)}, marked),
    *[Case("local_contrast", {"radius": 10}, name, {"OpenCV boxFilter": normalized, "SciPy uniform_filter": lambda i: normalized_nd(i)}) for name in ("xray8", "xray", "xrayf")],
    Case("local_contrast", {"radius": 3}, "ct", {"SciPy uniform_filter": lambda i: normalized_nd(i, 7)}),
    Case("adaptive_threshold", {"radius": 3}, "ct", {"scikit-image": lambda i: i.f32 > skimage.filters.threshold_local(i.f32, 7, "mean")}),
]
