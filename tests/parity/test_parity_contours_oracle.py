"""Active contours against scikit-image, and where it has none against plain NumPy written from the papers."""
import parity
from parity import Case, compare_fraction, cormack, np
from pictures import CONTEXT
from skimage.segmentation import chan_vese, inverse_gaussian_gradient, morphological_chan_vese, morphological_geodesic_active_contour, morphsnakes

FLAT = ("xray", "ct_slice", "odd_2d", "noise_2d")
DEEP = ("ct", "mr", "odd", "anisotropic", "u16_full", "i16_full", "flat")


def fresh():
    """scikit-image remembers between calls which curvature operator comes next; ours begins anew."""
    morphsnakes._curvop = morphsnakes._fcycle([lambda u: morphsnakes.sup_inf(morphsnakes.inf_sup(u)), lambda u: morphsnakes.inf_sup(morphsnakes.sup_inf(u))])


def morphological(p, *args):
    fresh()
    return morphological_chan_vese(np.squeeze(p.f64), *args).reshape(p.shape)


def edges(p):
    """A map of edges in f64; spacing 1."""
    values = (p.f64 - p.f64.min()) / max(np.ptp(p.f64), 1)
    return inverse_gaussian_gradient(values, 100, 1.0)


def geodesic(p, *args):
    fresh()
    return morphological_geodesic_active_contour(edges(p), *args)


def start(p):
    at = np.indices(p.shape)
    return (sum((i - n / 2) ** 2 for i, n in zip(at, p.shape)) < (min(p.shape) / 3) ** 2).astype(np.uint8)


def geodesic_spacing(p, steps):
    """Márquez-Neila et al., section 5.1, with slopes per mm."""
    fresh()
    u, slopes = start(p).astype(np.int8), np.gradient(edges(p), *p.axis_spacing)
    for _ in range(steps):
        force = sum(s * d for s, d in zip(slopes, np.gradient(u.astype(float), *p.axis_spacing)))
        u[force > 0], u[force < 0] = 1, 0
        u = morphsnakes._curvop(u)
    return u


def level_set(p, steps, mu=0.25, dt=0.5):
    """Getreuer 2012, equation 22, in n dimensions with spacings in units of the finest."""
    v = (p.f64 - p.f64.min()) / (np.ptp(p.f64) or 1)
    if p.components:
        v = np.moveaxis(v, -1, 0)
    else:
        v = v[None]
    weight = (min(p.axis_spacing) / np.array(p.axis_spacing)) ** 2
    phi = np.prod([np.sin(np.pi / 5 * i) for i in np.indices(p.shape)], axis=0)
    for _ in range(steps):
        ahead, behind, middle = [], [], []
        padded = np.pad(phi, 1, mode="edge")
        inner = [slice(1, -1)] * phi.ndim
        for a in range(phi.ndim):
            ahead.append(padded[tuple(slice(2, None) if k == a else s for k, s in enumerate(inner))])
            behind.append(padded[tuple(slice(None, -2) if k == a else s for k, s in enumerate(inner))])
            middle.append(weight[a] * ((ahead[a] - behind[a]) / 2) ** 2)
        flow, norm = 0, 0
        for a in range(phi.ndim):
            others = sum(m for k, m in enumerate(middle) if k != a)
            for side in (ahead[a], behind[a]):
                c = weight[a] / np.sqrt(1e-16 + weight[a] * (side - phi) ** 2 + others)
                flow, norm = flow + c * side, norm + c
        inside = phi > 0
        pull = np.mean([(x - x[~inside].mean()) ** 2 - (x - x[inside].mean()) ** 2 for x in v], axis=0)
        delta = dt / (1 + phi**2)
        phi = (phi + delta * (mu * flow + pull)) / (1 + mu * delta * norm)
    return phi > 0


def unit(array):
    return {"image": cormack.Image(np.ascontiguousarray(array), context=CONTEXT)}


CASES = [
    Case("morphological_chan_vese", {"iterations": 12, "smoothing": 1}, FLAT + DEEP + ("one_slice",), "scikit-image morphological_chan_vese",
         lambda p: morphological(p, 12, "checkerboard", 1), 0, "", compare=compare_fraction),
    Case("morphological_chan_vese", {"iterations": 25, "smoothing": 2, "lambda1": 1, "lambda2": 1.5, "init": "ball"}, FLAT + DEEP,
         "scikit-image morphological_chan_vese", lambda p: morphological(p, 25, "disk", 2, 1, 1.5), 0, "", compare=compare_fraction),
    Case("morphological_chan_vese", {"iterations": 10}, FLAT + DEEP, "scikit-image morphological_chan_vese, init_level_set",
         lambda p: morphological(p, 10, start(p)), 0, "", inputs=lambda p: {"image": p.array, "start": start(p)}, compare=compare_fraction),
    Case("geodesic_active_contour", {"iterations": 15, "smoothing": 1}, FLAT + DEEP, "scikit-image morphological_geodesic_active_contour",
         lambda p: geodesic(p, 15, "disk", 1), 0, "", inputs=lambda p: unit(edges(p)), compare=compare_fraction),
    Case("geodesic_active_contour", {"iterations": 30, "smoothing": 2, "balloon": -1, "init": "checkerboard"}, FLAT + DEEP,
         "scikit-image morphological_geodesic_active_contour", lambda p: geodesic(p, 30, "checkerboard", 2, "auto", -1), 0, "",
         inputs=lambda p: unit(edges(p)), compare=compare_fraction),
    Case("geodesic_active_contour", {"iterations": 9, "smoothing": 1, "balloon": 1, "thresholds": "value", "threshold": 0.4}, FLAT + DEEP,
         "scikit-image morphological_geodesic_active_contour", lambda p: geodesic(p, 9, "disk", 1, 0.4, 1), 0, "",
         inputs=lambda p: unit(edges(p)), compare=compare_fraction),
    Case("geodesic_active_contour", {"iterations": 9, "smoothing": 1}, ("ct", "mr", "anisotropic", "ct_slice"), "NumPy reference (Márquez-Neila 2014)",
         lambda p: geodesic_spacing(p, 9), 0.001, "order of the sums where two forces cancel",
         inputs=lambda p: {"image": edges(p), "start": start(p)}, compare=compare_fraction),
    Case("inverse_gaussian_gradient", {"alpha": 2, "sigma": 2, "type": "f64"}, FLAT + DEEP, "scikit-image inverse_gaussian_gradient",
         lambda p: inverse_gaussian_gradient(p.f64, 2, 2.0), 1e-4,
         "SciPy's sampled derivative gives a ramp a slope of 0.9989 at this sigma, ours 1; slopes of 16-bit images beside 1"),
    Case("chan_vese", {"iterations": 60, "tol": 0}, FLAT, "scikit-image chan_vese", lambda p: chan_vese(p.f64, tol=0, max_num_iter=60), 2e-4,
         "float beside double where the level set is near 0", compare=compare_fraction),
    Case("chan_vese", {"iterations": 500, "init": "disk", "mu": 0.1}, FLAT, "scikit-image chan_vese",
         lambda p: chan_vese(p.f64, mu=0.1, init_level_set="disk"), 2e-4, "float beside double where the level set is near 0", compare=compare_fraction),
    Case("chan_vese", {"iterations": 15, "tol": 0}, (*DEEP[:-1], "colour", "f64"), "NumPy reference (Getreuer 2012, n axes)", lambda p: level_set(p, 15), 5e-4,
         "float beside double where the level set is near 0", compare=compare_fraction),
]

parity.main(__name__, CASES)
