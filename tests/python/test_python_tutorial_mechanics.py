"""Runs the code of docs/python.md, block after block, in one namespace."""
import re

from package import SOURCE

page = (SOURCE / "docs/python.md").read_text(encoding="utf-8")
blocks = [(page[: found.start()].count("\n") + 1, found.group(1)) for found in re.finditer(r"```python\n(.*?)```", page, re.S)]
assert len(blocks) >= 8
names = {}
for line, block in blocks:
    exec(compile("\n" * line + block, "docs/python.md", "exec"), names)
print(len(blocks), "blocks ran")
