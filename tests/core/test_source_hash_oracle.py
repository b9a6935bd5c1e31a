"""The hash of the sources that the library tells, which keys all that a study keeps, is that of the files: worked out here by
hashlib. SHA-256 of the lines «SHA-256 of a file, its path», sorted by path, for every .c and .h of the library."""
import ctypes
import hashlib
import os
import pathlib
import sys

root = pathlib.Path(os.environ["CORMACK_SOURCE"])
files = sorted([*root.glob("src/**/*.[ch]"), *root.glob("include/**/*.h")], key=str)
lines = [f"{hashlib.sha256(f.read_bytes()).hexdigest()} {f.relative_to(root)}\n" for f in files if "/src/cli/" not in str(f)]
assert len(lines) > 300, len(lines)
try:
    library = ctypes.CDLL(str(pathlib.Path(os.environ["CORMACK"]).parent / "lib" / "libcormack.so"))
except OSError as error:  # built with a sanitizer that a plain Python cannot load
    print("skipped:", error)
    sys.exit(77)
library.cm_source_hash.restype = ctypes.c_char_p
told = library.cm_source_hash().decode()
assert told == hashlib.sha256("".join(lines).encode()).hexdigest(), "the library is not built from these sources"
print(f"{len(lines)} files, {told}")
