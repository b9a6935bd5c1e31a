"""Clustering and floods against scikit-learn and scikit-image."""
import heapq
import itertools

import parity
import pictures
from parity import Case, compare_fraction, compare_partition, np
from skimage.segmentation import watershed
from sklearn.cluster import KMeans

# k-means from given centroids: images with enough different values for three classes, and none that is not a number
SPREAD = ("ct", "mr", "xray", "anisotropic", "u16_full", "i16_full")
SMALL = ("ct_slice", "mr", "odd", "odd_2d", "anisotropic", "noise_2d", "u16_full", "i16_full")


def quantiles(p):
    return [float(q) for q in np.percentile(p.f64, (10, 50, 99))]


def lloyd(p):
    start = np.array(quantiles(p))[:, None]
    found = KMeans(3, init=start, n_init=1, tol=0, max_iter=300, algorithm="lloyd").fit(p.f64.reshape(-1, 1))
    return np.argsort(np.argsort(found.cluster_centers_[:, 0]))[found.labels_].reshape(p.shape) + 1


def seeds(p):
    """Markers away from each other, the same for both."""
    marks = np.zeros(p.shape, np.int32)
    at = np.random.default_rng(7)
    marks[tuple(at.integers(0, n, 12) for n in p.shape)] = np.arange(1, 13)
    return marks


def flood(p, *args, **more):
    return watershed(p.f64, seeds(p), *args, **more)


def marked(p):
    return {"image": p.image, "markers": seeds(p)}


def coarse(p):
    """Quarters, in which many voxels are equal; NaN stays."""
    return np.round((p.f64 - np.nanmin(p.f64)) / (np.nanmax(p.f64) - np.nanmin(p.f64) + 1e-300) * 50) / 4


def by_value_and_age(values, marks, reach):
    """Meyer's flooding as it is told: the queue's least is the lowest value, of equal ones the oldest."""
    steps = [s for s in itertools.product((-1, 0, 1), repeat=values.ndim) if 0 < sum(map(abs, s)) <= reach]
    steps.sort(key=lambda s: sum(map(abs, s)))
    labels, age = marks.copy(), itertools.count()
    queue = [(values[at], next(age), at) for at in map(tuple, np.argwhere(marks)) if values[at] == values[at]]
    labels[np.isnan(values)] = 0
    heapq.heapify(queue)
    while queue:
        value, _, at = heapq.heappop(queue)
        for step in steps:
            near = tuple(a + s for a, s in zip(at, step))
            if min(near) < 0 or any(n >= m for n, m in zip(near, values.shape)) or labels[near] or np.isnan(values[near]):
                continue
            labels[near] = labels[at]
            heapq.heappush(queue, (max(value, values[near]), next(age), near))
    return labels


HEAP = "scikit-image begins with markers of equal value in its heap's order"
CASES = [Case("kmeans", {"classes": 3, "initial": quantiles(p), "tolerance": 0}, (p.name,), "scikit-learn KMeans", lloyd, 0, "", compare=compare_fraction)
         for p in map(pictures.get, SPREAD) if p is not None]
CASES += [
    Case("watershed", {}, SMALL, "scikit-image watershed", flood, 0, "", inputs=marked, compare=compare_fraction),
    Case("watershed", {"connectivity": "18"}, ("mr", "u16_full", "i16_full"), "scikit-image watershed, markers beyond 16 bits",
         lambda p: watershed(p.f64, seeds(p), np.array([[[abs(z) + abs(y) + abs(x) < 3 for x in (-1, 0, 1)] for y in (-1, 0, 1)] for z in (-1, 0, 1)])) * 100000, 0, "",
         inputs=lambda p: {"image": p.image, "markers": seeds(p) * 100000}, compare=compare_fraction),
    Case("watershed", {}, ("ct", "mr", "odd_2d", "i16_full"), "scikit-image watershed inside the mask", lambda p: flood(p, mask=p.mask > 0), 0, "",
         inputs=lambda p: marked(p) | {"mask": p.mask}, compare=compare_fraction),
    Case("watershed", {}, ("mr", "xray", "odd", "odd_2d", "flat", "anisotropic", "u16_full"), "scikit-image watershed from minima",
         lambda p: watershed(p.f64), 0.003, HEAP, compare=compare_partition),
    Case("watershed", {"connectivity": "8"}, ("xray", "odd_2d", "ct_slice"), "scikit-image watershed from minima inside the mask",
         lambda p: watershed(p.f64, connectivity=2, mask=p.mask > 0), 0.003, HEAP, inputs=lambda p: {"image": p.image, "mask": p.mask}, compare=compare_partition),
    *[Case("watershed", {"connectivity": name}, ("odd", "nan", "anisotropic", "f64"), f"queue by value and age in Python, {text}",
           lambda p, make=make, reach=reach: by_value_and_age(make(p), seeds(p), reach), 0, "",
           inputs=lambda p, make=make: {"image": p.like(make(p)), "markers": seeds(p)}, compare=compare_fraction)
      for name, reach in (("6", 1), ("26", 3)) for text, make in (("f32", lambda p: p.f64.astype(np.float32)), ("quarters", coarse))],
    Case("watershed", {"line": True}, SMALL, "scikit-image watershed", lambda p: flood(p, watershed_line=True), 0, "", inputs=marked, compare=compare_fraction),
    Case("watershed", {"compactness": 50.0}, SMALL, "scikit-image watershed", lambda p: flood(p, compactness=50.0), 0, "", inputs=marked, compare=compare_fraction),
]
parity.main(__name__, CASES)
