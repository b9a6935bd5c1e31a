"""docs/parity.md: what the parity cases are, and the largest differences that they found in this build (build/parity/*.json).

    python tests/parity/page.py            writes the page; every group must have run (make parity)

What a row says stands in the cases, all but the difference: test_parity_page_regression compares the rest without running them."""
import ast
import json
import math
import pathlib
import re
import sys

import parity
import pictures

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs/parity.md"
MEASURES = {"numbers": "", "fraction": " of voxels", "partition": " of voxels, up to numbering", "table": " of the value"}
SETS = {"real": pictures.REAL, "extreme": pictures.EXTREME, "masks": pictures.MASKS}
HEAD = """# Parity

Each operation beside an independent implementation, on the same images in one process. Made by `make parity` from
`tests/parity/test_parity_*_oracle.py`; a difference above its tolerance fails a test. Difference: the largest over all voxels of all images
and parameters of the row, rounded up to one digit; 0 means equal. «of peak»: a share of the largest magnitude of the peer's result.
Images stand at the end.
"""
# Operations whose independent judge is no program that runs beside them: operation, judge, test.
ELSEWHERE = [
    ("bone", "phantom of known anatomy", "tests/ops/test_bone_phantom_oracle.c"),
    ("brain", "heads of ellipsoids; Smith 2002 in NumPy and the AAL atlas on a real head", "tests/ops/test_brain_oracle.py"),
    ("compare", "closed form (Schwartz 1961): nodules of given place and volume", "tests/ops/test_compare_oracle.c"),
    ("delta_features", "pandas and SciPy's linregress", "tests/ops/test_delta_features_oracle.py"),
    ("first_order", "IBSI's reference values, PyRadiomics' published baselines", "tests/ops/test_ops_measures_oracle.py"),
    ("icc", "Shrout and Fleiss' worked example, pingouin", "tests/ops/test_robustness_oracle.py"),
    ("lungs", "phantom of known lungs; masks of a chest CT drawn by others", "tests/ops/test_lungs_phantom_oracle.c, tests/ops/test_lungs_real_oracle.py"),
    ("nodules", "phantom with nodules of known place and size", "tests/ops/test_nodules_phantom_oracle.c"),
    ("perturb", "closed forms, SimpleITK, SciPy", "tests/ops/test_robustness_oracle.py"),
    ("radiomics", "IBSI's reference values", "tests/ops/test_radiomics_ibsi_oracle.py"),
    ("radiomics_map", "definitions in NumPy; PyRadiomics' voxel-based extraction", "tests/ops/test_radiomics_map_oracle.py, tests/ops/test_radiomics_map_package_oracle.py"),
    ("register", "closed form: images moved by known transforms", "tests/ops/test_register_oracle.c"),
    ("shape", "IBSI's reference values, PyRadiomics' published baselines", "tests/ops/test_ops_measures_oracle.py"),
]


def up(value):
    """Rounded up to one digit."""
    if value <= 0:
        return "0"
    exponent = math.floor(math.log10(value))
    digit = math.ceil(round(value / 10.0**exponent, 6))
    return f"{digit * 10.0**exponent:.0e}".replace("e-0", "e-").replace("e+00", "").replace("e+0", "e")


def images(cases):
    """The names of a row's images, known sets by their name."""
    left, words = list(dict.fromkeys(name for case in cases for name in case.images)), []
    for word, names in SETS.items():
        missing = [name for name in names if name not in left]
        if len(missing) <= len(names) // 3 and len(names) - len(missing) > 1:
            words.append(word + (f" but {', '.join(missing)}" if missing else ""))
            left = [name for name in left if name not in names]
    return "; ".join(filter(None, [", ".join(words), ", ".join(left)]))


def params(cases):
    """The parameters of a row: all that vary, each with its values."""
    values = {}
    for case in cases:
        for key, value in case.params.items():
            text = parity.param_text(value)
            found = values.setdefault(key, [])
            if text not in found:
                found.append(text)
    words = [f"{key}={shortened(found)}" for key, found in values.items()]
    return ", ".join(words) + (f" ({len(cases)} sets)" if len(cases) > 1 else "") if words else "defaults"


def shortened(found):
    shown = [text if len(text) <= 24 else text[:20] + "…" for text in found[:4]]
    return " / ".join(shown + ["…"] * (len(found) > 4))


def groups():
    """{group: {key of a row: cases}}, each in the order of its file, sorted by operation."""
    found = {}
    for path in sorted(HERE.glob("test_parity_*_oracle.py")):
        rows = {}
        for case in sorted(parity.load(path), key=lambda case: case.op):
            key = (case.op, case.peer, case.tolerance, case.relative, case.compare.__name__, case.reason)
            rows.setdefault(key, []).append(case)
        found[path.stem.removeprefix("test_parity_").removesuffix("_oracle")] = rows
    return found


def table(columns, rows):
    line = lambda cells: "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
    return [line(columns), line(["---"] * len(columns)), *map(line, rows)]


def row(cases, difference):
    case = cases[0]
    unit = " of peak" if case.relative else MEASURES.get(case.compare.__name__.removeprefix("compare_"), " " + case.compare.__name__)
    refused = sorted({name for case in cases for name in case.refuses})
    notes = [case.reason or ("" if case.tolerance else "equal"), f"refuses {', '.join(refused)}" if refused else ""]
    return [f"`{case.op}`", case.peer, params(cases), images(cases), difference, f"{case.tolerance:g}{unit if case.tolerance else ''}", "; ".join(filter(None, notes))]


def learning():
    """Models, metrics and explanations: a line a test of tests/learn, what it says of itself."""
    rows = []
    for path in sorted((HERE.parent / "learn").glob("test_*_oracle.py")):
        said = ast.get_docstring(ast.parse(path.read_text())).removeprefix("oracle: ")
        rows.append((f"`{path.name.removeprefix('test_').removesuffix('_oracle.py')}`", " ".join(said.split())))
    return rows


def text(difference):
    """The page; difference(group, cases) gives the cell."""
    found, used = groups(), []
    for rows in found.values():
        used += [cases[0].peer for cases in rows.values()]
    peers = ", ".join(f"{peer} {version}" for peer, version in parity.versions().items() if any(peer in name for name in used))
    lines = [HEAD, f"Peers: {peers}."]
    for group, rows in found.items():
        lines += [f"\n## {group}\n", *table(["operation", "peer", "parameters", "images", "largest difference", "tolerance", "reason"],
                                          [row(cases, difference(group, cases)) for cases in rows.values()])]
    lines += ["\n## Judged by closed forms and published values\n", *table(["operation", "judge", "test"], [(f"`{op}`", judge, test) for op, judge, test in ELSEWHERE])]
    lines += ["\n## Models, metrics, explanations\n", "Each against an independent implementation on real tables; `make parity` runs these as well.\n",
              *table(["tests/learn", "what is compared with what, and the tolerance"], learning())]
    lines += ["\n## Images\n", *[f"{word}: {', '.join(names)}.  " for word, names in SETS.items()], "", *table(["name", "what it is"], pictures.about())]
    return "\n".join(lines) + "\n"


def measured(folder):
    """difference(group, cases) from what the tests of this build found."""
    found = {}
    for path in folder.glob("*.json"):
        for entry in json.loads(path.read_text())["rows"]:
            key = (path.stem, entry["op"], entry["params"], entry["peer"])
            found[key] = max(found.get(key, 0), entry["difference"])

    def difference(group, cases):
        keys = [(group, case.op, case.name[len(case.op):].strip(), case.peer) for case in cases]
        missing = [key for key in keys if key not in found]
        if missing:
            sys.exit(f"{missing[0]} has no result; run make parity")
        return up(max(found[key] for key in keys))

    return difference


def without_differences(page):
    """The page with «…» for each difference, and the versions of the peers left out: what every machine must agree on."""
    page = re.sub(r"^Peers: .*$", "Peers: …", page, flags=re.M)
    return re.sub(r"^(\| `[^|]*\|(?:[^|\\]|\\.)*\|(?:[^|\\]|\\.)*\|(?:[^|\\]|\\.)*\|) [^|]* \|(?=.*\|.*\|$)", r"\1 … |", page, flags=re.M)


if __name__ == "__main__":
    if any(pictures.get(name) is None for name in pictures.REAL):
        print("real images are absent; docs/parity.md stays as it is")
        sys.exit(0)
    PAGE.write_text(text(measured(parity.package.BUILD / "parity")))
    print(PAGE)
