"""Texture and stacks of features: local binary patterns and co-occurrence against scikit-image, stacks against NumPy."""
import warnings

import parity
from parity import Case, compare_fraction, np
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.filters import gabor_kernel

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
    """Places that the slow reference is asked for: corners and 20 at random."""
    corners = [tuple(0 if k >> axis & 1 else n - 1 for axis, n in enumerate(shape)) for k in range(2 ** len(shape))]
    random = np.random.default_rng(9)
    return sorted({*corners, *(tuple(int(random.integers(n)) for n in shape) for _ in range(20))})


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
def bank(p, frequencies, orientations, smooth):
    """scikit-image's kernel (theta from x towards y, bandwidth of an octave), 3 deviations far as ours, laid on by SciPy."""
    made = []
    for frequency in frequencies:
        for k in range(orientations):
            theta = np.pi * k / orientations
            wave = gabor_kernel(frequency, theta, 1)
            sigma = np.sqrt(np.log(2) / 2) / np.pi * 3 / frequency
            reach = [int(max(1, np.ceil(3 * sigma * max(abs(np.cos(theta)), abs(np.sin(theta)))))) if n > 1 else 0 for n in p.shape]
            grid = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
            middle = [n // 2 for n in wave.shape]
            envelope = np.exp(-0.5 * (grid**2).sum(0) / sigma**2) / (2 * np.pi * sigma**2)
            kernel = envelope * np.exp(2j * np.pi * frequency * (grid[1] * np.cos(theta) + grid[0] * np.sin(theta)))
            assert np.isclose(wave[tuple(middle)], kernel[tuple(reach)]), "scikit-image's kernel at its centre"
            found = np.abs(parity.nd.convolve(p.f64, kernel.real, mode="nearest") + 1j * parity.nd.convolve(p.f64, kernel.imag, mode="nearest"))
            made.append(parity.nd.gaussian_filter(found, smooth / frequency, mode="nearest") if smooth else found)
    return np.stack(made, -1)


def textures():
    """Two gratings and noise of the same strength, side by side; which is where."""
    y, x = np.mgrid[:120, :240]
    random = np.random.default_rng(1)
    truth = x // 80
    made = np.choose(truth, [np.sin(2 * np.pi * x * 0.2) * 60, np.sin(2 * np.pi * (x + y) * 0.1) * 60, random.normal(size=x.shape) * 42])
    return (made + 128 + random.normal(size=x.shape) * 5).clip(0, 255).astype(np.uint8), truth + 1


def truth(features, tolerance):
    return Case("texture_segmentation", {"classes": 3, "features": features}, ("noise_2d",), "closed form: two gratings and noise", lambda p: textures()[1],
                tolerance, "windows that hold two textures", inputs=lambda p: {"image": textures()[0]}, compare=parity.compare_partition)


def pattern_shares(p):
    """How often each code occurs in the window, by SciPy from scikit-image's codes of the reflected picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        codes = local_binary_pattern(np.pad(p.f64, 2, "symmetric"), 8, 1, "uniform")[2:-2, 2:-2]
    return np.stack([parity.nd.uniform_filter((codes == k).astype(float), 7, mode="reflect") for k in range(10)], -1)


CASES += [Case("gabor_bank", {"frequency": [0.15, 0.3], "orientations": 3, "per": "voxel", "smooth": smooth}, ("xray", "ct_slice", "odd_2d", "noise_2d"),
               "scikit-image gabor_kernel, SciPy convolve", lambda p, s=smooth: bank(p, (0.15, 0.3), 3, s), 1e-6, "stored as f32", relative=True)
          for smooth in (0.0, 0.5)]
CASES += [truth("gabor", 0.03), truth("glcm", 0.04), truth("lbp", 0.1),
          Case("texture_segmentation", {"features": "lbp", "radius": [3]}, ("xray", "noise_2d"), "scikit-image local_binary_pattern, SciPy uniform_filter",
               pattern_shares, 0.1, "patterns that rounding decides, of 49 in a window", output="features"),
          Case("texture_segmentation", {"features": "glcm", "radius": [3]}, ("xray", "noise_2d"), "scikit-image graycoprops",
               lambda p: haralick(p, 3, 16, 1, True, "average")[:, [0, 5, 4, 2, 9]], 1e-6, "stored as f32", relative=True, output="features", of=picked)]
CASES += [
    Case("stack", {"type": "f64"}, FLAT_2D + VOLUMES + ("colour",), "NumPy concatenate", lambda p: joined(p, p.f64, p.mask, p.f64), 0, "",
         inputs=lambda p: {"image": p.image, "image2": parity.cormack.Image(p.mask, p.spacing), "image5": p.image}),
    Case("stack", {}, VOLUMES + ("colour", "times"), "NumPy concatenate", lambda p: joined(p, p.array, p.array), 0, "",
         inputs=lambda p: {"image": p.image, "image2": p.image}),
    Case("components", {"keep": [3, 1, 3]}, ("colour",), "NumPy indexing", lambda p: p.array[..., [2, 0, 2]], 0, ""),
    Case("components", {"keep": [1, 1]}, VOLUMES, "NumPy indexing", lambda p: np.stack([p.array] * 2, -1), 0, ""),
]
parity.main(__name__, CASES)
