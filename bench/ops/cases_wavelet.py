"""Wavelet transforms, noise and shrinkage."""
import skimage.restoration
from bench_ops import Case, pywt

CASES = [
    Case("wavelet", {"wavelet": "db4", "levels": 1}, "ct", {"PyWavelets": lambda i: pywt.dwtn(i.f32, "db4")}),
    Case("wavelet", {"wavelet": "db4", "levels": 3}, "xray", {"PyWavelets": lambda i: pywt.wavedec2(i.f32, "db4", level=3)}),
    Case("inverse_wavelet", {"wavelet": "db4", "levels": 3}, "xrayf", {
        "PyWavelets": lambda i: pywt.waverec2(i.kept("split", lambda: pywt.wavedec2(i.f32, "db4", level=3)), "db4")}),
    Case("stationary_wavelet", {"wavelet": "coif1"}, "mr", {
        "PyWavelets": lambda i: pywt.swtn(i.f32[tuple(slice(n // 2 * 2) for n in i.f32.shape)], "coif1", 1)}),
    Case("wavelet_shrinkage", {"wavelet": "db2"}, "mr", {
        "scikit-image": lambda i: skimage.restoration.denoise_wavelet(i.f32, wavelet="db2", rescale_sigma=False)}),
    Case("wavelet_shrinkage", {"wavelet": "db2"}, "xrayf", {
        "scikit-image": lambda i: skimage.restoration.denoise_wavelet(i.f32, wavelet="db2", rescale_sigma=False)}),
    Case("estimate_noise", {}, "mr", {"scikit-image": lambda i: skimage.restoration.estimate_sigma(i.f32)}),
]
