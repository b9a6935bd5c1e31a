"""Files and folders: images of all formats, tables, DICOM folders, studies."""
import ctypes as C
import os
import pathlib
from dataclasses import dataclass, field

import numpy as np

from . import errors
from ._library import (ReadOptions, StudyOptions, StudyOutcome, WriteOptions, call, data, lib, take, text)
from .context import current
from .image import Image, as_image
from .table import from_table, to_table

FILL = ("refuse", "linear", "drop")  # CmFill
TILT = ("refuse", "correct")  # CmTilt


def _choice(name, value, choices):
    if value not in choices:
        raise errors.by_code["parameter"](f"{name} is {value!r}; give one of {', '.join(choices)}")
    return choices.index(value)


def read(path, *, fill="refuse", tilt="refuse", suv=False, stored=False, select=None, context=None):
    """Reads the one image that a file or folder holds: NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, NumPy, DICOM.

    fill: a missing slice of a DICOM volume is an error ("refuse"), interpolated ("linear"), or the longest even run is
    kept ("drop"). tilt: a gantry tilt is an error or corrected ("correct"). suv: PET as SUV by body weight. stored: stored values
    instead of HU and the like. select: of several images the SeriesInstanceUID, volume key (see scan()) or array name."""
    context, options = current(context), ReadOptions()
    lib.cm_read_default_options(C.byref(options))
    options.fill, options.tilt, options.suv, options.stored = _choice("fill", fill, FILL), _choice("tilt", tilt, TILT), suv, stored
    options.select = data(select)
    return context.run(lambda: Image._take(context.own(
        call("cm_image_read", context.pointer, os.fsencode(path), C.byref(options)), lib.cm_image_unref)))


def write(image, path, *, compression=-1, quality=None, source=None, anonymous=False, context=None):
    """Writes an image in the format that the extension says; a path without one is a folder of DICOM.

    compression: 0..9, -1 for the format's usual. quality: of JPEG, 1..100. source: for DICOM, the file or folder that the image was
    derived from. anonymous: leave out metadata that names people or institutions. What a format cannot hold exactly is refused."""
    context, options = current(context), WriteOptions()
    image = as_image(image, context)
    lib.cm_write_default_options(C.byref(options))
    options.compression, options.anonymous = compression, anonymous
    options.quality = options.quality if quality is None else quality
    options.source = None if source is None else os.fsencode(source)
    context.run(lambda: call("cm_image_write", context.pointer, image._pointer, os.fsencode(path), C.byref(options)))


def read_table(path, *, context=None):
    """Reads a CSV file; «name [unit]» in its first line gives units."""
    context = current(context)
    handle = context.own(call("cm_table_read_csv", context.pointer, os.fsencode(path)), lib.cm_table_unref)
    return to_table(handle.pointer)


def write_table(table, path, *, context=None):
    """Writes a table as CSV, or as JSON where the path ends in .json."""
    context = current(context)
    handle = from_table(context, table)
    write_it = "cm_table_write_json" if str(path).lower().endswith(".json") else "cm_table_write_csv"
    call(write_it, context.pointer, handle.pointer, os.fsencode(path))


@dataclass(frozen=True)
class Volume:
    """One DICOM volume: `key` is what read(..., select=key) takes; `defect` is None, or why it cannot be read as it is."""

    key: str
    patient_id: str
    patient_name: str
    study_uid: str
    series_uid: str
    frame_of_reference_uid: str
    study_date: str
    modality: str
    study_description: str
    series_description: str
    size: tuple
    spacing: tuple
    origin: tuple
    direction: np.ndarray = field(repr=False)
    defect: str | None
    fillable: bool
    tilted: bool
    tilt_degrees: float
    note: str | None
    files: tuple = field(repr=False)


@dataclass(frozen=True)
class Reject:
    """A file that holds no readable image, and why."""

    path: str
    reason: str
    code: str


@dataclass(frozen=True)
class Scan:
    """What lies under some paths. `rejects` are broken or unsupported DICOM files, `objects` DICOM without images, `other_files` the
    number of files that are not DICOM."""

    volumes: tuple
    rejects: tuple
    objects: tuple
    other_files: int


def scan(*paths, context=None):
    """Reads the headers of all DICOM files under files, folders or DICOMDIRs and says which volumes they make."""
    context = current(context)
    where = (C.c_char_p * max(1, len(paths)))(*[os.fsencode(path) for path in paths])
    handle = context.run(lambda: context.own(call("cm_dicom_scan", context.pointer, where, len(paths)), lib.cm_dicom_scan_free))
    found = handle.pointer
    rejects, objects = ([Reject(*(text(getattr(row, name)) for name in ("path", "reason", "code")))
                         for row in (at_(found, k).contents for k in range(count(found)))]
                        for count, at_ in ((lib.cm_dicom_scan_rejects, lib.cm_dicom_scan_reject),
                                           (lib.cm_dicom_scan_objects, lib.cm_dicom_scan_object)))
    volumes = tuple(_volume(found, at) for at in range(lib.cm_dicom_scan_volumes(found)))
    return Scan(volumes, tuple(rejects), tuple(objects), lib.cm_dicom_scan_other_files(found))


def _volume(found, at):
    row = lib.cm_dicom_scan_volume(found, at).contents
    told = {name: getattr(row, name) for name in Volume.__dataclass_fields__ if hasattr(row, name)}
    told = {name: text(value) if isinstance(value, bytes) else value for name, value in told.items()}
    geometry = row.geometry
    files = tuple(os.fsdecode(lib.cm_dicom_scan_file(found, at, k)) for k in range(row.file_count))
    return Volume(**told, size=tuple(row.dims[: row.rank]), spacing=tuple(geometry.spacing), origin=tuple(geometry.origin),
                  direction=np.array(geometry.direction).reshape(3, 3), files=files)


def info(path, *, select=None, context=None):
    """What a file or folder is: a Scan for DICOM, else a dictionary of size, dtype, components, geometry, unit and metadata (the image
    is read for it)."""
    if pathlib.Path(path).is_dir() or lib.cm_dicom_sniff(os.fsencode(path)):
        return scan(path, context=context)
    image = read(path, select=select, context=context)
    names = ("rank", "size", "dtype", "components", "spacing", "spacing_t", "origin", "direction", "unit", "metadata", "labels")
    return {name: getattr(image, name) for name in names}


def query(catalog, sql, *, context=None):
    """Asks a catalogue (made by `cormack catalog add`) in SQL; a table."""
    context = current(context)

    def work():
        handle = context.own(call("cm_catalog_query", context.pointer, os.fsencode(catalog), data(sql)), lib.cm_table_unref)
        return to_table(handle.pointer)

    return context.run(work)


@dataclass(frozen=True)
class Outcome:
    """What run() did; quarantined > 0 means that OUT/quarantine.csv says what could not be done."""

    subjects: int
    images: int
    steps_run: int
    steps_kept: int
    steps_failed: int
    quarantined: int
    seconds: float


def _study(path, out, resume, fresh, context, work):
    handle = context.own(call("cm_study_open", context.pointer, os.fsencode(path)), lib.cm_study_free)
    call("cm_study_check", handle.pointer)
    options = StudyOptions()
    lib.cm_study_default_options(C.byref(options))
    options.out, options.resume, options.fresh = None if out is None else os.fsencode(out), resume, fresh
    return context.run(lambda: work(handle.pointer, C.byref(options)))


def run(study, out, *, resume=False, fresh=False, context=None):
    """Runs a study file into the folder `out`: steps, learning, report. A second run does only what changed; fresh=True all again."""
    context, outcome = current(context), StudyOutcome()
    _study(study, out, resume, fresh, context, lambda opened, options: call("cm_study_run", context.pointer, opened, options, C.byref(outcome)))
    return Outcome(**{name: getattr(outcome, name) for name in Outcome.__dataclass_fields__})


def plan(study, out=None, *, context=None):
    """What run() would do, as text; reads headers only."""
    context = current(context)
    return _study(study, out, False, False, context, lambda opened, options: take(call("cm_study_plan", context.pointer, opened, options, False)))
