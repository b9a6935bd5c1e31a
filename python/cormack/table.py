"""Tables: pandas DataFrames where pandas is installed, else dictionaries of columns."""
import ctypes as C
import json
import math

from ._library import call, data, lib, take

_REAL, _INT, _TEXT = range(3)  # CmColumnType


class Columns(dict):
    """{name: list of values}, missing as None; `units` is {name: unit}. Where pandas is installed a DataFrame comes
    instead, with the units in .attrs["units"]."""

    units: dict


def to_table(context, pointer):
    """A DataFrame or Columns from a CmTable, which stays the caller's. Infinite numbers cannot occur."""
    told = json.loads(take(call("cm_table_to_json", context.pointer, pointer)))
    names = [column["name"] for column in told["columns"]]
    columns = dict(zip(names, map(list, zip(*told["rows"])))) if told["rows"] else {name: [] for name in names}
    units = {column["name"]: column["unit"] for column in told["columns"] if column["unit"]}
    try:
        import pandas
    except ImportError:
        made = Columns(columns)
        made.units = units
        return made
    series = {}
    for column in told["columns"]:
        values = columns[column["name"]]
        kind = {"real": "float64", "int": "Int64" if None in values else "int64"}.get(column["type"], "object")
        series[column["name"]] = pandas.Series(values, dtype=kind)
    made = pandas.DataFrame(series, columns=names)
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
    there = [value for value in values if value is not None]
    if not all(isinstance(value, (int, float)) for value in there):
        if any(isinstance(value, (int, float)) for value in there):
            raise TypeError(f"column {name!r} has numbers and text; make it one of them")
        return _TEXT
    return _INT if there and all(isinstance(value, int) for value in there) else _REAL


def from_table(context, table):
    """A Handle on a CmTable from a DataFrame, Columns or any {name: values}. Values are copied."""
    units = getattr(table, "units", None) or getattr(table, "attrs", {}).get("units") or {}
    if not hasattr(table, "keys"):
        raise TypeError(f"{type(table).__name__} is no table; give a DataFrame or a dictionary of columns")
    columns = {str(name): [_plain(value) for value in table[name]] for name in table.keys()}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns of unlike length: {', '.join(f'{name} {len(values)}' for name, values in columns.items())}")
    made = context.own(call("cm_table_create", context.pointer), lib.cm_table_unref)
    kinds = []
    for name, values in columns.items():
        kinds.append(_kind(name, values))
        call("cm_table_add_column", made.pointer, data(name), kinds[-1], data(units.get(name, "")))
    for _ in range(lengths.pop() if lengths else 0):
        call("cm_table_add_row", made.pointer)
    for at, (kind, values) in enumerate(zip(kinds, columns.values())):
        for row, value in enumerate(values):
            if value is None:
                continue
            if kind == _TEXT:
                call("cm_table_set_text", made.pointer, row, at, data(value))
            elif kind == _INT:
                lib.cm_table_set_int(made.pointer, row, at, _int64(value))
            else:
                lib.cm_table_set_real(made.pointer, row, at, float(value))
    return made


def _int64(value):
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{value} does not fit into 64 bits; make the column text")
    return C.c_int64(value)
