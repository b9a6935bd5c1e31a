"""libcormack's DICOM functions for the test scripts, by ctypes. Exits 77 where the shared library cannot be loaded."""
import ctypes
import os
import pathlib
import sys

import numpy as np

C = ctypes
TYPES = ["u8", "i8", "u16", "i16", "u32", "i32", "f32", "f64"]


def _load():
    path = pathlib.Path(os.environ.get("CORMACK", "build/cormack")).parent / "lib/libcormack.so"
    if not path.exists():
        print(f"skipped: {path} is not built")
        sys.exit(77)
    try:
        return C.CDLL(str(path))
    except OSError as error:  # a sanitizer's library cannot be loaded into a plain Python
        print(f"skipped: {error}")
        sys.exit(77)


lib = _load()


class Geometry(C.Structure):
    _fields_ = [("spacing", C.c_double * 3), ("origin", C.c_double * 3), ("direction", C.c_double * 9), ("spacing_t", C.c_double)]


class Attribute(C.Structure):
    _fields_ = [("tag", C.c_uint32), ("text", C.c_char_p)]


class WriteOptions(C.Structure):
    _fields_ = [("sop_class_uid", C.c_char_p), ("source_files", C.POINTER(C.c_char_p)), ("source_count", C.c_int),
                ("attributes", C.POINTER(Attribute)), ("attribute_count", C.c_int), ("uid_seed", C.c_char_p),
                ("secondary_capture", C.c_bool), ("reserved", C.c_uint64 * 8)]


for name in ("cm_context_create", "cm_dicom_open", "cm_dicom_parse", "cm_dicom_to_json", "cm_image_create", "cm_image_data_mut",
             "cm_dicom_transfer_syntax", "cm_dicom_keyword", "cm_dicom_uid_name", "cm_dicom_vm", "cm_dicom_dump", "cm_dicom_dir_read"):
    if hasattr(lib, name):
        getattr(lib, name).restype = C.c_void_p
for name in ("cm_error_text", "cm_dicom_keyword", "cm_dicom_uid_name", "cm_dicom_vm", "cm_error_code_name"):
    getattr(lib, name).restype = C.c_char_p
lib.cm_error_text.argtypes = [C.c_void_p]
lib.cm_error_code.argtypes = [C.c_void_p]
lib.cm_free.argtypes = [C.c_void_p]
lib.cm_dicom_vr.restype = C.c_uint16
lib.cm_context_destroy.restype = C.c_uint64
ctx = C.c_void_p(lib.cm_context_create(None, None))


class CormackError(Exception):
    pass


def check(result, err):
    if not result:
        text = lib.cm_error_text(err).decode()
        lib.cm_error_free(C.byref(err))
        raise CormackError(text)
    return result


def take_text(pointer):
    text = C.string_at(pointer).decode()
    lib.cm_free(C.c_void_p(pointer))
    return text


class Dicom:
    """A file, opened whole or up to the pixel data."""

    def __init__(self, path, whole=True):
        err = C.c_void_p()
        self.handle = C.c_void_p(check(lib.cm_dicom_open(ctx, os.fsencode(path), C.c_int(int(whole)), C.byref(err)), err))

    def json(self):
        err = C.c_void_p()
        return take_text(check(lib.cm_dicom_to_json(self.handle, C.byref(err)), err))

    def dump(self):
        err = C.c_void_p()
        return take_text(check(lib.cm_dicom_dump(self.handle, C.byref(err)), err))

    def transfer_syntax(self):
        return C.string_at(lib.cm_dicom_transfer_syntax(self.handle)).decode()

    def close(self):
        lib.cm_dicom_close(C.byref(self.handle))


def image(voxels, spacing=(1, 1, 1), origin=(0, 0, 0), direction=(1, 0, 0, 0, 1, 0, 0, 0, 1), unit="1", meta=None, components=1):
    """A CmImage from an array indexed [t,] z, y, x[, component]."""
    shape = voxels.shape[:-1] if components > 1 else voxels.shape
    dims = (C.c_int64 * len(shape))(*reversed(shape))
    err = C.c_void_p()
    type_ = TYPES.index({"uint": "u", "int": "i", "float": "f"}[voxels.dtype.name.rstrip("0123456789")] + str(voxels.dtype.itemsize * 8))
    made = C.c_void_p(check(lib.cm_image_create(ctx, type_, len(shape), dims, components, C.byref(err)), err))
    data = np.ascontiguousarray(voxels)
    C.memmove(lib.cm_image_data_mut(made), data.ctypes.data, data.nbytes)
    geometry = Geometry((C.c_double * 3)(*spacing), (C.c_double * 3)(*origin), (C.c_double * 9)(*direction), 1.0)
    check(lib.cm_image_set_geometry(made, C.byref(geometry), C.byref(err)), err)
    check(lib.cm_image_set_unit(made, unit.encode(), C.byref(err)), err)
    for key, value in (meta or {}).items():
        check(lib.cm_image_set_meta(made, key.encode(), value.encode(), C.byref(err)), err)
    return made


def write_series(made, folder, seed="seed", sop_class=None, sources=(), attributes=None, secondary_capture=False):
    options = WriteOptions()
    paths = (C.c_char_p * max(1, len(sources)))(*[os.fsencode(p) for p in sources])
    rows = [(tag, text.encode() if text is not None else None) for tag, text in (attributes or {}).items()]
    array = (Attribute * max(1, len(rows)))(*[Attribute(tag, text) for tag, text in rows])
    options.sop_class_uid = sop_class.encode() if sop_class else None
    options.source_files, options.source_count = paths, len(sources)
    options.attributes, options.attribute_count = array, len(rows)
    options.uid_seed, options.secondary_capture = seed.encode(), secondary_capture
    err = C.c_void_p()
    check(lib.cm_dicom_write_series(ctx, made, os.fsencode(folder), C.byref(options), C.byref(err)), err)


def release(made):
    lib.cm_image_unref(C.byref(made))
