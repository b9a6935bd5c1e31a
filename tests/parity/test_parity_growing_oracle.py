"""Regions that grow from seeds, against SimpleITK and scikit-image."""
import parity
import pictures
from parity import Case, np, sitk
from skimage.segmentation import flood

SIZES = ("ct", "mr", "xray", "ct_slice", "one_voxel", "one_slice", "one_row", "odd", "odd_2d", "flat", "anisotropic", "u16_full", "i16_full", "f64")


def middle(p):
    return tuple(n // 2 for n in p.shape)


def index(p, at=None):
    return [int(i) for i in (middle(p) if at is None else at)[::-1]]


def spread(p):
    return float(np.nanstd(p.f64))


def connected(p, full):
    low, high = interval(p)
    return sitk.ConnectedThreshold(p.sitk_like(p.f64), [index(p)], low, high, 1, sitk.ConnectedThresholdImageFilter.FullConnectivity if full else 0)


def interval(p):
    v = float(p.f64[middle(p)])
    return v - 0.7 * spread(p), v + 0.9 * spread(p)


def confident(p, *args):
    return sitk.ConfidenceConnected(p.sitk_like(p.f64), [index(p)], *args)


def two_seeds(p):
    marks = np.zeros(p.shape, np.uint8)
    marks[tuple(n // 3 for n in p.shape)] = marks[tuple(2 * n // 3 for n in p.shape)] = 4
    return marks


def two_connected(p):
    low, high = np.quantile(p.f64, (0.2, 0.7))
    return sitk.ConnectedThreshold(p.sitk_like(p.f64), [index(p, at) for at in np.argwhere(two_seeds(p))], float(low), float(high))


CASES = []
for p in filter(None, map(pictures.get, SIZES)):
    low, high = interval(p)
    near = 0.6 * spread(p)
    q = [float(v) for v in np.quantile(p.f64, (0.2, 0.7))]
    CASES += [
        Case("region_growing", {"points": (index(p) + [0])[:3], "lower": low, "upper": high}, (p.name,), "SimpleITK ConnectedThreshold", lambda p: connected(p, False), 0, ""),
        Case("region_growing", {"points": (index(p) + [0])[:3], "lower": low, "upper": high, "connectivity": "26" if len(p.shape) == 3 else "8"}, (p.name,),
             "SimpleITK ConnectedThreshold, full connectivity", lambda p: connected(p, True), 0, ""),
        Case("region_growing", {"method": "tolerance", "points": (index(p) + [0])[:3], "tolerance": near}, (p.name,), "scikit-image flood",
             lambda p, near=near: flood(p.f64, middle(p), connectivity=1, tolerance=near), 0, ""),
        Case("region_growing", {"lower": q[0], "upper": q[1]}, (p.name,), "SimpleITK ConnectedThreshold, two seeds", two_connected, 0, "",
             inputs=lambda p: {"image": p.image, "seeds": two_seeds(p)}),
        Case("region_growing", {"method": "confidence", "points": (index(p) + [0])[:3], "multiplier": 1.5, "iterations": 3, "radius": 2}, (p.name,),
             "SimpleITK ConfidenceConnected", lambda p: confident(p, 3, 1.5, 2), 0, ""),
    ][: 4 if p.name in ("f64", "one_voxel") else 5]  # in ITK, sums of squares lose the thousandths of a million, and one voxel has no variance
CASES.append(Case("region_growing", {"points": [5, 6, 7], "lower": -100, "upper": 300}, ("nan",), "SimpleITK ConnectedThreshold of what is not NaN inside the mask",
                  lambda p: sitk.ConnectedThreshold(p.sitk_like(np.where((p.mask > 0) & ~np.isnan(p.f64), p.f64, -1e4)), [(5, 6, 7)], -100, 300), 0, "",
                  inputs=lambda p: {"image": p.image, "mask": p.mask}))
parity.main(__name__, CASES)
