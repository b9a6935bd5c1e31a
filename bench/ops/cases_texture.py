"""Texture and clustering."""
import warnings

import bench_ops
from bench_ops import Case, np
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture


def slices(i):
    return i.array.reshape(-1, *i.array.shape[-2:])


def patterns(i):
    return [local_binary_pattern(s, 8, 1, "uniform") for s in slices(i)]


FEATURES = ("contrast", "correlation", "energy", "homogeneity", "entropy")


def part(i):
    """The peer takes half a millisecond a window."""
    return i.kept("part", lambda: np.ascontiguousarray(i.array[:96, :96]))


def matrices(i):
    cut = np.minimum(part(i).astype(float) - part(i).min(), np.ptp(part(i)) * 0.9999) / max(1, np.ptp(part(i))) * 16
    cut = np.pad(cut.astype(np.uint8), 3, "edge")
    made = np.empty((5, *part(i).shape))
    for at in np.ndindex(part(i).shape):
        matrix = graycomatrix(cut[at[0] : at[0] + 7, at[1] : at[1] + 7], [1], [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4], 16, True, True)
        made[(slice(None), *at)] = [graycoprops(matrix, name).mean() for name in FEATURES]
    return made


CASES = [
    Case("glcm_map", {"radius": [3]}, "xray", {"scikit-image graycoprops in a loop": matrices}, lambda i: {"image": i.like(part(i))}),
    Case("glcm_map", {"radius": [3]}, "xray", {}),
    Case("local_binary_patterns", {"method": "uniform"}, "xray", {"scikit-image": patterns}),
    Case("local_binary_patterns", {"method": "uniform"}, "ct", {"scikit-image": patterns}),
    Case("stack", {}, "mr", {"NumPy stack": lambda i: np.stack([i.array] * 3, -1)}, lambda i: {"image": i.image, "image2": i.image, "image3": i.image}),
]
