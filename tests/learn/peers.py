"""What the oracles of the models share: a table out of arrays, `cormack train` and `predict` on it, and a check of numbers."""
import csv
import json
import math
import os
import subprocess
import tempfile

import numpy as np

CORMACK = os.environ["CORMACK"]
folder = tempfile.mkdtemp()


def names(x):
    return [f"f{at}" for at in range(np.shape(x)[1])]


def cell(value):
    number = isinstance(value, (float, np.floating))
    return "" if value is None or (number and math.isnan(value)) else repr(float(value)) if number else str(value)


def write(path, x, columns=None):
    """x: features; columns: more by their names."""
    columns = columns or {}
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(names(x) + list(columns))
        for at, row in enumerate(x):
            out.writerow([cell(float(value)) for value in row] + [cell(column[at]) for column in columns.values()])


def read(path):
    """Columns: numbers where all cells are, else text; empty cells are NaN."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))

    def column(name):
        try:
            return np.array([float(row[name]) if row[name] else math.nan for row in rows])
        except ValueError:
            return np.array([row[name] for row in rows])
    return {name: column(name) for name in rows[0]}


def run(*words):
    done = subprocess.run([CORMACK, *words, "--quiet"], capture_output=True, text=True)
    if done.returncode:
        raise AssertionError(done.stderr)
    return done.stdout


def train(words, x, target=None, *options, prepare="prepare", **columns):
    """The saved model as a dict."""
    if target is not None:
        columns["target"] = target
    write(f"{folder}/train.csv", x, columns)
    more = ["--target", "target"] if target is not None else []
    run("train", f"{folder}/train.csv", words, prepare, *more, *options, "-o", f"{folder}/model.json")
    with open(f"{folder}/model.json") as file:
        return json.load(file)


def predict(x, *options):
    """Columns that the last model gives for rows."""
    write(f"{folder}/new.csv", x)
    run("predict", f"{folder}/model.json", f"{folder}/new.csv", "-o", f"{folder}/out.csv", *options)
    return read(f"{folder}/out.csv")


def fitted(words, x, target, new, *options, prepare="prepare", explain=False, **columns):
    """Model and prediction in one call; with `explain` the contributions must add up."""
    model = train(words, x, target, *options, prepare=prepare, **columns)
    out = predict(new, *(["--explain"] if explain else []))
    if explain:
        parts = np.array([out[f"shap {name}"] for name in names(x)])
        agree(out["base"] + parts.sum(axis=0), out["output"], 1e-9 * max(1, np.abs(out["output"]).max()), f"{words}: contributions add up")
    return model, out


def probabilities(model, out):
    return np.array([out[f"probability {name}"] for name in model["classes"]]).T


def agree(got, expected, tolerance, what):
    got, expected = np.asarray(got, dtype=float), np.asarray(expected, dtype=float)
    assert got.shape == expected.shape, f"{what}: shapes {got.shape} and {expected.shape}"
    worst = float(np.max(np.abs(got - expected)))
    assert worst <= tolerance, f"{what}: differs by {worst:.3g}, more than {tolerance:.1g}"
    print(f"{what}: differs by at most {worst:.3g}")
