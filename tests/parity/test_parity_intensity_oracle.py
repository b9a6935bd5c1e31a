"""Intensities against SimpleITK, scikit-image, OpenCV and NumPy."""
import parity
from parity import EXTREME, REAL, Case, cormack, cv2, np, sitk, skimage
from scipy.interpolate import CubicSpline

FLOATS = "floats of the same formula"
BOTH = ("ct", "mr", "xray", "ct_slice", "one_slice", "odd", "odd_2d", "anisotropic", "u16_full", "i16_full", "f64", "times")


def n4(iterations, control_points=4):
    def call(p):
        image, mask = sitk.Cast(p.sitk, sitk.sitkFloat32), p.sitk_like((p.array > 0).astype(np.uint8))
        return sitk.N4BiasFieldCorrection(image, mask, 0.0, iterations, 0.15, 0.01, 200, [control_points] * image.GetDimension())
    return call


def n4_shrunken(shrink):
    """As ITK's users do it: fitted to the shrunken image, the field taken out of the whole one."""
    def call(p):
        mask, steps = p.sitk_like((p.array > 0).astype(np.uint8)), [shrink if n > 1 else 1 for n in p.array.shape[::-1]]
        correct = sitk.N4BiasFieldCorrectionImageFilter()
        correct.SetMaximumNumberOfIterations([2])
        correct.SetConvergenceThreshold(0.0)
        correct.Execute(sitk.Shrink(sitk.Cast(p.sitk, sitk.sitkFloat32), steps), sitk.Shrink(mask, steps))
        return p.f64 / np.exp(sitk.GetArrayFromImage(correct.GetLogBiasFieldAsImage(p.sitk)))
    return call


def other(p):
    """Another image of the same kind: turned about and with other contrast."""
    turned = p.array[::-1].astype(np.float64) * 0.5 + 11
    return turned.astype(p.array.dtype)


def matched_itk(points, above_mean):
    def call(p):
        match = sitk.HistogramMatchingImageFilter()
        match.SetNumberOfHistogramLevels(512)
        match.SetNumberOfMatchPoints(points)
        match.SetThresholdAtMeanIntensity(above_mean)
        return match.Execute(p.sitk_like(p.f64), p.sitk_like(other(p).astype(np.float64)))
    return call


# ---- Nyul & Udupa 2000, straight from the paper

PERCENTILES = [1, 10, 25, 50, 75, 90, 99]


def landmarks(array, mask=None):
    values = array[mask > 0] if mask is not None else array.ravel()
    return np.percentile(values[~np.isnan(values)].astype(np.float64), PERCENTILES)


def learnt(p):
    return [landmarks(p.array), landmarks(p.array * 2.0 + 5), landmarks(np.square(p.f64))]


def nyul(p):
    scale = np.mean([(row - row[0]) / (row[-1] - row[0]) * 100 for row in learnt(p)], axis=0)
    at = landmarks(p.array, p.mask)
    low, high = (scale[1] - scale[0]) / (at[1] - at[0]), (scale[-1] - scale[-2]) / (at[-1] - at[-2])
    v = p.f64
    return np.where(v < at[0], scale[0] + (v - at[0]) * low, np.where(v > at[-1], scale[-1] + (v - at[-1]) * high, np.interp(v, at, scale)))


def nyul_inputs(p):
    rows = np.array(learnt(p))
    return {"image": p.image, "landmarks": {f"p{q}": rows[:, k] for k, q in enumerate(PERCENTILES)} | {"subject": ["a", "b", "c"]}, "mask": p.mask}


# ---- gaps

def holes(p):
    made = np.random.default_rng(8).random(p.array.shape) < 0.3
    made[..., 0, 0] = False
    if made.ndim > 2:
        made[..., 0, :, :] = False
        made[..., -1, :, :] = False
    return made.astype(np.uint8)


def lines(method, axis):
    """Each line along an array's axis; the first and the last known value hold beyond."""
    def one(values, missing):
        at = np.flatnonzero(missing == 0)
        x = np.arange(values.size)
        if method == "nearest":
            return values[at[np.abs(at[None, :] - x[:, None]).argmin(1)]]
        if method == "spline" and at.size > 1:
            return np.where(missing, CubicSpline(at, values[at], bc_type="natural")(np.clip(x, at[0], at[-1])), values)
        return np.interp(x, at, values[at])

    def call(p):
        values, missing = np.moveaxis(p.f64.copy(), axis, -1), np.moveaxis(holes(p), axis, -1)
        for at in np.ndindex(values.shape[:-1]):
            values[at] = np.where(missing[at], one(values[at], missing[at]), values[at])
        return np.moveaxis(values, -1, axis)
    return call


def linear_in_plane(p):
    """By the inverse of the gaps; what is held at an end only where the other line has nothing better."""
    def line(values, missing, spacing):
        at, x = np.flatnonzero(missing == 0), np.arange(values.size)
        if at.size == 0:
            return values, np.zeros(values.size)
        after = np.searchsorted(at, x)
        ends = (after == 0) | (after == at.size)
        gap = np.where(ends, np.inf, at[np.clip(after, 0, at.size - 1)] - at[np.clip(after - 1, 0, None)]) * spacing
        return np.interp(x, at, values[at]), gap
    out, missing = p.f64.copy(), holes(p)
    for at in np.ndindex(out.shape[:-2]):
        rows = [line(v, m, p.spacing[0]) for v, m in zip(p.f64[at], missing[at])]
        columns = [line(v, m, p.spacing[1]) for v, m in zip(p.f64[at].T, missing[at].T)]
        for y, x in np.argwhere(missing[at]):
            (a, ga), (b, gb) = (rows[y][0][x], rows[y][1][x]), (columns[x][0][y], columns[x][1][y])
            if ga == 0 or (np.isinf(ga) and 0 < gb < np.inf):
                out[at][y, x] = b
            elif gb == 0 or (np.isinf(gb) and ga < np.inf):
                out[at][y, x] = a
            else:
                out[at][y, x] = (a + b) / 2 if np.isinf(ga) else (a * gb + b * ga) / (ga + gb)
    return out


def with_holes(p):
    return {"image": p.image, "missing": holes(p)}


GAPS = ("ct", "mr", "odd", "anisotropic", "f64", "u16_full")
PLANES = ("ct", "xray", "odd_2d", "anisotropic")

CASES = [
    Case("n4", {"iterations": [8, 6, 4], "shrink": 1, "convergence": 0, "type": "f32"}, ("mr", "xray", "u16_full"),
         "SimpleITK N4BiasFieldCorrection", n4([8, 6, 4]), 1e-4, "ITK calculates in float; 18 iterations carry it on", relative=True),
    Case("n4", {"iterations": [2, 1], "shrink": 1, "convergence": 0, "type": "f32"}, ("odd", "anisotropic"),
         "SimpleITK N4BiasFieldCorrection", n4([2, 1]), 1e-5, "ITK calculates in float; with some hundred voxels more iterations carry it far", relative=True),
    Case("n4", {"iterations": [5], "shrink": 1, "convergence": 0, "control_points": 6, "type": "f32"}, ("mr", "ct_slice"),
         "SimpleITK N4BiasFieldCorrection", n4([5], 6), 1e-4, "ITK calculates in float", relative=True),
    *[Case("n4", {"iterations": [2], "shrink": shrink, "convergence": 0, "type": "f32"}, ("ct_slice", "mr"), "SimpleITK Shrink, N4BiasFieldCorrection, the field on the whole grid",
           n4_shrunken(shrink), 0.002, "ITK's lattice spans the shrunken image and is stretched over the whole one, ours spans the whole one", relative=True,
           inputs=lambda p: {"image": p.image, "mask": (p.array > 0).astype(np.uint8)}) for shrink in (2, 3)],
    Case("equalize", {"bins": 65536, "range": [0, 1], "type": "f64"}, ("ct", "mr", "xray", "odd_2d", "u16_full", "i16_full"), "scikit-image equalize_hist",
         lambda p: skimage.exposure.equalize_hist(p.array), 1e-12, FLOATS),
    Case("equalize", {"bins": 256, "range": [0, 1], "type": "f64"}, ("ct_slice", "one_slice", "odd", "anisotropic", "f64", "times"), "scikit-image equalize_hist",
         lambda p: skimage.exposure.equalize_hist(p.f64), 1e-9, FLOATS),
    Case("equalize", {"bins": 100, "range": [0, 1], "type": "f64"}, ("odd", "anisotropic"), "scikit-image equalize_hist",
         lambda p: np.where(p.mask, skimage.exposure.equalize_hist(p.f64, 100, p.mask), p.array), 1e-9, FLOATS,
         inputs=lambda p: {"image": p.image, "mask": p.mask}),
    Case("equalize", {"method": "levels", "range": [0, 255]}, ("xray", "odd_2d", "noise_2d"), "OpenCV equalizeHist", lambda p: cv2.equalizeHist(p.array), 0, ""),
    Case("equalize", {}, ("flat", "one_voxel"), "closed form", lambda p: p.array, 0, ""),
    Case("equalize", {}, ("nan",), "NumPy reference (shares up to the bin, between middles)", lambda p: nan_equalized(p.f64), 1e-4, "f32 result", ),
    Case("match_histogram", {"type": "f64"}, ("ct", "mr", "xray", "odd_2d", "u16_full", "i16_full", "odd", "anisotropic", "f64", "one_voxel", "flat"),
         "scikit-image match_histograms", lambda p: skimage.exposure.match_histograms(p.array, other(p)), 1e-9, FLOATS, relative=True,
         inputs=lambda p: {"image": p.image, "reference": other(p)}),
    Case("match_histogram", {"type": "f64", "per_component": True}, ("colour",), "scikit-image match_histograms",
         lambda p: skimage.exposure.match_histograms(p.f64, other(p).astype(np.float64), channel_axis=-1), 1e-9, FLOATS, inputs=lambda p: {"image": p.image, "reference": other(p)}),
    *[Case("match_histogram", {"method": "quantiles", "points": points, "levels": 512, "above_mean": above, "type": "f64"},
           ("ct", "mr", "xray", "odd", "anisotropic", "i16_full"), "SimpleITK HistogramMatching", matched_itk(points, above), 1e-6,
           "ITK's edges of the bins are floats", relative=True, inputs=lambda p: {"image": p.like(p.f64), "reference": other(p).astype(np.float64)})
      for points, above in ((7, True), (1, False), (20, False))],
    Case("nyul_landmarks", {"percentiles": PERCENTILES}, REAL + EXTREME, "NumPy percentile",
         lambda p: {f"p{q}": [v] for q, v in zip(PERCENTILES, landmarks(p.array))}, 1e-12, FLOATS, compare=parity.compare_table),
    Case("nyul", {"percentiles": PERCENTILES, "type": "f64"}, ("ct", "mr", "odd", "anisotropic", "u16_full", "f64"), "NumPy reference (Nyul 2000)", nyul, 1e-9,
         FLOATS, relative=True, inputs=nyul_inputs),
    *[Case("impute", {"method": method, "along": along, "type": "f64"}, GAPS, f"{'SciPy CubicSpline' if method == 'spline' else 'NumPy reference'}",
           lines(method, axis), 1e-12, FLOATS, relative=True, inputs=with_holes)
      for method in ("linear", "spline", "nearest") for along, axis in (("z", -3), ("x", -1))],
    Case("impute", {"along": "plane", "type": "f64"}, PLANES, "NumPy reference", linear_in_plane, 1e-12, FLOATS, relative=True, inputs=with_holes),
    Case("rescale", {}, ("u16_full",), "NumPy reference", lambda p: np.rint(p.f64 / 65535 * 255).astype(np.uint8), 0, ""),
    Case("rescale", {"type": "u16"}, ("xray", "odd_2d"), "NumPy reference", lambda p: p.array.astype(np.uint16) * 257, 0, ""),
    Case("rescale", {"type": "f32", "in_range": [-1000, 3000], "out_range": [-1000, 3000]}, ("ct", "mr", "xray", "one_voxel", "odd", "flat", "nan"),
         "NumPy astype", lambda p: p.array.astype(np.float32), 0, ""),
    Case("rescale", {"type": "f64", "out_range": [0, 1]}, ("one_slice", "odd", "nan", "anisotropic", "f64"), "NumPy reference",
         lambda p: (p.f64 - np.nanmin(p.f64)) / (np.nanmax(p.f64) - np.nanmin(p.f64)), 1e-12, FLOATS),
    Case("rescale", {"type": "u8", "in_range": [-200, 300], "beyond": "clamp"}, ("ct", "mr", "odd"), "SimpleITK IntensityWindowing",
         lambda p: np.rint(sitk.GetArrayFromImage(sitk.IntensityWindowing(p.sitk_like(p.f64), -200, 300, 0, 255))).astype(np.uint8), 0, ""),
    Case("rescale", {"type": "u8", "in_range": [0, 10]}, ("ct",), "closed form", lambda p: p.array, 0, "", refuses={"ct": "beyond=clamp"}),
]


def nan_equalized(v):
    known = v[~np.isnan(v)]
    counts, edges = np.histogram(known, 256)
    shares = known.min() + np.cumsum(counts) / known.size * np.ptp(known)
    return np.where(np.isnan(v), v, np.interp(v, (edges[:-1] + edges[1:]) / 2, shares))


parity.main(__name__, CASES)
