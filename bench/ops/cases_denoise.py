"""Denoising in space."""
import scipy.signal
import skimage.restoration
from bench_ops import Case, cv2, nd, np, sitk


def adaptive_median(a, most):
    """As somebody with SciPy would write it: the growing box for all voxels at once."""
    result, left = np.empty_like(a), np.ones(a.shape, bool)
    for size in range(3, 2 * most + 2, 2):
        low, middle, high = (f(a, size=size) for f in (nd.minimum_filter, nd.median_filter, nd.maximum_filter))
        found = left & (low < middle) & (middle < high)
        np.copyto(result, np.where((low < a) & (a < high), a, middle), where=found)
        left &= ~found
    return np.where(left, middle, result)


CASES = [
    Case("non_local_means", {"patch_radius": 1, "search_radius": 2, "h": 20.0}, "ct_part", {
        "scikit-image": lambda i: skimage.restoration.denoise_nl_means(i.f32, 3, 2, 20.0, fast_mode=True, preserve_range=True)}, must=4),
    Case("non_local_means", {"patch_radius": 3, "search_radius": 10, "h": 10.0, "border": "mirror"}, "xray8", {
        "OpenCV": lambda i: cv2.fastNlMeansDenoising(i.array, None, 10, 7, 21)}, must=1),
    Case("non_local_means", {"patch_radius": 3, "search_radius": 10, "h": 600.0, "distance": "l1", "border": "mirror"}, "xray", {
        "OpenCV": lambda i: cv2.fastNlMeansDenoising(i.array, [600], None, 7, 21, cv2.NORM_L1)}, must=1),
    Case("bilateral", {"sigma": 2, "units": "voxel", "range_sigma": 20, "shape": "ball"}, "xray8", {
        "OpenCV": lambda i: cv2.bilateralFilter(i.array, 9, 20, 2)}, must=1),
    Case("bilateral", {"sigma": 2, "units": "voxel", "range_sigma": 2000, "shape": "ball"}, "xrayf", {
        "OpenCV": lambda i: cv2.bilateralFilter(i.array, 9, 2000, 2)}, must=1),
    Case("bilateral", {"sigma": 1, "units": "voxel", "range_sigma": 50, "truncate": 2.5}, "mr_part", {
        "SimpleITK": lambda i: sitk.Bilateral(i.sitk, 1.0, 50)}),
    Case("anisotropic_diffusion", {"iterations": 5, "type": "f32"}, "ct_part", {
        "SimpleITK": lambda i: sitk.GradientAnisotropicDiffusion(i.sitk_f32, 0.04, 3.0, 1, 5)}, passes=5, must=4),
    Case("curvature_diffusion", {"iterations": 5, "type": "f32"}, "ct_part", {
        "SimpleITK": lambda i: sitk.CurvatureAnisotropicDiffusion(i.sitk_f32, 0.04, 3.0, 1, 5)}, passes=5, must=4),
    Case("total_variation", {"weight": 30.0, "scale": "absolute", "iterations": 20, "eps": 0, "type": "f32"}, "ct_part", {
        "scikit-image": lambda i: skimage.restoration.denoise_tv_chambolle(i.f32, 30.0, eps=0, max_num_iter=20)}, passes=20, must=4),
    Case("total_variation", {}, "ct", {}, passes=20),
    Case("total_variation", {"weight": 0.1, "iterations": 20, "eps": 0}, "xray8", {
        "scikit-image": lambda i: skimage.restoration.denoise_tv_chambolle(i.array, 0.1, eps=0, max_num_iter=20)}, passes=20),
    Case("wiener", {"radius": 1}, "ct", {"SciPy": lambda i: scipy.signal.wiener(i.f32, 3)}),
    *[Case("wiener", {"radius": 2}, name, {"SciPy": lambda i: scipy.signal.wiener(i.f32, 5)}) for name in ("xray8", "xray")],
    *[Case("adaptive_median", {"max_radius": 2}, name, {"SciPy": lambda i: adaptive_median(i.array, 2)}) for name in ("xray8", "xray")],
]
