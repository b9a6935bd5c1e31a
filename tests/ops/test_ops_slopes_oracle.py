"""Slopes, Laplacians and rank filters against SciPy, scikit-image and SimpleITK on the same arrays."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
try:
    import numpy as np
    import scipy.ndimage as nd
    import SimpleITK as sitk
    import skimage.filters
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
from ops_lib import Ops

BORDERS = {"replicate": "nearest", "reflect": "reflect", "mirror": "mirror", "wrap": "wrap", "constant": "constant"}
TYPES = (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64)


def bordered(filtered, a, border, value=0.0, pad=18):
    """What `filtered(array, mode)` gives; a constant border is padded first, since SciPy applies it anew between the axes."""
    if border != "constant":
        return filtered(a, BORDERS[border])
    wide = np.pad(a, pad, constant_values=value)
    return filtered(wide, "nearest")[(slice(pad, -pad),) * a.ndim]


class Slopes(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()
        self.random = np.random.default_rng(11)

    def images(self, shape=(9, 14, 17)):
        for dtype in TYPES:
            if np.issubdtype(dtype, np.integer):
                info = np.iinfo(dtype)
                yield self.random.integers(info.min, info.max, shape, endpoint=True).astype(dtype)
            else:
                yield self.random.normal(size=shape).astype(dtype)

    def near(self, ours, theirs, tolerance, text=""):
        scale = abs(theirs).max() or 1.0
        self.assertLess(abs(ours - theirs).max() / scale, tolerance, text)

    def test_gaussian_derivative(self):
        """SciPy samples the derivative of the continuous Gaussian, which for wide ones agrees with the discrete polynomials."""
        a = self.random.normal(size=(15, 24, 27))
        for order in ((1, 0, 0), (0, 2, 0), (1, 1, 0), (0, 0, 3), (0, 4, 0), (2, 0, 1)):
            for border in BORDERS:
                ours = self.ops.apply("gaussian_derivative", a, order=list(order[::-1]), sigma=[2.5, 2, 1.8], units="voxel", per="voxel",
                                      truncate=7, border=border, border_value=0.5, type="f64")
                theirs = bordered(lambda v, mode: nd.gaussian_filter(v, (1.8, 2, 2.5), order=order, truncate=7, mode=mode), a, border, 0.5)
                self.near(ours, theirs, 1e-7, str((order, border)))

    def test_gaussian_derivative_of_polynomials(self):
        """Closed form: x^n / n! has the n-th derivative 1, lower powers 0; per mm, whatever sigma."""
        x = np.arange(41.0) - 20
        for sigma in (0, 0.02, 0.4, 1.3, 3):
            for order in (1, 2, 3, 4):
                power = np.prod(np.arange(1, order + 1))
                a = np.tile(x**order / power + 3 * x ** (order - 1) + 5, (3, 1))
                out = self.ops.apply("gaussian_derivative", a, spacing=(0.5, 1), order=order, sigma=sigma, units="voxel", type="f64")
                inner = out[:, 13:-13]
                np.testing.assert_allclose(inner, 0.5**-order, rtol=1e-9 * 10**order, err_msg=str((sigma, order)))

    def test_laplacian(self):
        for a in self.images():
            for border, mode in BORDERS.items():
                ours = self.ops.apply("laplacian", a, per="voxel", border=border, border_value=3, type="f64")
                self.near(ours, nd.laplace(a.astype(float), mode=mode, cval=3), 1e-12, str((a.dtype, border)))
            self.near(self.ops.apply("laplacian", a, per="voxel"), nd.laplace(a.astype(float), mode="nearest"), 1e-6)
        a = self.random.normal(size=(10, 11, 12)).astype(np.float32)
        image = sitk.GetImageFromArray(a)
        image.SetSpacing((0.7, 1, 2.5))
        self.near(self.ops.apply("laplacian", a, spacing=(0.7, 1, 2.5)), sitk.GetArrayFromImage(sitk.Laplacian(image)), 1e-6)

    def test_laplacian_of_gaussian(self):
        a = self.random.normal(size=(20, 21, 22))
        for border, mode in BORDERS.items():
            ours = self.ops.apply("laplacian_of_gaussian", a, sigma=2, units="voxel", per="voxel", truncate=7, border=border, type="f64")
            self.near(ours, nd.gaussian_laplace(a, 2, truncate=7, mode=mode), 1e-6, border)
        ours = self.ops.apply("laplacian_of_gaussian", a, spacing=(0.5, 0.5, 0.5), sigma=1, normalize=True, truncate=7, type="f64")
        self.near(ours, 4 * nd.gaussian_laplace(a, 2, truncate=7, mode="nearest"), 1e-6)

    def test_sobel_and_prewitt(self):
        for name, theirs in (("sobel", nd.sobel), ("prewitt", nd.prewitt)):
            for a in self.images():
                for border in BORDERS:
                    parts = [bordered(lambda v, mode: theirs(v, axis, mode=mode), a.astype(float), border, 2, 3) for axis in (2, 1, 0)]
                    settings = dict(weights="raw", per="voxel", border=border, border_value=2, type="f64")
                    for axis, part in zip("xyz", parts):
                        self.near(self.ops.apply(name, a, output=axis, **settings), part, 1e-12, str((name, a.dtype, border)))
                    self.near(self.ops.apply(name, a, **settings), np.sqrt(sum(p**2 for p in parts)), 1e-12)
                self.near(self.ops.apply(name, a, weights="raw", per="voxel"), np.sqrt(sum(theirs(a.astype(float), k, mode="nearest") ** 2 for k in range(3))), 1e-6)

    def test_edge_magnitudes(self):
        """scikit-image does not halve the difference and divides the magnitude by the root of the number of axes."""
        for shape in ((30, 40), (9, 20, 22)):
            a = self.random.normal(size=shape)
            for name in ("sobel", "prewitt", "scharr"):
                ours = self.ops.apply(name, a, border="reflect", type="f64")
                theirs = getattr(skimage.filters, name)(a) * np.sqrt(len(shape)) / 2
                inner = (slice(1, -1),) * len(shape)
                self.near(ours[inner], theirs[inner], 1e-12, name)

    def test_ramps_in_mm(self):
        z, y, x = np.meshgrid(*(np.arange(n) for n in (7, 8, 9)), indexing="ij")
        a = (3 * x * 0.5 - 4 * y * 2 + 12 * z * 1.5).astype(np.float64)  # 3, -4, 12 per mm: 13
        for name in ("sobel", "prewitt", "scharr", "gradient_magnitude"):
            ours = self.ops.apply(name, a, spacing=(0.5, 2, 1.5), type="f64")
            np.testing.assert_allclose(ours[1:-1, 1:-1, 1:-1], 13, rtol=1e-12)

    def test_mask_and_nan(self):
        a = self.random.normal(size=(12, 13)).astype(np.float32)
        a[5, 6] = np.nan
        mask = np.zeros(a.shape, np.uint8)
        mask[:, :7] = 1
        for name in ("sobel", "laplacian", "gaussian_derivative", "laplacian_of_gaussian"):
            whole, part = self.ops.apply(name, a), self.ops.apply(name, a, mask)
            np.testing.assert_array_equal(part[:, :7], whole[:, :7])
            self.assertTrue((part[:, 7:] == 0).all())
            self.assertTrue(np.isnan(whole[5, 7]))
            self.assertFalse(np.isnan(whole[0, 0]))

    def test_rank(self):
        for a in self.images((9, 21, 33)):
            for radius in ([1, 1, 0], [1, 1, 1], [3, 0, 2]):
                size = [2 * r + 1 for r in radius[::-1]]
                for percentile in (0, 10, 33, 50, 90, 100):
                    for border in ("replicate", "mirror"):
                        theirs = nd.percentile_filter(a, percentile, size=size, mode=BORDERS[border])
                        ours = self.ops.apply("rank", a, radius=radius, percentile=percentile, border=border)
                        np.testing.assert_array_equal(ours, theirs, str((a.dtype, radius, percentile)))


if __name__ == "__main__":
    unittest.main()
