"""Measures of one image against another, of regions and of lines."""
import surface_distance
from bench_ops import Case, np, sitk
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


CASES = [
    Case("segmentation_metrics", {}, "ct_mask", {"MedPy assd": lambda i: medpy.assd(moved(i) > 0, i.array > 0, spacing(i))}, both),
    Case("segmentation_metrics", {"surface": "surfel"}, "ct_mask", {
        "surface-distance": lambda i: surface_distance.compute_surface_distances(i.array > 0, moved(i) > 0, spacing(i))}, both),
    Case("segmentation_metrics", {"surface": "set"}, "ct_mask", {"SimpleITK": far_itk}, both),
    Case("segmentation_metrics", {"distances": False}, "ct_mask", {"SimpleITK": overlap_itk}, both),
]
