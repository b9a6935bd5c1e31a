"""mechanics: arrows between rooms point one way (docs/architecture.md): cli, serve -> study -> catalog, learn, deep, ops, io -> core."""
import os
import pathlib
import re
import sys

root = pathlib.Path(os.environ.get("CORMACK_SOURCE", "."))
ABOVE = {
    "core": set(), "io": {"core"}, "ops": {"core"}, "learn": {"core"}, "deep": {"core", "learn"}, "catalog": {"core", "io"},
    "study": {"core", "io", "ops", "learn", "deep", "catalog"},
    "serve": {"core", "io", "ops", "learn", "deep", "catalog", "study"},
    "cli": {"core", "io", "ops", "learn", "deep", "catalog", "study", "serve"},
}
# which room a public header belongs to; the core's may be included by all
HEADERS = {"io": "io", "dicom": "io", "npz": "io", "learn": "learn", "pixels": "learn", "deep": "deep", "catalog": "catalog", "study": "study", "phantom": "ops",
           "serve": "serve"}
CORE = {"base", "error", "context", "parallel", "hash", "image", "table", "signal", "op", "file"}

faults = []
for path in sorted((root / "src").rglob("*.[ch]")):
    room = path.relative_to(root / "src").parts[0]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if not match:
            continue
        parts = match.group(1).split("/")
        if parts[0] == "cormack":
            name = parts[1].removesuffix(".h")
            target = "core" if name in CORE else HEADERS.get(name)
        else:
            target = parts[0] if parts[0] in ABOVE else None
        where = f"{path.relative_to(root)}:{number}: {match.group(1)}"
        if target is None:
            faults.append(where + " belongs to no room (includes are written from src/; a new public header belongs into this test)")
        elif target != room and target not in ABOVE[room]:
            faults.append(f"{where}: {room} must not know {target}")
for header in sorted((root / "include/cormack").glob("*.h")):
    if header.stem not in CORE | set(HEADERS):
        faults.append(f"include/cormack/{header.name} belongs to no room")
print("\n".join(faults) or "all arrows point one way")
sys.exit(1 if faults else 0)
