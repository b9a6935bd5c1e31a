"""Operations against SciPy, scikit-image and SimpleITK on the same arrays."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
try:
    import numpy as np
    import scipy.ndimage as nd
    import SimpleITK as sitk
    import skimage.filters
    import skimage.measure
    import skimage.morphology
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
from ops_lib import Ops, cormack

BORDERS = {"replicate": "nearest", "reflect": "reflect", "mirror": "mirror", "wrap": "wrap", "constant": "constant"}


def blobs(shape, seed, level=0.1):
    """A random mask with pieces and holes of many sizes."""
    noise = nd.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.3)
    return (noise > level * noise.std()).astype(np.uint8)


class Filters(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()
        self.random = np.random.default_rng(1)

    def test_gaussian(self):
        a = self.random.normal(size=(9, 14, 17)).astype(np.float32)
        for border, mode in BORDERS.items():
            ours = self.ops.apply("gaussian", a, sigma=[1.2, 0.8, 2], units="voxel", border=border, border_value=0.5)
            theirs = nd.gaussian_filter(a.astype(float), (2, 0.8, 1.2), mode=mode, cval=0.5)
            self.assertLess(abs(ours - theirs).max(), 1e-6, border)  # measured 1.1e-7

    def test_gaussian_mm_and_components(self):
        a = self.random.integers(0, 255, (12, 13, 3)).astype(np.uint8)
        ours = self.ops.apply("gaussian", a, spacing=(0.5, 2), components=True, sigma=1, type="f64")
        theirs = nd.gaussian_filter(a.astype(float), (0.5, 2, 0), mode="nearest")
        self.assertLess(abs(ours - theirs).max(), 1e-9)

    def test_mean(self):
        a = self.random.normal(size=(9, 14, 17)).astype(np.float32)
        for border, mode in BORDERS.items():
            ours = self.ops.apply("mean", a, radius=[1, 0, 2], border=border, border_value=0.5)
            theirs = nd.uniform_filter(a.astype(float), (5, 1, 3), mode=mode, cval=0.5)
            self.assertLess(abs(ours - theirs).max(), 1e-6, border)
        for dtype in (np.uint8, np.int16, np.uint16, np.int32):
            info = np.iinfo(dtype)
            b = self.random.integers(info.min, info.max, (11, 12, 13), endpoint=True).astype(dtype)
            whole = nd.convolve(b.astype(object).astype(float), np.ones((5, 5, 5)), mode="nearest")
            np.testing.assert_array_equal(self.ops.apply("mean", b, radius=2), np.rint(whole / 125).astype(dtype))

    def test_median(self):
        for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64):
            if np.issubdtype(dtype, np.integer):
                info = np.iinfo(dtype)
                a = self.random.integers(info.min, info.max, (13, 29, 47), endpoint=True).astype(dtype)
            else:
                a = self.random.normal(size=(13, 29, 47)).astype(dtype)
            for radius in ([1, 1, 0], [1, 1, 1], [0, 2, 0], [2, 2, 0], [2, 2, 2], [3, 4, 1]):
                size = [2 * r + 1 for r in radius[::-1]]
                for border in ("replicate", "mirror") if radius == [1, 1, 1] else ("reflect",):
                    theirs = nd.median_filter(a, size=size, mode=BORDERS[border])
                    np.testing.assert_array_equal(self.ops.apply("median", a, radius=radius, border=border), theirs, str((dtype, radius)))
        rgb = self.random.integers(0, 9, (30, 40, 3)).astype(np.uint8)
        for radius in (1, 5):
            theirs = nd.median_filter(rgb, size=(2 * radius + 1, 2 * radius + 1, 1), mode="nearest")
            np.testing.assert_array_equal(self.ops.apply("median", rgb, components=True, radius=radius), theirs)

    def test_median_of_nan(self):
        a = np.full((5, 5), np.nan, np.float32)
        a[1:4, 1:4] = np.arange(9).reshape(3, 3)
        out = self.ops.apply("median", a)
        self.assertEqual(out[2, 2], 4)
        self.assertEqual(out[1, 2], 4)  # six numbers 0..5 and three NaN: the fifth of them
        self.assertTrue(np.isnan(out[0, 0]))

    def test_unsharp(self):
        a = self.random.integers(0, 255, (40, 50)).astype(np.float32)
        ours = self.ops.apply("unsharp", a, sigma=2, units="voxel", amount=1.5)
        theirs = skimage.filters.unsharp_mask(a, radius=2, amount=1.5, preserve_range=True)
        inner = (slice(9, -9),) * 2  # borders differ: scikit-image reflects
        self.assertLess(abs(ours - theirs)[inner].max(), 1e-3)  # f32 at values up to 500: measured 1e-4
        reflected = self.ops.apply("unsharp", a, sigma=2, units="voxel", amount=1.5, border="reflect")
        self.assertLess(abs(reflected - theirs).max(), 1e-3)

    def test_gradient_magnitude(self):
        a = self.random.normal(size=(10, 11, 12))
        image = sitk.GetImageFromArray(a)
        image.SetSpacing((0.7, 1, 2.5))
        theirs = sitk.GetArrayFromImage(sitk.GradientMagnitude(image))
        ours = self.ops.apply("gradient_magnitude", a, spacing=(0.7, 1, 2.5), type="f64")
        self.assertLess(abs(ours - theirs).max(), 1e-6)  # SimpleITK gives f32
        smooth = nd.gaussian_gradient_magnitude(a, 1.5, mode="nearest", truncate=6)
        ours = self.ops.apply("gradient_magnitude", a, sigma=1.5, units="voxel", truncate=6, type="f64")
        self.assertLess(abs(ours - smooth).max(), 1e-6)


    def test_bilateral(self):
        """By its definition, with NumPy."""
        a = (nd.gaussian_filter(self.random.normal(size=(6, 20, 22)), 1) * 400).astype(np.float32)
        ours = self.ops.apply("bilateral", a, spacing=(1, 1, 2), sigma=1.5, range_sigma=40, border="mirror", type="f64")
        radius = (2, 3, 3)  # round(2 * 1.5 / spacing), z y x; mirrored borders
        padded = np.pad(a.astype(float), [(r, r) for r in radius], mode="reflect")
        total, weights = np.zeros(a.shape), np.zeros(a.shape)
        for dz in range(-2, 3):
            for dy in range(-3, 4):
                for dx in range(-3, 4):
                    near = padded[2 + dz:8 + dz, 3 + dy:23 + dy, 3 + dx:25 + dx]
                    w = np.exp(-((2 * dz) ** 2 + dy**2 + dx**2) / (2 * 1.5**2) - (near - a) ** 2 / (2 * 40**2))
                    total += w * near
                    weights += w
        self.assertLess(abs(ours - total / weights).max(), 2e-4)  # f32 at values up to 500


class Morphology(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()
        self.random = np.random.default_rng(2)

    def elements(self):
        yield dict(shape="ball", radius=3), skimage.morphology.ball(3)
        yield dict(shape="box", radius=[2, 1, 0]), np.ones((1, 3, 5))
        cross = np.zeros((5, 5, 5))
        cross[2, 2, :] = cross[2, :, 2] = cross[:, 2, 2] = 1
        yield dict(shape="cross", radius=2), cross

    def test_binary(self):
        for shape in ((14, 20, 70), (9, 33, 64), (7, 9, 131)):
            a = blobs(shape, 3)
            for kw, element in self.elements():
                for zero, border in ((False, "ignore"), (True, "zero")):
                    dilated = nd.binary_dilation(a, element)
                    eroded = nd.binary_erosion(a, element, border_value=not zero)
                    for mode in ("binary", "grey", "label"):
                        np.testing.assert_array_equal(self.ops.apply("dilate", a, mode=mode, border=border, **kw), dilated, str((kw, mode)))
                        np.testing.assert_array_equal(self.ops.apply("erode", a, mode=mode, border=border, **kw), eroded, str((kw, mode, border)))
                        opened = nd.binary_dilation(eroded, element)
                        np.testing.assert_array_equal(self.ops.apply("open", a, mode=mode, border=border, **kw), opened)
                        closed = nd.binary_erosion(dilated, element, border_value=not zero)
                        if mode == "label":  # which never takes a label away when it closes
                            closed = closed | (a > 0)
                        np.testing.assert_array_equal(self.ops.apply("close", a, mode=mode, border=border, **kw), closed, str((kw, mode, border)))

    def test_grey(self):
        for dtype in (np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64):
            if np.issubdtype(dtype, np.integer):
                info = np.iinfo(dtype)
                a = self.random.integers(info.min, info.max, (8, 15, 21), endpoint=True).astype(dtype)
                low, high = info.min, info.max
            else:
                a = self.random.normal(size=(8, 15, 21)).astype(dtype)
                low, high = -np.inf, np.inf
            for kw, element in self.elements():
                dilated = nd.grey_dilation(a, footprint=element, mode="constant", cval=low)
                eroded = nd.grey_erosion(a, footprint=element, mode="constant", cval=high)
                np.testing.assert_array_equal(self.ops.apply("dilate", a, **kw), dilated, str((kw, dtype)))
                np.testing.assert_array_equal(self.ops.apply("erode", a, **kw), eroded)
                np.testing.assert_array_equal(self.ops.apply("open", a, **kw), nd.grey_dilation(eroded, footprint=element, mode="constant", cval=low))
                np.testing.assert_array_equal(self.ops.apply("close", a, **kw), nd.grey_erosion(dilated, footprint=element, mode="constant", cval=high))
                zero = nd.grey_erosion(a, footprint=element, mode="constant", cval=0)
                np.testing.assert_array_equal(self.ops.apply("erode", a, border="zero", **kw), zero)

    def test_ball_in_mm_is_a_threshold_of_the_distance(self):
        a = np.zeros((31, 41, 51), np.uint8)
        for z, y, x in self.random.integers(0, 31, (6, 3)):
            a[z, y, x] = 1
        distance = nd.distance_transform_edt(a == 0, sampling=(2.5, 0.7, 0.9))
        ours = self.ops.apply("dilate", a, spacing=(0.9, 0.7, 2.5), radius=6.3, units="mm")
        np.testing.assert_array_equal(ours, distance <= 6.3)

    def test_labels(self):
        a = (blobs((16, 30, 40), 4, 0.6) * self.random.integers(1, 5, (1, 1, 40))).astype(np.uint16)
        ball = skimage.morphology.ball(2)
        grown, shrunk = a.copy(), np.zeros_like(a)
        for label in (1, 2, 3, 4):
            grown[(grown == 0) & nd.binary_dilation(a == label, ball)] = label
            shrunk[nd.binary_erosion(a == label, ball, border_value=1)] = label
        np.testing.assert_array_equal(self.ops.apply("dilate", a, radius=2, mode="label"), grown)
        np.testing.assert_array_equal(self.ops.apply("erode", a, radius=2, mode="label"), shrunk)


class Components(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()

    def test_connectivity(self):
        for seed, shape in enumerate(((12, 20, 33), (1, 40, 50), (40, 50), (33, 9, 64))):
            a = (np.random.default_rng(seed).random(shape) < 0.35).astype(np.uint8)
            kinds = {"6": 1, "18": 2, "26": 3} if len(shape) == 3 else {"4": 1, "8": 2, "6": 1, "26": 2}
            for connectivity, order in kinds.items():
                theirs = skimage.measure.label(a, connectivity=order)
                ours = self.ops.apply("connected_components", a, connectivity=connectivity, order="first")
                np.testing.assert_array_equal(ours, theirs, str((shape, connectivity)))  # both number by first voxel

    def test_slices_and_labels(self):
        a = (np.random.default_rng(5).integers(0, 3, (9, 20, 30))).astype(np.int16)
        theirs = skimage.measure.label(a, connectivity=3, background=0)
        np.testing.assert_array_equal(self.ops.apply("connected_components", a, connectivity="26", by_label=True, order="first"), theirs)
        ours = self.ops.apply("connected_components", (a > 1).astype(np.uint8), connectivity="4", order="first")
        last = 0
        for z in range(9):
            part = skimage.measure.label(a[z] > 1, connectivity=1)
            np.testing.assert_array_equal(ours[z], np.where(part > 0, part + last, 0))
            last += part.max()

    def test_sizes(self):
        a = blobs((20, 40, 50), 6, 0.8)
        parts = skimage.measure.label(a, connectivity=1)
        sizes = np.bincount(parts.ravel())[1:]
        order = np.argsort(-sizes, kind="stable")
        ours = self.ops.apply("connected_components", a, connectivity="6", min_size=10)
        expected = np.zeros_like(parts)
        for rank, k in enumerate(order[sizes[order] >= 10]):
            expected[parts == k + 1] = rank + 1
        np.testing.assert_array_equal(ours, expected)
        three = self.ops.apply("connected_components", a, connectivity="6", largest=3)
        self.assertEqual(three.max(), 3)
        np.testing.assert_array_equal(three, np.where(expected <= 3, expected, 0))

    def test_fill_holes(self):
        for shape in ((15, 30, 40), (30, 40)):
            a = blobs(shape, 7, -0.4)
            np.testing.assert_array_equal(self.ops.apply("fill_holes", a), nd.binary_fill_holes(a))
            corners = nd.binary_fill_holes(a, nd.generate_binary_structure(len(shape), len(shape)))
            np.testing.assert_array_equal(self.ops.apply("fill_holes", a, connectivity="corners"), corners)
        slices = np.stack([nd.binary_fill_holes(part) for part in blobs((15, 30, 40), 7, -0.4)])
        np.testing.assert_array_equal(self.ops.apply("fill_holes", blobs((15, 30, 40), 7, -0.4), mode="slices"), slices)


class Resample(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()
        self.random = np.random.default_rng(3)

    def ours(self, array, spaced, origin, direction, reference=None, **params):
        image = self.ops.image(array, spaced, origin, direction)
        other = self.ops.image(*reference) if reference else None
        out = self.ops.run("resample", [image, other], **params)[0]
        return self.ops.array(out), self.ops.geometry(out)

    def test_onto_reference(self):
        """Rotated grids, all interpolations, against SimpleITK; values within 1e-5 of it (f32)."""
        a = nd.gaussian_filter(self.random.normal(size=(20, 24, 28)), 1).astype(np.float32)
        axis, angle = np.array([1, 2, 3]) / np.sqrt(14), 0.3
        k = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
        turn = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
        image = sitk.GetImageFromArray(a)
        image.SetSpacing((0.8, 1.1, 2))
        image.SetOrigin((-10, 5, 3))
        for direction in (np.eye(3), turn):
            reference = sitk.Image(22, 26, 30, sitk.sitkFloat32)
            reference.SetSpacing((1.3, 0.9, 1.5))
            reference.SetOrigin((-12, 3, 1))
            reference.SetDirection(direction.ravel().tolist())
            grid = (np.zeros((30, 26, 22), np.uint8), (1.3, 0.9, 1.5), (-12, 3, 1), direction)
            for name, method in (("nearest", sitk.sitkNearestNeighbor), ("linear", sitk.sitkLinear), ("cubic", sitk.sitkBSpline)):
                theirs = sitk.GetArrayFromImage(sitk.Resample(image, reference, sitk.Transform(), method, -7.0))
                ours, _ = self.ours(a, (0.8, 1.1, 2), (-10, 5, 3), None, grid, interpolation=name, outside=-7)
                self.assertLess(abs(ours - theirs).max(), 1e-5, name)

    def test_spacing_covers_the_box(self):
        a = self.random.normal(size=(11, 12, 13)).astype(np.float64)
        ours, geometry = self.ours(a, (0.9, 1.2, 3), (5, 6, 7), None, spacing=1)
        self.assertEqual(ours.shape, (33, 15, 12))
        np.testing.assert_allclose(geometry.spacing[:], 1)
        # centres of both boxes agree
        for axis in range(3):
            n, s, o = a.shape[::-1][axis], (0.9, 1.2, 3)[axis], (5, 6, 7)[axis]
            m = ours.shape[::-1][axis]
            self.assertAlmostEqual(o + s * (n - 1) / 2, geometry.origin[axis] + (m - 1) / 2)
        points = np.meshgrid(*[((geometry.origin[k] - (5, 6, 7)[k]) + np.arange(ours.shape[2 - k])) / (0.9, 1.2, 3)[k] for k in (2, 1, 0)], indexing="ij")
        theirs = nd.map_coordinates(a, points, order=1, mode="nearest")
        self.assertLess(abs(ours - theirs).max(), 1e-12)

    def test_size_is_scipys_zoom(self):
        a = self.random.normal(size=(9, 12, 14))
        for name, order in (("nearest", 0), ("linear", 1)):
            ours, _ = self.ours(a, (1, 1, 1), (0, 0, 0), None, size=[21, 30, 20], interpolation=name)
            theirs = nd.zoom(a, (20 / 9, 30 / 12, 21 / 14), order=order, mode="nearest", grid_mode=True)
            self.assertLess(abs(ours - theirs).max(), 1e-12, name)
        ours, _ = self.ours(a, (1, 1, 1), (0, 0, 0), None, size=[21, 30, 20], interpolation="cubic")
        theirs = nd.zoom(a, (20 / 9, 30 / 12, 21 / 14), order=3, mode="mirror", grid_mode=True)
        self.assertLess(abs(ours - theirs).max(), 1e-9)

    def test_labels_stay_labels(self):
        a = self.random.integers(0, 4, (6, 7, 8)).astype(np.int32) * 70001
        for name in ("nearest", "label"):
            ours, _ = self.ours(a, (1, 1, 1), (0, 0, 0), None, spacing=0.37, interpolation=name)
            self.assertTrue(set(np.unique(ours)) <= set(np.unique(a)), name)
        # the largest linear weight, by its definition
        ours, geometry = self.ours(a, (1, 1, 1), (0, 0, 0), None, spacing=0.37, interpolation="label")
        points = np.meshgrid(*[geometry.origin[k] + 0.37 * np.arange(ours.shape[2 - k]) for k in (2, 1, 0)], indexing="ij")
        labels = np.unique(a)
        weights = np.stack([nd.map_coordinates((a == v).astype(float), points, order=1, mode="nearest") for v in labels])
        top = np.sort(weights, 0)
        sure = top[-1] - top[-2] > 1e-9
        np.testing.assert_array_equal(ours[sure], labels[weights.argmax(0)][sure])


class Crop(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()

    def test_box_mask_and_place(self):
        a = np.random.default_rng(8).integers(-999, 999, (2, 9, 10, 11, 2)).astype(np.int16)  # t z y x components
        direction = np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0.0]])
        image = self.ops.image(a, (0.5, 2, 3), (1, 2, 3), direction, components=True)
        out = self.ops.run("crop", [image], start=[2, 3, 1], size=[5, 0, 4])[0]
        np.testing.assert_array_equal(self.ops.array(out), a[:, 1:5, 3:, 2:7])
        np.testing.assert_allclose(self.ops.geometry(out).origin[:], (1, 2, 3) + direction @ (2 * 0.5, 3 * 2, 1 * 3))
        mask = np.zeros((9, 10, 11), np.uint8)
        mask[4, 5:7, 3:5] = 3
        labels = self.ops.image(mask, (0.5, 2, 3), (1, 2, 3), direction)
        out = self.ops.run("crop", [image, labels], margin=1.6, units="mm")[0]  # 4, 1 and 1 voxels
        np.testing.assert_array_equal(self.ops.array(out), a[:, 3:6, 4:8, 0:9])
        out = self.ops.run("crop", [image, labels], margin=[5, 0, 0], beyond="pad", pad_value=-7)[0]
        expected = np.pad(a, [(0, 0), (0, 0), (0, 0), (2, 0), (0, 0)], constant_values=-7)[:, 4:5, 5:7, :12]
        np.testing.assert_array_equal(self.ops.array(out), expected)
        with self.assertRaisesRegex(cormack.CormackError, "goes beyond"):
            self.ops.run("crop", [image, labels], margin=[5, 0, 0], beyond="error")
        with self.assertRaisesRegex(cormack.CormackError, "empty|no voxel"):
            self.ops.run("crop", [image, labels], label=2)


class Intensity(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()
        self.random = np.random.default_rng(4)

    def images(self):
        for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64):
            if np.issubdtype(dtype, np.integer):
                info = np.iinfo(dtype)
                yield self.random.integers(info.min, info.max, (5, 31, 33), endpoint=True).astype(dtype)
            else:
                yield (self.random.normal(size=(5, 31, 33)) * 1e3).astype(dtype)

    def test_normalize(self):
        for a in self.images():
            mask = (self.random.random(a.shape) < 0.4).astype(np.uint8)
            v = a.astype(float)
            ours = self.ops.apply("normalize", a, type="f64")
            np.testing.assert_allclose(ours, (v - v.min()) / (v.max() - v.min()), rtol=0, atol=1e-15)
            low, high = np.percentile(v[mask > 0], [2.5, 97])
            ours = self.ops.apply("normalize", a, mask, method="percentile", lower=2.5, upper=97, out_min=-1, out_max=3, type="f64")
            np.testing.assert_allclose(ours, np.clip((v - low) / (high - low) * 4 - 1, -1, 3), rtol=0, atol=1e-12, err_msg=str(a.dtype))

    def test_standardize(self):
        for a in self.images():
            mask = (self.random.random(a.shape) < 0.4).astype(np.uint8)
            v = a.astype(float)
            inside = v[mask > 0]
            expected = {"mean_sd": (inside.mean(), inside.std(ddof=1)),
                        "median_iqr": (np.median(inside), np.subtract(*np.percentile(inside, [75, 25]))),
                        "median_mad": (np.median(inside), 1.4826 * np.median(abs(inside - np.median(inside))))}
            for method, (centre, scale) in expected.items():
                ours = self.ops.apply("standardize", a, mask, method=method, ddof=1, type="f64")
                np.testing.assert_allclose(ours, (v - centre) / scale, rtol=1e-12, atol=1e-12, err_msg=str((a.dtype, method)))

    def test_standardize_parts(self):
        a = self.random.normal(size=(3, 4, 10, 11, 2))  # t, z, y, x, components
        image = self.ops.image(a, components=True)
        out = self.ops.array(self.ops.run("standardize", [image], per="slice", per_component=True, type="f64")[0])
        np.testing.assert_allclose(out, (a - a.mean((2, 3), keepdims=True)) / a.std((2, 3), keepdims=True), atol=1e-12)

    def test_window(self):
        a = np.arange(-1100, 600, 7).astype(np.int16).reshape(1, -1)
        try:
            import pydicom.pixels as px
            from pydicom.dataset import Dataset
        except ImportError:
            self.skipTest("no pydicom")
        for function, name in (("linear_exact", "LINEAR_EXACT"), ("linear", "LINEAR"), ("sigmoid", "SIGMOID")):
            data = Dataset()
            data.PhotometricInterpretation, data.PixelRepresentation, data.BitsStored = "MONOCHROME2", 0, 8
            data.WindowCenter, data.WindowWidth, data.VOILUTFunction = -600, 1500, name
            theirs = px.apply_windowing(a.astype(float), data)  # onto 0..255
            ours = self.ops.apply("window", a, preset="lung", function=function, type="f64")
            np.testing.assert_allclose(ours, theirs, atol=1e-9, err_msg=function)

    def test_clip(self):
        for a in self.images():
            v = a.astype(float)
            low, high = np.percentile(v, [10, 90])
            if np.issubdtype(a.dtype, np.integer):
                low, high = np.ceil(low), np.floor(high)
            ours = self.ops.apply("clip", a, method="percentile", lower=10, upper=90)
            self.assertEqual(ours.dtype, a.dtype)
            np.testing.assert_allclose(ours.astype(float), np.clip(v, low, high), rtol=1e-7)

    def test_threshold(self):
        for a in self.images():
            v = a.astype(float)
            low, high = v.mean() - 0.4 * v.std(), v.mean() + 0.8 * v.std()
            ours = self.ops.apply("threshold", a, lower=low, upper=high, inside=7, outside=2)
            np.testing.assert_array_equal(ours, np.where((v >= low) & (v <= high), 7, 2))
            np.testing.assert_array_equal(self.ops.apply("threshold", a, lower=-3.5), v >= -3.5)

    def test_otsu(self):
        a = np.concatenate([self.random.normal(m, 8, 4000) for m in (20, 90, 170)]).reshape(60, 200)
        one = skimage.filters.threshold_otsu(a, nbins=200)
        labels, table = self.ops.run("otsu", [self.ops.image(a)], 2, bins=200)
        self.assertAlmostEqual(float(self.ops.table(table)[0]["threshold"]), one, places=9)
        np.testing.assert_array_equal(self.ops.array(labels), a > one)
        two = skimage.filters.threshold_multiotsu(a, classes=3, nbins=100)
        _, table = self.ops.run("otsu", [self.ops.image(a)], 2, bins=100, classes=3)
        np.testing.assert_allclose([float(row["threshold"]) for row in self.ops.table(table)], two)
        whole = np.clip(a, 0, 255).astype(np.uint8)
        _, table = self.ops.run("otsu", [self.ops.image(whole)], 2, bins=0)
        self.assertEqual(float(self.ops.table(table)[0]["threshold"]), skimage.filters.threshold_otsu(whole))


if __name__ == "__main__":
    unittest.main()
