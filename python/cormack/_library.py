"""libcormack by ctypes: where it is, which of its functions are used, and how their errors become exceptions.

ctypes releases the GIL while a function runs, and needs no compiler and no other package.
Standard library only: the stubs are made with this module while the wheel is built."""
import ctypes as C
import os
import pathlib

from . import errors

P, I, I64, SIZE, REAL, TEXT, BOOL = C.c_void_p, C.c_int, C.c_int64, C.c_size_t, C.c_double, C.c_char_p, C.c_bool
RELEASE = C.CFUNCTYPE(None, P)
LOG = C.CFUNCTYPE(None, P, I, TEXT)
PROGRESS = C.CFUNCTYPE(None, P, TEXT, I64, I64)
LOOK = C.CFUNCTYPE(None)


class Value(C.Structure):
    _fields_ = [("kind", I), ("object", P)]


class Geometry(C.Structure):
    _fields_ = [("spacing", REAL * 3), ("origin", REAL * 3), ("direction", REAL * 9), ("spacing_t", REAL)]


class Label(C.Structure):
    _fields_ = [("value", I64), ("name", TEXT), ("rgb", C.c_uint8 * 3)]


class ContextOptions(C.Structure):
    _fields_ = [("threads", I), ("memory_limit", C.c_uint64), ("log", LOG), ("progress", PROGRESS), ("cancel", P), ("user", P),
                ("allocate", P), ("release", P), ("reserved", C.c_uint64 * 8)]


class Watch(C.Structure):
    _fields_ = [("stop", I), ("thread", C.c_uint64), ("look", LOOK), ("due", I64)]


class ReadOptions(C.Structure):
    _fields_ = [("fill", I), ("suv", BOOL), ("stored", BOOL), ("select", TEXT), ("tilt", I), ("reserved", C.c_uint64 * 8)]


class WriteOptions(C.Structure):
    _fields_ = [("compression", I), ("quality", I), ("source", TEXT), ("anonymous", BOOL), ("reserved", C.c_uint64 * 8)]


class DicomVolume(C.Structure):
    _fields_ = [(name, TEXT) for name in ("key", "patient_id", "patient_name", "study_uid", "series_uid", "frame_of_reference_uid",
                                          "study_date", "modality", "study_description", "series_description")]
    _fields_ += [("rank", I), ("dims", I64 * 4), ("geometry", Geometry), ("file_count", I64), ("defect", TEXT), ("fillable", BOOL),
                 ("tilted", BOOL), ("tilt_degrees", REAL), ("note", TEXT)]


class DicomReject(C.Structure):
    _fields_ = [("path", TEXT), ("reason", TEXT), ("code", TEXT)]


class StudyOptions(C.Structure):
    _fields_ = [("out", TEXT), ("resume", BOOL), ("fresh", BOOL), ("reserved", C.c_uint64 * 8)]


class StudyOutcome(C.Structure):
    _fields_ = [(name, I64) for name in ("subjects", "images", "steps_run", "steps_kept", "steps_failed", "quarantined")]
    _fields_ += [("seconds", REAL), ("reserved", C.c_uint64 * 8)]


class Learner(C.Structure):
    _fields_ = [("kind", P), ("params", P), ("prepare", P), ("name", TEXT), ("search", TEXT), ("tune", P), ("recalibrate", P)]


class LearnColumns(C.Structure):
    _fields_ = [("target", TEXT), ("positive", TEXT), ("subject", TEXT), ("time", TEXT), ("hold_out", TEXT),
                ("features", C.POINTER(TEXT)), ("feature_count", I), ("ignore", C.POINTER(TEXT)), ("ignore_count", I),
                ("task", TEXT), ("event", TEXT), ("order", C.POINTER(TEXT)), ("order_count", I),
                ("subgroups", C.POINTER(TEXT)), ("subgroup_count", I), ("group", TEXT), ("allow", TEXT),
                ("labels", C.POINTER(TEXT)), ("label_count", I), ("start", TEXT), ("outcome_time", TEXT)]


# Functions that cannot fail: name, result, arguments.
PLAIN = [
    ("cm_version", TEXT),
    ("cm_error_code", I, P), ("cm_error_text", TEXT, P), ("cm_error_code_name", TEXT, I), ("cm_error_free", None, P),
    ("cm_context_default_options", None, P), ("cm_context_destroy", C.c_uint64, P), ("cm_context_threads", I, P),
    ("cm_context_memory_limit", C.c_uint64, P), ("cm_context_memory_used", C.c_uint64, P), ("cm_context_memory_peak", C.c_uint64, P),
    ("cm_context_reset_peak", None, P), ("cm_free", None, P),
    ("cm_image_unref", None, P), ("cm_image_type", I, P), ("cm_type_name", TEXT, I), ("cm_image_rank", I, P),
    ("cm_image_dims", C.POINTER(I64), P), ("cm_image_components", I, P), ("cm_image_data", P, P),
    ("cm_image_geometry", C.POINTER(Geometry), P), ("cm_image_unit", TEXT, P), ("cm_image_meta_count", I, P),
    ("cm_image_meta_at", None, P, I, P, P), ("cm_image_label_count", I, P), ("cm_image_label_at", Label, P, I),
    ("cm_label_colour", None, I64, P), ("cm_geometry_default", None, P),
    ("cm_table_unref", None, P), ("cm_table_columns", I, P), ("cm_table_rows", I64, P), ("cm_table_describe", None, P, P, P, P),
    ("cm_table_get_reals", None, P, P),
    ("cm_table_get_ints", None, P, I, P, P), ("cm_table_get_texts", None, P, I, P), ("cm_table_set_reals", None, P, I, P),
    ("cm_table_set_ints", None, P, I, P, P),
    ("cm_value_unref", None, P), ("cm_op_count", I), ("cm_op_at", P, I),
    ("cm_read_default_options", None, P), ("cm_write_default_options", None, P), ("cm_dicom_sniff", BOOL, TEXT),
    ("cm_dicom_scan_free", None, P), ("cm_dicom_scan_volumes", I, P), ("cm_dicom_scan_volume", C.POINTER(DicomVolume), P, I),
    ("cm_dicom_scan_file", TEXT, P, I, I64), ("cm_dicom_scan_rejects", I, P), ("cm_dicom_scan_reject", C.POINTER(DicomReject), P, I),
    ("cm_dicom_scan_objects", I, P), ("cm_dicom_scan_object", C.POINTER(DicomReject), P, I), ("cm_dicom_scan_other_files", I64, P),
    ("cm_study_free", None, P), ("cm_study_default_options", None, P),
    ("cm_model_kind_count", I), ("cm_model_kind_at", P, I), ("cm_prepare_about", P), ("cm_validate_about", P), ("cm_tune_about", P), ("cm_recalibrate_about", P),
    ("cm_explain_about", P), ("cm_pixel_about", P), ("cm_pixel_set_free", None, P), ("cm_model_ref", P, P),
    ("cm_model_unref", None, P), ("cm_model_name", TEXT, P), ("cm_model_target", TEXT, P), ("cm_model_classes", I, P),
    ("cm_model_class", TEXT, P, I), ("cm_model_task", I, P), ("cm_learn_task_name", TEXT, I), ("cm_model_event", TEXT, P),
    ("cm_model_features", I, P), ("cm_model_feature", TEXT, P, I),
    ("cm_learn_result_unref", None, P), ("cm_learn_result_models", I, P), ("cm_learn_result_model", P, P, I),
    ("cm_learn_table_name", TEXT, I), ("cm_learn_result_table", P, P, I),
]
# Functions whose last argument is CmError**, which is left out here; NULL, false or -1 with an error set is a failure.
FAILING = [
    ("cm_context_create", P, P), ("cm_image_wrap", P, P, I, I, P, I, P, RELEASE, P), ("cm_image_share", P, P, P),
    ("cm_image_set_geometry", BOOL, P, P), ("cm_image_set_unit", BOOL, P, TEXT), ("cm_image_set_meta", BOOL, P, TEXT, TEXT),
    ("cm_image_set_label", BOOL, P, I64, TEXT, P), ("cm_image_read", P, P, TEXT, P), ("cm_image_write", BOOL, P, P, TEXT, P),
    ("cm_table_create", P, P), ("cm_table_add_column", I, P, TEXT, I, TEXT), ("cm_table_add_rows", BOOL, P, I64),
    ("cm_table_set_text", BOOL, P, I64, I, TEXT), ("cm_table_read_csv", P, P, TEXT),
    ("cm_table_write_csv", BOOL, P, P, TEXT), ("cm_table_write_json", BOOL, P, P, TEXT),
    ("cm_op_get", P, TEXT), ("cm_params_create", P, P, P), ("cm_params_set", BOOL, P, P, TEXT, TEXT),
    ("cm_params_to_json", P, P, P, P), ("cm_op_run", BOOL, P, P, P, P, P, P), ("cm_ops_to_json", P, P, P),
    ("cm_dicom_scan", P, P, P, I), ("cm_study_open", P, P, TEXT), ("cm_study_check", BOOL, P),
    ("cm_study_plan", P, P, P, P, BOOL), ("cm_study_run", BOOL, P, P, P, P),
    ("cm_model_kind_get", P, TEXT), ("cm_model_fit", P, P, P, P, P), ("cm_model_predict", P, P, P, P),
    ("cm_model_explain", P, P, P, P), ("cm_model_kernel_shap", P, P, P, P, P, P), ("cm_model_lime", P, P, P, P, P, P),
    ("cm_model_counterfactuals", P, P, P, P, P, P), ("cm_model_effects", P, P, P, P, P),
    ("cm_model_weights", P, P, P), ("cm_model_draw", P, P, P, BOOL), ("cm_model_survival", P, P, P, P, C.POINTER(REAL), I), ("cm_model_forecast", P, P, P, P, REAL), ("cm_model_save", BOOL, P, P, TEXT),
    ("cm_model_load", P, P, TEXT), ("cm_learn_validate", P, P, P, I, P, P, P), ("cm_pixel_set_create", P, P, P, I, P),
    ("cm_pixel_set_add", BOOL, P, P, P, TEXT), ("cm_pixel_set_fit", P, P, P, P), ("cm_pixel_predict", BOOL, P, P, P, P, P), ("cm_catalog_query", P, P, TEXT, TEXT),
]


def find():
    """CORMACK_LIBRARY where it is set (to test a build); else the library that lies in the package."""
    told = os.environ.get("CORMACK_LIBRARY")
    path = pathlib.Path(told) if told else pathlib.Path(__file__).with_name("libcormack.so")
    if not path.exists():
        raise ImportError(f"{path} does not exist; install the package with pip, or set CORMACK_LIBRARY to a built libcormack.so")
    return path


lib = C.CDLL(str(find()), mode=os.RTLD_LAZY | os.RTLD_LOCAL)
for _name, _result, *_arguments in PLAIN:
    getattr(lib, _name).restype, getattr(lib, _name).argtypes = _result, _arguments
_failing = {name: getattr(lib, name) for name, *_ in FAILING}
for _name, _result, *_arguments in FAILING:
    _failing[_name].restype, _failing[_name].argtypes = _result, [*_arguments, P]
errors.define(lambda code: lib.cm_error_code_name(code).decode())


def call(name, *args):
    """Calls one of FAILING; its error is raised as the exception of its code."""
    err = P()
    result = _failing[name](*args, C.byref(err))
    if err.value:
        code, line = lib.cm_error_code_name(lib.cm_error_code(err)).decode(), text(lib.cm_error_text(err))
        lib.cm_error_free(C.byref(err))
        raise errors.by_code[code](line)
    return result


def text(value):
    """Text of the library; bytes of foreign files that are no UTF-8 survive as surrogates."""
    return None if value is None else value.decode("utf-8", "surrogateescape")


def data(value):
    """Text for the library."""
    return None if value is None else str(value).encode("utf-8", "surrogateescape")


def take(pointer):
    """Text that the caller owns."""
    try:
        return text(C.string_at(pointer))
    finally:
        lib.cm_free(pointer)


def texts(values):
    """An array of strings."""
    return (TEXT * max(1, len(values)))(*[data(value) for value in values])
