"""Writes ops.pyi beside ops.py, from the registry: python _stubs.py LIBRARY OUT. Run while the wheel is built, where NumPy is absent."""
import ctypes as C
import json
import pathlib
import runpy
import sys


def registry(library):
    lib = C.CDLL(library)
    for name in ("cm_context_create", "cm_ops_to_json"):
        getattr(lib, name).restype = C.c_void_p
    context = C.c_void_p(lib.cm_context_create(None, None))
    text = C.c_void_p(lib.cm_ops_to_json(context, None, None))
    ops = json.loads(C.string_at(text))
    lib.cm_free(text)
    lib.cm_context_destroy(C.byref(context))
    return ops


if __name__ == "__main__":
    describe = runpy.run_path(str(pathlib.Path(__file__).with_name("_describe.py")))
    pathlib.Path(sys.argv[2]).write_text(describe["stubs"](registry(sys.argv[1])), encoding="utf-8")
