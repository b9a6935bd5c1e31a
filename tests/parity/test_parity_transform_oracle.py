"""Resampling, affine maps, warps, orders of voxels and padding beside SimpleITK, SciPy, scikit-image and NumPy."""
import parity
from parity import EXTREME, REAL, Case, cormack, nd, np, sitk, skimage

VOLUMES = ("ct", "mr", "one_slice", "odd", "anisotropic", "u16_full", "i16_full", "f64")
PLANES = ("xray", "ct_slice", "odd_2d", "noise_2d")
EXACT = "both in double; the order of the sums"
SPLINE = "the peer's recursion starts from fewer voxels (1e-10 of the sum)"
MATRIX = [1.02, 0.05, -0.03, -0.08, 0.95, 0.02, 0.01, 0.04, 1.1]
PLANE = [1.02, 0.05, -0.08, 0.95]
SITK = {"nearest": sitk.sitkNearestNeighbor, "linear": sitk.sitkLinear, "cubic": sitk.sitkBSpline, "lanczos": sitk.sitkLanczosWindowedSinc}
TURN = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0], [0.48, 0.64, 0.6]])  # a rotation


def middle(p):
    image = p.sitk
    return list(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()]))


def pulled(p, transform, how="linear", reference=None):
    """SimpleITK's result; its sinc is divided by what it makes of ones, since its weights do not sum to 1."""
    image = sitk.Cast(p.sitk, sitk.sitkFloat64)
    reference = reference or image
    made = sitk.GetArrayFromImage(sitk.Resample(image, reference, transform, SITK[how], 0.0))
    if how == "lanczos":
        ones = sitk.Cast(p.sitk * 0 + 1, sitk.sitkFloat64)
        ones.CopyInformation(image)
        weights = sitk.GetArrayFromImage(sitk.Resample(ones, reference, transform, SITK[how], 0.0))
        made = np.divide(made, weights, out=np.zeros_like(made), where=weights != 0)
    return made


def affine(p, how="linear", matrix=None, shift=(1.5371, -0.7113, 2.1177)):
    n = p.sitk.GetDimension()
    made = sitk.AffineTransform(n)
    made.SetMatrix(matrix or (MATRIX if n == 3 else PLANE))
    made.SetCenter(middle(p))
    made.SetTranslation(list(shift[:n]))
    return pulled(p, made, how)


def pushed(p):
    made = sitk.AffineTransform(3)
    made.SetMatrix(MATRIX)
    made.SetCenter([1.0, 2.0, 3.0])
    return pulled(p, made.GetInverse())


def euler(p, degrees, how="linear"):
    made = sitk.Euler3DTransform(middle(p), *np.radians(degrees)) if p.sitk.GetDimension() == 3 else sitk.Euler2DTransform(middle(p), np.radians(degrees[2]))
    if p.sitk.GetDimension() == 3:
        made.SetComputeZYX(True)
    return pulled(p, made.GetInverse(), how)


def field(p):
    """Smooth displacements of a few mm, on the image's grid."""
    random = np.random.default_rng(7)
    made = np.stack([nd.gaussian_filter(random.normal(size=p.shape), 3) for _ in p.shape], -1)
    return made / max(1e-9, abs(made).max()) * 4


def field_inputs(p):
    return {"image": p.image, "field": cormack.Image(field(p), p.spacing, components=True, context=parity.pictures.CONTEXT)}


def warped(p, how="linear"):
    made = sitk.GetImageFromArray(field(p), isVector=True)
    made.CopyInformation(p.sitk)
    return pulled(p, sitk.DisplacementFieldTransform(made), how)


def on_turned(p):
    """A grid that is turned, shifted and of another spacing."""
    return cormack.Image(np.zeros((11, 17, 19), np.uint8), (1.3, 0.9, 2.2), [v - 9 for v in middle(p)], TURN, context=parity.pictures.CONTEXT)


def turned(p, how):
    reference = sitk.Image(19, 17, 11, sitk.sitkUInt8)
    reference.SetSpacing((1.3, 0.9, 2.2))
    reference.SetOrigin([v - 9 for v in middle(p)])
    reference.SetDirection(TURN.ravel().tolist())
    return pulled(p, sitk.Transform(3, sitk.sitkIdentity), how, reference)


def placed(image):
    """Voxels and geometry as one vector."""
    if isinstance(image, sitk.Image):
        return np.concatenate([sitk.GetArrayFromImage(image).ravel().astype(float), image.GetSize(), image.GetOrigin(), image.GetSpacing(), image.GetDirection()])
    n = 2 if image.array.ndim == 2 else 3
    direction = np.asarray(image.direction).reshape(3, 3)[:n, :n]
    return np.concatenate([image.array.ravel().astype(float), image.array.shape[::-1], image.origin[:n], image.spacing[:n], direction.ravel()])


def oblique(p):
    return {"image": cormack.Image(p.array, p.spacing, (5, -7, 11), TURN, context=parity.pictures.CONTEXT)}


def oriented(p, code):
    image = sitk.GetImageFromArray(p.array)
    image.SetSpacing([float(s) for s in p.spacing])
    image.SetOrigin((5, -7, 11))
    image.SetDirection(TURN.ravel().tolist())
    return placed(sitk.DICOMOrient(image, code))


def stored(p, axes):
    flips = [axis in axes for axis in "xyz"[: p.sitk.GetDimension()]]
    return placed(sitk.Image(p.sitk)[tuple(slice(None, None, -1 if flip else 1) for flip in flips)])


def padded(p, mode, before, after, **more):
    n = len(p.shape)
    return np.pad(p.array, [(before[k], after[k]) for k in range(n)][::-1], mode, **more)


def reduced(p, levels=1):
    made = p.f64
    for _ in range(levels):
        made = skimage.transform.pyramid_reduce(made, preserve_range=True)
    return made


def sized(p, size):
    """As many voxels over the same box."""
    n, spacing = p.sitk.GetSize(), p.sitk.GetSpacing()
    new = [a * s / b for a, s, b in zip(n, spacing, size)]
    grid = sitk.Image(list(size[: len(n)]), sitk.sitkUInt8)
    grid.SetSpacing(new)
    grid.SetDirection(p.sitk.GetDirection())
    axes = np.array(p.sitk.GetDirection()).reshape(len(n), len(n))
    grid.SetOrigin((np.array(p.sitk.GetOrigin()) + axes @ (np.array(new) - spacing) / 2).tolist())
    return sitk.Resample(sitk.Cast(p.sitk, sitk.sitkFloat64), grid, sitk.Transform(len(n), sitk.sitkIdentity), sitk.sitkLinear, 0.0)


def taken(p, size):
    """The voxel in which each new one's centre lies; on a face the next."""
    places = [np.floor((np.arange(m) + 0.5) * n / m + 1e-9).astype(int) for m, n in zip(size[::-1], p.shape)]
    return p.array[np.ix_(*places)]


SIZES = [(size[:n], images) for size in ([40, 33, 21], [300, 290, 7], [1000, 37, 64]) for n, images in ((3, VOLUMES), (2, PLANES))]
FLOAT = "sums in float"


def cases_of(op, params, images, peer, call, tolerance=1e-11, reason=EXACT, **more):
    return [Case(op, params | {"interpolation": how, "type": "f64"}, images, peer, lambda p, how=how: call(p, how), 1e-9 if how == "cubic" else tolerance,
                 SPLINE if how == "cubic" else reason, relative=True, **more) for how in ("linear", "cubic", "lanczos")]


NUMPY = {"constant": ("constant", {"constant_values": -3}), "replicate": ("edge", {}), "reflect": ("symmetric", {}), "wrap": ("wrap", {})}
CASES = [
    *cases_of("affine", {"matrix": MATRIX, "translation": [1.5371, -0.7113, 2.1177]}, VOLUMES, "SimpleITK Resample, AffineTransform", affine),
    *cases_of("affine", {"matrix": PLANE, "translation": [1.5371, -0.7113]}, PLANES, "SimpleITK Resample, AffineTransform", affine),
    Case("affine", {"matrix": MATRIX, "centre": [1, 2, 3], "maps": "image_to_result", "type": "f64"}, VOLUMES, "SimpleITK AffineTransform.GetInverse",
         pushed, 1e-11, EXACT, relative=True),
    *cases_of("rotate", {"angles": [10, -20, 30]}, ("ct", "odd", "anisotropic", "f64"), "SimpleITK Resample, Euler3DTransform",
              lambda p, how: euler(p, (10, -20, 30), how)),
    Case("rotate", {"angles": 17.0, "type": "f64"}, VOLUMES + PLANES, "SimpleITK Resample, Euler transform", lambda p: euler(p, (0, 0, 17)), 1e-11, EXACT, relative=True),
    Case("rotate", {"angles": 90.0, "expand": True}, ("odd_2d", "xray", "ct", "u16_full", "one_voxel"), "NumPy rot90",
         lambda p: np.rot90(p.array, -1, (-2, -1)), 0, ""),
    *cases_of("warp", {}, VOLUMES + PLANES, "SimpleITK Resample, DisplacementFieldTransform", warped, inputs=field_inputs),
    Case("warp", {"interpolation": "nearest"}, VOLUMES + PLANES, "SimpleITK Resample, DisplacementFieldTransform", lambda p: warped(p, "nearest"), 0, "",
         inputs=field_inputs),
    *cases_of("resample", {}, VOLUMES, "SimpleITK Resample", turned, inputs=lambda p: {"image": p.image, "reference": on_turned(p)}),
    *[Case("resample", {"size": size, "interpolation": "linear", "type": kind}, images, "SimpleITK Resample", lambda p, size=size: sized(p, size),
           limit, reason, relative=True) for size, images in SIZES for kind, limit, reason in (("f64", 1e-11, EXACT), ("f32", 1e-6, FLOAT))],
    *[Case("resample", {"size": size, "interpolation": "nearest"}, images, "NumPy take", lambda p, size=size: taken(p, size), 0, "") for size, images in SIZES],
    Case("affine", {"matrix": MATRIX, "translation": [1.5371, -0.7113, 2.1177], "type": "f32"}, VOLUMES, "SimpleITK Resample, AffineTransform", affine, 1e-6, FLOAT, relative=True),
    Case("affine", {"matrix": PLANE, "translation": [1.5371, -0.7113], "type": "f32"}, PLANES, "SimpleITK Resample, AffineTransform", affine, 1e-6, FLOAT, relative=True),
    Case("rotate", {"angles": 17.0, "type": "f32"}, VOLUMES + PLANES, "SimpleITK Resample, Euler transform", lambda p: euler(p, (0, 0, 17)), 1e-6, FLOAT, relative=True),
    Case("warp", {"type": "f32"}, VOLUMES + PLANES, "SimpleITK Resample, DisplacementFieldTransform", warped, 1e-6, FLOAT, inputs=field_inputs, relative=True),
    Case("pyramid", {"type": "f32"}, ("ct_slice", "xray", "odd_2d", "odd", "noise_2d", "ct", "one_row", "flat"), "scikit-image pyramid_reduce", reduced, 1e-6, FLOAT, relative=True),
    *[Case("reorient", {"orientation": code}, ("ct", "odd", "u16_full", "one_voxel", "one_slice", "anisotropic"), "SimpleITK DICOMOrient",
           lambda p, code=code: oriented(p, code), 1e-5, "the place of the first voxel, worked out by both; voxels are equal",
           inputs=oblique, of=lambda r, p: placed(r)) for code in ("RAS", "LPS", "SRA", "PIR", "AIL")],
    *[Case("flip", {"axes": axes}, images, "NumPy flip", lambda p, axes=axes: np.flip(p.array, [len(p.shape) - 1 - "xyz".index(a) for a in axes]), 0, "")
      for axes, images in (("x", REAL + EXTREME), ("xy", REAL + EXTREME), ("z", VOLUMES), ("xyz", VOLUMES))],
    Case("flip", {"axes": "xy", "moves": "storage"}, ("ct", "odd_2d", "anisotropic"), "SimpleITK, slices backwards", lambda p: stored(p, "xy"), 1e-9,
         "the place of the first voxel", of=lambda r, p: placed(r)),
    *[Case("pad", {"before": [3, 2, 1], "after": [5, 0, 4], "border": border, "border_value": -3}, images, "NumPy pad",
           lambda p, mode=mode, more=more: padded(p, mode, (3, 2, 1), (5, 0, 4), **more), 0, "")
      for border, (mode, more) in NUMPY.items() for images in (("ct", "odd", "one_row", "i16_full", "nan", "one_voxel", "one_slice"),)],
    Case("pad", {"before": [9], "border": "mirror"}, ("odd", "odd_2d", "u16_full", "flat"), "NumPy pad", lambda p: padded(p, "reflect", (9,) * 3, (9,) * 3), 0, ""),
    Case("pad", {"size": [64, 65, 31]}, ("odd",), "SimpleITK ConstantPad", lambda p: sitk.ConstantPad(p.sitk, [25, 27, 12], [26, 27, 12]), 0, ""),
    Case("pyramid", {"type": "f64"}, ("ct_slice", "xray", "odd_2d", "odd", "noise_2d", "ct", "one_row", "flat"), "scikit-image pyramid_reduce", reduced, 1e-11, EXACT, relative=True),
    Case("pyramid", {"type": "f64", "level": 3}, ("ct_slice", "xray"), "scikit-image pyramid_reduce", lambda p: reduced(p, 3), 1e-11, EXACT, relative=True),
]
parity.main(__name__, CASES)
