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

    def maps(self, *words):
        done = self.program("radiomics", *words, "--mode", "voxel", "--firstorder", "Mean,Entropy", "--glcm", "Contrast", "--glrlm", "none", "--glszm", "none", "--ngtdm", "none",
                            "--gldm", "none")
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def same_maps(self, folder, mask, like):
        """Those of the same voxels given as a plain mask."""
        image = sitk.GetImageFromArray(mask.astype(np.uint8))
        image.CopyInformation(like)
        sitk.WriteImage(image, str(self.at / "mask.nrrd"))
        self.maps(self.at / "ct.nrrd", self.at / "mask.nrrd", "-o", self.at / "plain")
        names = sorted(p.name for p in (self.at / "plain").glob("*.nrrd"))
        self.assertEqual(names, ["original_firstorder_Entropy.nrrd", "original_firstorder_Mean.nrrd", "original_glcm_Contrast.nrrd"])
        self.assertEqual(sorted(p.name for p in folder.glob("*.nrrd")), names)
        for name in names:
            self.assertEqual((folder / name).read_bytes(), (self.at / "plain" / name).read_bytes(), name)

    def listed(self, path):
        with open(path) as file:
            return list(csv.DictReader(file))

    def test_maps(self):
        """Of segments that overlap, one of them too small; of contours; of all labels of a map."""
        folder, like = self.made()
        masks = balls()
        masks["a/b"] = np.zeros_like(masks["node"])
        masks["a/b"][1, 1, 1] = True
        segmentation(self.at / "seg.dcm", folder.iterdir(), masks)
        told = self.maps(folder, self.at / "seg.dcm", "-o", self.at / "maps")
        self.assertIn("«a/b» cannot be", told)
        self.assertIn("single voxel", told)
        rows = self.listed(self.at / "maps/maps.csv")
        self.assertEqual([(r["label"], r["name"], r["original_glcm_Contrast"]) for r in rows],
                         [(str(k), n, f"{n}/original_glcm_Contrast.nrrd" if k < 4 else "") for k, n in enumerate(masks, 1)])
        for name in ("tumour", "lobe", "node"):
            self.same_maps(self.at / "maps" / name, masks[name], like)
        self.maps(folder, self.at / "seg.dcm", "--regions", "lobe", "-o", self.at / "one")
        self.assertEqual(sorted(p.name for p in (self.at / "one").iterdir()), ["lobe", "maps.csv"])
        self.maps(folder, self.at / "seg.dcm", "--label", 3, "-o", self.at / "two")
        self.assertEqual(sorted(p.name for p in (self.at / "two").iterdir()), ["maps.csv", "node"])
        frame = pydicom.dcmread(next(folder.iterdir())).FrameOfReferenceUID
        corners = [(2.5, 3.5), (9.5, 3.5), (9.5, 8.5), (2.5, 8.5)]
        drawn = [("CLOSED_PLANAR", [like.TransformContinuousIndexToPhysicalPoint((x, y, float(z))) for x, y in corners]) for z in range(2, 5)]
        structures(self.at / "rs.dcm", {"GTV 1": drawn}, frame)
        self.maps(folder, self.at / "rs.dcm", "-o", self.at / "drawn")
        inside = np.zeros((SLICES, ROWS, COLUMNS), bool)
        inside[2:5, 4:9, 3:10] = True
        self.same_maps(self.at / "drawn/GTV%201", inside, like)
        labels = sitk.GetImageFromArray(np.where(masks["node"], 7, np.where(inside, 2, 0)).astype(np.uint8))
        labels.CopyInformation(like)
        sitk.WriteImage(labels, str(self.at / "labels.nrrd"))
        self.maps(folder, self.at / "labels.nrrd", "--label", 0, "-o", self.at / "all")
        self.same_maps(self.at / "all/7", masks["node"], like)
        self.assertTrue((self.at / "all/2").is_dir())

    def test_maps_table(self):
        """Kept results serve again while their files stand, and are made again where they do not."""
        folder, like = self.made()
        masks = balls()
        segmentation(self.at / "seg.dcm", folder.iterdir(), masks)
        (self.at / "cases.csv").write_text("Patient,Image,Mask,Label\nA,ct.nrrd,seg.dcm,lobe\nB,ct.nrrd,,\nC,ct.nrrd,seg.dcm,3\n")
        words = self.at / "cases.csv", "--mode", "voxel", "-o", self.at / "maps", "--glrlm", "none", "--glszm", "none", "--ngtdm", "none", "--gldm", "none", "--glcm", "Contrast", "--firstorder", "Mean,Entropy"
        done = self.program("radiomics", *words)
        self.assertEqual(done.returncode, 1, done.stderr)
        rows = self.listed(self.at / "maps/maps.csv")
        self.assertEqual([(r["Patient"], r["name"], r["original_firstorder_Mean"]) for r in rows],
                         [("A", "lobe", "row00001/lobe/original_firstorder_Mean.nrrd"), ("C", "node", "row00003/node/original_firstorder_Mean.nrrd")])
        self.same_maps(self.at / "maps/row00001/lobe", masks["lobe"], like)
        (refused,) = self.listed(self.at / "maps/maps.csv.quarantine.csv")
        self.assertEqual((refused["row"], refused["Patient"], refused["Image"]), ("2", "B", "ct.nrrd"))
        self.assertIn("Mask is empty", refused["reason"])
        first, second = (self.at / f"maps/row0000{k}/{n}/original_firstorder_Mean.nrrd" for k, n in ((1, "lobe"), (3, "node")))
        kept, table = first.stat().st_mtime_ns, (self.at / "maps/maps.csv").read_bytes()
        second.write_bytes(b"gone")
        self.assertEqual(self.program("radiomics", *words).returncode, 1)
        self.assertEqual(first.stat().st_mtime_ns, kept)
        self.same_maps(second.parent, masks["node"], like)
        self.assertEqual((self.at / "maps/maps.csv").read_bytes(), table)

    def test_fractional(self):
        """Voxels of more than one half of the largest value are in."""
        folder, like = self.made()
        share = np.random.default_rng(7).integers(0, 256, (SLICES, ROWS, COLUMNS))
        sources = sorted((pydicom.dcmread(f) for f in folder.iterdir()), key=lambda d: d.InstanceNumber)
        kind = hd.seg.SegmentDescription(1, "part", codes.SCT.MorphologicallyAbnormalStructure, codes.SCT.Neoplasm, hd.seg.SegmentAlgorithmTypeValues.MANUAL)
        for most in (255, 200):
            seg = hd.seg.Segmentation(sources, share / 255, hd.seg.SegmentationTypeValues.FRACTIONAL, [kind], hd.UID(), 5, hd.UID(), 1, "Maker", "Model", "1", "1", max_fractional_value=most)
            seg.save_as(self.at / "seg.dcm")
            stored = np.zeros_like(share)
            for item, frame in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array):
                stored[like.TransformPhysicalPointToIndex([float(v) for v in item.PlanePositionSequence[0].ImagePositionPatient])[2]] = frame
            (row,), told = self.rows(folder, self.at / "seg.dcm")
            self.assertIn("fractional", told)
            self.same(row, self.plain(2 * stored > most, like))

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
