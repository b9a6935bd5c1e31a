"""Segmentation by learned pixels: a classifier on filtered images, learnt from scribbles or masks (docs/learning.md)."""
import ctypes as C

from ._library import call, data, lib, texts
from ._params import filled
from .context import current
from .image import Image, as_image
from .learn import Learner, Model, _learners
from .table import to_table


def pixel_train(images, labels, learner=None, *, filters=None, names=None, context=None, **params):
    """Learns from labelled voxels what each voxel is: a Model, to be saved, loaded and given to pixel_predict().

    images, labels: one of each, or lists that go together; labels are integers on the image's grid, 1, 2 … where voxels are marked, 0
    where not (background=True: 0 is a class too). filters: operations in words, ["gaussian sigma=1,2,4", "median radius=1"]; None: the
    usual ones. learner: a Learner or the name of a kind; None: a forest of 100 trees. Further arguments (samples, balance, background,
    units, folds, seed): describe("pixels"). The model's `judged` says how it does on images, or parts of one, that it has not seen."""
    context = current(context)
    if isinstance(images, (list, tuple)) != isinstance(labels, (list, tuple)):
        raise TypeError("give one image and its labels, or a list of each")
    pairs = list(zip(images, labels, strict=True)) if isinstance(images, (list, tuple)) else [(images, labels)]
    names = [str(name) for name in names or range(1, len(pairs) + 1)]
    learner = learner or Learner("random_forest", {"trees": 100})
    judged = C.c_void_p()

    def work(settings, learners):
        chosen = None if filters is None else texts(filters)
        handle = context.own(call("cm_pixel_set_create", context.pointer, chosen, len(filters or ()), settings), lib.cm_pixel_set_free)
        for name, (image, marks) in zip(names, pairs, strict=True):
            image, marks = as_image(image, context), as_image(marks, context)
            call("cm_pixel_set_add", handle.pointer, image._pointer, marks._pointer, data(name))
        return Model(context.own(call("cm_pixel_set_fit", handle.pointer, learners, C.byref(judged)), lib.cm_model_unref), context)

    with filled(context, lib.cm_pixel_about(), params) as settings, _learners(context, [learner]) as learners:
        model = context.run(lambda: work(settings, learners))
    handle = context.own(judged.value, lib.cm_table_unref)  # kept until it is read
    model.judged = to_table(handle.pointer)
    return model


def pixel_predict(model, image, *, probabilities=False):
    """The class of every voxel by a model of pixel_train(), as an Image of labels; with probabilities also an Image with a component for
    each of model.classes. In bounded memory, whatever the size of the image."""
    context = model._context
    image = as_image(image, context)
    labels, shares = C.c_void_p(), C.c_void_p()

    def work():
        call("cm_pixel_predict", context.pointer, model._pointer, image._pointer, C.byref(labels), C.byref(shares) if probabilities else None)
        return [Image._take(context.own(pointer.value, lib.cm_image_unref)) for pointer in (labels, shares) if pointer.value]

    made = context.run(work)
    return tuple(made) if probabilities else made[0]
