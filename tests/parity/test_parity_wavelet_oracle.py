"""Wavelet transforms, noise and shrinkage against PyWavelets and scikit-image."""
import warnings

import parity
import skimage.restoration
from parity import EXTREME, REAL, Case, compare_table, cormack, np, pywt

ALL = REAL + EXTREME + ("colour", "times")


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


# ---- transforms

MODES = {"reflect": "symmetric", "mirror": "reflect", "wrap": "periodic", "replicate": "constant", "zero": "zero", "smooth": "smooth",
         "antisymmetric": "antisymmetric", "antireflect": "antireflect", "periodization": "periodization"}


def joined(p, made):
    """One array from what each part gave."""
    return np.stack(made, -1) if p.components else np.stack(made) if p.f64.ndim == 4 else made[0]


def active(part):
    return tuple(axis for axis in range(part.ndim) if part.shape[axis] > 1)


def packed(p, wavelet, levels, border):
    def one(part):
        if not active(part):
            return part
        with warnings.catch_warnings():  # levels beyond what PyWavelets advises
            warnings.simplefilter("ignore")
            split = pywt.wavedecn(part, wavelet, MODES[border], levels, axes=active(part))
        return pywt.coeffs_to_array(split, axes=active(part))[0]
    return joined(p, [one(part) for part in parts(p)])


def transform(wavelet, levels, border, images=ALL, tolerance=1e-10, reason="PyWavelets' filters have 12 digits"):
    return Case("wavelet", {"wavelet": wavelet, "levels": levels, "border": border, "type": "f64"}, images, "PyWavelets wavedecn",
                lambda p: packed(p, wavelet, levels, border), tolerance, reason, relative=True)


def returned(wavelet, levels, border):
    """Perfect reconstruction: from our own coefficients, which other cases compare."""
    def coefficients(p):
        return {"coefficients": cormack.wavelet(p.image, wavelet=wavelet, levels=levels, border=border, type="f64")}
    return Case("inverse_wavelet", {"wavelet": wavelet, "levels": levels, "border": border}, tuple(name for name in ALL if name != "nan"),
                "closed form: the image", lambda p: p.f64, 1e-12, "rounding; one value too many along an odd axis, where size is not given",
                relative=True, inputs=coefficients, of=lambda made, p: made.array[tuple(slice(n) for n in p.array.shape)])


def rebuilt(wavelet, levels, border):
    """From PyWavelets' coefficients of an odd image."""
    def coefficients(p):
        return {"coefficients": cormack.Image(packed(p, wavelet, levels, border), p.spacing)}
    return Case("inverse_wavelet", {"wavelet": wavelet, "levels": levels, "border": border, "size": [13, 11, 7]}, ("odd",), "PyWavelets wavedecn",
                lambda p: p.f64, 1e-10, "PyWavelets' filters have 12 digits", relative=True, inputs=coefficients)


CASES = [
    transform("haar", 1, "reflect"),
    transform("db2", 2, "reflect"),
    *[transform(wavelet, 1, "reflect", ("mr", "odd")) for wavelet in ("db3", "db10", "db20", "sym4", "sym20", "coif1", "coif5")],
    *[transform("db3", 3, border) for border in MODES if border != "reflect"],
    *[returned("db4", 2, border) for border in MODES],
    rebuilt("db4", 1, "reflect"),
    rebuilt("sym3", 1, "periodization"),
    Case("estimate_noise", {}, ("ct", "one_slice", "one_row", "odd", "anisotropic", "u16_full", "i16_full", "times"),
         "scikit-image estimate_sigma", noise, 1e-12, "order of sums", compare=compare_table),
    Case("estimate_noise", {"axes": "in_plane"}, ("mr", "xray", "ct_slice", "flat", "odd_2d", "noise_2d", "nan", "u16_full", "f64", "colour"),
         "PyWavelets dwtn, its median", lambda p: {"sigma": [noise_of_plane(part) for part in parts(p)]}, 1e-8,
         "f64 is thousandths on top of a million",
         compare=compare_table),
]

parity.main(__name__, CASES)
