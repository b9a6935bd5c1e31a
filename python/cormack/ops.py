"""Every operation of the registry as a function, made when the package is imported."""
import ctypes as C
import functools
import inspect
from collections import namedtuple

from . import _describe
from ._library import Value, call, data, lib
from ._params import described, fill
from .context import Context, current
from .image import Image, as_image
from .table import from_table, to_table

_KINDS = {"image": 1, "labels": 2, "table": 3}  # CmKind
_Values = Value * 8  # CM_MAX_PORTS


@functools.cache
def _about(name):
    """The CmOp, which the library keeps."""
    return call("cm_op_get", data(name))


def _input(port, value, context):
    """(kind, handle) of what is given for a port."""
    kind = port["kind"]
    return _KINDS[kind], from_table(context, value) if kind == "table" else as_image(value, context)._handle


def _outputs(op, values, context, inputs):
    """Python objects of the results, None for those that there are not; what becomes no object is released."""
    made = []
    for port, value in zip(op["outputs"], values):
        if not value.kind:
            made.append(None)
            continue
        kind, pointer = value.kind, value.object
        value.kind = 0
        free = lib.cm_table_unref if kind == _KINDS["table"] else lib.cm_image_unref
        handle = context.own(pointer, free, *inputs)
        made.append(to_table(pointer) if kind == _KINDS["table"] else Image._take(handle))
    return made


def _run(op, given, params, context, result_class):
    context = current(context)
    about, into, out, handles = _about(op["name"]), _Values(), _Values(), []
    for at, port in enumerate(op["inputs"]):
        if given.get(port["name"]) is not None:
            kind, handle = _input(port, given[port["name"]], context)
            handles.append(handle)
            into[at] = Value(kind, handle.pointer)
    settings = fill(context, about, params)

    def work():
        try:
            call("cm_op_run", context.pointer, about, settings, into, out, None)
            return _outputs(op, out, context, handles)
        finally:
            for value in out:
                if value.kind:
                    lib.cm_value_unref(C.byref(value))

    try:
        made = context.run(work)
    finally:
        lib.cm_free(settings)
    return made[0] if len(made) == 1 else result_class(*made)


def _sorter(op):
    """What tells the ports from the parameters; wrong names of parameters are the library's to refuse."""
    required = [port["name"] for port in op["inputs"] if not port["optional"]]
    ports = [port["name"] for port in op["inputs"]]

    def sort(args, named):
        if len(args) > len(required):
            raise TypeError(f"{op['name']}() takes {len(required)} positional arguments ({', '.join(required)}); name the others")
        given = dict(zip(required, args))
        for name in ports:
            if name in named:
                if name in given:
                    raise TypeError(f"{op['name']}() got {name} twice")
                given[name] = named.pop(name)
        missing = [name for name in required if name not in given]
        if missing:
            raise TypeError(f"{op['name']}() needs {' and '.join(missing)}")
        return given

    return sort


def _function(op):
    result_class = None
    if len(op["outputs"]) > 1:
        result_class = namedtuple(_describe.result_class(op), [port["name"] for port in op["outputs"]], module=__name__)
        globals()[result_class.__name__] = result_class

    sort = _sorter(op)

    def function(*args, context: Context | None = None, **named):
        given = sort(args, named)
        return _run(op, given, named, context, result_class)

    kinds = {False: inspect.Parameter.POSITIONAL_OR_KEYWORD, True: inspect.Parameter.KEYWORD_ONLY}
    rows = [inspect.Parameter(name, kinds[keyword], annotation=note, default=value if optional else inspect.Parameter.empty)
            for name, keyword, note, optional, value in _describe.arguments(op)]
    function.__name__ = function.__qualname__ = op["name"]
    function.__module__, function.__doc__ = "cormack", _describe.docstring(op)
    function.__signature__ = inspect.Signature(rows, return_annotation=_describe.result(op))
    return function


def _describe_all():
    with Context(threads=1, progress=False) as context:
        return described(context)


DESCRIPTIONS = {op["name"]: op for op in _describe_all()}
for _op in DESCRIPTIONS.values():
    globals()[_op["name"]] = _function(_op)
__all__ = list(DESCRIPTIONS)
