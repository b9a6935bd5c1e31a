"""Repair of marked voxels: biharmonic against scikit-image (and a direct solution in plain NumPy where voxels are not cubes), fast marching
against Telea's paper in plain Python, and beside OpenCV."""
import heapq
import itertools

import parity
from parity import Case, cv2, np, skimage


def holes(p):
    """Blots and a scratch; never the corner, and never all."""
    random = np.random.default_rng(31)
    made = np.zeros(p.shape, np.uint8)
    for _ in range(3):
        at = [random.integers(1, max(2, n)) for n in p.shape]
        made[tuple(slice(a, a + max(1, min(7, n // 4))) for a, n in zip(at, p.shape))] = 1
    made[..., p.shape[-1] // 2 :: 50] = 1
    made.flat[0] = 0
    return made


def given(p):
    return {"image": p.array, "mask": holes(p)}


def biharmonic(p):
    return skimage.restoration.inpaint_biharmonic(p.f64, holes(p))


def laplacian(shape, spacing):
    """Dense: sum over neighbours of (theirs - own) / spacing^2."""
    n = int(np.prod(shape))
    number, made = np.arange(n).reshape(shape), np.zeros((n, n))
    for axis, s in enumerate(spacing):
        a = np.take(number, np.arange(shape[axis] - 1), axis).ravel()
        b = np.take(number, np.arange(1, shape[axis]), axis).ravel()
        for i, j in ((a, b), (b, a)):
            made[i, j] += 1 / s**2
            np.add.at(made, (i, i), -1 / s**2)
    return made


def direct(p):
    twice = np.linalg.matrix_power(laplacian(p.shape, p.axis_spacing), 2)
    v, hole = p.f64.ravel().copy(), holes(p).ravel() > 0
    known = ~hole & np.isfinite(v)
    unknown = ~known
    v[unknown & hole] = np.linalg.solve(twice[np.ix_(unknown, unknown)], -twice[np.ix_(unknown, known)] @ v[known])[hole[unknown]]
    v[hole] = np.clip(v[hole], v[known].min(), v[known].max())
    return v.reshape(p.shape)


class Telea:
    """The paper: I(p) = sum w (I(q) + grad I(q) (p - q)) / sum w, w = |dir| dst lev, in the order of the front."""

    def __init__(self, p, radius):
        self.shape, self.axes, self.radius = p.shape, range(len(p.shape)), radius
        steps = [s for s, n in zip(p.axis_spacing, p.shape) if n > 1]
        self.step = [s / min(steps) for s in p.axis_spacing]
        self.v, self.hole = p.f64.copy(), holes(p) > 0
        self.hole |= ~np.isfinite(self.v)
        self.time, self.known = np.full(p.shape, np.inf), np.zeros(p.shape, bool)

    def beside(self, at):
        for axis in self.axes:
            for side in (-1, 1):
                to = at[axis] + side
                if 0 <= to < self.shape[axis]:
                    yield axis, side, (*at[:axis], to, *at[axis + 1 :])

    def arrival(self, at):
        first = {}
        for axis, _, q in self.beside(at):
            if self.known[q]:
                first[axis] = min(first.get(axis, np.inf), self.time[q])
        found, a, b, c = np.inf, 0.0, 0.0, -1.0
        for axis, t in sorted(first.items(), key=lambda item: item[1]):
            if found <= t:
                break
            w = self.step[axis] ** -2
            a, b, c = a + w, b + w * t, c + w * t * t
            if b * b - a * c >= 0:
                found = (b + np.sqrt(b * b - a * c)) / a
        return found

    def slope(self, field, at):
        made = np.zeros(len(self.shape))
        for axis in self.axes:
            ends = {side: q for ax, side, q in self.beside(at) if ax == axis and self.known[q]}
            if ends:
                made[axis] = (field[ends.get(1, at)] - field[ends.get(-1, at)]) / (len(ends) * self.step[axis])
        return made

    def value(self, at):
        way, total, weights = self.slope(self.time, at), 0.0, 0.0
        reach = [max(1, int(self.radius / s + 1e-6)) if n > 1 else 0 for s, n in zip(self.step, self.shape)]
        for d in itertools.product(*[range(-r, r + 1) for r in reach]):
            q = tuple(a + b for a, b in zip(at, d))
            r = -np.array(d) * self.step
            squared = r @ r
            far = squared > self.radius**2 * (1 + 1e-9) and sum(abs(x) for x in d) > 1
            if not any(d) or far or any(a < 0 or a >= n for a, n in zip(q, self.shape)) or not self.known[q]:
                continue
            along = abs(way @ r)
            w = (along if along > 0.01 else 1e-6) / squared**1.5 / (1 + abs(self.time[q] - self.time[at]))
            total += w * (self.v[q] + self.slope(self.v, q) @ r)
            weights += w
        return total / weights

    def march(self, where, inward, latest=np.inf):
        waiting = []

        def reach(at):
            for _, _, q in self.beside(at):
                if where[q] and not self.known[q]:
                    t = self.arrival(q)
                    if t < self.time[q] and t <= latest:
                        self.time[q] = t
                        heapq.heappush(waiting, (t, np.ravel_multi_index(q, self.shape)))

        for at in zip(*np.nonzero(self.known & (self.time == 0))):
            reach(at)
        while waiting:
            _, flat = heapq.heappop(waiting)
            at = np.unravel_index(flat, self.shape)
            if not self.known[at]:
                self.known[at] = True
                if inward:
                    self.v[at] = self.value(at)
                reach(at)

    def run(self):
        for at in zip(*np.nonzero(~self.hole)):
            if any(self.hole[q] for _, _, q in self.beside(at)):
                self.time[at], self.known[at] = 0, True
        latest = self.radius + 2
        self.march(~self.hole, False, latest)
        outside = ~self.hole
        self.time[outside] = np.where(self.known, -self.time, -latest)[outside]
        self.known[outside] = True
        self.march(self.hole, True)
        return self.v


def telea(p, radius):
    made, hole = Telea(p, radius).run(), holes(p) > 0
    known = p.f64[~hole & np.isfinite(p.f64)]
    return np.where(hole, np.clip(made, known.min(), known.max()), p.f64)


def beside_opencv(ours, theirs):
    """Mean difference where repaired, in grey levels."""
    return float(np.abs(ours.astype(float) - theirs).sum() / np.count_nonzero(ours != theirs)) if (ours != theirs).any() else 0.0


CUBES = ("xray", "odd", "odd_2d", "noise_2d", "flat", "one_slice", "u16_full", "i16_full", "f64")
SMALL = ("odd", "odd_2d", "noise_2d", "anisotropic", "nan", "flat", "one_slice", "one_row")
VOXEL = {"per": "voxel"}

CASES = [
    Case("inpaint", {"type": "f64", **VOXEL}, (*CUBES, "ct_slice"), "scikit-image inpaint_biharmonic", biharmonic, 1e-8, "conjugate gradients end at 1e-10 of the first residual",
         relative=True, inputs=given),
    Case("inpaint", {"type": "f64"}, ("odd_2d", "noise_2d", "anisotropic", "one_slice", "one_row"), "NumPy solve", direct, 1e-8, "conjugate gradients end at 1e-10 of the first residual",
         relative=True, inputs=given, refuses={}),
    *[Case("inpaint", {"method": "fast_marching", "radius": radius, "type": "f64"}, SMALL, "NumPy reference (Telea 2004)", lambda p, r=radius: telea(p, r), 1e-9, "order of sums",
           relative=True, inputs=given) for radius in (1.5, 3)],
    Case("inpaint", {"method": "fast_marching", "radius": 5}, ("xray",), "OpenCV INPAINT_TELEA", lambda p: cv2.inpaint(p.array, holes(p), 5, cv2.INPAINT_TELEA).astype(float),
         6, "mean difference of what differs: OpenCV adds slopes of length 1, the paper their product with the distance (and is nearer to what was there)", inputs=given, compare=beside_opencv),
]

parity.main(__name__, CASES)
