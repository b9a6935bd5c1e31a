"""Numbers at the ends of their range, as tables hold them for «missing», and questions with nothing to answer them by: told, never made up."""
import subprocess
import sys

try:
    import numpy as np
    from peers import CORMACK, folder, predict, read, run, train, write
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

LARGEST = np.finfo(np.float64).max
random = np.random.default_rng(5)
x = random.normal(size=(80, 3))
y = (x[:, 0] + random.normal(size=80) > 0).astype(int)


def refused(what, *words):
    done = subprocess.run([CORMACK, *words], capture_output=True, text=True)
    assert done.returncode == 2 and what in done.stderr, (done.returncode, done.stderr)


# a model that was saved can be read, whatever stood for a missing value
for mark in (LARGEST, -LARGEST):
    marked = x.copy()
    marked[::4, 1] = mark
    for words in ("random_forest trees=5", "tree"):
        train(words, marked, y, "--task", "binary")
        assert len(predict(marked)["predicted"]) == len(x), words

# sums beyond the range are no models
marked = x.copy()
marked[3, 1] = 1e160
write(f"{folder}/t.csv", marked, {"target": y})
refused("too large", "train", f"{folder}/t.csv", "logistic", "prepare scale=none", "--target", "target", "--task", "binary", "-o", f"{folder}/m.json")

# nor are kernels beyond single precision, nor trees of such targets
marked[3, 1] = 1e20
write(f"{folder}/t.csv", marked, {"target": y})
refused("too large for numbers", "train", f"{folder}/t.csv", "svm kernel=linear", "prepare scale=none", "--target", "target", "--task", "binary", "-o",
        f"{folder}/m.json")
write(f"{folder}/t.csv", x, {"target": marked[:, 1] * 1e20})
refused("too large for boosted trees", "train", f"{folder}/t.csv", "gradient_boosting", "--target", "target", "-o", f"{folder}/m.json")

# nor is a line through predictions beyond it
train("ridge", x * 1e-3, x @ [1, 2, 3], "--task", "regression")
marked = x[:2].copy()
marked[0, 0] = LARGEST
write(f"{folder}/new.csv", marked)
write(f"{folder}/background.csv", x)
refused("not finite", "explain", f"{folder}/model.json", f"{folder}/new.csv", "--lime", "--background", f"{folder}/background.csv", "--method", "auto",
        "-o", f"{folder}/explained")

# one permutation has no limits
write(f"{folder}/t.csv", x, {"target": y})
run("validate", f"{folder}/t.csv", "logistic", "validate folds=3 resamples=20 permutation_test=1", "--target", "target", "-o", f"{folder}/v")
told = read(f"{folder}/v/permutation_test.csv")
assert np.isnan(told["permuted_low"][0]) and np.isnan(told["permuted_high"][0]) and told["permutations"][0] == 1 and told["p"][0] in (0.5, 1), told

# what acts on rows before the folds is not chosen inside them
for words in ("prepare along_time=none|linear", "prepare impute=median|drop"):
    refused("settled before the search", "validate", f"{folder}/t.csv", "logistic", words, "--target", "target", "-o", f"{folder}/v")
print("ends of the range are told")
