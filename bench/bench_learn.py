"""Fitting, applying and explaining models: Cormack (its Python package) beside scikit-learn, XGBoost and shap, same numbers, one process, in turn.

Each side has its table ready in its own form; all use BENCH_THREADS threads (default 2). BENCH_ROWS_COLUMNS="100000,100" sets the size. Cormack's
times hold what the peers' do not do: the fingerprint of the table, the search for leaks and the scaling. The peers' cost decides how often a case
runs: once where it takes longer than BENCH_MOST seconds (default 6), so that all of them fit into three minutes. Support vectors grow with the square of the rows, so their case has fewer.
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
import shap
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
MOST = float(os.environ.get("BENCH_MOST", 6))


def boosted(**more):
    return xgboost.XGBClassifier(n_estimators=100, learning_rate=0.1, max_depth=3, tree_method="hist", nthread=THREADS, **more)


CASES = [  # name, words, rows to fit (0: all), rows that are predicted (0: all), peer
    ("logistic", ("logistic", {"tolerance": 1e-4}), 0, 0, LogisticRegression(tol=1e-4)),
    ("gradient boosting, 100 rounds", ("gradient_boosting", {}), 0, 0, boosted()),
    ("nearest neighbours, k 5", ("knn", {}), 0, 5000, KNeighborsClassifier(5, n_jobs=THREADS, algorithm="brute")),
    ("support vectors, rbf", ("svm", {}), 4000, 4000, SVC(probability=True)),
    ("random forest, 100 trees", ("random_forest", {"trees": 100}), 0, 0, RandomForestClassifier(100, max_depth=16, n_jobs=THREADS, random_state=0)),
]
EXPLAINED = [  # name, words, rows to fit, rows that are explained, peer: shap's trees
    ("tree SHAP, 100 trees of depth 3", ("gradient_boosting", {}), 20000, 10000, boosted()),
    ("tree SHAP, 100 trees of depth 8", ("random_forest", {"trees": 100, "max_depth": 8}), 20000, 500,
     RandomForestClassifier(100, max_depth=8, n_jobs=THREADS, random_state=0)),
]


def numbers(rows, columns):
    """Two classes that overlap: a tenth of the features tell."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, columns))
    y = (x[:, :columns // 10].sum(axis=1) + rng.normal(scale=2, size=rows) > 0).astype(int)
    return (x - x.mean(axis=0)) / x.std(axis=0), y


def table_of(context, x, y=None):
    columns = {f"f{at}": x[:, at] for at in range(x.shape[1])}
    return from_table(context, columns if y is None else {**columns, "y": y})


def fitted(context, table, words):
    """One call of the library, its table ready."""
    names = learn._columns("y", None, None, None, None, None, (), None, None, None)
    with learn._learners(context, [learn.Learner(*words)]) as learners:
        return learn.Model(context.own(call("cm_model_fit", context.pointer, learners, table.pointer, ctypes.byref(names)), lib.cm_model_unref), context)


def timed(job):
    start = time.perf_counter()
    made = job()
    return time.perf_counter() - start, made


def in_turn(ours, peer):
    """Seconds of each part, in up to three rounds."""
    times = {"ours": [], "peer": []}
    for _ in range(3):
        times["ours"].append(ours())
        times["peer"].append(peer())
        if max(sum(parts) for side in times.values() for parts in side) > MOST:
            break
    return times


def tell(name, case, times, peer, remark=""):
    middle = {who: [statistics.median(part) for part in zip(*parts)] for who, parts in times.items()}
    print(f"{name:34} " + "   ".join(f"{who} " + " ".join(f"{seconds(part):>8}" for part in parts) for who, parts in middle.items())
          + f"   ratio {sum(middle['peer']) / sum(middle['ours']):.2f}", flush=True)
    note(f"{name}, {case}", [sum(parts) for parts in times["ours"]], {peer: [sum(parts) for parts in times["peer"]]}, THREADS, must=1, remark=remark)


def apply(context, model, new, what):
    return lambda: context.own(call(f"cm_model_{what}", context.pointer, model._pointer, new.pointer), lib.cm_table_unref)


def bench_fit(context, x, y, name, words, rows, few, peer):
    x, y = x[:rows or None], y[:rows or None]
    table, new, some = table_of(context, x, y), table_of(context, x[:few or None]), x[:few or None]

    def ours():
        fit, model = timed(lambda: fitted(context, table, words))
        return fit, timed(apply(context, model, new, "predict"))[0]

    def theirs():
        fit, judge = timed(lambda: peer.fit(x, y))
        return fit, timed(lambda: judge.predict_proba(some))[0]

    tell(name, f"fit and predict {len(some)} of {len(x)} x {x.shape[1]}", in_turn(ours, theirs), type(peer).__module__.split(".")[0],
         "the table's fingerprint, the search for leaks and the scaling are in our time")


def bench_explain(context, x, y, name, words, rows, few, peer):
    table, new = table_of(context, x[:rows], y[:rows]), table_of(context, x[:few])
    model, judge = fitted(context, table, words), shap.TreeExplainer(peer.fit(x[:rows], y[:rows]))
    times = in_turn(lambda: (timed(apply(context, model, new, "explain"))[0],), lambda: (timed(lambda: judge.shap_values(x[:few], check_additivity=False))[0],))
    tell(name, f"explain {few} rows x {x.shape[1]}", times, "shap")


def main():
    x, y = numbers(*SIZE)
    wanted = os.environ.get("BENCH_ONLY", "")
    context = cormack.Context(threads=THREADS)
    print(f"{SIZE[0]} x {SIZE[1]}, {THREADS} threads: seconds to fit, to predict")
    for case in CASES:
        if wanted in case[0]:
            bench_fit(context, x, y, *case)
    for case in EXPLAINED:
        if wanted in case[0]:
            bench_explain(context, x, y, *case)


main()
