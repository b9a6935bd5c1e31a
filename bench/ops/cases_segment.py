"""Watersheds, superpixels, segments of the graph, thresholds and regions that grow."""
from bench_ops import Case, cormack, np, sitk
from skimage import filters
from skimage.segmentation import felzenszwalb, flood, watershed


def itk_slic(i):
    return sitk.SLIC(i.sitk, [24] * 3, 30.0, 10, False, False)



def cut(find):
    return lambda i: i.array > find(i.array)



def soft(i):
    """x,y,z of a voxel between -100 and 200 near the middle."""
    middle = tuple(n // 2 for n in i.array.shape)
    found = np.argwhere((i.array > -100) & (i.array < 200))
    return tuple(int(n) for n in found[np.abs(found - middle).sum(1).argmin()][::-1])


def start(i):
    """The seed as an image, for ours."""
    def make():
        marks = np.zeros(i.array.shape, np.uint8)
        marks[i.kept("soft", lambda: soft(i))[::-1]] = 1
        return i.like(marks)
    return {"image": i.image, "seeds": i.kept("start", make)}


def at(i):
    return i.kept("soft", lambda: soft(i))



def slopes(i, whole):
    """The gradient magnitude, in whole numbers or not, and 2000 markers (fewer in small images)."""
    def make():
        values = cormack.gradient_magnitude(i.image, sigma=1, units="voxel").array
        values = np.rint(values).astype(np.int16) if whole else values.astype(np.float32)
        marks = np.zeros(values.shape, np.uint16)
        at, count = np.random.default_rng(1), min(2000, values.size // 1000)
        marks[tuple(at.integers(0, n, count) for n in values.shape)] = np.arange(1, count + 1)
        return values, marks
    return i.kept(f"slopes {whole}", make)


def flooded(whole):
    return lambda i: i.kept(f"flooded {whole}", lambda: dict(zip(("image", "markers"), map(i.like, slopes(i, whole)))))


def itk_flood(whole):
    return lambda i: sitk.MorphologicalWatershedFromMarkers(*i.kept(f"itk {whole}", lambda: [sitk.GetImageFromArray(a) for a in slopes(i, whole)]), False, False)


CASES = [
    *[Case("watershed", {}, "ct_part", {"SimpleITK": itk_flood(whole), "scikit-image": lambda i, whole=whole: watershed(*slopes(i, whole))}, flooded(whole), must=4,
           about="whole numbers" if whole else "reals")
      for whole in (True, False)],
    Case("slic", {"size": 24, "units": "voxel", "compactness": 30, "normalize": "none", "enforce_connectivity": False}, "ct_part", {"SimpleITK": itk_slic}, flops=80, must=4),
    *[Case(op, {"bins": 0}, "ct", {"scikit-image": cut(getattr(filters, "threshold_" + op)), "SimpleITK": lambda i, itk=itk: itk(i.sitk, 0, 1, 256)})
      for op, itk in (("triangle", sitk.TriangleThreshold), ("yen", sitk.YenThreshold), ("isodata", sitk.IsoDataThreshold))],
    Case("minimum_threshold", {}, "xray8", {"scikit-image": cut(filters.threshold_minimum)}),
    Case("li", {"tolerance": 0.5}, "ct", {"scikit-image": cut(filters.threshold_li), "SimpleITK": lambda i: sitk.LiThreshold(i.sitk, 0, 1, 256)}),
    Case("region_growing", {"lower": -200, "upper": 300}, "ct", {"SimpleITK": lambda i: sitk.ConnectedThreshold(i.sitk, [at(i)], -200, 300)}, start),
    Case("region_growing", {"method": "tolerance", "tolerance": 250}, "ct", {"scikit-image": lambda i: flood(i.array, at(i)[::-1], connectivity=1, tolerance=250)}, start),
    Case("region_growing", {"method": "confidence"}, "ct_part", {"SimpleITK": lambda i: sitk.ConfidenceConnected(i.sitk, [at(i)], 4, 2.5, 1)}, start),
    Case("felzenszwalb", {"scale": 300, "min_size": 50}, "xray8_part", {"scikit-image": lambda i: felzenszwalb(i.array, 300, 0.8, 50, channel_axis=None)}),
    Case("li", {}, "mr", {"SimpleITK": lambda i: sitk.LiThreshold(i.sitk, 0, 1, 256)}),
]
