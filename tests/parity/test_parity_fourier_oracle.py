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


def gabor_kernel(p, frequency, theta, phi, sigma, truncate, phase, per_mm):
    """Complex weights in the order of the array's axes; an axis one voxel long has one."""
    mm = np.array(p.spacing if per_mm else (1, 1, 1), float)
    flat = len(p.shape) == 2 or p.shape[0] == 1
    sizes = (*p.shape[::-1], 1)[:3]
    theta, phi, phase = np.radians([theta, phi, phase])
    axes = np.array([[np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], [-np.sin(theta), np.cos(theta), 0],
                     [-np.sin(phi) * np.cos(theta), -np.sin(phi) * np.sin(theta), np.cos(phi)]])
    widths = np.array([sigma[0], sigma[1], sigma[1]])
    ends = np.abs(axes * widths[:, None])[: 2 if flat else 3].max(0) * truncate / mm
    radius = [0 if n == 1 else max(int(np.ceil(e)), 1) for n, e in zip(sizes, ends)]
    x, y, z = np.meshgrid(*[np.arange(-r, r + 1) * d for r, d in zip(radius, mm)], indexing="ij")
    a, b, c = (axis[0] * x + axis[1] * y + axis[2] * z for axis in axes)
    height = np.exp(-0.5 * (a**2 / sigma[0] ** 2 + (b**2 + c**2) / sigma[1] ** 2))
    scale = mm[:2].prod() / (2 * np.pi * sigma[0] * sigma[1]) if flat else mm.prod() / ((2 * np.pi) ** 1.5 * sigma[0] * sigma[1] ** 2)
    made = (scale * height * np.exp(1j * (2 * np.pi * frequency * a + phase))).T
    return made if len(p.shape) == 3 else made[0]


def gabor(p, part, mode, frequency, theta, phi, sigma, truncate=3, phase=0, per_mm=False):
    kernel = gabor_kernel(p, frequency, theta, phi, sigma, truncate, phase, per_mm)
    real, imaginary = (nd.convolve(p.f64, k, mode=mode) for k in (kernel.real, kernel.imag))
    return {"real": real, "imaginary": imaginary, "magnitude": np.hypot(real, imaginary)}[part]


def gabor_case(part, images, border="replicate", mode="nearest", per="voxel", **shape):
    given = {"phi": 0, "phase": 0, "truncate": 3} | shape
    return Case("gabor", {"part": part, "border": border, "per": per, "type": "f64", **given}, images, "NumPy reference (Daugman)",
                lambda p: gabor(p, part, mode, per_mm=per == "mm", **given), 1e-12, ORDER, refuses=NAN, relative=True)


def pooled_gabor(p, mode, theta, turn, planes, normalize):
    """Magnitudes of flat kernels, frequency 0.2 and sigma 1.5, 1 voxels, averaged over planes and directions."""
    responses = []
    for across in (0, 1, 2) if planes == "orthogonal" else (0,):
        for angle in np.radians(np.arange(theta, theta + 360, turn)):
            axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            radius = np.maximum(np.ceil(np.abs(axes * [[1.5], [1]]).max(0) * 3), 1)
            x, y = np.meshgrid(*(np.arange(-r, r + 1) for r in radius))
            a, b = (axis[0] * x + axis[1] * y for axis in axes)
            kernel = np.exp(-0.5 * ((a / 1.5) ** 2 + b**2) + 2j * np.pi * 0.2 * a) / (2 * np.pi * 1.5 if normalize else 1)
            kernel = np.expand_dims(kernel, across)
            responses.append(np.hypot(*(nd.convolve(p.f64, k, mode=mode) for k in (kernel.real, kernel.imag))))
    return np.mean(responses, 0)


def pooled_case(images, border="replicate", mode="nearest", **pooled):
    params = {"part": "magnitude", "border": border, "per": "voxel", "type": "f64", "frequency": 0.2, "sigma": [1.5, 1]} | pooled
    return Case("gabor", params, images, "NumPy reference (IBSI)", lambda p: pooled_gabor(p, mode, **pooled), 1e-12, ORDER, refuses=NAN, relative=True)


def skimage_gabor(part, images, **words):
    params = {"part": ("real", "imaginary")[part], "per": "voxel", "type": "f64", "frequency": words["frequency"], "theta": np.degrees(words["theta"])}
    params |= {"sigma": [words["sigma_x"], words["sigma_y"]]} if "sigma_x" in words else {}
    params |= {"bandwidth": words["bandwidth"]} if "bandwidth" in words else {}
    return Case("gabor", params, images, "scikit-image gabor", lambda p: skimage.filters.gabor(p.f64, mode="nearest", **words)[part], 1e-12,
                ORDER, relative=True)


FLAT = ("xray", "ct_slice", "odd_2d", "noise_2d")
CASES = [
    *[skimage_gabor(part, FLAT, frequency=0.2, theta=0.6) for part in (0, 1)],
    skimage_gabor(0, FLAT, frequency=0.07, theta=2.0, bandwidth=1.7),
    skimage_gabor(1, FLAT, frequency=0.4, theta=-0.3, sigma_x=1.2, sigma_y=0.8),
    gabor_case("magnitude", ("xray", "odd_2d"), "mirror", "mirror", frequency=0.25, theta=30, sigma=[2.0, 3.5]),
    gabor_case("real", ("ct", "mr", *EXTREME), frequency=0.2, theta=20, phi=0, sigma=[1.2, 0.6], truncate=2.5, phase=40),
    gabor_case("imaginary", ("ct", "odd", "i16_full"), "wrap", "wrap", frequency=0.3, theta=70, phi=35, sigma=[0.8, 1.1], truncate=2),
    gabor_case("magnitude", ("ct", "anisotropic", "u16_full"), "reflect", "reflect", "mm", frequency=0.1, theta=-50, phi=20, sigma=[3.0, 2.0], truncate=2),
    pooled_case(("ct", "odd"), "reflect", "reflect", theta=0, turn=45, planes="orthogonal", normalize=False),
    pooled_case(("mr", "odd", "i16_full"), theta=20, turn=72, planes="slices", normalize=True),
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
