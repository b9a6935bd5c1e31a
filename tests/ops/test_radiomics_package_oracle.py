"""convention=pyradiomics against a fresh run of PyRadiomics itself (skipped where it is not installed; it builds with
«pip install --no-build-isolation --no-deps pyradiomics==3.0.1 pykwalify docopt six» on Python up to 3.11)."""
import math
import os
import sys
import unittest
import warnings

sys.path.insert(0, os.path.dirname(__file__))
DATA = os.environ.get("CORMACK_TEST_DATA", "../shared/data")
try:
    import logging

    import types

    import numpy as np
    import scipy.ndimage
    import scipy.special
    import SimpleITK as sitk

    import radiomics
    from radiomics import featureextractor
    from scipy.spatial import ConvexHull
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
if not os.path.isdir(os.path.join(DATA, "pyradiomics")):
    print("skipped: no", os.path.join(DATA, "pyradiomics"))
    sys.exit(77)
from ops_lib import Ops
import cormack



def icosphere(subdivisions, radius):
    """trimesh's: an icosahedron with the edges halved and put on the sphere."""
    t = (1 + 5 ** 0.5) / 2
    v = np.array([(-1, t, 0), (1, t, 0), (-1, -t, 0), (1, -t, 0), (0, -1, t), (0, 1, t), (0, -1, -t), (0, 1, -t), (t, 0, -1), (t, 0, 1), (-t, 0, -1), (-t, 0, 1)])
    v /= np.linalg.norm(v[0])
    for _ in range(subdivisions):
        edges = {tuple(sorted((s[k], s[k - 1]))) for s in ConvexHull(v).simplices for k in range(3)}
        middles = np.array([v[a] + v[b] for a, b in sorted(edges)])
        v = np.vstack([v, middles / np.linalg.norm(middles, axis=1)[:, None]])
    return types.SimpleNamespace(vertices=v * radius)


# What PyRadiomics' LBP3D imports: names that SciPy has moved since, and trimesh.
scipy.special.sph_harm = lambda m, n, theta, phi: scipy.special.sph_harm_y(n, m, phi, theta)
sys.modules["scipy.ndimage.interpolation"] = scipy.ndimage
sys.modules["trimesh"], sys.modules["trimesh.creation"] = types.ModuleType("trimesh"), types.SimpleNamespace(icosphere=icosphere)
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
BRAIN, BREAST, CT = ([os.path.join(DATA, *path) for path in paths] for paths in (
    (("pyradiomics", "brain1_image.nrrd"), ("pyradiomics", "brain1_label.nrrd")), (("pyradiomics", "breast1_image.nrrd"), ("pyradiomics", "breast1_label.nrrd")),
    (("ibsi", "data_sets", "ibsi_1_ct_radiomics_phantom", "nifti", "image", "phantom.nii.gz"),
     ("ibsi", "data_sets", "ibsi_1_ct_radiomics_phantom", "nifti", "mask", "mask.nii.gz"))))
ALL = {name: [] for name in ("firstorder", "shape", "glcm", "glrlm", "glszm", "ngtdm", "gldm")}
ONE = {"Original": {}}
EVERY = {"Original": {}, "LoG": {"sigma": [1.0, 3.0], "binWidth": 5}, "Wavelet": {"binWidth": 10}, "Square": {}, "SquareRoot": {}, "Logarithm": {}, "Exponential": {},
         "Gradient": {}, "LBP2D": {"binWidth": 1}}
CASES = [  # images, settings, image types
    (BRAIN, {}, ONE),
    (BREAST, {}, EVERY),
    (BRAIN, {"binWidth": 25, "resampledPixelSpacing": [2, 2, 2]}, {"LoG": {"sigma": [2.0], "binWidth": 5}, "Gradient": {}}),
    (BRAIN, {"normalize": True, "normalizeScale": 100, "removeOutliers": 3, "binWidth": 5, "resampledPixelSpacing": [1.5, 0, 3], "voxelArrayShift": 300},
     {"Original": {}, "LoG": {"sigma": [5.0]}}),
    (BRAIN, {"weightingNorm": "euclidean", "preCrop": True}, {"Original": {}, "LBP2D": {"binWidth": 1, "lbp2DMethod": "default", "lbp2DRadius": 1.5}}),
    (BRAIN, {"weightingNorm": "manhattan", "binCount": 32, "force2D": True, "force2Ddimension": 1}, ONE),
    (BRAIN, {"distances": [1, 3], "symmetricalGLCM": False, "gldm_a": 2}, ONE),
    (BREAST, {"force2D": True, "resegmentRange": [-2, 2], "resegmentMode": "sigma", "resegmentShape": True}, {"Wavelet": {"wavelet": "db2", "level": 2, "binWidth": 20}}),
    (BREAST, {"resegmentRange": [0.5], "resegmentMode": "relative", "weightingNorm": "infinity"}, {"Wavelet": {"start_level": 1, "binWidth": 50}}),
    (BREAST, {}, {"LBP3D": {"binWidth": 0.3, "lbp3DLevels": 3, "lbp3DIcosphereRadius": 1.5}}),
    (CT, {"binWidth": 25, "resegmentRange": [-500, 400]}, {"Original": {}, "LoG": {"sigma": [3.0]}}),
    *((BREAST, {"binWidth": 10}, {"Wavelet": {"wavelet": name}}) for name in ("bior1.3", "bior4.4", "rbio3.3", "rbio5.5", "dmey")),
    *((BRAIN, {"resampledPixelSpacing": [1.1, 1.1, 3], "interpolator": f"sitk{name}"}, ONE)
      for name in ("Gaussian", "HammingWindowedSinc", "CosineWindowedSinc", "WelchWindowedSinc", "LanczosWindowedSinc", "BlackmanWindowedSinc")),
]
# The measured worst is 2e-7: a LoG image is stored as float, and a bin or a small skewness sees its last digit.
TOLERANCE = 1e-6


def as_text(value):
    return ",".join(map(str, value)) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)


class Package(unittest.TestCase):
    def test_features(self):
        ops, compared = Ops(), 0
        for (image, mask), settings, types in CASES:
            with self.subTest(image=os.path.basename(image), settings=settings, types=list(types)):
                extractor = featureextractor.RadiomicsFeatureExtractor(**settings)
                extractor.disableAllImageTypes()
                extractor.enableImageTypes(**{name: dict(own) for name, own in types.items()})
                extractor.disableAllFeatures()
                extractor.enableFeaturesByName(**{name: list(features) for name, features in ALL.items()})
                theirs = extractor.execute(image, mask)
                images = "; ".join(" ".join([name, *(f"{key}={as_text(value)}" for key, value in own.items())]) for name, own in types.items())
                inputs = [cormack.read(path, context=ops.context) for path in (image, mask)]
                ours = ops.table(ops.run("radiomics", inputs, convention="pyradiomics", label=1, imageType=images, **settings)[0])[0]
                for name, value in theirs.items():
                    if name.startswith("diagnostics"):
                        continue
                    self.assertIn(name, ours)
                    compared += 1
                    mine, value = float(ours[name] or "nan"), float(value)
                    self.assertTrue(math.isclose(mine, value, rel_tol=TOLERANCE, abs_tol=1e-14) or (math.isnan(mine) and math.isnan(value)), (name, mine, value))
                self.assertEqual([name for name in ours if name not in theirs and name not in ("label", "name")], [])
        self.assertGreater(compared, 2500)

    def test_flat_images(self):
        """Of a 2D image force2D leaves out its rows' or its columns' neighbours: axes count from the image's last."""
        random, ops, compared = np.random.default_rng(1), Ops(), 0
        inside = np.zeros((20, 24), np.uint8)
        inside[3:15, 4:20] = 1
        inside[3, 4] = 0
        pair = [sitk.GetImageFromArray(a) for a in (random.integers(0, 300, (20, 24)).astype(np.int16), inside)]
        for image in pair:
            image.SetSpacing((1, 2))
        types = {"Original": {}, "Wavelet": {}, "LBP2D": {"binWidth": 1}, "LoG": {"sigma": [2.0]}}
        for settings in ({}, {"force2D": True}, {"force2D": True, "force2Ddimension": 1}):
            extractor = featureextractor.RadiomicsFeatureExtractor(**settings)
            extractor.disableAllImageTypes()
            extractor.enableImageTypes(**types)
            extractor.enableAllFeatures()
            theirs = {name: float(value) for name, value in extractor.execute(*pair).items() if not name.startswith("diagnostics")}
            ours = ops.table(ops.run("radiomics", pair, convention="pyradiomics", label=1,
                                     shape2D="all", imageType="Original; Wavelet; LBP2D binWidth=1; LoG sigma=2.0", **settings)[0])[0]
            for name, value in theirs.items():
                compared += 1
                self.assertTrue(math.isclose(float(ours[name]), value, rel_tol=TOLERANCE, abs_tol=1e-14), (settings, name, ours[name], value))
        self.assertGreater(compared, 1400)


if __name__ == "__main__":
    unittest.main()
