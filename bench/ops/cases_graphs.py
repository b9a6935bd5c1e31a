"""Segmentation on the graph of the voxels. The peers take minutes at full size: a part of the MR."""
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


CASES = [
    Case("random_walker", {}, "mr", {"scikit-image cg_j": walk}, given),
]
