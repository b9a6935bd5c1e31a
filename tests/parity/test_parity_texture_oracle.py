"""Texture and stacks of features: local binary patterns against scikit-image, stacks against NumPy."""
import warnings

import parity
from parity import Case, compare_fraction, np
from skimage.feature import local_binary_pattern

FLAT_2D = ("xray", "ct_slice", "one_row", "odd_2d", "noise_2d")
VOLUMES = ("ct", "one_voxel", "one_slice", "odd", "flat", "nan", "anisotropic", "u16_full", "i16_full", "f64")
PLANES = {"xy": (0, 1, 2), "xz": (1, 0, 2), "yz": (2, 0, 1)}  # the axes of an array: slices first


def patterns(p, points, radius, method, plane="xy"):
    volume = p.f64 if p.f64.ndim == 3 else p.f64[None]
    order = PLANES[plane]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slices = [local_binary_pattern(s, points, radius, method) for s in volume.transpose(order)]
    return np.stack(slices).transpose(np.argsort(order)).reshape(p.shape)


def same(points, radius, method, images, plane="xy"):
    params = {"points": points, "radius": float(radius), "method": method, "plane": plane, "border": "constant"}
    return Case("local_binary_patterns", params, images, "scikit-image local_binary_pattern", lambda p: patterns(p, points, radius, method, plane), 1e-3,
                "neighbours that differ from the centre by rounding only", compare=compare_fraction)


def joined(p, *arrays):
    return np.concatenate([a if p.components and a.ndim == p.array.ndim else a[..., None] for a in arrays], -1)


CASES = [same(points, radius, method, FLAT_2D + VOLUMES) for points, radius in ((8, 1), (12, 2.5)) for method in ("default", "uniform", "ror", "nri_uniform")]
CASES += [same(24, 3, "uniform", FLAT_2D), same(24, 3, "ror", FLAT_2D), same(8, 1, "default", VOLUMES, plane="xz"), same(8, 1.5, "uniform", VOLUMES, plane="yz"),
          Case("local_binary_patterns", {"method": "var", "border": "constant"}, tuple(n for n in FLAT_2D + VOLUMES if n not in ("nan", "f64")),
               "scikit-image local_binary_pattern", lambda p: np.nan_to_num(patterns(p, 8, 1, "var")), 1e-6, "stored as f32; the peer says NaN for 0",
               relative=True)]
CASES += [
    Case("stack", {"type": "f64"}, FLAT_2D + VOLUMES + ("colour",), "NumPy concatenate", lambda p: joined(p, p.f64, p.mask, p.f64), 0, "",
         inputs=lambda p: {"image": p.image, "image2": parity.cormack.Image(p.mask, p.spacing), "image5": p.image}),
    Case("stack", {}, VOLUMES + ("colour", "times"), "NumPy concatenate", lambda p: joined(p, p.array, p.array), 0, "",
         inputs=lambda p: {"image": p.image, "image2": p.image}),
    Case("components", {"keep": [3, 1, 3]}, ("colour",), "NumPy indexing", lambda p: p.array[..., [2, 0, 2]], 0, ""),
    Case("components", {"keep": [1, 1]}, VOLUMES, "NumPy indexing", lambda p: np.stack([p.array] * 2, -1), 0, ""),
]
parity.main(__name__, CASES)
