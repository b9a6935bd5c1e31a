"""oracle: random forests. What is drawn by chance is judged by its distribution; what is left without chance must be scikit-learn's tree.

One tree on all rows and all features has nothing left to chance where no splits are equal: scikit-learn's tree, also with missing values. The
tables have fewer than 255 values a feature, so each value has a bin of its own. Leaves are single precision: 6e-8 of a share.
"""
import itertools
import json
import sys

try:
    import numpy as np
    from peers import CORMACK, agree, fitted, folder, predict, probabilities, run, train
    from scipy import stats
    from sklearn import datasets
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
    from sklearn.metrics import r2_score, roc_auc_score
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

assert CORMACK
sets = {"iris": datasets.load_iris(), "wine": datasets.load_wine(), "cancer": datasets.load_breast_cancer(), "diabetes": datasets.load_diabetes()}
rng = np.random.default_rng(5)
PLAIN = "random_forest trees=1 bootstrap=false column_sample=1 "


def preorder(tree):
    return list(zip(tree.feature, tree.threshold, tree.weighted_n_node_samples))


# ---- nothing by chance: scikit-learn's tree -----------------------------------------------------------------------------------
compared, with_holes = 0, 0
for (title, data), first, holes in itertools.product(sets.items(), [0, 1, 2], [False, True]):
    x, y, new = data.data[first::3].copy(), data.target[first::3], data.data[(first + 1) % 3::3].copy()
    if holes:
        x[rng.random(x.shape) < 0.1] = np.nan
        new[rng.random(new.shape) < 0.1] = np.nan
    numbers = title == "diabetes"
    for settings in [dict(max_depth=2), dict(max_depth=3, min_samples_leaf=5), dict(max_depth=5, min_samples_leaf=8), dict(max_depth=3, class_weight="balanced")]:
        if numbers and "class_weight" in settings:
            continue
        kind = DecisionTreeRegressor if numbers else DecisionTreeClassifier
        judges = [kind(random_state=seed, **settings).fit(x, y) for seed in range(5)]
        if any(preorder(judge.tree_) != preorder(judges[0].tree_) for judge in judges) or np.isinf(judges[0].tree_.threshold).any():
            continue
        judge, compared, with_holes = judges[0], compared + 1, with_holes + holes
        words = PLAIN + " ".join(f"{dict(min_samples_leaf='min_leaf').get(k, k)}={v}" for k, v in settings.items())
        model, out = fitted(words, x, y.astype(int) if numbers else y, new, "--allow", "duplicate_rows", *(["--task", "regression"] if numbers else []), explain=True)
        tree, keep, nodes = model["predictor"]["trees"][0], model["prepare"]["keep"], judge.tree_
        assert [keep[f] if f >= 0 else -2 for f in tree["feature"]] == list(nodes.feature), f"{title}: {words}: other features"
        inner = nodes.feature >= 0
        number, middle = np.float32(np.array(tree["number"])[inner]), nodes.threshold[inner]
        assert np.all((number > middle) & (np.nextafter(number, np.float32(-np.inf)) <= middle)), f"{title}: {words}: other thresholds"
        agree(tree["cover"], nodes.weighted_n_node_samples, 1e-4, f"{title}: {words}: rows of {len(inner)} nodes")
        if numbers:
            agree(out["predicted"], judge.predict(new), 2e-5, f"{title}: {words}: predictions")
        else:
            agree(probabilities(model, out), judge.predict_proba(new), 1e-6, f"{title}: {words}: probabilities, holes {holes}")
assert compared >= 20 and with_holes >= 5, f"only {compared} trees without ties, {with_holes} with holes"
print(f"{compared} trees, {with_holes} of them with missing values")

# ---- a gap that parts the classes: values on one side, holes on the other ------------------------------------------------------
x = np.c_[np.where(np.arange(40) % 2, np.nan, np.arange(40.0)), rng.normal(size=40)]
model = train(PLAIN + "max_depth=1", x, np.arange(40) % 2, "--allow", "missingness_proxy")
assert model["predictor"]["trees"][0]["feature"][0] == 0, "missing or not tells the class"
agree(probabilities(model, predict(np.array([[1e30, 0], [np.nan, 0], [-1e30, 0]])))[:, 1], [0, 1, 0], 0, "values that training never had stay with the values")

# ---- bootstrap: how often each row comes is multinomial -------------------------------------------------------------------------
# A tree of distinct numbers grown to its end has a leaf for each row that was drawn, whose cover says how often.
rows, trees = 150, 40
x, y = rng.normal(size=(rows, 1)), rng.permutation(rows) + 0.5
model = train(f"random_forest trees={trees} max_depth=64 seed=4", x, y, "--task", "regression")
covers = [[c for c, f in zip(tree["cover"], tree["feature"]) if f < 0] for tree in model["predictor"]["trees"]]
assert all(sum(cover) == rows for cover in covers), "each tree draws as many rows as there are"
distinct = np.array([len(cover) for cover in covers])
share, spread = 1 - (1 - 1 / rows) ** rows, np.sqrt(rows * (np.exp(-1) - 2 * np.exp(-2)))  # of the occupied cells (Feller I, IV.2)
z = (distinct.mean() - rows * share) / (spread / np.sqrt(trees))
print(f"bootstrap: {distinct.mean():.2f} distinct rows, {rows * share:.2f} expected, z {z:.2f}; spread {distinct.std():.2f} of {spread:.2f}")
assert abs(z) < 4 and 0.6 < distinct.std() / spread < 1.5
model = train(f"random_forest trees={trees} max_depth=64 bootstrap=false row_sample=0.5", x, y, "--task", "regression")
covers = [[c for c, f in zip(tree["cover"], tree["feature"]) if f < 0] for tree in model["predictor"]["trees"]]
assert all(cover == [1] * 75 for cover in covers), "without putting back: half of the rows, once each"

# ---- features: each is as likely the first where none tells ---------------------------------------------------------------------
x, y = rng.normal(size=(300, 8)), rng.integers(0, 2, 300)
model = train("random_forest trees=1600 max_depth=1 column_sample=0.125 seed=2", x, y)
first = np.bincount([tree["feature"][0] for tree in model["predictor"]["trees"]], minlength=8)
p = stats.chisquare(first).pvalue
print(f"features drawn at the root {first}, chi-square p {p:.3f}")
assert p > 1e-4

# ---- as good as scikit-learn's: the mean over splits differs by less than 3 standard errors and never by much ---------------------
for title in ["cancer", "diabetes", "wine"]:
    data, gap = sets[title], []
    numbers = title == "diabetes"
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(data.target))
        a, b = order[: len(order) // 2], order[len(order) // 2:]
        words = f"random_forest trees=150 max_depth=20 seed={seed}" + (" column_sample=1" if numbers else "")
        y = data.target[a].astype(int) if numbers else data.target[a]
        model, out = fitted(words, data.data[a], y, data.data[b], *(["--task", "regression"] if numbers else []))
        if numbers:
            judge = RandomForestRegressor(150, random_state=seed, n_jobs=1).fit(data.data[a], data.target[a])
            gap.append(r2_score(data.target[b], out["predicted"]) - r2_score(data.target[b], judge.predict(data.data[b])))
        else:
            judge = RandomForestClassifier(150, random_state=seed, n_jobs=1).fit(data.data[a], data.target[a])
            auc = lambda p: roc_auc_score(data.target[b], p[:, 1] if title == "cancer" else p, multi_class="ovr")
            gap.append(auc(probabilities(model, out)) - auc(judge.predict_proba(data.data[b])))
    gap = np.array(gap)
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    print(f"{title}: ours less scikit-learn's: {gap.mean():+.5f}, standard error {error:.5f}")
    assert abs(gap.mean()) < max(3 * error, 0.002) and abs(gap.mean()) < 0.02, f"{title}: another accuracy than scikit-learn's forest"

# ---- the same bytes whatever the threads ----------------------------------------------------------------------------------------
saved = []
for threads in ["1", "2", "5"]:
    run("train", f"{folder}/train.csv", "random_forest trees=20", "--target", "target", "--threads", threads, "-o", f"{folder}/threads.json")
    with open(f"{folder}/threads.json") as file:
        saved.append(json.load(file)["predictor"])
assert saved[0] == saved[1] == saved[2], "the forest depends on the threads"
