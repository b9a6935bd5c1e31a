"""Fitting and applying models: Cormack (its Python package), scikit-learn and XGBoost, same numbers, one process, in turn.

Each side has its table ready in its own form; all of them use BENCH_THREADS threads (default 2). BENCH_ROWS_COLUMNS="100000,100" sets the size.
A case that takes longer than BENCH_MOST seconds (default 300) on either side is not repeated.
"""
import ctypes
import os
import pathlib
import statistics
import sys
import time

THREADS = int(os.environ.get("BENCH_THREADS", 2))
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))

import numpy as np
import xgboost
from rows import note, seconds
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

ROOT = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("CORMACK_LIBRARY", str(pathlib.Path(os.environ.get("CORMACK", ROOT / "build/cormack")).parent / "lib/libcormack.so"))
sys.path.insert(0, str(ROOT / "python"))
import cormack  # noqa: E402: found by the lines above
from cormack import learn  # noqa: E402
from cormack._library import call, lib  # noqa: E402
from cormack.table import from_table  # noqa: E402

SIZE = tuple(int(n) for n in os.environ.get("BENCH_ROWS_COLUMNS", "100000,100").split(","))
MOST = float(os.environ.get("BENCH_MOST", 300))
CASES = [  # name, words, rows that are predicted, peer
    ("random forest, 100 trees", ("random_forest", {"trees": 100}), None, RandomForestClassifier(100, max_depth=16, n_jobs=THREADS, random_state=0)),
    ("gradient boosting, 100 rounds", ("gradient_boosting", {}), None,
     xgboost.XGBClassifier(n_estimators=100, learning_rate=0.1, max_depth=3, tree_method="hist", nthread=THREADS)),
    ("logistic", ("logistic", {"tolerance": 1e-4}), None, LogisticRegression(tol=1e-4)),
    ("nearest neighbours, k 5", ("knn", {}), 1000, KNeighborsClassifier(5, n_jobs=THREADS, algorithm="brute")),
    ("support vectors, rbf", ("svm", {}), 1000, SVC(probability=True)),
]


def numbers(rows, columns):
    """Two classes that overlap: a tenth of the features tell."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, columns))
    y = (x[:, :columns // 10].sum(axis=1) + rng.normal(scale=2, size=rows) > 0).astype(int)
    return (x - x.mean(axis=0)) / x.std(axis=0), y


def fitted(context, table, words):
    """One call of the library, its table ready."""
    names = learn._columns("y", None, None, None, None, None, (), None, None, None)
    with learn._learners(context, [learn.Learner(*words)]) as learners:
        return learn.Model(context.own(call("cm_model_fit", context.pointer, learners, table.pointer, ctypes.byref(names)), lib.cm_model_unref), context)


def timed(job):
    start = time.perf_counter()
    made = job()
    return time.perf_counter() - start, made


def main():
    x, y = numbers(*SIZE)
    wanted = os.environ.get("BENCH_ONLY", "")
    context = cormack.Context(threads=THREADS)
    columns = {f"f{at}": x[:, at] for at in range(SIZE[1])}
    table = from_table(context, {**columns, "y": y})
    print(f"{SIZE[0]} x {SIZE[1]}, {THREADS} threads: seconds to fit, seconds to predict")
    for name, words, few, peer in CASES:
        if wanted not in name:
            continue
        times = {"ours": [], "peer": []}
        rows = few or SIZE[0]
        new = from_table(context, {key: values[:rows] for key, values in columns.items()})
        for _ in range(3):
            fit, model = timed(lambda: fitted(context, table, words))
            apply, _ = timed(lambda: context.own(call("cm_model_predict", context.pointer, model._pointer, new.pointer), lib.cm_table_unref))
            times["ours"].append((fit, apply))
            fit, judge = timed(lambda: peer.fit(x, y))
            apply, _ = timed(lambda: judge.predict_proba(x[:rows]))
            times["peer"].append((fit, apply))
            if max(sum(pair) for pairs in times.values() for pair in pairs) > MOST / 3:
                break
        middle = {who: [statistics.median(part) for part in zip(*pairs)] for who, pairs in times.items()}
        kind = type(peer).__module__.split(".")[0]
        print(f"{name:32} " + "   ".join(f"{who} {seconds(fit):>8} {seconds(apply):>8}" for who, (fit, apply) in middle.items())
              + f"   ratio {sum(middle['peer']) / sum(middle['ours']):.2f}", flush=True)
        note(f"{name}, fit and predict {rows} of {SIZE[0]} x {SIZE[1]}", [sum(pair) for pair in times["ours"]],
             {kind: [sum(pair) for pair in times["peer"]]}, THREADS, must=1)


main()
