"""Filters of IBSI 2 beside SciPy and NumPy: kernels laid on the image in all its turns, gains on NumPy's transform.
The reference maps of the standard itself are in tests/ops/test_ibsi2_maps_oracle.py."""
import itertools
import math

import parity
from parity import Case, nd, np, pywt

VOLUMES = ("ct", "odd", "anisotropic", "u16_full", "times")
PLANES = ("xray", "odd_2d", "one_slice", "colour")
MODES = {"replicate": "nearest", "reflect": "reflect", "mirror": "mirror", "wrap": "wrap", "constant": "constant", "zero": "constant"}
LAWS = {"L3": (1, 2, 1), "E3": (-1, 0, 1), "S3": (-1, 2, -1), "L5": (1, 4, 6, 4, 1), "E5": (-1, -2, 0, 2, 1), "S5": (-1, 0, 2, 0, -1), "W5": (-1, 2, 0, -2, 1),
        "R5": (1, -4, 6, -4, 1)}


def volumes(p):
    """Each time point and component as x, y, z (or x, y), and the way back."""
    v = np.moveaxis(p.f64, -1, 0) if p.components else p.f64 if p.f64.ndim == 4 else p.f64[None]
    return [part.T for part in v], lambda made: np.moveaxis(np.stack([m.T for m in made]), 0, -1) if p.components else \
        np.stack([m.T for m in made]) if p.f64.ndim == 4 else made[0].T


def turns(n):
    """All right-angle turns: an order of the axes and signs, determinant 1."""
    for order in itertools.permutations(range(n)):
        for signs in itertools.product((1, -1), repeat=n):
            if round(np.linalg.det(np.eye(n)[list(order)] * signs)) == 1:
                yield order, [axis for axis in range(n) if signs[axis] < 0]


def invariant(v, respond, pooling):
    """Turn the image, filter it, turn the response back; pool."""
    pooled = []
    for order, flipped in turns(v.ndim):
        response = np.flip(respond(np.flip(v.transpose(order), flipped)), flipped)
        pooled.append(response.transpose(np.argsort(order)))
    return {"max": np.max, "mean": np.mean, "min": np.min}[pooling](pooled, axis=0)


def laws(p, kernels, border="replicate", pooling=None, energy=0):
    weights = [np.array(LAWS[kernels[k:k + 2]]) / np.linalg.norm(LAWS[kernels[k:k + 2]]) for k in range(0, len(kernels), 2)]

    def respond(v):
        for axis, weight in enumerate(weights):
            v = nd.convolve1d(v, weight, axis, mode=MODES[border])
        return v

    def plane(v):
        made = invariant(v, respond, pooling) if pooling else respond(v)
        return nd.uniform_filter(np.abs(made), 2 * energy + 1, mode=MODES[border]) if energy else made

    parts, back = volumes(p)
    flat = len(weights) == 2
    return back([np.stack([plane(v[..., z]) for z in range(v.shape[2])], -1) if flat and v.ndim == 3 else plane(v) for v in parts])


def laws_case(kernels, border, images, pooling=None, energy=0):
    params = {"kernels": kernels, "border": border, "type": "f64", "energy": energy}
    if pooling:
        params |= {"rotation_invariant": True, "pooling": pooling}
    return Case("laws", params, images, "SciPy convolve1d", lambda p: laws(p, kernels, border, pooling, energy), 1e-12, "order of sums", relative=True)


def wavelet(p, name, band, level, border, pooling):
    bank = pywt.Wavelet(name)

    def respond(v):
        for step in range(level):
            for axis in range(v.ndim):
                weights = np.array(bank.dec_hi if step == level - 1 and band[axis] == "H" else bank.dec_lo)
                holes = np.zeros((len(weights) * 2**step) + 1)
                holes[: len(weights) * 2**step: 2**step] = weights
                v = nd.convolve1d(v, holes, axis, mode=MODES[border])
        return v

    parts, back = volumes(p)
    return back([invariant(v, respond, pooling) for v in parts])


def wavelet_case(name, band, level, border, pooling, images):
    return Case("stationary_wavelet", {"wavelet": name, "band": band, "level": level, "border": border, "rotation_invariant": True, "pooling": pooling, "type": "f64"},
                images, "SciPy convolve1d of the turned image", lambda p: wavelet(p, name, band, level, border, pooling), 1e-9,
                "PyWavelets' filters have 12 digits", relative=True)


def frequencies(n, kind):
    if n == 1:
        return np.zeros(1)
    return 2 * np.fft.fftfreq(n) if kind == "dft" else np.fft.ifftshift(np.linspace(-1, 1, n))


def spectral(p, kind, gain):
    def one(v):
        k = np.meshgrid(*(frequencies(n, kind) for n in v.shape), indexing="ij")
        return np.fft.ifftn(np.fft.fftn(v) * gain(k, np.sqrt(sum(c * c for c in k)))).real
    parts, back = volumes(p)
    return back([one(v) for v in parts])


def band(family, level):
    top = 2.0 ** (1 - level)

    def gain(d):
        if family == "shannon":
            return ((d >= top / 2) & (d <= top)).astype(float)
        inside = (d >= top / 4) & (d <= top)
        return np.where(inside, np.cos(np.pi / 2 * np.log2(2 * np.where(inside, d, top) / top)), 0)
    return gain


def simoncelli_case(family, level, kind, images):
    return Case("simoncelli", {"wavelet": family, "level": level, "frequencies": kind, "type": "f64"}, images, "NumPy fft",
                lambda p: spectral(p, kind, lambda k, d: band(family, level)(d)), 1e-12, "order of sums", relative=True)


def riesz_case(order, kind, images, family="none", level=1):
    def gain(k, d):
        total = sum(order)
        factor = (-1j) ** total * math.sqrt(math.factorial(total) / math.prod(map(math.factorial, order)))
        product = math.prod(c**l for c, l in zip(k, order)) / np.where(d > 0, d, 1) ** total
        return factor * np.where((d > 0) | (total == 0), product, 0) * (1 if family == "none" else band(family, level)(d))
    return Case("riesz", {"order": list(order), "frequencies": kind, "wavelet": family, "level": level, "type": "f64"}, images, "NumPy fft",
                lambda p: spectral(p, kind, gain), 1e-12, "order of sums", relative=True)


CASES = [
    laws_case("E5L5S5", "constant", VOLUMES),
    laws_case("W5R5E3", "reflect", VOLUMES, "max"),
    laws_case("E5W5E3", "mirror", ("odd",), "min"),
    laws_case("E5E5E5", "wrap", ("odd", "anisotropic"), "max"),
    laws_case("L5S5R5", "replicate", ("odd",), "mean", 2),
    laws_case("L3S3L5", "reflect", ("odd",), "max", 3),
    laws_case("L5E5", "reflect", PLANES + VOLUMES),
    laws_case("E5S5", "reflect", PLANES + ("ct",), "max", 7),
    laws_case("S3S3", "mirror", PLANES, "mean"),
    laws_case("L5E5", "replicate", ("one_voxel", "flat", "nan", "one_row")),
    wavelet_case("db2", "LHL", 1, "zero", "mean", VOLUMES),
    wavelet_case("coif1", "HHL", 2, "wrap", "max", ("odd", "anisotropic")),
    wavelet_case("haar", "HHH", 2, "reflect", "min", ("odd",)),
    wavelet_case("db3", "LH", 2, "mirror", "mean", ("odd_2d", "colour")),
    simoncelli_case("simoncelli", 1, "ibsi", VOLUMES + PLANES + ("one_row",)),
    simoncelli_case("simoncelli", 2, "dft", ("ct", "odd", "odd_2d", "one_voxel")),
    simoncelli_case("shannon", 1, "ibsi", ("odd", "odd_2d")),
    riesz_case((1, 0, 0), "ibsi", ("ct", "odd")),
    riesz_case((0, 2, 1), "ibsi", ("odd", "anisotropic", "times"), "simoncelli", 2),
    riesz_case((2, 1, 1), "dft", ("odd",)),
    riesz_case((1, 1), "dft", ("odd_2d", "colour")),
    riesz_case((0, 0, 0), "ibsi", ("odd", "one_voxel"), "shannon"),
]

parity.main(__name__, CASES)
