"""Superpixels and graph-based segments against scikit-image; what it lacks (size, mm, a narrow search) against the paper in NumPy."""
import parity
from parity import Case, compare_fraction, compare_partition, np
from skimage.segmentation import slic

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
parity.main(__name__, CASES)
