"""Affine maps and stretches of any kind, also far beside the image: in float as in double, which takes each point by itself."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import package
import cormack
import numpy as np

random = np.random.default_rng(3)
for turn in range(120):
    shape = tuple(random.integers(1, 70, 2 + turn % 2)) + ((3,) if turn % 5 == 0 else ())
    kind = [np.uint8, np.int16, np.uint16, np.float32][turn % 4]
    image = cormack.Image((random.random(shape) * 200).astype(kind), components=turn % 5 == 0)
    matrix = np.eye(2) * random.choice([-1, 0.3, 1, 2.5]) + random.normal(size=(2, 2)) * random.choice([0, 0.01, 1])
    params = {"matrix": matrix.ravel(), "translation": random.choice([0, 0.5, 20, 3000], 2) * random.choice([-1, 1], 2), "outside": 7}
    if abs(np.linalg.det(matrix)) < 1e-3:
        continue
    narrow, wide = (cormack.affine(image, type=name, **params).array for name in ("f32", "f64"))
    assert np.abs(narrow - wide).max() < 1e-3, (turn, shape, params)
    size = random.integers(1, 90, 2)
    narrow, wide = (cormack.resample(image, size=size, type=name, interpolation="linear").array for name in ("f32", "f64"))
    assert np.abs(narrow - wide).max() < 1e-3, (turn, shape, size)
print("120 maps")
