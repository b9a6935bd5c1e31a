"""Values: ranges, histograms, gaps, bias fields."""
import skimage.exposure
from bench_ops import Case, cv2, np, sitk

FLAT = ("xray8", "xray", "xrayf")
PERCENTILES = [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99]
GAPS = [10, 11, 25, 30, 31, 32, 50]


def n4_itk(i):
    """As ITK's users do it: fitted to every fourth voxel, taken out of all."""
    small, mask = sitk.Shrink(i.sitk, [4] * 3), sitk.Shrink(i.of("mr_mask").sitk, [4] * 3)
    correct = sitk.N4BiasFieldCorrectionImageFilter()
    correct.Execute(small, mask)
    return i.sitk / sitk.Exp(correct.GetLogBiasFieldAsImage(i.sitk))


def n4_itk_part(i):
    return sitk.N4BiasFieldCorrection(i.sitk, i.of("mr_part_mask").sitk, 0.0, [2])


def percentiles(i):
    low, high = np.percentile(i.array, [1, 99])
    return ((i.array.clip(low, high) - np.float32(low)) / np.float32(high - low)).astype(np.float32)


def other(i):
    return i.kept("other", lambda: np.ascontiguousarray((i.array[::-1] // 2 if i.array.dtype.kind in "iu" else i.array[::-1] * 0.5).astype(i.array.dtype)))


def both(i):
    return {"image": i.image, "reference": i.kept("other_image", lambda: i.like(other(i)))}


def matched_itk(i):
    match = sitk.HistogramMatchingImageFilter()
    match.SetNumberOfHistogramLevels(1024)
    match.SetNumberOfMatchPoints(7)
    match.ThresholdAtMeanIntensityOn()
    return match.Execute(i.sitk, i.kept("sitk_other", lambda: sitk.GetImageFromArray(other(i))))


def nyul_numpy(i):
    at = np.percentile(i.array, PERCENTILES)
    return np.interp(i.array, at, np.linspace(0, 100, 11)).astype(np.float32)


def filled_numpy(i):
    """Along z, between the nearest known slices."""
    made, known = i.array.copy(), [z for z in range(len(i.array)) if z not in GAPS]
    for z in GAPS:
        below, above = max(k for k in known if k < z), min(k for k in known if k > z)
        t = np.float32((z - below) / (above - below))
        made[z] = np.rint(made[below] * (1 - t) + made[above] * t)
    return made


def ranged(i):
    """To 0..1, as NumPy's users write it."""
    low, high = i.array.min(), i.array.max()
    return (i.array - np.float32(low)) * np.float32(1 / (float(high) - float(low)))


def windowed(i):
    made = i.array.astype(np.float32)
    made -= 10000
    made *= np.float32(255 / 40000)
    return np.clip(made, 0, 255, out=made).astype(np.uint8)


def scored(i):
    mean, deviation = cv2.meanStdDev(i.array)
    return (i.array - np.float32(mean[0, 0])) * np.float32(1 / deviation[0, 0])


def table(i):
    """A table of all values by NumPy, for those that OpenCV has no table for."""
    values = np.arange(65536, dtype=np.float64)
    return np.take(np.rint((values / 65535) ** 0.5 * 65535).astype(np.uint16), i.array)


def gaps_of(i):
    """Every hundredth voxel missing, at random, as NaN."""
    def make():
        array = i.f32.copy()
        array[np.random.default_rng(1).random(array.shape, np.float32) < 0.01] = np.nan
        return array
    return i.kept("gaps", make)


def rows_filled(i):
    array = gaps_of(i).copy()
    at = np.arange(array.shape[1])
    for row in array:
        gone = np.isnan(row)
        row[gone] = np.interp(at[gone], at[~gone], row[~gone])
    return array


FLAT = ("xray8", "xray", "xrayf")
IN_F64 = "rounded as f64 would: 16 bits checked against a table, reals again near halves; OpenCV multiplies in f32"
CASES = [
    Case("n4", {}, "mr", {"SimpleITK": n4_itk}, lambda i: {"image": i.image, "mask": i.of("mr_mask").image}, must=4),
    Case("n4", {"shrink": 1, "iterations": 2, "convergence": 0}, "mr_part", {"SimpleITK": n4_itk_part},
         lambda i: {"image": i.image, "mask": i.of("mr_part_mask").image}, must=4),
    Case("normalize", {}, "ct", {"SimpleITK": lambda i: sitk.RescaleIntensity(sitk.Cast(i.sitk, sitk.sitkFloat32), 0, 1),
                                 "scikit-image": lambda i: skimage.exposure.rescale_intensity(i.array, out_range=(0.0, 1.0)), "NumPy": ranged}),
    *[Case("normalize", {}, name, {
        "OpenCV": lambda i: cv2.normalize(i.array, None, 0, 1, cv2.NORM_MINMAX, cv2.CV_32F), "NumPy": ranged}, note=IN_F64) for name in FLAT],
    Case("normalize", {"method": "percentile"}, "ct", {"NumPy": percentiles}),
    Case("standardize", {}, "ct", {"SimpleITK": lambda i: sitk.Normalize(i.sitk), "NumPy": lambda i: (i.f32 - i.f32.mean()) / i.f32.std()}),
    *[Case("standardize", {}, name, {"OpenCV": scored}) for name in FLAT],
    Case("standardize", {"method": "median_iqr"}, "mr", {
        "NumPy": lambda i: (i.array - np.median(i.array)) / np.subtract(*np.percentile(i.array, [75, 25])).astype(np.float32)}),
    Case("window", {"preset": "lung"}, "ct", {"SimpleITK": lambda i: sitk.Cast(sitk.IntensityWindowing(i.sitk, -1350, 150), sitk.sitkUInt8)}),
    Case("window", {"preset": "lung"}, "ct", {"OpenCV": lambda i: cv2.convertScaleAbs(i.array.reshape(-1, 512), alpha=255 / 1500, beta=229.5)}, about="OpenCV: of absolute values"),
    *[Case("window", {"centre": 30000, "width": 40000}, name, {"OpenCV": lambda i: cv2.convertScaleAbs(i.array, alpha=255 / 40000, beta=-63.75), "NumPy": windowed}, note=IN_F64)
      for name in ("xray", "xrayf")],
    *[Case("clip", {"lower": 50 * k, "upper": 200 * k}, name, {
        "OpenCV": lambda i, k=k: cv2.min(cv2.max(i.array, 50 * k), 200 * k), "NumPy": lambda i, k=k: np.clip(i.array, i.array.dtype.type(50 * k), i.array.dtype.type(200 * k))})
      for k, name in ((1, "xray8"), (257, "xray"), (257, "xrayf"))],
    Case("clip", {"lower": -100, "upper": 300}, "ct", {
        "SimpleITK": lambda i: sitk.Clamp(i.sitk, sitk.sitkInt16, -100, 300), "NumPy": lambda i: np.clip(i.array, -100, 300)}),
    *[Case("window", {"centre": c, "width": w}, name, {"OpenCV": lambda i, c=c, w=w: cv2.convertScaleAbs(i.array, alpha=255 / w, beta=127.5 - 255 * c / w)}, note=IN_F64)
      for name, c, w in (("xray8", 100, 100),)],
    Case("gamma", {"gamma": 0.5}, "mr", {"scikit-image": lambda i: skimage.exposure.adjust_gamma(i.array, 0.5)}),
    Case("gamma", {"gamma": 0.5, "range": [0, 255]}, "xray8", {
        "OpenCV": lambda i: cv2.LUT(i.array, np.rint((np.arange(256) / 255) ** 0.5 * 255).astype(np.uint8)),
        "scikit-image": lambda i: skimage.exposure.adjust_gamma(i.array, 0.5)}),
    Case("rescale", {"type": "u8", "in_range": [-1350, 150], "beyond": "clamp"}, "ct", {
        "SimpleITK": lambda i: sitk.Cast(sitk.IntensityWindowing(i.sitk, -1350, 150), sitk.sitkUInt8)}),
    Case("gamma", {"gamma": 0.5, "range": [0, 65535]}, "xray", {"NumPy": table}),
    Case("gamma", {"gamma": 0.5, "range": [0, 65535]}, "xrayf", {"OpenCV": lambda i: cv2.pow(i.array * np.float32(1 / 65535), 0.5) * np.float32(65535)}),
    Case("rescale", {"type": "u8"}, "xray", {"OpenCV": lambda i: cv2.convertScaleAbs(i.array, alpha=1 / 257), "NumPy": lambda i: (i.array // 257).astype(np.uint8)}),
    Case("rescale", {"type": "u16"}, "xray8", {"NumPy": lambda i: i.array * np.uint16(257)}),
    Case("rescale", {"type": "f32"}, "xray", {"NumPy": lambda i: i.array * np.float32(1 / 65535)}),
    Case("rescale", {"type": "f32"}, "xray8", {"NumPy": lambda i: i.array * np.float32(1 / 255)}),
    Case("rescale", {"type": "u8", "in_range": [0, 65535], "beyond": "clamp"}, "xrayf", {"OpenCV": lambda i: cv2.convertScaleAbs(i.array, alpha=1 / 257)}),
    Case("equalize", {"method": "levels"}, "xray8", {"OpenCV": lambda i: cv2.equalizeHist(i.array)}),
    Case("equalize", {}, "xray", {"scikit-image": lambda i: skimage.exposure.equalize_hist(i.array)}),
    Case("match_histogram", {}, "xray", {"scikit-image": lambda i: skimage.exposure.match_histograms(i.array, other(i))}, both),
    Case("match_histogram", {}, "mr", {"scikit-image": lambda i: skimage.exposure.match_histograms(i.array, other(i))}, both),
    Case("match_histogram", {"method": "quantiles"}, "mr", {"SimpleITK": matched_itk}, both),
    Case("nyul_landmarks", {}, "mr", {"NumPy": lambda i: np.percentile(i.array, PERCENTILES)}),
    Case("nyul", {"scale": np.linspace(0, 100, 11).tolist()}, "mr", {"NumPy": nyul_numpy}),
    Case("impute", {"along": "x"}, "xray", {"NumPy": rows_filled}, lambda i: {"image": i.kept("our_gaps", lambda: i.like(gaps_of(i)))}, about="a hundredth NaN"),
    Case("impute", {"along": "z"}, "mr", {}, lambda i: {"image": i.kept("our_gaps", lambda: i.like(gaps_of(i)))}, about="a hundredth NaN"),
    Case("impute", {"slices": GAPS, "along": "z"}, "ct", {"NumPy": filled_numpy}),
]
