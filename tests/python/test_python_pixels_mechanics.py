"""mechanics: pixel_train and pixel_predict give from Python what the program gives, from arrays and from files."""
import os
import subprocess
import tempfile

import numpy as np
import package
from package import cormack

folder = tempfile.mkdtemp()
random = np.random.default_rng(3)
inside = np.hypot(*(np.indices((60, 50)) - 25)) < 14
image = (random.integers(0, 90, (60, 50)) + 60 * inside).astype(np.uint8)
marks = np.where(random.random((60, 50)) < 0.3, 1 + inside, 0).astype(np.uint8)
FILTERS = ["gaussian sigma=1,2", "median radius=1"]

model = cormack.pixel_train(image, marks, "naive_bayes", filters=FILTERS, samples=300, seed=4)
labels, shares = cormack.pixel_predict(model, image, probabilities=True)
assert labels.array.shape == (60, 50) and shares.array.shape == (60, 50, 2) and model.classes == ["1", "2"]
assert model.features == ["gaussian sigma=1", "gaussian sigma=2", "median radius=1"]
assert ((labels.array == 2) == inside).mean() > 0.95
assert np.array_equal(labels.array, 1 + shares.array.argmax(-1))
judged = model.judged
assert list(judged["class"])[-1] == "all" and 0.9 < judged["accuracy"][-1 if not hasattr(judged, "iloc") else len(judged) - 1] <= 1

cormack.write(cormack.Image(image), f"{folder}/image.png")
cormack.write(cormack.Image(marks), f"{folder}/marks.png")
run = lambda *words: subprocess.run([os.environ["CORMACK"], *words, "--quiet"], check=True, capture_output=True)  # noqa: E731
run("pixel-train", f"{folder}/image.png", f"{folder}/marks.png", "naive_bayes", *FILTERS, "--samples", "300", "--seed", "4", "-o", f"{folder}/model.json")
run("pixel-predict", f"{folder}/model.json", f"{folder}/image.png", f"{folder}/labels.png")
assert np.array_equal(cormack.read(f"{folder}/labels.png").array, labels.array)
again = cormack.load_model(f"{folder}/model.json")
assert np.array_equal(cormack.pixel_predict(again, image).array, labels.array)

both = cormack.pixel_train([image, image[::-1]], [marks, marks[::-1]], filters=FILTERS, names=["a", "b"], background=True)
assert both.classes == ["0", "1", "2"] and list(both.judged["grouped"])[0] == "image"
# each fold has one image to train on, whose parts calibrate the probabilities
machine = cormack.pixel_train([image, image[::-1]], [marks, marks[::-1]], "svm", filters=FILTERS, samples=60)
assert list(machine.judged["grouped"])[0] == "image" and list(machine.judged["accuracy"])[-1] > 0.9
package.refused(cormack.CormackError, "component", cormack.pixel_predict, model, cormack.Image(np.zeros((9, 9, 2), np.float32), components=True))
package.refused(cormack.CormackError, "is no filter", cormack.pixel_train, image, marks, filters=["resample"])
print("as the program")
