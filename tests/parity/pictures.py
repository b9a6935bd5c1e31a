"""The images that parity cases run on, by name: real ones where the data lie beside the project, and extreme ones, which are made.

Each is a Picture: .array (never to be changed), .spacing (x, y, z), .components, and, worked out when asked for, .f64, .sitk, .image
(cormack.Image), .mask and .labels of the same shape. Real ones are crops, so that slow references finish."""
import functools
import os
import pathlib

import cormack
import numpy as np
import scipy.ndimage as nd
import SimpleITK as sitk

DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", pathlib.Path(__file__).resolve().parents[3] / "shared/data"))
CONTEXT = cormack.Context(threads=2, progress=False)
_makers = {}


class Picture:
    def __init__(self, name, array, spacing=(1, 1, 1), components=False):
        self.name, self.array, self.spacing, self.components = name, np.ascontiguousarray(array), tuple(spacing), components
        self.array.setflags(write=False)

    def like(self, array):
        """cormack.Image of an array on this grid."""
        return cormack.Image(np.ascontiguousarray(array), self.spacing, components=self.components, context=CONTEXT)

    def sitk_like(self, array):
        made = sitk.GetImageFromArray(np.asarray(array), isVector=self.components)
        made.SetSpacing([float(s) for s in self.spacing[: made.GetDimension()]])
        return made

    shape = property(lambda self: self.array.shape[:-1] if self.components else self.array.shape)
    axis_spacing = property(lambda self: self.spacing[: len(self.shape)][::-1], doc="Spacing in the order of the array's axes.")
    image = functools.cached_property(lambda self: self.like(self.array))
    sitk = functools.cached_property(lambda self: self.sitk_like(self.array))
    f64 = functools.cached_property(lambda self: self.array.astype(np.float64))

    @functools.cached_property
    def mask(self):
        """u8, 0 and 1: blobs that cover about half of the image, whatever is in it."""
        return _blobs(self.shape, 11, 0.0)

    @functools.cached_property
    def labels(self):
        """u8: 0 and some labels that touch."""
        return _labels(self.shape)


def _blobs(shape, seed, level):
    noise = nd.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.3)
    made = (noise >= level * noise.std()).astype(np.uint8)
    made.flat[0] = 1  # never empty
    return made


def _labels(shape):
    noise = nd.gaussian_filter(np.random.default_rng(12).normal(size=shape), 2)
    return np.digitize(noise, np.quantile(noise, [0.3, 0.55, 0.8])).astype(np.uint8)


def picture(function):
    """A maker gives (array, spacing, components) or an array; None where its data are absent."""
    _makers[function.__name__] = function
    return function


@functools.cache
def get(name):
    """A Picture, or None where its data are absent."""
    made = _makers[name]()
    return None if made is None else Picture(name, *made) if isinstance(made, tuple) else Picture(name, made)


def about():
    """(name, first line of what it is) of all."""
    return [(name, function.__doc__) for name, function in _makers.items()]


# ---- real


def _read(path, crop, dtype):
    if not (DATA / path).exists():
        return None
    image = cormack.read(DATA / path, context=CONTEXT)
    return np.array(image.array[crop]).astype(dtype), image.spacing


@picture
def ct():
    """chest CT, 72 x 64 x 24 of i16, 0.98 x 0.98 x 3 mm"""
    return _read("ibsi/data_sets/ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz", np.s_[20:44, 60:124, 80:152], np.int16)


@picture
def mr():
    """brain MR, 70 x 66 x 20 of i16, 0.78 x 0.78 x 6.5 mm"""
    return _read("pyradiomics/brain1_image.nrrd", np.s_[3:23, 90:156, 95:165], np.int16)


@picture
def xray():
    """chest X-ray, 2D, 201 x 180 of u8"""
    if not (DATA / "seg/cxr_lungs_imlab/1.jpg").exists():
        return None
    return cormack.read(DATA / "seg/cxr_lungs_imlab/1.jpg", context=CONTEXT).array[100:280, 150:351].copy()


@picture
def ct_slice():
    """a whole slice of the chest CT, 2D, 204 x 201 of f32, 0.98 mm"""
    made = _read("ibsi/data_sets/ibsi_1_ct_radiomics_phantom/nifti/image/phantom.nii.gz", np.s_[30], np.float32)
    return made and (made[0], (*made[1][:2], 1))


# ---- extreme


def _random(seed=1):
    return np.random.default_rng(seed)


def _smooth(shape, seed=2):
    """Structures a few voxels wide and some noise, about -800 to 800."""
    made = nd.gaussian_filter(_random(seed).normal(size=shape), 2)
    return (made / made.std() * 250 + _random(seed + 1).normal(size=shape) * 15).astype(np.float32)


@picture
def one_voxel():
    """1 x 1 x 1, f32"""
    return np.full((1, 1, 1), 3.25, np.float32)


@picture
def one_slice():
    """41 x 33 x 1, f32"""
    return _smooth((1, 33, 41))


@picture
def one_row():
    """37 x 1, 2D, i16"""
    return _smooth((1, 37)).astype(np.int16)


@picture
def odd():
    """13 x 11 x 7, f32"""
    return _smooth((7, 11, 13))


@picture
def odd_2d():
    """45 x 31, 2D, u8"""
    return np.clip(_smooth((31, 45)) / 5 + 128, 0, 255).astype(np.uint8)


@picture
def noise_2d():
    """33 x 29, 2D, u8, 0 to 255 at random"""
    return _random(3).integers(0, 256, (29, 33)).astype(np.uint8)


@picture
def flat():
    """17 x 15 x 9, i16, all 7"""
    return np.full((9, 15, 17), 7, np.int16)


@picture
def nan():
    """19 x 17 x 11, f32, one voxel in 50 NaN"""
    made = _smooth((11, 17, 19))
    made[_random(4).random(made.shape) < 0.02] = np.nan
    return made


@picture
def anisotropic():
    """23 x 21 x 12, f32, 0.7 x 1.3 x 4 mm"""
    return _smooth((12, 21, 23)), (0.7, 1.3, 4)


@picture
def u16_full():
    """25 x 22 x 9, u16, 0 to 65535 at random, both ends in it"""
    made = _random(5).integers(0, 65536, (9, 22, 25)).astype(np.uint16)
    made[:, 0, :6] = (0, 65535, 0, 65535, 65535, 0)
    return made


@picture
def i16_full():
    """26 x 23 x 8, i16, smooth from -32768 to 32767"""
    made = _smooth((8, 23, 26)).astype(float)
    return np.rint((made - made.min()) / np.ptp(made) * 65535 - 32768).astype(np.int16)


@picture
def f64():
    """12 x 14 x 10, f64, 1e6 plus thousandths"""
    return 1e6 + _smooth((10, 14, 12)).astype(np.float64) / 1000


@picture
def colour():
    """27 x 24, 2D, u8, 3 components"""
    return np.stack([np.clip(_smooth((24, 27), seed) / 5 + 128, 0, 255).astype(np.uint8) for seed in (2, 4, 6)], -1), (1, 1, 1), True


@picture
def times():
    """11 x 12 x 9, 4 time points, f32"""
    return np.stack([_smooth((9, 12, 11), seed) for seed in (2, 4, 6, 8)])


# ---- masks and labels


@picture
def blobs():
    """mask, 31 x 27 x 15 of u8, 0.9 x 0.9 x 2.5 mm"""
    return _blobs((15, 27, 31), 21, 0.2), (0.9, 0.9, 2.5)


@picture
def blobs_2d():
    """mask, 2D, 61 x 47 of u8"""
    return _blobs((47, 61), 22, 0.1)


@picture
def label_map():
    """labels 0 to 3 that touch, 29 x 26 x 14 of u8, 0.9 x 0.9 x 2.5 mm"""
    return _labels((14, 26, 29)), (0.9, 0.9, 2.5)


def _seeds(shape):
    made = np.zeros(shape, np.uint16)
    random = _random(31)
    made[tuple(random.integers(0, n, 40) for n in shape)] = random.permutation(40) + 1
    return made


@picture
def seeds():
    """40 labels of a voxel each, 33 x 29 x 17 of u16, 0.9 x 0.9 x 2.5 mm"""
    return _seeds((17, 29, 33)), (0.9, 0.9, 2.5)


@picture
def seeds_2d():
    """40 labels of a pixel each, 2D, 71 x 57 of u16"""
    return _seeds((57, 71))


@picture
def full_mask():
    """mask, 12 x 10 x 8, all 1"""
    return np.ones((8, 10, 12), np.uint8)


@picture
def empty_mask():
    """mask, 12 x 10 x 8, all 0"""
    return np.zeros((8, 10, 12), np.uint8)


@picture
def one_voxel_mask():
    """mask, 1 x 1 x 1, 1"""
    return np.ones((1, 1, 1), np.uint8)


@picture
def lungs():
    """mask of the chest CT's air, 72 x 64 x 24, 0.98 x 0.98 x 3 mm"""
    found = get("ct")
    return found and ((found.array < -400).astype(np.uint8), found.spacing)


REAL = ("ct", "mr", "xray", "ct_slice")
EXTREME = ("one_voxel", "one_slice", "one_row", "odd", "odd_2d", "flat", "nan", "anisotropic", "u16_full", "i16_full", "f64")
MASKS = ("lungs", "blobs", "blobs_2d", "full_mask", "empty_mask", "one_voxel_mask")
