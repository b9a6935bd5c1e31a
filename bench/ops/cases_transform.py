"""Resampling and the other transforms."""
from bench_ops import Case, cv2, nd, np, sitk, skimage
import cormack

MATRIX = [1.02, 0.05, -0.03, -0.08, 0.95, 0.02, 0.01, 0.04, 1.1]
HOW = {"nearest": sitk.sitkNearestNeighbor, "linear": sitk.sitkLinear, "cubic": sitk.sitkBSpline, "lanczos": sitk.sitkLanczosWindowedSinc}


def resampled(spacing, how):
    def call(i):
        size = [int(np.ceil(n * s / spacing - 1e-6)) for n, s in zip(i.array.shape[::-1], i.spacing)]
        origin = [0.5 * ((n - 1) * s - (m - 1) * spacing) for n, m, s in zip(i.array.shape[::-1], size, i.spacing)]
        return sitk.Resample(i.sitk, size, sitk.Transform(3, sitk.sitkIdentity), HOW[how], origin, [spacing] * 3)
    return call


def zoomed(spacing, order):
    return lambda i: nd.zoom(i.array, [s / spacing for s in i.spacing[::-1]], order=order, mode="nearest", grid_mode=True)


def transform(i):
    made = sitk.AffineTransform(3)
    made.SetMatrix(MATRIX)
    made.SetCenter([(n - 1) / 2 * s for n, s in zip(i.array.shape[::-1], i.spacing)])
    return made


def affine(how):
    return lambda i: sitk.Resample(i.sitk, i.sitk, transform(i), HOW[how])


def affine_scipy(i):
    return nd.affine_transform(i.array, np.array(MATRIX).reshape(3, 3)[::-1, ::-1], order=1)


def field(i):
    return i.kept("field", lambda: np.stack([nd.zoom(np.random.default_rng(k).normal(size=(4, 4, 4)).astype(np.float32) * 5,
                                                     [n / 4 for n in i.array.shape], order=1) for k in range(3)], -1))


def ours_warp(i):
    return {"image": i.image, "field": i.kept("our_field", lambda: cormack.Image(field(i), i.spacing, components=True))}


def displacement(i):
    def make():
        made = sitk.GetImageFromArray(field(i).astype(np.float64), isVector=True)
        made.SetSpacing([float(s) for s in i.spacing])
        return made
    return i.kept("sitk_field", make)


def turned(i):
    n = i.array.shape[::-1]
    return cv2.warpAffine(i.array, cv2.getRotationMatrix2D(((n[0] - 1) / 2, (n[1] - 1) / 2), -17, 1), n, flags=cv2.INTER_LINEAR)


def stacked(count):
    """The first image with images beside it."""
    return lambda i: {"image": i.image, **{f"image{k}": i.image for k in range(2, count + 1)}}


def pulled(i):
    """The map of the plane in OpenCV's way, about the middle."""
    n, a = i.array.shape[::-1], np.array(PLANE).reshape(2, 2)
    middle = np.array([(n[0] - 1) / 2, (n[1] - 1) / 2])
    return cv2.warpAffine(i.array, np.column_stack([a, middle - a @ middle]), n, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def pushed(i):
    """A field in the plane, as ours and as OpenCV's maps."""
    def make():
        small = np.random.default_rng(1).normal(size=(8, 8, 2)).astype(np.float32) * 5
        return np.ascontiguousarray(cv2.resize(small, i.array.shape[::-1], interpolation=cv2.INTER_LINEAR))
    return i.kept("plane_field", make)


def maps(i):
    def make():
        y, x = np.mgrid[: i.array.shape[0], : i.array.shape[1]].astype(np.float32)
        return x + pushed(i)[..., 0], y + pushed(i)[..., 1]
    return i.kept("maps", make)


def ours_pushed(i):
    return {"image": i.image, "field": i.kept("our_plane_field", lambda: cormack.Image(pushed(i), i.spacing[:2], components=True))}


FLAT = ("xray8", "xray", "xrayf")
PLANE = [1.02, 0.05, -0.08, 0.95]
FLOATS = "the peer calculates in whole numbers of 8 to 16 bits, rounded on the way; ours in float, rounded once"
TAPS = "eight taps of a Gaussian in float each way; the peer's five are 1 4 6 4 1, in whole numbers"
PLACES = "places from mm by the geometry, in double; the peer is given them in voxels, as float"
FETCHED = "the four neighbours of each voxel are fetched one by one"
NOTES = {"resample": "memory", "flip": "memory: copying, turned in registers", "stack": "memory: rows come together in the cache before they are written",
         "pad": "memory: copying", "crop": "memory: copying", "reorient": "memory: copying, in tiles"}
CASES = [
    Case("resample", {"spacing": 1, "interpolation": "linear"}, "ct", {"SimpleITK": resampled(1, "linear"), "SciPy": zoomed(1, 1)}, must=4),
    Case("resample", {"spacing": 1, "interpolation": "cubic"}, "ct", {"SimpleITK": resampled(1, "cubic")}, must=4),
    Case("resample", {"spacing": 2, "interpolation": "lanczos"}, "mr_part", {"SimpleITK": resampled(2, "lanczos")}),
    Case("resample", {"spacing": 1, "interpolation": "lanczos"}, "ct", {}),
    Case("resample", {"spacing": 1, "interpolation": "nearest"}, "ct", {"SimpleITK": resampled(1, "nearest"), "SciPy": zoomed(1, 0)}),
    *[Case("resample", {"size": [size, size], "interpolation": how}, name, {
        "OpenCV": lambda i, size=size, way=way: cv2.resize(i.array, (size, size), interpolation=way)}, note=FLOATS if how == "linear" and name != "xrayf" else "")
      for how, way in (("linear", cv2.INTER_LINEAR), ("nearest", cv2.INTER_NEAREST)) for size in (1024, 3000, 6000) for name in FLAT],
    Case("affine", {"matrix": MATRIX, "interpolation": "linear"}, "ct", {"SimpleITK": affine("linear"), "SciPy": affine_scipy}),
    Case("affine", {"matrix": MATRIX, "interpolation": "cubic"}, "ct", {"SimpleITK": affine("cubic")}),
    Case("affine", {"matrix": MATRIX, "interpolation": "nearest"}, "ct", {"SimpleITK": affine("nearest")}),
    *[Case("rotate", {"angles": 17}, name, {"OpenCV": turned}, note=FETCHED) for name in FLAT],
    *[Case("affine", {"matrix": PLANE}, name, {"OpenCV": pulled}, note=FETCHED) for name in FLAT],
    *[Case("warp", {}, name, {"OpenCV": lambda i: cv2.remap(i.array, *maps(i), cv2.INTER_LINEAR)}, inputs=ours_pushed, note=PLACES) for name in FLAT],
    Case("warp", {}, "ct", {"SimpleITK": lambda i: sitk.Warp(i.sitk, displacement(i))}, inputs=ours_warp),
    Case("reorient", {"orientation": "RAS"}, "ct", {"SimpleITK": lambda i: sitk.DICOMOrient(i.sitk, "RAS")}),
    Case("reorient", {"orientation": "SPL"}, "ct", {"SimpleITK": lambda i: sitk.DICOMOrient(i.sitk, "SPL"),
                                                    "NumPy": lambda i: np.ascontiguousarray(i.array.transpose(2, 1, 0))}),
    Case("flip", {"axes": "x"}, "ct", {"SimpleITK": lambda i: sitk.Flip(i.sitk, [True, False, False]),
                                       "NumPy": lambda i: np.ascontiguousarray(i.array[:, :, ::-1])}),
    Case("flip", {"axes": "z"}, "ct", {"NumPy": lambda i: np.ascontiguousarray(i.array[::-1])}),
    *[Case("flip", {"axes": axes}, name, {"OpenCV": lambda i, way=way: cv2.flip(i.array, way)})
      for axes, way in (("x", 1), ("y", 0), ("xy", -1)) for name in FLAT],
    *[Case("stack", {}, name, {"OpenCV": lambda i: cv2.merge([i.array] * 3), "NumPy": lambda i: np.stack([i.array] * 3, -1)}, stacked(3), about="three")
      for name in FLAT],
    *[Case("stack", {}, name, {"OpenCV": lambda i: cv2.merge([i.array] * 2), "NumPy": lambda i: np.stack([i.array] * 2, -1)}, stacked(2), about="two")
      for name in FLAT],
    Case("stack", {}, "ct", {"NumPy": lambda i: np.stack([i.array] * 4, -1)}, stacked(4), about="four"),
    Case("stack", {"type": "f32"}, "xray8", {"NumPy": lambda i: np.stack([i.array] * 3, -1, dtype=np.float32, casting="unsafe")}, stacked(3), about="three"),
    Case("pad", {"before": 16, "border": "mirror"}, "ct", {"SimpleITK": lambda i: sitk.MirrorPad(i.sitk, [16] * 3, [16] * 3),
                                                           "NumPy": lambda i: np.pad(i.array, 16, "reflect")}),
    *[Case("pad", {"before": 16, "border": border}, name, {
        "OpenCV": lambda i, way=way: cv2.copyMakeBorder(i.array, 16, 16, 16, 16, way), "NumPy": lambda i, numpys=numpys: np.pad(i.array, 16, numpys)})
      for border, way, numpys in (("mirror", cv2.BORDER_REFLECT_101, "reflect"), ("constant", cv2.BORDER_CONSTANT, "constant")) for name in FLAT],
    *[Case("crop", {"start": [100, 100], "size": [3800, 3800]}, name, {"NumPy": lambda i: i.array[100:3900, 100:3900].copy()}) for name in FLAT],
    Case("crop", {"start": [16, 16, 16], "size": [480, 480, 224]}, "ct", {"NumPy": lambda i: i.array[16:240, 16:496, 16:496].copy()}),
    Case("crop", {"start": [16, 16, 16], "size": [64, 64, 24]}, "ct", {"NumPy": lambda i: i.array[16:40, 16:80, 16:80].copy()}),
    Case("pyramid", {}, "ct", {"scikit-image": lambda i: skimage.transform.pyramid_reduce(i.f32, preserve_range=True),
                               "SimpleITK": lambda i: sitk.Shrink(sitk.DiscreteGaussian(i.sitk_f32, 0.44, useImageSpacing=False), [2] * 3)}),
    *[Case("pyramid", {}, name, {"OpenCV": lambda i: cv2.pyrDown(i.array)}, note=TAPS) for name in FLAT],
]
