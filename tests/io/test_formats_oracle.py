"""Images against nibabel, SimpleITK, pynrrd, Pillow, tifffile and NumPy, in both directions, and all real files of the formats.

Every comparison is exact for voxels; geometry within 1e-5 mm where the peer keeps floats (NIfTI headers), 1e-9 relative elsewhere.
"""
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

try:
    import nibabel as nib
    import nrrd
    import numpy as np
    import SimpleITK as sitk
    import tifffile
    from PIL import Image
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

warnings.simplefilter("ignore")
sitk.ProcessObject.SetGlobalWarningDisplay(False)
CORMACK = os.environ["CORMACK"]
DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", "absent"))
FLIP = np.diag([-1.0, -1.0, 1.0])


def cormack(*words):
    done = subprocess.run([CORMACK, *map(str, words), "--quiet"], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def convert(source, target, *options):
    code, _, message = cormack("convert", source, target, *options)
    return None if code == 0 else message


def info(path):
    code, text, message = cormack("info", path, "--json")
    assert code == 0, message
    return json.loads(text)["images"][0]


def lps_affine(image):
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(image["direction"]).reshape(3, 3) @ np.diag(image["spacing_mm"])
    matrix[:3, 3] = image["origin_mm"]
    return matrix


def as_peers_see(path):
    """Voxels in SimpleITK's order (t, z, y, x[, c])."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def example(dtype, shape, seed=1):
    values = np.random.default_rng(seed).integers(0, 120, shape)
    return (values if np.dtype(dtype).kind in "ui" else values / 7).astype(dtype)


def turned(image):
    image.SetSpacing([0.7, 1 / 3, 2.1][: image.GetDimension()])
    image.SetOrigin([-123.456, 0.001, 98.7654321][: image.GetDimension()])
    c, s = 0.8, 0.6
    image.SetDirection([c, -s, 0, s, c, 0, 0, 0, 1] if image.GetDimension() == 3 else [c, -s, s, c])
    return image


TYPES = ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"]


class Both(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_same_image(self, a, b, exact):
        a, b = sitk.ReadImage(str(a)), sitk.ReadImage(str(b))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(a), sitk.GetArrayFromImage(b))
        self.assertEqual(a.GetPixelIDTypeAsString(), b.GetPixelIDTypeAsString())
        for of in ("GetSpacing", "GetOrigin", "GetDirection"):
            np.testing.assert_allclose(getattr(a, of)(), getattr(b, of)(), rtol=1e-9 if exact else 1e-5, atol=1e-9 if exact else 1e-5)

    def test_simpleitk_reads_what_we_write_and_we_what_it_writes(self):
        for extension in (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"):
            for dtype in TYPES:
                for shape in ((4, 3, 5), (6, 7)):
                    with self.subTest(extension=extension, dtype=dtype, shape=shape):
                        image = turned(sitk.GetImageFromArray(example(dtype, shape)))
                        theirs, ours = self.folder / f"theirs{extension}", self.folder / f"ours{extension}"
                        sitk.WriteImage(image, str(theirs))
                        self.assertIsNone(convert(theirs, ours))
                        self.assert_same_image(theirs, ours, not extension.startswith(".nii"))

    def test_vector_images(self):
        for extension in (".nii.gz", ".nrrd", ".mha"):
            for components, dtype in ((2, "f4"), (3, "u1"), (4, "u1"), (5, "i2")):
                with self.subTest(extension=extension, components=components):
                    array = example(dtype, (4, 3, 5, components))
                    theirs, ours = self.folder / f"t{extension}", self.folder / f"o{extension}"
                    sitk.WriteImage(turned(sitk.GetImageFromArray(array, isVector=True)), str(theirs))
                    self.assertIsNone(convert(theirs, ours))
                    np.testing.assert_array_equal(as_peers_see(ours), array)

    def test_nibabel_reads_what_we_write(self):
        for dtype in TYPES:
            for shape in ((5, 4, 3), (5, 4, 3, 2)):
                array = example(dtype, shape)
                affine = np.array([[0, -2.0, 0, 5.5], [1.5, 0, 0, -6], [0, 0, 3, 7], [0, 0, 0, 1]])
                for kind in (nib.Nifti1Image, nib.Nifti2Image):
                    theirs, ours = self.folder / "t.nii.gz", self.folder / "o.nii.gz"
                    image = kind(array, affine, dtype=array.dtype)
                    image.header.set_xyzt_units("mm", "sec")
                    if len(shape) == 4:
                        image.header["pixdim"][4] = 2.5
                    image.to_filename(theirs)
                    self.assertIsNone(convert(theirs, ours))
                    back = nib.load(ours)
                    np.testing.assert_array_equal(np.asanyarray(back.dataobj), array)
                    self.assertEqual(back.get_data_dtype(), array.dtype)
                    np.testing.assert_allclose(back.affine, affine, atol=1e-6)
                    np.testing.assert_allclose(back.get_qform(), affine, atol=1e-5)
                    if len(shape) == 4:
                        self.assertEqual(back.header.get_zooms()[3], np.float32(2.5))

    def test_scaled_nifti_is_what_nibabel_computes(self):
        for slope, inter, dtype, expected in ((1, -1024, "u1", "i2"), (2, 1, "i2", "i4"), (0.5, 0.25, "i2", "f4"), (0.1, 3, "i2", "f8"), (1, 0, "i2", "i2")):
            with self.subTest(slope=slope, inter=inter):
                array = example(dtype, (6, 5, 4))
                image = nib.Nifti1Image(array, np.diag([1, 2, 3, 1.0]))
                image.header.set_slope_inter(slope, inter)
                image.to_filename(self.folder / "s.nii")
                with open(self.folder / "s.nii", "r+b") as file:  # nibabel rescales what it writes: put the numbers in
                    file.seek(112)
                    file.write(np.array([slope, inter], "<f4").tobytes())
                    file.seek(352)
                    file.write(array.tobytes(order="F"))
                self.assertIsNone(convert(self.folder / "s.nii", self.folder / "o.npy"))
                ours = np.load(self.folder / "o.npy")
                self.assertEqual(ours.dtype, np.dtype(expected))
                np.testing.assert_array_equal(ours.T.astype("f8"), nib.load(self.folder / "s.nii").get_fdata())

    def test_big_endian_and_wide_types(self):
        affine = np.diag([1, 2, 3, 1.0])
        for dtype, expected in ((">i2", "i2"), (">f8", "f8"), ("i8", "i4"), ("u8", "i4")):
            array = example(dtype, (4, 3, 2))
            header = nib.Nifti1Header(endianness=">" if dtype[0] == ">" else "<")
            header.set_data_dtype(np.dtype(dtype))
            nib.Nifti1Image(array, affine, header, dtype=np.dtype(dtype)).to_filename(self.folder / "b.nii")
            self.assertIsNone(convert(self.folder / "b.nii", self.folder / "b.npy"))
            ours = np.load(self.folder / "b.npy")
            self.assertEqual(ours.dtype, np.dtype(expected))
            np.testing.assert_array_equal(ours.T, array)
        array = np.full((2, 2, 2), 2**53 + 1, "i8")
        nib.Nifti1Image(array, affine, dtype="i8").to_filename(self.folder / "w.nii")
        self.assertIn("2^53", convert(self.folder / "w.nii", self.folder / "w.npy"))
        nib.Nifti1Image(array.astype("c8"), affine).to_filename(self.folder / "c.nii")
        self.assertIn("complex", convert(self.folder / "c.nii", self.folder / "c.npy"))

    def test_pairs_units_and_contradictions(self):
        array = example("i2", (4, 3, 2))
        image = nib.Nifti1Pair(array, np.diag([-1.5, 2, 3, 1]))
        image.to_filename(self.folder / "p.hdr")
        self.assertIsNone(convert(self.folder / "p.hdr", self.folder / "p.npy"))
        np.testing.assert_array_equal(np.load(self.folder / "p.npy").T, array)
        image = nib.Nifti1Image(array, np.diag([1500, 2000, 3000, 1.0]))
        image.header.set_xyzt_units("micron", "msec")
        image.to_filename(self.folder / "u.nii")
        np.testing.assert_allclose(info(self.folder / "u.nii")["spacing_mm"], [1.5, 2, 3])
        sheared = np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
        image = nib.Nifti1Image(array, sheared)
        image.to_filename(self.folder / "sh.nii")
        self.assertIn("sheared", convert(self.folder / "sh.nii", self.folder / "x.nii"))
        image.set_sform(sheared, code="mni")
        image.set_qform(np.diag([2, 2, 2, 1.0]), code="scanner")
        image.to_filename(self.folder / "q.nii")
        np.testing.assert_allclose(info(self.folder / "q.nii")["spacing_mm"], [2, 2, 2])
        image = nib.Nifti1Image(array, None)
        image.header["pixdim"][1:4] = [1.5, 2, 3]
        image.header["qform_code"] = image.header["sform_code"] = 0
        image.to_filename(self.folder / "none.nii")
        theirs, ours = sitk.ReadImage(str(self.folder / "none.nii")), info(self.folder / "none.nii")
        self.assertEqual((list(theirs.GetSpacing()), list(theirs.GetOrigin()), list(theirs.GetDirection())),
                         (ours["spacing_mm"], ours["origin_mm"], ours["direction"]))
        image = nib.Nifti1Image(array, np.diag([1, 2, 3, 1.0]))
        image.to_filename(self.folder / "d.nii")
        with open(self.folder / "d.nii", "r+b") as file:
            file.seek(80)
            file.write(np.array([1.3], "<f4").tobytes())
        self.assertIn("contradicts", convert(self.folder / "d.nii", self.folder / "x.nii"))

    def test_nrrd_spaces_and_encodings_against_pynrrd(self):
        array = example("i2", (4, 3, 2))
        directions = np.array([[0, 1.5, 0], [-2.0, 0, 0], [0, 0, 3]])
        for space, flip in (("left-posterior-superior", [1, 1, 1]), ("right-anterior-superior", [-1, -1, 1]), ("LAS", [1, -1, 1])):
            for encoding in ("raw", "gzip", "ascii"):
                with self.subTest(space=space, encoding=encoding):
                    path = self.folder / "n.nrrd"
                    nrrd.write(str(path), array, {"space": space, "space directions": directions, "space origin": [1, 2, 3], "encoding": encoding})
                    self.assertIsNone(convert(path, self.folder / "n.npy"))
                    np.testing.assert_array_equal(np.load(self.folder / "n.npy").T, array)
                    expected = np.eye(4)
                    expected[:3, :3] = np.diag(flip) @ directions.T
                    expected[:3, 3] = np.multiply(flip, [1, 2, 3])
                    np.testing.assert_allclose(lps_affine(info(path)), expected)
        self.assertIsNone(convert(self.folder / "n.nrrd", self.folder / "ours.nrrd"))
        back, header = nrrd.read(str(self.folder / "ours.nrrd"))
        np.testing.assert_array_equal(back, array)
        for files in ("LIST\na.raw\nb.raw", "s%d.raw 1 2 1"):
            np.save(self.folder / "x.npy", array)
            flat = array.ravel(order="F")
            for name, part in zip(("a.raw", "b.raw"), np.split(flat, 2)):
                part.tofile(self.folder / name)
                part.tofile(self.folder / {"a.raw": "s1.raw", "b.raw": "s2.raw"}[name])
            (self.folder / "l.nhdr").write_text(f"NRRD0004\ntype: short\ndimension: 3\nsizes: 4 3 2\nencoding: raw\nendian: little\ndata file: {files}\n")
            self.assertIsNone(convert(self.folder / "l.nhdr", self.folder / "l.npy"))
            np.testing.assert_array_equal(np.load(self.folder / "l.npy").T, array)

    def test_pictures_against_pillow_and_tifffile(self):
        for shape, dtype in (((7, 5), "u1"), ((7, 5), "u2"), ((7, 5, 3), "u1"), ((7, 5, 4), "u1")):
            array = example(dtype, shape)
            Image.fromarray(array).save(self.folder / "p.png")
            for extension in (".png", ".tif"):
                self.assertIsNone(convert(self.folder / "p.png", self.folder / f"o{extension}"))
                np.testing.assert_array_equal(np.asarray(Image.open(self.folder / f"o{extension}")), array)
        array = example("u1", (32, 24))
        Image.fromarray(array).save(self.folder / "g.png")
        self.assertIsNone(convert(self.folder / "g.png", self.folder / "g.jpg"))
        self.assertLess(np.abs(np.asarray(Image.open(self.folder / "g.jpg")).astype(int) - array).mean(), 3)
        for dtype in TYPES:
            array = example(dtype, (3, 7, 5))
            for options in ({}, {"tile": (16, 16)}, {"compression": "zlib"}, {"byteorder": ">"}, {"bigtiff": True}):
                tifffile.imwrite(self.folder / "t.tif", array, photometric="minisblack", **options)
                self.assertIsNone(convert(self.folder / "t.tif", self.folder / "o.npy"))
                np.testing.assert_array_equal(np.load(self.folder / "o.npy"), array)
            if dtype[0] != "f":  # tifffile alone does not undo the predictor for reals
                self.assertIsNone(convert(self.folder / "t.tif", self.folder / "o.tif"))
                np.testing.assert_array_equal(tifffile.imread(self.folder / "o.tif"), array)
            self.assertIsNone(convert(self.folder / "t.tif", self.folder / "raw.tif", "--compression", 0))
            np.testing.assert_array_equal(tifffile.imread(self.folder / "raw.tif"), array)

    def test_members_of_gzip_are_plain_gzip(self):
        array = np.random.default_rng(3).normal(0, 50, (160, 150, 60)).astype("i2")  # 2.9 MB: header and three members
        nib.Nifti1Image(array, np.eye(4)).to_filename(self.folder / "m.nii")
        self.assertIsNone(convert(self.folder / "m.nii", self.folder / "m.nii.gz"))
        packed = (self.folder / "m.nii.gz").read_bytes()
        self.assertGreaterEqual(packed.count(b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x08\0CM"), 4)
        self.assertEqual(gzip.decompress(packed)[-array.nbytes :], array.tobytes(order="F"))
        np.testing.assert_array_equal(np.asanyarray(nib.load(self.folder / "m.nii.gz").dataobj), array)
        np.testing.assert_array_equal(as_peers_see(self.folder / "m.nii.gz").T, array)
        single = gzip.compress((self.folder / "m.nii").read_bytes(), 1)  # and a file of one member is read
        (self.folder / "s.nii.gz").write_bytes(single)
        self.assertIsNone(convert(self.folder / "s.nii.gz", self.folder / "s.npy"))
        np.testing.assert_array_equal(np.load(self.folder / "s.npy").T, array)

    def test_pixel_size_of_pictures(self):
        image = sitk.GetImageFromArray(example("u1", (8, 9)))
        image.SetSpacing([0.5, 0.25])
        sitk.WriteImage(image, str(self.folder / "s.mha"))
        self.assertIsNone(convert(self.folder / "s.mha", self.folder / "s.png"))
        np.testing.assert_allclose(Image.open(self.folder / "s.png").info["dpi"], [50.8, 101.6], rtol=1e-4)
        self.assertEqual(info(self.folder / "s.png")["spacing_mm"][:2], [0.5, 0.25])
        self.assertIsNone(convert(self.folder / "s.mha", self.folder / "s.tif"))
        np.testing.assert_allclose(Image.open(self.folder / "s.tif").info["dpi"], [50.8, 101.6], rtol=1e-4)
        Image.fromarray(example("u1", (8, 9))).save(self.folder / "d.tif", dpi=(254, 127))
        np.testing.assert_allclose(info(self.folder / "d.tif")["spacing_mm"][:2], [0.1, 0.2])

    def test_arrays_against_numpy(self):
        for array in (example("i2", (4, 3, 2)), np.asfortranarray(example("f4", (4, 3, 2))), example(">f8", (4, 3)), example("f2", (4, 3)),
                      example("i8", (4, 3)), example("u1", (4, 3)) > 50):
            np.save(self.folder / "a.npy", array)
            np.savez_compressed(self.folder / "a.npz", array)
            for name in ("a.npy", "a.npz"):
                self.assertIsNone(convert(self.folder / name, self.folder / "o.npz"))
                np.testing.assert_array_equal(np.load(self.folder / "o.npz")["image"].astype(array.dtype), array)
        self.assertIn("has no array 'x'", convert(self.folder / "a.npz", self.folder / "o.npy", "--select", "x"))

    def test_what_cannot_be_held_is_refused_with_the_way_out(self):
        np.save(self.folder / "v.npy", example("f4", (3, 4, 5)))
        for target, words in ((".png", "one picture"), (".jpg", "one picture"), (".hdr", ".nii"), (".xyz", "no format"), (".dcm", "folder")):
            self.assertIn(words, convert(self.folder / "v.npy", self.folder / f"o{target}"))
        np.save(self.folder / "w.npy", example("f4", (4, 5)))
        self.assertIn("f32", convert(self.folder / "w.npy", self.folder / "o.png"))
        self.assertIsNone(convert(self.folder / "w.npy", self.folder / "o.png", "--type", "u8"))

    def test_truncated_files_say_so(self):
        image = turned(sitk.GetImageFromArray(example("i2", (9, 8, 7))))
        for extension in (".nii", ".nii.gz", ".nrrd", ".mha"):
            path = self.folder / f"t{extension}"
            sitk.WriteImage(image, str(path))
            path.write_bytes(path.read_bytes()[:-40])
            message = convert(path, self.folder / "o.npy")
            self.assertIsNotNone(message, extension)
            self.assertIn(str(path), message)


class Real(unittest.TestCase):
    """All real files: the peer's voxels and geometry, or refused with a cause."""

    def setUp(self):
        if not DATA.is_dir():
            self.skipTest("no real data")
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.npy = pathlib.Path(folder.name) / "x.npy"

    def files(self, *extensions):
        return sorted(path for path in DATA.rglob("*") if path.name.lower().endswith(extensions) and path.is_file())

    def test_nifti_as_nibabel(self):
        refused = []
        files = self.files(".nii", ".nii.gz", ".hdr")
        per_folder = {}
        for path in files:  # 144 files of one set tell no more than 12
            per_folder.setdefault(path.parent, []).append(path)
        for path in (p for group in per_folder.values() for p in group[:12]):
            message = convert(path, self.npy)
            if message:
                refused.append((path.name, message))
                continue
            theirs, ours = nib.load(path), np.load(self.npy)
            data = np.asanyarray(theirs.dataobj)
            np.testing.assert_array_equal(ours.T.reshape(data.shape), data, err_msg=str(path))
            affine = np.diag([-1, -1, 1, 1]) @ lps_affine(info(path))
            np.testing.assert_allclose(affine, theirs.affine, atol=1e-4, err_msg=str(path))
        causes = {"row_major.dconn.nii": "dimension 6", "nifti2.hdr": ".img", "nifti1.hdr": ".img", "analyze.hdr": "Analyze"}
        self.assertEqual({name for name, _ in refused}, set(causes), refused)
        for name, message in refused:
            self.assertIn(causes[name], message)

    def test_nrrd_and_metaimage_as_simpleitk(self):
        for path in self.files(".nrrd", ".nhdr", ".mha", ".mhd"):
            self.assertIsNone(convert(path, self.npy), path)
            image = sitk.ReadImage(str(path))
            n = min(image.GetDimension(), 3)
            array = sitk.GetArrayFromImage(image)
            np.testing.assert_array_equal(np.load(self.npy).reshape(array.shape), array, err_msg=str(path))
            ours = info(path)
            np.testing.assert_allclose(ours["spacing_mm"][:n], image.GetSpacing()[:n], rtol=1e-9)
            np.testing.assert_allclose(ours["origin_mm"][:n], image.GetOrigin()[:n], atol=1e-6)
            np.testing.assert_allclose(np.array(ours["direction"]).reshape(3, 3)[:n, :n],
                                       np.array(image.GetDirection()).reshape(image.GetDimension(), -1)[:n, :n], atol=1e-6)

    def test_pictures_as_pillow(self):
        files = self.files(".png", ".tif", ".jpg")
        for path in files[:: max(1, len(files) // 90)]:
            picture = Image.open(path)
            if picture.mode == "P":
                picture = picture.convert("RGB")
            if picture.mode == "1":
                picture = picture.convert("L")
            self.assertIsNone(convert(path, self.npy), path)
            ours = np.load(self.npy)
            if path.name == "Point.png":  # 16-bit colour, of which Pillow keeps the high bytes
                ours = (ours[0, 0] >> 8).astype("u1")
            np.testing.assert_array_equal(ours.reshape(np.asarray(picture).shape), np.asarray(picture), err_msg=str(path))


if __name__ == "__main__":
    unittest.main()
