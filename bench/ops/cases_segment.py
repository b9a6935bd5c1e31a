"""Superpixels."""
from bench_ops import Case, np, sitk
from skimage.segmentation import slic


def itk_slic(i):
    return sitk.SLIC(i.sitk, [24] * 3, 30.0, 10, False, False)


CASES = [
    Case("slic", {"size": 24, "units": "voxel", "compactness": 30, "normalize": "none", "enforce_connectivity": False}, "ct", {"SimpleITK": itk_slic}, flops=80),
]
