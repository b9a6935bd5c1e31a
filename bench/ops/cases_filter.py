"""Smoothing, order statistics and slopes."""
from bench_ops import Case, cv2, nd, np, sitk, skimage

VOXEL = {"units": "voxel"}
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16
FLAT = ("xray8", "xray", "xrayf")
IN_ORDER = "reals summed in f64, weight after weight; OpenCV in f32, bytes in 16 bits"
TENT, SLOPE, ONE = np.array([1, 2, 1], np.float32) / 4, np.array([-1, 0, 1], np.float32) / 2, np.ones(1, np.float32)
SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], np.float32)


def flat(op, params, peer, names=FLAT, must=0, note=""):
    """Of pictures, beside OpenCV."""
    return [Case(op, params, name, {"OpenCV": peer}, must=must, note=note) for name in names]


def slopes(along, across=ONE):
    """The magnitude of both slopes in f32."""
    return lambda i: cv2.magnitude(cv2.sepFilter2D(i.array, cv2.CV_32F, along, across), cv2.sepFilter2D(i.array, cv2.CV_32F, across, along))


def weights(sigma, order=0):
    """A Gaussian cut at 4 standard deviations, or its derivative, as SciPy samples it."""
    made = np.zeros(8 * sigma + 1)
    made[4 * sigma] = 1
    return nd.gaussian_filter1d(made, sigma, order=order).astype(np.float32)


def sharpened(i):
    return cv2.addWeighted(i.array, 2, cv2.GaussianBlur(i.array, (17, 17), 2), -1, 0)


def blobs(i):
    """Second derivatives along x and along y, smoothed with sigma 2."""
    return sum(cv2.sepFilter2D(i.array, cv2.CV_32F, *taps) for taps in ((weights(2, 2), weights(2)), (weights(2), weights(2, 2))))


def box(peer, radius):
    """OpenCV's box and median sizes."""
    return lambda i: peer(i.array, 2 * radius + 1)


def deviation(v, size):
    """As users of SciPy write it."""
    m = nd.uniform_filter(v, size)
    return np.sqrt(np.maximum(nd.uniform_filter(v * v, size) - m * m, 0))


def slope_itk(i):
    """Along x after smoothing, by recursive filters along each axis."""
    v = i.sitk_f32
    for axis in (2, 1):
        v = sitk.RecursiveGaussian(v, 2 * i.spacing[axis], direction=axis)
    return sitk.RecursiveGaussian(v, 2 * i.spacing[0], False, sitk.RecursiveGaussianImageFilter.FirstOrder, 0)


NOTES = {"gaussian": "weights in float; OpenCV's of bytes are whole numbers of 8 and 16 bits",
         "mean": "memory, and sums in double where OpenCV's are floats",
         "convolve_separable": "reals and bytes summed in float in the order of the weights; OpenCV multiplies and adds in one step",
         "median": "forgetful selection: as many comparisons as OpenCV's network has, with more moves between registers and the cache",
         **dict.fromkeys(("sobel", "scharr", "prewitt", "gradient_magnitude"), "memory; slopes gathered in float, then a root")}
CASES = [
    Case("gaussian", {"sigma": 2, **VOXEL}, "ct", {
        "SimpleITK recursive": lambda i: sitk.SmoothingRecursiveGaussian(i.sitk_f32, [2 * s for s in i.spacing]),
        "SciPy f32": lambda i: nd.gaussian_filter(i.f32, 2), "scikit-image f32": lambda i: skimage.filters.gaussian(i.f32, 2)}, must=6),
    *flat("gaussian", {"sigma": 2, **VOXEL}, lambda i: cv2.GaussianBlur(i.array, (17, 17), 2), must=1),
    *flat("gaussian", {"sigma": 1, **VOXEL}, lambda i: cv2.GaussianBlur(i.array, (9, 9), 1), note="f32 for bytes too, where OpenCV takes 16 bits"),
    Case("mean", {"radius": 1}, "ct", {"SimpleITK": lambda i: sitk.BoxMean(i.sitk, [1] * 3), "SciPy": lambda i: nd.uniform_filter(i.array, 3)}),
    *[Case("local_deviation", {"radius": r}, name, {"SciPy uniform_filter": lambda i, r=r: deviation(i.f32, 2 * r + 1)}) for r in (2, 7) for name in ("ct_part", "xrayf")],
    *[case for r in (1, 2, 7) for case in flat("mean", {"radius": r}, lambda i, r=r: cv2.blur(i.array, (2 * r + 1,) * 2),
                                       note="more than 125 reals: summed in f64, none subtracted again" if r == 7 else "")],
    *[Case("median", {"radius": radius}, "ct_part", {
        "SimpleITK": lambda i, r=radius: sitk.Median(i.sitk, [r] * 3),
        "SciPy": lambda i, r=radius: nd.median_filter(i.array, 2 * r + 1)}, must=20) for radius in (1, 2)],
    *[case for r in (1, 2) for case in flat("median", {"radius": r}, box(cv2.medianBlur, r), must=r == 2,
                                         note="memory: the rows that come next are not in the cache, two pages a row pair" if r == 1 else "")],
    Case("median", {"radius": 7}, "xray8", {"OpenCV": box(cv2.medianBlur, 7)}),
    Case("rank", {"percentile": 20, "radius": 2}, "xray8", {
        "SciPy": lambda i: nd.percentile_filter(i.array, 20, 5),
        "scikit-image": lambda i: skimage.filters.rank.percentile(i.array, np.ones((5, 5), np.uint8), p0=0.2)}),
    Case("unsharp", {"sigma": 2}, "ct", {"scikit-image": lambda i: skimage.filters.unsharp_mask(i.f32, 2, preserve_range=True)}),
    *flat("unsharp", {"sigma": 2, **VOXEL}, sharpened, note="f32 for bytes too, where OpenCV takes 16 bits"),
    Case("gradient_magnitude", {}, "ct", {"SimpleITK": lambda i: sitk.GradientMagnitude(i.sitk)}),
    Case("sobel", {}, "ct", {"scikit-image": lambda i: skimage.filters.sobel(i.f32)}),
    *flat("gradient_magnitude", {}, slopes(SLOPE)),
    *flat("sobel", {}, slopes(SLOPE, TENT)),
    *flat("scharr", {}, slopes(SLOPE, np.array([3, 10, 3], np.float32) / 16), ["xray8"]),
    *flat("prewitt", {}, slopes(SLOPE, np.ones(3, np.float32) / 3), ["xray8"]),
    Case("roberts", {}, "xray8", {"scikit-image": lambda i: skimage.filters.roberts(i.f32)}),
    *flat("laplacian", {}, lambda i: cv2.Laplacian(i.array, cv2.CV_32F), note="an axis after the other, gathered in f64"),
    Case("laplacian", {}, "ct", {"SciPy": lambda i: nd.laplace(i.f32), "SimpleITK": lambda i: sitk.Laplacian(i.sitk_f32)}),
    *flat("gaussian_derivative", {"sigma": 2, "order": [1, 0, 0], **VOXEL}, lambda i: cv2.sepFilter2D(i.array, cv2.CV_32F, weights(2, 1), weights(2))),
    *[Case(op, {}, "ct", {"scikit-image": lambda i, op=op: getattr(skimage.filters, op)(i.f32)}) for op in ("prewitt", "scharr")],
    Case("roberts", {"planes": "slices"}, "ct", {"scikit-image, slice by slice": lambda i: [skimage.filters.roberts(s) for s in i.f32]}),
    Case("gaussian_derivative", {"sigma": 2, "order": [1, 0, 0], **VOXEL}, "ct", {"SimpleITK recursive": slope_itk, "SciPy f32": lambda i: nd.gaussian_filter(i.f32, 2, (0, 0, 1))}),
    Case("gaussian_derivative", {"sigma": 2, "order": [1, 0, 0], **VOXEL}, "mr", {"SciPy": lambda i: nd.gaussian_filter(i.array, 2, (0, 0, 1))}),
    *flat("laplacian_of_gaussian", {"sigma": 2, **VOXEL}, blobs),
    Case("laplacian_of_gaussian", {"sigma": 2, **VOXEL}, "mr", {
        "SciPy": lambda i: nd.gaussian_laplace(i.array, 2), "SimpleITK recursive": lambda i: sitk.LaplacianRecursiveGaussian(i.sitk, 2)}),
    *flat("convolve", {"size": "5,5", "kernel": ",".join(["1"] * 25), "normalize": True}, lambda i: cv2.filter2D(i.array, -1, np.full((5, 5), 0.04)), note=IN_ORDER),
    *flat("convolve", {"size": "3,3", "kernel": ",".join(map(str, SHARPEN.ravel()))}, lambda i: cv2.filter2D(i.array, -1, SHARPEN), note=IN_ORDER),
    *flat("convolve_separable", {"x": "1,4,6,4,1", "y": "1,4,6,4,1", "normalize": True, "type": "f32"}, lambda i: cv2.sepFilter2D(i.array, cv2.CV_32F, BINOMIAL, BINOMIAL)),
    Case("convolve_separable", {"x": "1,4,6,4,1", "y": "1,4,6,4,1", "z": "1,4,6,4,1", "normalize": True}, "mr", {
        "SciPy": lambda i: nd.convolve1d(nd.convolve1d(nd.convolve1d(i.array, BINOMIAL, 0), BINOMIAL, 1), BINOMIAL, 2)}),
]
