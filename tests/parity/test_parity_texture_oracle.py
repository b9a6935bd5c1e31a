"""Texture and stacks of features: local binary patterns and co-occurrence against scikit-image, stacks against NumPy."""
import warnings

import parity
from parity import Case, compare_fraction, np
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern

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
GLCM = ("contrast", "dissimilarity", "homogeneity", "ASM", "energy", "correlation", "mean", "variance", "std", "entropy")
ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)


def levels(p, count):
    """As glcm_map cuts them."""
    low, high = np.nanmin(p.f64), np.nanmax(p.f64)
    scale = count / (high - low) if high > low else 0.0
    return np.clip(np.floor((p.f64 - low) * scale), 0, count - 1).astype(np.uint8)


def window(cut, at, radius):
    return cut[tuple(slice(max(0, i - r), i + r + 1) for i, r in zip(at, radius))]


def some(shape):
    """Places that the slow reference is asked for: corners, edges and 40 at random."""
    corners = [tuple(0 if k >> axis & 1 else n - 1 for axis, n in enumerate(shape)) for k in range(2 ** len(shape))]
    random = np.random.default_rng(9)
    return sorted({*corners, *(tuple(int(random.integers(n)) for n in shape) for _ in range(40))})


def picked(made, p):
    return np.stack([made.array[at] for at in some(p.shape)])


def haralick(p, radius, count, distance, symmetric, reduce):
    """scikit-image's properties in a loop over windows; matrices of its four angles, diagonals to the corner."""
    cut, rows = levels(p, count), []
    steps = [distance, distance * np.sqrt(2)]
    for at in some(p.shape):
        matrix = graycomatrix(window(cut, at, (radius, radius)), steps, ANGLES, count, symmetric)
        matrix = np.stack([matrix[:, :, k % 2, k] for k in range(4)], -1)[:, :, None].astype(float)
        if reduce == "merge":
            matrix = matrix.sum(-1, keepdims=True)
        present = matrix.sum((0, 1))[0] > 0
        matrix /= np.maximum(matrix.sum((0, 1)), 1)
        values = np.array([graycoprops(matrix, name)[0] for name in GLCM])
        values = values if reduce == "separate" else values[:, present].mean(1, keepdims=True)
        rows.append(values.T.ravel())
    return np.array(rows)


def haralick_3d(p, radius, count):
    """Pairs counted one by one in all 13 directions (Haralick 1973 in three dimensions)."""
    cut, rows = levels(p, count), []
    steps = [s for s in np.ndindex(3, 3, 3) if s > (1, 1, 1)]
    for at in some(p.shape):
        near, found = window(cut, at, (radius,) * 3), []
        for step in steps:
            here, there = zip(*((slice(max(0, 1 - s), n - max(0, s - 1)), slice(max(0, s - 1), n - max(0, 1 - s))) for s, n in zip(step, near.shape)))
            i, j = near[here].ravel(), near[there].ravel()
            matrix = np.zeros((count, count, 1, 1))
            np.add.at(matrix, (i, j, 0, 0), 1)
            matrix += matrix.transpose(1, 0, 2, 3)
            if matrix.any():
                found.append([graycoprops(matrix / matrix.sum(), name)[0, 0] for name in GLCM])
        rows.append(np.mean(found, 0))
    return np.array(rows)


def glcm(images, radius, count, distance, symmetric, reduce):
    params = {"features": "all", "radius": [radius], "levels": count, "distance": distance, "symmetric": symmetric, "aggregate": reduce}
    return Case("glcm_map", params, images, "scikit-image graycoprops", lambda p: haralick(p, radius, count, distance, symmetric, reduce), 1e-6,
                "stored as f32", relative=True, of=picked)


# 255 levels not on the X-ray: where all but one pair are alike, the peer's std of 3e-14 in place of 0 makes a correlation out of rounding
CASES += [glcm(("xray", "odd_2d", "noise_2d"), *more) for more in ((2, 16, 1, True, "average"), (3, 8, 2, False, "merge"))]
CASES += [glcm(("odd_2d", "noise_2d"), 1, 255, 1, False, "average"), glcm(("ct_slice", "noise_2d"), 3, 32, 1, True, "separate")]
CASES += [Case("glcm_map", {"features": "all", "radius": [radius], "levels": count}, ("ct", "mr", "odd", "flat", "anisotropic", "u16_full", "f64"),
               "scikit-image graycoprops of pairs counted by NumPy", lambda p, r=radius, n=count: haralick_3d(p, r, n), 1e-6, "stored as f32", relative=True,
               of=picked) for radius, count in ((1, 16), (3, 64))]
CASES += [Case("glcm_map", {}, ("one_voxel",), "closed form", None, 0, "", refuses={"one_voxel": "holds no pair"})]
CASES += [
    Case("stack", {"type": "f64"}, FLAT_2D + VOLUMES + ("colour",), "NumPy concatenate", lambda p: joined(p, p.f64, p.mask, p.f64), 0, "",
         inputs=lambda p: {"image": p.image, "image2": parity.cormack.Image(p.mask, p.spacing), "image5": p.image}),
    Case("stack", {}, VOLUMES + ("colour", "times"), "NumPy concatenate", lambda p: joined(p, p.array, p.array), 0, "",
         inputs=lambda p: {"image": p.image, "image2": p.image}),
    Case("components", {"keep": [3, 1, 3]}, ("colour",), "NumPy indexing", lambda p: p.array[..., [2, 0, 2]], 0, ""),
    Case("components", {"keep": [1, 1]}, VOLUMES, "NumPy indexing", lambda p: np.stack([p.array] * 2, -1), 0, ""),
]
parity.main(__name__, CASES)
