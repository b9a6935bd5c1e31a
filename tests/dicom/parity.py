"""What the volume tests share: running Cormack and the peers, and comparing images voxel by voxel and corner by corner."""

import json
import os
import pathlib
import subprocess
import sys

import nibabel
import numpy as np

CORMACK = os.environ.get("CORMACK", "build/cormack")
DATA = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", "../shared/data"))


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def need(path):
    if not path.exists():
        skip(f"{path} is absent")
    return path


def run(*arguments):
    done = subprocess.run([CORMACK, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def convert(source, target, *options):
    code, _, text = run("convert", source, target, *options)
    if code:
        raise AssertionError(f"convert {source}: exit {code}: {text}")
    return nibabel.load(target)


def refused(source, target, *options):
    """The message of a conversion that must not succeed."""
    code, _, text = run("convert", source, target, *options)
    assert code == 2, f"convert {source}: exit {code}, not 2: {text}"
    return text


def volumes(source):
    """The volumes of a folder by key, as `info --json` tells them."""
    code, out, text = run("info", source, "--json")
    assert code in (0, 1), text
    return json.loads(out)


def dcm2niix(source, folder):
    subprocess.run(["dcm2niix", "-z", "n", "-b", "n", "-f", "%s_%p", "-o", str(folder), str(source)], check=True, capture_output=True)
    return [nibabel.load(path) for path in sorted(pathlib.Path(folder).glob("*.nii"))]


def itk_series(source):
    """A series through SimpleITK, as a NIfTI image in memory."""
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(source)))
    image = reader.Execute()
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) @ np.diag(image.GetSpacing())
    matrix[:3, 3] = image.GetOrigin()
    return nibabel.Nifti1Image(np.asarray(sitk.GetArrayFromImage(image).transpose(2, 1, 0), dtype=np.float64), np.diag([-1, -1, 1, 1]) @ matrix)


def to_grid(image, like):
    """Flips axes so that the voxel order is that of `like`; nothing is resampled."""
    turned = nibabel.orientations.ornt_transform(nibabel.io_orientation(image.affine), nibabel.io_orientation(like.affine))
    return image.as_reoriented(turned)


def same(ours, theirs, within_mm, within_value, name):
    theirs = to_grid(theirs, ours)
    assert ours.shape == theirs.shape, f"{name}: {ours.shape} is not {theirs.shape}"
    size = np.array(ours.shape[:3]) - 1
    corners = np.array([[x, y, z, 1] for x in (0, size[0]) for y in (0, size[1]) for z in (0, size[2])])
    apart = np.abs((ours.affine - theirs.affine) @ corners.T).max()
    assert apart <= within_mm, f"{name}: a corner is {apart:g} mm off"
    a, b = ours.get_fdata(), theirs.get_fdata()
    off = np.abs(a - b).max()
    assert off <= within_value, f"{name}: a voxel is {off:g} off ({(a != b).sum()} differ)"
    print(f"{name}: {ours.shape}, corners within {apart:.2g} mm, voxels within {off:.2g}")
