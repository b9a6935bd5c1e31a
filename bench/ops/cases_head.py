"""The head in MR."""
from bench_ops import Case

CASES = [
    Case("brain", {}, "mr", {}, note="no library of Python extracts brains without a trained network"),
]
