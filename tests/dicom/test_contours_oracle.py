"""Contours as label maps: the structure sets of the data against the masks that IBSI made of them (every voxel), and contours made here whose
voxels follow from geometry."""
import csv
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
try:
    import numpy as np
    import pydicom
    import SimpleITK as sitk
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid
    from skimage.measure import points_in_poly
    import makers
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", "../shared/data"))
STS, PHANTOM = DATA / "ibsi_sts_validation", DATA / "ibsi/data_sets/ibsi_1_ct_radiomics_phantom"
REAL = {f"STS_019 {kind}": (STS / f"dicom/STS_019/{kind}", STS / f"nifti/STS_019/{kind}_mask.nii.gz", "mask/RS.dcm") for kind in ("CT", "MR_T1", "PET")}
REAL["chest phantom"] = (PHANTOM / "dicom", PHANTOM / "nifti/mask/mask.nii.gz", "mask/DCM_RS_00060.dcm")
SPACING, ORIGIN = (0.8, 0.9, 2.5), (-10.0, 5.0, 30.0)
FRAME = "1.2.826.0.1.3680043.8.498.1"


def structures(path, rois, frame=FRAME):
    """rois: {name: [(type, points in mm)]}, numbered from 1."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.Modality = "RTSTRUCT"
    ds.StructureSetROISequence, ds.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(rois.items(), 1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame
        drawn.ReferencedROINumber, drawn.ROIDisplayColor, drawn.ContourSequence = number, [255, 10 * number, 0], []
        for kind, points in contours:
            one = Dataset()
            one.ContourGeometricType, one.NumberOfContourPoints = kind, len(points)
            one.ContourData = [f"{c:.6f}" for point in points for c in point]
            drawn.ContourSequence.append(one)
        ds.StructureSetROISequence.append(roi)
        ds.ROIContourSequence.append(drawn)
    ds.save_as(path, enforce_file_format=True)


def mm(*index):
    return [o + s * i for o, s, i in zip(ORIGIN, SPACING, index)]


def box(x0, y0, x1, y1, z):
    return [mm(x0, y0, z), mm(x1, y0, z), mm(x1, y1, z), mm(x0, y1, z)]


class Contours(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.folder.name)
        image = sitk.GetImageFromArray(np.zeros((6, 20, 24), np.int16))
        image.SetSpacing(SPACING)
        image.SetOrigin(ORIGIN)
        sitk.WriteImage(image, str(self.at / "image.nii.gz"))

    def tearDown(self):
        self.folder.cleanup()

    def program(self, *words):
        return subprocess.run([os.environ["CORMACK"], "contours", *map(str, words)], capture_output=True, text=True, env={**os.environ, "LC_ALL": "C.UTF-8"})

    def drawn(self, rois, *words, frame=FRAME):
        structures(self.at / "rs.dcm", rois, frame)
        done = self.program(self.at / "rs.dcm", self.at / "image.nii.gz", self.at / "out.nii.gz", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return sitk.GetArrayFromImage(sitk.ReadImage(str(self.at / "out.nii.gz"))), list(csv.DictReader(done.stdout.splitlines()))

    def refused(self, words, rois, *more):
        structures(self.at / "rs.dcm", rois)
        done = self.program(self.at / "rs.dcm", self.at / "image.nii.gz", self.at / "out.nii.gz", *more)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(words, done.stderr)
        self.assertIn("rs.dcm", done.stderr)

    @unittest.skipUnless(STS.exists(), f"no {STS}")
    def test_real(self):
        for name, (folder, mask, rs) in REAL.items():
            with self.subTest(name):
                done = self.program(folder / rs, folder / "image", self.at / "out.nii.gz")
                self.assertEqual(done.returncode, 0, done.stderr)
                ours, wanted = sitk.ReadImage(str(self.at / "out.nii.gz")), sitk.ReadImage(str(mask))
                self.assertEqual(ours.GetSize(), wanted.GetSize())
                np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.Resample(wanted, ours, sitk.Transform(), sitk.sitkNearestNeighbor)) > 0,
                                              sitk.GetArrayFromImage(ours) > 0)

    def test_hole_and_keyhole(self):
        """A box of 10 x 8 voxels with a hole of 4 x 3, as two contours and as one with a channel: the same voxels."""
        outer, inner = box(1.5, 2.5, 11.5, 10.5, 2), box(3.5, 4.5, 7.5, 7.5, 2)
        keyhole = [outer[0], outer[1], outer[2], outer[3], outer[0], inner[0], *inner[::-1]]
        wanted = np.zeros((6, 20, 24), bool)
        wanted[2, 3:11, 2:12] = True
        wanted[2, 5:8, 4:8] = False
        for contours in ([("CLOSED_PLANAR", outer), ("CLOSED_PLANAR", inner)], [("CLOSED_PLANAR", keyhole)], [("CLOSEDPLANAR_XOR", outer), ("CLOSEDPLANAR_XOR", inner)]):
            voxels, rows = self.drawn({"GTV": contours})
            np.testing.assert_array_equal(voxels == 1, wanted)
            self.assertEqual((rows[0]["name"], int(rows[0]["voxels [voxel]"])), ("GTV", 68))
            self.assertAlmostEqual(float(rows[0]["volume [mm3]"]), 68 * 0.8 * 0.9 * 2.5, places=4)  # NIfTI holds spacings as float

    def test_polygon(self):
        """A star that crosses itself, and a box between voxels: scikit-image's even-odd rule at the voxels' centres."""
        star = np.random.default_rng(3).uniform((-2, -2), (25, 21), (9, 2))
        square = np.array([[2.2, 3.3], [9.9, 3.3], [9.9, 12.1], [2.2, 12.1]])
        centres = np.stack(np.mgrid[:20, :24][::-1], -1).reshape(-1, 2)
        for corners in (star, square):
            voxels, _ = self.drawn({"one": [("CLOSED_PLANAR", [mm(x, y, 3.04) for x, y in corners])]})
            np.testing.assert_array_equal(voxels[3] == 1, points_in_poly(centres, corners).reshape(20, 24))

    def test_sagittal(self):
        """Contours stacked along x."""
        points = [mm(7, y, z) for y, z in ((2.5, 0.5), (9.5, 0.5), (9.5, 4.5), (2.5, 4.5))]
        voxels, _ = self.drawn({"cord": [("CLOSED_PLANAR", points)]})
        wanted = np.zeros((6, 20, 24), bool)
        wanted[1:5, 3:10, 7] = True
        np.testing.assert_array_equal(voxels == 1, wanted)

    def test_several(self):
        rois = {"a": [("CLOSED_PLANAR", box(0.5, 0.5, 4.5, 4.5, 0))], "b": [("CLOSED_PLANAR", box(3.5, 3.5, 8.5, 8.5, 0)), ("POINT", [mm(1, 1, 1)])],
                "far": [("CLOSED_PLANAR", box(0.5, 0.5, 4.5, 4.5, 9)), ("CLOSED_PLANAR", box(20.5, 0.5, 40, 4.5, 1))]}
        self.refused("overlaps «a»", rois)
        voxels, rows = self.drawn(rois, "--overlap", "last")
        self.assertEqual([(int(row["label"]), row["name"], int(row["contours"]), int(row["outside"]), int(row["not_closed"])) for row in rows],
                         [(1, "a", 1, 0, 0), (2, "b", 1, 0, 1), (3, "far", 2, 2, 0)])
        self.assertEqual([(voxels == k).sum() for k in (1, 2, 3)], [15, 25, 3 * 4])
        for roi in ("b", "2"):
            voxels, rows = self.drawn(rois, "--roi", roi)
            self.assertEqual((set(np.unique(voxels)), len(rows)), ({0, 2}, 1))
        self.refused("it has «a», «b», «far»", rois, "--roi", "c")

    def test_between_planes(self):
        """A contour between planes counts for the nearest one, with a warning; two of different planes for one slice are refused, two of the same plane are not."""
        for z, slice_at, told in ((2.09, 2, False), (2.3, 2, True), (2.7, 3, True)):
            structures(self.at / "rs.dcm", {"GTV": [("CLOSED_PLANAR", box(1.5, 2.5, 6.5, 7.5, z))]})
            done = self.program(self.at / "rs.dcm", self.at / "image.nii.gz", self.at / "out.nii.gz")
            self.assertEqual(done.returncode, 0, done.stderr)
            voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(self.at / "out.nii.gz")))
            self.assertEqual(set(np.nonzero(voxels)[0]), {slice_at})
            self.assertEqual("1 of its 1 contours lie between the image's planes, up to 0.75 mm off" in done.stderr, told, done.stderr)
        thin = {"GTV": [("CLOSED_PLANAR", box(1.5, 2.5, 6.5, 7.5, 1 + .4 * k)) for k in range(6)]}
        self.refused("they were drawn on other slices", thin)
        voxels, _ = self.drawn({"GTV": [("CLOSED_PLANAR", box(1.5, 2.5, 6.5, 7.5, 2.2)), ("CLOSED_PLANAR", box(3.5, 4.5, 5.5, 6.5, 2.3))]})
        self.assertEqual((voxels == 1).sum(), 25 - 4)

    def test_select(self):
        """A folder of two series: the message names the option."""
        for k, name in enumerate(("a", "b")):
            makers.save(self.at / "both" / name, [makers.sliced(makers.CT, "CT", n + 1, 2.5 * n, None, SeriesInstanceUID=f"1.2.3.{k}", SOPInstanceUID=f"1.2.3.{k}.{n}") for n in range(3)])
        frame = pydicom.dcmread(next((self.at / "both/a").iterdir())).FrameOfReferenceUID
        structures(self.at / "rs.dcm", {"GTV": [("CLOSED_PLANAR", [(-1, -1, 2.5), (1, -1, 2.5), (1, 1, 2.5)])]}, frame)
        words = self.at / "rs.dcm", self.at / "both", self.at / "out.nii.gz"
        done = self.program(*words)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--select", done.stderr)
        self.assertEqual(self.program(*words, "--select", "1.2.3.1").returncode, 0)

    def test_refused(self):
        self.refused("crosses", {"oblique": [("CLOSED_PLANAR", [mm(1, 1, 1), mm(9, 1, 1.4), mm(9, 9, 2.2), mm(2, 9, 1)])]})
        self.refused("at least 3 points", {"line": [("CLOSED_PLANAR", [mm(1, 1, 1), mm(9, 1, 1)])]})
        done = self.program(self.at / "image.nii.gz", self.at / "image.nii.gz", self.at / "out.nii.gz")
        self.assertEqual(done.returncode, 2)

    @unittest.skipUnless(STS.exists(), f"no {STS}")
    def test_frame_of_reference(self):
        """The contours of one scanner on the image of another."""
        folder = self.at / "other"
        folder.mkdir()
        for path in (STS / "dicom/STS_019/CT/image").iterdir():
            ds = pydicom.dcmread(path)
            ds.FrameOfReferenceUID = "1.2.3.4"
            ds.save_as(folder / path.name)
        done = self.program(STS / "dicom/STS_019/CT/mask/RS.dcm", folder, self.at / "out.nii.gz")
        self.assertEqual(done.returncode, 2)
        self.assertIn("frame of reference", done.stderr)


if __name__ == "__main__":
    unittest.main()
