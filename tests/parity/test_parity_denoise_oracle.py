"""Denoising against SimpleITK, scikit-image and OpenCV, and non-local means also against the papers' formulas in NumPy."""
import itertools

import parity
import scipy.signal
import skimage.restoration
from parity import EXTREME, REAL, Case, cv2, nd, np, sitk

FINITE = tuple(name for name in EXTREME if name != "nan")
SMALL = ("one_voxel", "one_slice", "odd", "odd_2d", "anisotropic", "f64", "flat")


# ---- non-local means


def box(radii):
    return [np.array(o) for o in itertools.product(*[range(-r, r + 1) for r in radii])]


def non_local_means(p, patch, search, h, mode="edge", less=0.0, l1=False, rician=0.0, gaussian=False, step=None):
    """Every weight of every patch, as the papers write them. rician: the sigma; step: between centres of blocks."""
    a, axes = p.f64, range(p.f64.ndim)
    r, s = ([size if n > 1 else 0 for n in a.shape] for size in (patch, search))
    pad = [2 * x + y + 1 for x, y in zip(r, s)]
    values = np.pad(a, [(n, n) for n in pad], mode=mode)
    mixed = values**2 if rician else values
    ext, blocks = (r, box(r)) if step else ([0] * a.ndim, [np.zeros(a.ndim, int)])

    def shifted(array, o):
        return array[tuple(slice(n - e + k, n + m + e + k) for n, e, k, m in zip(pad, ext, o, a.shape))]

    offsets = box(r)
    taps = np.array([np.exp(-sum(2 * (o[i] / r[i]) ** 2 for i in axes if r[i])) if gaussian else 1.0 for o in offsets])
    taps /= taps.sum()
    total, sums = 0, [0] * len(blocks)
    for o in box(s):
        d = sum(t * (np.abs if l1 else np.square)(shifted(values, k) - shifted(values, k + o)) for t, k in zip(taps, offsets))
        weight = np.exp(-np.maximum((d * d if l1 else d) - less, 0) / h**2)
        total = total + weight
        sums = [old + weight * shifted(mixed, k + o) for old, k in zip(sums, blocks)]
    result = sums[0] / total if not step else mean_of_blocks(a.shape, r, step, blocks, [x / total for x in sums])
    return np.sqrt(np.maximum(result - 2 * rician**2, 0)) if rician else result


def mean_of_blocks(shape, r, step, blocks, estimates):
    """Centres stand on every step-th voxel, also those that lie up to r outside."""
    sums, counts = np.zeros(shape), np.zeros(shape)
    ticks = [[i for i in range(-n, size + n) if i % min(step, 2 * n + 1) == 0] for n, size in zip(r, shape)]
    for centre in itertools.product(*ticks):
        for k, estimate in zip(blocks, estimates):
            at = tuple(np.add(centre, k))
            if all(0 <= i < n for i, n in zip(at, shape)):
                sums[at] += estimate[tuple(np.add(centre, r))]
                counts[at] += 1
    return sums / counts


def nlm_case(params, images, tolerance=3e-6, **words):
    given = {"patch_radius": 1, "search_radius": 2, "h": 20.0, "type": "f32"} | params
    return Case("non_local_means", given, images, "NumPy reference (paper)",
                lambda p: non_local_means(p, given["patch_radius"], given["search_radius"], given["h"], **words), tolerance,
                "f32, weights by a polynomial", relative=True)


def opencv_nlm(array, h, norm):
    return cv2.fastNlMeansDenoising(array, [h], None, 7, 21, norm)


# ---- diffusion


def itk(function, conductance, steps):
    return lambda p: function(sitk.Cast(p.sitk, sitk.sitkFloat64), 0.04, conductance, 1, steps)


DIFFUSION = {"iterations": 5, "time_step": 0.04, "conductance": 2.0, "type": "f32"}


def perona_malik(p, k, quadratic, steps=3):
    """The scheme of 1990: nearest neighbours, the slope across the face alone."""
    v = p.f64.copy()
    slopes = [1 / s for s in p.axis_spacing]
    for _ in range(steps):
        change = np.zeros_like(v)
        for axis in range(v.ndim):
            d = np.diff(v, axis=axis) * slopes[axis]
            flow = d / (1 + (d / k) ** 2) if quadratic else d * np.exp(-((d / k) ** 2))
            ahead, behind = ([(0, 0)] * v.ndim for _ in range(2))
            ahead[axis], behind[axis] = (0, 1), (1, 0)
            change += np.pad(flow, ahead) - np.pad(flow, behind)
        v += 0.04 * change
    return v


# ---- local statistics


def sizes(p, radius):
    """Sides of the box in the order of the array's axes; an axis one voxel long is left alone."""
    return tuple(1 if n == 1 else 2 * r + 1 for n, r in zip(p.shape, radius[: len(p.shape)][::-1]))


def wiener(p, radius, noise, mode):
    """Lim, section 9.2, in two passes."""
    size = sizes(p, radius)
    padded = np.pad(p.f64, [(n // 2, n // 2) for n in size], mode=mode)
    boxes = np.lib.stride_tricks.sliding_window_view(padded, size).reshape(*p.shape, -1)
    mean, variance = boxes.mean(-1), boxes.var(-1)
    noise = noise or np.nanmean(variance)
    share = np.divide(noise, variance, out=np.ones_like(variance), where=~(variance <= noise))
    return mean + (1 - share) * (p.f64 - mean)


def adaptive_median(p, radius):
    """Gonzalez and Woods, section 5.3: stages A and B, for all voxels at once."""
    a = np.where(np.isnan(p.f64), np.inf, p.f64)
    result, left = np.empty_like(a), np.ones(a.shape, bool)
    for step in range(1, max(radius) + 1):
        size = sizes(p, [min(r, step) for r in radius])
        low, middle, high = (f(a, size=size, mode="nearest") for f in (nd.minimum_filter, nd.median_filter, nd.maximum_filter))
        found = left & (low < middle) & (middle < high)
        result[found] = np.where((low < a) & (a < high), a, middle)[found]
        left &= ~found
    result[left] = middle[left]
    return np.where(np.isnan(p.f64) & np.isinf(result), np.nan, result)


CASES = [
    nlm_case({}, REAL + FINITE),
    nlm_case({"patch_radius": 2, "search_radius": 3, "border": "mirror"}, ("xray", "one_slice", "odd", "odd_2d"), mode="reflect"),
    nlm_case({"patch_radius": 3, "search_radius": 1, "border": "reflect"}, ("ct_slice", "odd", "one_row"), mode="symmetric"),
    nlm_case({"sigma": 12.0, "subtract_noise": True, "border": "wrap"}, ("mr", "odd", "odd_2d"), mode="wrap", less=2 * 12.0**2),
    nlm_case({"distance": "l1"}, ("ct", "xray", "odd", "one_voxel"), l1=True),
    nlm_case({"patch_radius": 2, "patch_weights": "gaussian"}, ("xray", "odd", "one_row"), gaussian=True),
    nlm_case({"sigma": 15.0, "noise": "rician"}, ("mr", "odd_2d", "anisotropic"), rician=15.0),
    nlm_case({"method": "blockwise"}, SMALL, step=2),
    nlm_case({"method": "blockwise", "block_step": 3, "patch_radius": 2, "patch_weights": "gaussian"}, ("odd_2d", "odd", "one_row"),
             step=3, gaussian=True),
    nlm_case({"method": "blockwise", "block_step": 1, "noise": "rician", "sigma": 15.0}, ("odd_2d", "odd"), step=1, rician=15.0),
    nlm_case({"h": 1e5}, ("u16_full", "i16_full")),
    Case("non_local_means", {"patch_radius": 3, "search_radius": 10, "h": 10.0, "border": "mirror"}, ("xray", "odd_2d", "noise_2d"),
         "OpenCV fastNlMeansDenoising", lambda p: opencv_nlm(p.array, 10, cv2.NORM_L2), 1, "OpenCV's weights and distances are whole numbers"),
    Case("non_local_means", {"patch_radius": 3, "search_radius": 10, "h": 2000.0, "distance": "l1", "border": "mirror"}, ("xray", "odd_2d"),
         "OpenCV fastNlMeansDenoising", lambda p: opencv_nlm(p.array.astype(np.uint16) * 250, 2000, cv2.NORM_L1), 2e-3,
         "OpenCV's weights and distances are whole numbers", relative=True,
         inputs=lambda p: {"image": p.array.astype(np.uint16) * 250}),
    Case("non_local_means", {"patch_radius": 1, "search_radius": 3, "h": 60.0, "patch_weights": "gaussian", "border": "mirror"},
         ("odd", "anisotropic"), "scikit-image denoise_nl_means, exact",
         lambda p: skimage.restoration.denoise_nl_means(p.f64, 3, 3, 60.0, fast_mode=False)[(slice(3, -3),) * 3], 1e-2,
         "scikit-image approximates exp and drops weights below e^-5; its search ends at the border, so the inside is compared", relative=True,
         of=lambda ours, p: ours.array[(slice(3, -3),) * 3]),
    Case("anisotropic_diffusion", DIFFUSION, REAL + FINITE, "SimpleITK GradientAnisotropicDiffusion",
         itk(sitk.GradientAnisotropicDiffusion, 2.0, 5), 1e-6, "f32", relative=True),
    Case("anisotropic_diffusion", DIFFUSION | {"iterations": 1, "conductance": 0.7}, ("ct", "xray", "odd"),
         "SimpleITK GradientAnisotropicDiffusion", itk(sitk.GradientAnisotropicDiffusion, 0.7, 1), 1e-6, "f32", relative=True),
    Case("curvature_diffusion", DIFFUSION, REAL + FINITE, "SimpleITK CurvatureAnisotropicDiffusion",
         itk(sitk.CurvatureAnisotropicDiffusion, 2.0, 5), 3e-4, "f32; in flat places rounding decides the sign of the curvature, and that which slopes count", relative=True),
] + [
    Case("anisotropic_diffusion", DIFFUSION | {"iterations": 3, "conductance": 20.0, "scale": "absolute", "gradient": "face", "function": name},
         REAL + EXTREME, "NumPy reference (paper)", lambda p, name=name: perona_malik(p, 20.0, name == "quadratic"), 1e-6, "f32", relative=True)
    for name in ("exponential", "quadratic")
] + [
    Case("total_variation", {"weight": 20.0, "scale": "absolute", "eps": 0.0, "iterations": n, "type": "f32"},
         tuple(name for name in REAL + FINITE if name != "one_row"), "scikit-image denoise_tv_chambolle",
         lambda p, n=n: skimage.restoration.denoise_tv_chambolle(np.squeeze(p.f64), 20.0, eps=0, max_num_iter=n).reshape(p.shape)
         if p.array.size > 1 else p.f64, 1e-6, "f32", relative=True)
    for n in (2, 20)
] + [
    Case("bilateral", {"sigma": 2.0, "units": "voxel", "range_sigma": 25.0, "shape": "ball", "border": "mirror"}, ("xray", "odd_2d", "noise_2d"),
         "OpenCV bilateralFilter", lambda p: cv2.bilateralFilter(p.array, 9, 25.0, 2.0, borderType=cv2.BORDER_REFLECT_101), 1, "near a half either rounds its own way"),
    Case("bilateral", {"sigma": 1.5, "units": "voxel", "range_sigma": 80.0, "shape": "ball", "border": "mirror"}, ("ct_slice",),
         "OpenCV bilateralFilter", lambda p: cv2.bilateralFilter(p.array, 7, 80.0, 1.5, borderType=cv2.BORDER_REFLECT_101), 2e-6,
         "OpenCV interpolates exp in a table", relative=True),
] + [
    Case("wiener", {"radius": 1, "border": "constant", "type": "f64"}, (*REAL, "odd_2d", "noise_2d", "odd"), "SciPy signal.wiener",
         lambda p: scipy.signal.wiener(p.f64, 3), 1e-12, "SciPy sums in another order", relative=True),
    *[Case("wiener", {"radius": radius, "noise": noise, "border": border, "type": "f64"}, REAL + EXTREME, "NumPy reference (Lim)",
           lambda p, radius=radius, noise=noise, mode=mode: wiener(p, radius, noise, mode), 1e-12, "sums in another order", relative=True)
      for radius, noise, border, mode in (((1, 1, 1), 0, "replicate", "edge"), ((2, 3, 1), 400.0, "mirror", "reflect"), ((4, 0, 0), 0, "wrap", "wrap"))],
    *[Case("adaptive_median", {"max_radius": radius}, (*REAL, *EXTREME, "noise_2d"), "NumPy reference (Gonzalez and Woods)",
           lambda p, radius=radius: adaptive_median(p, radius), 0, "") for radius in ((1, 1, 1), (3, 3, 3), (4, 2, 1))],
]

parity.main(__name__, CASES)
