"""Every response map of IBSI 2 that is in the data: mean, Laplacian of Gaussian, Laws and separable wavelets on the digital phantoms.
The standard's tolerance (README of the references): 1 % of the range of the map."""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../python"))
IBSI = os.path.join(os.environ.get("CORMACK_TEST_DATA", "../shared/data"), "ibsi")
try:
    import numpy as np
    import package  # noqa: F401: finds the build, or skips
    import cormack
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
if not os.path.isdir(IBSI):
    print("skipped: no", IBSI)
    sys.exit(77)

TURNED = {"rotation_invariant": True}
LAWS_A, LAWS_B, LAWS_C = ({"kernels": kernels, "border": border} for kernels, border in (("E5L5S5", "constant"), ("E3W5R5", "reflect"), ("L5S5", "reflect")))
MAPS = {  # reference manual part 2, table of the tests of phase 1: phantom, operation, parameters
    **{f"1_a_{k}": ("checkerboard", "mean", {"radius": 7, "border": border}) for k, border in enumerate(("constant", "replicate", "wrap", "reflect"), 1)},
    "1_b_1": ("impulse", "mean", {"radius": [7, 7, 0], "border": "constant"}),
    "2_a": ("impulse", "laplacian_of_gaussian", {"sigma": 3, "border": "constant", "per": "voxel"}),
    "2_b": ("checkerboard", "laplacian_of_gaussian", {"sigma": 5, "border": "reflect", "per": "voxel"}),
    "2_c": ("checkerboard", "laplacian_of_gaussian", {"sigma": 5, "border": "reflect", "per": "voxel", "in_plane": True}),
    "3_a_1": ("impulse", "laws", LAWS_A), "3_a_2": ("impulse", "laws", LAWS_A | TURNED), "3_a_3": ("impulse", "laws", LAWS_A | TURNED | {"energy": 7}),
    "3_b_1": ("checkerboard", "laws", LAWS_B), "3_b_2": ("checkerboard", "laws", LAWS_B | TURNED),
    "3_b_3": ("checkerboard", "laws", LAWS_B | TURNED | {"energy": 7}),
    "3_c_1": ("checkerboard", "laws", LAWS_C), "3_c_2": ("checkerboard", "laws", LAWS_C | TURNED),
    "3_c_3": ("checkerboard", "laws", LAWS_C | TURNED | {"energy": 7}),
    "5_a_1": ("impulse", "stationary_wavelet", {"wavelet": "db2", "band": "LHL", "border": "zero"}),
    "5_a_2": ("impulse", "stationary_wavelet", {"wavelet": "db2", "band": "LHL", "border": "zero"} | TURNED),
    "6_a_1": ("sphere", "stationary_wavelet", {"wavelet": "coif1", "band": "HHL", "border": "wrap"}),
    "6_a_2": ("sphere", "stationary_wavelet", {"wavelet": "coif1", "band": "HHL", "border": "wrap"} | TURNED),
}


def respond(image, operation, params):
    params = dict(params, type="f32")
    if params.pop("in_plane", False):  # slice by slice: each one an image of its own
        slices = [getattr(cormack, operation)(cormack.Image(plane, image.spacing[:2]), **params).array for plane in image.array]
        return np.stack(slices)
    return getattr(cormack, operation)(image, **params).array


class Maps(unittest.TestCase):
    def test_every_map_is_known(self):
        files = os.listdir(os.path.join(IBSI, "ibsi_2_reference_data/reference_response_maps"))
        self.assertEqual({name.split("-")[0] for name in files}, set(MAPS))

    def test_maps(self):
        for name, (phantom, operation, params) in MAPS.items():
            with self.subTest(map=name):
                image = cormack.read(os.path.join(IBSI, f"data_sets/ibsi_2_digital_phantom/nifti/{phantom}/image/{phantom}.nii.gz"))
                wanted = cormack.read(os.path.join(IBSI, f"ibsi_2_reference_data/reference_response_maps/{name}-ValidCRM.nii.gz")).array.astype(float)
                image = cormack.Image(image.array.astype(np.float32), image.spacing)
                worst = np.abs(respond(image, operation, params) - wanted).max() / np.ptp(wanted)
                print(f"{name}: {100 * worst:.2g} % of the range")
                self.assertLessEqual(worst, 0.01)


if __name__ == "__main__":
    unittest.main()
