"""Filters of the spectrum. SciPy's transform is given both threads where we have them, and single precision."""
import bench_ops
import scipy.fft
import skimage.filters
from bench_ops import Case, cv2, nd, np

PLAIN = {"per": "voxel", "pad": 0, "border": "wrap"}


def radial(i):
    """The gain on half of the spectrum, made beforehand."""
    shape = i.f32.shape
    grids = [scipy.fft.fftfreq(n) for n in shape[:-1]] + [scipy.fft.rfftfreq(shape[-1])]
    squared = sum(g**2 for g in np.meshgrid(*grids, indexing="ij", sparse=True))
    return (1 / (1 + (squared / 0.01) ** 2)).astype(np.float32)


def multiplied(i):
    gain = i.kept("gain", lambda: radial(i))
    return scipy.fft.irfftn(scipy.fft.rfftn(i.f32, workers=bench_ops.threads) * gain, i.f32.shape, workers=bench_ops.threads)


def gaussian(i):
    spectrum = scipy.fft.rfftn(i.f32, workers=bench_ops.threads)
    nd.fourier_gaussian(spectrum, 1.6, i.f32.shape[-1], output=spectrum)
    return scipy.fft.irfftn(spectrum, i.f32.shape, workers=bench_ops.threads)


def opencv_gabor(i, frequency, both):
    """Its filter2D takes large kernels by their spectrum."""
    kernel = skimage.filters.gabor_kernel(frequency, 0.5)
    real = cv2.filter2D(i.f32, cv2.CV_32F, kernel.real)
    return cv2.magnitude(real, cv2.filter2D(i.f32, cv2.CV_32F, kernel.imag)) if both else real


NOTES = dict.fromkeys(("fourier_filter", "notch"), "transforms in f64, the peer's in f32")
CASES = [
    *[Case("fourier_filter", {"cutoff": 0.1, **PLAIN}, name, {
        "scikit-image": lambda i: skimage.filters.butterworth(i.f32, 0.1, False, 2), "transform of scipy.fft": multiplied})
      for name in ("ct", "mr", "xray", "xrayf")],
    Case("fourier_filter", {"cutoff": 0.1, "profile": "gaussian", **PLAIN}, "mr", {"transform of scipy.fft": gaussian}),
    Case("notch", {"frequency": "0.25,0.1", "radius": 0.05, "pad": 0, "border": "wrap"}, "xray", {"transform of scipy.fft": multiplied}),
    *[Case("gabor", {"frequency": f, "theta": 28.6479, "per": "voxel", "part": part}, "xray", {
        "OpenCV": lambda i, f=f, part=part: opencv_gabor(i, f, part == "magnitude")},
           note="in f64 by the spectrum, however small the kernel; OpenCV sums in f32")
      for f, part in ((0.1, "real"), (0.1, "magnitude"), (0.4, "real"))],
    Case("gabor", {"frequency": 0.4, "per": "voxel"}, "mr", {"SciPy": lambda i: nd.convolve(i.array, np.ones((9, 9, 9), np.float32))}),
]
