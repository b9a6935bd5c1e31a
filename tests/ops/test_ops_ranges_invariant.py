"""invariant: operations at the ends of what types hold: large whole numbers, ranges of next to nothing, values that a result's type has not."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
try:
    import package  # noqa: F401  (finds the build, or skips)
    import numpy as np

    import cormack
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)


def test_watershed_of_large_numbers():
    """The flood depends on the order of the values alone, so not on what is added to all of them; with few and with large labels."""
    rng = np.random.default_rng(1)
    image, markers = rng.integers(0, 100, (30, 30)), np.zeros((30, 30), np.int32)
    for number in (1, 70000):
        markers[rng.integers(0, 30, 3), rng.integers(0, 30, 3)] = number + np.arange(3)
        plain = cormack.watershed(image.astype(np.int32), markers=markers).array
        for offset, kind in ((4_000_000_000, np.uint32), (2_000_000_000, np.int32), (-2_000_000_000, np.int32), (2**24, np.int32)):
            assert (cormack.watershed((image + offset).astype(kind), markers=markers).array == plain).all(), (number, offset)


def test_kept_values_saturate():
    """Outside of the mask values stay; those that the result's type has not become its nearest."""
    image, mask = np.array([[-300, -5, 0, 10, 200, 256, 30000]], np.int16), np.array([[0, 0, 0, 1, 0, 0, 0]], np.uint8)
    for kind, least, most in (("u8", 0, 255), ("u16", 0, 65535), ("i16", -32768, 32767)):
        kept = cormack.normalize(image, mask=mask, outside_mask="keep", type=kind).array[mask == 0]
        assert list(kept) == list(np.clip(image[mask == 0], least, most)), kind


def test_ranges_of_next_to_nothing():
    """Halfway between the ends is halfway, however near these are."""
    for scale, top in ((1e-310, 1), (1e-300, 1e9), (1, 1)):
        out = cormack.normalize(np.array([[1, 2, 3]]) * scale, out_max=top).array
        assert np.allclose(out, [[0, top / 2, top]], rtol=1e-6), (scale, out)


test_watershed_of_large_numbers()
test_kept_values_saturate()
test_ranges_of_next_to_nothing()
print("large numbers, kept values, small ranges: right")
