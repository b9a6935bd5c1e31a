"""Top-hats, local thresholds and gamma against SciPy and scikit-image on the same arrays."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
try:
    import numpy as np
    import scipy.ndimage as nd
    import skimage.exposure
    import skimage.filters
    import skimage.morphology
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
from ops_lib import Ops

BORDERS = {"replicate": "nearest", "reflect": "reflect", "mirror": "mirror", "wrap": "wrap", "constant": "constant"}


class Contrast(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()
        self.random = np.random.default_rng(13)

    def test_morphological_differences(self):
        for dtype in (np.uint8, np.int16, np.uint16, np.float32, np.float64):
            a = (self.random.random((9, 17, 19)) * 100).astype(dtype)
            ball = skimage.morphology.ball(2)
            low, high = (np.iinfo(dtype).min, np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else (-np.inf, np.inf)
            dilated = nd.grey_dilation(a, footprint=ball, mode="constant", cval=low)
            eroded = nd.grey_erosion(a, footprint=ball, mode="constant", cval=high)
            opened = nd.grey_dilation(eroded, footprint=ball, mode="constant", cval=low)
            closed = nd.grey_erosion(dilated, footprint=ball, mode="constant", cval=high)
            mask = np.zeros(a.shape, np.uint8)
            mask[:, 5:] = 1
            for name, theirs in (("top_hat", a - opened), ("black_hat", closed - a), ("morphological_gradient", dilated - eroded)):
                np.testing.assert_array_equal(self.ops.apply(name, a, radius=2), theirs, str((name, dtype)))
                np.testing.assert_array_equal(self.ops.apply(name, a, mask, radius=2), theirs * mask)
        extreme = np.array([[-32768, 32767, -32768]], np.int16)
        self.assertEqual(self.ops.apply("morphological_gradient", extreme).max(), 32767)  # clamped
        self.assertEqual(self.ops.apply("morphological_gradient", extreme, type="f32").max(), 65535)
        binary = (self.random.random((9, 17, 19)) < 0.5) * np.uint8(7)
        opened = nd.binary_opening(np.pad(binary, 6, constant_values=1), skimage.morphology.ball(1))[6:-6, 6:-6, 6:-6]
        ours = self.ops.apply("top_hat", binary, radius=1, mode="binary")
        np.testing.assert_array_equal(ours[2:-2, 2:-2, 2:-2], ((binary > 0) & ~opened)[2:-2, 2:-2, 2:-2])

    def test_adaptive_threshold(self):
        for dtype in (np.uint8, np.int16, np.uint32, np.float32):
            a = (self.random.random((40, 50)) * 200).astype(dtype)
            for border, mode in BORDERS.items():
                local = skimage.filters.threshold_local(a, 11, "mean", offset=3, mode=mode, cval=9)
                ours = self.ops.apply("adaptive_threshold", a, radius=5, offset=3, border=border, border_value=9)
                self.assertLess((ours != (a > local)).sum(), 2 if dtype == np.float32 else 1)
                local = skimage.filters.threshold_local(a, 11, "gaussian", offset=-2, mode=mode, cval=9, param=2.5)
                ours = self.ops.apply("adaptive_threshold", a, method="gaussian", sigma=2.5, offset=-2, border=border, border_value=9, select="dark")
                np.testing.assert_array_equal(ours, a <= local)
        volume = (self.random.random((9, 20, 22)) * 1000).astype(np.int16)
        mean = nd.convolve(volume.astype(float), np.ones((3, 5, 5)), mode="nearest") / 75
        mask = (volume % 3 > 0).astype(np.uint8)
        ours = self.ops.apply("adaptive_threshold", volume, mask, spacing=(1, 1, 2), radius=2, units="mm", factor=1.25, foreground=3)
        np.testing.assert_array_equal(ours, 3 * ((volume > 1.25 * mean) & (mask > 0)))

    def test_gamma(self):
        for dtype in (np.uint8, np.uint16):
            a = self.random.integers(0, np.iinfo(dtype).max, (6, 12, 13), endpoint=True).astype(dtype)
            for gamma in (0.45, 1, 2.2):
                theirs = skimage.exposure.adjust_gamma(a.astype(float) / np.iinfo(dtype).max, gamma, 0.8) * np.iinfo(dtype).max
                ours = self.ops.apply("gamma", a, gamma=gamma, gain=0.8, range=[0, np.iinfo(dtype).max], type="f64")
                np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-9)
                np.testing.assert_array_equal(self.ops.apply("gamma", a, gamma=gamma, gain=0.8, range=[0, np.iinfo(dtype).max]), np.rint(theirs))
        a = self.random.normal(size=(4, 9, 10))
        low, span = a.min((1, 2), keepdims=True), np.ptp(a, (1, 2), keepdims=True)
        ours = self.ops.apply("gamma", a, gamma=0.5, per="slice")
        np.testing.assert_allclose(ours, low + np.sqrt((a - low) / span) * span, atol=1e-12)
        mask = (a > -0.5).astype(np.uint8)
        low, span = a[mask > 0].min(), np.ptp(a[mask > 0])
        ours = self.ops.apply("gamma", a, mask, gamma=3)
        np.testing.assert_allclose(ours, np.where(mask > 0, low + ((a - low) / span) ** 3 * span, a), atol=1e-12)
        with self.assertRaisesRegex(Exception, "too far apart"):
            self.ops.apply("gamma", np.array([[1e308, -1e308]]))


if __name__ == "__main__":
    unittest.main()
