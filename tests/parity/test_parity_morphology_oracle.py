"""Distance, reconstruction, small pieces, thinning, hulls and elements beside SciPy, scikit-image, SimpleITK and edt."""
import parity
from parity import EXTREME, MASKS, REAL, Case, edt, nd, np, sitk, skimage

morph = skimage.morphology
FLOAT = "squares and roots in float"
INTEGERS = ("ct", "mr", "xray", "one_row", "odd_2d", "flat", "u16_full", "i16_full")


def inside(p):
    """Distance of the foreground; infinite where there is no background, as SciPy cannot say."""
    mask = np.nan_to_num(p.f64) != 0
    return np.full(p.shape, np.inf) if mask.all() else nd.distance_transform_edt(mask, p.axis_spacing)


def outside(p):
    mask = np.nan_to_num(p.f64) != 0
    return nd.distance_transform_edt(~mask, p.axis_spacing) if mask.any() else np.full(p.shape, np.inf)


def maurer(p):
    """SimpleITK measures inside to the outermost voxels of the object, so only its outside is compared."""
    return np.where(p.array, 0, sitk.GetArrayFromImage(sitk.SignedMaurerDistanceMap(p.sitk, False, False, True)))


def lowered(p, by):
    return (np.nan_to_num(p.f64, nan=-1e9) - by).clip(*_range(p.array.dtype)).astype(p.array.dtype)


def _range(dtype):
    info = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else np.finfo(np.float32)
    return info.min, info.max


HOOKS = ("hook", "even", "far")


def hook(p, kind):
    """Elements that are not symmetric, one without a voxel in the middle, one that jumps over its neighbours."""
    shape = {"hook": (3, 5, 5), "even": (2, 2, 4), "far": (3, 3, 7)}[kind][-len(p.shape):]
    shape = tuple(k if n > 1 else 1 for k, n in zip(shape, p.shape))
    made = (np.random.default_rng(8).random(shape) < 0.3).astype(np.uint8)
    if kind == "far":
        made[..., 2:5] = 0
    made.flat[-1] = 1
    return made


def hooked(p, kind, method):
    """As the element is given, scikit-image spreads values in both methods; NaN is a wall."""
    down = method == "dilation"
    limit = np.nan_to_num(p.f64, nan=-2e9 if down else 2e9)
    seed = np.minimum(lowered(p, 60), limit) if down else np.maximum(raised(p), limit)
    odd = np.pad(hook(p, kind), [(0, 1 - n % 2) for n in hook(p, kind).shape])  # the middle stays where it is
    made = morph.reconstruction(seed.astype(float), limit, method, footprint=odd)
    return np.where(np.isnan(p.f64), np.nan, made)


def raised(p):
    """60 above the image, where its type has that much; NaN becomes 60."""
    return np.minimum(np.nan_to_num(p.f64) + 60, _range(p.array.dtype)[1]).astype(p.array.dtype)


def hook_inputs(kind, method):
    return lambda p: {"marker": lowered(p, 60) if method == "dilation" else raised(p), "limit": p.image, "element": parity.cormack.Image(hook(p, kind))}


def grown(p, rank, by=60):
    """scikit-image's reconstruction; what is NaN in the limit is a wall, which its lowest number is, too."""
    limit = np.nan_to_num(p.f64, nan=-2e9)
    seed = np.minimum(lowered(p, by).astype(float), limit)
    made = morph.reconstruction(seed, limit, "dilation", footprint=nd.generate_binary_structure(len(p.shape), min(rank, len(p.shape))))
    return np.where(np.isnan(p.f64), np.nan, made)


def shrunk(p):
    limit = np.nan_to_num(p.f64, nan=2e9)
    seed = np.maximum(np.nanmax(p.f64), limit)
    seed[(0,) * limit.ndim] = limit[(0,) * limit.ndim]
    return np.where(np.isnan(p.f64), np.nan, morph.reconstruction(seed, limit, "erosion"))


def shrink_inputs(p):
    marker = np.full(p.shape, np.nanmax(p.f64)).astype(p.array.dtype)
    marker.flat[0] = np.nan_to_num(p.f64, nan=np.nanmax(p.f64)).flat[0]
    return {"marker": marker, "limit": p.image}


def connect(rank):
    return {"connectivity": {1: "6", 2: "18", 3: "26"}[rank]}


PLAIN = tuple(name for name in REAL + EXTREME)
LABELLED = (*MASKS, "label_map")
CASES = [
    Case("distance", {}, MASKS + EXTREME, "SciPy distance_transform_edt", inside, 1e-6, FLOAT, relative=True),
    Case("distance", {"mode": "outside"}, MASKS + EXTREME, "SciPy distance_transform_edt", outside, 1e-6, FLOAT, relative=True),
    Case("distance", {"mode": "signed"}, MASKS, "SciPy distance_transform_edt", lambda p: outside(p) - inside(p), 1e-6, FLOAT, relative=True),
    Case("distance", {"mode": "outside"}, ("lungs", "blobs", "blobs_2d"), "SimpleITK SignedMaurerDistanceMap", maurer, 1e-6, FLOAT, relative=True),
    Case("distance", {"by_label": True}, LABELLED, "edt", lambda p: edt.edt(p.array, anisotropy=p.axis_spacing), 1e-6, FLOAT, relative=True),
    Case("distance", {"mode": "signed", "by_label": True}, ("label_map", "blobs", "lungs"), "edt, SciPy distance_transform_edt",
         lambda p: outside(p) - edt.edt(p.array, anisotropy=p.axis_spacing), 1e-6, FLOAT, relative=True),
    Case("distance", {"by_label": True, "border": "zero", "squared": True}, ("label_map", "lungs", "blobs_2d", "full_mask"), "edt",
         lambda p: edt.edtsq(p.array, anisotropy=p.axis_spacing, black_border=True), 1e-6, FLOAT, relative=True),
    Case("reconstruct", connect(3), PLAIN, "scikit-image reconstruction", lambda p: grown(p, 3), 0, "",
         inputs=lambda p: {"marker": lowered(p, 60), "limit": p.image}),
    Case("reconstruct", connect(2), ("ct", "odd", "xray"), "scikit-image reconstruction", lambda p: grown(p, 2), 0, "",
         inputs=lambda p: {"marker": lowered(p, 60), "limit": p.image}),
    Case("reconstruct", connect(1), ("ct", "mr", "anisotropic"), "scikit-image reconstruction", lambda p: grown(p, 1), 0, "",
         inputs=lambda p: {"marker": lowered(p, 60), "limit": p.image}),
    Case("reconstruct", {"method": "erosion"}, PLAIN, "scikit-image reconstruction", shrunk, 0, "", inputs=shrink_inputs),
    *[Case("reconstruct", {"method": method}, PLAIN, f"scikit-image reconstruction, footprint «{kind}»", lambda p, kind=kind, method=method: hooked(p, kind, method), 0, "",
           inputs=hook_inputs(kind, method)) for kind in HOOKS for method in ("dilation", "erosion")],
    Case("reconstruct", connect(1), ("ct", "mr", "xray"), "SimpleITK ReconstructionByDilation",
         lambda p: sitk.ReconstructionByDilation(p.sitk_like(lowered(p, 60)), p.sitk), 0, "",
         inputs=lambda p: {"marker": lowered(p, 60), "limit": p.image}),
    Case("remove_small", {"max_size": 12}, MASKS, "scikit-image remove_small_objects",
         lambda p: morph.remove_small_objects(p.array > 0, max_size=12), 0, ""),
    Case("remove_small", {"max_size": 12, "connectivity": "26"}, ("lungs", "blobs"), "scikit-image remove_small_objects",
         lambda p: morph.remove_small_objects(p.array > 0, max_size=12, connectivity=3), 0, ""),
    Case("remove_small", {"max_size": 12, "what": "holes"}, ("lungs", "blobs", "blobs_2d", "full_mask", "empty_mask"),
         "scikit-image remove_small_holes", lambda p: morph.remove_small_holes(p.array > 0, max_size=12), 0, ""),
]
parity.main(__name__, CASES)
