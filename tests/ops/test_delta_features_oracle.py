"""Delta features against pandas (first, last, differences of each subject's visits) and SciPy's linregress (slopes), on shuffled visits with gaps; dates;
and what is refused."""
import csv
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

try:
    import numpy as np
    import pandas as pd
    from scipy.stats import linregress
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)


def visits():
    """40 patients of 1 to 6 visits, shuffled; a sixth of the values missing, some baselines 0 or negative."""
    rng = np.random.default_rng(3)
    rows = []
    for at, count in enumerate(rng.integers(1, 7, 40)):
        for when in np.sort(rng.choice(400, count, replace=False)) / 4:
            rows.append({"patient": f"p{(at * 17) % 40}", "site": "ab"[at % 2], "months": when, "response": int(at % 3 == 0),
                         "volume": np.nan if rng.random() < 1 / 6 else rng.normal(5, 3), "count": rng.integers(-1, 2), "note": "x"})
    return pd.DataFrame(rows).sample(frac=1, random_state=2).reset_index(drop=True)


class Delta(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.folder.name)

    def tearDown(self):
        self.folder.cleanup()

    def call(self, frame, *words):
        frame.to_csv(self.at / "t.csv", index=False)
        if "CORMACK_ORACLE_NOTE" in os.environ:  # for test_oracle_coverage_mechanics
            with open(os.environ["CORMACK_ORACLE_NOTE"], "a", encoding="utf-8") as file:
                file.write("delta_features\n")
        return subprocess.run([os.environ["CORMACK"], "delta_features", self.at / "t.csv", "-", *words], capture_output=True, text=True)

    def delta(self, frame, *words):
        done = self.call(frame, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return pd.read_csv(io.StringIO(done.stdout))

    def refused(self, frame, what, *words):
        done = self.call(frame, *words)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn(what, done.stderr)

    def test_pandas_and_scipy(self):
        frame = visits()
        found = self.delta(frame, "--subject", "patient", "--time", "months", "--keep", "response,site")
        self.assertEqual(list(found.patient), list(frame.patient.unique()))
        for row in found.to_dict("records"):
            own = frame[frame.patient == row["patient"]].sort_values("months")
            self.assertEqual((row["visits"], row["response"], row["site"]), (len(own), own.response.iloc[0], own.site.iloc[0]))
            self.assertAlmostEqual(row["span"], own.months.iloc[-1] - own.months.iloc[0], delta=1e-12)
            for name in ("volume", "count"):
                told = own.dropna(subset=[name])
                expected = dict.fromkeys(("first", "last", "delta", "relative_delta", "rate", "slope"), np.nan)
                if len(told):
                    expected.update(first=told[name].iloc[0], last=told[name].iloc[-1])
                if len(told) > 1:
                    first, change, time = told[name].iloc[0], told[name].diff().sum(), told.months.diff().sum()
                    expected.update(delta=change, relative_delta=change / abs(first) if first else np.nan, rate=change / time,
                                    slope=linregress(told.months, told[name]).slope)
                for measure, value in expected.items():
                    np.testing.assert_allclose(row[f"{name}_{measure}"], value, rtol=1e-9, atol=1e-12, err_msg=f"{row['patient']} {name} {measure}")
        self.assertFalse([name for name in found if "note" in name])

    def test_order_of_rows_and_measures(self):
        """Another order of the rows gives the same numbers, and only what is asked for."""
        frame = visits()
        words = "--subject", "patient", "--time", "months", "--keep", "response,site", "--measures", "slope,delta"
        one, other = self.delta(frame, *words), self.delta(frame.iloc[::-1], *words)
        pd.testing.assert_frame_equal(one.sort_values("patient").reset_index(drop=True), other.sort_values("patient").reset_index(drop=True))
        self.assertEqual(list(one), ["patient", "response", "site", "visits", "span", "volume_delta", "volume_slope", "count_delta", "count_slope"])

    def test_dates_and_units(self):
        """A leap year's 29th of February lies between; units go along."""
        for dates in (["2024-02-28", "2024-03-01"], [20240228, 20240301]):
            frame = pd.DataFrame({"subject": [1, 1], "time": dates, "volume [mm3]": [4.0, 3.0]})
            done = self.call(frame)
            row = next(csv.DictReader(io.StringIO(done.stdout)))
            self.assertEqual({k: float(v) for k, v in row.items()},
                             {"subject": 1, "visits": 2, "span [d]": 2, "volume_first [mm3]": 4, "volume_last [mm3]": 3, "volume_delta [mm3]": -1,
                              "volume_relative_delta": -0.25, "volume_rate [mm3/d]": -0.5, "volume_slope [mm3/d]": -0.5})

    def test_refused(self):
        frame = visits()
        words = "--subject", "patient", "--time", "months"
        self.refused(frame, "no column «when»", "--subject", "patient", "--time", "when")
        self.refused(frame, "did you mean «delta»", *words, "--measures", "delt")
        self.refused(frame, "do not change", *words, "--keep", "volume")
        self.refused(pd.concat([frame, frame[:1]]), "have the same time", *words)
        for column, value, what in (("months", np.nan, "has no time"), ("patient", np.nan, "has no «patient»"), ("volume", np.inf, "is infinite")):
            odd = frame.copy()
            odd.loc[7, column] = value
            self.refused(odd, what, *words)
        odd = frame.astype({"months": object})
        odd.loc[:, "months"] = "soon"
        self.refused(odd, "that can be read", *words)
        for wrong in (20241331, "2024-05-31T10:00:nan"):  # a month 13; no number of seconds
            odd = pd.DataFrame({"subject": [1, 1], "time": [20240131 if isinstance(wrong, int) else "2024-01-31", wrong], "volume": [4.0, 3.0]})
            self.refused(odd, "row 2 has no time")

    def test_fractions_of_seconds(self):
        """As Python's isoformat() writes them: 6.4 hours and a bit."""
        frame = pd.DataFrame({"subject": [1, 1], "time": ["2024-05-31T10:00:00.5", "2024-05-31T16:24:00.500864"], "volume": [4.0, 3.0]})
        row = next(csv.DictReader(io.StringIO(self.call(frame).stdout)))
        self.assertAlmostEqual(float(row["span [d]"]), (6.4 * 3600 + 0.000864) / 86400, delta=1e-11)


unittest.main()
