"""Tables: pandas DataFrames where pandas is installed, else dictionaries of columns."""
import ctypes as C
import math

import numpy as np

from ._library import call, data, lib, text

_REAL, _INT, _TEXT = range(3)  # CmColumnType
_APART = 100  # columns; pandas warns of more


class Columns(dict):
    """{name: list of values}, missing as None; `units` is {name: unit}. Where pandas is installed a DataFrame comes
    instead, with the units in .attrs["units"]."""

    units: dict


def _column(pointer, at, kind, rows):
    """Values and what of them is there, as arrays."""
    if kind == _INT:
        values, present = np.empty(rows, np.int64), np.empty(rows, np.bool_)
        lib.cm_table_get_ints(pointer, at, values.ctypes.data, present.ctypes.data)
        return values, present
    values = (C.c_char_p * rows)()
    lib.cm_table_get_texts(pointer, at, values)
    return [text(value) for value in values], None


def _listed(values, present):
    """A list with None where nothing is."""
    if isinstance(values, list):
        return values
    gone = np.isnan(values) if present is None else ~present
    return np.where(gone, None, values.astype(object)).tolist() if gone.any() else values.tolist()


def _array(pandas, values, present):
    """As pandas keeps it without a further copy: float64, int64, Int64 where some are missing, object for text."""
    if isinstance(values, list):
        made = np.empty(len(values), object)
        made[:] = values
        return made
    return values if present is None or present.all() else pandas.arrays.IntegerArray(values, ~present)


def _frame(pandas, which, reals, others):
    """Columns by their numbers. Few of them stay apart, which takes a tenth of the time; many share a block."""
    count = len(which) + len(others)
    if 0 < count <= _APART:
        columns = {**dict(zip(which, reals)), **others}
        return pandas.DataFrame({at: columns[at] for at in range(count)}, copy=False)
    made = pandas.DataFrame(reals.T, columns=pandas.Index(which), copy=False)
    if not others:
        return made
    more = pandas.DataFrame(others)
    return (pandas.concat([made, more], axis=1) if which else more)[range(count)]


def to_table(pointer):
    """A DataFrame or Columns from a CmTable, which stays the caller's."""
    rows, count = lib.cm_table_rows(pointer), lib.cm_table_columns(pointer)
    told, units, kinds = (C.c_char_p * count)(), (C.c_char_p * count)(), (C.c_int * count)()
    lib.cm_table_describe(pointer, told, units, kinds)
    names = [name.decode("utf-8", "surrogateescape") for name in told]
    units = {name: text(unit) for name, unit in zip(names, units) if unit}
    which = [at for at, kind in enumerate(kinds) if kind == _REAL]
    reals = np.empty((len(which), rows), np.float64)
    lib.cm_table_get_reals(pointer, reals.ctypes.data)
    others = {at: _column(pointer, at, kinds[at], rows) for at in range(count) if kinds[at] != _REAL}
    try:
        import pandas
    except ImportError:
        others.update({at: (values, None) for at, values in zip(which, reals)})
        made = Columns({name: _listed(*others[at]) for at, name in enumerate(names)})
        made.units = units
        return made
    made = _frame(pandas, which, reals, {at: _array(pandas, *column) for at, column in others.items()})
    made.columns = names
    made.attrs["units"] = units
    return made


def _plain(value):
    """A cell as None, int, float or str."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and math.isnan(value):
        return None
    return int(value) if isinstance(value, bool) else value


def _kind(name, values):
    if isinstance(values, np.ndarray):
        return _REAL if values.dtype.kind == "f" else _INT
    there = [value for value in values if value is not None]
    if not all(isinstance(value, (int, float)) for value in there):
        if any(isinstance(value, (int, float)) for value in there):
            raise TypeError(f"column {name!r} has numbers and text; make it one of them")
        return _TEXT
    return _INT if there and all(isinstance(value, int) for value in there) else _REAL


def _numbers(values):
    """A column of NumPy numbers as float64 or int64, whole; None: its cells have to be looked at one by one."""
    if hasattr(values, "to_numpy") and isinstance(getattr(values, "dtype", None), np.dtype):
        values = values.to_numpy()
    if not isinstance(values, np.ndarray) or values.ndim != 1 or not len(values):
        return None
    if values.dtype.kind == "f" and values.dtype.itemsize <= 8:
        return np.ascontiguousarray(values, np.float64)
    if values.dtype.kind in "bi" or (values.dtype.kind == "u" and values.dtype.itemsize < 8):
        return np.ascontiguousarray(values, np.int64)
    return None


def _cells(values):
    found = _numbers(values)
    return [_plain(value) for value in values] if found is None else found


def from_table(context, table):
    """A Handle on a CmTable from a DataFrame, Columns or any {name: values}. Values are copied."""
    units = getattr(table, "units", None) or getattr(table, "attrs", {}).get("units") or {}
    if not hasattr(table, "keys"):
        raise TypeError(f"{type(table).__name__} is no table; give a DataFrame or a dictionary of columns")
    columns = {str(name): _cells(table[name]) for name in table.keys()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns of unlike length: {', '.join(f'{name} {len(values)}' for name, values in columns.items())}")
    made = context.own(call("cm_table_create", context.pointer), lib.cm_table_unref)
    kinds = []
    for name, values in columns.items():
        kinds.append(_kind(name, values))
        call("cm_table_add_column", made.pointer, data(name), kinds[-1], data(units.get(name, "")))
    call("cm_table_add_rows", made.pointer, lengths.pop() if lengths else 0)
    for at, (kind, values) in enumerate(zip(kinds, columns.values())):
        _fill(made.pointer, at, kind, values)
    return made


def _fill(pointer, at, kind, values):
    if isinstance(values, np.ndarray):
        if kind == _REAL:
            lib.cm_table_set_reals(pointer, at, values.ctypes.data)
        else:
            present = np.ones(len(values), np.bool_)
            lib.cm_table_set_ints(pointer, at, values.ctypes.data, present.ctypes.data)
        return
    if kind == _TEXT:
        for row, value in enumerate(values):
            if value is not None:
                call("cm_table_set_text", pointer, row, at, data(value))
        return
    if kind == _REAL:
        reals = np.array([math.nan if value is None else value for value in values], np.float64)
        lib.cm_table_set_reals(pointer, at, reals.ctypes.data)
        return
    large = next((value for value in values if value is not None and not -(2**63) <= value < 2**63), None)
    if large is not None:
        raise ValueError(f"{large} does not fit into 64 bits; make the column text")
    present = np.array([value is not None for value in values], np.bool_)
    ints = np.array([value or 0 for value in values], np.int64)
    lib.cm_table_set_ints(pointer, at, ints.ctypes.data, present.ctypes.data)
