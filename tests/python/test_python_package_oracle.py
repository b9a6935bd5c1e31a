"""The package against SciPy, SimpleITK and nibabel: same voxels, same places in the patient."""
import pathlib
import tempfile

import numpy as np
from package import main

import cormack

RANDOM = np.random.default_rng(5)
# an oblique frame: a rotation by 20 degrees about z, then by 10 about x
C20, S20, C10, S10 = np.cos(np.radians(20)), np.sin(np.radians(20)), np.cos(np.radians(10)), np.sin(np.radians(10))
OBLIQUE = np.array([[1, 0, 0], [0, C10, -S10], [0, S10, C10]]) @ np.array([[C20, -S20, 0], [S20, C20, 0], [0, 0, 1]])
FRAME = {"spacing": (0.7, 0.8, 2.5), "origin": (-120.5, 33.25, 710.0), "direction": OBLIQUE}


def test_operations_as_scipy():
    from scipy import ndimage

    voxels = RANDOM.integers(-1000, 1000, (9, 11, 13)).astype(np.int16)
    box = np.asarray(cormack.mean(voxels.astype(np.float64), radius=1))
    assert np.abs(box - ndimage.uniform_filter(voxels.astype(np.float64), 3, mode="nearest")).max() < 1e-9
    smooth = np.asarray(cormack.gaussian(voxels.astype(np.float64), sigma=[1.5, 1.0, 0.5], truncate=4))
    assert np.abs(smooth - ndimage.gaussian_filter(voxels.astype(np.float64), (0.5, 1.0, 1.5), mode="nearest", truncate=4)).max() < 1e-3
    for order in (np.asfortranarray(voxels), voxels[::-1, :, ::2], voxels.astype(">i2")):
        same = np.asarray(cormack.threshold(order, lower=100))
        assert (same == (np.asarray(order) >= 100)).all()


def test_sitk_there_and_back():
    import SimpleITK as sitk

    for shape, components in (((6, 5, 4), False), ((6, 5, 4, 3), True), ((7, 9), False), ((7, 9, 3), True), ((3, 6, 5, 4), False)):
        voxels = RANDOM.integers(0, 200, shape).astype(np.uint8)
        rank = len(shape) - components
        frame = FRAME if rank > 2 else {"spacing": (0.7, 0.8), "origin": (3.0, -4.0)}
        image = cormack.Image(voxels, **frame, components=components)
        theirs = image.to_sitk()
        assert (sitk.GetArrayFromImage(theirs) == voxels).all() and theirs.GetDimension() == rank
        index = tuple(range(1, rank + 1))
        point = theirs.TransformIndexToPhysicalPoint(index)
        ours = image.affine @ [*(*index, 0)[:3], 1]
        assert np.allclose(point[: min(3, rank)], ours[: min(3, rank)], atol=1e-9), (point, ours)
        back = cormack.Image.from_sitk(theirs)
        assert (back.array == voxels).all() and np.allclose(back.affine, image.affine) and back.shape == image.shape
        del theirs
        assert (back.array == voxels).all()  # the borrowed voxels outlive the name


def test_nibabel_there_and_back():
    import nibabel

    for shape in ((6, 5, 4), (3, 6, 5, 4)):
        voxels = RANDOM.normal(0, 100, shape).astype(np.float32)
        image = cormack.Image(voxels, **FRAME, spacing_t=2.5)
        theirs = image.to_nibabel()
        ras = nibabel.affines.apply_affine(theirs.affine, [1, 2, 3])
        assert np.allclose(ras * [-1, -1, 1], (image.affine @ [1, 2, 3, 1])[:3])
        assert (np.asarray(theirs.dataobj) == voxels.T).all() and np.shares_memory(np.asarray(theirs.dataobj), voxels)
        back = cormack.Image.from_nibabel(theirs)
        assert (back.array == voxels).all() and np.allclose(back.affine, image.affine, atol=1e-5) and np.shares_memory(back.array, voxels)
        assert len(shape) == 3 or back.spacing_t == 2.5
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a.nii.gz")
            nibabel.save(theirs, path)
            read, loaded = cormack.read(path), cormack.Image.from_nibabel(nibabel.load(path))
            assert (read.array == voxels).all() and (loaded.array == voxels).all()
            assert np.allclose(read.affine, image.affine, atol=1e-4) and np.allclose(loaded.affine, read.affine, atol=1e-4)
    assert np.asarray(cormack.mean(theirs, radius=1)).shape == shape  # operations take their images as they are


def test_files_as_sitk_reads_them():
    import SimpleITK as sitk

    image = cormack.Image(RANDOM.integers(-900, 900, (6, 5, 4)).astype(np.int16), **FRAME, unit="HU")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.nii", "a.nrrd", "a.mha"):
            path = pathlib.Path(folder, name)
            cormack.write(image, path)
            theirs = sitk.ReadImage(str(path))
            assert (sitk.GetArrayFromImage(theirs) == image.array).all()
            assert np.allclose(theirs.TransformIndexToPhysicalPoint((1, 2, 3)), (image.affine @ [1, 2, 3, 1])[:3], atol=1e-4)


main(globals())
