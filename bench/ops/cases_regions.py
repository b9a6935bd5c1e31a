"""Components, thresholds and what is measured in labels."""
import skimage.measure
from bench_ops import Case, cc3d, cv2, nd, np, sitk, skimage


def statistics(i):
    measure = sitk.LabelIntensityStatisticsImageFilter()
    measure.SetNumberOfBins(256)
    return measure.Execute(plain(i, i.name), plain(i, i.name))


def plain(i, name):
    return i.kept("sitk " + name, lambda: sitk.GetImageFromArray(i.of(name).array))


def by_itk(i):
    measure = sitk.LabelStatisticsImageFilter()
    return measure.Execute(plain(i, "ct"), plain(i, "ct_mask"))


def shapes(i):
    measure = sitk.LabelShapeStatisticsImageFilter()
    return measure.Execute(i.sitk)


NOTES = {"threshold": "memory; the range may be open at either end and NaN is outside, where OpenCV compares once"}
CASES = [
    Case("connected_components", {"connectivity": 26}, "binary512", {
        "connected-components-3d": lambda i: cc3d.connected_components(i.array, connectivity=26, binary_image=True)}, must=1),
    Case("connected_components", {"connectivity": 6}, "binary512", {
        "connected-components-3d": lambda i: cc3d.connected_components(i.array, connectivity=6, binary_image=True)}, must=1),
    Case("connected_components", {"by_label": True, "connectivity": 26}, "labels512", {
        "connected-components-3d": lambda i: cc3d.connected_components(i.array, connectivity=26)}, must=1),
    Case("connected_components", {"connectivity": 8}, "xray_mask", {"OpenCV": lambda i: cv2.connectedComponents(i.array, connectivity=8)}),
    Case("fill_holes", {}, "ct_mask", {"SimpleITK": lambda i: sitk.BinaryFillhole(i.sitk), "SciPy": lambda i: nd.binary_fill_holes(i.array)}),
    Case("threshold", {"lower": -400}, "ct", {"SimpleITK": lambda i: sitk.BinaryThreshold(i.sitk, -400, 32767), "NumPy": lambda i: i.array >= -400}),
    *[Case("threshold", {"lower": low}, name, {"OpenCV": lambda i, low=low: cv2.threshold(i.array, low - 1, 1, cv2.THRESH_BINARY)})
      for name, low in (("xray8", 100), ("xray", 25600), ("xrayf", 25600))],
    Case("otsu", {}, "ct", {"SimpleITK": lambda i: sitk.OtsuThreshold(i.sitk), "scikit-image": lambda i: i.array > skimage.filters.threshold_otsu(i.array)}),
    Case("otsu", {"classes": 4}, "mr", {"SimpleITK": lambda i: sitk.OtsuMultipleThresholds(i.sitk, 3),
                                        "scikit-image": lambda i: skimage.filters.threshold_multiotsu(i.array, 4)}),
    Case("regions", {"percentiles": []}, "ct", {"SimpleITK": by_itk}, lambda i: {"image": i.image, "labels": i.of("ct_mask").image}),
    Case("regions", {"percentiles": []}, "labels_part", {
        "SciPy": lambda i: [measure(i.array, i.array, np.unique(i.array)) for measure in (nd.mean, nd.variance, nd.minimum, nd.maximum)]},
        lambda i: {"image": i.image, "labels": i.image}),
    Case("regions", {}, "labels_part", {"SimpleITK": statistics}, lambda i: {"image": i.image, "labels": i.image}),
    Case("shape", {}, "labels_part", {"SimpleITK, no surface": shapes}),
    Case("first_order", {}, "ct", {}, lambda i: {"image": i.image, "labels": i.of("ct_mask").image}),
]
