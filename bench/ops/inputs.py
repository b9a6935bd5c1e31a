"""The images that operations are timed on, by name, at the sizes that users have; made from real data where they lie beside the
project, else from noise. Kept in out/bench, since making them takes longer than most operations.

An Input has .array, .spacing, .image (cormack.Image) and .sitk; input.of(name) is another input of the same scale."""
import functools
import os
import pathlib

import cormack
import numpy as np
import scipy.ndimage as nd
import SimpleITK as sitk

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", ROOT.parent / "shared/data"))
KEEP = pathlib.Path(os.environ.get("CORMACK_BENCH", ROOT / "out/bench"))
scale = float(os.environ.get("BENCH_SCALE", "1"))  # of each axis
_makers = {}


class Input:
    def __init__(self, name, array, spacing, components=False):
        self.name, self.array, self.spacing, self.components = name, array, spacing, components

    def like(self, array):
        return cormack.Image(array, self.spacing)

    def of(self, name):
        return get(name)

    def kept(self, key, make):
        """make() the first time; for what a peer needs that is not to be timed."""
        if key not in self.__dict__:
            self.__dict__[key] = make()
        return self.__dict__[key]

    @functools.cached_property
    def image(self):
        return cormack.Image(self.array, self.spacing, components=self.components)

    @functools.cached_property
    def sitk(self):
        made = sitk.GetImageFromArray(self.array, isVector=self.components)
        made.SetSpacing([float(s) for s in self.spacing[: made.GetDimension()]])
        return made

    f32 = functools.cached_property(lambda self: self.array.astype(np.float32))
    sitk_f32 = functools.cached_property(lambda self: sitk.Cast(self.sitk, sitk.sitkFloat32))


def scaled(*shape):
    return tuple(max(8, round(n * scale)) for n in shape)


def maker(function):
    _makers[function.__name__] = function
    return function


@functools.cache
def get(name):
    path = KEEP / f"{name}-{scale:g}.npy"
    if path.exists():
        array = np.load(path)
        return Input(name, array, SPACINGS.get(name, (1.0, 1.0, 1.0)), name == "colour")
    array = np.ascontiguousarray(_makers[name]())
    KEEP.mkdir(parents=True, exist_ok=True)
    np.save(path, array)
    return Input(name, array, SPACINGS.get(name, (1.0, 1.0, 1.0)), name == "colour")


def forget():
    """Lets go of all inputs and of what was made of them; they are read again in a moment."""
    get.cache_clear()


SPACINGS = {**dict.fromkeys(("ct", "ct_mask", "ct_part", "ct_part_mask"), (0.75, 0.75, 1.25)), "tumour": (0.977, 0.977, 3.0)}


def _read(path):
    return cormack.read(DATA / path).array if (DATA / path).exists() else None


def _noise(shape, seed=1):
    smooth = nd.gaussian_filter(np.random.default_rng(seed).normal(size=shape).astype(np.float32), 3)
    return smooth / smooth.std()


def _zoom(array, shape, order=1):
    return nd.zoom(array.astype(np.float32), [n / m for n, m in zip(shape, array.shape)], order=order, grid_mode=True, mode="nearest")


def _grained(array, sigma, seed=2):
    """With noise as the scanner's, which enlarging took away."""
    return array + np.random.default_rng(seed).normal(size=array.shape).astype(np.float32) * np.float32(sigma)


@maker
def ct():
    """512 x 512 x 256, i16: the chest CT, enlarged, with noise of 15 HU"""
    real, shape = _read("ibsi/data_sets/ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz"), scaled(256, 512, 512)
    made = _zoom(real, shape) if real is not None else _noise(shape) * 400 - 300
    return np.clip(np.rint(_grained(made, 15)), -1024, 3071).astype(np.int16)


@maker
def ct_mask():
    """512 x 512 x 256, u8: what is not air in the CT"""
    return (get("ct").array > -400).astype(np.uint8)


def _middle(array, part):
    """The middle: 1/part of each axis."""
    return array[tuple(slice((n - max(8, n // k)) // 2, (n - max(8, n // k)) // 2 + max(8, n // k)) for n, k in zip(array.shape, part))]


@maker
def ct_part():
    """256 x 256 x 128, i16: the middle of the CT"""
    return _middle(get("ct").array, (2, 2, 2))


@maker
def ct_part_mask():
    """256 x 256 x 128, u8: what is not air in it"""
    return _middle(get("ct_mask").array, (2, 2, 2))


@maker
def tumour():
    """24 x 24 x 20, f32: the border of lung and tumour in the chest CT, as it is"""
    real = _read("ibsi/data_sets/ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz")
    return real[23:43, 92:116, 92:116].astype(np.float32) if real is not None else _noise((20, 24, 24)) * 300 - 400


@maker
def mr_part():
    """128 x 128 x 90, f32: the middle of the MR"""
    return _middle(get("mr").array, (2, 2, 2))


@maker
def mr_part_mask():
    """128 x 128 x 90, u8: the head in it"""
    return _middle(get("mr_mask").array, (2, 2, 2))


@maker
def mr():
    """256 x 256 x 180, f32: the T1 head, resampled"""
    real, shape = _read("nifti/mricron_debian/ch2.nii.gz"), scaled(180, 256, 256)
    made = _zoom(real, shape) * 4 if real is not None else np.abs(_noise(shape)) * 300
    return _grained(made, 8).clip(0).astype(np.float32)


@maker
def mr_mask():
    """256 x 256 x 180, u8: the head"""
    return (nd.gaussian_filter(get("mr").array, 2) > 60).astype(np.uint8)


@maker
def xray():
    """4096 x 4096, u16: four chest X-rays, enlarged, with noise"""
    reals, half = [_read(f"seg/cxr_lungs_imlab/{k}.jpg") for k in (1, 2, 3, 4)], scaled(2048, 2048)
    parts = [_zoom(real, half) * 240 if real is not None else _noise(half, k) * 9000 + 32000 for k, real in enumerate(reals)]
    whole = np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])
    return np.clip(np.rint(_grained(whole, 300)), 0, 65535).astype(np.uint16)


@maker
def xray8():
    """4096 x 4096, u8: the same"""
    return (get("xray").array >> 8).astype(np.uint8)


@maker
def xrayf():
    """4096 x 4096, f32: the same"""
    return get("xray").array.astype(np.float32)


@maker
def xray_part():
    """1024 x 1024, u16: the middle of the X-ray"""
    return _middle(get("xray").array, (4, 4))


@maker
def xray8_part():
    """1024 x 1024, u8: the same"""
    return _middle(get("xray8").array, (4, 4))


@maker
def xrayf_part():
    """1024 x 1024, f32: the same"""
    return _middle(get("xrayf").array, (4, 4))


@maker
def xray_mask():
    """4096 x 4096, u8: what is bright"""
    return (nd.gaussian_filter(get("xray8").array, 4) > 128).astype(np.uint8)


@maker
def colour():
    """2048 x 2048, u8, 3 components"""
    return np.stack([get("xray8").array[(slice(k, None, 2),) * 2][: scaled(2048)[0] - 1] for k in (0, 1, 0)], -1)


@maker
def binary512():
    """512 x 512 x 512, u8: blobs that cover half"""
    return (_noise(scaled(512, 512, 512), 3) > 0).astype(np.uint8)


@maker
def labels512():
    """512 x 512 x 512, u16: thousands of touching labels, as of cells"""
    shape = scaled(512, 512, 512)
    seeds = np.zeros(shape, np.uint16)
    random = np.random.default_rng(4)
    count = max(8, round(2000 * scale**3))
    seeds[tuple(random.integers(0, n, count) for n in shape)] = np.arange(1, count + 1) % 65535
    nearest = nd.distance_transform_edt(seeds[::4, ::4, ::4] == 0, return_distances=False, return_indices=True) if scale >= 0.5 else None
    if nearest is None:
        return seeds[tuple(nd.distance_transform_edt(seeds == 0, return_distances=False, return_indices=True))]
    small = seeds[::4, ::4, ::4][tuple(nearest)]
    return np.kron(small, np.ones((4, 4, 4), np.uint16))[: shape[0], : shape[1], : shape[2]]


@maker
def sparse512():
    """512 x 512 x 512, u16: labels as of cells, eaten away so that background lies between them"""
    labels = get("labels512").array
    return labels * (nd.minimum_filter(labels, 9) == nd.maximum_filter(labels, 9))


@maker
def labels_part():
    """256 x 256 x 256, u16: the middle of the labels"""
    return _middle(get("labels512").array, (2, 2, 2))
