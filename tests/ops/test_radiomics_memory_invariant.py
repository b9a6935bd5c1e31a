"""The features of a whole body, by both books, in 512 x 512 x 1000 voxels fit into 4 GiB with image and mask: shown on 60 slices with 6 % of that.
`bench/bench_radiomics.py memory` takes them all."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import package  # noqa: E402,F401  (finds the build, or skips)

import cormack  # noqa: E402
from bodies import body  # noqa: E402

SLICES = 60


class Memory(unittest.TestCase):
    def measured(self, **parameters):
        image, mask = body(SLICES)
        ceiling = SLICES * 4 * 2**30 // 1000 - image.nbytes - mask.nbytes
        with cormack.Context(threads=2, memory=ceiling, progress=False) as context:
            table = cormack.radiomics(cormack.Image(image, (0.8, 0.8, 1)), cormack.Image(mask, (0.8, 0.8, 1)), label=1, **parameters)
            self.assertLess(context.memory_peak, ceiling)
        return table, image[mask > 0]

    def test_pyradiomics(self):
        table, inside = self.measured(convention="pyradiomics")
        self.assertEqual(float(table["diagnostics_Mask-original_VoxelNum"][0]), inside.size)

    def test_ibsi(self):
        table, inside = self.measured(aggregation="both")
        self.assertAlmostEqual(float(table["stat_mean"][0]), inside.mean(), 9)
        self.assertAlmostEqual(float(table["morph_geary_c"][0]), 1, 3)  # of noise, as if there were no neighbours
        self.assertAlmostEqual(float(table["morph_moran_i"][0]), -1 / (inside.size - 1), 5)


if __name__ == "__main__":
    unittest.main()
