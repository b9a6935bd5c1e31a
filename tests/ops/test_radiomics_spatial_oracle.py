"""Moran's I and Geary's C against the sum over all pairs of voxels (IBSI manual 3.1.28, 3.1.29), also where the region is so large that its
frequencies are taken in parts."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import package  # noqa: E402,F401  (finds the build, or skips)

import cormack  # noqa: E402
import numpy as np  # noqa: E402
from scipy.spatial.distance import pdist, squareform  # noqa: E402


def by_pairs(image, mask, spacing):
    value, place = image[mask > 0].astype(float), np.argwhere(mask > 0) * np.array(spacing[::-1])
    weight = squareform(1 / pdist(place))
    away, n = value - value.mean(), value.size
    moran = n / weight.sum() * (away @ weight @ away) / (away @ away)
    geary = (n - 1) / (2 * weight.sum()) * (weight * (value[:, None] - value) ** 2).sum() / (away @ away)
    return moran, geary


class Spatial(unittest.TestCase):
    def check(self, image, mask, spacing):
        table = cormack.radiomics(cormack.Image(image, spacing), cormack.Image(mask, spacing))
        for name, expected in zip(("morph_moran_i", "morph_geary_c"), by_pairs(image, mask, spacing)):
            self.assertAlmostEqual(float(table[name][0]) / expected, 1, 10, name)

    def test_small(self):
        rng = np.random.default_rng(1)
        for shape in [(1, 9, 7), (6, 1, 1), (5, 8, 3), (1, 1, 2), (11, 12, 13)]:
            image = np.cumsum(rng.normal(0, 50, shape), 0).astype(np.int16) + np.arange(shape[2], dtype=np.int16) * 9
            mask = (rng.random(shape) < 0.8).astype(np.uint8)
            mask.flat[0] = mask.flat[-1] = 1
            with self.subTest(shape=shape):
                self.check(image, mask, (0.7, 1.1, 2.5))

    def test_parts(self):
        rng = np.random.default_rng(2)
        for slices in (20, 33):
            mask, image = np.zeros((slices, 300, 310), np.uint8), np.zeros((slices, 300, 310), np.float32)
            places = [rng.integers(0, n, 900) for n in mask.shape]
            mask[tuple(places)] = mask[0, 0, 0] = mask[-1, -1, -1] = 1
            image[...] = rng.normal(0, 40, image.shape) + np.arange(310) * 0.4
            with self.subTest(slices=slices):
                self.check(image, mask, (0.8, 0.9, 3))


if __name__ == "__main__":
    unittest.main()
