"""Cormack's DICOM decoding from Python by ctypes, for tests and tools: the public functions of libcormack.so, no copy of them."""
import ctypes
import os
import pathlib

import numpy as np

STORED, VALUES, DISPLAY = 0, 1, 2
_TYPES = [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64]


class EngineError(Exception):
    """What Cormack says of a file it refuses; `code` is the error's name."""

    def __init__(self, code, text):
        super().__init__(text)
        self.code = code


def library_path():
    """Beside the program that the tests are run with, else in build/."""
    program = os.environ.get("CORMACK")
    root = pathlib.Path(program).parent if program else pathlib.Path(__file__).resolve().parent.parent / "build"
    return root / "lib" / "libcormack.so"


class Pixels(ctypes.Structure):
    _fields_ = [("columns", ctypes.c_int64), ("rows", ctypes.c_int64), ("frames", ctypes.c_int64), ("samples", ctypes.c_int),
                ("bits_allocated", ctypes.c_int), ("bits_stored", ctypes.c_int), ("high_bit", ctypes.c_int),
                ("is_signed", ctypes.c_bool), ("is_float", ctypes.c_bool), ("photometric", ctypes.c_char * 20)]


class Options(ctypes.Structure):
    _fields_ = [("threads", ctypes.c_int), ("memory_limit", ctypes.c_uint64), ("log", ctypes.c_void_p),
                ("progress", ctypes.c_void_p), ("cancel", ctypes.c_void_p), ("user", ctypes.c_void_p),
                ("allocate", ctypes.c_void_p), ("release", ctypes.c_void_p), ("reserved", ctypes.c_uint64 * 8)]


class Engine:
    def __init__(self, path=None, threads=1, memory_limit=0):
        self.lib = ctypes.CDLL(str(path or library_path()))
        lib, p = self.lib, ctypes.c_void_p
        for name, result, args in [
                ("cm_context_create", p, [p, p]), ("cm_dicom_open", p, [p, ctypes.c_char_p, ctypes.c_int, p]),
                ("cm_dicom_close", None, [p]), ("cm_dicom_pixels", ctypes.c_bool, [p, p, p]),
                ("cm_dicom_transfer_syntax", ctypes.c_char_p, [p]),
                ("cm_dicom_decode", p, [p, p, ctypes.c_int, ctypes.c_int64, ctypes.c_int64, p]),
                ("cm_image_unref", None, [p]), ("cm_image_type", ctypes.c_int, [p]), ("cm_image_data", p, [p]),
                ("cm_image_dims", ctypes.POINTER(ctypes.c_int64), [p]), ("cm_image_components", ctypes.c_int, [p]),
                ("cm_image_rank", ctypes.c_int, [p]), ("cm_image_unit", ctypes.c_char_p, [p]),
                ("cm_image_meta", ctypes.c_char_p, [p, ctypes.c_char_p]), ("cm_error_text", ctypes.c_char_p, [p]),
                ("cm_error_code", ctypes.c_int, [p]), ("cm_error_code_name", ctypes.c_char_p, [ctypes.c_int]),
                ("cm_error_free", None, [p]), ("cm_context_memory_peak", ctypes.c_uint64, [p]),
                ("cm_context_memory_used", ctypes.c_uint64, [p]), ("cm_context_reset_peak", None, [p])]:
            function = getattr(lib, name)
            function.restype, function.argtypes = result, args
        options = Options()
        lib.cm_context_default_options(ctypes.byref(options))
        options.threads, options.memory_limit = threads, memory_limit
        self.ctx = self._call(lib.cm_context_create, ctypes.byref(options))

    def _call(self, function, *args):
        err = ctypes.c_void_p()
        result = function(*args, ctypes.byref(err))
        if not result:
            text, code = self.lib.cm_error_text(err).decode(), self.lib.cm_error_code_name(self.lib.cm_error_code(err)).decode()
            self.lib.cm_error_free(ctypes.byref(err))
            raise EngineError(code, text)
        return result

    def open(self, path):
        return File(self, path)


class File:
    """One file, opened whole."""

    def __init__(self, engine, path):
        self.engine = engine
        self.handle = ctypes.c_void_p(engine._call(engine.lib.cm_dicom_open, engine.ctx, os.fsencode(path), 1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.lib.cm_dicom_close(ctypes.byref(self.handle))

    def pixels(self):
        pixels = Pixels()
        self.engine._call(self.engine.lib.cm_dicom_pixels, self.handle, ctypes.byref(pixels))
        return pixels

    def decode(self, stage=STORED, first=0, count=None, meta=None):
        """Array of (frames, rows, columns, components); `meta`, a dict, receives unit and padding."""
        lib = self.engine.lib
        if count is None:
            count = self.pixels().frames - first
        image = ctypes.c_void_p(self.engine._call(lib.cm_dicom_decode, self.engine.ctx, self.handle, stage, first, count))
        dims, components = lib.cm_image_dims(image), lib.cm_image_components(image)
        kind = np.dtype(_TYPES[lib.cm_image_type(image)])
        shape = (dims[2], dims[1], dims[0], components)
        size = int(np.prod(shape)) * kind.itemsize
        array = np.frombuffer(ctypes.string_at(lib.cm_image_data(image), size), kind).reshape(shape)
        if meta is not None:
            meta["unit"] = lib.cm_image_unit(image).decode()
            for key in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
                value = lib.cm_image_meta(image, key.encode())
                if value is not None:
                    meta[key] = float(value)
        lib.cm_image_unref(ctypes.byref(image))
        return array
