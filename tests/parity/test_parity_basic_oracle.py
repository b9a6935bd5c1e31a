"""Thresholds, components, structuring elements, ranges, statistics against SciPy, scikit-image, SimpleITK and NumPy."""
import parity
import skimage.filters
import skimage.measure
from parity import MASKS, Case, compare_fraction, compare_table, nd, np, sitk, skimage

ALL = ("ct", "mr", "xray", "ct_slice", "one_voxel", "one_slice", "one_row", "odd", "odd_2d", "flat", "anisotropic", "u16_full", "i16_full", "f64")
RANGED = tuple(name for name in ALL if name not in ("flat", "one_voxel"))
BINARY = (*MASKS, "label_map")
ROUNDING = "order of the sums"


def element(p, shape, radius):
    """The structuring element in the axes of the picture; an axis of one voxel is left alone."""
    r = [radius if n > 1 else 0 for n in p.shape]
    grid = np.meshgrid(*[np.arange(-v, v + 1) for v in r], indexing="ij")
    if shape == "box":
        return np.ones([2 * v + 1 for v in r], bool)
    return sum(g**2 for g in grid) <= radius**2 if shape == "ball" else sum(g != 0 for g in grid) <= 1


def grey(p, which, shape, radius):
    if p.array.dtype.kind == "f":
        low, high = -np.inf, np.inf
    else:
        low, high = np.iinfo(p.array.dtype).min, np.iinfo(p.array.dtype).max
    foot = element(p, shape, radius)
    dilate = lambda a: nd.grey_dilation(a, footprint=foot, mode="constant", cval=low)
    erode = lambda a: nd.grey_erosion(a, footprint=foot, mode="constant", cval=high)
    a = p.array
    return {"dilate": lambda: dilate(a), "erode": lambda: erode(a), "open": lambda: dilate(erode(a)), "close": lambda: erode(dilate(a)),
            "top_hat": lambda: clamped(a, a, dilate(erode(a))), "black_hat": lambda: clamped(a, erode(dilate(a)), a),
            "morphological_gradient": lambda: clamped(a, dilate(a), erode(a))}[which]()


def clamped(a, high, low):
    difference = high.astype(np.float64) - low
    return np.minimum(difference, np.iinfo(a.dtype).max) if a.dtype.kind != "f" else high - low


def structured(which):
    return [Case(which, {"radius": radius, "shape": shape, "mode": "grey"}, ALL, f"SciPy grey_{'erosion, grey_dilation' if which not in ('erode', 'dilate') else {'erode': 'erosion', 'dilate': 'dilation'}[which]}",
                 lambda p, shape=shape, radius=radius: grey(p, which, shape, radius), 0, "") for shape, radius in (("ball", 2), ("box", 1), ("cross", 3))]


def binary(which, peer, border):
    return Case(which, {"radius": 3, "mode": "binary"}, MASKS, f"SciPy binary_{peer.__name__.split('_')[1]}",
                lambda p: peer(p.array > 0, element(p, "ball", 3), **border), 0, "")


def labelled(p, order):
    return skimage.measure.label(p.array > 0, connectivity=min(order, p.array.ndim))


def statistics(p):
    """By label; the variance as SciPy has it, with ddof 0."""
    found = np.unique(p.labels[p.labels > 0])
    each = lambda measure: measure(p.f64, p.labels, found)
    return {"label": found, "count": np.bincount(p.labels.ravel())[found], "min": each(nd.minimum), "max": each(nd.maximum), "mean": each(nd.mean),
            "sd": each(nd.standard_deviation), "p50": each(nd.median)}


def otsu(p):
    return p.f64 > skimage.filters.threshold_otsu(p.f64, nbins=256)


def linear(p, low, high, clip=True):
    made = (p.f64 - low) / (high - low)
    return made.clip(0, 1) if clip else made


def centred(p, centre, spread):
    return (p.f64 - centre) / spread


CASES = [
    *[case for which in ("dilate", "erode", "open", "close", "top_hat", "black_hat", "morphological_gradient") for case in structured(which)],
    binary("dilate", nd.binary_dilation, {}), binary("erode", nd.binary_erosion, {"border_value": 1}),
    *[Case("connected_components", {"connectivity": name, "order": "first"}, MASKS, "scikit-image label", lambda p, order=order: labelled(p, order), 0, "")
      for name, order in (("6", 1), ("26", 3))],
    Case("connected_components", {"connectivity": "26", "order": "first"}, ("blobs", "lungs", "full_mask", "empty_mask", "one_voxel_mask"),
         "connected-components-3d", lambda p: parity.cc3d.connected_components(p.array, connectivity=26, binary_image=True), 0, "", compare=parity.compare_partition),
    Case("connected_components", {"connectivity": "26", "by_label": True}, ("label_map",), "connected-components-3d",
         lambda p: parity.cc3d.connected_components(p.array, connectivity=26), 0, "", compare=parity.compare_partition),
    Case("fill_holes", {}, MASKS, "SciPy binary_fill_holes", lambda p: nd.binary_fill_holes(p.array), 0, ""),
    Case("threshold", {"lower": 10, "upper": 500}, ALL, "SimpleITK BinaryThreshold", lambda p: sitk.BinaryThreshold(p.sitk_like(p.f64), 10, 500), 0, ""),
    Case("otsu", {"bins": 256}, ("ct", "mr", "ct_slice", "odd", "anisotropic", "i16_full", "f64"), "scikit-image threshold_otsu", otsu, 0, ""),
    Case("hysteresis", {"thresholds": "value", "lower": 40, "upper": 120, "connectivity": "6"}, ("ct", "mr", "xray", "ct_slice", "odd", "odd_2d", "flat", "anisotropic"),
         "scikit-image apply_hysteresis_threshold", lambda p: skimage.filters.apply_hysteresis_threshold(p.f64, np.nextafter(40, 0), np.nextafter(120, 0)), 0, ""),
    Case("adaptive_threshold", {"radius": 5, "offset": 3, "border": "reflect"}, ("xray", "ct_slice", "odd_2d"), "scikit-image threshold_local, mean",
         lambda p: p.f64 > skimage.filters.threshold_local(p.f64, 11, "mean", offset=3), 1e-3,
         "what equals its threshold may tip", compare=compare_fraction),
    Case("adaptive_threshold", {"method": "gaussian", "sigma": 2.5, "offset": -2, "border": "reflect"}, ("xray", "ct_slice", "odd_2d"),
         "scikit-image threshold_local, gaussian", lambda p: p.f64 > skimage.filters.threshold_local(p.f64, 11, "gaussian", offset=-2, param=2.5), 1e-3,
         "means in float; what equals its threshold may tip", compare=compare_fraction),
    Case("clip", {"lower": 10, "upper": 400}, ALL, "NumPy clip", lambda p: np.clip(p.f64, 10, 400 if p.array.dtype != np.uint8 else 255), 0, ""),
    Case("gamma", {"gamma": 0.45, "gain": 0.8, "type": "f64"}, RANGED, "closed form: low + span 0.8 ((v - low) / span)^0.45",
         lambda p: p.f64.min() + 0.8 * linear(p, p.f64.min(), p.f64.max()) ** 0.45 * np.ptp(p.f64), 1e-12, "floats of the same formula", relative=True),
    Case("normalize", {"type": "f64"}, RANGED, "scikit-image rescale_intensity", lambda p: skimage.exposure.rescale_intensity(p.f64, out_range=(0.0, 1.0)), 1e-12,
         "floats of the same formula", relative=True),
    Case("normalize", {"method": "percentile", "lower": 5, "upper": 90, "type": "f64"}, RANGED, "NumPy percentile",
         lambda p: linear(p, *np.percentile(p.f64, [5, 90])), 1e-9, "floats of the same formula", relative=True),
    Case("standardize", {"type": "f64"}, RANGED, "NumPy mean, std", lambda p: centred(p, p.f64.mean(), p.f64.std()), 1e-6, "f64 is thousandths on top of a million",
         relative=True),
    Case("standardize", {"method": "median_iqr", "type": "f64"}, RANGED, "NumPy percentile",
         lambda p: centred(p, np.median(p.f64), np.subtract(*np.percentile(p.f64, [75, 25]))), 1e-6, "f64 is thousandths on top of a million", relative=True),
    Case("window", {"centre": 40, "width": 400}, ALL, "SimpleITK IntensityWindowing", lambda p: np.rint(sitk.GetArrayFromImage(
        sitk.IntensityWindowing(p.sitk_like(p.f64), -160, 240, 0, 255))), 1, "values halfway between two integers"),
    Case("crop", {"start": [2, 3], "size": [5, 4]}, ("ct", "mr", "xray", "ct_slice", "one_slice", "odd", "odd_2d", "flat", "anisotropic", "u16_full", "f64"),
         "NumPy slices", lambda p: p.array[..., 3:7, 2:7], 0, ""),
    Case("regions", {"percentiles": [50]}, ("ct", "mr", "xray", "odd", "odd_2d", "flat", "anisotropic", "u16_full", "i16_full"), "SciPy mean, standard_deviation, median …", statistics, 1e-9, ROUNDING,
         inputs=lambda p: {"image": p.image, "labels": p.labels}, compare=compare_table),
]

parity.main(__name__, CASES)
