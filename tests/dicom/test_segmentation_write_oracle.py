"""Segmentations that we write: valid by dciodvfy; every voxel where pydicom finds it by the frames' positions and segment numbers; references to the
slices at those positions; read back by us."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
try:
    import numpy as np
    import pydicom
    import SimpleITK as sitk
    import makers
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)

TURNED = [0.8, 0.6, 0, -0.6, 0.8, 0]  # rows and columns


def source(folder, count=7, step=2.5, orientation=(1, 0, 0, 0, 1, 0), pixels=None):
    normal = np.cross(orientation[:3], orientation[3:])
    return makers.save(folder, [makers.sliced(makers.CT, "CT", k + 1, 0, None if pixels is None else pixels[k], RescaleSlope=1, RescaleIntercept=-1000, ImageOrientationPatient=list(orientation),
                                              ImagePositionPatient=[float(f"{v:.6f}") for v in np.array([-10, -8, 3]) + step * k * normal],
                                              AccessionNumber="A1", ReferringPhysicianName="", PatientBirthDate="", PatientSex="O", StudyID="1",
                                              Manufacturer="Maker", PositionReferenceIndicator="") for k in range(count)])


class Segmentation(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def program(self, *words):
        return subprocess.run([os.environ["CORMACK"], *map(str, words)], capture_output=True, text=True)

    def written(self, labels, *words, **made):
        """labels: z, y, x; the file as pydicom reads it."""
        folder = source(self.at / "ct", **made)
        self.assertEqual(self.program("convert", folder, self.at / "ct.nii.gz").returncode, 0)
        like = sitk.ReadImage(str(self.at / "ct.nii.gz"))
        image = sitk.GetImageFromArray(labels)
        image.CopyInformation(like)
        sitk.WriteImage(image, str(self.at / "labels.nrrd"))
        done = self.program("segmentation", self.at / "labels.nrrd", folder, self.at / "seg.dcm", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return image, pydicom.dcmread(self.at / "seg.dcm")

    def check(self, image, seg):
        labels = sitk.GetArrayFromImage(image)
        found = np.zeros_like(labels)
        present = [int(v) for v in np.unique(labels) if v]
        self.assertEqual([int(s.SegmentNumber) for s in seg.SegmentSequence], list(range(1, len(present) + 1)))
        shared = seg.SharedFunctionalGroupsSequence[0]
        rows, columns = np.split(np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float), 2)
        dy, dx = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
        sources = {pydicom.dcmread(p).SOPInstanceUID: pydicom.dcmread(p) for p in (self.at / "ct").iterdir()}
        self.assertEqual(int(seg.NumberOfFrames), sum((labels == v).any(axis=(1, 2)).sum() for v in present))
        frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
        for frame, group in zip(frames, seg.PerFrameFunctionalGroupsSequence):
            corner = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
            label = present[int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber) - 1]
            for y, x in np.argwhere(frame):
                i, j, k = image.TransformPhysicalPointToIndex((corner + x * dx * rows + y * dy * columns).tolist())
                found[k, j, i] = label
            reference = group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
            np.testing.assert_allclose(np.array(sources[reference].ImagePositionPatient, float), corner, atol=1e-4)
        np.testing.assert_array_equal(found, labels)
        self.assertEqual({str(i.ReferencedSOPInstanceUID) for i in seg.ReferencedSeriesSequence[0].ReferencedInstanceSequence}, {str(uid) for uid in sources})
        one = next(iter(sources.values()))
        for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID", "StudyDate", "AccessionNumber"):
            self.assertEqual(seg[keyword].value, one[keyword].value, keyword)
        self.assertNotEqual(seg.SeriesInstanceUID, one.SeriesInstanceUID)

    def valid(self):
        if not shutil.which("dciodvfy"):
            self.skipTest("dciodvfy is not installed")
        told = subprocess.run(["dciodvfy", str(self.at / "seg.dcm")], capture_output=True, text=True).stderr.splitlines()
        self.assertEqual([line for line in told if line.startswith("Error")], [])

    def test_random(self):
        labels = np.random.default_rng(1).choice(np.array([0, 0, 0, 1, 4, 300], np.uint16), (7, makers.ROWS, makers.COLUMNS))
        labels[3] = 0
        image, seg = self.written(labels)
        self.check(image, seg)
        self.valid()
        self.assertEqual([s.SegmentLabel for s in seg.SegmentSequence], ["Label 1", "Label 4", "Label 300"])

    def test_turned_and_read_back(self):
        z, y, x = np.mgrid[:7, : makers.ROWS, : makers.COLUMNS]
        labels = ((x - 9) ** 2 + (y - 5) ** 2 < 16).astype(np.uint8) + 2 * ((x < 4) & (z > 2)).astype(np.uint8)
        image, seg = self.written(labels, "--names", "tumour,edge", orientation=TURNED)
        self.check(image, seg)
        self.valid()
        self.assertEqual([s.SegmentLabel for s in seg.SegmentSequence], ["tumour", "edge"])
        self.assertEqual(self.program("convert", self.at / "seg.dcm", self.at / "back.nii.gz").returncode, 0)
        back = sitk.Resample(sitk.ReadImage(str(self.at / "back.nii.gz")), image, sitk.Transform(), sitk.sitkNearestNeighbor)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(back), labels)

    def test_refused(self):
        folder = source(self.at / "ct")
        for voxels, words in ((np.zeros((7, 16, 20), np.uint8), "empty"), (np.full((7, 16, 20), -3, np.int16), "negative"), (np.full((7, 16, 20), 0.5, np.float32), "label map")):
            sitk.WriteImage(sitk.GetImageFromArray(voxels), str(self.at / "odd.nrrd"))
            done = self.program("segmentation", self.at / "odd.nrrd", folder, self.at / "seg.dcm")
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
            self.assertFalse((self.at / "seg.dcm").exists())


if __name__ == "__main__":
    unittest.main()
