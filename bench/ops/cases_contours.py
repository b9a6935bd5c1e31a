"""Active contours."""
from bench_ops import Case, np, sitk
from skimage.segmentation import chan_vese, inverse_gaussian_gradient, morphological_chan_vese, morphological_geodesic_active_contour


def middle(i):
    """A box in the middle, from which contours start."""
    def make():
        made = np.zeros(i.array.shape, np.uint8)
        made[tuple(slice(n // 4, n - n // 4) for n in made.shape)] = 1
        return made
    return i.kept("middle", make)


def level_set(i):
    return i.kept("level set", lambda: sitk.Cast(sitk.GetImageFromArray(middle(i)), sitk.sitkFloat32) * 2 - 1)


def started(i):
    return {"image": i.image, "start": i.kept("start", lambda: i.like(middle(i)))}


def dense(i):
    """ITK has no checkerboard, and its image and level set must have one type."""
    return sitk.ScalarChanAndVeseDenseLevelSet(level_set(i), i.kept("plain", lambda: sitk.GetImageFromArray(i.f32)), maximumRMSError=0.0, numberOfIterations=10)


CASES = [
    *[Case("inverse_gaussian_gradient", {}, name, {"scikit-image": lambda i: inverse_gaussian_gradient(i.f32)}) for name in ("mr", "xray")],
    Case("chan_vese", {"iterations": 10, "tol": 0}, "ct_part", {"SimpleITK ScalarChanAndVeseDense": dense}, started, flops=80, must=4),
    Case("chan_vese", {"iterations": 10, "tol": 0}, "ct", {}, started, flops=80),
    Case("chan_vese", {"iterations": 10, "tol": 0}, "xrayf_part", {"scikit-image": lambda i: chan_vese(i.array, max_num_iter=10, tol=0)}, flops=60),
    Case("morphological_chan_vese", {"iterations": 10}, "ct_part", {"scikit-image": lambda i: morphological_chan_vese(i.array, 10, middle(i))}, started),
    Case("morphological_chan_vese", {"iterations": 10}, "xray_part", {"scikit-image": lambda i: morphological_chan_vese(i.array, 10)}),
    Case("geodesic_active_contour", {"iterations": 10, "balloon": -1}, "mr_part",
         {"scikit-image": lambda i: morphological_geodesic_active_contour(i.array, 10, middle(i), 1, "auto", -1)}, started),
]
