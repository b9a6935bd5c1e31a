"""What radiomics_map refuses, and what holds whatever is measured."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from ops_lib import Ops

import cormack
import numpy as np


def case(shape=(4, 9, 10), seed=3):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, "u1")
    mask[tuple(slice(1, -1) if n > 2 else slice(None) for n in shape)] = 1
    return rng.integers(0, 300, shape).astype("i2"), mask


def run(image, mask, threads=2, **params):
    ops = Ops(threads)
    spacing = params.pop("spacing", (1, 1, 1))
    return ops, *ops.run("radiomics_map", [ops.image(image, spacing), ops.image(mask, spacing)], **params)


class Mechanics(unittest.TestCase):
    def test_threads(self):
        image, mask = case((6, 40, 50))
        image[2, 5, 6:30] = 100
        bits = {run(image, mask, threads, kernelRadius=radius, weightingNorm=norm)[1].array.tobytes() for threads in (1, 2, 5) for radius, norm in [(1, "none")]}
        self.assertEqual(len(bits), 1)
        bits = {run(image, mask, threads, kernelRadius=3, weightingNorm="euclidean", glszm="none")[1].array.tobytes() for threads in (1, 3)}
        self.assertEqual(len(bits), 1)

    def test_grid(self):
        image, mask = case()
        few = {"firstorder": "Mean", "glcm": "Contrast", "glrlm": "none", "glszm": "none", "ngtdm": "none", "gldm": "none"}
        ops, maps, names = run(image, mask, spacing=(2, 3, 4), kernelRadius=3, initValue=-1, **few)
        self.assertEqual([row["name"] for row in ops.table(names)], ["original_firstorder_Mean", "original_glcm_Contrast"])
        self.assertEqual((maps.array.shape, maps.array.dtype), ((4, 9, 10, 2), np.float32))
        mask[:, :, 5:] = 0
        mask[:, :3] = 0
        _, maps, _ = run(image, mask, spacing=(2, 3, 4), initValue=-1, **few)
        _, whole, _ = run(image, mask, spacing=(2, 3, 4), initValue=-1, crop=False, **few)
        self.assertEqual((maps.array.shape, tuple(maps.origin)), ((4, 7, 6, 2), (0, 6, 0)))
        self.assertEqual((whole.array.shape, tuple(whole.origin)), ((4, 9, 10, 2), (0, 0, 0)))
        np.testing.assert_array_equal(whole.array[:, 2:, :6], maps.array)
        _, maps, _ = run(image, mask, initValue="nan", crop=False, **few)
        self.assertTrue((np.isnan(maps.array).all(-1) == (mask == 0)).all())
        self.assertTrue((whole.array[mask == 0] == -1).all() and (whole.array[mask > 0] != -1).all())

    def test_slice_is_a_flat_volume(self):
        image, mask = case((1, 12, 14))
        for masked in (True, False):
            _, flat, _ = run(image[0], mask[0], maskedKernel=masked)
            _, deep, _ = run(image, mask, maskedKernel=masked, spacing=(1, 1, 1))
            np.testing.assert_array_equal(flat.array, deep.array[0])

    def test_types(self):
        """LoG and wavelets: a map of each image, in their order."""
        image, mask = case((6, 12, 12))
        few = dict.fromkeys(("glcm", "glrlm", "glszm", "ngtdm", "gldm"), "none")
        ops, maps, names = run(image, mask, imageType="Original; LoG sigma=1.0,2.0; Wavelet", firstorder="Mean,Median", **few)
        images = ["original", "log-sigma-1-0-mm-3D", "log-sigma-2-0-mm-3D", *("wavelet-" + "".join("LH"[k >> b & 1] for b in (2, 1, 0)) for k in (4, 2, 6, 1, 5, 3, 7, 0))]
        got = [row["name"].split("_")[0] for row in ops.table(names)]
        self.assertEqual(sorted(set(got)), sorted(images))
        self.assertEqual(maps.array.shape[-1], 2 * len(images))

    def test_refusals(self):
        image, mask = case()
        one, none = np.zeros_like(mask), np.zeros_like(mask)
        one[2, 3, 4] = 1
        nothing = dict.fromkeys(("firstorder", "glcm", "glrlm", "glszm", "ngtdm", "gldm"), "none")
        for given, params, said in (((image, one), {}, "single voxel"), ((image, none), {}, "label"), ((image, mask), {"label": 3}, "label"), ((image, mask), nothing, "class"),
                                    ((image, mask), {"glcm": "Contrasst"}, "did you mean"), ((image, mask), {"kernelRadius": 0}, "kernelRadius"), ((image, mask), {"initValue": "no"}, "initValue"),
                                    ((image[:2], mask), {}, "voxels"), ((np.zeros((60, 60, 60), "u1"), np.ones((60, 60, 60), "u1")), {"kernelRadius": 40}, "kernelRadius"),
                                    ((np.arange(8000.).reshape(20, 20, 20), np.ones((20, 20, 20), "u1")), {"kernelRadius": 8, "binWidth": 1}, "wider bin"),
                                    ((image, mask), {"imageType": "Wavelt"}, "Wavelet")):
            with self.subTest(params=params):
                with self.assertRaises(cormack.CormackError) as caught:
                    run(*given, **params)
                self.assertIn(said, str(caught.exception))

    def test_not_finite(self):
        image, mask = case()
        image = image.astype("f4")
        image[2, 4, 4:7] = np.nan, np.inf, -np.inf
        _, maps, _ = run(image, mask)
        left = mask.copy()
        left[2, 4, 4:7] = 0
        _, other, _ = run(image, left)
        np.testing.assert_array_equal(maps.array[left > 0], other.array[left > 0])
        self.assertFalse(np.isnan(maps.array).any())


if __name__ == "__main__":
    unittest.main()
