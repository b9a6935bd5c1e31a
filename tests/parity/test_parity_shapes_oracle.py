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


GREY = ("ct", "mr", "xray", "ct_slice", "one_row", "odd", "odd_2d", "noise_2d", "anisotropic", "u16_full", "i16_full", "flat", "one_slice")


def footprint(p, rank):
    return nd.generate_binary_structure(len(p.shape), min(rank, len(p.shape)))


def hills(function, h, rank=3):
    """Whole numbers as 32 bits, since scikit-image's range of 16 bits overflows."""
    return lambda p: function(p.array.astype(np.int32) if p.array.dtype.kind in "iu" else p.array, h, footprint(p, rank))


def grown(distance, spaced=True):
    """scikit-image's labels, and ours where two labels are as near: it takes any, we the smaller one."""
    return lambda p: skimage.segmentation.expand_labels(p.array, distance, p.axis_spacing if spaced else 1)


def settled(spaced=True):
    def compare(made, p):
        """0 where the label is the smallest of the nearest ones."""
        spacing = p.axis_spacing if spaced else 1
        away = {k: nd.distance_transform_edt(p.array != k, spacing) for k in np.unique(p.array) if k}
        if not away:
            return made.array
        least = np.min(list(away.values()), axis=0)
        nearest = np.zeros(p.shape)
        for k in sorted(away, reverse=True):
            nearest[away[k] <= least + 1e-6] = k
        return np.where(made.array > 0, made.array - nearest, 0)
    return compare


def plain(p):
    return p.array.astype(np.float64)


HULLS = ("lungs", "blobs", "blobs_2d", "seeds", "seeds_2d", "odd", "odd_2d", "xray", "full_mask", "empty_mask")


def hull_of_each(p):
    """Every label's hull; labels keep their voxels, and where hulls meet the smaller label has it."""
    made = p.array.copy()
    for k in range(1, int(p.array.max(initial=0)) + 1):
        made[(made == 0) & morph.convex_hull_image(p.array == k)] = k
    return made


def element(p, kind):
    """Elements that are not symmetric; «even» ones have no voxel in the middle."""
    shape = {"hook": (3, 5, 7), "even": (2, 4, 6), "ring": (1, 5, 5)}[kind][-len(p.shape):]
    made = np.random.default_rng(6).random(shape) < 0.4 if kind != "ring" else np.ones(shape)
    made = np.array(made, np.uint8)
    if kind == "ring":
        made[..., 1:4, 1:4] = 0
    made.flat[-1] = 1
    return made


def elements(kind):
    return lambda p: {"image": p.image, "element": parity.cormack.Image(element(p, kind), (3, 2, 1))}


def spread(function, kind, mode="constant"):
    """SciPy's; what lies beyond the border takes no part: where the whole element does, the type's lowest or highest value is left (of a mask 0 or 1)."""
    def call(p):
        array = p.array.astype(np.float64)
        out = {"dilate": nd.grey_dilation, "erode": nd.grey_erosion}
        ends = (0, 1) if p.name in MASKS else (np.iinfo(p.array.dtype).min, np.iinfo(p.array.dtype).max) if p.array.dtype.kind in "iu" else (-np.inf, np.inf)
        low = {"dilate": ends[0], "erode": ends[1]}
        for step in {"open": ("erode", "dilate"), "close": ("dilate", "erode")}.get(function, (function,)):
            array = out[step](array, footprint=element(p, kind), mode=mode, cval=low[step])
        return array
    return call


def label_edges(p):
    """Each label's dilation, which grows into the background only, minus its erosion."""
    grown, shrunk = p.array.astype(int), np.zeros(p.shape, int)
    for k in np.unique(p.array[p.array > 0]):
        grown[(grown == 0) & nd.binary_dilation(p.array == k)] = k
        shrunk[nd.binary_erosion(p.array == k, border_value=1)] = k
    return grown - shrunk


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
    Case("h_maxima", {"h": 40}, GREY, "scikit-image h_maxima", hills(morph.h_maxima, 40), 0, ""),
    Case("h_maxima", {"h": 12, "connectivity": "6"}, ("ct", "mr", "odd_2d", "anisotropic"), "scikit-image h_maxima", hills(morph.h_maxima, 12, 1), 0, ""),
    Case("h_minima", {"h": 40}, GREY, "scikit-image h_minima", hills(morph.h_minima, 40), 0, ""),
    Case("regional_maxima", {}, GREY, "scikit-image local_maxima", lambda p: morph.local_maxima(plain(p), footprint(p, 3)), 0, ""),
    Case("regional_maxima", {"connectivity": "6", "allow_borders": False}, ("ct", "mr", "xray", "odd", "i16_full"), "scikit-image local_maxima",
         lambda p: morph.local_maxima(plain(p), footprint(p, 1), allow_borders=False), 0, ""),
    Case("regional_minima", {}, GREY, "scikit-image local_minima", lambda p: morph.local_minima(plain(p), footprint(p, 3)), 0, ""),
    Case("regional_minima", {"connectivity": "18", "allow_borders": False}, ("ct", "mr", "odd"), "scikit-image local_minima",
         lambda p: morph.local_minima(plain(p), footprint(p, 2), allow_borders=False), 0, ""),
    Case("expand_labels", {"distance": 3.1}, ("label_map", "blobs", "lungs", "empty_mask", "full_mask", "one_voxel_mask"), "scikit-image expand_labels",
         lambda p: grown(3.1)(p) > 0, 0, "", of=lambda made, p: made.array > 0),
    Case("expand_labels", {"distance": 4, "units": "voxel"}, ("label_map", "blobs", "blobs_2d", "lungs"), "scikit-image expand_labels",
         lambda p: grown(4, False)(p) > 0, 0, "", of=lambda made, p: made.array > 0),
    Case("expand_labels", {"distance": 50}, ("seeds", "seeds_2d"), "scikit-image expand_labels", lambda p: grown(50)(p), 0.03,
         "where two labels are as near scikit-image takes any", compare=parity.compare_fraction),
    Case("expand_labels", {"distance": 6}, ("seeds", "seeds_2d", "label_map"), "NumPy reference (the smallest of the nearest labels)",
         lambda p: np.zeros(p.shape), 0, "", of=settled()),
    Case("convex_hull", {}, HULLS, "scikit-image convex_hull_image", lambda p: morph.convex_hull_image(bright(p)), 0, "", inputs=mask_of),
    Case("convex_hull", {"offset_coordinates": False}, HULLS, "scikit-image convex_hull_image",
         lambda p: morph.convex_hull_image(bright(p), offset_coordinates=False), 0, "", inputs=mask_of),
    Case("convex_hull", {"of": "label"}, ("label_map", "lungs", "blobs_2d"), "scikit-image convex_hull_image", hull_of_each, 0, ""),
    Case("convex_hull", {"of": "object"}, ("blobs_2d", "odd_2d", "seeds_2d"), "scikit-image convex_hull_object",
         lambda p: morph.convex_hull_object(bright(p)), 0, "", inputs=mask_of),
    *[Case(op, {}, ("ct", "mr", "xray", "odd_2d", "anisotropic", "blobs", "blobs_2d"), "SciPy grey_dilation and grey_erosion", spread(op, kind), 0,
           "", inputs=elements(kind)) for op in ("dilate", "erode", "open", "close") for kind in ("hook", "even", "ring")],
    *[Case(op, {"border": "zero"}, ("ct", "xray", "blobs", "blobs_2d"), f"SciPy {peer}",
           lambda p, peer=peer, kind=kind: getattr(nd, peer)(p.array, footprint=element(p, kind), mode="constant", cval=0), 0, "",
           inputs=elements(kind)) for op, peer in (("dilate", "grey_dilation"), ("erode", "grey_erosion")) for kind in ("hook", "even")],
    Case("morphological_gradient", {}, ("ct", "xray"), "SciPy grey_dilation and grey_erosion",
         lambda p: (spread("dilate", "hook")(p) - spread("erode", "hook")(p)), 0, "", inputs=elements("hook"), of=lambda made, p: made.array),
    Case("top_hat", {}, ("ct", "xray"), "SciPy grey_dilation and grey_erosion", lambda p: p.f64 - spread("open", "hook")(p), 0, "",
         inputs=elements("hook"), of=lambda made, p: made.array),
    Case("morphological_gradient", {"mode": "label"}, ("label_map", "lungs", "blobs_2d"), "SciPy binary_dilation and binary_erosion", label_edges, 0, ""),
]
parity.main(__name__, CASES)
