"""A seed of the fuzzer of operations for each that has none: make_op_seeds.py PROGRAM FOLDER (fuzz/corpus/fuzz_ops).

The layout is that of fuzz/fuzz_ops.c: the hash of the name, a small volume with defaults but for a few parameters."""
import json
import pathlib
import random
import subprocess
import sys

program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)


def name_hash(name):
    """FNV-1a, folded to 16 bits."""
    value = 2166136261
    for byte in name.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return (value ^ value >> 16) & 0xFFFF


for op in json.loads(subprocess.run([program, "ops", "--json"], check=True, capture_output=True, text=True).stdout):
    path, name = folder / op["name"], op["name"]
    if path.exists():
        continue
    dice = random.Random(name)
    flags, fail, rank, dims = 0x13, 0, 1 + dice.randrange(2), [11, 9, 5, 1]
    head = [*name_hash(name).to_bytes(2, "little"), flags, fail, rank, *dims, dice.randrange(8), 0, dice.choice([0, 3]), 0]
    path.write_bytes(bytes(head + [dice.randrange(128) for _ in range(4 * len(op["params"]))]))
