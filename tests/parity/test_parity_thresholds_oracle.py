"""Thresholds from histograms against scikit-image."""
import parity
from parity import Case, compare_fraction, np
from skimage import filters

WHOLE = ("ct", "mr", "xray", "one_row", "odd_2d", "noise_2d", "u16_full", "i16_full")  # integers: a bin each
REAL = ("ct_slice", "one_slice", "odd", "nan", "anisotropic", "f64")
SAME = ("one_voxel", "flat")  # no contrast


def classes(threshold):
    """The peer's threshold as classes; NaN left out."""
    return lambda p: p.f64 > threshold(p.f64[~np.isnan(p.f64)])


def whole(name):
    return classes(lambda v: getattr(filters, "threshold_" + name)(v.astype(np.int64)))


def real(name):
    return classes(lambda v: getattr(filters, "threshold_" + name)(v))


def li(v):
    return filters.threshold_li(v, tolerance=1e-9 * np.ptp(v))


CASES = []
for name in ("triangle", "yen", "isodata", "minimum"):
    op = "minimum_threshold" if name == "minimum" else name
    refuses = dict.fromkeys(("u16_full", "i16_full"), "peaks and not two") if name == "minimum" else {}
    CASES += [
        Case(op, {"bins": 0}, tuple(image for image in WHOLE if image != "one_row" or not refuses), f"scikit-image threshold_{name}", whole(name), 0, "", compare=compare_fraction, refuses=refuses),
        Case(op, {}, REAL, f"scikit-image threshold_{name}", real(name), 0, "", compare=compare_fraction),
        Case(op, {}, SAME, "closed form: no contrast, nothing is above", lambda p: np.zeros(p.shape), 0, ""),
    ]
CASES += [
    Case("li", {"tolerance": 0.5}, WHOLE, "scikit-image threshold_li", whole("li"), 0, "", compare=compare_fraction),
    Case("li", {}, REAL, "scikit-image threshold_li", classes(li), 0, "", compare=compare_fraction),
    Case("li", {}, SAME, "closed form: no contrast, nothing is above", lambda p: np.zeros(p.shape), 0, ""),
    Case("yen", {"per": "slice"}, ("anisotropic",), "scikit-image threshold_yen, slice by slice", lambda p: np.stack([s > filters.threshold_yen(s) for s in p.f64]), 0, "",
         compare=compare_fraction),
    Case("triangle", {}, ("mr", "odd", "nan"), "scikit-image threshold_triangle inside the mask",
         lambda p: (p.f64 > filters.threshold_triangle(p.f64[(p.mask > 0) & ~np.isnan(p.f64)])) & (p.mask > 0), 0, "",
         inputs=lambda p: {"image": p.image, "mask": p.mask}, compare=compare_fraction),
]
parity.main(__name__, CASES)
