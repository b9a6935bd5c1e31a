"""mechanics: what a preparation tells, and model files of the format before."""
import csv
import json
import math
import random
import subprocess

from peers import CORMACK, folder

random.seed(5)
ROWS = 60
table = {"t": [row % 2 for row in range(ROWS)], "size": [random.gauss(row % 2, 1) for row in range(ROWS)],
         "texture": [random.gauss(row % 2, 1) if row % 7 else math.nan for row in range(ROWS)], "same": [3] * ROWS,
         "twice": None, "noise": [random.gauss(0, 1) for _ in range(ROWS)]}
table["twice"] = [2 * v + 1 for v in table["size"]]


def write(table, path=f"{folder}/t.csv"):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(table)
        out.writerows(["" if isinstance(v, float) and math.isnan(v) else v for v in row] for row in zip(*table.values()))


def run(*words, code=0):
    done = subprocess.run([CORMACK, *words], capture_output=True, text=True)
    assert done.returncode == code, f"{words}: exit {done.returncode}: {done.stderr}"
    return done.stderr


def column(path, name):
    with open(path, newline="") as file:
        return [row[name] for row in csv.DictReader(file)]


def train(words, *options, code=0):
    return run("train", f"{folder}/t.csv", "logistic", words, "--target", "t", *options, "-o", f"{folder}/model.json", code=code)


def validate(words, *options, code=0):
    return run("validate", f"{folder}/t.csv", "logistic", "tree", words, "validate folds=3 resamples=20 permutations=1", "--target", "t", *options, "-o",
               f"{folder}/out", code=code)


# notes name what was filled and what went, and why; in a validation once for both models
write(table)
gaps = "9 missing values of 1 feature are filled by the nearest rows: texture (9)."
gone = "The preparation leaves out 2 of 5 features; constant: same; correlated with an earlier one: twice."
words = "prepare impute=knn indicators=true max_correlation=0.95"
said = train(words)
assert gaps in said and gone in said, said
validate(words)
notes = column(f"{folder}/out/notes.csv", "text")
assert notes.count(gaps) == 1 and notes.count(gone) == 1, notes
assert "texture missing" in column(f"{folder}/out/importance.csv", "feature")

# the same bytes on one thread and on four, and after loading
for threads in ("1", "4"):
    run("train", f"{folder}/t.csv", "logistic", "prepare impute=iterative", "--target", "t", "-o", f"{folder}/m{threads}.json", "--threads", threads)
with open(f"{folder}/m1.json") as one, open(f"{folder}/m4.json") as four:
    assert one.read() == four.read()

# a model file of format 2: no parameters and members of today
train("prepare impute=median")
run("predict", f"{folder}/model.json", f"{folder}/t.csv", "-o", f"{folder}/new.csv")
with open(f"{folder}/model.json") as file:
    model = json.load(file)
assert model["cormack_model"] == 3
old = dict(model, cormack_model=2)
old["preparation"] = {name: model["preparation"][name] for name in ("impute", "scale", "min_variance", "max_correlation", "k_best")}
old["prepare"] = {name: model["prepare"][name] for name in ("keep", "fill", "center", "scale")}
with open(f"{folder}/old.json", "w") as file:
    json.dump(old, file)
run("predict", f"{folder}/old.json", f"{folder}/t.csv", "-o", f"{folder}/old.csv")
assert column(f"{folder}/old.csv", "probability 1") == column(f"{folder}/new.csv", "probability 1")

# today's format does without nothing
for spoil in (lambda m: m["preparation"].pop("rounds"), lambda m: m["prepare"].pop("imputer"), lambda m: m["prepare"].update(indicators=[4, 99]),
              lambda m: m["prepare"].update(use=[0, 1])):
    bad = json.loads(json.dumps(model))
    spoil(bad)
    with open(f"{folder}/bad.json", "w") as file:
        json.dump(bad, file)
    run("predict", f"{folder}/bad.json", f"{folder}/t.csv", "-o", f"{folder}/bad.csv", code=2)

# refusals say what to do
assert "raise alpha" in train("prepare alpha=0.0000001 test=welch", code=2)
assert "say how many with k_best" in train("prepare choose=mrmr_quotient", code=2)
assert "lower penalty or stability" in train("prepare choose=stability penalty=1", code=2)
assert "does not compare columns with a binary target" in train("prepare test=slope k_best=1", code=2)
assert "not significant: noise" in train("prepare alpha=0.05")
validate("prepare choose=stability subsamples=10 penalty=0.3", "--threads", "1")
with open(f"{folder}/out/predictions.csv") as file:
    one = file.read()
validate("prepare choose=stability subsamples=10 penalty=0.3", "--threads", "4")
with open(f"{folder}/out/predictions.csv") as file:
    assert one == file.read()
# a missing value is named by its row in the table, also far behind the first
rng = random.Random(3)
many = [[rng.random(), rng.random()] for _ in range(700)]
for hole in (None, 601):
    with open(f"{folder}/many.csv", "w") as file:
        file.write("a,b,y\n" + "".join(f"{'' if i == hole else a},{b},{int(a + b + rng.gauss(0, 0.3) > 1)}\n" for i, (a, b) in enumerate(many)))
    if hole is None:
        run("train", f"{folder}/many.csv", "logistic", "prepare impute=none", "--target", "y", "-o", f"{folder}/many.json")
assert "row 602 has no \"a\"" in run("predict", f"{folder}/many.json", f"{folder}/many.csv", code=2)
print("ok")
