"""Means, slopes, Laplacians, edges against SciPy, scikit-image, SimpleITK and OpenCV."""
import parity
import skimage.feature
import skimage.filters
from parity import Case, compare_fraction, nd, np, sitk, skimage

ALL = ("ct", "mr", "xray", "ct_slice", "one_slice", "odd", "odd_2d", "flat", "anisotropic", "u16_full", "i16_full", "f64")
VOXEL = {"units": "voxel", "per": "voxel", "type": "f64"}
SUMS = "order of the sums"
FEW = "u8 to i16 and f32 are sloped in float, the peer slopes in double"
KERNEL = [1.0, -2.5, 0.5, 3.0, 4.0, -1.0, 0.25, 2.0, -6.0]


def axes(p):
    """The axes that an operation treats: those longer than one voxel."""
    return [k for k in range(p.f64.ndim) if p.f64.shape[k] > 1]


def thick(p, each):
    """each(array without axes of one voxel), in the picture's shape."""
    return each(p.f64.squeeze()).reshape(p.f64.shape)


def of_axes(p, one, join=lambda parts: np.sqrt(sum(part**2 for part in parts))):
    return join([one(p.f64, axis) for axis in axes(p)])


def slopes(name, peer):
    whole = Case(name, {"weights": "raw", "per": "voxel", "type": "f64"}, ALL, f"SciPy {name}", lambda p: of_axes(p, lambda a, k: peer_thick(p, peer, k)), 1e-8, FEW,
                 relative=True)
    return [whole, Case(name, {"output": "x", "weights": "raw", "per": "voxel", "border": "mirror", "type": "f64"}, ALL, f"SciPy {name}",
                        lambda p: thick(p, lambda a: peer(a, -1, mode="mirror")), 1e-8, FEW, relative=True)]


def peer_thick(p, peer, axis):
    order = axes(p).index(axis)
    return thick(p, lambda a: peer(a, order, mode="nearest"))


def inner(result, p):
    return np.asarray(getattr(result, "array", result), np.float64)[tuple(slice(1, -1) if n > 2 else slice(None) for n in p.shape)]


def edge_magnitude(name):
    """scikit-image halves nothing and divides by the root of the number of axes; its borders reflect."""
    return Case(name, {"per": "voxel", "border": "reflect", "type": "f64"}, ("ct", "mr", "xray", "odd", "odd_2d", "i16_full", "f64"), f"scikit-image {name}",
                lambda p: inner(getattr(skimage.filters, name)(p.f64) * np.sqrt(p.f64.ndim) / 2, p), 1e-8, FEW, relative=True, of=inner)


def bilateral(p):
    """By its definition (Tomasi and Manduchi 1998) with NumPy."""
    shape, radius = p.shape, [3 if n > 1 else 0 for n in p.shape]
    padded = np.pad(p.f64, [(r, r) for r in radius], mode="edge")
    total, weights = np.zeros(shape), np.zeros(shape)
    for at in np.ndindex(*[2 * r + 1 for r in radius]):
        near = padded[tuple(slice(k, k + n) for k, n in zip(at, shape))]
        away = sum((k - r) ** 2 for k, r in zip(at, radius))
        w = np.exp(-away / (2 * 1.5**2) - (near - p.f64) ** 2 / (2 * 60.0**2))
        total += w * near
        weights += w
    return total / weights


def canny(p):
    """scikit-image finds nothing next to the border, so that a frame of it is left out."""
    return framed(skimage.feature.canny(p.f64, 1.5, *thresholds(p), mode="nearest"), p)


def thresholds(p):
    spread = round(p.f64.std() / 8)
    return spread * 8, spread * 24


def framed(result, p):
    return np.asarray(getattr(result, "array", result), bool)[tuple(slice(12, -12) for _ in p.shape)]


def dark_frame(p):
    """The image in a flat frame, since the border is treated otherwise."""
    made = np.full(p.shape, p.f64.min())
    inside = tuple(slice(8, -8) for _ in p.shape)
    made[inside] = p.f64[inside]
    return made


def hand_canny(p):
    """SimpleITK's edges are zero crossings; so by its definition in n axes (Canny 1986), with SciPy."""
    smooth = nd.gaussian_filter(dark_frame(p), 1.2, mode="nearest")
    slope = np.stack([nd.sobel(smooth, k, mode="nearest") / 2 / 4 ** (p.f64.ndim - 1) for k in range(p.f64.ndim)])
    magnitude = np.sqrt((slope**2).sum(0))
    way = slope / np.maximum(abs(slope).max(0), 1e-300)
    thin, at = magnitude > 0, np.indices(p.shape)
    for sign in (1, -1):
        thin &= nd.map_coordinates(magnitude, at + sign * way, order=1, mode="constant") <= magnitude
    low, high = round(p.f64.std() / 20), round(p.f64.std() / 8)
    marks, _ = nd.label(thin & (magnitude >= low), np.ones((3,) * p.f64.ndim))
    return np.isin(marks, np.unique(marks[thin & (magnitude >= high)])) & (marks > 0)


def own_canny(name):
    p = parity.pictures.get(name)
    return [] if p is None else [Case("canny", {"sigma": 1.2, "units": "voxel", "per": "voxel", "thresholds": "value", "lower": round(p.f64.std() / 20),
                                                "upper": round(p.f64.std() / 8)}, (name,), "SciPy, step by step (Canny 1986)", hand_canny, 5e-3,
                                      "the peer slopes in double; rounding tips what is as large as its neighbour",
                                      inputs=lambda p: {"image": dark_frame(p)}, compare=compare_fraction)]


def skimage_canny(name):
    p = parity.pictures.get(name)
    return [] if p is None else [Case("canny", {"sigma": 1.5, "units": "voxel", "per": "voxel", "thresholds": "value", "lower": round(thresholds(p)[0] / 8),
                                                "upper": round(thresholds(p)[1] / 8)}, (name,), "scikit-image canny, inside", canny, 5e-3,
                                      "the peer slopes in double; rounding tips what is as large as its neighbour", of=framed, compare=compare_fraction)]


def laplacian(p):
    return thick(p, lambda a: nd.laplace(a, mode="nearest"))


def crossings(p):
    return sitk.ZeroCrossing(p.sitk_like(p.f64 - np.median(p.f64)))


def separable(kernels, mode):
    """One axis after the other, also along those one voxel long."""
    border = {"nearest": "replicate"}.get(mode, mode)

    def peer(p):
        made = p.f64.reshape((1, *p.shape)[-3:])
        for name in kernels:
            made = nd.convolve1d(made, kernels[name], "zyx".index(name), mode=mode)
        return made.reshape(p.shape)

    return Case("convolve_separable", {**kernels, "border": border, "type": "f64"}, ALL, "SciPy convolve1d", peer, 1e-12, "order of the sums", relative=True)


CASES = [
    *[Case("mean", {"radius": r, "type": "f64"}, ALL, "SciPy uniform_filter",
           lambda p, r=r: nd.uniform_filter(p.f64, [2 * v + 1 if n > 1 else 1 for v, n in zip(r[::-1][-p.f64.ndim:] if p.f64.ndim == 3 else r[1::-1], p.f64.shape)],
                                            mode="nearest"), 1e-12, SUMS, relative=True) for r in ((1, 1, 1), (3, 2, 1))],
    Case("unsharp", {"sigma": 2, "units": "voxel", "amount": 1.5, "border": "reflect", "type": "f64"}, ALL, "SciPy, a + 1.5 (a - gaussian)",
         lambda p: p.f64 + 1.5 * (p.f64 - nd.gaussian_filter(p.f64, 2, mode="reflect")), 1e-12, SUMS, relative=True),
    *[separable(*given) for given in (
        ({"x": (1, 4, 6, 4, 1), "y": (1, 4, 6, 4, 1)}, "nearest"), ({"x": (0.3, -1, 2.5, 0.7), "z": (-1, 0, 2)}, "mirror"),
        ({"x": (2,), "y": (1, 2, 0, 3, 5, -2, 4, 1, 1)}, "wrap"), ({"y": (0.5,)}, "constant"), ({"x": (1, 2, 1), "y": (3, 1), "z": (1, 1)}, "reflect"))],
    Case("convolve", {"kernel": ",".join(map(str, KERNEL)), "size": [3, 3, 1], "type": "f64"}, ALL, "SciPy convolve",
         lambda p: nd.convolve(p.f64, np.reshape(KERNEL, (1,) * (p.f64.ndim - 2) + (3, 3)), mode="nearest"), 1e-12, "order of the sums", relative=True),
    Case("laplacian", {"per": "voxel", "type": "f64"}, ALL, "SciPy laplace", laplacian, 1e-12, SUMS, relative=True),
    Case("laplacian", {"type": "f64"}, ("ct", "mr", "odd", "anisotropic", "f64"), "SimpleITK Laplacian",
         lambda p: sitk.Laplacian(p.sitk_like(p.f64)), 1e-8, "the peer gives f32", relative=True),
    Case("laplacian_of_gaussian", {"sigma": 2, "truncate": 7, **VOXEL}, ("ct", "mr", "xray", "odd", "odd_2d", "i16_full"), "SciPy gaussian_laplace",
         lambda p: nd.gaussian_laplace(p.f64, 2, truncate=7, mode="nearest"), 1e-8,
         "SciPy samples the derivative of the continuous Gaussian, whose sum is not 0 as ours is", relative=True),
    *[Case("gaussian_derivative", {"order": list(order[::-1]), "sigma": 2.5, "truncate": 7, **VOXEL}, ("ct", "mr", "odd", "anisotropic", "i16_full"),
           "SciPy gaussian_filter, order", lambda p, order=order: nd.gaussian_filter(p.f64, 2.5, order=order, truncate=7, mode="nearest"), 1e-8,
           "SciPy samples the derivative of the continuous Gaussian; ours takes polynomials exactly", relative=True)
      for order in ((0, 0, 1), (0, 2, 0), (1, 1, 0))],
    *slopes("sobel", nd.sobel), *slopes("prewitt", nd.prewitt),
    *map(edge_magnitude, ("sobel", "prewitt", "scharr")),
    Case("roberts", {"border": "reflect", "type": "f64"}, ("xray", "ct_slice", "odd_2d", "noise_2d"), "scikit-image roberts",
         lambda p: inner(skimage.filters.roberts(p.f64), p), 1e-12, "order of the sums", relative=True, of=inner),
    Case("gradient_magnitude", {"type": "f64"}, ("ct", "mr", "xray", "odd", "anisotropic", "i16_full"), "SimpleITK GradientMagnitude",
         lambda p: sitk.GradientMagnitude(p.sitk_like(p.f64)), 1e-6, "the peer gives f32", relative=True),
    Case("gradient_magnitude", {"sigma": 1.5, "truncate": 6, "units": "voxel", "per": "voxel", "type": "f64"}, ("ct", "mr", "xray", "odd", "i16_full"),
         "SciPy gaussian_gradient_magnitude", lambda p: nd.gaussian_gradient_magnitude(p.f64, 1.5, mode="nearest", truncate=6), 1e-7,
         "SciPy samples the derivative of the continuous Gaussian", relative=True),
    Case("bilateral", {"sigma": 1.5, "units": "voxel", "range_sigma": 60.0, "type": "f64"}, ALL, "NumPy reference (Tomasi and Manduchi 1998)", bilateral, 1e-6,
         "sums in float, exp by a polynomial", relative=True),
    *[case for name in ("xray", "ct_slice") for case in skimage_canny(name)],
    *[case for name in ("ct", "mr", "xray") for case in own_canny(name)],
    Case("zero_crossings", {}, ("ct", "mr", "xray", "odd", "odd_2d", "flat", "i16_full"), "SimpleITK ZeroCrossing", crossings, 0, "",
         inputs=lambda p: {"image": p.f64 - np.median(p.f64)}),
]

parity.main(__name__, CASES)
