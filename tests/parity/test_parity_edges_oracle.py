"""Edges by operators against a plain NumPy reference: slopes by SciPy, thinning and hysteresis as Canny's paper says."""
import itertools

import parity
from parity import Case, nd, np

SMOOTH = {"sobel": (1, 2, 1), "prewitt": (1, 1, 1), "scharr": (3, 10, 3)}


def axes_of(p):
    return [a for a, n in enumerate(p.shape) if n > 1]


def slopes(p, operator):
    """Per mm, of axes longer than one voxel."""
    made, side = {}, np.array(SMOOTH[operator]) / sum(SMOOTH[operator])
    for axis in axes_of(p):
        v = nd.correlate1d(p.f64, [-0.5, 0, 0.5], axis, mode="nearest")
        for other in axes_of(p):
            v = nd.correlate1d(v, side, other, mode="nearest") if other != axis else v
        made[axis] = v / p.axis_spacing[axis]
    return made, np.sqrt(sum(v**2 for v in made.values()) if made else np.zeros(p.shape))


def roberts(p):
    """Differences across the diagonals of all planes, per voxel; the way in voxels."""
    axes, padded = axes_of(p), np.pad(p.f64, [(0, 1)] * len(p.shape), "edge")
    made, squares = {a: np.zeros(p.shape) for a in axes}, np.zeros(p.shape)

    def at(*steps):
        return padded[tuple(slice(int(a in steps), int(a in steps) + n) for a, n in enumerate(p.shape))]

    for a, b in itertools.combinations(axes, 2):
        one, other = at(a, b) - at(), at(a) - at(b)
        squares += one**2 + other**2
        made[a] += one + other
        made[b] += one - other
    return {a: v / p.axis_spacing[a] for a, v in made.items()}, np.sqrt(squares / max(1, 2 * (len(axes) - 1)))


def thinned(p, way, size):
    """Voxels not below the magnitude one step to both sides of the steepest way; linear between voxels, 0 beyond the border."""
    keep = size > 0
    padded = np.pad(size, 1)
    here = np.stack(np.meshgrid(*[np.arange(1, n + 1) for n in p.shape], indexing="ij"))
    axes = axes_of(p)
    if not axes:
        return np.zeros(p.shape, bool)
    step = np.zeros((len(p.shape), *p.shape))
    for a in axes:
        step[a] = way[a] / p.axis_spacing[a]
    longest = np.abs(step).max(0)
    keep &= longest > 0
    step /= np.where(longest > 0, longest, 1)
    for sign in (1, -1):
        there = np.zeros(p.shape)
        for corner in itertools.product((0, 1), repeat=len(p.shape)):
            weight, to = np.ones(p.shape), here.copy()
            for a, c in enumerate(corner):
                weight *= np.abs(step[a]) if c else 1 - np.abs(step[a])
                to[a] += (c * np.sign(sign * step[a])).astype(int)
            there += weight * padded[tuple(to)]
        keep &= there <= size * (1 + 1e-12)
    return keep


def edges(p, operator, lower, upper, thin=True):
    way, size = roberts(p) if operator == "roberts" else slopes(p, operator)
    low, high = np.percentile(size, [lower, upper])
    weak = (size >= low) & (thinned(p, way, size) if thin else size > 0)
    found, _ = nd.label(weak, np.ones((3,) * weak.ndim))
    return np.isin(found, np.unique(found[weak & (size >= high)])) & weak


IMAGES = ("ct", "mr", "xray", "ct_slice", "one_voxel", "one_slice", "one_row", "odd", "odd_2d", "flat", "anisotropic", "u16_full", "i16_full", "f64")
CASES = [
    Case("edges", {"operator": operator, "lower": 70, "upper": 90, "thin": thin}, IMAGES, "NumPy reference (Canny 1986)",
         lambda p, o=operator, t=thin: edges(p, o, 70, 90, t), 0.004, "share of voxels: slopes in float tip thresholds and ties", compare=parity.compare_fraction)
    for operator in ("sobel", "prewitt", "scharr", "roberts") for thin in (True, False)
]

parity.main(__name__, CASES)
