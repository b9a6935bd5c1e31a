"""Runs operations of libcormack on NumPy arrays through its C interface, for tests against independent programs.

Arrays are indexed [z, y, x], [y, x], [t, z, y, x]; components last where components=True."""
import ctypes as C
import os
import sys

import numpy as np

TYPES = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64]


class Value(C.Structure):
    _fields_ = [("kind", C.c_int), ("object", C.c_void_p)]


class Geometry(C.Structure):
    _fields_ = [("spacing", C.c_double * 3), ("origin", C.c_double * 3), ("direction", C.c_double * 9), ("spacing_t", C.c_double)]


class Options(C.Structure):
    _fields_ = [("threads", C.c_int), ("memory_limit", C.c_uint64), ("callbacks", C.c_void_p * 4), ("hooks", C.c_void_p * 2),
                ("reserved", C.c_uint64 * 8)]


def library():
    source = os.environ.get("CORMACK_SOURCE", ".")
    program = os.environ.get("CORMACK", os.path.join(source, "build", "cormack"))
    path = os.path.join(os.path.dirname(program), "lib", "libcormack.so")
    if not os.path.exists(path):
        print("skipped: no", path)
        sys.exit(77)
    lib = C.CDLL(path, mode=os.RTLD_LAZY)
    for name in ("cm_context_create", "cm_image_create", "cm_image_data_mut", "cm_image_data", "cm_op_get", "cm_params_create",
                 "cm_image_dims", "cm_image_geometry", "cm_table_create"):
        getattr(lib, name).restype = C.c_void_p
    for name in ("cm_error_text", "cm_table_to_csv"):
        getattr(lib, name).restype = C.c_void_p
    lib.cm_context_memory_peak.restype = C.c_uint64
    lib.cm_context_memory_used.restype = C.c_uint64
    return lib


class Ops:
    def __init__(self, threads=2):
        self.lib = library()
        options = Options()
        self.lib.cm_context_default_options(C.byref(options))
        options.threads = threads
        self.ctx = C.c_void_p(self.call("cm_context_create", C.byref(options)))

    def call(self, name, *args):
        error = C.c_void_p()
        result = getattr(self.lib, name)(*args, C.byref(error))
        if error.value:
            raise RuntimeError(C.string_at(self.lib.cm_error_text(error)).decode())
        return result

    def image(self, array, spacing=(1, 1, 1), origin=(0, 0, 0), direction=None, components=False, labels=False):
        array = np.ascontiguousarray(array)
        shape = array.shape[:-1] if components else array.shape
        dims = (C.c_int64 * 4)(*(list(shape[::-1]) + [1] * (4 - len(shape))))
        kind = TYPES.index(array.dtype.type)
        image = C.c_void_p(self.call("cm_image_create", self.ctx, kind, len(shape), dims, array.shape[-1] if components else 1))
        C.memmove(self.lib.cm_image_data_mut(image), array.ctypes.data, array.nbytes)
        geometry = Geometry()
        self.lib.cm_geometry_default(C.byref(geometry))
        geometry.spacing[:] = list(spacing) + [1] * (3 - len(spacing))
        geometry.origin[:] = list(origin) + [0] * (3 - len(origin))
        if direction is not None:
            geometry.direction[:] = [float(v) for v in np.asarray(direction).ravel()]
        self.call("cm_image_set_geometry", image, C.byref(geometry))
        return Value(2 if labels else 1, image.value)

    def array(self, value):
        image = C.c_void_p(value.object)
        dims = [C.c_int64.from_address(self.lib.cm_image_dims(image) + 8 * k).value for k in range(4)][: self.lib.cm_image_rank(image)]
        components = self.lib.cm_image_components(image)
        shape = dims[::-1] + ([components] if components > 1 else [])
        dtype = TYPES[self.lib.cm_image_type(image)]
        count = int(np.prod(shape))
        buffer = C.string_at(self.lib.cm_image_data(image), count * np.dtype(dtype).itemsize)
        return np.frombuffer(buffer, dtype).reshape(shape)

    def geometry(self, value):
        return Geometry.from_address(self.lib.cm_image_geometry(C.c_void_p(value.object)))

    def run(self, name, inputs, outputs=1, **params):
        """inputs: Values (or None) in the order of the ports. Returns the list of output Values."""
        op = C.c_void_p(self.call("cm_op_get", name.encode()))
        values = C.c_void_p(self.call("cm_params_create", self.ctx, op))
        try:
            for key, text in params.items():
                text = ",".join(map(str, text)) if isinstance(text, (list, tuple)) else str(text).lower() if isinstance(text, bool) else str(text)
                self.call("cm_params_set", op, values, key.encode(), text.encode())
            into = (Value * 8)()
            for at, value in enumerate(inputs):
                if value is not None:
                    into[at] = value
            out = (Value * 8)()
            self.call("cm_op_run", self.ctx, op, values, into, out, None)
            return [Value(out[k].kind, out[k].object) for k in range(outputs)]
        finally:
            self.lib.cm_free(values)

    def table(self, value):
        """Rows of a table as dictionaries of text, by column name without unit."""
        import csv
        text = C.c_void_p(self.call("cm_table_to_csv", self.ctx, C.c_void_p(value.object)))
        rows = list(csv.reader(C.string_at(text).decode().splitlines()))
        self.lib.cm_free(text)
        names = [name.split(" [")[0] for name in rows[0]]
        return [dict(zip(names, row)) for row in rows[1:]]

    def apply(self, name, array, mask=None, spacing=(1, 1, 1), components=False, **params):
        image = self.image(array, spacing, components=components)
        inputs = [image] + ([self.image(mask, spacing, labels=True)] if mask is not None else [])
        out = self.run(name, inputs, **params)[0]
        result = self.array(out)
        for value in inputs + [out]:
            self.lib.cm_value_unref(C.byref(value))
        return result
