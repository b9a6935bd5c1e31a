"""Segmentation on the graph of the voxels. The peers take minutes at full size: a part of the MR."""
import maxflow
from bench_ops import Case, np
from skimage.segmentation import random_walker


def part(i):
    return i.kept("part", lambda: np.ascontiguousarray(i.array[tuple(slice(n // 2 - n // 8, n // 2 + n // 8) for n in i.array.shape)]))


def seeds(i):
    def make():
        made = np.zeros(part(i).shape, np.uint8)
        made[tuple(slice(n // 2 - 2, n // 2 + 2) for n in made.shape)] = 1
        made[0], made[-1] = 2, 2
        return made
    return i.kept("seeds", make)


def given(i):
    return i.kept("given", lambda: {"image": i.like(part(i)), "seeds": i.like(seeds(i))})


def walk(i):
    return random_walker(i.kept("scaled", lambda: ((part(i) - part(i).min()) / np.ptp(part(i))).astype(np.float64)), seeds(i), tol=1e-6)


def regions(i):
    """Seeds for the cut: the middle, and a rim."""
    def make():
        made = np.full(i.array.shape, 2, np.uint8)
        made[(slice(2, -2),) * made.ndim] = 0
        made[tuple(slice(n // 2 - n // 12, n // 2 + n // 12) for n in made.shape)] = 1
        return made
    return i.kept("regions", make)


def cut(i, boundary=5.0, bins=64):
    """The operation's weights on Boykov and Kolmogorov's own program, which PyMaxflow carries."""
    v, s = i.f32, regions(i)
    at = np.minimum((v - v.min()) / np.ptp(v) * bins, bins - 1).astype(np.uint8)
    shares = [np.bincount(at[s == k], minlength=bins) + 1.0 for k in (1, 2)]
    costs = [np.rint(np.minimum(-np.log(c / c.sum()), 50) * 4096) for c in shares]
    slopes = [np.diff(v, axis=axis) for axis in range(v.ndim)]
    sigma2 = sum(float((d * d).sum()) for d in slopes) / sum(d.size for d in slopes)
    graph = maxflow.GraphInt(v.size, v.ndim * v.size)
    nodes = graph.add_grid_nodes(v.shape)
    for axis, d in enumerate(slopes):
        weights = np.zeros(v.shape, np.int32)
        weights[tuple(slice(0, -1) if k == axis else slice(None) for k in range(v.ndim))] = np.rint(boundary * np.exp(-0.5 / sigma2 * d * d) * 4096)
        structure = np.zeros((3,) * v.ndim)
        structure[tuple(2 if k == axis else 1 for k in range(v.ndim))] = 1
        graph.add_grid_edges(nodes, weights, structure, symmetric=True)
    known = (1 + 2 * v.ndim * boundary) * 4096
    source, sink = (np.where(s == k, known, np.where(s == 3 - k, 0, costs[2 - k][at])).astype(np.int32) for k in (1, 2))
    graph.add_grid_tedges(nodes, source, sink)
    graph.maxflow()
    return graph.get_grid_segments(nodes)


CASES = [
    *[Case("graph_cut", {}, name, {"PyMaxflow": cut}, lambda i: {"image": i.image, "seeds": i.kept("seeds image", lambda: i.like(regions(i)))})
      for name in ("mr_part", "xray_part")],
    Case("random_walker", {}, "mr", {"scikit-image cg_j": walk}, given),
]
