"""oracle: a single decision tree against scikit-learn, where the best split is the only one; its drawing; boosting of numbers.

scikit-learn breaks ties between equal splits by chance. Where five of its seeds give the same tree there is none, and ours must be that
tree: the same features, thresholds, rows and leaves. Leaves are single precision here: 6e-8 of a share.
"""
import itertools
import math
import sys
import xml.etree.ElementTree

try:
    import numpy as np
    import xgboost
    from peers import CORMACK, agree, fitted, folder, predict, probabilities, run, train
    from sklearn import datasets
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

assert CORMACK
sets = {"iris": datasets.load_iris(), "wine": datasets.load_wine(), "cancer": datasets.load_breast_cancer(), "diabetes": datasets.load_diabetes()}


def preorder(tree):
    """(feature, threshold, rows) of scikit-learn's nodes in the order of ours; they are stored so."""
    return list(zip(tree.feature, tree.threshold, tree.weighted_n_node_samples))


compared = 0
for (title, data), first in itertools.product(sets.items(), [0, 1]):
    x, y, new = data.data[first::2], data.target[first::2], data.data[1 - first::2]
    numbers = title == "diabetes"
    for settings in [dict(max_depth=2), dict(max_depth=3, min_samples_leaf=5), dict(max_depth=4, min_samples_split=20), dict(min_samples_leaf=12),
                     dict(max_depth=3, criterion="entropy"), dict(max_depth=3, class_weight="balanced"), dict(min_impurity_decrease=0.01)]:
        if numbers and ("criterion" in settings or "class_weight" in settings):
            continue
        kind = DecisionTreeRegressor if numbers else DecisionTreeClassifier
        judges = [kind(random_state=seed, **settings).fit(x, y) for seed in range(5)]
        if any(preorder(judge.tree_) != preorder(judges[0].tree_) for judge in judges):
            continue
        judge, compared = judges[0], compared + 1
        words = "tree " + " ".join(f"{dict(min_samples_leaf='min_leaf', min_samples_split='min_split', min_impurity_decrease='min_gain').get(k, k)}={v}"
                                   for k, v in settings.items())
        model, out = fitted(words, x, y.astype(int) if numbers else y, new, *(["--task", "regression"] if numbers else []), explain=True)
        tree = model["predictor"]["trees"][0]
        nodes = judge.tree_
        keep = model["prepare"]["keep"]
        assert [keep[f] if f >= 0 else -2 for f in tree["feature"]] == list(nodes.feature), f"{title}: {words}: other features"
        inner = nodes.feature >= 0
        # the smallest float above the threshold: x <= threshold and x < number say the same of every float
        number = np.float32(np.array(tree["number"])[inner])
        middle = nodes.threshold[inner]
        assert np.all((number > middle) & (np.nextafter(number, np.float32(-np.inf)) <= middle)), f"{title}: {words}: other thresholds"
        agree(tree["cover"], nodes.weighted_n_node_samples, 1e-5, f"{title}: {words}: rows of {len(inner)} nodes")
        if numbers:
            agree(out["predicted"], judge.predict(new), 2e-5, f"{title}: {words}: predictions")
        else:
            agree(probabilities(model, out), judge.predict_proba(new), 1e-7, f"{title}: {words}: probabilities")
assert compared >= 8, f"only {compared} trees without ties"

# ---- the drawing: every node once, in words and as a picture that is well-formed ------------------------------------------------
model = train("tree max_depth=3", sets["iris"].data, np.array(["a<b", "b&c", "c"])[sets["iris"].target])
tree = model["predictor"]["trees"][0]
lines = run("draw", f"{folder}/model.json").splitlines()
assert len(lines) == 1 + 2 * sum(f >= 0 for f in tree["feature"]), "a line for the root and one for each branch"
assert "rows 150" in lines[0] and lines[1].startswith("f2 < ") or lines[1].startswith("f3 < "), lines[:2]
run("draw", f"{folder}/model.json", "-o", f"{folder}/tree.svg")
picture = xml.etree.ElementTree.parse(f"{folder}/tree.svg").getroot()
svg = "{http://www.w3.org/2000/svg}"
assert len(picture.findall(f"{svg}rect")) == 1 + len(tree["feature"]) and len(picture.findall(f"{svg}path")) == len(tree["feature"]) - 1
assert any("a<b" in (text.text or "") for text in picture.findall(f"{svg}text"))

# ---- numbers by boosting and neighbours: the same library, and scikit-learn ---------------------------------------------
x, y, new = sets["diabetes"].data[::2], sets["diabetes"].target[::2], sets["diabetes"].data[1::2]
numbers = ["--task", "regression"]
model, out = fitted("gradient_boosting rounds=40 learning_rate=0.2 max_depth=4 method=exact", x, y.astype(int), new, *numbers, explain=True)
settings = dict(objective="reg:squarederror", eta=0.2, max_depth=4, tree_method="exact", base_score=float(np.mean(y)), nthread=1)
judge = xgboost.train(settings, xgboost.DMatrix(x, y), 40)
agree(out["predicted"], judge.predict(xgboost.DMatrix(new)), 1e-4, "diabetes: boosting, XGBoost")
scaler = StandardScaler().fit(x)
for weights in ["uniform", "distance"]:
    train(f"knn k=9 weights={weights}", x, y.astype(int), *numbers)
    judge = KNeighborsRegressor(9, weights=weights, algorithm="brute").fit(scaler.transform(x), y)
    agree(predict(new)["predicted"], judge.predict(scaler.transform(new)), 1e-9 * 300, f"diabetes: neighbours, {weights}")

# ---- boosting on histograms: XGBoost's trees, whatever the threads, where more values than bins are cut at quantiles -------------
rng = np.random.default_rng(5)
x, new = rng.normal(size=(2, 2000, 12)).astype(np.float32).astype(float)
x[rng.random(x.shape) < 0.05] = np.nan
new[::3, 1] = np.nan
score = np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1] * x[:, 2]) + rng.normal(size=len(x))
for rows, holes, classes, words, settings in [(600, True, 2, "class_weight=balanced max_depth=6", dict(max_depth=6)),  # XGBoost rounds weights
                                              (2000, True, 3, "l1=0.3 min_gain=0.5", dict(alpha=0.3, gamma=0.5)),
                                              (2000, False, 2, "row_sample=0.7 column_sample=0.4 seed=9", dict(subsample=0.7, colsample_bytree=0.4, seed=9)),
                                              (2000, False, 0, "bins=600 min_child_weight=20", dict(max_bin=600, min_child_weight=20))]:
    known, y = (x if holes else np.nan_to_num(x, nan=0.25))[:rows], score[:rows]
    y = (y > 1).astype(int) if classes == 2 else np.digitize(y, [-0.5, 1]) if classes else y
    objective = {0: "reg:squarederror", 2: "binary:logistic", 3: "multi:softprob"}[classes]
    more = {"num_class": 3} if classes == 3 else {}
    weight = len(y) / (2 * np.bincount(y)[y]) if "balanced" in words else None
    settings = dict(dict(objective=objective, eta=0.1, max_depth=3, tree_method="hist", base_score=0.5 if classes else float(np.mean(y)), nthread=1), **settings, **more)
    judge = xgboost.train(settings, xgboost.DMatrix(known, y, weight=weight), 30).predict(xgboost.DMatrix(new))
    judge = np.stack([1 - judge, judge], axis=1) if classes == 2 else judge
    trees = []
    for threads in ["1", "2", "5"]:
        model = train(f"gradient_boosting rounds=30 {words}", known, y, *([] if classes else numbers), "--threads", threads)
        trees.append(model["predictor"])
    assert trees[0] == trees[1] == trees[2], f"{words}: other trees on other threads"
    out = predict(new)
    agree(probabilities(model, out) if classes else out["predicted"], judge, 1e-6, f"{rows} rows: boosting {words}, XGBoost {xgboost.__version__}")
