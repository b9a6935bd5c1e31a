"""PyRadiomics' default features of a whole body in 512 x 512 x 1000 voxels fit into 4 GiB with image and mask: shown on a tenth of the slices with a tenth of that.
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
    def test_ceiling(self):
        image, mask = body(SLICES)
        ceiling = SLICES * 4 * 2**30 // 1000 - image.nbytes - mask.nbytes
        with cormack.Context(threads=2, memory=ceiling, progress=False) as context:
            table = cormack.radiomics(cormack.Image(image, (0.8, 0.8, 1)), cormack.Image(mask, (0.8, 0.8, 1)), convention="pyradiomics", label=1)
            self.assertEqual(float(table["diagnostics_Mask-original_VoxelNum"][0]), mask.sum())
            self.assertLess(context.memory_peak, ceiling)


if __name__ == "__main__":
    unittest.main()
