"""Every reference value of the Image Biomarker Standardisation Initiative that is in the data: digital phantom, chest CT in configurations A and C."""
import csv
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
IBSI = os.path.join(os.environ.get("CORMACK_TEST_DATA", "../shared/data"), "ibsi")
try:
    import numpy as np
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
if not os.path.isdir(IBSI):
    print("skipped: no", IBSI)
    sys.exit(77)
from ops_lib import Ops
import cormack

ABOUT_THE_IMAGE = ("img_", "vox_", "mean_int_", "min_int_", "max_int_", "int_mask_", "morph_mask_")
CASES = {  # data set, reference values, parameters, how many of them are features
    "digital phantom": ("ibsi_1_digital_phantom", "ibsi_1_dig_phantom.csv", {"aggregation": "both", "bin_width": 1}, 482),
    "configuration A": ("ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_a.csv", {"aggregation": "2D", "range": (-500, 400)}, 346),
    "configuration C": ("ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_c.csv",
                        {"aggregation": "3D", "range": (-1000, 400), "spacing": 2, "rounding": "on", "volume_bins": "width"}, 210),
}


def references(name):
    with open(os.path.join(IBSI, "reference_values", name)) as file:
        return [(row["tag"], float(row["reference value"]), float(row["tolerance"])) for row in csv.DictReader(file, delimiter=";") if row["reference value"]]


def allowed(value, tolerance):
    """The values are given in three digits: half a unit of the last one belongs to the tolerance."""
    return tolerance + (0 if value == 0 else 0.50005 * 10 ** (np.floor(np.log10(abs(value))) - 2))


class Ibsi(unittest.TestCase):
    def test_references(self):
        ops = Ops()
        for case, (data, table, params, features) in CASES.items():
            folder = os.path.join(IBSI, "data_sets", data, "nifti")
            image, mask = (cormack.read(os.path.join(folder, *path), context=ops.context) for path in (("image", "phantom.nii.gz"), ("mask", "mask.nii.gz")))
            row = ops.table(ops.run("radiomics", [image, mask], **params)[0])[0]
            checked = 0
            for tag, value, tolerance in references(table):
                if tag.startswith(ABOUT_THE_IMAGE):
                    continue
                checked += 1
                with self.subTest(case=case, tag=tag):
                    self.assertNotEqual(row[tag], "")
                    self.assertLessEqual(abs(float(row[tag]) - value), allowed(value, tolerance), f"{row[tag]} against {value} +- {tolerance}")
            self.assertEqual(checked, features)


if __name__ == "__main__":
    unittest.main()
