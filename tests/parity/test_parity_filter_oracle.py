"""Smoothing, order statistics and slopes against SciPy, scikit-image and SimpleITK."""
import parity
from parity import EXTREME, REAL, Case, nd, np

ALL = REAL + EXTREME
FINITE = tuple(name for name in ALL if name != "nan")  # how NaN sorts is not SciPy's business
SUMS = "u8 to i16 and f32 are summed in float, SciPy sums in double"


def box(p, radius):
    """Size of the window in the order of the array's axes; an axis one voxel long is left alone."""
    return tuple(1 if n == 1 else 2 * r + 1 for n, r in zip(p.shape, radius[: len(p.shape)][::-1]))


def median(radius):
    return Case("median", {"radius": radius}, FINITE, "SciPy median_filter", lambda p: nd.median_filter(p.array, box(p, radius), mode="nearest"), 0, "")


def rank(percentile, radius):
    """Number floor(n * percentile / 100) of the sorted window."""

    def peer(p):
        size = box(p, radius)
        count = int(np.prod(size))
        return nd.rank_filter(p.array, min(int(count * percentile / 100), count - 1), size=size, mode="reflect")

    return Case("rank", {"percentile": percentile, "radius": radius, "border": "reflect"}, FINITE, "SciPy rank_filter", peer, 0, "")


def spread(p, radius):
    """From the squares of what lies beside the window's mean, in two passes."""
    size = box(p, radius)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(p.f64, [(n // 2, n // 2) for n in size], "edge"), size)
    return windows.std(tuple(range(-len(size), 0)))


CASES = [
    *[Case("local_deviation", {"radius": radius, "type": "f64"}, ("ct", "mr", "xray", "odd", "anisotropic", "odd_2d", "u16_full", "i16_full", "flat", "one_slice"),
           "NumPy std of sliding windows", lambda p, radius=radius: spread(p, radius), 1e-6, "from sums and sums of squares", relative=True)
      for radius in ((1, 1, 1), (3, 2, 0))],
    Case("gaussian", {"sigma": 1.5, "units": "voxel", "type": "f64"}, ALL, "SciPy gaussian_filter",
         lambda p: nd.gaussian_filter(p.f64, 1.5, mode="nearest"), 1e-6, SUMS, relative=True),
    *[median(radius) for radius in ((1, 1, 1), (2, 2, 0), (1, 1, 0), (2, 2, 2), (3, 3, 0), (0, 1, 2), (7, 7, 0), (3, 2, 1))],
    *[rank(percentile, radius) for percentile, radius in ((20, (2, 2, 0)), (90, (1, 2, 1)), (0, (2, 1, 1)), (100, (3, 3, 3)))],
]

parity.main(__name__, CASES)
