"""Clustering and floods against scikit-learn and scikit-image."""
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
    Case("watershed", {"line": True}, SMALL, "scikit-image watershed", lambda p: flood(p, watershed_line=True), 0, "", inputs=marked, compare=compare_fraction),
    Case("watershed", {"compactness": 50.0}, SMALL, "scikit-image watershed", lambda p: flood(p, compactness=50.0), 0, "", inputs=marked, compare=compare_fraction),
]
parity.main(__name__, CASES)
