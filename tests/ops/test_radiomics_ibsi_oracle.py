"""Every reference value of IBSI 1 (digital phantom; chest CT in configurations A to E, set up by examples/ibsi) and every response map of IBSI 2
that is in the data; docs/ibsi.md says what is measured."""
import os
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/python"), str(ROOT / "tools")]
try:
    import package  # noqa: F401  (finds the build, or skips)
    import cormack
    import make_ibsi
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
if not os.path.isdir(make_ibsi.IBSI):
    print("skipped: no", make_ibsi.IBSI)
    sys.exit(77)


class Ibsi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        context = cormack.Context(threads=2, progress=False)
        cls.features, cls.maps = make_ibsi.features(cormack, context), make_ibsi.maps(cormack, context)
        cls.without = make_ibsi.without_maps(cormack, context)

    def test_features(self):
        for name, rows in self.features.items():
            for tag, value, tolerance, ours, within in rows:
                with self.subTest(set=name, feature=tag):
                    self.assertTrue(within, f"{ours} against {value} +- {tolerance}")

    def test_maps(self):
        for test, *_, worst in self.maps:
            with self.subTest(map=test):
                self.assertLessEqual(worst, 0.01)

    def test_without_maps(self):
        for test, *_, worst in self.without:
            with self.subTest(map=test):
                self.assertLessEqual(worst, 1e-3)

    def test_page(self):
        self.assertEqual(make_ibsi.PAGE.read_text(), make_ibsi.page(self.features, self.maps, self.without), "run tools/make_ibsi.py")


if __name__ == "__main__":
    unittest.main()
