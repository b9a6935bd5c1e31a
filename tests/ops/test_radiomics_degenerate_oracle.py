"""Regions at the edge of what can be measured (docs/radiomics.md, «Regions at the edge»): what both conventions answer, against closed forms."""
import math
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import numpy as np
from ops_lib import Ops

import cormack

BOOKS = "ibsi", "pyradiomics"
SHAPE = 6, 7, 8
IMAGE = np.random.default_rng(4).integers(-100, 300, SHAPE).astype(np.int16)


def box(shape, *where):
    mask = np.zeros(shape, np.uint8)
    mask[where] = 1
    return mask


def flat(name):
    return not name.startswith(("diagnostics", "label", "name"))


class Degenerate(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()

    def rows(self, image, mask, book, **params):
        images = [self.ops.image(image, (1, 1.5, 2)), self.ops.image(mask, (1, 1.5, 2))]
        return self.ops.table(self.ops.run("radiomics", images, convention=book, **params)[0])

    def expect(self, row, values):
        for name, value in values.items():
            if value is None:
                self.assertEqual(row[name], "", name)
            else:
                self.assertTrue(math.isclose(float(row[name]), value, rel_tol=1e-9, abs_tol=1e-9), (name, row[name], value))

    def test_empty(self):
        for book in BOOKS:
            self.assertEqual(self.rows(IMAGE, np.zeros(SHAPE, np.uint8), book), [])
            with self.assertRaisesRegex(cormack.DataError, "empty"):
                self.rows(IMAGE, np.zeros(SHAPE, np.uint8), book, label=7)
            with self.assertRaisesRegex(cormack.DataError, "no voxel of label 7"):
                self.rows(IMAGE, box(SHAPE, 2), book, label=7)

    def test_one_voxel(self):
        mask = box(SHAPE, 3, 2, 5)
        value = float(IMAGE[3, 2, 5])
        self.expect(self.rows(IMAGE, mask, "ibsi")[0], {
            "morph_vol_approx": 3, "stat_mean": value, "stat_var": 0, "stat_skew": 0, "stat_kurt": 0, "stat_energy": value**2, "ih_entropy": 0,
            "cm_contrast_3D_avg": None, "rlm_sre_3D_avg": 1, "rlm_r_perc_3D_avg": 1, "szm_sze_3D": 1, "szm_z_perc_3D": 1, "dzm_sde_3D": 1, "ngt_coarseness_3D": None,
            "ngl_lde_3D": 1, "morph_moran_i": None, "morph_geary_c": None})
        with self.assertRaisesRegex(cormack.DataError, "single voxel"):
            self.rows(IMAGE, mask, "pyradiomics")

    def test_one_voxel_among_others(self):
        mask = box(SHAPE, slice(0, 3), slice(0, 4), slice(0, 4))
        alone = {book: self.rows(IMAGE, mask, book)[0] for book in BOOKS}
        mask[5, 6, 7] = 2
        for book in BOOKS:
            one, other = self.rows(IMAGE, mask, book, label=0)
            self.assertEqual({name: one[name] for name in one if flat(name)}, {name: alone[book][name] for name in one if flat(name)})
            if book == "pyradiomics":
                self.assertTrue(all(value == "" for name, value in other.items() if flat(name)))

    def test_one_grey_level(self):
        """All intensities in one bin, and all of them equal."""
        mask = box(SHAPE, slice(1, 5), slice(1, 6), slice(2, 7))
        count = int(mask.sum())
        for image, spread in ((np.full(SHAPE, 37, np.int16), 0), (30 + (IMAGE % 10).astype(np.int16), 1)):
            inside = image[mask > 0].astype(float)
            self.expect(self.rows(image, mask, "ibsi", discretize="width", bin_width=100)[0], {
                "stat_var": inside.var(), "ih_entropy": 0, "ih_uniformity": 1, "cm_contrast_3D_avg": 0, "cm_joint_max_3D_avg": 1, "cm_corr_3D_avg": 1,
                "cm_info_corr1_3D_avg": 0, "rlm_glnu_norm_3D_avg": 1, "szm_lze_3D": count**2, "szm_z_perc_3D": 1 / count, "ngt_contrast_3D": 0,
                "ngt_coarseness_3D": 1e6, "ngt_busyness_3D": 0, "ngt_strength_3D": 0})
            self.expect(self.rows(image, mask, "pyradiomics", binWidth=100)[0], {
                "original_firstorder_Variance": inside.var(), "original_firstorder_Entropy": 0, "original_firstorder_Uniformity": 1, "original_glcm_Contrast": 0,
                "original_glcm_JointEnergy": 1, "original_glcm_Correlation": 1, "original_glcm_MCC": 1, "original_glcm_Imc1": 0, "original_glcm_Imc2": 0,
                "original_glrlm_GrayLevelNonUniformityNormalized": 1, "original_glszm_LargeAreaEmphasis": count**2, "original_glszm_ZonePercentage": 1 / count,
                "original_ngtdm_Coarseness": 1e6, "original_ngtdm_Contrast": 0, "original_ngtdm_Busyness": 0, "original_ngtdm_Strength": 0,
                "original_gldm_GrayLevelNonUniformity": count})
            self.assertEqual(spread > 0, inside.var() > 0)

    def test_flat_region_of_a_filtered_image(self):
        """A constant image: LoG and the details of the wavelets are 0 but for rounding, the approximation is flat."""
        row = self.rows(np.full((12, 12, 12), 50, np.int16), box((12, 12, 12), slice(3, 9), slice(3, 9), slice(3, 9)), "pyradiomics",
                        imageType="LoG sigma=1.0; Wavelet")[0]
        self.expect(row, {"log-sigma-1-0-mm-3D_firstorder_Maximum": 0, "wavelet-HHH_firstorder_Maximum": 0, "wavelet-LLL_firstorder_Mean": 50 * 8**0.5,
                          "wavelet-LLL_glcm_Contrast": 0})
        self.assertFalse(any(value == "" for name, value in row.items() if flat(name)))

    def test_touching_the_border(self):
        """The region measures the same where the image ends at it as where it goes on."""
        mask = box(SHAPE, slice(0, 4), slice(2, 7), slice(0, 8))
        wider = np.pad(IMAGE, 3, constant_values=-1000), np.pad(mask, 3)
        for book in BOOKS:
            here, there = self.rows(IMAGE, mask, book)[0], self.rows(*wider, book)[0]
            for name in here:
                if flat(name) and not name.startswith("loc_"):  # a peak looks around
                    self.assertTrue(here[name] == there[name] or math.isclose(float(here[name]), float(there[name]), rel_tol=1e-9), (book, name))
        whole = self.rows(IMAGE, np.ones(SHAPE, np.uint8), "pyradiomics", imageType="Original; Wavelet; LoG sigma=1.0")[0]
        self.assertFalse(any(value == "" for name, value in whole.items() if flat(name)))

    def test_larger_than_the_image(self):
        larger = np.ones((8, 9, 10), np.uint8)
        for book in BOOKS:
            with self.assertRaisesRegex(cormack.GeometryError, "8 x 7 x 6 voxels"):
                self.rows(IMAGE, larger, book)
        with self.assertRaisesRegex(cormack.GeometryError, "reaches out of the image"):
            self.rows(IMAGE, larger, "pyradiomics", correctMask=True)
        inside = box(larger.shape, slice(0, 3), slice(1, 5), slice(2, 6))
        corrected = self.rows(IMAGE, inside, "pyradiomics", correctMask=True)[0]
        plain = self.rows(IMAGE, inside[:6, :7, :8], "pyradiomics")[0]
        for name in plain:
            if flat(name):
                self.assertEqual(corrected[name], plain[name], name)

    def test_a_line_and_a_slice(self):
        line, sheet = box(SHAPE, 3, 2, slice(1, 6)), box(SHAPE, 3)
        with self.assertRaisesRegex(cormack.DataError, "along 1 of 2 axes"):
            self.rows(IMAGE, line, "pyradiomics")
        row = self.rows(IMAGE, line, "pyradiomics", minimumROIDimensions=1)[0]
        values = IMAGE[3, 2, 1:6].astype(float)
        self.expect(row, {"original_firstorder_Mean": values.mean(), "original_shape_LeastAxisLength": 0, "original_shape_VoxelVolume": 15})
        self.expect(self.rows(IMAGE, sheet, "ibsi")[0], {"morph_vol_approx": 56 * 3, "morph_pca_flatness": 0})

    def test_nothing_left(self):
        """Resampled away, and out of range: a row of missing values where there are others, else an error or morphology alone."""
        mask = box(SHAPE, slice(0, 3), slice(0, 4), slice(0, 4))
        mask[5, 6, 7] = 2
        other = np.where(mask > 0, 3 - mask, 0).astype(np.uint8)
        rows = self.rows(IMAGE, mask, "ibsi", label=0, spacing=[4, 4, 6]), self.rows(IMAGE, other, "ibsi", label=0, spacing=[4, 4, 6])[::-1]
        for kept, lost in rows:
            self.assertNotEqual(kept["stat_mean"], "")
            self.assertTrue(all(value == "" for name, value in lost.items() if flat(name)))
        with self.assertRaisesRegex(cormack.DataError, "no voxel of label 2 is left by resampling"):
            self.rows(IMAGE, mask, "ibsi", label=2, spacing=[4, 4, 6])
        for row in (self.rows(IMAGE, mask, "ibsi", label=0, range=[1000, 2000])[0], self.rows(IMAGE, mask, "ibsi", label=1, range=[1000, 2000])[0]):
            self.expect(row, {"morph_vol_approx": 48 * 3, "stat_mean": None, "loc_peak_loc": None, "loc_peak_glob": None, "cm_contrast_3D_avg": None, "szm_sze_3D": None})

    def test_peaks_at_the_end_of_what_is_there(self):
        """The mean over what the ball of 1 cm3 holds: all of it, the part within the image, finite voxels, or its own voxel alone."""
        image, mask = np.full((9, 9, 9), 10, np.float32), box((9, 9, 9), 4, 4, 4)
        image[4, 4, 4] = 100
        for place, beside in (((4, 4, 4), 6), ((0, 4, 4), 5), ((0, 0, 4), 4), ((0, 0, 0), 3)):
            here, where = np.full((9, 9, 9), 10, np.float32), box((9, 9, 9), *place)
            here[place] = 100
            row = self.ops.table(self.ops.run("radiomics", [self.ops.image(here, (6, 6, 6)), self.ops.image(where, (6, 6, 6))])[0])[0]
            self.expect(row, {"loc_peak_loc": (100 + 10 * beside) / (1 + beside), "loc_peak_glob": (100 + 10 * beside) / (1 + beside)})
        image[4, 4, 5], image[4, 5, 4], image[3, 4, 4] = np.inf, -np.inf, np.nan
        for spacing, expected in ((6, (100 + 30) / 4), (7, 100)):
            row = self.ops.table(self.ops.run("radiomics", [self.ops.image(image, (spacing,) * 3), self.ops.image(mask, (spacing,) * 3)])[0])[0]
            self.expect(row, {"loc_peak_loc": expected, "loc_peak_glob": expected})

    def test_no_direction(self):
        """A line across the slices that force2D keeps apart: every voxel is a zone of its own, so no zone is larger than 1."""
        row = self.rows(IMAGE, box(SHAPE, slice(1, 4), 3, 3), "pyradiomics", force2D=True, force2Ddimension=0, minimumROIDimensions=1)[0]
        self.expect(row, {"original_glszm_LargeAreaEmphasis": 1, "original_glszm_SmallAreaEmphasis": 1, "original_glszm_ZonePercentage": 1})

    def test_nothing_finite(self):
        nothing = np.full(SHAPE, np.nan, np.float32)
        self.expect(self.rows(nothing, box(SHAPE, 2), "ibsi")[0], {"morph_vol_approx": 56 * 3, "stat_mean": None, "cm_contrast_3D_avg": None})
        row = self.rows(nothing, box(SHAPE, slice(1, 4)), "pyradiomics")[0]
        self.assertNotEqual(row["original_shape_MeshVolume"], "")
        self.assertTrue(all(value == "" for name, value in row.items() if name.startswith(("original_firstorder", "original_glcm"))))


if __name__ == "__main__":
    unittest.main()
