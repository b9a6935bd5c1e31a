"""From a description (the JSON of cm_ops_to_json) to a signature, a docstring and a stub. Standard library only."""

_KINDS = {"image": "ImageLike", "labels": "ImageLike", "table": "TableLike"}
_RESULTS = {"image": "Image", "labels": "Image", "table": "Table"}
_PLAIN = {"bool": "bool", "int": "int", "real": "float", "text": "str", "ints": "int | Sequence[int]", "reals": "float | Sequence[float]"}


def default(param):
    """The default as a Python value; () is an empty list."""
    kind, told = param["type"], param["default"]
    if kind == "bool":
        return told == "true"
    if kind in ("int", "real"):
        return {"int": int, "real": float}[kind](float(told))
    if kind in ("ints", "reals"):
        values = [{"ints": int, "reals": float}[kind](item) for item in told.split(",") if item]
        return values[0] if len(values) == 1 else tuple(values)
    return told


def annotation(param):
    if param["type"] == "enum":
        return f"Literal[{', '.join(map(repr, param['choices']))}]"
    return _PLAIN[param["type"]]


def result_class(op):
    """Name of the class of results where an operation has several."""
    return "".join(word.capitalize() for word in op["name"].split("_")) + "Result"


def result(op):
    outputs = op["outputs"]
    return _RESULTS[outputs[0]["kind"]] if len(outputs) == 1 else result_class(op)


def arguments(op):
    """(name, keyword only, annotation, has a default, default): required ports, then optional ones, then parameters."""
    rows = [(port["name"], False, _KINDS[port["kind"]], False, None) for port in op["inputs"] if not port["optional"]]
    rows += [(port["name"], True, _KINDS[port["kind"]] + " | None", True, None) for port in op["inputs"] if port["optional"]]
    rows += [(param["name"], True, annotation(param), True, default(param)) for param in op["params"]]
    return [*rows, ("context", True, "Context | None", True, None)]


def _limits(param):
    unit = f" {param['unit']}" if param["unit"] not in ("", "1") else ""
    if param["type"] == "enum":
        return ", ".join(param["choices"])
    if "min" not in param:
        return ""
    low, high = (f"{param[end]:g}" if abs(param[end]) < 1e18 else "" for end in ("min", "max"))
    return f"{low} to {high}{unit}" if low or high else unit.strip()


def docstring(op):
    lines = [op["summary"]]
    if op["details"]:
        lines += ["", op["details"]]
    told = [(port["name"], port["help"]) for port in op["inputs"]]
    for param in op["params"]:
        limits = _limits(param)
        told.append((param["name"], param["help"] + (f" ({limits})" if limits else "")))
    lines += ["", "Parameters", "----------"] + [f"{name}: {words}" for name, words in told]
    lines += ["context: threads, memory and progress of this call; otherwise those of the `with` around or cormack.configure()"]
    if op["outputs"]:
        lines += ["", "Returns", "-------"] + [f"{port['name']}: {port['help']}" for port in op["outputs"]]
    if op["cite"]:
        lines += ["", op["cite"]]
    return "\n".join(lines)


def stub(op):
    parts, starred = [], False
    for name, keyword, kind, optional, value in arguments(op):
        if keyword and not starred:
            parts.append("*")
            starred = True
        parts.append(f"{name}: {kind}" + (f" = {value!r}" if optional else ""))
    head = ""
    if len(op["outputs"]) > 1:
        fields = "".join(f"    {port['name']}: {_RESULTS[port['kind']]}\n" for port in op["outputs"])
        head = f"class {result_class(op)}(NamedTuple):\n{fields}\n"
    words = docstring(op).replace("\\", "\\\\").replace('"""', "'''").replace("\n", "\n    ")
    return f'{head}def {op["name"]}({", ".join(parts)}) -> {result(op)}:\n    """{words}\n    """\n    ...\n'


def stubs(ops):
    """The text of ops.pyi."""
    return ("# Made from the registry of operations by python -m cormack._stubs; not to be edited.\n"
            "from collections.abc import Sequence\nfrom typing import Literal, NamedTuple\n\n"
            "from .context import Context\nfrom .image import Image\nfrom .like import ImageLike, Table, TableLike\n\n"
            + "\n".join(stub(op) for op in ops))
