"""oracle: `cormack explain` from nothing but the model's predictions, by the definitions.

Expected: Shapley values as sums over all coalitions (Shapley 1953; an unknown feature takes the values of the background's rows); partial
dependence (Friedman, Ann. Stat. 29, 2001); accumulated local effects (Apley and Zhu, J. R. Stat. Soc. B 82, 2020), each from predictions of
`cormack predict` for tables made here. Where coalitions are drawn: a linear model, whose values are coefficient x (value - mean of the
background) whatever the draw. Tolerance 1e-9: the same sums in another order, and a matrix solved.
"""
import itertools
import math
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from explained import CORMACK, Model, write
    from sklearn import datasets
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

def shapley(model, x, background):
    """rows x outputs x features, by the sum over all coalitions."""
    d = x.shape[1]
    sets = [s for n in range(d + 1) for s in itertools.combinations(range(d), n)]
    table = np.repeat(np.tile(background, (len(sets), 1))[None], len(x), 0).reshape(len(x), len(sets), len(background), d)
    for at, s in enumerate(sets):
        table[:, at, :, list(s)] = x[:, list(s)].T[:, :, None]
    value = model.outputs(table.reshape(-1, d)).reshape(len(x), len(sets), len(background), -1).mean(2)
    place = {s: i for i, s in enumerate(sets)}
    phi = np.zeros((len(x), value.shape[2], d))
    for s in sets:
        for j in set(range(d)) - set(s):
            share = math.factorial(len(s)) * math.factorial(d - len(s) - 1) / math.factorial(d)
            phi[:, :, j] += share * (value[:, place[tuple(sorted((*s, j)))]] - value[:, place[s]])
    return phi, value[:, 0]


def check_shap(rows, model, x, background, what):
    phi, base = shapley(model, x, background)
    outputs = phi.shape[1]
    assert len(rows) == len(x) * outputs, (what, len(rows))
    said = model.outputs(x)
    for at, r in enumerate(rows):
        i, o = at // outputs, at % outputs
        got = np.array([float(r["shap " + n]) for n in model.names])
        np.testing.assert_allclose(got, phi[i, o], rtol=0, atol=1e-9, err_msg=what)
        assert abs(float(r["base"]) - base[i, o]) < 1e-12 and abs(float(r["output"]) - said[i, o]) < 1e-9, (what, r)
    print(f"{what}: {len(rows)} rows of exact Shapley values")


def points(effects, name, method, class_name):
    rows = [r for r in effects if r["feature"] == name and r["method"] == method and r["class"] == class_name]
    return [np.array([float(r[k]) for r in rows]) for k in ("value", "effect", "rows")]


def check_dependence(model, x, j, value, effect, output):
    table = np.repeat(x[None], len(value), 0)
    table[:, :, j] = value[:, None]
    np.testing.assert_allclose(effect, model.outputs(table.reshape(-1, x.shape[1]))[:, output].reshape(len(value), -1).mean(1), rtol=0, atol=1e-9)


def check_local(model, x, j, edge, effect, rows, output):
    bins = np.maximum(np.searchsorted(edge, x[:, j], side="left"), 1)
    sides = []
    for side in (bins, bins - 1):
        table = x.copy()
        table[:, j] = edge[side]
        sides.append(model.outputs(table)[:, output])
    count = np.bincount(bins, minlength=len(edge))
    change = np.bincount(bins, sides[0] - sides[1], len(edge)) / np.maximum(count, 1)
    at = np.cumsum(change)
    at -= np.sum(count[1:] * (at[1:] + at[:-1]) / 2) / len(x)
    assert list(rows) == list(count), (rows, count)
    np.testing.assert_allclose(effect, at, rtol=0, atol=1e-9)


def check_effects(effects, model, x, class_names, grid, what):
    for j, name in enumerate(model.names):
        for o, c in enumerate(class_names):
            value, effect, rows = points(effects, name, "partial_dependence", c)
            distinct = np.unique(x[:, j])
            expected = distinct if len(distinct) <= grid else np.unique(np.quantile(x[:, j], np.linspace(0, 1, grid)))
            np.testing.assert_allclose(value, expected, rtol=1e-12)
            assert set(rows) == {len(x)}
            check_dependence(model, x, j, value, effect, o)
            edge, effect, rows = points(effects, name, "accumulated_local", c)
            assert edge[0] == x[:, j].min() and edge[-1] == x[:, j].max() and len(edge) <= grid + 1
            check_local(model, x, j, edge, effect, rows, o)
    print(f"{what}: partial dependence and accumulated local effects of {len(model.names)} features")


def test_classes():
    wine = datasets.load_wine()
    names, x, y = [f"f{i}" for i in range(5)], wine.data[:, :5].copy(), np.array(["a", "b", "c"])[wine.target]
    x[:, 4] = np.round(x[:, 4] / 20)  # few distinct values
    with tempfile.TemporaryDirectory() as folder:
        for learner, kind in [("knn k=9", "kernel by default"), ("random_forest trees=20", "kernel by wish")]:
            model = Model(folder, learner, names, x, y)
            background = x[::9]
            write(f"{folder}/background.csv", names, background)
            out = model.explain(x[[3, 80, 150]], "--background", f"{folder}/background.csv", *(["--method", "kernel"] if "wish" in kind else []))
            check_shap(out["shap"], model, x[[3, 80, 150]], background, f"{learner}, {kind}")
            check_effects(model.explain(x, "grid=8", "--background", f"{folder}/background.csv", *([] if "wish" in kind else ["coalitions=12"]))["effects"],
                          model, x, ["a", "b", "c"], 8, learner)


def test_binary():
    cancer = datasets.load_breast_cancer()
    names, x = [f"f{i}" for i in range(4)], cancer.data[:150, [0, 4, 8, 9]]
    with tempfile.TemporaryDirectory() as folder:
        model = Model(folder, "svm", names, x, np.array(["malignant", "benign"])[cancer.target[:150]])
        out = model.explain(x[:5], "background=3")
        check_shap(out["shap"], model, x[:5], x[:5:2], "svm, an evenly thinned table as its own background")
        assert {r["class"] for r in out["shap"]} == {"malignant"}


def test_drawn():
    diabetes = datasets.load_diabetes()
    with tempfile.TemporaryDirectory() as folder:
        model = Model(folder, "ridge", diabetes.feature_names, diabetes.data, diabetes.target)
        write(f"{folder}/background.csv", model.names, diabetes.data[:50])
        out = model.explain(diabetes.data[100:110], "coalitions=150", "--method", "kernel", "--background", f"{folder}/background.csv")
        coefficient = {r["feature"]: float(r["value"]) for r in out["weights"] if r["measure"] == "coefficient"}
        for r, x in zip(out["shap"], diabetes.data[100:110]):
            for j, name in enumerate(model.names):
                expected = coefficient[name] * (x[j] - diabetes.data[:50, j].mean())
                assert abs(float(r["shap " + name]) - expected) < 1e-9 * 300, (name, r["shap " + name], expected)
        said = subprocess.run([CORMACK, "explain", f"{folder}/model.json", f"{folder}/x.csv", "coalitions=3", "--method", "kernel", "-o", f"{folder}/few"],
                              capture_output=True, text=True)
        assert said.returncode == 2 and "try more" in said.stderr, said
    print("ridge: drawn coalitions find the values of a linear model; too few are refused")


test_classes()
test_binary()
test_drawn()
