"""Local contrast and thresholds against their formulas, with means over windows that NumPy takes one by one."""
import parity
from parity import EXTREME, REAL, Case, np

ALL = REAL + EXTREME
FINITE = tuple(name for name in ALL if name != "nan")
BORDERS = {"replicate": {"mode": "edge"}, "reflect": {"mode": "symmetric"}, "mirror": {"mode": "reflect"}, "wrap": {"mode": "wrap"}}


def windows(p, radius, border="replicate"):
    """(..., voxels of the window)."""
    reach = [0 if n == 1 else r for n, r in zip(p.shape, radius[: len(p.shape)][::-1])]
    padded = np.pad(p.f64, [(r, r) for r in reach], **BORDERS[border])
    return np.lib.stride_tricks.sliding_window_view(padded, [2 * r + 1 for r in reach]).reshape(*p.shape, -1)


def local(p, radius, border="replicate"):
    near = windows(p, radius, border)
    return near.mean(-1), near.std(-1)


def normalized(p, radius, border="replicate", least=0.0):
    m, s = local(p, radius, border)
    with np.errstate(all="ignore"):
        return np.where(np.maximum(s, least) > 0, (p.f64 - m) / np.maximum(s, least), 0.0 * s)


def wallis(p, radius, gain, weight, mean=None, std=None):
    m, s = local(p, radius)
    known = p.f64[~np.isnan(p.f64)]
    mean, std = known.mean() if mean is None else mean, known.std() if std is None else std
    by = gain * s + std
    return (p.f64 - m) * (gain * std / np.where(by > 0, by, 1)) + weight * mean + (1 - weight) * m


def over(p, radius, factor, offset, bright):
    limit = windows(p, radius).sum(-1) / np.prod([1 if n == 1 else 2 * r + 1 for n, r in zip(p.shape, radius[: len(p.shape)][::-1])]) * factor - offset
    return (p.f64 > limit) if bright else (p.f64 <= limit)


RADII = ((1, 1, 1), (4, 3, 2), (0, 2, 1), (20, 9, 3))
SMALL = ("one_voxel", "one_slice", "one_row", "odd", "odd_2d", "flat", "nan", "anisotropic", "u16_full", "i16_full", "f64")
CASES = [
    *[Case("local_contrast", {"radius": radius, "type": "f64"}, SMALL, "NumPy reference (formula)", lambda p, r=radius: normalized(p, r), 1e-6,
           "sums of squares about the mean; f64 holds thousandths on 1e6") for radius in RADII],
    Case("local_contrast", {"radius": (3, 3, 1), "type": "f64", "min_std": 5.0}, REAL, "NumPy reference (formula)", lambda p: normalized(p, (3, 3, 1), least=5.0), 1e-9, "sums of squares"),
    *[Case("local_contrast", {"radius": (2, 1, 1), "type": "f64", "border": border}, ("odd", "odd_2d", "u16_full"), "NumPy reference (formula)",
           lambda p, border=border: normalized(p, (2, 1, 1), border), 1e-9, "sums of squares") for border in BORDERS],
    *[Case("local_contrast", {"method": "wallis", "radius": (5, 4, 1), "type": "f64", "gain": gain, "weight": weight}, FINITE, "NumPy reference (Wallis 1976)",
           lambda p, g=gain, w=weight: wallis(p, (5, 4, 1), g, w), 1e-9, "sums of squares", relative=True) for gain, weight in ((5, 0), (2, 0.4))],
    Case("local_contrast", {"method": "wallis", "radius": 6, "target_mean": 120, "target_std": 40, "weight": 1, "type": "keep"}, ("xray", "odd_2d"),
         "NumPy reference (Wallis 1976)", lambda p: np.clip(np.rint(wallis(p, (6, 6, 6), 5, 1, 120, 40)), 0, 255), 1, "a half is rounded by the last bit"),
    *[Case("adaptive_threshold", {"radius": radius, "factor": factor, "offset": offset, "select": "bright" if bright else "dark"}, ALL, "NumPy reference (formula)",
           lambda p, r=radius, f=factor, o=offset, b=bright: over(p, r, f, o, b), 0.002, "share of voxels: sums of reals end on another last bit", compare=parity.compare_fraction)
      for radius, factor, offset, bright in (((2, 2, 1), 1.0, 0.0, True), ((10, 7, 2), 0.98, 3.0, False))],
]

parity.main(__name__, CASES)
