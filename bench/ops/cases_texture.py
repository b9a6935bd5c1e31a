"""Texture and clustering."""
import warnings

import bench_ops
from bench_ops import Case, np
from skimage.feature import local_binary_pattern
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture


def slices(i):
    return i.array.reshape(-1, *i.array.shape[-2:])


def patterns(i):
    return [local_binary_pattern(s, 8, 1, "uniform") for s in slices(i)]


CASES = [
    Case("local_binary_patterns", {"method": "uniform"}, "xray", {"scikit-image": patterns}),
    Case("local_binary_patterns", {"method": "uniform"}, "ct", {"scikit-image": patterns}),
    Case("stack", {}, "mr", {"NumPy stack": lambda i: np.stack([i.array] * 3, -1)}, lambda i: {"image": i.image, "image2": i.image, "image3": i.image}),
]
