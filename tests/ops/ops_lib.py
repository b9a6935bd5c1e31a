"""Runs operations on NumPy arrays by the Python package, for tests against independent programs.

Arrays are indexed [z, y, x], [y, x], [t, z, y, x]; components last where components=True."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "python"))
import package  # noqa: E402,F401  (finds the build, or skips)

import cormack  # noqa: E402


class Ops:
    def __init__(self, threads=2):
        self.context = cormack.Context(threads=threads, progress=False)

    def image(self, array, spacing=(1, 1, 1), origin=(0, 0, 0), direction=None, components=False):
        spacing, origin = (*spacing, 1)[:3], (*origin, 0)[:3]
        return cormack.Image(array, spacing, origin, direction, components=components, context=self.context)

    def array(self, image):
        return image.array

    def geometry(self, image):
        return image

    def run(self, name, inputs, outputs=1, **params):
        """inputs: images (or None) in the order of the ports. Returns the list of results."""
        ports = cormack.ops.DESCRIPTIONS[name]["inputs"]
        given = {port["name"]: value for port, value in zip(ports, inputs) if value is not None}
        made = getattr(cormack, name)(**given, **params, context=self.context)
        return list(made) if isinstance(made, tuple) else [made]

    def table(self, table):
        """Rows of a table as dictionaries of text; missing is empty."""
        columns = {name: ["" if value is None or value != value else str(value) for value in
                          (None if str(v) == "<NA>" else v for v in table[name])] for name in table.keys()}
        return [dict(zip(columns, row)) for row in zip(*columns.values())]

    def apply(self, name, array, mask=None, spacing=(1, 1, 1), components=False, **params):
        inputs = [self.image(array, spacing, components=components)] + ([self.image(mask, spacing)] if mask is not None else [])
        return self.run(name, inputs, **params)[0].array
