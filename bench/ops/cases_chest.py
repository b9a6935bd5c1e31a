"""CT of the chest. No library has these; body's steps are those of its peer."""
from bench_ops import Case, nd, np


def body_scipy(i):
    inside = i.array > -300
    pieces, _ = nd.label(inside)
    return nd.binary_fill_holes(pieces == np.bincount(pieces.ravel())[1:].argmax() + 1)


CASES = [
    Case("body", {"method": "fixed"}, "ct", {"SciPy, without opening": body_scipy}),
    Case("lungs", {}, "ct", {}),
]
