"""Texture and clustering."""
import warnings

from bench_ops import Case, cv2, np
from skimage.feature import graycomatrix, graycoprops, local_binary_pattern
from skimage.filters import gabor_kernel
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture


def slices(i):
    return i.array.reshape(-1, *i.array.shape[-2:])


def patterns(i):
    return [local_binary_pattern(s, 8, 1, "uniform") for s in slices(i)]


STEPS = 10
START = [100.0, 400.0, 700.0, 1000.0]


def samples(i):
    """Every second voxel along each axis: the peers take a minute of all."""
    return i.kept("samples", lambda: np.ascontiguousarray(i.array[::2, ::2, ::2]))


def sampled(i):
    return {"image": i.kept("sampled", lambda: i.like(samples(i)))}


def column(i):
    return samples(i).reshape(-1, 1)


def sk_kmeans(i):
    return KMeans(4, init=np.array(START, np.float32)[:, None], n_init=1, max_iter=STEPS, tol=0, algorithm="lloyd").fit(column(i))


def cv_kmeans(i):
    return cv2.kmeans(column(i), 4, None, (cv2.TERM_CRITERIA_MAX_ITER, STEPS, 0), 1, cv2.KMEANS_PP_CENTERS)


def colours(i):
    return i.array.reshape(-1, 3).astype(np.float32)


def sk_colours(i):
    start = np.array([[0, 0, 0], [80, 80, 80], [160, 160, 160], [240, 240, 240]], np.float32)
    return KMeans(4, init=start, n_init=1, max_iter=STEPS, tol=0, algorithm="lloyd").fit(colours(i))


def sk_mixture(i):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = GaussianMixture(4, means_init=np.array(START)[:, None], max_iter=STEPS, tol=0, init_params="random_from_data").fit(column(i))
        return model.predict(column(i))


def fuzzy(i):
    """Bezdek's equations, m = 2."""
    values, centres = samples(i).ravel(), np.array(START, np.float32)[:, None]
    for _ in range(STEPS):
        shares = 1 / np.maximum((values - centres) ** 2, 1e-30)
        shares = (shares / shares.sum(0)) ** 2
        centres = (shares @ values / shares.sum(1))[:, None]
    return np.abs(values - centres).argmin(0)


def bank(i):
    return [cv2.magnitude(*(cv2.filter2D(i.f32, cv2.CV_32F, part) for part in (k.real, k.imag)))
            for k in (gabor_kernel(f, np.pi * a / 4) for f in (0.1, 0.2) for a in range(4))]


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


def windowed_bank(i):
    """Gabor magnitudes, their means in windows, standardized, k-means of four starts, as the operation does it."""
    maps = [cv2.magnitude(*(cv2.filter2D(i.f32, cv2.CV_32F, part) for part in (k.real, k.imag)))
            for k in (gabor_kernel(f, np.pi * a / 4) for f in (0.1, 0.2, 0.4) for a in range(4))]
    means = np.stack([cv2.blur(m, (11, 11)) for m in maps], -1).reshape(-1, 12)
    return (means - means.mean(0)) / means.std(0)


def textures_cv(i):
    return cv2.kmeans(windowed_bank(i), 2, None, (cv2.TERM_CRITERIA_MAX_ITER | cv2.TERM_CRITERIA_EPS, 300, 0.01), 4, cv2.KMEANS_PP_CENTERS)


def textures_sk(i):
    return KMeans(2, n_init=4, random_state=0, algorithm="lloyd").fit(windowed_bank(i))


NOTES = {"components": "memory; a row at a time, its bytes sorted out in registers by the compiler's shuffles, OpenCV's by hand"}
CASES = [
    Case("texture_segmentation", {}, "xray_part", {"OpenCV filter2D, blur, kmeans": textures_cv, "OpenCV filter2D, blur, scikit-learn KMeans": textures_sk}),
    Case("components", {"keep": 2}, "colour", {"OpenCV extractChannel": lambda i: cv2.extractChannel(i.array, 1),
                                               "NumPy": lambda i: np.ascontiguousarray(i.array[..., 1])}),
    Case("components", {"keep": [3, 2, 1]}, "colour", {"OpenCV cvtColor": lambda i: cv2.cvtColor(i.array, cv2.COLOR_RGB2BGR),
                                                       "NumPy": lambda i: np.ascontiguousarray(i.array[..., ::-1])}),
    Case("glcm_map", {"radius": [3]}, "xray", {"scikit-image graycoprops in a loop": matrices}, lambda i: {"image": i.like(part(i))}, about="a part"),
    Case("glcm_map", {"radius": [3]}, "xray", {}),
    Case("local_binary_patterns", {"method": "uniform"}, "xray", {"scikit-image": patterns}),
    Case("local_binary_patterns", {"method": "uniform"}, "ct", {"scikit-image": patterns}),
    Case("kmeans", {"classes": 4, "initial": START, "max_iterations": STEPS, "tolerance": 0.0}, "mr", {"scikit-learn": sk_kmeans, "OpenCV": cv_kmeans}, sampled),
    Case("kmeans", {"classes": 4, "initial": [0, 0, 0, 80, 80, 80, 160, 160, 160, 240, 240, 240], "max_iterations": STEPS, "tolerance": 0.0}, "colour",
         {"scikit-learn": sk_colours}),
    Case("kmeans", {"classes": 4, "max_iterations": STEPS, "tolerance": 0.0}, "ct", {}),
    Case("gmm", {"classes": 4, "initial": START, "max_iterations": STEPS, "tolerance": 0.0}, "mr", {"scikit-learn": sk_mixture}, sampled),
    Case("gmm", {"classes": 4, "max_iterations": STEPS, "tolerance": 0.0}, "ct", {}),
    Case("fuzzy_cmeans", {"classes": 4, "initial": START, "max_iterations": STEPS, "tolerance": 0.0}, "mr", {"NumPy": fuzzy}, sampled),
    Case("gabor_bank", {"per": "voxel"}, "xrayf", {"OpenCV filter2D": bank}),
    Case("stack", {}, "mr", {"NumPy stack": lambda i: np.stack([i.array] * 3, -1)}, lambda i: {"image": i.image, "image2": i.image, "image3": i.image}),
]
