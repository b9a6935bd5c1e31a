"""Segmentations on the graph of the voxels: against scikit-image and SciPy's largest flow."""
import itertools

import parity
from parity import Case, compare_fraction, compare_numbers, np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow
from skimage.segmentation import random_walker

IMAGES = ("ct", "mr", "odd", "odd_2d", "noise_2d", "anisotropic", "u16_full", "i16_full", "f64", "one_slice", "one_row")


def small(p):
    """SciPy's solvers are slow: a corner of the image."""
    return np.ascontiguousarray(p.array[tuple(slice(0, 14) for _ in p.shape)])


def seeds(p):
    made = np.zeros(small(p).shape, np.uint8)
    made.flat[:4], made.flat[-4:], made.flat[made.size // 2] = 2, 1, 5
    return made


def scaled(p):
    values = small(p).astype(np.float64)
    return (values - values.min()) / (np.ptp(values) or 1)


def walk(p):
    """Probabilities, components last; the system is solved directly."""
    spacing = np.array(p.axis_spacing) / min(s for s, n in zip(p.axis_spacing, p.shape) if n > 1)
    axis = -1 if p.components else None
    values = scaled(p)
    made = random_walker(np.squeeze(values), np.squeeze(seeds(p)), mode="bf", return_full_prob=True, channel_axis=axis,
                         spacing=None if min(p.shape) == 1 else spacing)
    return np.moveaxis(made, 0, -1).reshape(*seeds(p).shape, -1)


def cut(p, boundary, connectivity, bins=64):
    """(energy, object) by Boykov and Jolly's graph and SciPy's largest flow, in units of 1/4096."""
    v, s = small(p).astype(np.float64), seeds(p)
    spacing = np.array(p.axis_spacing) / min(a for a, n in zip(p.axis_spacing, p.shape) if n > 1)
    width = np.ptp(v) / bins
    bin_of = np.clip((v - v.min()) / width, 0, bins - 1).astype(int) if width else np.zeros(v.shape, int)
    cost = []
    for label in (1, 2):
        counts = np.bincount(bin_of[s == label], minlength=bins) + 1.0
        cost.append(np.minimum(-np.log(counts / counts.sum()), 50)[bin_of])
    nodes, first, second, squares, lengths, used = np.arange(v.size).reshape(v.shape), [], [], [], [], 0
    for step in itertools.product((-1, 0, 1), repeat=v.ndim):
        if not 0 < sum(map(abs, step)) <= {6: 1, 18: 2, 26: 3}[connectivity] or any(k and n == 1 for k, n in zip(step, v.shape)):
            continue
        used += 1
        a, b = (tuple(slice(max(0, -k * sign), n - max(0, k * sign)) for k, n in zip(step, v.shape)) for sign in (1, -1))
        first, second = np.append(first, nodes[a]), np.append(second, nodes[b])
        squares = np.append(squares, (v[a] - v[b]) ** 2)
        lengths = np.append(lengths, np.full(nodes[a].size, np.linalg.norm(np.array(step) * spacing)))
    sigma2 = squares.mean() or 1.0
    edge = np.rint(boundary * np.exp(-0.5 * squares / sigma2) / lengths * 4096)
    known = 1 + used * boundary
    source = np.rint(np.where(s == 1, known, np.where(s == 2, 0, cost[1])) * 4096).ravel()
    sink = np.rint(np.where(s == 2, known, np.where(s == 1, 0, cost[0])) * 4096).ravel()
    n, every = v.size, np.arange(v.size)
    graph = csr_array((np.concatenate([edge, source, sink]).astype(np.int32),
                       (np.concatenate([first, np.full(n, n), every]).astype(np.int32), np.concatenate([second, every, np.full(n, n + 1)]).astype(np.int32))),
                      shape=(n + 2, n + 2))
    flow = maximum_flow(graph, n, n + 1)
    rest = csr_array(graph - flow.flow)
    rest.data = np.maximum(rest.data, 0)
    rest.eliminate_zeros()
    made = np.zeros(n + 2, bool)
    made[breadth_first_order(rest, n, return_predecessors=False)] = True
    return flow.flow_value / 4096, made[:n].reshape(v.shape)


def given(p):
    return {"image": small(p), "seeds": seeds(p)}


CASES = [
    Case("random_walker", {"tol": 1e-9}, IMAGES[:-1], "scikit-image random_walker, mode=bf", walk, 5e-7, "weights and probabilities are kept in float",
         inputs=given, output="probabilities"),
    Case("random_walker", {"beta": 130}, IMAGES[:-1], "scikit-image random_walker, mode=bf", walk, 1e-6, "the default residual; weights and probabilities are kept in float", inputs=given,
         output="probabilities"),
    *[Case("graph_cut", {"boundary": boundary, "connectivity": connectivity}, IMAGES, "SciPy maximum_flow",
           lambda p, b=boundary, c=connectivity: cut(p, b, c)[1], 0, "", inputs=given, compare=compare_fraction)
      for boundary, connectivity in ((0.5, 6), (5, 6), (2, 26))],
    Case("graph_cut", {"boundary": 1, "connectivity": 18}, IMAGES, "SciPy maximum_flow, its value", lambda p: cut(p, 1, 18)[0], 0, "", inputs=given,
         output="cut", of=lambda table, p: table["energy"][0], compare=compare_numbers),
]

parity.main(__name__, CASES)
