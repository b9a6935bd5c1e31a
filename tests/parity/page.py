"""docs/parity.md from what the parity tests of this build found (build/parity/*.json).

    python tests/parity/page.py [--check]      --check: exit 1 where the page would change

Differences are rounded up to one digit, so that machines agree. Real images that were absent leave the page as it is."""
import json
import math
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/python"))
import package  # noqa: E402

import pictures  # noqa: E402

MEASURES = {"numbers": "", "fraction": "share of voxels", "partition": "share of voxels, up to numbering", "table": "of the value"}
HEAD = """# Parity

Each operation beside an independent implementation, on the same images in one process. Made by `make parity`
(`tests/parity/test_parity_*_oracle.py`); a difference above its tolerance fails a test. Difference: the largest over all voxels of all images
named, rounded up to one digit; 0 means equal. Differences «of peak» are shares of the largest magnitude of the peer's result.

"""


def up(value):
    """Rounded up to one digit."""
    if value <= 0:
        return "refused, as it should" if value < 0 else "0"
    exponent = math.floor(math.log10(value))
    digit = math.ceil(round(value / 10.0**exponent, 6))
    return f"{digit * 10.0**exponent:.0e}".replace("e-0", "e-").replace("e+00", "")


def row(entry):
    unit = MEASURES.get(entry["measure"], entry["measure"].replace("_", " "))
    unit = " of peak" if entry["relative"] else f" {unit}" if unit else ""
    reason = entry["reason"] or ("" if entry["tolerance"] else "equal")
    cells = [entry["op"], entry["params"] or "defaults", ", ".join(entry["images"]), entry["peer"], up(entry["difference"]),
             f"{entry['tolerance']:g}{unit if entry['tolerance'] else ''}", reason]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def main():
    folder, found = package.BUILD / "parity", {}
    for script in sorted(pathlib.Path(__file__).parent.glob("test_parity_*_oracle.py")):
        group = script.stem.removeprefix("test_parity_").removesuffix("_oracle")
        if not (folder / f"{group}.json").exists():
            sys.exit(f"{group} has no result; run make parity")
        found[group] = json.loads((folder / f"{group}.json").read_text())
    if not all(entry["all"] for group in found.values() for entry in group["rows"]):
        print("skipped: real images are absent; docs/parity.md stays as it is")
        sys.exit(77 if "--check" in sys.argv else 0)
    versions = {peer: text for group in found.values() for peer, text in group["versions"].items()}
    used = " ".join(entry["peer"] for group in found.values() for entry in group["rows"])
    lines = [HEAD + "Peers: " + ", ".join(f"{peer} {text}" for peer, text in versions.items() if peer in used) + ".\n"]
    for group, result in found.items():
        lines += [f"\n## {group}\n", "| operation | parameters | images | peer | largest difference | tolerance | reason |",
                  "| --- | --- | --- | --- | --- | --- | --- |"]
        lines += [row(entry) for entry in sorted(result["rows"], key=lambda entry: (entry["op"], entry["params"], entry["peer"]))]
    lines += ["\n## Images\n", "| name | what it is |", "| --- | --- |"] + [f"| {name} | {words} |" for name, words in pictures.about()]
    text, page = "\n".join(lines) + "\n", ROOT / "docs/parity.md"
    if "--check" in sys.argv:
        if not page.exists() or page.read_text() != text:
            sys.exit("docs/parity.md is not what the parity tests found; run make parity and commit it")
        return
    page.write_text(text)
    print(page)


main()
