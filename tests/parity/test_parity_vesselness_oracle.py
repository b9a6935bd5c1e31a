"""Frangi's and Sato's vesselness against scikit-image, away from the border by a kernel (scikit-image continues the slopes once more beyond
it), and against the papers' formulas in plain NumPy with the image continued once."""
import parity
from parity import Case, nd, np, skimage

VOXEL = {"units": "voxel", "truncate": 8}


def inside(p, reach):
    """Where no kernel meets the border."""
    return tuple(slice(reach, n - reach) for n in p.shape)


def middle(p, values, reach):
    values = values[inside(p, reach)]
    assert values.size
    return values


def against(op, sigmas, images, **given):
    """Scales of 2 voxels and more: below, sampling its kernel twice costs scikit-image digits."""
    reach = int(12 * max(sigmas)) + 1
    peer = getattr(skimage.filters, op)
    dark = given.pop("dark", False)
    ours = {"select": "dark" if dark else "bright", **VOXEL, "sigmas": list(sigmas), "border": "reflect", "type": "f64", **given}
    if op == "frangi":
        ours["normalize"] = False
        theirs = {k: v for k, v in given.items() if k in ("alpha", "beta", "gamma")}
    else:
        theirs = {}
    return Case(op, ours, images, f"scikit-image {op}", lambda p: middle(p, peer(p.f64, sigmas, black_ridges=dark, **theirs), reach), 1e-6,
                "eigenvalues by another method, which its 1e-10 for eigenvalues of 0 and the end of its kernel show", relative=True,
                of=lambda result, p: middle(p, result.array, reach))


def padded(p):
    return np.pad(p.f64, 14, mode="symmetric")


def in_space(op, **given):
    """In 3D on an image that was widened beyond the kernels' reach."""
    peer = getattr(skimage.filters, op)
    return Case(op, {"sigmas": [2], **VOXEL, "border": "reflect", "type": "f64", **given}, ("ct", "mr"), f"scikit-image {op}",
                lambda p: peer(padded(p), [2], black_ridges=False)[(slice(14, -14),) * 3], 1e-6, "eigenvalues by another method", relative=True,
                inputs=lambda p: {"image": padded(p)}, of=lambda result, p: result.array[(slice(14, -14),) * 3])


def taps(sigma, order, truncate=4):
    """The Gaussian's derivative with unit moments: k^order gives order!, lower powers 0."""
    reach = max(int(truncate * sigma + 0.5), 1)
    k = np.arange(-reach, reach + 1)
    g = np.exp(-k**2 / (2 * sigma**2)) if sigma > 0 else (k == 0).astype(float)
    g /= g.sum()
    if order == 0:
        return g
    if order == 1:
        return k * g / np.sum(k**2 * g)
    p = k**2 - np.sum(k**2 * g)
    return 2 * p * g / np.sum(k**2 * p * g)


def hessian(p, sigma, mode="edge", **beyond):
    """Eigenvalues in mm, rising, of the image continued once; axes of one voxel are none, and at least two are counted."""
    axes = [a for a, n in enumerate(p.shape) if n > 1]
    reach = [int(4 * sigma / s + 0.5) + 1 if n > 1 else 0 for s, n in zip(p.axis_spacing, p.shape)]
    image = np.pad(p.f64, [(r, r) for r in reach], mode, **beyond)
    made = np.zeros((*p.shape, max(2, len(axes)), max(2, len(axes))))
    for i, a in enumerate(axes):
        for j, b in enumerate(axes):
            v = image
            for axis in axes:
                s = p.axis_spacing[axis]
                order = (axis == a) + (axis == b)
                v = nd.correlate1d(v, taps(sigma / s, order) / s**order, axis)
            made[..., i, j] = v[tuple(slice(r, r + n) for r, n in zip(reach, p.shape))]
    return np.linalg.eigvalsh(made)


def plain_sato(p, sigmas, sign, **beyond):
    best = np.full(p.shape, -np.inf)
    for sigma in sigmas:
        e = np.sort(sign * hessian(p, sigma, **beyond), -1)[..., 1:].clip(0)
        best = np.maximum(best, sigma**2 * np.prod(e, -1) ** (1 / e.shape[-1]))
    return best


def plain_frangi(p, sigmas, sign, alpha=0.5, beta=0.5, gamma=0.0):
    best = np.full(p.shape, -np.inf)
    for sigma in sigmas:
        e = sign * hessian(p, sigma) * sigma**2
        e = np.take_along_axis(e, np.argsort(np.abs(e), -1), -1)
        s = np.sqrt(np.sum(e**2, -1))
        gamma = gamma or s.max() / 2 or 1.0
        with np.errstate(all="ignore"):
            if e.shape[-1] == 3:
                v = (1 - np.exp(-((e[..., 1] / e[..., 2]) ** 2) / 2 / alpha**2)) * np.exp(-(e[..., 0] ** 2 / (e[..., 1] * e[..., 2])) / 2 / beta**2)
            else:
                v = np.exp(-((e[..., 0] / e[..., 1]) ** 2) / 2 / beta**2)
            v = np.where((e[..., 1:] > 0).all(-1), v * (1 - np.exp(-(s**2) / 2 / gamma**2)), 0)
        best = np.maximum(best, v)
    return best


def parts(p):
    """Sato of each time point and component alone; NaN within a kernel's reach of one."""
    if p.name == "nan":
        made = plain_sato(parity.Picture("zero", np.nan_to_num(p.array)), (1, 2), -1)
        return np.where(nd.maximum_filter(np.isnan(p.array), 17), np.nan, made)
    axis = -1 if p.components else 0
    return np.stack([plain_sato(parity.Picture("part", part, p.spacing), (1, 2), -1) for part in np.moveaxis(p.array, axis, 0)], axis)


def eigenvalues(p, sigma):
    """Of scikit-image, where no kernel meets the border."""
    made = skimage.feature.hessian_matrix(p.f64, sigma, mode="nearest", order="xy" if p.f64.ndim == 2 else "rc", use_gaussian_derivatives=True)
    return np.moveaxis(skimage.feature.hessian_matrix_eigvals(made), 0, -1)


def curvatures(sigma, **given):
    return Case("hessian_eigenvalues", {"sigma": sigma, **given, "type": "f64"}, SMALL, "NumPy reference (Lindeberg 1998)",
                lambda p: hessian(p, sigma)[..., ::-1] * (sigma**2 if given else 1), 1e-6, "pairs of equal eigenvalues in closed form", relative=True)


WIDE = ("xray", "ct_slice")
SMALL = ("ct", "mr", "odd", "anisotropic", "one_slice", "odd_2d", "ct_slice", "u16_full", "i16_full")
FLAT = ("flat", "one_voxel")

CASES = [
    Case("hessian_eigenvalues", {"sigma": 3, **VOXEL, "type": "f64"}, WIDE, "scikit-image hessian_matrix_eigvals",
         lambda p: middle(p, eigenvalues(p, 3), 25), 1e-6, "eigenvalues by another method", relative=True,
         of=lambda result, p: middle(p, result.array, 25)),
    curvatures(0.8), curvatures(2.0, normalize=True),
    Case("hessian_eigenvalues", {"sigma": 1.5}, ("flat",), "closed form", lambda p: np.zeros((*p.shape, 3)), 1e-9, "sums in double"),
    against("sato", (2, 3), WIDE),
    against("sato", (2,), WIDE, dark=True),
    against("frangi", (2,), WIDE),
    against("frangi", (2, 3), WIDE, gamma=15.0, beta=0.7, dark=True),
    in_space("sato"),
    in_space("frangi"),
    *[Case("sato", {"sigmas": [1.3], "type": "f64", "border": border, "border_value": 40}, ("anisotropic", "ct_slice", "one_row"), "NumPy reference (Sato 1998)",
           lambda p, beyond=beyond: plain_sato(p, (1.3,), -1, **beyond), 1e-6, "", relative=True)
      for border, beyond in (("constant", {"mode": "constant", "constant_values": 40}), ("wrap", {"mode": "wrap"}), ("mirror", {"mode": "reflect"}))],
    *[Case("sato", {"sigmas": [0.8, 2], "select": select, "type": "f64"}, SMALL, "NumPy reference (Sato 1998)",
           lambda p, sign=sign: plain_sato(p, (0.8, 2), sign), 1e-6, "pairs of equal eigenvalues in closed form: 3e-8 of the largest apart, here under a root",
           relative=True) for select, sign in (("bright", -1), ("dark", 1))],
    *[Case("frangi", {"sigmas": [0.8, 2], "select": select, "type": "f64"}, SMALL, "NumPy reference (Frangi 1998)",
           lambda p, sign=sign: plain_frangi(p, (0.8, 2), sign), 1e-6, "eigenvalues in closed form", relative=True)
      for select, sign in (("bright", -1), ("dark", 1))],
    *[Case(op, {"sigmas": [1, 2.3]}, FLAT, "closed form", lambda p: np.zeros(p.shape), 0, "") for op in ("frangi", "sato")],
    Case("frangi", {"sigmas": [1.5], "gamma": 20.0, "alpha": 1.0, "beta": 2.0}, ("ct", "mr", "anisotropic"), "NumPy reference (Frangi 1998)",
         lambda p: plain_frangi(p, (1.5,), -1, 1.0, 2.0, 20.0), 1e-3, "share of voxels that differ by 1e-4: sums in float tip which of two eigenvalues is larger",
         compare=lambda a, b: float(np.mean(np.abs(a - b) > 1e-4))),
    Case("sato", {"sigmas": [1, 2]}, ("nan", "times", "colour"), "each part by itself", parts, 1e-5, "NaN where a kernel holds it; sums in float", relative=True),
]

parity.main(__name__, CASES)
