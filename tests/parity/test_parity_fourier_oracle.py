"""Filters of the spectrum against scikit-image and SciPy, and where these have none, the book's formulas on NumPy's transform."""
import parity
import skimage.filters
from parity import EXTREME, REAL, Case, nd, np

NAN = {"nan": "impute"}
LONG = ("ct", "mr", "xray", "ct_slice", "odd", "odd_2d", "noise_2d", "flat", "anisotropic", "u16_full", "i16_full", "f64")  # no axis of one voxel
ORDER = "another order of the transforms; largest for 1e6 plus thousandths"


def low(squared, cutoff, profile, order=2):
    ratio = squared / cutoff**2
    return (ratio <= 1 + 1e-12) * 1.0 if profile == "ideal" else 1 / (1 + ratio**order) if profile == "butterworth" else np.exp(-ratio / 2)


def filtered(p, gain, pad=0, mode="edge", per_mm=False):
    """gain: list of frequency grids -> array; the image continued by `pad` voxels along axes longer than one."""
    margins = [(pad, pad) if n > 1 else (0, 0) for n in p.shape]
    wide = np.pad(p.f64, margins, mode=mode)
    grids = np.meshgrid(*[np.fft.fftfreq(n, d) for n, d in zip(wide.shape, p.axis_spacing if per_mm else [1] * wide.ndim)], indexing="ij")
    result = np.fft.ifftn(np.fft.fftn(wide) * gain(grids)).real
    return result[tuple(slice(m, m + n) for (m, _), n in zip(margins, p.shape))]


def radial(p, kind, cutoff, profile, order=2, **words):
    def gain(grids):
        squared = sum(g**2 for g in grids)
        first = low(squared, cutoff[0], profile, order)
        if kind in ("lowpass", "highpass"):
            return first if kind == "lowpass" else 1 - first
        band = (1 - first) * low(squared, cutoff[1], profile, order)
        return band if kind == "bandpass" else 1 - band

    return filtered(p, gain, **words)


def radial_case(kind, cutoff, profile, images, border="wrap", pad=0, mode="wrap", per="voxel", order=2):
    params = {"kind": kind, "cutoff": cutoff, "profile": profile, "order": order, "per": per, "pad": pad, "border": border, "type": "f64"}
    return Case("fourier_filter", params, images, "NumPy reference (Gonzalez and Woods)",
                lambda p: radial(p, kind, cutoff, profile, order, pad=pad, mode=mode, per_mm=per == "mm"), 1e-12, ORDER, refuses=NAN, relative=True)


def butterworth(cutoff, high, order, npad, images):
    params = {"kind": "highpass" if high else "lowpass", "cutoff": cutoff, "order": order, "per": "voxel", "pad": npad,
              "border": "replicate" if npad else "wrap", "type": "f64"}
    return Case("fourier_filter", params, images, "scikit-image butterworth",
                lambda p: skimage.filters.butterworth(p.f64, cutoff, high, order, npad=npad), 3e-9 if high else 1e-12, ORDER, refuses=NAN, relative=True)


def fourier_gaussian(p, cutoff):
    return np.fft.ifftn(nd.fourier_gaussian(np.fft.fftn(p.f64), 1 / (2 * np.pi * cutoff))).real


def wrapped(d):
    return d - np.rint(d)


def notch(p, centres, radius, profile, reject, **words):
    """centres in the order x, y, z."""

    def gain(grids):
        made = np.ones_like(grids[0])
        for centre in centres:
            for sign in (1, -1) if any(wrapped(2 * c) for c in centre) else (1,):
                made *= 1 - low(sum(wrapped(g - sign * c) ** 2 for g, c in zip(grids[::-1], centre)), radius, profile)
        return made if reject else 1 - made

    return filtered(p, gain, **words)


def notch_case(centres, radius, profile, images, kind="reject", pad=0, border="wrap", mode="wrap"):
    params = {"frequency": [f for centre in centres for f in centre], "radius": radius, "kind": kind, "profile": profile, "pad": pad,
              "border": border, "type": "f64"}
    return Case("notch", params, images, "NumPy reference (Gonzalez and Woods)",
                lambda p: notch(p, centres, radius, profile, kind == "reject", pad=pad, mode=mode), 1e-12, ORDER, refuses=NAN, relative=True)


CASES = [
    butterworth(0.1, False, 2, 0, REAL + EXTREME),
    butterworth(0.1, True, 2, 0, REAL + tuple(n for n in EXTREME if n not in ("flat", "one_voxel"))),
    butterworth(0.23, False, 5, 7, LONG),
    Case("fourier_filter", {"cutoff": 0.07, "profile": "gaussian", "per": "voxel", "pad": 0, "border": "wrap", "type": "f64"}, REAL + EXTREME,
         "SciPy fourier_gaussian", lambda p: fourier_gaussian(p, 0.07), 1e-12, ORDER, refuses=NAN, relative=True),
    radial_case("lowpass", [0.25], "ideal", REAL + EXTREME),
    radial_case("bandpass", [0.05, 0.2], "gaussian", ("ct", "xray", "odd", "odd_2d", "anisotropic"), "reflect", 5, "symmetric"),
    radial_case("bandstop", [0.08, 0.3], "butterworth", REAL + EXTREME, "mirror", 0, order=3),
    radial_case("lowpass", [0.1], "butterworth", ("ct", "mr", "anisotropic", "odd_2d"), "constant", 6, "constant", "mm"),
    radial_case("highpass", [0.05], "gaussian", ("ct", "mr", "anisotropic"), "replicate", 3, "edge", "mm"),
    notch_case([(0.25, 0.1, 0), (0.5, 0.5, 0.5)], 0.1, "butterworth", ("ct", "mr", "one_slice", "odd", "nan", "u16_full", "f64")),
    notch_case([(0.2, 0.05), (0, 0.4)], 0.05, "gaussian", ("xray", "ct_slice", "odd_2d", "one_row", "noise_2d")),
    notch_case([(0.2, 0.05)], 0.08, "ideal", ("xray", "odd_2d"), "pass", 4, "reflect", "symmetric"),
]

parity.main(__name__, CASES)
