"""oracle: `cormack explain --lime --counterfactuals`.

LIME (Ribeiro, Singh, Guestrin, KDD 2016): on features of four values, whose quarters are these values, the linear model for infinitely
many samples is a weighted ridge regression over all patterns, written here from the paper; the lime package draws from the same patterns.
Both differ from ours by the noise of the samples alone: a mean over n of them has a deviation of about sd / sqrt(n), and five of these are allowed.
Counterfactuals: by their definition, with the decisions of `cormack predict`; of a linear model the least cost has a closed form.
"""
import itertools
import subprocess
import sys
import tempfile

try:
    import lime.lime_tabular
    import numpy as np
    from explained import CORMACK, Model, write
    from sklearn import datasets
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def patterns(random, rows, features):
    """Each value of each feature equally often, and quartiles between the values."""
    return np.stack([random.permutation(np.repeat(np.arange(4), rows // 4)) for _ in range(features)], 1).astype(float)


def ridge_of_patterns(model, x, samples):
    """outputs x features: weights of the statements «as in x», for the mean of infinitely many samples."""
    d = len(x)
    table = np.array(list(itertools.product(range(4), repeat=d)), float)
    same = (table == x).astype(float)
    near = np.exp(-(d - same.sum(1)) / (0.75**2 * d)) ** 0.5
    said = model.outputs(table)
    z = same - np.average(same, axis=0, weights=near)
    y = said - np.average(said, axis=0, weights=near)
    share = samples / len(table)  # how often each pattern comes
    return np.linalg.solve(share * (z * near[:, None]).T @ z + np.eye(d), share * (z * near[:, None]).T @ y).T


def test_lime():
    random, d, samples = np.random.default_rng(3), 4, 40000
    x = patterns(random, 200, d)
    score = x[:, 0] - 1.5 + (x[:, 1] > 1) * (x[:, 2] - 1.5) + random.normal(0, 0.7, 200)
    with tempfile.TemporaryDirectory() as folder:
        model = Model(folder, "gradient_boosting rounds=30", [f"f{j}" for j in range(d)], x, np.array(["no", "yes"])[(score > 0).astype(int)])
        write(f"{folder}/background.csv", model.names, x)
        rows = x[[0, 7, 30]]
        told = model.explain(rows, f"samples={samples}", "--lime", "--background", f"{folder}/background.csv")["lime"]
        said = model.outputs(rows)[:, 0]
        peer = lime.lime_tabular.LimeTabularExplainer(x, feature_names=model.names, feature_selection="highest_weights", random_state=1)
        for i, row in enumerate(rows):
            own = [r for r in told if int(r["row"]) == i]
            weight = {r["feature"]: float(r["weight"]) for r in own}
            assert list(map(abs, weight.values())) == sorted(map(abs, weight.values()), reverse=True) and len(weight) == d
            allowed = 5 * 0.5 / (samples / 4) ** 0.5  # probabilities deviate by 0.5 at most; a statement holds in a fourth of the samples
            expected = ridge_of_patterns(model, row, samples)[0]
            np.testing.assert_allclose([weight[n] for n in model.names], expected, rtol=0, atol=allowed)
            theirs = dict(peer.explain_instance(row, lambda t: np.column_stack([1 - model.outputs(t), model.outputs(t)]), num_samples=samples).local_exp[1])
            np.testing.assert_allclose([weight[n] for n in model.names], [theirs[j] for j in range(d)], rtol=0, atol=2 * allowed)
            for r in own:
                at = row[model.names.index(r["feature"])]
                assert r["statement"].startswith(r["feature"] + " <= ") if at == 0 else r["feature"] in r["statement"], r
                assert abs(float(r["output"]) - said[i]) < 1e-12 and abs(float(r["intercept"]) + sum(weight.values()) - float(r["local_output"])) < 1e-12
            print(f"row {i}: weights within {max(abs(weight[n] - e) for n, e in zip(model.names, expected)):.4f} of the closed form")


def check_least(model, row, changes):
    """The decision turns; it turns back without any one of the changes, and with any one made smaller."""
    new = row.copy()
    for j, value in changes.items():
        new[j] = value
    weaker = []
    for j, value in changes.items():
        for part in (0, 0.999):
            weaker.append(new.copy())
            weaker[-1][j] = row[j] + part * (value - row[j])
    first, turned, *others = [r["predicted"] for r in model.predict(np.array([row, new, *weaker]))]
    assert first != turned and all(other == first for other in others), (row, changes)


def test_counterfactuals():
    cancer = datasets.load_breast_cancer()
    names, x = [f"f{i}" for i in range(5)], cancer.data[:, [0, 1, 4, 7, 24]]
    target = np.array(["malignant", "benign"])[cancer.target]
    scale = np.median(np.abs(x - np.median(x, 0)), 0)
    with tempfile.TemporaryDirectory() as folder:
        for learner in ("logistic", "random_forest trees=30", "svm"):
            model = Model(folder, learner, names, x, target, "--positive", "malignant")
            rows = x[100:112]
            out = model.explain(rows, "--counterfactuals", "--background", f"{folder}/train.csv")
            weight = {r["feature"]: float(r["value"]) for r in out["weights"] if r["measure"] == "coefficient"}
            for i, row in enumerate(rows):
                own = [r for r in out["counterfactuals"] if int(r["row"]) == i]
                changes = {names.index(r["feature"]): float(r["to"]) for r in own}
                cost = sum(abs(to - row[j]) / scale[j] for j, to in changes.items())
                assert abs(cost - sum(float(r["cost"]) for r in own)) < 1e-9 and {r["becomes"] for r in own} != {r["predicted"] for r in own}
                check_least(model, row, changes)
                if learner == "logistic":  # of a linear margin: by the feature that moves it most for its cost, if it reaches that far
                    probability = model.outputs(row[None])[0, 0]
                    margin = abs(np.log(probability / (1 - probability)))
                    pull = np.array([abs(weight[n]) * scale[j] for j, n in enumerate(names)])
                    j = int(np.argmax(pull))
                    goal = row[j] - np.sign(np.log(probability / (1 - probability))) * margin / weight[names[j]]
                    if x[:, j].min() < goal < x[:, j].max():
                        assert abs(cost - margin / pull[j]) < 1e-6 * cost, (cost, margin / pull[j])
            print(f"{learner}: {len(rows)} rows turned, {len(out['counterfactuals']) / len(rows):.1f} changes each")
        out = model.explain(rows, "fixed=f0,f4", "--counterfactuals", "--background", f"{folder}/train.csv")["counterfactuals"]
        assert not {"f0", "f4"} & {r["feature"] for r in out}
        said = subprocess.run([CORMACK, "explain", f"{folder}/model.json", f"{folder}/x.csv", "fixed=age", "--counterfactuals", "-o", f"{folder}/out"],
                              capture_output=True, text=True)
        assert said.returncode == 2 and 'no feature "age"' in said.stderr, said


def test_whole_numbers():
    """Counts stay counts, and a decision that nothing turns says so."""
    random = np.random.default_rng(4)
    x = random.integers(0, 10, (80, 3)).astype(float)
    with tempfile.TemporaryDirectory() as folder:
        model = Model(folder, "logistic", ["a", "b", "c"], x, np.array(["no", "yes"])[(x.sum(1) + random.normal(0, 2, 80) > 13).astype(int)])
        out = model.explain(x[:20], "--counterfactuals", "--background", f"{folder}/train.csv")["counterfactuals"]
        assert all(float(r["to"]) == int(float(r["to"])) for r in out) and {int(r["row"]) for r in out} == set(range(20))
        out = model.explain(x[:2], "fixed=a,b,c", "--counterfactuals", "--background", f"{folder}/train.csv")["counterfactuals"]
        assert [(r["becomes"], r["feature"]) for r in out] == [("", "")] * 2, out


test_lime()
test_counterfactuals()
test_whole_numbers()
