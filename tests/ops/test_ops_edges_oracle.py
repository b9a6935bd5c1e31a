"""Convolution, Roberts, zero crossings, hysteresis and Canny against SciPy, scikit-image and SimpleITK on the same arrays."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
try:
    import numpy as np
    import scipy.ndimage as nd
    import SimpleITK as sitk
    import skimage.feature
    import skimage.filters
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
from ops_lib import Ops

BORDERS = {"replicate": "nearest", "reflect": "reflect", "mirror": "mirror", "wrap": "wrap", "constant": "constant"}


class Edges(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()
        self.random = np.random.default_rng(12)

    def test_convolve(self):
        for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64):
            a = (self.random.random((7, 12, 15)) * 100).astype(dtype)
            for shape in ((1, 1, 3), (3, 3, 3), (1, 4, 2), (2, 1, 5), (3, 1, 1)):
                kernel = self.random.normal(size=shape).round(3)
                text = ",".join(map(repr, kernel.ravel().tolist()))
                for border, mode in BORDERS.items():
                    for name, theirs in (("false", nd.convolve), ("true", nd.correlate)):
                        ours = self.ops.apply("convolve", a, kernel=text, size=list(shape[::-1]), correlate=name, border=border, border_value=4, type="f64")
                        np.testing.assert_allclose(ours, theirs(a.astype(float), kernel, mode=mode, cval=4), atol=1e-10, err_msg=str((shape, border)))
            whole = np.clip(np.rint(nd.convolve(a.astype(float), np.full((1, 3, 3), 2.0), mode="nearest")), *((np.iinfo(dtype).min, np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else (-1e9, 1e9)))
            if np.issubdtype(dtype, np.integer):
                np.testing.assert_array_equal(self.ops.apply("convolve", a, kernel=[2] * 9, size=[3, 3]), whole)

    def test_roberts(self):
        a = self.random.normal(size=(30, 40))
        ours = self.ops.apply("roberts", a, border="reflect", type="f64")
        np.testing.assert_allclose(ours[1:-1, 1:-1], skimage.filters.roberts(a)[1:-1, 1:-1], atol=1e-12)
        z, y, x = np.meshgrid(*(np.arange(n) for n in (7, 8, 9)), indexing="ij")
        ramp = (3.0 * x - 4 * y + 12 * z)
        np.testing.assert_allclose(self.ops.apply("roberts", ramp)[:-1, :-1, :-1], 13, rtol=1e-6)
        np.testing.assert_allclose(self.ops.apply("roberts", ramp, planes="slices")[:, :-1, :-1], 5, rtol=1e-6)

    def test_zero_crossings(self):
        for shape in ((12, 20, 22), (30, 40)):
            for a in (nd.gaussian_laplace(self.random.normal(size=shape), 2), self.random.integers(-2, 3, shape).astype(np.float64)):
                theirs = sitk.GetArrayFromImage(sitk.ZeroCrossing(sitk.GetImageFromArray(a)))
                np.testing.assert_array_equal(self.ops.apply("zero_crossings", a), theirs)

    def test_hysteresis(self):
        a = nd.gaussian_filter(self.random.normal(size=(12, 30, 32)), 1.2)
        low, high = np.percentile(a, [80, 97])
        marks, _ = nd.label(a >= low, np.ones((3, 3, 3)))
        theirs = np.isin(marks, np.unique(marks[a >= high])) & (marks > 0)
        np.testing.assert_array_equal(self.ops.apply("hysteresis", a, lower=80, upper=97), theirs)
        faces = skimage.filters.apply_hysteresis_threshold(a, low, high)  # joins by faces, > for >=
        np.testing.assert_array_equal(self.ops.apply("hysteresis", a, thresholds="value", lower=low, upper=high, connectivity="6"), faces)

    def framed(self, shape):
        """Smooth noise in a flat frame, since scikit-image finds nothing at the border."""
        a = np.zeros(shape)
        inner = tuple(slice(9, -9) for _ in shape)
        a[inner] = nd.gaussian_filter(self.random.normal(size=a[inner].shape), 2) * 400
        return a

    def test_canny_2d(self):
        for sigma in (1.0, 2.0):
            a = self.framed((90, 110))
            for low, high in ((4, 16), (30, 60)):
                theirs = skimage.feature.canny(a, sigma, low, high, mode="nearest")
                ours = self.ops.apply("canny", a, sigma=sigma, thresholds="value", lower=low / 8, upper=high / 8)
                self.assertGreater(theirs.sum(), 100)
                np.testing.assert_array_equal(ours, theirs)
            stack = np.stack([a, a.T[: a.shape[0], : a.shape[0]].repeat(2, 1)[:, : a.shape[1]]])
            ours = self.ops.apply("canny", stack, sigma=sigma, slices=True)
            for k in range(2):
                low, high = np.percentile(np.stack([nd.generic_gradient_magnitude(nd.gaussian_filter(s, sigma, mode="nearest"), nd.sobel, mode="nearest") for s in stack]), [90, 95])
                theirs = skimage.feature.canny(stack[k], sigma, low, high, mode="nearest")
                np.testing.assert_array_equal(ours[k][2:-2, 2:-2], theirs[2:-2, 2:-2])

    def test_canny_3d(self):
        """By its definition, with SciPy: steepest way in mm, magnitudes by trilinear interpolation."""
        a, spacing = self.framed((34, 40, 44)), np.array([2.0, 0.8, 1.0])  # z y x
        smooth = nd.gaussian_filter(a, 1.6 / spacing, mode="nearest")
        slopes = np.stack([nd.sobel(smooth, k, mode="nearest") / 32 / spacing[k] for k in range(3)])
        magnitude = np.sqrt((slopes**2).sum(0))
        way = slopes / spacing[:, None, None, None]
        way = way / np.maximum(abs(way).max(0), 1e-300)
        at = np.indices(a.shape)
        thin = magnitude > 0
        for sign in (1, -1):
            thin &= nd.map_coordinates(magnitude, at + sign * way, order=1, mode="constant") <= magnitude
        low, high = 6.0, 14.0
        marks, _ = nd.label(thin & (magnitude >= low), np.ones((3, 3, 3)))
        theirs = np.isin(marks, np.unique(marks[thin & (magnitude >= high)])) & (marks > 0)
        ours = self.ops.apply("canny", a, spacing=tuple(spacing[::-1]), sigma=1.6, thresholds="value", lower=low, upper=high)
        self.assertGreater(theirs.sum(), 500)
        np.testing.assert_array_equal(ours, theirs)

    def test_canny_of_a_ball(self):
        """Closed form: the edge of a ball lies at its radius, in mm, whatever the spacing."""
        spacing = np.array([1.5, 0.7, 0.7])
        grid = np.indices((40, 80, 80)) * spacing[:, None, None, None]
        centre = np.array([39, 79, 79]) * spacing / 2
        r = np.sqrt(((grid - centre[:, None, None, None]) ** 2).sum(0))
        a = (1000 / (1 + np.exp((r - 18) / 0.5))).astype(np.float32)
        ours = self.ops.apply("canny", a, spacing=tuple(spacing[::-1]), sigma=1, thresholds="value", lower=20, upper=60)
        found = r[ours > 0]
        self.assertGreater(len(found), 3000)
        # half the longest way through a voxel, and sigma^2 / r that smoothing moves a curved edge; measured 0.93
        self.assertLess(abs(found - 18).max(), np.sqrt((spacing**2).sum()) / 2 + 1 / 18)


if __name__ == "__main__":
    unittest.main()
