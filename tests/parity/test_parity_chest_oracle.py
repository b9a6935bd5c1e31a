"""Body in CT, by the steps that its description names, from SciPy."""
import parity
from parity import Case, nd, np


def ball(p, radius):
    """Offsets within `radius` mm, axes as the array's."""
    reach = [int(radius / s) for s in p.axis_spacing]
    grid = np.ogrid[tuple(slice(-r, r + 1) for r in reach)]
    return sum((g * s) ** 2 for g, s in zip(grid, p.axis_spacing)) <= radius**2 * (1 + 1e-9)


def body(p, threshold, radius):
    """Threshold, opening (what lies beyond takes no part), largest piece by faces, holes filled by slice and in 3D."""
    inside = p.array >= threshold
    inside = nd.binary_dilation(nd.binary_erosion(inside, ball(p, radius), border_value=1), ball(p, radius))
    pieces, _ = nd.label(inside)
    inside = pieces == np.argmax(np.bincount(pieces.ravel())[1:]) + 1
    return nd.binary_fill_holes(np.stack([nd.binary_fill_holes(axial) for axial in inside]))


CASES = [
    Case("body", {"method": "fixed", "threshold": -300, "opening": 3}, ("ct",), "SciPy, step by step", lambda p: body(p, -300, 3), 0, ""),
    Case("body", {"method": "fixed", "threshold": 0, "opening": 2}, ("anisotropic", "odd", "i16_full"), "SciPy, step by step",
         lambda p: body(p, 0, 2), 0, ""),
]

parity.main(__name__, CASES)
