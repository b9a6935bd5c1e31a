"""Measures of one image against another, of regions and of lines."""
import skimage.measure
import skimage.metrics
import surface_distance
from bench_ops import Case, cv2, np, sitk
from medpy.metric import binary as medpy


def moved(i):
    return i.kept("moved", lambda: np.roll(i.array, (2, 1), (0, 2)))


def both(i):
    return i.kept("both", lambda: {"truth": i.image, "prediction": i.like(moved(i))})


def spacing(i):
    return i.spacing[::-1]


def as_sitk(i, array):
    made = sitk.GetImageFromArray(array)
    made.CopyInformation(i.sitk)
    return made


def moved_itk(i):
    return i.kept("moved_itk", lambda: as_sitk(i, moved(i)))


def overlap_itk(i):
    sitk.LabelOverlapMeasuresImageFilter().Execute(moved_itk(i), i.sitk)


def far_itk(i):
    overlap_itk(i)
    sitk.HausdorffDistanceImageFilter().Execute(moved_itk(i), i.sitk)


def noisy(i):
    """Another image of the same: what a filter would make of it."""
    return i.kept("noisy", lambda: np.roll(i.array, 1, -1))


def pair(i):
    return i.kept("pair", lambda: {"image": i.like(noisy(i)), "reference": i.image})


def labelled(i):
    return i.kept("labelled", lambda: {"image": i.image, "regions": i.like(np.digitize(i.array, (-500, 0, 500)).astype(np.uint8))})


def deviations(i, regions=(1, 2, 3)):
    labels = labelled(i)["regions"].array
    for k in regions:
        inside = i.array[labels == k]
        inside.mean(), inside.std(ddof=1)


CASES = [
    Case("segmentation_metrics", {}, "ct_part_mask", {"MedPy assd": lambda i: medpy.assd(moved(i) > 0, i.array > 0, spacing(i))}, both),
    Case("segmentation_metrics", {"surface": "surfel"}, "ct_part_mask", {
        "surface-distance": lambda i: surface_distance.compute_surface_distances(i.array > 0, moved(i) > 0, spacing(i))}, both),
    Case("segmentation_metrics", {"surface": "set"}, "ct_part_mask", {"SimpleITK": far_itk}, both),
    Case("segmentation_metrics", {"distances": False}, "ct_mask", {"SimpleITK": overlap_itk}, both),
    Case("psnr", {}, "ct", {"scikit-image": lambda i: skimage.metrics.peak_signal_noise_ratio(i.array, noisy(i), data_range=4095)}, pair),
    *[Case("psnr", {}, name, {"OpenCV": lambda i, top=top: cv2.PSNR(i.array, noisy(i), top)}, pair,
           note="memory; the mean and the largest difference and both ranges as well; a table comes back") for name, top in (("xray8", 255), ("xray", 65535), ("xrayf", 65535))],
    Case("ssim", {"range": "fixed", "data_range": 4095.0}, "ct_part", {"scikit-image": lambda i: skimage.metrics.structural_similarity(
        i.array, noisy(i), gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=4095)}, pair),
    Case("ssim", {"window": "uniform", "sample_covariance": True, "range": "fixed", "data_range": 65535.0}, "xray", {
        "scikit-image": lambda i: skimage.metrics.structural_similarity(i.array, noisy(i), data_range=65535)}, pair),
    Case("mutual_information", {}, "ct", {"scikit-image": lambda i: skimage.metrics.normalized_mutual_information(i.array, noisy(i))}, pair),
    Case("histogram", {}, "ct", {"NumPy histogram": lambda i: np.histogram(i.array, 256), "scikit-image": lambda i: skimage.exposure.histogram(i.array, 256)}),
    Case("histogram", {}, "xray8", {"NumPy bincount": lambda i: np.bincount(i.array.ravel()), "OpenCV calcHist": lambda i: cv2.calcHist([i.array], [0], None, [256], [0, 256])},
         note="a count in memory for each voxel"),
    *[Case("histogram", {}, name, {"OpenCV calcHist": lambda i: cv2.calcHist([i.array], [0], None, [256], [0, 65536])},
           note="the range is found first; bins in f64, their edges exactly") for name in ("xray", "xrayf")],
    Case("histogram", {}, "mr", {"NumPy histogram": lambda i: np.histogram(i.array, 256)}),
    Case("snr", {"method": "background"}, "ct", {"NumPy": deviations}, labelled),
    Case("cnr", {"a": 1, "b": 2}, "ct", {"NumPy": lambda i: deviations(i, (1, 2))}, labelled),
    Case("line_profile", {"start": (50, 60), "end": (900, 800), "width": 9}, "xray", {
        "scikit-image": lambda i: skimage.measure.profile_line(i.array, (60, 50), (800, 900), 9, 1, mode="nearest")}),
]
