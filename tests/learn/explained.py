"""What the oracles of explanations share: a model that is fitted, predicts and explains by the program alone."""
import csv
import os
import shutil
import subprocess

import numpy as np

CORMACK = os.environ["CORMACK"]


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, names, x, target=None):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(names + (["target"] if target is not None else []))
        for i, row in enumerate(x):
            out.writerow([repr(float(v)) for v in row] + ([target[i]] if target is not None else []))


class Model:
    """A model that is fitted, predicts and explains by the program alone."""

    def __init__(self, folder, learner, names, x, target, *options):
        self.folder, self.names = folder, names
        write(f"{folder}/train.csv", names, x, target)
        self.run("train", f"{folder}/train.csv", learner, "--target", "target", "-o", f"{folder}/model.json", *options)

    def run(self, *words):
        subprocess.run([CORMACK, *words, "--quiet"], check=True, stdout=subprocess.DEVNULL)

    def predict(self, x):
        write(f"{self.folder}/x.csv", self.names, x)
        self.run("predict", f"{self.folder}/model.json", f"{self.folder}/x.csv", "-o", f"{self.folder}/p.csv")
        return read(f"{self.folder}/p.csv")

    def outputs(self, x):
        """rows x outputs: the probabilities (binary: of the positive class), or the number."""
        rows = self.predict(x)
        columns = [c for c in rows[0] if c.startswith("probability ")] or ["predicted"]
        return np.array([[float(r[c]) for c in (columns[1:] if len(columns) == 2 else columns)] for r in rows])

    def explain(self, x, *words):
        write(f"{self.folder}/x.csv", self.names, x)
        shutil.rmtree(f"{self.folder}/out", ignore_errors=True)
        self.run("explain", f"{self.folder}/model.json", f"{self.folder}/x.csv", *words, "-o", f"{self.folder}/out")
        return {name: read(f"{self.folder}/out/{name}.csv") for name in ["shap", "effects", "weights", "lime", "counterfactuals"]
                if os.path.exists(f"{self.folder}/out/{name}.csv")}
