"""Denoising in space."""
import skimage.restoration
from bench_ops import Case, cv2, sitk



CASES = [
    Case("non_local_means", {"patch_radius": 1, "search_radius": 2, "h": 20.0}, "ct", {
        "scikit-image": lambda i: skimage.restoration.denoise_nl_means(i.f32, 3, 2, 20.0, fast_mode=True, preserve_range=True)}),
    Case("non_local_means", {"patch_radius": 3, "search_radius": 10, "h": 10.0, "border": "mirror"}, "xray8", {
        "OpenCV": lambda i: cv2.fastNlMeansDenoising(i.array, None, 10, 7, 21)}),
    Case("non_local_means", {"patch_radius": 3, "search_radius": 10, "h": 600.0, "distance": "l1", "border": "mirror"}, "xray", {
        "OpenCV": lambda i: cv2.fastNlMeansDenoising(i.array, [600], None, 7, 21, cv2.NORM_L1)}),
    Case("anisotropic_diffusion", {"iterations": 5, "type": "f32"}, "ct", {
        "SimpleITK": lambda i: sitk.GradientAnisotropicDiffusion(i.sitk_f32, 0.04, 3.0, 1, 5)}),
    Case("curvature_diffusion", {"iterations": 5, "type": "f32"}, "ct", {
        "SimpleITK": lambda i: sitk.CurvatureAnisotropicDiffusion(i.sitk_f32, 0.04, 3.0, 1, 5)}),
]
