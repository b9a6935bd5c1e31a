"""Regions from DICOM: each one of a segmentation that highdicom wrote (they overlap) and of a structure set has the features of the same voxels given
as a plain mask; what overlaps, reaches out of the image or lies on another grid is told or refused."""
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
try:
    import highdicom as hd
    import numpy as np
    import pydicom
    import SimpleITK as sitk
    from pydicom.sr.codedict import codes
    import makers
    from test_contours_oracle import structures
    from test_segmentation_write_oracle import TURNED, source
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
ROWS, COLUMNS, SLICES = makers.ROWS, makers.COLUMNS, 7


def balls():
    """Three regions that overlap, as z, y, x."""
    z, y, x = np.mgrid[:SLICES, :ROWS, :COLUMNS]
    return {"tumour": (x - 8) ** 2 + (y - 7) ** 2 + (2 * (z - 3)) ** 2 < 30, "lobe": (x > 5) & (y > 2) & (z > 1) & (z < 6), "node": (x < 4) & (y > 11) & (z > 2)}


def segmentation(path, files, masks):
    """highdicom leaves out empty planes."""
    sources = sorted((pydicom.dcmread(f) for f in files), key=lambda d: d.InstanceNumber)
    kinds = [hd.seg.SegmentDescription(k, name, codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm, hd.seg.SegmentAlgorithmTypeValues.MANUAL) for k, name in enumerate(masks, 1)]
    seg = hd.seg.Segmentation(sources, np.stack(list(masks.values()), -1).astype(np.uint8), hd.seg.SegmentationTypeValues.BINARY, kinds, hd.UID(), 5, hd.UID(), 1, "Maker", "Model", "1", "1")
    seg.save_as(path)


class RegionsCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def program(self, *words):
        return subprocess.run([os.environ["CORMACK"], *map(str, words)], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})

    def made(self, orientation=(1, 0, 0, 0, 1, 0)):
        folder = source(self.at / "ct", orientation=orientation, pixels=np.random.default_rng(5).integers(800, 1200, (SLICES, ROWS, COLUMNS), np.int16))
        self.assertEqual(self.program("convert", folder, self.at / "ct.nrrd").returncode, 0)
        return folder, sitk.ReadImage(str(self.at / "ct.nrrd"))


class Regions(RegionsCase):
    def rows(self, *words):
        done = self.program("radiomics", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return list(csv.DictReader(done.stdout.splitlines())), done.stderr

    def plain(self, mask, like, *words):
        """The features of a mask given as a label map."""
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.CopyInformation(like)
        sitk.WriteImage(image, str(self.at / "mask.nrrd"))
        (row,), _ = self.rows(self.at / "ct.nrrd", self.at / "mask.nrrd", *words)
        return {k: v for k, v in row.items() if k not in ("label", "name") and not k.startswith("diagnostics_")}

    def same(self, row, expected):
        self.assertEqual({k: row[k] for k in expected}, expected)

    def test_segments_overlap(self):
        for name, orientation in (("axial", (1, 0, 0, 0, 1, 0)), ("oblique", TURNED)):
            for words in ([], ["--convention", "pyradiomics"]):
                with self.subTest(f"{name} {words}"):
                    folder, like = self.made(orientation)
                    masks = balls()
                    segmentation(self.at / "seg.dcm", folder.iterdir(), masks)
                    rows, told = self.rows(folder, self.at / "seg.dcm", *words)
                    self.assertEqual([(r["label"], r["name"], r["outside [voxel]"]) for r in rows], [(str(k), n, "0") for k, n in enumerate(masks, 1)])
                    for row, mask in zip(rows, masks.values()):
                        self.same(row, self.plain(mask, like, *words))
                    both = int((masks["tumour"] & masks["lobe"]).sum())
                    self.assertEqual([r["overlaps"] for r in rows], [f"{both} in lobe", f"{both} in tumour", ""])
                    self.assertIn("overlaps others", told)

    def test_chosen(self):
        folder, _ = self.made()
        segmentation(self.at / "seg.dcm", folder.iterdir(), balls())
        every, _ = self.rows(folder, self.at / "seg.dcm")
        for words, wanted in ((["--regions", "node,1"], [0, 2]), (["--label", "2"], [1])):
            rows, _ = self.rows(folder, self.at / "seg.dcm", *words)
            self.assertEqual([{**r, "overlaps": ""} for r in rows], [{**every[k], "overlaps": ""} for k in wanted])
        refused = self.program("radiomics", folder, self.at / "seg.dcm", "--regions", "liver")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("«tumour»", refused.stderr)
        one = self.program("convert", self.at / "seg.dcm", self.at / "one.nrrd", "--segment", 2)
        self.assertEqual(one.returncode, 0, one.stderr)
        self.assertEqual(set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(self.at / "one.nrrd"))))), {0, 2})
        self.assertIn("--segment", self.program("convert", self.at / "seg.dcm", self.at / "all.nrrd").stderr)

    def test_contours(self):
        """Two boxes, one of which leaves the image on two sides and at the top."""
        folder, like = self.made()
        frame = pydicom.dcmread(next(folder.iterdir())).FrameOfReferenceUID
        drawn, masks = {}, {}
        for name, (x0, y0, z0, x1, y1, z1) in {"in": (3, 4, 1, 12, 12, 5), "out": (-6, 8, 3, 9, ROWS + 2, 9)}.items():
            corners = [(x0 - .5, y0 - .5), (x1 - .5, y0 - .5), (x1 - .5, y1 - .5), (x0 - .5, y1 - .5)]
            drawn[name] = [("CLOSED_PLANAR", [like.TransformContinuousIndexToPhysicalPoint((x, y, float(z))) for x, y in corners]) for z in range(z0, z1)]
            masks[name] = np.zeros((SLICES, ROWS, COLUMNS), bool)
            masks[name][max(z0, 0):z1, max(y0, 0):y1, max(x0, 0):x1] = True
        structures(self.at / "rs.dcm", drawn, frame)
        rows, told = self.rows(folder, self.at / "rs.dcm")
        for row, mask in zip(rows, masks.values()):
            self.same(row, self.plain(mask, like))
        lost = 15 * (ROWS + 2 - 8) * 6 - int(masks["out"].sum())
        self.assertEqual([r["outside [voxel]"] for r in rows], ["0", str(lost)])
        self.assertEqual(rows[0]["overlaps"], f"{(masks['in'] & masks['out']).sum()} in out")
        self.assertIn(f"{lost} of its", told)

    def test_other_grids(self):
        """Parts of the image's grid, turned by right angles, are taken voxel by voxel; others only when asked."""
        folder, like = self.made(TURNED)
        mask = balls()["tumour"]
        expected = self.plain(mask, like)
        labels = sitk.GetImageFromArray(mask.astype(np.uint8) * 7)
        labels.CopyInformation(like)
        part = labels[2:, 1:14, 1:6]
        turned = sitk.PermuteAxes(part, [2, 0, 1])[::-1, :, :]
        for image in (part, turned):
            sitk.WriteImage(image, str(self.at / "part.nrrd"))
            (row,), _ = self.rows(folder, self.at / "part.nrrd", "--regions", 7)
            self.same(row, expected)
            self.assertEqual(row["outside [voxel]"], str(int(mask.sum() - sitk.GetArrayFromImage(image).astype(bool).sum())))
        fine = sitk.Resample(labels, [2 * n for n in labels.GetSize()], sitk.Transform(), sitk.sitkNearestNeighbor, labels.TransformContinuousIndexToPhysicalPoint([-.25] * 3),
                             [s / 2 for s in labels.GetSpacing()], labels.GetDirection())
        sitk.WriteImage(fine, str(self.at / "fine.nrrd"))
        refused = self.program("radiomics", folder, self.at / "fine.nrrd", "--regions", 7)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("--resample_mask", refused.stderr)
        (row,), _ = self.rows(folder, self.at / "fine.nrrd", "--resample_mask")
        self.same(row, expected)
        segmentation(self.at / "seg.dcm", folder.iterdir(), balls())
        other = pydicom.dcmread(self.at / "seg.dcm")
        other.FrameOfReferenceUID = "1.2.3.4"
        other.save_as(self.at / "other.dcm")
        refused = self.program("radiomics", folder, self.at / "other.dcm", "--resample_mask")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("frame of reference", refused.stderr)

    def test_table(self):
        """A row that names a region, one that has all of them, and one that cannot be done."""
        folder, _ = self.made()
        segmentation(self.at / "seg.dcm", folder.iterdir(), balls())
        (self.at / "cases.csv").write_text("Image,Mask,Label,Patient\nct,seg.dcm,lobe,A\nct,seg.dcm,,B\nct,seg.dcm,liver,C\n")
        done = self.program("radiomics", self.at / "cases.csv", "-o", self.at / "f.csv", "--sr", self.at / "reports")
        self.assertEqual(done.returncode, 1, done.stderr)
        with open(self.at / "f.csv") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(r["Patient"], r["name"]) for r in rows], [("A", "lobe"), ("B", "tumour"), ("B", "lobe"), ("B", "node")])
        self.same(rows[2], {k: v for k, v in rows[0].items() if k not in ("Patient", "Label", "overlaps")})
        self.assertEqual(sorted(p.name for p in (self.at / "reports").iterdir()), ["row00001.dcm", "row00002.dcm"])
        self.assertIn("«tumour»", (self.at / "f.csv.quarantine.csv").read_text())


if __name__ == "__main__":
    unittest.main()
