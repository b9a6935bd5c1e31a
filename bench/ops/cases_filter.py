"""Smoothing, order statistics and slopes."""
from bench_ops import Case, cv2, nd, np, sitk, skimage

VOXEL = {"units": "voxel"}
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16


def box(peer, radius):
    """OpenCV's box and median sizes."""
    return lambda i: peer(i.array, 2 * radius + 1)


CASES = [
    Case("gaussian", {"sigma": 2, **VOXEL}, "ct", {
        "SimpleITK recursive": lambda i: sitk.SmoothingRecursiveGaussian(i.sitk_f32, [2 * s for s in i.spacing]),
        "SciPy f32": lambda i: nd.gaussian_filter(i.f32, 2), "scikit-image f32": lambda i: skimage.filters.gaussian(i.f32, 2)}, must=6),
    *[Case("gaussian", {"sigma": 2, **VOXEL}, name, {"OpenCV": lambda i: cv2.GaussianBlur(i.array, (17, 17), 2)}, must=1)
      for name in ("xray8", "xray", "xrayf")],
    Case("mean", {"radius": 1}, "ct", {"SimpleITK": lambda i: sitk.BoxMean(i.sitk, [1] * 3), "SciPy": lambda i: nd.uniform_filter(i.array, 3)}),
    *[Case("mean", {"radius": 2}, name, {"OpenCV": lambda i: cv2.blur(i.array, (5, 5))}) for name in ("xray8", "xray")],
    *[Case("median", {"radius": radius}, "ct_part", {
        "SimpleITK": lambda i, r=radius: sitk.Median(i.sitk, [r] * 3),
        "SciPy": lambda i, r=radius: nd.median_filter(i.array, 2 * r + 1)}, must=20) for radius in (1, 2)],
    *[Case("median", {"radius": radius}, name, {"OpenCV": box(cv2.medianBlur, radius)}, must=1 if radius == 2 else 0) for name in ("xray8", "xray") for radius in (1, 2)],
    Case("median", {"radius": 7}, "xray8", {"OpenCV": box(cv2.medianBlur, 7)}),
    Case("rank", {"percentile": 20, "radius": 2}, "xray8", {
        "SciPy": lambda i: nd.percentile_filter(i.array, 20, 5),
        "scikit-image": lambda i: skimage.filters.rank.percentile(i.array, np.ones((5, 5), np.uint8), p0=0.2)}),
    Case("unsharp", {"sigma": 2}, "ct", {"scikit-image": lambda i: skimage.filters.unsharp_mask(i.f32, 2, preserve_range=True)}),
    Case("gradient_magnitude", {}, "ct", {"SimpleITK": lambda i: sitk.GradientMagnitude(i.sitk)}),
    Case("sobel", {}, "ct", {"scikit-image": lambda i: skimage.filters.sobel(i.f32)}),
    Case("laplacian_of_gaussian", {"sigma": 2, **VOXEL}, "mr", {
        "SciPy": lambda i: nd.gaussian_laplace(i.array, 2), "SimpleITK recursive": lambda i: sitk.LaplacianRecursiveGaussian(i.sitk, 2)}),
    Case("convolve", {"size": "5,5,1", "kernel": ",".join(["1"] * 25), "normalize": True}, "xray", {
        "OpenCV": lambda i: cv2.filter2D(i.array, -1, np.full((5, 5), 0.04))}),
    *[Case("convolve_separable", {"x": "1,4,6,4,1", "y": "1,4,6,4,1", "normalize": True, "type": "f32"}, name, {
        "OpenCV": lambda i: cv2.sepFilter2D(i.array, cv2.CV_32F, BINOMIAL, BINOMIAL)}) for name in ("xray8", "xray", "xrayf")],
    Case("convolve_separable", {"x": "1,4,6,4,1", "y": "1,4,6,4,1", "z": "1,4,6,4,1", "normalize": True}, "mr", {
        "SciPy": lambda i: nd.convolve1d(nd.convolve1d(nd.convolve1d(i.array, BINOMIAL, 0), BINOMIAL, 1), BINOMIAL, 2)}),
]
