"""Radiomics of a volume made here beside NumPy, SciPy and scikit-image: what needs no data set of others. (All features: test_radiomics_ibsi_oracle.py.)"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
try:
    import numpy as np
    import scipy.stats
    from skimage.feature import graycomatrix, graycoprops
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
from ops_lib import Ops

LEVELS = 6
OF_SCIKIT_IMAGE = {"cm_energy": "ASM", "cm_contrast": "contrast", "cm_dissimilarity": "dissimilarity", "cm_inv_diff_mom": "homogeneity", "cm_corr": "correlation",
                   "cm_joint_var": "variance", "cm_joint_avg": "mean"}


class Peers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ops = Ops()
        cls.v = np.random.default_rng(8).integers(1, LEVELS + 1, (5, 9, 11)).astype(np.int16)
        cls.v.flat[:2] = 1, LEVELS
        inputs = [ops.image(cls.v, (0.8, 0.9, 3)), ops.image(np.ones(cls.v.shape, np.uint8), (0.8, 0.9, 3))]
        row = ops.table(ops.run("radiomics", inputs, aggregation="both", bin_width=1)[0])[0]
        cls.row = {name: float(value) for name, value in row.items() if name.split("_")[0] in ("stat", "ih", "cm", "morph")}

    def expect(self, name, value):
        np.testing.assert_allclose(self.row[name], value, rtol=1e-9, err_msg=name)

    def test_intensities(self):
        v = self.v.astype(float).ravel()
        mad = np.abs(v - np.median(v)).mean()
        for name, value in {"mean": v.mean(), "var": v.var(), "skew": scipy.stats.skew(v), "kurt": scipy.stats.kurtosis(v), "median": np.median(v), "min": v.min(),
                            "max": v.max(), "range": np.ptp(v), "mad": np.abs(v - v.mean()).mean(), "medad": mad, "energy": (v**2).sum(),
                            "rms": np.sqrt((v**2).mean()), "cov": v.std() / v.mean()}.items():
            self.expect("stat_" + name, value)

    def test_histogram(self):
        p = np.bincount(self.v.ravel())[1:] / self.v.size
        self.expect("ih_entropy", scipy.stats.entropy(p, base=2))
        self.expect("ih_uniformity", (p**2).sum())

    def test_cooccurrence_by_slice(self):
        """The mean over slices and the four directions; scikit-image's angles turn the other way, which four directions do not mind."""
        found = {name: [] for name in OF_SCIKIT_IMAGE}
        for plane in self.v - 1:
            matrix = graycomatrix(plane.astype(np.uint8), [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], LEVELS, symmetric=True, normed=True)
            for name, prop in OF_SCIKIT_IMAGE.items():
                found[name] += [graycoprops(matrix, prop) + (1 if prop == "mean" else 0)]
        for name, values in found.items():
            self.expect(name + "_2D_avg", np.mean(values))

    def test_volume(self):
        self.expect("morph_vol_approx", self.v.size * 0.8 * 0.9 * 3)


if __name__ == "__main__":
    unittest.main()
