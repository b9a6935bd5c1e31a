"""Colours against scikit-image, and its conversions with NumPy's comparisons or k-means behind."""
import parity
import pictures
from parity import Case, compare_fraction, np
from skimage import color

PICTURES = ("colour", "xray", "ct", "mr", "one_voxel", "one_row", "odd", "odd_2d", "noise_2d", "flat", "anisotropic", "u16_full", "f64")
SMOOTH = tuple(name for name in PICTURES if name not in ("one_voxel", "flat", "one_row"))
SPACES = {
    "hsv": (color.rgb2hsv, color.hsv2rgb),
    "lab": (color.rgb2lab, color.lab2rgb),
    "xyz": (color.rgb2xyz, color.xyz2rgb),
    "ycbcr": (color.rgb2ycbcr, color.ycbcr2rgb),
}


def rgb(p):
    """Colours: as they are, or the picture, scaled, beside itself turned over and its square; some black, white and pure ones."""
    if p.components:
        return p.array
    low, high = p.f64.min(), p.f64.max()
    value = (p.f64 - low) / (high - low or 1)
    made = np.stack([value, 1 - value[::-1], value[..., ::-1] ** 2], -1)
    pure = np.array([c for c in np.ndindex(2, 2, 2)], float)
    made.reshape(-1, 3)[: len(pure)] = pure[: made.size // 3]
    return made if p.array.dtype == np.float64 else made.astype(np.float32)


def image(p, values):
    return {"image": parity.cormack.Image(np.ascontiguousarray(values), p.spacing, components=True, context=pictures.CONTEXT)}


def double(p):
    return rgb(p) / 255 if rgb(p).dtype == np.uint8 else rgb(p).astype(float)


def to(space):
    params = {"to_space": space}
    limits = {"hsv": 1e-6, "lab": 2e-6, "xyz": 1e-6, "ycbcr": 1e-6}
    compare = hues if space == "hsv" else parity.compare_numbers
    return [Case("colour_space", params, PICTURES, f"scikit-image rgb2{space}", lambda p: SPACES[space][0](double(p)), limits[space], "in float", relative=True,
                 inputs=lambda p: image(p, rgb(p)), compare=compare),
            Case("colour_space", {**params, "type": "f64"}, PICTURES, f"scikit-image rgb2{space}", lambda p: SPACES[space][0](double(p)), 1e-11,
                 "roots by iteration", relative=True, inputs=lambda p: image(p, double(p)), compare=compare)]


def back(space):
    """From colours of the space, also such that rgb has not."""
    def wide(p):
        made = SPACES[space][0](double(p))
        return made if space == "hsv" else made * 1.3
    return [Case("colour_space", {"from_space": space, "to_space": "rgb", "type": "f64"}, PICTURES, f"scikit-image {space}2rgb", lambda p: SPACES[space][1](wide(p)), 1e-9,
                 "the peer's inverse matrix is rounded elsewhere", relative=True, inputs=lambda p: image(p, wide(p)))]


def hues(ours, theirs):
    """Hues are as near as they are around the circle; a hue of nearly grey colours is worth its saturation."""
    ours, theirs = np.asarray(ours, float), np.asarray(theirs, float)
    apart = np.abs(ours[..., 0] - theirs[..., 0])
    return max(parity.compare_numbers(ours[..., 1:], theirs[..., 1:]), float((np.minimum(apart, 1 - apart) * theirs[..., 1]).max()))


def between(values, space, low, high):
    made = SPACES[space][0](values)
    inside = np.ones(made.shape[:-1], bool)
    for k in range(3):
        a, b = made[..., k] >= low[k], made[..., k] <= high[k]
        inside &= a | b if low[k] > high[k] else a & b
    return inside


def threshold(space, low, high):
    return Case("colour_threshold", {"space": space, "low": low, "high": high}, PICTURES, f"scikit-image rgb2{space} and NumPy",
                lambda p: between(double(p), space, low, high), 0, "", inputs=lambda p: image(p, rgb(p)))


def clusters(p, lightness):
    """k-means (which is compared with scikit-learn's elsewhere) of the peer's colours."""
    lab = color.rgb2lab(double(p)) * (lightness, 1, 1)
    return parity.cormack.kmeans(image(p, lab.astype(np.float32))["image"], classes=3, context=pictures.CONTEXT)[0].array


def segmentation(lightness):
    return Case("colour_segmentation", {"lightness": lightness}, SMOOTH, "scikit-image rgb2lab, then kmeans", lambda p: clusters(p, lightness), 1e-3,
                "colours as near to two centroids", inputs=lambda p: image(p, rgb(p)), compare=compare_fraction)


def full(p):
    """The same colours in 8 or 16 bits."""
    top = 65535 if p.name in ("ct", "odd", "u16_full") else 255
    return np.rint(double(p) * top).astype(np.uint16 if top > 255 else np.uint8)


def whole_threshold(space, low, high):
    return Case("colour_threshold", {"space": space, "low": low, "high": high}, PICTURES, f"scikit-image rgb2{space} of integers, and NumPy",
                lambda p: between(full(p) / np.iinfo(full(p).dtype).max, space, low, high), 0, "", inputs=lambda p: image(p, full(p)))


def bytes_of(p):
    return np.rint(double(p) * 255).astype(np.uint8)


def grey_of_bytes(p):
    """Whole numbers: 0.2125 R + 0.7154 G + 0.0721 B, halves up."""
    red, green, blue = np.moveaxis(bytes_of(p).astype(int), -1, 0)
    return (2125 * red + 7154 * green + 721 * blue + 5000) // 10000


CASES = [case for space in SPACES for case in to(space) + back(space)]
CASES += [
    Case("colour_space", {"to_space": "grey"}, PICTURES, "scikit-image rgb2gray", lambda p: color.rgb2gray(double(p)), 1e-6, "in float", relative=True,
         inputs=lambda p: image(p, rgb(p))),
    Case("colour_space", {"to_space": "grey", "type": "u8"}, PICTURES, "NumPy, whole numbers", grey_of_bytes, 0, "", inputs=lambda p: image(p, bytes_of(p))),
    Case("colour_space", {"from_space": "lab", "to_space": "hsv", "type": "f64"}, SMOOTH, "scikit-image lab2rgb and rgb2hsv",
         lambda p: color.rgb2hsv(color.lab2rgb(color.rgb2lab(double(p)))), 1e-6, "saturation of colours that are nearly black",
         inputs=lambda p: image(p, color.rgb2lab(double(p))), compare=hues),
    Case("colour_space", {"to_space": "rgb", "type": "u8"}, PICTURES, "NumPy rint", lambda p: np.rint(rgb(p).astype(np.float32) * 255) if rgb(p).dtype != np.uint8
         else rgb(p), 0, "", inputs=lambda p: image(p, rgb(p).astype(np.float32) if rgb(p).dtype != np.uint8 else rgb(p))),
    threshold("hsv", [0.8, 0.2, 0.1], [0.1, 0.9, 0.95]), threshold("hsv", [0.2, 0.0, 0.3], [0.7, 0.8, 1.0]), threshold("lab", [20, -30, -50], [80, 20, 40]),
    whole_threshold("hsv", [0.81234, 0.21234, 0.0], [0.11234, 1.0, 0.91234]), whole_threshold("lab", [20, -30, -50], [80, 20, 40]),
    whole_threshold("hsv", [0.0, 0.0, 0.0], [1.0, 1.0, 0.51234]),
    segmentation(1.0), segmentation(0.0),
    Case("colour_space", {}, ("times",), "closed form", None, 0, "", refuses={"times": "1 components; such colours have 3"}),
]
parity.main(__name__, CASES)
