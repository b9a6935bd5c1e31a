"""CLAHE against OpenCV, which has it in 2D for u8 and u16, and in 3D against its definition in plain NumPy."""
import itertools

import parity
from parity import Case, cv2, np


def widened(p):
    return p.array.astype(np.uint16) * 250


def clipped(counts, limit):
    """What is above the limit goes to all bins alike, the rest of it to one bin in so many."""
    over = int((counts - limit).clip(0).sum())
    counts = np.minimum(counts, limit) + over // counts.size
    rest = over % counts.size
    if rest:
        counts[:: max(1, counts.size // rest)][:rest] += 1
    return counts


def volume(p, tiles, clip):
    """A histogram a tile, clipped and summed up; each voxel by the tiles around it, linearly."""
    v, shape = p.array, p.array.shape
    tiles = [1 if n == 1 else t for n, t in zip(shape, tiles[: len(shape)][::-1])]
    fits = all(n % t == 0 for n, t in zip(shape, tiles))
    size = [n if n == 1 else (n if fits else n + t - n % t) // t for n, t in zip(shape, tiles)]
    if v.dtype in (np.uint8, np.uint16):
        low, high = np.iinfo(v.dtype).min, np.iinfo(v.dtype).max
    else:
        low, high = float(v.min()), float(v.max())
    whole = v.dtype.kind in "iu" and high - low < 65536
    bins = int(high - low) + 1 if whole else 4096
    step = 1.0 if whole else (high - low) / (bins - 1)
    at = v.astype(np.int64) - int(low) if whole else np.clip((p.f64 - low) * (bins / (high - low)), 0, bins - 1).astype(int)
    wide = np.pad(at, [(0, s * t - n) for s, t, n in zip(size, tiles, shape)], "reflect")
    maps = {}
    for tile in itertools.product(*map(range, tiles)):
        counts = np.bincount(wide[tuple(slice(k * s, k * s + s) for k, s in zip(tile, size))].ravel(), minlength=bins)
        voxels = int(np.prod(size))
        counts = clipped(counts, max(1, int(clip * voxels / bins))) if clip else counts
        maps[tile] = np.cumsum(counts) * ((bins - 1) / voxels)
        maps[tile] = np.rint(maps[tile]) if whole else maps[tile]
    made = np.zeros(shape)
    place = [(np.arange(n) / s - 0.5) for n, s in zip(shape, size)]
    for corner in itertools.product((0, 1), repeat=len(shape)):
        weight, tile = np.ones(shape), []
        for axis, (x, up, count) in enumerate(zip(place, corner, tiles)):
            below = np.floor(x)
            share = (x - below if up else 1 - x + below).reshape([-1 if a == axis else 1 for a in range(len(shape))])
            weight = weight * share
            tile.append(np.clip(below.astype(int) + up, 0, count - 1))
        for part in itertools.product(*[np.unique(t) for t in tile]):
            where = np.ix_(*[t == k for t, k in zip(tile, part)])
            made[where] += weight[where] * maps[part][at[where]]
    made = low + (np.rint(made) if whole else made) * step
    return made


CASES = [
    Case("clahe", {"tiles": tiles, "clip_limit": clip}, ("xray", "odd_2d", "noise_2d"), "OpenCV CLAHE",
         lambda p, tiles=tiles, clip=clip: cv2.createCLAHE(clip, (tiles, tiles)).apply(p.array), 0, "")
    for tiles in (3, 8) for clip in (0.0, 2.0, 40.0)
] + [
    Case("clahe", {"tiles": 8, "clip_limit": 2.0}, ("xray", "odd_2d", "noise_2d"), "OpenCV CLAHE",
         lambda p: cv2.createCLAHE(2.0, (8, 8)).apply(widened(p)), 0, "", inputs=lambda p: {"image": widened(p)}),
    Case("clahe", {"tiles": 1, "clip_limit": 3.0}, ("xray",), "OpenCV CLAHE",
         lambda p: cv2.createCLAHE(3.0, (1, 1)).apply(widened(p)), 0, "", inputs=lambda p: {"image": widened(p)}),
    *[Case("clahe", {"tiles": tiles, "clip_limit": clip}, ("ct", "mr", "odd", "anisotropic", "i16_full", "u16_full", "one_slice", "flat"), "NumPy reference (Zuiderveld 1994)",
           lambda p, t=tiles, c=clip: p.f64 if p.name == "flat" else volume(p, t, c), 1, "sums in float: a half is rounded either way", relative=False)
      for tiles, clip in (((3, 2, 2), 2.0), ((4, 3, 1), 0.0), ((2, 5, 3), 10.0))],
]

parity.main(__name__, CASES)
