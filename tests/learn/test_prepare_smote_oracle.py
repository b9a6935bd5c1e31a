"""oracle: SMOTE as imbalanced-learn defines it: how many rows, and each between a row of its class and one of that one's nearest neighbours.

The draws are other ones, so the rows are held against the definition, with neighbours by scikit-learn; the numbers of rows against the peer.
"""
import subprocess
import sys

try:
    import numpy as np
    from imblearn.over_sampling import SMOTE
    from sklearn import datasets
    from sklearn.neighbors import NearestNeighbors
    from sklearn.preprocessing import StandardScaler
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

from peers import CORMACK, folder, predict, probabilities, run, train, write

rng = np.random.default_rng(2)
wine, cancer = datasets.load_wine(), datasets.load_breast_cancer()
few = np.r_[0:60, 60:100, 130:150]
tables = {"wine": (wine.data[few], wine.target[few]), "cancer": (cancer.data, cancer.target)}
for name, (x, y) in tables.items():
    for k in (5, 3):
        model = train("knn k=1", x, y, prepare=f"prepare smote=true smote_neighbours={k}")
        state = model["predictor"]
        rows, labels = np.reshape(state["x"], (-1, x.shape[1])), np.array(state["y"])
        z = StandardScaler().fit_transform(x)
        assert np.allclose(rows[: len(x)], z, atol=1e-12) and (labels[: len(x)] == y).all() and model["training"]["rows"] == len(x)
        _, expected = SMOTE(k_neighbors=k).fit_resample(z, y)
        assert (np.bincount(labels) == np.bincount(expected)).all(), (np.bincount(labels), np.bincount(expected))
        steps, made = [], list(zip(rows[len(x):], labels[len(x):]))
        for row, label in made:
            own = z[y == label]
            near = NearestNeighbors(n_neighbors=k + 1).fit(own).kneighbors(own, return_distance=False)[:, 1:]
            side = own[near] - own[:, None]
            u = ((row - own)[:, None] * side).sum(axis=2) / (side ** 2).sum(axis=2)
            off = np.linalg.norm(own[:, None] + u[..., None] * side - row, axis=2)
            off[(u < -1e-9) | (u > 1 + 1e-9)] = np.inf
            assert off.min() < 1e-9, f"{name}: a row lies on no line to a neighbour ({off.min()})"
            step = u.flat[off.argmin()]
            steps.append(min(step, 1 - step))  # two that are neighbours of each other: from which, rounding would tell
        assert abs(np.mean(steps) - 0.25) < 2 / np.sqrt(12 * len(steps)), np.mean(steps)
        print(f"{name}, k={k}: {len(made)} rows made, {np.bincount(labels)}, mean distance from the nearer end {np.mean(steps):.3f}")

# the seed decides
x, y = tables["cancer"]
one, again, other = (train("knn k=1", x, y, prepare=f"prepare smote=true seed={seed}")["predictor"]["x"] for seed in (1, 1, 2))
assert one == again and one != other

# noise: folds that calibrate a machine leave out what was made from their rows, so that it does not believe itself
x, y = rng.normal(size=(260, 5)), np.arange(260) % 10 == 0
for kind in ("svm C=10", "logistic", "tree", "gradient_boosting rounds=20"):
    model = train(kind, x, y.astype(int), prepare="prepare smote=true")
    p = probabilities(model, predict(rng.normal(size=(400, 5))))[:, 1]
    print(f"noise, {kind}: probabilities {p.mean():.2f} +- {p.std():.2f}")
    assert kind[:3] != "svm" or p.std() < 0.2, p.std()


def refused(what, *words, target=y.astype(int)):
    write(f"{folder}/t.csv", x, {"t": target})
    done = subprocess.run([CORMACK, "train", f"{folder}/t.csv", *words, "--target", "t", "-o", f"{folder}/no.json"], capture_output=True, text=True)
    assert done.returncode == 2 and what in done.stderr, done.stderr
    print(done.stderr.splitlines()[-1])


refused("too few for 50 neighbours", "logistic", "prepare smote=true smote_neighbours=50")
refused("rows without a target", "self_training", "prepare smote=true")
refused("the task is regression", "ridge", "prepare smote=true", target=rng.normal(size=260))

write(f"{folder}/v.csv", x, {"t": y.astype(int)})
texts = []
for threads in ("1", "4"):
    run("validate", f"{folder}/v.csv", "svm", "logistic", "prepare smote=true", "validate folds=4 resamples=20", "--target", "t", "-o", f"{folder}/v",
        "--threads", threads)
    with open(f"{folder}/v/predictions.csv") as file:
        texts.append(file.read())
assert texts[0] == texts[1]
