"""Superpixels and graph-based segments against scikit-image; what it lacks (size, mm, a narrow search) against the paper in NumPy."""
import parity
from parity import Case, compare_fraction, compare_partition, np
from skimage.segmentation import felzenszwalb, slic

PLAIN = ("ct", "mr", "xray", "ct_slice", "one_voxel", "one_slice", "one_row", "odd", "odd_2d", "noise_2d", "flat", "anisotropic", "u16_full", "i16_full")
LIKE = {"search": 2, "units": "voxel"}  # what scikit-image's means
FLOAT = "distances in float; where the grid has more centres than asked for, scikit-image sees less far"


def peer(p, n, compactness, **more):
    return slic(p.f64, n, compactness, channel_axis=-1 if p.components else None, **more)


def achanta(p, size, compactness, iterations):
    """SLIC straight from the paper: size in mm, centres see one size to each side, values as they are."""
    shape, unit = p.shape, np.array(p.axis_spacing, float)
    extent = np.array(shape) * unit
    steps = np.clip(np.broadcast_to(size, 3)[::-1][-len(shape):], unit, extent) / unit
    whole = np.maximum(1, np.rint(steps)).astype(int)
    centres = np.stack(np.meshgrid(*[np.arange(min(int(s // 2), n - 1), n, w) for s, n, w in zip(steps, shape, whole)], indexing="ij"), -1).reshape(-1, len(shape))
    scale = 1 / whole if np.ndim(size) else unit / (whole * unit)[np.array(shape) > 1].max(initial=0 if max(shape) > 1 else unit.max())
    places, values = np.stack(np.indices(shape), -1).astype(float), p.f64 / compactness
    centres, means = centres.astype(float), None
    for _ in range(iterations):
        best, labels = np.full(shape, np.inf), np.zeros(shape, int)
        for k, at in enumerate(centres):
            box = tuple(slice(int(max(c - w, 0)), int(min(c + w + 1, n))) for c, w, n in zip(at, whole, shape))
            d = (((places[box] - at) * scale) ** 2).sum(-1) + (0 if means is None else (values[box] - means[k]) ** 2)
            nearer = d < best[box] - 1e-12
            best[box][nearer], labels[box][nearer] = d[nearer], k + 1
        counts = np.maximum(np.bincount(labels.ravel(), minlength=len(centres) + 1)[1:], 1)
        mean = lambda v: np.bincount(labels.ravel(), v.ravel(), len(centres) + 1)[1:] / counts
        centres, means = np.stack([mean(places[..., axis]) for axis in range(len(shape))], -1), mean(values)
    return labels


def explained(labels, p):
    """How much of the variance inside the mask the segments' means explain; less than all if a voxel has no segment."""
    inside = p.mask > 0
    values, labels = p.f64[inside], np.asarray(labels)[inside]
    assert labels.min() > 0
    means = np.bincount(labels, values) / np.maximum(np.bincount(labels), 1)
    return ((means[labels] - values.mean()) ** 2).sum() / ((values - values.mean()) ** 2).sum()


def shortfall(ours, theirs):
    return max(0.0, float(theirs - ours))


def masked(p):
    return {"image": p.image, "mask": p.mask}


CASES = [
    Case("slic", {"n_segments": 60, "compactness": c, "enforce_connectivity": False, **LIKE}, PLAIN, "scikit-image slic",
         lambda p, c=c: peer(p, 60, c, enforce_connectivity=False), t, FLOAT, compare=compare_fraction) for c, t in ((0.5, 0), (0.1, 0.02))
]
CASES += [
    Case("slic", {"n_segments": 60, "compactness": 0.2, **LIKE}, PLAIN, "scikit-image slic", lambda p: peer(p, 60, 0.2, max_size_factor=1000), 0.01,
         FLOAT + "; it leaves a small first piece alone", compare=compare_partition),
    Case("slic", {"n_segments": 60, "compactness": 0.5, "slic_zero": True, "enforce_connectivity": False, **LIKE}, PLAIN, "scikit-image slic slic_zero",
         lambda p: peer(p, 60, 0.5, slic_zero=True, enforce_connectivity=False), 0.01, FLOAT, compare=compare_fraction),
    Case("slic", {"n_segments": 40, "enforce_connectivity": False, **LIKE}, ("colour",), "scikit-image slic convert2lab",
         lambda p: slic(p.array / 255.0, 40, 10, enforce_connectivity=False), 0.005, "distances in float; CIELAB's white to five digits", compare=compare_fraction),
    Case("slic", {"n_segments": 40, "compactness": 0.3, "colour": "none", "enforce_connectivity": False, **LIKE}, ("colour",), "scikit-image slic",
         lambda p: slic(p.f64, 40, 0.3, convert2lab=False, enforce_connectivity=False), 0.001, FLOAT, compare=compare_fraction),
    Case("slic", {"size": 6.0, "compactness": 150, "normalize": "none", "iterations": 5, "enforce_connectivity": False},
         ("ct", "mr", "ct_slice", "one_voxel", "one_row", "odd", "anisotropic"), "NumPy reference (Achanta 2012)",
         lambda p: achanta(p, 6.0, 150, 5), 0.005, "distances in float", compare=compare_fraction),
    Case("slic", {"size": [8.0, 5.0, 9.0], "compactness": 150, "normalize": "none", "iterations": 5, "enforce_connectivity": False},
         ("ct", "mr", "odd", "anisotropic"), "NumPy reference (Achanta 2012)", lambda p: achanta(p, (8.0, 5.0, 9.0), 150, 5), 0.005, "distances in float",
         compare=compare_fraction),
    Case("slic", {"n_segments": 50, "compactness": 0.2, **LIKE}, ("ct", "mr", "xray", "ct_slice", "odd_2d", "anisotropic"), "scikit-image slic with mask",
         lambda p: explained(slic(p.f64, 50, 0.2, mask=p.mask, channel_axis=None), p), 0.02,
         "segments differ with the random start of scikit-image; what is compared is the share of variance they explain, by which ours are less", inputs=masked,
         of=lambda made, p: explained(made.array, p), compare=shortfall),
    Case("slic", {"n_segments": 50, "compactness": 0.2}, ("ct", "nan"), "closed form: 0 outside and at NaN, nowhere else", lambda p: (p.mask > 0) & ~np.isnan(p.f64), 0, "",
         inputs=masked, of=lambda made, p: made.array > 0),
]


def graph(p, scale, sigma, size):
    # its scale is divided by 255
    return felzenszwalb(p.f64, scale * 255, sigma, size, channel_axis=-1 if p.components else None) + 1


def reference(p, scale, size):
    """The paper's algorithm on touching voxels of a 3D image, all 26, edges of equal weight by voxel and direction."""
    shape, values, number = p.shape, p.f64, np.arange(p.f64.size).reshape(p.shape)
    steps = [(z, y, x) for z in (0, 1) for y in (-1, 0, 1) for x in (-1, 0, 1) if (z, y, x) > (0, 0, 0)]
    edges = []
    for k, step in enumerate(steps):
        a = tuple(slice(max(-d, 0), n - max(d, 0)) for d, n in zip(step, shape))
        b = tuple(slice(max(d, 0), n - max(-d, 0)) for d, n in zip(step, shape))
        edges.append(np.stack([np.abs(values[a] - values[b]).astype(np.float32).ravel(), number[a].ravel(), np.full(number[a].size, k), number[b].ravel()]))
    edges = np.concatenate(edges, 1)
    edges = edges[:, np.lexsort(edges[2::-1])]
    parent, count, inner = list(range(values.size)), [1] * values.size, [0.0] * values.size

    def root(at):
        while parent[at] != at:
            at = parent[at]
        return at

    for small in (False, True):
        for w, at, _, near in edges.T:
            a, b = sorted((root(int(at)), root(int(near))))
            if a == b or not (min(count[a], count[b]) < size if small else w < min(inner[a] + scale / count[a], inner[b] + scale / count[b])):
                continue
            parent[b], count[a] = a, count[a] + count[b]
            inner[a] = inner[a] if small else w
    return np.unique([root(at) for at in range(values.size)], return_inverse=True)[1].reshape(shape) + 1


FLAT = ("xray", "ct_slice", "odd_2d", "noise_2d", "one_row", "colour")
TIES = "edges of equal weight come in an order of their own in scikit-image; weights in float"
CASES += [
    Case("felzenszwalb", {"scale": 300, "sigma": 0.8, "min_size": 10}, FLAT, "scikit-image felzenszwalb", lambda p: graph(p, 300, 0.8, 10), 0.001, TIES,
         compare=compare_partition),
    Case("felzenszwalb", {"scale": 2000, "sigma": 1.5, "min_size": 1}, FLAT, "scikit-image felzenszwalb", lambda p: graph(p, 2000, 1.5, 1), 0.001, TIES,
         compare=compare_partition),
    Case("felzenszwalb", {"scale": 800.0, "sigma": 0, "min_size": 4}, ("odd", "one_voxel", "flat", "anisotropic", "i16_full", "one_slice"),
         "NumPy reference (Felzenszwalb 2004)", lambda p: reference(p, 800.0, 4), 0, ""),
    Case("felzenszwalb", {"sigma": 0}, ("nan",), "closed form: 0 at NaN and outside the mask, nowhere else", lambda p: (p.mask > 0) & ~np.isnan(p.f64), 0, "",
         inputs=masked, of=lambda made, p: made.array > 0),
]
parity.main(__name__, CASES)
