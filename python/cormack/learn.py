"""Learning: kinds of model from the registry, training, validation by subject, prediction."""
import contextlib
import ctypes as C
import os
import tempfile
from dataclasses import dataclass, field

from . import _library
from ._library import call, data, lib, text, texts
from ._params import described, filled
from .context import current
from .table import from_table, to_table


@dataclass(frozen=True)
class Learner:
    """A kind of model with parameters, not yet fitted: Learner("svm", {"C": 2}). prepare: imputation, scaling and selection.
    A list of values, or a range as "0.01..100", is chosen from on inner folds of the training rows; tune: how. recalibrate: {"method": "isotonic"} and the like make
    probabilities come true.
    Parameters: describe(kind), describe("prepare"), describe("tune"), describe("recalibrate")."""

    kind: str = "logistic"
    params: dict = field(default_factory=dict)
    prepare: dict = field(default_factory=dict)
    name: str | None = None
    tune: dict = field(default_factory=dict)
    recalibrate: dict = field(default_factory=dict)


def kinds():
    """Names of the kinds of model."""
    # the description is the first member of a CmModelKind, and its name the first of that
    return [text(C.c_char_p.from_address(lib.cm_model_kind_at(at)).value) for at in range(lib.cm_model_kind_count())]


def _about(name):
    return {"prepare": lib.cm_prepare_about, "validate": lib.cm_validate_about, "tune": lib.cm_tune_about, "recalibrate": lib.cm_recalibrate_about, "explain": lib.cm_explain_about, "pixels": lib.cm_pixel_about}.get(name, lambda: call("cm_model_kind_get", data(name)))()


def describe(name, *, context=None):
    """Parameters and citation of a kind of model, of "prepare", "validate", "explain" or "pixels"."""
    return described(current(context), _about(name))


def _columns(target, positive, subject, time, hold_out, features, ignore, task, event, order, subgroups=(), group=None, allow=None, outcome_time=None, start=None):
    columns = _library.LearnColumns()
    if isinstance(target, (list, tuple)):
        columns.labels, columns.label_count, target = texts(target), len(target), None
    for name, value in (("target", target), ("positive", positive), ("subject", subject), ("time", time), ("hold_out", hold_out),
                        ("task", task), ("event", event), ("group", group), ("allow", allow), ("outcome_time", outcome_time), ("start", start)):
        setattr(columns, name, data(value))
    if features is not None:
        columns.features, columns.feature_count = texts(features), len(features)
    columns.ignore, columns.ignore_count = texts(ignore), len(ignore)
    columns.subgroups, columns.subgroup_count = texts(subgroups), len(subgroups)
    if order is not None:
        columns.order, columns.order_count = texts([str(name) for name in order]), len(order)
    return columns


def _choices(params, prefix=""):
    """Parameters of one value, and words for those that are to be chosen."""
    def text_of(value):
        if isinstance(value, (list, tuple)):
            return "|".join(str(each).lower() if isinstance(each, bool) else str(each) for each in value)
        return value if isinstance(value, str) and ("|" in value or ".." in value) else None
    chosen = {name: text_of(value) for name, value in params.items()}
    return ({name: value for name, value in params.items() if chosen[name] is None},
            [f"{prefix}{name}={value}" for name, value in chosen.items() if value is not None])


@contextlib.contextmanager
def _learners(context, learners):
    """An array of CmLearner, and what it borrows."""
    with contextlib.ExitStack() as stack:
        rows = (_library.Learner * len(learners))()
        for row, learner in zip(rows, learners):
            learner = Learner(learner) if isinstance(learner, str) else learner
            row.kind, row.name = call("cm_model_kind_get", data(learner.kind)), data(learner.name)
            params, search = _choices(learner.params)
            prepare, more = _choices(learner.prepare, "prepare.")
            row.params = stack.enter_context(filled(context, row.kind, params))
            row.prepare = stack.enter_context(filled(context, lib.cm_prepare_about(), prepare))
            row.search = data(" ".join(search + more) or None)
            row.tune = stack.enter_context(filled(context, lib.cm_tune_about(), learner.tune))
            row.recalibrate = stack.enter_context(filled(context, lib.cm_recalibrate_about(), learner.recalibrate))
        yield rows


class Model:
    """A fitted model: preparation and predictor in one."""

    def __init__(self, handle, context):
        self._handle, self._context = handle, context

    _pointer = property(lambda self: self._handle.pointer)
    name = property(lambda self: text(lib.cm_model_name(self._pointer)))
    task = property(lambda self: text(lib.cm_learn_task_name(lib.cm_model_task(self._pointer))))
    target = property(lambda self: text(lib.cm_model_target(self._pointer)))
    classes = property(lambda self: [text(lib.cm_model_class(self._pointer, at)) for at in range(lib.cm_model_classes(self._pointer))])
    features = property(lambda self: [text(lib.cm_model_feature(self._pointer, at)) for at in range(lib.cm_model_features(self._pointer))])

    def _table(self, name, *args):
        context = self._context

        def work():
            handle = context.own(call(name, context.pointer, self._pointer, *args), lib.cm_table_unref)
            return to_table(handle.pointer)

        return context.run(work)

    def predict(self, table):
        """A row for each row: the predicted class and the probabilities; or the number, the median time and the risk, the components,
        the score, by the model's task."""
        handle = from_table(self._context, table)
        return self._table("cm_model_predict", handle.pointer)

    def forecast(self, table, confidence=0.95):
        """Numbers with the limits `low` and `high` between which this share of new measurements lies: linear, ridge, mixed."""
        handle = from_table(self._context, table)
        return self._table("cm_model_forecast", handle.pointer, confidence)

    def survival(self, table, times):
        """The share that lives past each of `times` (in the target's unit), a row for each row."""
        handle = from_table(self._context, table)
        return self._table("cm_model_survival", handle.pointer, (C.c_double * len(times))(*times), len(times))

    def explain(self, table):
        """SHAP: each feature's contribution to the output, by row and class."""
        handle = from_table(self._context, table)
        return self._table("cm_model_explain", handle.pointer)

    def _beside(self, name, table, background, params):
        rows = from_table(self._context, table)
        others = rows if background is None else from_table(self._context, background)
        with filled(self._context, lib.cm_explain_about(), params) as own:
            return self._table(name, rows.pointer, others.pointer, own)

    def kernel_shap(self, table, background=None, **params):
        """Kernel SHAP of any model, of what it predicts. background: rows that stand in for unknown features; otherwise `table`.
        Parameters: describe("explain")."""
        return self._beside("cm_model_kernel_shap", table, background, params)

    def lime(self, table, background=None, **params):
        """LIME: a linear model of what the model does around each row, a row for each feature. background and parameters as
        of kernel_shap."""
        return self._beside("cm_model_lime", table, background, params)

    def counterfactuals(self, table, background=None, **params):
        """The least change of each row that turns its decision, a row for each feature that changes; fixed="age,sex" stay as
        they are. background and parameters as of kernel_shap."""
        return self._beside("cm_model_counterfactuals", table, background, params)

    def effects(self, table, **params):
        """Partial dependence and accumulated local effects of each feature. Parameters: describe("explain")."""
        rows = from_table(self._context, table)
        with filled(self._context, lib.cm_explain_about(), params) as own:
            return self._table("cm_model_effects", rows.pointer, own)

    def weights(self):
        """What the model itself says of its features."""
        return self._table("cm_model_weights")

    def draw(self, svg=False):
        """A decision tree as lines of text, or as an SVG document."""
        pointer = call("cm_model_draw", self._context.pointer, self._pointer, svg)
        try:
            return text(C.cast(pointer, C.c_char_p).value)
        finally:
            lib.cm_free(pointer)

    def save(self, path):
        call("cm_model_save", self._context.pointer, self._pointer, os.fsencode(path))

    def __reduce__(self):  # copies and pickles are what save() writes
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model.json")
            self.save(path)
            with open(path, "rb") as file:
                return _restored, (file.read(),)


def _restored(saved):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        with open(path, "wb") as file:
            file.write(saved)
        return load_model(path)


def load_model(path, *, context=None):
    """A model that was saved here, by `cormack train` or in a study's folder."""
    context = current(context)
    return Model(context.own(call("cm_model_load", context.pointer, os.fsencode(path)), lib.cm_model_unref), context)


def train(table, learner="logistic", *, target=None, positive=None, subject=None, time=None, features=None, ignore=(), task=None,
          event=None, order=None, hold_out_column=None, allow=None, outcome_time=None, start=None, context=None):
    """Fits a learner (a Learner or the name of a kind) to all rows, but those that `hold_out_column` marks. Leaks are refused as
    LeakageError, by name; allow: names, with commas between, to let pass.

    task: "regression", "survival" (target: the time, event: the column of events), "ordinal" (order: the classes, lowest first) …;
    None: by the columns and the kind. start: of survival, the column of the time from which a row holds. Without a target: kinds of clustering, embedding and outliers."""
    context = current(context)
    rows, columns = from_table(context, table), _columns(target, positive, subject, time, hold_out_column, features, ignore, task, event, order, allow=allow, outcome_time=outcome_time, start=start)
    with _learners(context, [learner]) as learners:
        return context.run(lambda: Model(context.own(call("cm_model_fit", context.pointer, learners, rows.pointer, C.byref(columns)),
                                                     lib.cm_model_unref), context))


@dataclass(frozen=True)
class Validation:
    """tables: by name ("metrics", "roc", "predictions", …; docs/learning.md lists them); models: fitted on all rows but the hold-out."""

    tables: dict
    models: list


def validate(table, learners=("logistic",), *, target, positive=None, subject=None, time=None, hold_out_column=None, features=None,
             ignore=(), task=None, event=None, order=None, subgroups=(), group=None, outcome_time=None, context=None, **params):
    """Judges learners on rows that they have not seen, by subject, and among the values of the columns `subgroups`.
    target: a column; or several of 0 and 1, each of which gets models of its own (named "logistic-effusion" …) and which are also judged together.
    group: a column, e.g. of sites, each of whose values is left out once, instead of folds by subject. Further arguments (folds=5, repeats=4, …): describe("validate")."""
    context = current(context)
    learners = [learners] if isinstance(learners, (str, Learner)) else list(learners)
    rows, columns = from_table(context, table), _columns(target, positive, subject, time, hold_out_column, features, ignore, task, event, order, subgroups, group, outcome_time=outcome_time)
    with _learners(context, learners) as array, filled(context, lib.cm_validate_about(), params) as settings:
        result = context.run(lambda: context.own(call("cm_learn_validate", context.pointer, array, len(learners), rows.pointer,
                                                      C.byref(columns), settings), lib.cm_learn_result_unref))
    tables, at = {}, 0
    while name := text(lib.cm_learn_table_name(at)):
        tables[name] = to_table(lib.cm_learn_result_table(result.pointer, at))
        at += 1
    models = [Model(context.own(lib.cm_model_ref(lib.cm_learn_result_model(result.pointer, k)), lib.cm_model_unref), context)
              for k in range(lib.cm_learn_result_models(result.pointer))]
    return Validation(tables, models)
