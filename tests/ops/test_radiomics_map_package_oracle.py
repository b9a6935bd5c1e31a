"""radiomics_map against PyRadiomics' own voxel-based extraction (skipped where it is not installed; see test_radiomics_package_oracle.py).

With voxelBatch=1 PyRadiomics measures each voxel by itself, as we do. In a larger batch it keeps directions that have no pair in some
window; there JointAverage becomes NaN, and MCC fails for the whole batch, which keeps initValue: the third test shows just that."""
import os
import sys
import unittest
import warnings

sys.path.insert(0, os.path.dirname(__file__))
DATA = os.environ.get("CORMACK_TEST_DATA", "../shared/data")
try:
    import logging

    import numpy as np
    import SimpleITK as sitk
    from radiomics import featureextractor
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
if not os.path.isdir(os.path.join(DATA, "pyradiomics")):
    print("skipped: no", os.path.join(DATA, "pyradiomics"))
    sys.exit(77)
from ops_lib import Ops
import cormack

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "ngtdm", "gldm")


def read(*path):
    return sitk.ReadImage(os.path.join(DATA, *path))


def brain():
    """The tumour's upper left part, in the slices where it is small."""
    image, mask = read("pyradiomics", "brain1_image.nrrd"), read("pyradiomics", "brain1_label.nrrd")
    array = sitk.GetArrayFromImage(mask) == 1
    y, x = (int(k.min()) for k in np.nonzero(array)[1:])
    array[:, y + 14:], array[:, :, x + 12:] = False, False
    return image, like(array, mask)


def chest():
    """A piece of the border between tumour and lung."""
    image = read("ibsi", "data_sets", "ibsi_1_ct_radiomics_phantom", "nifti", "image", "phantom.nii.gz")
    mask = read("ibsi", "data_sets", "ibsi_1_ct_radiomics_phantom", "nifti", "mask", "mask.nii.gz")
    array = sitk.GetArrayFromImage(mask) > 0
    z, y, x = np.nonzero(array)
    at = np.argmin(x)
    part = np.zeros_like(array)
    part[z[at] - 2:z[at] + 3, y[at] - 4:y[at] + 5, x[at]:x[at] + 6] = True
    return image, like(array & part, mask)


def like(array, image):
    made = sitk.GetImageFromArray(array.astype("u1"))
    made.CopyInformation(image)
    return made


class Package(unittest.TestCase):
    def theirs(self, image, mask, types, settings):
        extractor = featureextractor.RadiomicsFeatureExtractor(additionalInfo=False, **settings)
        extractor.disableAllImageTypes()
        extractor.enableImageTypes(**types)
        extractor.disableAllFeatures()
        extractor.enableFeaturesByName(**{name: [] for name in CLASSES})
        return extractor.execute(image, mask, voxelBased=True)

    def ours(self, image, mask, types, settings):
        ops = Ops()
        given = [cormack.Image(sitk.GetArrayFromImage(i), i.GetSpacing(), i.GetOrigin(), i.GetDirection(), context=ops.context) for i in (image, mask)]
        text = "; ".join(" ".join([name, *(f"{key}={','.join(map(str, v)) if isinstance(v, list) else v}" for key, v in own.items())]) for name, own in types.items())
        maps, names = ops.run("radiomics_map", given, imageType=text, **{k: ",".join(map(str, v)) if isinstance(v, list) else v for k, v in settings.items()})
        return maps, {row["name"]: maps.array[..., int(row["component"])] for row in ops.table(names)}

    def compare(self, images, types, settings):
        """Names of the maps that differ."""
        reference = self.theirs(*images, types, settings)
        maps, ours = self.ours(*images, types, settings)
        first = next(iter(reference.values()))
        self.assertEqual(list(ours), [f"{image}_{own}" for image in dict.fromkeys(n.split("_")[0] for n in ours) for c in CLASSES for own in
                                      [n.split("_", 1)[1] for n in reference if n.startswith(f"{image}_{c}_")]])
        np.testing.assert_allclose(maps.origin, first.GetOrigin(), atol=1e-9)
        np.testing.assert_allclose(maps.spacing, first.GetSpacing(), rtol=1e-12)
        # f32 holds 6e-8; correlations, shades and skewnesses of 0 are told to 1e-9. LoG is stored as float there and here: values around 0 have its last digit.
        differ = set()
        for name, made in reference.items():
            made = sitk.GetArrayFromImage(made)
            least = 1e-6 * np.nanmax(abs(made)) if name.startswith("log") else 1e-9
            if not np.allclose(ours[name], made, rtol=1e-6, atol=least, equal_nan=True):
                differ.add(name)
        return differ

    def test_each_voxel_by_itself(self):
        for images, types, settings in (
            (brain(), {"Original": {}}, {"binWidth": 25, "voxelBatch": 1}),
            (chest(), {"Original": {}}, {"binWidth": 25, "voxelBatch": 1, "voxelArrayShift": 1000, "initValue": -5.0}),
            (brain(), {"Original": {}}, {"binWidth": 40, "voxelBatch": 1, "kernelRadius": 2, "weightingNorm": "euclidean", "distances": [1, 2], "gldm_a": 1}),
            (brain(), {"Gradient": {"binWidth": 10}}, {"voxelBatch": 1, "force2D": True, "symmetricalGLCM": False}),
        ):
            with self.subTest(types=types, settings=settings):
                self.assertEqual(self.compare(images, types, settings), set())

    def test_whole_kernels(self):
        """Without mask every direction has a pair, and a batch is right."""
        for images, types, settings in (
            (chest(), {"Original": {}}, {"binWidth": 25, "maskedKernel": False}),
            (brain(), {"Original": {}, "LoG": {"sigma": [2.0], "binWidth": 20}}, {"binWidth": 40, "maskedKernel": False, "kernelRadius": 2}),
            (brain(), {"Original": {}}, {"binCount": 16, "maskedKernel": False, "force2D": True, "force2Ddimension": 1, "resegmentRange": [500, 900]}),
        ):
            with self.subTest(types=types, settings=settings):
                self.assertEqual(self.compare(images, types, settings), set())

    def test_batch(self):
        self.assertEqual(self.compare(brain(), {"Original": {}}, {"binWidth": 40}), {"original_glcm_JointAverage", "original_glcm_MCC"})


if __name__ == "__main__":
    unittest.main()
