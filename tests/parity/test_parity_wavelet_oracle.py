"""Wavelet transforms, noise and shrinkage against PyWavelets and scikit-image."""
import parity
import skimage.restoration
from parity import EXTREME, REAL, Case, compare_table, np, pywt

VOLUMES = REAL + tuple(name for name in EXTREME if name not in ("colour", "times"))


def active(array):
    return tuple(axis for axis in range(array.ndim) if array.shape[axis] > 1)


# ---- noise


def parts(p):
    """The volumes of an image, a time point and component each."""
    return list(np.moveaxis(p.f64, -1, 0)) if p.components else list(p.f64) if p.f64.ndim == 4 else [p.f64]


def noise(p):
    return {"sigma": [skimage.restoration.estimate_sigma(part.squeeze()) for part in parts(p)]}


def noise_of_plane(part):
    """What estimate_sigma does, but for zeros: it leaves out those that rounding happens to leave 0."""
    details = np.abs(pywt.dwtn(part, "db2", axes=(-1, -2) if part.shape[-1] > 1 else (-2,))["d" * (2 if part.shape[-1] > 1 else 1)])
    details = details[details > 1e-13 * np.nanmax(np.abs(part))]
    return np.median(details) / 0.67448975019608171 if details.size else 0.0


CASES = [
    Case("estimate_noise", {}, ("ct", "one_slice", "one_row", "odd", "anisotropic", "u16_full", "i16_full", "times"),
         "scikit-image estimate_sigma", noise, 1e-12, "order of sums", compare=compare_table),
    Case("estimate_noise", {"axes": "in_plane"}, ("mr", "xray", "ct_slice", "flat", "odd_2d", "noise_2d", "nan", "u16_full", "f64", "colour"),
         "PyWavelets dwtn, its median", lambda p: {"sigma": [noise_of_plane(part) for part in parts(p)]}, 1e-8,
         "f64 is thousandths on top of a million",
         compare=compare_table),
]

parity.main(__name__, CASES)
