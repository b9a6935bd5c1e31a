"""Parameters as the library's own parser reads them: everything is handed over as text and checked there."""
import contextlib
import ctypes as C
import json

import numpy as np

from ._library import call, data, lib, take


def as_text(value):
    """Numbers in the form that reads back to the same bits."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return ",".join(as_text(item) for item in value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (int, str)):
        return str(value)
    raise TypeError(f"{value!r} is no value of a parameter; give a number, a text, a truth value or a list of numbers")


def fill(context, about, values):
    """The parameter struct of a description, filled, for cm_free; None leaves the default."""
    params = call("cm_params_create", context.pointer, about)
    try:
        for name, value in values.items():
            if value is not None:
                call("cm_params_set", about, params, data(name), data(as_text(value)))
    except BaseException:
        lib.cm_free(params)
        raise
    return params


@contextlib.contextmanager
def filled(context, about, values):
    """The same for a `with`, which frees it."""
    params = fill(context, about, values)
    try:
        yield params
    finally:
        lib.cm_free(params)


def described(context, about=None):
    """The description of one operation (or kind of model, …), or of all, as Python data."""
    return json.loads(take(call("cm_ops_to_json", context.pointer, about)))


def pointers(handles):
    return (C.c_void_p * max(1, len(handles)))(*[handle.pointer for handle in handles])
