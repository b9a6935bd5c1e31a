"""Measures against MedPy, DeepMind's surface-distance, SimpleITK, scikit-image, SciPy and scikit-learn."""
import parity
import scipy.stats
from parity import REAL, Case, nd, np, sitk, skimage, sklearn

try:
    import skimage.metrics
    import sklearn.metrics
    import surface_distance
    from medpy.metric import binary as medpy
except ImportError as error:
    print("skipped:", error)
    raise SystemExit(77) from error

FLOATS = "sums in another order"
DISTANCES = "distances are calculated in float"

# ---- segmentation_metrics

LABELLED = ("lungs", "blobs", "blobs_2d", "label_map", "full_mask")


def moved(p):
    """What a segmentation might be: the same, a voxel further, with bites."""
    made = np.roll(p.array, 1, axis=-1)
    made[np.random.default_rng(9).random(made.shape) < 0.01] = 0
    return np.ascontiguousarray(made)


def against(p):
    return {"truth": p.array, "prediction": moved(p)}


def each_label(p, function):
    """{column: values} of function(truth, prediction), label by label."""
    other = moved(p)
    labels = np.union1d(np.unique(p.array), np.unique(other))
    rows = [{"label": int(k)} | function(p, p.array == k, other == k) for k in labels if k]
    return {name: [row[name] for row in rows] for name in rows[0]}


def by_medpy(p, a, b):
    at = {"voxelspacing": p.axis_spacing}
    return {"dice": medpy.dc(b, a), "jaccard": medpy.jc(b, a), "sensitivity": medpy.recall(b, a), "specificity": medpy.specificity(b, a) if not a.all() else np.nan,
            "precision": medpy.precision(b, a), "hausdorff": medpy.hd(b, a, **at), "hausdorff_95": medpy.hd95(b, a, **at),
            "truth_to_prediction": medpy.asd(a, b, **at), "prediction_to_truth": medpy.asd(b, a, **at), "assd": medpy.assd(b, a, **at)}


def by_deepmind(p, a, b):
    found = surface_distance.compute_surface_distances(a, b, p.axis_spacing)
    truth, prediction = surface_distance.compute_average_surface_distance(found)
    return {"hausdorff": surface_distance.compute_robust_hausdorff(found, 100), "hausdorff_95": surface_distance.compute_robust_hausdorff(found, 95),
            "truth_to_prediction": truth, "prediction_to_truth": prediction, "surface_dice": surface_distance.compute_surface_dice_at_tolerance(found, 1.2)}


def by_itk(p, a, b):
    one, two = p.sitk_like(a.astype(np.uint8)), p.sitk_like(b.astype(np.uint8))
    overlap, far = sitk.LabelOverlapMeasuresImageFilter(), sitk.HausdorffDistanceImageFilter()
    overlap.Execute(two, one)
    far.Execute(two, one)
    return {"dice": overlap.GetDiceCoefficient(), "jaccard": overlap.GetJaccardCoefficient(), "volume_difference": overlap.GetVolumeSimilarity(),
            "hausdorff": far.GetHausdorffDistance(), "masd": far.GetAverageHausdorffDistance()}


def by_formula(p, a, b):
    """What no library has: of volumes, and means over both surfaces (Heimann 2009)."""
    rim = [x & ~nd.binary_erosion(x) for x in (a, b)]
    far = [nd.distance_transform_edt(~rim[1 - k], sampling=p.axis_spacing)[rim[k]] for k in (0, 1)]
    both = np.concatenate(far)
    voxel = float(np.prod(p.spacing))
    return {"truth_voxels": a.sum(), "prediction_volume": b.sum() * voxel, "masd": (far[0].mean() + far[1].mean()) / 2, "surface_dice": np.mean(both <= 1.2), "hausdorff_90": max(np.percentile(x, 90) for x in far),
            "volume_similarity": 1 - abs(a.sum() - b.sum()) / (a.sum() + b.sum())}


# ---- one image against another

NUMBERS = (*REAL, "one_slice", "one_row", "odd", "odd_2d", "anisotropic", "u16_full", "i16_full", "f64", "times", "colour")


def other(p):
    """The picture with noise, turned about a little in value."""
    noise = np.random.default_rng(6).normal(size=p.array.shape) * 0.05 * np.ptp(p.f64)
    made = np.clip(p.f64 * 0.9 + noise, *((np.iinfo(p.array.dtype).min, np.iinfo(p.array.dtype).max) if p.array.dtype.kind in "iu" else (-np.inf, np.inf)))
    return made.astype(p.array.dtype)


def pair(p):
    return {"image": other(p), "reference": p.array}


def in_mask(p):
    return pair(p) | {"mask": p.mask}


def errors(p, inside=...):
    a, b = other(p).astype(np.float64)[inside], p.f64[inside]
    data = b.max() - b.min()
    return {"mse": [skimage.metrics.mean_squared_error(b, a)], "rmse": [np.sqrt(np.mean((a - b) ** 2))], "mae": [np.abs(a - b).mean()], "max_error": [np.abs(a - b).max()],
            "psnr": [skimage.metrics.peak_signal_noise_ratio(b, a, data_range=data)], "data_range": [data]}


def information(p, bins=100, inside=...):
    a, b = other(p).astype(np.float64)[inside].ravel(), p.f64[inside].ravel()
    cut = [np.clip(np.searchsorted(np.linspace(v.min(), v.max(), bins + 1), v, "right") - 1, 0, bins - 1) for v in (a, b)]
    return {"normalized_mutual_information": [skimage.metrics.normalized_mutual_information(b, a, bins=bins)],
            "mutual_information": [sklearn.metrics.mutual_info_score(*cut)], "symmetric_uncertainty": [sklearn.metrics.normalized_mutual_info_score(*cut)],
            "entropy_image": [scipy.stats.entropy(np.bincount(cut[0]))]}


def counts(p, bins=256, span=None, inside=...):
    values = p.f64[inside]
    found, edges = np.histogram(values[~np.isnan(values)], bins, span)
    return {"count": found, "low": edges[:-1], "high": edges[1:], "cumulative": np.cumsum(found) / found.sum(), "share": found / found.sum()}


def counts_by_label(p):
    found = [counts(p, 40, (np.nanmin(p.f64[p.labels > 0]), np.nanmax(p.f64[p.labels > 0])), p.labels == k) | {"label": np.full(40, k)} for k in (1, 2, 3)]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def planes(p):
    """Image and reference, slice by slice, component by component."""
    shape = (-1, *p.array.shape[-2:]) if not p.components else (1, -1, p.array.shape[-1])
    pairs = [v.astype(np.float64).reshape(shape) for v in (other(p), p.array)]
    if p.components:
        pairs = [np.moveaxis(v, -1, 0) for v in pairs]
    return list(zip(*pairs))


def similarity(full=False, **given):
    def call(p):
        a, b = other(p).astype(np.float64).squeeze(), p.f64.squeeze()
        options = {"win_size": 7} if "sigma" not in given else {"gaussian_weights": True}
        options |= {"use_sample_covariance": False} | given
        mean, values = skimage.metrics.structural_similarity(a, b, data_range=np.ptp(b), full=True, channel_axis=-1 if p.components else None, **options)
        return values.reshape(p.array.shape) if full else {"ssim": [mean], "data_range": [np.ptp(b)]}
    return call


def similarity_inside(p):
    a, b = other(p).astype(np.float64), p.f64
    inside = p.mask > 0
    _, values = skimage.metrics.structural_similarity(a, b, data_range=np.ptp(b[inside]), full=True, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    return {"ssim": [values[inside].mean()], "count": [inside.sum()]}


def by_slice(p):
    """Slice by slice, as 2D."""
    a, b = other(p).astype(np.float64), p.f64
    return {"ssim": [skimage.metrics.structural_similarity(u, v, data_range=np.ptp(b), win_size=7) for u, v in zip(a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *a.shape[-2:]))]}


def small_on_large(p):
    """Variances of what is left of a million, which scikit-image loses in the squares."""
    a, b = other(p).astype(np.float64) - 9e5, p.f64 - 1e6
    m, n = nd.uniform_filter(a, 5), nd.uniform_filter(b, 5)
    va, vb, both = (nd.uniform_filter(u * v, 5) - s * t for u, v, s, t in ((a, a, m, m), (b, b, n, n), (a, b, m, n)))
    m, n, c1, c2 = m + 9e5, n + 1e6, (0.01 * np.ptp(b)) ** 2, (0.03 * np.ptp(b)) ** 2
    return {"ssim": [np.mean(((2 * m * n + c1) * (2 * both + c2) / ((m * m + n * n + c1) * (va + vb + c2)))[2:-2, 2:-2, 2:-2])]}


LIKE = ("ct", "mr", "xray", "ct_slice", "one_slice", "odd_2d", "u16_full", "anisotropic", "colour")

# ---- signal and noise

SHARE = {1: scipy.stats.rayleigh.std(), 4: scipy.stats.chi(8).std()}  # of magnitudes of noise, 1 and 4 channels


def regions(p):
    return {"image": p.image, "regions": p.labels}


def twice(p):
    """The second in another type."""
    return regions(p) | {"second": other(p).astype(np.float64)}


def parts(p):
    """Mean and standard deviation of each label; of the mean of two images and of their difference."""
    a, b = p.f64, other(p).astype(np.float64)
    one = {k: (np.nanmean(a[p.labels == k]), np.nanstd(a[p.labels == k], ddof=1)) for k in (1, 2, 3)}
    two = {k: ((a + b)[p.labels == k].mean() / 2, np.std((a - b)[p.labels == k], ddof=1) / np.sqrt(2)) for k in (1, 2, 3)}
    return one, two


def snr(method, channels=1):
    def call(p):
        one, two = parts(p)
        rows = {"region": [one[k] for k in (1, 2, 3)], "background": [(one[k][0], one[2][1]) for k in (1, 3)],
                "air": [(one[k][0], one[2][1] / SHARE[channels]) for k in (1, 3)], "difference": [two[k] for k in (1, 2, 3)]}[method]
        return {"signal": [s for s, n in rows], "noise": [n for s, n in rows], "snr": [s / n for s, n in rows], "snr_db": [20 * np.log10(s / n) if s > 0 else np.nan for s, n in rows]}
    return call


def cnr(method):
    def call(p):
        one, two = parts(p)
        (a, sa), (b, sb) = (two if method == "difference" else one)[1], (two if method == "difference" else one)[2]
        noise = {"second": sb, "pooled": np.sqrt((sa**2 + sb**2) / 2), "sum": np.hypot(sa, sb), "noise": one[3][1], "air": one[3][1] / SHARE[4], "difference": np.sqrt((sa**2 + sb**2) / 2)}[method]
        return {"contrast": [a - b], "noise": [noise], "cnr": [abs(a - b) / noise], "weber": [(a - b) / b], "michelson": [(a - b) / (a + b)]}
    return call


NOISY = ("ct", "mr", "xray", "odd", "anisotropic", "i16_full")

# ---- profiles


def profile(start, end, width=1, order=1, reduce=np.mean):
    """Points as x, y."""
    def call(p):
        array = p.f64.reshape(p.array.shape[-2:])
        return {"value": skimage.measure.profile_line(array, start[::-1], end[::-1], width, order, mode="mirror" if order == 3 else "nearest", reduce_func=reduce)}
    return call


def profile_3d(start, end, order):
    """Points as x, y, z."""
    def call(p):
        a, b = np.array(start[::-1], float), np.array(end[::-1], float)
        count = int(np.ceil(np.linalg.norm(b - a) + 1))
        at = np.linspace(a, b, count)
        mm = np.linalg.norm((b - a) * p.axis_spacing)
        return {"value": nd.map_coordinates(p.f64, at.T, order=order, mode="mirror" if order == 3 else "nearest"), "distance": np.linspace(0, mm, count), "z": at[:, 0]}
    return call


def disc(p):
    """Along z, a disc three voxels wide: the voxel and its eight neighbours."""
    return {"value": nd.convolve(p.f64[2:8], np.ones((1, 3, 3)) / 9)[:, 6, 7]}


TABLE = {"compare": parity.compare_table}
METRICS = {"inputs": against, "compare": parity.compare_table}
CASES = [
    Case("segmentation_metrics", {"direction": "pooled"}, LABELLED, "MedPy binary", lambda p: each_label(p, by_medpy), 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {"surface": "surfel", "tolerance": 1.2}, LABELLED, "surface-distance", lambda p: each_label(p, by_deepmind), 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {"surface": "set"}, LABELLED, "SimpleITK LabelOverlapMeasures, HausdorffDistance", lambda p: each_label(p, by_itk), 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {"percentile": 90, "tolerance": 1.2}, LABELLED, "SciPy, by the formulas", lambda p: each_label(p, by_formula), 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {}, ("one_voxel_mask",), "closed form", lambda p: {"dice": [1], "hausdorff": [0], "assd": [0], "surface_dice": [1]}, 0, "", inputs=lambda p: {"truth": p.array, "prediction": p.array}, compare=parity.compare_table),
    Case("segmentation_metrics", {}, ("empty_mask",), "closed form", lambda p: {"dice": [], "label": []}, 0, "", **METRICS),
    Case("segmentation_metrics", {}, ("blobs",), "closed form", lambda p: {"dice": [0], "jaccard": [0], "sensitivity": [0], "precision": [np.nan], "hausdorff": [np.nan], "volume_similarity": [0]}, 0, "",
         inputs=lambda p: {"truth": p.array, "prediction": np.zeros_like(p.array)}, compare=parity.compare_table),
    Case("segmentation_metrics", {"binary": True}, ("label_map",), "MedPy binary", lambda p: {k: [v] for k, v in by_medpy(p, p.array > 0, moved(p) > 0).items() if k != "hausdorff_95"}, 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {"label": 2, "distances": False}, ("label_map",), "NumPy reference",
         lambda p: {"label": [2], "dice": [2 * ((p.array == 2) & (moved(p) == 2) & (p.mask > 0)).sum() / (((p.array == 2) & (p.mask > 0)).sum() + ((moved(p) == 2) & (p.mask > 0)).sum())]},
         1e-12, FLOATS, inputs=lambda p: against(p) | {"mask": p.mask}, compare=parity.compare_table),
    Case("psnr", {}, NUMBERS, "scikit-image metrics", errors, 1e-12, FLOATS, inputs=pair, compare=parity.compare_table),
    Case("psnr", {}, ("ct", "odd", "xray"), "scikit-image metrics", lambda p: errors(p, p.mask > 0), 1e-12, FLOATS, inputs=in_mask, compare=parity.compare_table),
    Case("psnr", {"range": "type"}, ("xray", "ct", "u16_full"), "scikit-image metrics", lambda p: {"psnr": [skimage.metrics.peak_signal_noise_ratio(p.array, other(p))]} if p.array.dtype.kind == "u" else
         {"data_range": [65535]}, 1e-12, FLOATS, inputs=pair, compare=parity.compare_table),
    Case("psnr", {"per": "slice", "per_component": True}, ("times", "colour"), "NumPy reference", lambda p: {"mse": [((a - b) ** 2).mean() for a, b in planes(p)]}, 1e-12, FLOATS, inputs=pair, compare=parity.compare_table),
    Case("psnr", {"range": "fixed", "data_range": 1}, ("flat", "one_voxel"), "closed form", lambda p: {"mse": [0], "psnr": [np.nan]}, 0, "",
         inputs=lambda p: {"image": p.array, "reference": p.array}, compare=parity.compare_table),
    Case("psnr", {}, ("nan",), "closed form", lambda p: {"count": [np.isfinite(p.array).sum()], "mae": [2]}, 1e-5, "f32 values", inputs=lambda p: {"image": p.array + np.float32(2), "reference": p.array}, compare=parity.compare_table),
    Case("mutual_information", {}, NUMBERS, "scikit-image, scikit-learn, SciPy entropy", information, 1e-9, FLOATS, inputs=pair, compare=parity.compare_table),
    Case("mutual_information", {"bins": 32}, ("ct", "mr", "odd"), "scikit-image, scikit-learn, SciPy entropy", lambda p: information(p, 32, p.mask > 0), 1e-9, FLOATS, inputs=in_mask, compare=parity.compare_table),
    Case("mutual_information", {"base": "2"}, ("flat", "one_voxel"), "closed form", lambda p: {"mutual_information": [0], "joint_entropy": [0], "normalized_mutual_information": [np.nan]}, 0, "",
         inputs=lambda p: {"image": p.array, "reference": p.array}, compare=parity.compare_table),
    Case("histogram", {}, (*REAL, "one_slice", "one_row", "odd", "odd_2d", "flat", "nan", "anisotropic", "u16_full", "i16_full", "f64", "one_voxel"), "NumPy histogram", counts, 1e-12, FLOATS, compare=parity.compare_table),
    Case("histogram", {"bins": 50, "range": [-300, 200]}, ("ct", "odd", "nan"), "NumPy histogram", lambda p: counts(p, 50, (-300, 200)), 1e-12, FLOATS, compare=parity.compare_table),
    Case("histogram", {"width": 25, "range": [-1000, 1000]}, ("ct", "mr", "anisotropic"), "NumPy histogram", lambda p: counts(p, 80, (-1000, 1000)), 1e-12, FLOATS, compare=parity.compare_table),
    Case("histogram", {"bins": 40}, ("ct", "mr", "xray", "odd", "u16_full", "nan"), "NumPy histogram", counts_by_label, 1e-12, FLOATS, inputs=lambda p: {"image": p.image, "labels": p.labels}, compare=parity.compare_table),
    Case("ssim", {}, ("ct", "mr", "xray", "ct_slice", "one_slice", "odd_2d", "anisotropic", "colour"), "scikit-image structural_similarity", similarity(sigma=1.5), 1e-9, FLOATS, inputs=pair, **TABLE),
    Case("ssim", {"window": "uniform", "sample_covariance": True}, (*LIKE, "i16_full"), "scikit-image structural_similarity", similarity(use_sample_covariance=True), 1e-9, FLOATS, inputs=pair, **TABLE),
    Case("ssim", {"sigma": 0.8, "k1": 0.02, "k2": 0.05}, ("ct", "xray", "odd"), "scikit-image structural_similarity", similarity(sigma=0.8, K1=0.02, K2=0.05), 1e-9, FLOATS, inputs=pair, **TABLE),
    Case("ssim", {"edges": "all"}, ("ct", "mr", "xray", "ct_slice", "one_slice", "odd_2d", "anisotropic", "colour", "one_row"), "scikit-image structural_similarity", similarity(True, sigma=1.5), 1e-6, "a map of f32", inputs=pair, output="map"),
    Case("ssim", {"window": "uniform", "radius": 1}, ("odd", "mr", "xray"), "scikit-image structural_similarity", similarity(True, win_size=3), 1e-6, "a map of f32", inputs=pair, output="map"),
    Case("ssim", {"edges": "all"}, ("ct", "xray", "anisotropic"), "scikit-image structural_similarity", similarity_inside, 1e-9, FLOATS, inputs=in_mask, **TABLE),
    Case("ssim", {"slices": True, "per": "slice", "window": "uniform", "sample_covariance": True}, ("ct", "mr", "times"), "scikit-image structural_similarity", by_slice, 1e-9, FLOATS, inputs=pair, **TABLE),
    Case("ssim", {"edges": "all", "range": "fixed", "sigma": 0.5}, ("flat", "one_voxel", "nan"), "closed form", lambda p: {"ssim": [1.0]}, 1e-12, FLOATS, inputs=lambda p: {"image": p.array, "reference": p.array}, **TABLE),
    Case("ssim", {"window": "uniform", "radius": 2}, ("f64",), "SciPy, by the formula", small_on_large, 1e-9, FLOATS, inputs=pair, **TABLE),
    Case("ssim", {}, ("odd",), "closed form", None, 0, "", inputs=pair, refuses={"odd": "no window lies inside"}),
    *[Case("snr", {"method": method, "channels": channels}, NOISY + (("nan",) if method != "difference" else ()), "NumPy, SciPy rayleigh and chi", snr(method, channels), 1e-9, FLOATS, inputs=twice if method == "difference" else regions, **TABLE)
      for method, channels in (("region", 1), ("background", 1), ("air", 1), ("air", 4), ("difference", 1))],
    Case("snr", {"method": "air", "background": 9}, ("odd",), "closed form", None, 0, "", inputs=regions, refuses={"odd": "label 9, the background"}),
    Case("snr", {}, ("empty_mask", "flat"), "closed form", lambda p: {"snr": [np.nan] * 3}, 0, "", inputs=lambda p: {"image": p.array, "regions": p.labels if p.name == "flat" else p.array}, refuses={"empty_mask": "empty"}, **TABLE),
    *[Case("cnr", {"method": method, "channels": 4}, NOISY, "NumPy, SciPy chi", cnr(method), 1e-9, FLOATS, inputs=twice if method == "difference" else regions, **TABLE)
      for method in ("second", "pooled", "sum", "noise", "air", "difference")],
    *[Case("line_profile", {"start": (3, 4), "end": (27, 19.5), "interpolation": name, "width": width, "reduce": reduce}, ("xray", "ct_slice", "odd_2d"), "scikit-image profile_line",
           profile((3, 4), (27, 19.5), width, order, function), 1e-9, FLOATS, **TABLE)
      for name, order, width, reduce, function in (("linear", 1, 1, "mean", np.mean), ("linear", 1, 5, "mean", np.mean), ("cubic", 3, 3, "max", np.max), ("nearest", 0, 1, "mean", np.mean), ("linear", 1, 4, "median", np.median))],
    *[Case("line_profile", {"start": (2, 3, 1), "end": (11, 8, 5), "interpolation": name}, ("ct", "mr", "odd", "anisotropic", "i16_full"), "SciPy map_coordinates", profile_3d((2, 3, 1), (11, 8, 5), order), 1e-9, FLOATS, **TABLE)
      for name, order in (("linear", 1), ("cubic", 3))],
    Case("line_profile", {"start": (7, 6, 2), "end": (7, 6, 7), "width": 3, "spread": "disc"}, ("ct", "mr", "u16_full"), "SciPy convolve", disc, 1e-9, FLOATS, **TABLE),
    Case("line_profile", {"start": (0, 0, 0), "end": (0, 0, 0)}, ("one_voxel", "flat"), "closed form", lambda p: {"value": [p.array.flat[0]], "distance": [0]}, 0, "", **TABLE),
    Case("line_profile", {"start": (-2, 0, 0), "end": (1, 0, 0)}, ("flat",), "closed form", lambda p: {"value": [np.nan, np.nan, 7, 7], "x": [-2, -1, 0, 1]}, 0, "", **TABLE),
]

parity.main(__name__, CASES)
