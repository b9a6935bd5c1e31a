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


# ---- undecimated

BORDERS = {"replicate": "edge", "reflect": "symmetric", "mirror": "reflect", "wrap": "wrap", "zero": "constant"}


def axes_xyz(part):
    return active(part)[::-1]


def stationary_peer(p, wavelet, level):
    """swtn names bands by its axes in turn, which are ours: x, y, z."""
    def one(part):
        bands = pywt.swtn(part, wavelet, level, axes=axes_xyz(part))[0]
        return np.stack([bands[name] for name in sorted(bands)], -1)
    return joined_bands(p, [one(part) for part in parts(p)])


def joined_bands(p, made):
    return np.concatenate(made, -1) if p.components else np.stack(made) if p.f64.ndim == 4 else made[0]


def stationary_reference(p, wavelet, level, band, border):
    """Plain correlation along each axis with the filters, holes between their weights."""
    bank = pywt.Wavelet(wavelet)
    low, high = np.array(bank.rec_lo) / np.sqrt(2), np.array(bank.rec_hi) / np.sqrt(2)

    def along(v, weights, axis, dilation):
        n, reach = v.shape[axis], len(weights) * dilation
        padded = np.pad(v, [(reach, reach) if k == axis else (0, 0) for k in range(v.ndim)], mode=BORDERS[border])
        first = [reach + (t - len(weights) // 2 + 1) * dilation for t in range(len(weights))]
        return sum(weight * padded.take(range(at, at + n), axis) for weight, at in zip(weights, first))

    def one(part):
        for step in range(level):
            letters = band[: len(active(part))] if step == level - 1 else "L" * len(active(part))
            for axis, letter in zip(axes_xyz(part), letters):
                part = along(part, high if letter == "H" else low, axis, 2**step)
        return part
    return joined(p, [one(part) for part in parts(p)])


def stationary(wavelet, level, band, border, images):
    return Case("stationary_wavelet", {"wavelet": wavelet, "level": level, "band": band, "border": border, "normalize": True, "type": "f64"}, images,
                "NumPy reference (the sum as it stands)", lambda p: stationary_reference(p, wavelet, level, band, border), 1e-10,
                "PyWavelets' filters have 12 digits", relative=True)


# ---- shrinkage


def shrinkage_peer(p, **named):
    def one(part):
        squeezed = part.squeeze()
        return skimage.restoration.denoise_wavelet(squeezed, rescale_sigma=False, **named).reshape(part.shape)
    return joined(p, [one(part) for part in parts(p)])


def shrinkage(params, images, **named):
    return Case("wavelet_shrinkage", {**params, "type": "f64"}, images, "scikit-image denoise_wavelet", lambda p: shrinkage_peer(p, **named), 1e-9,
                "PyWavelets' filters have 12 digits", relative=True)


SHRUNK = ("ct", "mr", "one_slice", "one_row", "odd", "anisotropic", "u16_full", "i16_full", "f64", "times")
VOLUMES = ("ct", "mr", "odd", "anisotropic", "u16_full", "i16_full", "times")
PLANES = ("xray", "ct_slice", "one_slice", "odd_2d", "noise_2d", "colour")

CASES = [
    shrinkage({}, SHRUNK, wavelet="haar"),
    shrinkage({"wavelet": "db4", "levels": 3, "sigma": 20}, (*SHRUNK, "xray", "flat", "ct_slice", "colour"), wavelet="db4", wavelet_levels=3, sigma=20),
    shrinkage({"method": "visu", "mode": "hard", "wavelet": "sym4", "sigma": 5}, (*SHRUNK, "xray"), method="VisuShrink", mode="hard", wavelet="sym4",
              sigma=5),
    shrinkage({"method": "visu", "wavelet": "db2"}, tuple(name for name in SHRUNK if name != "mr"), method="VisuShrink", wavelet="db2"),
    Case("wavelet_shrinkage", {"sigma": 10, "type": "f64"}, ("ct", "odd_2d", "times"), "scikit-image denoise_wavelet, where the mask is",
         lambda p: np.where(p.mask, shrinkage_peer(p, sigma=10), p.f64), 1e-9, "order of sums", relative=True,
         inputs=lambda p: {"image": p.image, "mask": p.mask}),
    Case("stationary_wavelet", {"wavelet": "coif1", "type": "f64"}, ("ct", "mr"), "PyWavelets swtn", lambda p: stationary_peer(p, "coif1", 1), 1e-10,
         "order of sums", relative=True),
    Case("stationary_wavelet", {"wavelet": "db3", "level": 2, "type": "f64"}, ("ct",), "PyWavelets swtn", lambda p: stationary_peer(p, "db3", 2), 1e-10,
         "order of sums", relative=True),
    *[stationary("db2", level, "LHL", border, VOLUMES) for level, border in enumerate(BORDERS, 1)],
    *[stationary("sym4", 2, band, "mirror", PLANES) for band in ("LL", "LH", "HL", "HH")],
    stationary("db2", 1, "HLH", "reflect", ("nan",)),
    stationary("db2", 1, "LLL", "reflect", ("flat", "f64")),
    stationary("haar", 1, "H", "mirror", ("one_row",)),
    stationary("haar", 3, "", "mirror", ("one_voxel",)),
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
