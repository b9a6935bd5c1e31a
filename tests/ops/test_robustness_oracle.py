"""Perturbations against closed forms, SimpleITK and SciPy; intraclass correlations against the worked example of Shrout and Fleiss (1979, tables 2 to 4)
and pingouin; the command against both put together by hand."""
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
from xml.etree import ElementTree

try:
    import numpy as np
    import pandas as pd
    import pingouin
    import SimpleITK as sitk
    from scipy import ndimage
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
SPACING = (1.5, 1.0, 2.5)


def ball(shape, centre, radius):
    return sum((axis - c) ** 2 for axis, c in zip(np.mgrid[tuple(slice(n) for n in shape)], centre)) <= radius**2


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def program(self, *words):
        done = subprocess.run([os.environ["CORMACK"], *map(str, words)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        if words[0] in ("perturb", "icc") and "CORMACK_ORACLE_NOTE" in os.environ:  # for test_oracle_coverage_mechanics
            with open(os.environ["CORMACK_ORACLE_NOTE"], "a", encoding="utf-8") as file:
                file.write(words[0] + "\n")
        return done.stdout

    def write(self, name, voxels, spacing=SPACING):
        image = sitk.GetImageFromArray(voxels)
        image.SetSpacing(spacing)
        sitk.WriteImage(image, str(self.at / name))
        return image

    def perturbed(self, *words):
        self.program("perturb", self.at / "i.nrrd", self.at / "m.nrrd", self.at / "io.nrrd", self.at / "mo.nrrd", *words)
        return [sitk.GetArrayFromImage(sitk.ReadImage(str(self.at / name))) for name in ("io.nrrd", "mo.nrrd")]


class Perturbations(Case):
    def test_quarter_turn_and_whole_shift(self):
        """Voxels go to voxels: about the middle of the region, the x axis towards the y axis."""
        image = np.random.default_rng(1).normal(size=(5, 21, 21))
        mask = ball((5, 21, 21), (2, 10, 10), 6).astype(np.uint8)
        mask[2, 8, 13:15] = 2
        self.write("i.nrrd", image, (1, 1, 2))
        self.write("m.nrrd", mask, (1, 1, 2))
        turned, regions = self.perturbed("--rotation", 90)
        np.testing.assert_allclose(turned, image[:, ::-1].transpose(0, 2, 1), atol=1e-12)
        np.testing.assert_array_equal(regions, mask[:, ::-1].transpose(0, 2, 1))
        self.assertEqual(np.bincount(regions.ravel()).tolist(), np.bincount(mask.ravel()).tolist())
        moved, regions = self.perturbed("--translation", "2,-1,0")
        np.testing.assert_allclose(moved[:, :-1, 2:], image[:, 1:, :-2], atol=1e-12)
        np.testing.assert_array_equal(regions[:, :-1, 2:], mask[:, 1:, :-2])

    def test_any_turn(self):
        """Against SimpleITK's linear resampling on a grid whose voxels are not cubes."""
        image = ndimage.gaussian_filter(np.random.default_rng(2).normal(size=(6, 30, 24)), 1).astype(np.float32)
        mask = ball((6, 30, 24), (3, 15, 12), 5).astype(np.uint8)
        mask[3, 15, 7] = mask[3, 15, 17] = 1
        like = self.write("i.nrrd", image)
        labels = self.write("m.nrrd", mask)
        ours, regions = self.perturbed("--rotation", 20, "--translation", "0.25,0.5,0.75")
        low, high = np.argwhere(mask).min(0), np.argwhere(mask).max(0)
        turn = sitk.Euler3DTransform()
        turn.SetCenter(like.TransformContinuousIndexToPhysicalPoint(((low + high) / 2)[::-1].tolist()))
        turn.SetRotation(0, 0, np.deg2rad(-20))
        shift = sitk.TranslationTransform(3, [-f * s for f, s in zip((0.25, 0.5, 0.75), SPACING)])
        both = sitk.CompositeTransform([turn, shift])
        theirs = sitk.GetArrayFromImage(sitk.Resample(like, both, sitk.sitkLinear, float(image.min()), sitk.sitkFloat64))
        np.testing.assert_allclose(ours[1:-1, 8:-8, 8:-8], theirs[1:-1, 8:-8, 8:-8], atol=2e-6)
        share = sitk.GetArrayFromImage(sitk.Resample(sitk.Cast(labels, sitk.sitkFloat64), both, sitk.sitkLinear, 0.0))
        sure = abs(share - 0.5) > 1e-6
        np.testing.assert_array_equal(regions[sure], share[sure] > 0.5)

    def test_noise(self):
        """Mean, standard deviation and normal quantiles as stated; as much as there is, where the image's own is asked for."""
        flat = np.zeros((20, 100, 100))
        self.write("i.nrrd", flat)
        self.write("m.nrrd", np.ones(flat.shape, np.uint8))
        noise, _ = self.perturbed("--noise", "sigma", "--noise_sigma", 7)
        n = noise.size
        self.assertLess(abs(noise.mean()), 7 * 4 / np.sqrt(n))
        self.assertLess(abs(noise.std() - 7), 7 * 4 / np.sqrt(2 * n))
        for z, below in ((-1.959964, 0.025), (0.0, 0.5), (1.281552, 0.9)):
            self.assertLess(abs((noise < 7 * z).mean() - below), 4 * np.sqrt(below * (1 - below) / n))
        self.assertLess(abs(np.corrcoef(noise[..., 1:].ravel(), noise[..., :-1].ravel())[0, 1]), 4 / np.sqrt(n))
        other, _ = self.perturbed("--noise", "sigma", "--noise_sigma", 7, "--seed", 1)
        self.assertLess(abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]), 4 / np.sqrt(n))
        noisy = 12 * np.random.default_rng(3).normal(size=flat.shape) + 5 * np.mgrid[:20, :100, :100][2]
        self.write("i.nrrd", noisy)
        added, _ = self.perturbed("--noise", "estimate")
        self.assertLess(abs((added - noisy).std() / 12 - 1), 0.02)

    def test_growth(self):
        """Exactly the stated volume, between two of SciPy's dilations (or erosions) by faces; other labels stay."""
        mask = ball((16, 40, 40), (8, 20, 20), 7).astype(np.uint8)
        mask[2, 2, 2:6] = 2
        self.write("i.nrrd", np.zeros(mask.shape))
        self.write("m.nrrd", mask)
        one = mask == 1
        for fraction in (0.1, 0.7, 2.5, -0.1, -0.6):
            _, regions = self.perturbed("--growth", fraction)
            self.assertEqual([int((regions == v).sum()) for v in (1, 2)], [round((mask == v).sum() * (1 + fraction)) for v in (1, 2)])
            new = regions == 1
            step = ndimage.binary_dilation if fraction > 0 else ndimage.binary_erosion
            limits = {"mask": mask != 2} if fraction > 0 else {}
            inner = one
            while (outer := step(inner, **limits)).sum() * np.sign(fraction) < new.sum() * np.sign(fraction):
                inner = outer
            small, large = (inner, outer) if fraction > 0 else (outer, inner)
            self.assertTrue((new | ~small).all() and (large | ~new).all(), fraction)

    def test_threads(self):
        """The same voxels at any number of threads."""
        self.write("i.nrrd", np.random.default_rng(6).integers(-100, 100, (9, 40, 40), np.int16))
        self.write("m.nrrd", 3 * ball((9, 40, 40), (4, 18, 22), 6).astype(np.uint16))
        words = ("--rotation", 7, "--translation", 0.3, "--noise", "estimate", "--growth", 0.2, "--contour", "--seed", 9)
        one, five = self.perturbed(*words, "--threads", 1), self.perturbed(*words, "--threads", 5)
        for a, b in zip(one, five):
            np.testing.assert_array_equal(a, b)

    def test_contour(self):
        """Over many seeds every supervoxel is in as often as its share in the region says; the others never or always, but for gaps that are closed."""
        mask = ball((14, 40, 40), (7, 20, 20), 6.5).astype(np.uint8)
        self.write("m.nrrd", mask, (1, 1, 1))
        self.write("i.nrrd", (3.0 * mask + np.random.default_rng(4).normal(size=mask.shape) * 25).astype(np.float32), (1, 1, 1))
        self.program("gaussian", self.at / "i.nrrd", self.at / "g.nrrd", "--sigma", 1, "--units", "mm")
        self.program("slic", self.at / "g.nrrd", self.at / "p.nrrd", "--n_segments", mask.size // 250, "--compactness", 0.05, "--search", 2)
        pieces = sitk.GetArrayFromImage(sitk.ReadImage(str(self.at / "p.nrrd"))).astype(int)
        count = np.bincount(pieces.ravel())
        share = np.bincount(pieces.ravel(), mask.ravel()) / np.maximum(count, 1)
        self.assertGreater(((share > 0.2) & (share < 0.9)).sum(), 3)
        runs = 60
        drawn = [self.perturbed("--contour", "--seed", seed)[1] for seed in range(runs)]
        np.testing.assert_array_equal(self.perturbed("--contour", "--seed", 3)[1], drawn[3])
        kept = np.array([np.bincount(pieces.ravel(), one.ravel(), len(count)) / np.maximum(count, 1) for one in drawn])
        self.assertTrue((kept[:, share >= 0.9] == 1).all())
        self.assertTrue((kept[:, share.argmax()] == 1).all())
        self.assertLess(kept[:, (share < 0.2) & (count > 0)].max(), 0.5) # closed gaps only
        for piece in np.flatnonzero((share >= 0.2) & (share < 0.9)):
            if piece != share.argmax():
                often = (kept[:, piece] == 1).mean()
                self.assertLess(abs(often - share[piece]), 4 * np.sqrt(share[piece] * (1 - share[piece]) / runs), share[piece])


class Correlations(Case):
    RATINGS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])

    def icc(self, frame, *words):
        frame.to_csv(self.at / "t.csv", index=False)
        return {row["feature"]: row for row in csv.DictReader(self.program("icc", self.at / "t.csv", "-", *words).splitlines())}

    def long(self, values, name="f"):
        n, k = values.shape
        return pd.DataFrame({"subject": np.repeat([f"s{i}" for i in range(n)], k), "measurement": np.tile(np.arange(k), n), name: values.ravel()})

    def test_shrout_and_fleiss(self):
        for model, (icc, low, high) in {"1-1": (0.17, -0.13, 0.72), "2-1": (0.29, 0.02, 0.76), "3-1": (0.71, 0.34, 0.95)}.items():
            row = self.icc(self.long(self.RATINGS), "--model", model)["f"]
            for name, value in (("icc", icc), ("low", low), ("high", high)):
                self.assertAlmostEqual(float(row[name]), value, delta=0.005)

    def test_pingouin(self):
        """Several features, shuffled rows, offsets of raters; pingouin rounds its intervals to two digits."""
        rng = np.random.default_rng(5)
        frame = self.long(rng.normal(size=(12, 1)) + 0.4 * rng.normal(size=(12, 5)) + 0.5 * rng.normal(size=(1, 5)), "a")
        frame["b"] = self.long(1e6 + rng.normal(size=(12, 5)))["f"]
        frame["c"] = self.long(rng.normal(size=(12, 1)) * 50 + rng.normal(size=(12, 5)))["f"]
        frame = frame.sample(frac=1, random_state=1)
        for model, name in (("1-1", "ICC(1,1)"), ("2-1", "ICC(A,1)"), ("3-1", "ICC(C,1)")):
            found = self.icc(frame, "--model", model)
            for feature in "abc":
                theirs = pingouin.intraclass_corr(frame, "subject", "measurement", feature).set_index("Type").loc[name]
                self.assertAlmostEqual(float(found[feature]["icc"]), theirs["ICC"], delta=1e-9 if feature != "b" else 1e-6)
                np.testing.assert_allclose([float(found[feature]["low"]), float(found[feature]["high"])], theirs["CI95"], atol=0.0051)
        self.assertEqual(found["c"]["reliability"], "excellent")

    def test_missing_and_constant(self):
        frame = self.long(self.RATINGS.astype(float))
        frame["gap"], frame["flat"], frame["same"] = frame["f"], 3.0, np.repeat(self.RATINGS[:, 0], 4)
        frame.loc[5, "gap"] = np.nan
        found = self.icc(frame)
        whole = self.icc(self.long(np.delete(self.RATINGS, 1, 0)))["f"]
        self.assertEqual((found["gap"]["subjects"], found["gap"]["icc"]), ("5", whole["icc"]))
        self.assertEqual((found["flat"]["icc"], found["flat"]["reliability"]), ("", ""))
        self.assertEqual((found["same"]["icc"], found["same"]["low"]), ("1", "1"))
        frame.loc[0, "measurement"] = 1
        frame.to_csv(self.at / "t.csv", index=False)
        done = subprocess.run([os.environ["CORMACK"], "icc", self.at / "t.csv", "-"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("repeats a measurement", done.stderr)


class Command(Case):
    def test_by_hand(self):
        """Rows of values are perturb and then radiomics; the correlations are icc's of them; the bits do not depend on threads."""
        rng = np.random.default_rng(8)
        mask = ball((10, 36, 60), (5, 18, 16), 6).astype(np.uint8) + 4 * ball((10, 36, 60), (4, 17, 43), 7).astype(np.uint8)
        self.write("i.nrrd", (200 * ndimage.gaussian_filter(rng.normal(size=mask.shape), 1.5)).astype(np.int16))
        self.write("m.nrrd", mask)
        words = ["robustness", self.at / "i.nrrd", self.at / "m.nrrd", "--bin_width", 10, "--values", self.at / "v.csv", "--plot", self.at / "p.svg"]
        told = self.program(*words, "--rotation", "0,10", "--translation", "0,0.5", "--growth", 0, "--contours", 0)
        values = pd.read_csv(self.at / "v.csv", float_precision="round_trip")
        self.assertEqual(values.perturbed.tolist()[::2], ["none", "translation=0.5", "rotation=10", "rotation=10 translation=0.5"])
        features = list(values.columns[6:])
        for k, step in enumerate(([], ["--translation", 0.5], ["--rotation", 10], ["--rotation", 10, "--translation", 0.5])):
            self.perturbed(*step)
            self.program("radiomics", self.at / "io.nrrd", self.at / "mo.nrrd", "-o", self.at / "f.csv", "--bin_width", 10)
            pd.testing.assert_frame_equal(values[values.perturbation == k][["label", *features]].reset_index(drop=True), pd.read_csv(self.at / "f.csv", float_precision="round_trip")[["label", *features]], check_dtype=False, rtol=0, atol=0)
        values[["case", "label", "perturbation", *features]].to_csv(self.at / "w.csv", index=False)
        self.assertEqual(told, self.program("icc", self.at / "w.csv", "-", "--subject", "case,label", "--measurement", "perturbation"))
        plot = ElementTree.parse(self.at / "p.svg").getroot()
        self.assertEqual(plot.tag, "{http://www.w3.org/2000/svg}svg")
        self.assertIn("cm", [t.text for t in plot.iter("{http://www.w3.org/2000/svg}text")])
        told = [(self.program(*words, "--noise", 2, "--contours", 2, "--rotation", 5, "--threads", n), (self.at / "v.csv").read_text()) for n in (1, 4)]
        self.assertEqual(told[0], told[1])
        drawn = pd.read_csv(self.at / "v.csv")
        self.assertEqual(len(drawn), 2 * 3 * 4)
        self.assertEqual(drawn.stat_mean.nunique(), len(drawn))

    def test_table(self):
        """Cases of a table, one of which cannot be read; PyRadiomics' names; one feature a row in the plot."""
        for k in range(3):
            self.write(f"i{k}.nrrd", np.random.default_rng(k).integers(0, 50 + 50 * k, (9, 30, 30), np.int16))
        self.write("m.nrrd", ball((9, 30, 30), (4, 14, 15), 6).astype(np.uint8))
        (self.at / "c.csv").write_text("Image,Mask\ni0.nrrd,m.nrrd\ni1.nrrd,m.nrrd\nnone.nrrd,m.nrrd\ni2.nrrd,m.nrrd\n")
        (self.at / "p.yaml").write_text("setting: {binWidth: 10}\nfeatureClass: {firstorder: [Mean, Range], shape: [MeshVolume]}\n")
        done = subprocess.run([os.environ["CORMACK"], "robustness", self.at / "c.csv", "--params", self.at / "p.yaml", "--growth", "0,0.2", "--contours", "0", "--rotation", "0", "--plot", self.at / "p.svg"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("row 3 is left out", done.stderr)
        rows = {r["feature"]: r for r in csv.DictReader(done.stdout.splitlines())}
        self.assertEqual(set(rows), {"original_firstorder_Mean", "original_firstorder_Range", "original_shape_MeshVolume"})
        self.assertEqual({r["subjects"] for r in rows.values()}, {"3"})
        self.assertGreater(float(rows["original_firstorder_Mean"]["icc"]), 0.9)
        self.assertLess(float(rows["original_shape_MeshVolume"]["icc"]), 0.1)

    def test_left_out(self):
        """A region that vanishes under some perturbation is told, the plot tells its rule, and empty columns are no features."""
        mask = ball((9, 30, 60), (4, 14, 15), 6).astype(np.uint8)
        mask[4, 14, 45] = 2
        mask += 3 * ball((9, 30, 60), (4, 15, 33), 5).astype(np.uint8)
        self.write("i.nrrd", np.random.default_rng(1).integers(0, 90, mask.shape, np.int16))
        self.write("m.nrrd", mask)
        done = subprocess.run([os.environ["CORMACK"], "robustness", self.at / "i.nrrd", self.at / "m.nrrd", "--rotation", "0", "--translation", "0,0.5", "--growth", "0", "--contours", "0",
                               "--label", "0", "--values", self.at / "v.csv", "--plot", self.at / "p.svg"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"m\.nrrd, region 2: measured under 1 of 2 perturbations, so it is left out")
        self.assertNotRegex(done.stderr, "region [13]")
        self.assertEqual({r["subjects"] for r in csv.DictReader(done.stdout.splitlines()) if r["icc"]}, {"2"})
        drawn = [t.text for t in ElementTree.parse(self.at / "p.svg").getroot().iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("good: from 0.75", drawn)
        self.assertIn("Robustness of features, by the lower end of the interval", drawn)
        done = subprocess.run([os.environ["CORMACK"], "icc", self.at / "v.csv", "-", "--subject", "case,label", "--measurement", "perturbation"], capture_output=True, text=True)
        self.assertIn("column «name» has no number and is left out", done.stderr)
        self.assertNotIn("name", [r["feature"] for r in csv.DictReader(done.stdout.splitlines())])


if __name__ == "__main__":
    unittest.main()
