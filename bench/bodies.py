"""A generated CT of 512 x 512 voxels a slice: an oval body with noise in air."""
import numpy as np


def body(slices):
    """Intensities (i16) and the body as a mask (u8), indexed [z, y, x]."""
    rng = np.random.default_rng(1)
    y, x = np.ogrid[-1:1:512j, -1:1:512j]
    inside = (x / 0.85) ** 2 + (y / 0.65) ** 2 < 1
    image, mask = np.empty((slices, 512, 512), np.int16), np.empty((slices, 512, 512), np.uint8)
    for z in range(slices):
        image[z] = np.where(inside, 40 + rng.normal(0, 60, (512, 512)), -1000)
        mask[z] = inside
    return image, mask
