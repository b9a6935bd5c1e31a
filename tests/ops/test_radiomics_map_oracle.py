"""radiomics_map against the definitions of PyRadiomics' classes (its documentation, «Radiomic Features», version 3.0.1) written out in NumPy
for the window of each voxel; and, where the window holds the whole region, against the features of the region."""
import itertools
import os
import sys
import unittest
import warnings

sys.path.insert(0, os.path.dirname(__file__))
from ops_lib import Ops

import numpy as np

warnings.simplefilter("ignore")
CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "ngtdm", "gldm")
HALF = [s for s in itertools.product((-1, 0, 1), repeat=3) if s > (0, 0, 0)]  # z, y, x


def log2(p):
    return np.log2(p + np.spacing(1))


def entropy(p):
    return -np.sum(p * log2(p))


def firstorder(x, levels, volume):
    m, n = x.mean(), len(x)
    p = np.unique(levels, return_counts=True)[1] / n
    p10, p25, p75, p90 = np.percentile(x, (10, 25, 75, 90))
    inner = x[(x >= p10) & (x <= p90)]
    m2, m3, m4 = (np.mean((x - m) ** k) for k in (2, 3, 4))
    return {"10Percentile": p10, "90Percentile": p90, "Energy": np.sum(x * x), "Entropy": entropy(p), "InterquartileRange": p75 - p25, "Kurtosis": m4 / m2**2 if m2 else 0,
            "Maximum": x.max(), "MeanAbsoluteDeviation": np.mean(abs(x - m)), "Mean": m, "Median": np.median(x), "Minimum": x.min(), "Range": np.ptp(x),
            "RobustMeanAbsoluteDeviation": np.mean(abs(inner - inner.mean())), "RootMeanSquared": np.sqrt(np.mean(x * x)), "Skewness": m3 / m2**1.5 if m2 else 0,
            "TotalEnergy": volume * np.sum(x * x), "Uniformity": np.sum(p * p), "Variance": m2}


def glcm(window, steps, highest, lone):
    every = []
    for step in steps:
        P = np.zeros((highest, highest))
        for at in zip(*np.nonzero(window)):
            to = tuple(np.add(at, step))
            if all(0 <= k < n for k, n in zip(to, window.shape)) and window[to]:
                P[window[at] - 1, window[to] - 1] += 1
        P += P.T
        if P.sum():
            every.append(glcm_features(P / P.sum(), highest, lone))
    return {name: np.mean([f[name] for f in every]) for name in every[0]} if every else {}


def glcm_features(P, Ng, lone):
    i, j = np.mgrid[1:Ng + 1, 1:Ng + 1]
    px, d, s = P.sum(1), abs(i - j), i + j
    u, hx, hxy, hxy2 = np.sum(P * i), entropy(px), entropy(P), entropy(np.outer(px, px))
    hxy1, sxx = -np.sum(P * log2(np.outer(px, px))), np.sum(P * (i - u) ** 2)
    pd, ps = np.bincount(d.ravel(), P.ravel()), np.bincount(s.ravel(), P.ravel())
    k, used = np.arange(Ng), px > 0
    root = np.sqrt(px[used])
    values = np.sort(abs(np.linalg.eigvalsh(P[np.ix_(used, used)] / np.outer(root, root))))
    independent = hxy2 - hxy < 1e-12
    return {"Autocorrelation": np.sum(P * i * j), "JointAverage": u, "ClusterProminence": np.sum(P * (s - 2 * u) ** 4), "ClusterShade": np.sum(P * (s - 2 * u) ** 3),
            "ClusterTendency": np.sum(P * (s - 2 * u) ** 2), "Contrast": np.sum(P * d**2), "Correlation": np.sum(P * (i - u) * (j - u)) / sxx if sxx > 1e-12 else 1,
            "DifferenceAverage": np.sum(k * pd), "DifferenceEntropy": entropy(pd), "DifferenceVariance": np.sum(pd * (k - np.sum(k * pd)) ** 2), "JointEnergy": np.sum(P**2),
            "JointEntropy": hxy, "Imc1": 0 if hx < 1e-12 else (hxy - hxy1) / hx, "Imc2": 0 if independent else np.sqrt(1 - np.exp(-2 * (hxy2 - hxy))),
            "Idm": np.sum(P / (1 + d**2)), "MCC": 1 if lone else 0 if len(values) < 2 else values[-2], "Idmn": np.sum(P / (1 + d**2 / Ng**2)), "Id": np.sum(P / (1 + d)),
            "Idn": np.sum(P / (1 + d / Ng)), "InverseVariance": np.sum(pd[1:] / k[1:] ** 2), "MaximumProbability": P.max(), "SumAverage": np.sum(s * P), "SumEntropy": entropy(ps),
            "SumSquares": sxx}


def emphases(P, voxels, names):
    """Of a matrix of counts, levels by sizes. names: of the feature for short, long, size, grey level."""
    i, j = np.mgrid[1:P.shape[0] + 1, 1:P.shape[1] + 1]
    N, pg, ps = P.sum(), P.sum(1), P.sum(0)
    p = P / N
    variance = lambda k: np.sum(p * (k - np.sum(p * k)) ** 2)
    short, long, high, low, size, run, percentage = names
    return {short: np.sum(p / j**2), long: np.sum(p * j**2), "GrayLevelNonUniformity": np.sum(pg**2) / N, "GrayLevelNonUniformityNormalized": np.sum(pg**2) / N**2,
            size + "NonUniformity": np.sum(ps**2) / N, size + "NonUniformityNormalized": np.sum(ps**2) / N**2, percentage: N / voxels, "GrayLevelVariance": variance(i),
            run + "Variance": variance(j), run + "Entropy": entropy(p), low: np.sum(p / i**2), high: np.sum(p * i**2),
            short.replace("Emphasis", "LowGrayLevelEmphasis"): np.sum(p / i**2 / j**2), short.replace("Emphasis", "HighGrayLevelEmphasis"): np.sum(p * i**2 / j**2),
            long.replace("Emphasis", "LowGrayLevelEmphasis"): np.sum(p * j**2 / i**2), long.replace("Emphasis", "HighGrayLevelEmphasis"): np.sum(p * i**2 * j**2)}


def glrlm(window, steps, highest):
    every, names = [], ("ShortRunEmphasis", "LongRunEmphasis", "HighGrayLevelRunEmphasis", "LowGrayLevelRunEmphasis", "RunLength", "Run", "RunPercentage")
    inside = lambda at: all(0 <= k < n for k, n in zip(at, window.shape))
    for step in steps:
        P, lines = np.zeros((highest, max(window.shape))), False
        for start in itertools.product(*map(range, window.shape)):
            if inside(np.subtract(start, step)):
                continue
            at, line = start, []
            while inside(at):
                line.append(window[tuple(at)])
                at = np.add(at, step)
            lines |= np.count_nonzero(line) > 1
            for level, run in itertools.groupby(line):
                if level:
                    P[level - 1, len(list(run)) - 1] += 1
        if lines:
            every.append(emphases(P, np.count_nonzero(window), names))
    return {name: np.mean([f[name] for f in every]) for name in every[0]} if every else {}


def neighbours(window, at, steps):
    for step in [*steps, *(tuple(-k for k in s) for s in steps)]:
        to = tuple(np.add(at, step))
        if all(0 <= k < n for k, n in zip(to, window.shape)) and window[to]:
            yield to


def glszm(window, steps, highest):
    P, left = np.zeros((highest, window.size)), window.copy()
    for at in zip(*np.nonzero(window)):
        own, stack, size = left[at], [at], 0
        if not own:
            continue
        left[at] = 0
        while stack:
            here = stack.pop()
            size += 1
            for to in neighbours(left, here, steps):
                if left[to] == own:
                    left[to] = 0
                    stack.append(to)
        P[own - 1, size - 1] += 1
    return emphases(P, np.count_nonzero(window), ("SmallAreaEmphasis", "LargeAreaEmphasis", "HighGrayLevelZoneEmphasis", "LowGrayLevelZoneEmphasis", "SizeZone", "Zone", "ZonePercentage"))


def gldm(window, steps, highest):
    P = np.zeros((highest, 2 * len(steps) + 1))
    for at in zip(*np.nonzero(window)):
        P[window[at] - 1, sum(window[to] == window[at] for to in neighbours(window, at, steps))] += 1
    return emphases(P, P.sum(), ("SmallDependenceEmphasis", "LargeDependenceEmphasis", "HighGrayLevelEmphasis", "LowGrayLevelEmphasis", "Dependence", "Dependence", "none"))


def ngtdm(window, steps, highest):
    n, s = np.zeros(highest), np.zeros(highest)
    for at in zip(*np.nonzero(window)):
        near = [window[to] for to in neighbours(window, at, steps)]
        n[window[at] - 1] += 1
        s[window[at] - 1] += abs(window[at] - np.mean(near)) if near else 0
    levels, p, s, N = np.flatnonzero(n) + 1, n[n > 0] / n.sum(), s[n > 0], n.sum()
    (i, j), (pi, pj), (si, sj) = np.meshgrid(levels, levels), np.meshgrid(p, p), np.meshgrid(s, s)
    coarse, busy, most = np.sum(p * s), np.sum(abs(i * pi - j * pj)), len(levels)
    return {"Coarseness": 1 / coarse if coarse else 1e6, "Contrast": np.sum(pi * pj * (i - j) ** 2) * s.sum() / N / (most * (most - 1)) if most > 1 else 0,
            "Busyness": coarse / busy if busy else 0, "Complexity": np.sum(abs(i - j) * (pi * si + pj * sj) / (pi + pj)) / N, "Strength": np.sum((pi + pj) * (i - j) ** 2) / s.sum() if s.sum() else 0}


def expected(image, mask, spacing, radius=1, masked=True, flat_axis=None, width=25):
    """{feature: {voxel: value}}"""
    count = mask if masked else np.zeros_like(mask)
    if not masked:  # all that windows reach
        box = tuple(slice(max(k.min() - radius, 0), k.max() + radius + 1) for k in np.nonzero(mask))
        count[box] = 1
    levels = np.where(count > 0, np.floor(image / width) - np.floor(image[count > 0].min() / width) + 1, 0).astype(int)
    steps = [s for s in HALF if flat_axis is None or s[flat_axis] == 0]
    out = {}
    for at in zip(*np.nonzero(mask)):
        window = tuple(slice(max(c - (0 if k == flat_axis else radius), 0), c + (0 if k == flat_axis else radius) + 1) for k, c in enumerate(at))
        own, highest = levels[window], levels.max()
        values = {"firstorder": firstorder(image[window][own > 0].astype(float), own[own > 0], np.prod(spacing)), "glcm": glcm(own, steps, highest, len(np.unique(levels[count > 0])) == 1),
                  **{f.__name__: f(own, steps, highest) for f in (glrlm, glszm, ngtdm, gldm)}}
        for name, features in values.items():
            for feature, value in features.items():
                out.setdefault(f"original_{name}_{feature}", {})[at] = value
    return out


class Maps(unittest.TestCase):
    def setUp(self):
        self.ops = Ops()

    def maps(self, image, mask, spacing=(1, 1, 1), **params):
        """{name: map on the image's grid}"""
        made, names = self.ops.run("radiomics_map", [self.ops.image(image, spacing), self.ops.image(mask, spacing)], crop=False, **params)
        array = made.array if made.array.ndim > image.ndim else made.array[..., None]
        return {row["name"]: array[..., int(row["component"])] for row in self.ops.table(names)}

    def check(self, image, mask, spacing, radius=1, masked=True, force2D=False, dimension=0):
        ours = self.maps(image, mask, spacing, kernelRadius=radius, maskedKernel=masked, force2D=force2D, force2Ddimension=dimension)
        reference = expected(image, mask, spacing, radius, masked, dimension if force2D else None)
        self.assertEqual(len(ours), 93)
        for name, made in ours.items():
            self.assertTrue((made[mask == 0] == 0).all())
            values = reference.get(name, {})
            for at in zip(*np.nonzero(mask)):
                # f32 holds 6e-8; shades, skewnesses and correlations of 0 are told to 1e-9.
                np.testing.assert_allclose(made[at], values.get(at, np.nan), rtol=1e-6, atol=1e-9, err_msg=f"{name} {at}")

    def test_windows(self):
        rng = np.random.default_rng(5)
        image = (rng.integers(-3, 4, (5, 6, 7)) * 20 + np.arange(7) * 9).astype("i2")
        mask = np.zeros(image.shape, "u1")
        mask[1:4, 1:6, 1:5] = 1
        mask[2, 2:4, 2] = 0  # a hole
        mask[4, 0, 6] = 1  # at the corner of the image; alone
        for radius, masked, force2D, dimension in ((1, True, False, 0), (1, False, False, 0), (2, True, False, 0), (1, True, True, 0), (2, False, True, 2), (1, True, True, 1)):
            with self.subTest(radius=radius, masked=masked, force2D=force2D, dimension=dimension):
                self.check(image, mask, (0.5, 0.75, 2.0), radius, masked, force2D, dimension)

    def test_flat_and_line(self):
        image, mask = np.full((3, 4, 5), 7, "i2"), np.zeros((3, 4, 5), "u1")
        mask[1, 1:3, 1:4] = 1
        self.check(image, mask, (1, 1, 1))
        image[1, 1, 2] = 60
        self.check(image, mask, (1, 1, 1))

    def test_whole_region(self):
        """A window that holds the region: its features everywhere."""
        rng = np.random.default_rng(8)
        image, mask = rng.normal(0, 100, (6, 7, 8)).astype("f4"), (rng.random((6, 7, 8)) < 0.7).astype("u1")
        for settings in ({}, {"weightingNorm": "manhattan"}, {"symmetricalGLCM": False, "gldm_a": 1, "distances": "1,3"}, {"binCount": 6, "voxelArrayShift": 500}):
            given = [self.ops.image(image, (1, 1.5, 3)), self.ops.image(mask, (1, 1.5, 3))]
            region = self.ops.table(self.ops.run("radiomics", given, convention="pyradiomics", additionalInfo=False, shape="none", **settings)[0])[0]
            ours = self.maps(image, mask, (1, 1.5, 3), kernelRadius=8, **settings)
            self.assertEqual(list(ours), [name for name in region if name.startswith("original")])
            for name, made in ours.items():
                np.testing.assert_allclose(made[mask > 0], float(region[name]), rtol=1e-6, atol=1e-12, err_msg=name)


if __name__ == "__main__":
    unittest.main()
