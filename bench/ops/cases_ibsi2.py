"""Filters of IBSI 2, in all turns and not."""
import bench_ops
import scipy.fft
from bench_ops import Case, nd, np


def laws(v):
    for axis, weights in enumerate(((-1, 0, 2, 0, -1), (1, 4, 6, 4, 1), (-1, -2, 0, 2, 1))):
        v = nd.convolve1d(v, weights, axis, mode="reflect")
    return v


def ring(v):
    k = np.meshgrid(*(np.fft.ifftshift(np.linspace(-1, 1, n)) for n in v.shape), indexing="ij", sparse=True)
    d = np.sqrt(sum(c * c for c in k))
    inside = (d >= 0.25) & (d <= 1)
    return np.fft.ifftn(np.fft.fftn(v) * np.where(inside, np.cos(np.pi / 2 * np.log2(2 * np.where(inside, d, 1))), 0)).real


def riesz(i):
    """Along x; SciPy's transform with all threads, single precision, half of the spectrum."""
    v, threads = i.f32, bench_ops.threads
    def gain():
        k = np.meshgrid(*[np.fft.fftfreq(n) for n in v.shape[:-1]], np.fft.rfftfreq(v.shape[-1]), indexing="ij", sparse=True)
        d = np.sqrt(sum(c * c for c in k))
        return (-1j * k[-1] / np.where(d > 0, d, 1)).astype(np.complex64)
    return scipy.fft.irfftn(scipy.fft.rfftn(v, workers=threads) * i.kept("gain", gain), v.shape, workers=threads)


NOTES = {"riesz": "transforms in f64, the peer's in f32"}
CASES = [
    Case("riesz", {"frequencies": "dft"}, "mr", {"transform of scipy.fft": riesz}),
    Case("laws", {"kernels": "E5L5S5", "border": "reflect"}, "mr", {"SciPy": lambda i: laws(i.f32)}),
    Case("simoncelli", {}, "mr", {"NumPy": lambda i: ring(i.f32)}),
]
