"""Skeletons, thinning, extrema, hulls and labels that grow beside scikit-image."""
import parity
from parity import EXTREME, MASKS, REAL, Case, nd, np, skimage

morph = skimage.morphology
SLICES = ("blobs_2d", "one_row", "odd_2d", "xray", "noise_2d")
VOLUMES = ("lungs", "blobs", "full_mask", "empty_mask", "flat", "label_map")
LOST = "pieces that scikit-image loses (a cube of 2 x 2 x 2, say) are left out"


def bright(p):
    """A mask; of grey images what is above their middle."""
    return p.array > (0 if p.name in MASKS + ("label_map",) else np.nanmedian(p.f64))


def mask_of(p):
    return {"image": bright(p).astype(np.uint8)}


def lee(p):
    return morph.skeletonize(bright(p), method="lee") > 0


def kept(made, p):
    """Our lines in the pieces that scikit-image has lines in."""
    pieces, _ = nd.label(bright(p), np.ones((3,) * len(p.shape)))
    return (made.array > 0) & np.isin(pieces, np.unique(pieces[lee(p)]))


def topology(array):
    """Euler number and pieces of a mask whose corners touch, and how many of them are left in each piece of the image."""
    return np.array([skimage.measure.euler_number(array, array.ndim), nd.label(array, np.ones((3,) * array.ndim))[1]])


def slices(function):
    return lambda p: np.stack([function(plane) for plane in bright(p)])


CASES = [
    Case("skeleton", {}, SLICES, "scikit-image skeletonize", lambda p: morph.skeletonize(bright(p)), 0, "", inputs=mask_of),
    Case("skeleton", {"method": "zhang"}, ("lungs", "blobs"), "scikit-image skeletonize", slices(morph.skeletonize), 0, "", inputs=mask_of),
    Case("skeleton", {"method": "lee"}, (*SLICES, *VOLUMES), "scikit-image skeletonize", lee, 0, LOST, inputs=mask_of, of=kept),
    Case("skeleton", {}, ("lungs", "blobs", "label_map", "ct", "mr", "odd", "anisotropic", "one_voxel_mask"), "closed form (the Euler number and the pieces stay)",
         lambda p: topology(bright(p)), 0, "", inputs=mask_of, of=lambda made, p: topology(made.array)),
    Case("thinning", {}, SLICES, "scikit-image thin", lambda p: morph.thin(bright(p)), 0, "", inputs=mask_of),
    Case("thinning", {"max_iterations": 2}, ("blobs_2d", "xray", "odd_2d"), "scikit-image thin", lambda p: morph.thin(bright(p), 2), 0, "", inputs=mask_of),
    Case("thinning", {}, VOLUMES, "scikit-image skeletonize", lee, 0, LOST, inputs=mask_of, of=kept),
    Case("thinning", {"method": "guo_hall", "max_iterations": 1}, ("lungs",), "scikit-image thin", slices(lambda plane: morph.thin(plane, 1)), 0, "", inputs=mask_of),
]
parity.main(__name__, CASES)
