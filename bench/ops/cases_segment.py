"""Superpixels and thresholds."""
from bench_ops import Case, sitk
from skimage import filters
from skimage.segmentation import slic


def itk_slic(i):
    return sitk.SLIC(i.sitk, [24] * 3, 30.0, 10, False, False)



def cut(find):
    return lambda i: i.array > find(i.array)


CASES = [
    Case("slic", {"size": 24, "units": "voxel", "compactness": 30, "normalize": "none", "enforce_connectivity": False}, "ct", {"SimpleITK": itk_slic}, flops=80),
    *[Case(op, {"bins": 0}, "ct", {"scikit-image": cut(getattr(filters, "threshold_" + op)), "SimpleITK": lambda i, itk=itk: itk(i.sitk, 0, 1, 256)})
      for op, itk in (("triangle", sitk.TriangleThreshold), ("yen", sitk.YenThreshold), ("isodata", sitk.IsoDataThreshold))],
    Case("minimum_threshold", {}, "xray8", {"scikit-image": cut(filters.threshold_minimum)}),
    Case("li", {"tolerance": 0.5}, "ct", {"scikit-image": cut(filters.threshold_li), "SimpleITK": lambda i: sitk.LiThreshold(i.sitk, 0, 1, 256)}),
    Case("li", {}, "mr", {"SimpleITK": lambda i: sitk.LiThreshold(i.sitk, 0, 1, 256)}),
]
