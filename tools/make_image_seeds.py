"""Writes small seeds for the fuzz targets of the image formats: tools/make_image_seeds.py fuzz/corpus.

Needs NumPy, nibabel, SimpleITK, pynrrd, Pillow and tifffile."""
import pathlib
import sys

import numpy as np, nibabel as nib, SimpleITK as sitk, nrrd, tifffile
from PIL import Image

root = pathlib.Path(sys.argv[1])
def folder(name):
    path = root / f"fuzz_{name}"
    path.mkdir(parents=True, exist_ok=True)
    return path

rng = np.random.default_rng(7)
volume = rng.integers(0, 200, (4, 3, 2)).astype(np.int16)
affine = np.array([[0, 2.0, 0, 5], [-1.5, 0, 0, 6], [0, 0, 3, 7], [0, 0, 0, 1]])
out = folder("nifti")
for kind, cls in (("1", nib.Nifti1Image), ("2", nib.Nifti2Image)):
    image = cls(volume, affine)
    image.header.set_slope_inter(0.5, 3)
    image.to_filename(out / f"scaled{kind}.nii")
    cls(volume.astype(">f4"), affine).to_filename(out / f"float{kind}.nii.gz")
    image = cls(rng.integers(0, 9, (3, 2, 2, 1, 3)).astype(np.uint8), affine)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b'{"cormack":1,"rank":2,"unit":"HU","labels":[{"value":1,"name":"a","rgb":[1,2,3]}],"meta":{"k":"v"}}'))
    image.to_filename(out / f"vector{kind}.nii")
out = folder("nrrd")
picture = sitk.GetImageFromArray(volume); picture.SetSpacing((0.5, 2, 3))
sitk.WriteImage(picture, str(out / "itk.nrrd"))
for encoding in ("raw", "gzip", "ascii"):
    nrrd.write(str(out / f"{encoding}.nrrd"), volume, {"encoding": encoding, "space": "RAS", "space directions": affine[:3, :3], "space origin": [1, 2, 3], "cormack": '{"cormack":1,"unit":"HU"}'})
nrrd.write(str(out / "spacings.nrrd"), volume, {"encoding": "raw", "spacings": [1, 2, 3], "axis mins": [0, 1, 2], "kinds": ["domain", "domain", "list"]})
out = folder("metaimage")
sitk.WriteImage(picture, str(out / "raw.mha"))
sitk.WriteImage(picture, str(out / "packed.mha"), True)
(out / "list.mhd").write_text("ObjectType = Image\nNDims = 3\nDimSize = 2 3 4\nElementType = MET_SHORT\nElementDataFile = LIST\na.raw\nb.raw\n")
(out / "pattern.mhd").write_text("ObjectType = Image\nNDims = 2\nDimSize = 2 3\nElementType = MET_UCHAR\nElementNumberOfChannels = 3\nElementDataFile = s%03d.raw 1 2 1\n")
out = folder("npy")
for name, array in {"c": volume, "f": np.asfortranarray(volume), "big": volume.astype(">f8"), "half": volume.astype("f2"), "long": volume.astype("i8"),
                    "bool": volume > 3, "colour": rng.integers(0, 9, (6, 7, 3)).astype("u1"), "five": np.zeros((1, 2, 2, 2, 2), "u4")}.items():
    np.save(out / f"{name}.npy", array)
out = folder("npz")
np.savez(out / "stored.npz", image=volume)
np.savez_compressed(out / "two.npz", image=volume, spacing=np.ones(3))
out = folder("png")
for mode, array in {"L": volume[..., 0].astype("u1"), "RGB": rng.integers(0, 255, (5, 4, 3)).astype("u1"), "RGBA": rng.integers(0, 255, (5, 4, 4)).astype("u1")}.items():
    Image.fromarray(array, mode).save(out / f"{mode}.png", dpi=(300, 300))
Image.fromarray(volume[..., 0].astype("u2")).save(out / "sixteen.png")
Image.fromarray(volume[..., 0].astype("u1"), "L").convert("P").save(out / "palette.png")
Image.fromarray(volume[..., 0].astype("u1"), "L").convert("1").save(out / "bits.png")
out = folder("jpeg")
Image.fromarray(rng.integers(0, 255, (9, 8)).astype("u1")).save(out / "grey.jpg")
Image.fromarray(rng.integers(0, 255, (9, 8, 3)).astype("u1")).save(out / "colour.jpg", progressive=True)
out = folder("tiff")
tifffile.imwrite(out / "pages.tif", volume.astype("u2"), compression=None)
tifffile.imwrite(out / "deflate.tif", volume.astype("f4"), compression="zlib")
tifffile.imwrite(out / "tiles.tif", rng.integers(0, 99, (20, 20, 3)).astype("u1"), tile=(16, 16), photometric="rgb")
tifffile.imwrite(out / "planar.tif", rng.integers(0, 99, (3, 9, 8)).astype("u1"), planarconfig="separate", photometric="rgb")
tifffile.imwrite(out / "big.tif", volume[..., 0], bigtiff=True, byteorder=">")
