"""The wheel: built, installed into a fresh environment that has NumPy alone, used there. Builds in build/wheel, so that a second run is quick."""
import os
import pathlib
import subprocess
import sys
import sysconfig
import tempfile
import zipfile

SOURCE = pathlib.Path(os.environ.get("CORMACK_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("CORMACK", SOURCE / "build/cormack")).parent
try:
    import numpy
    import scikit_build_core  # noqa: F401
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
if "san" in BUILD.name:
    print("skipped: a wheel has no sanitizer")
    sys.exit(77)


def run(*command, **named):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **named)
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


CHECK = """
import cormack, numpy as np, importlib.metadata
assert "CORMACK" not in __import__("os").environ and "site-packages" in cormack.__file__
out = cormack.mean(np.full((3, 4, 5), 7, np.uint8), radius=1)
assert (np.asarray(out) == 7).all()
found = cormack.otsu(np.array([[0, 0, 9, 9]], np.uint8))
assert type(found.thresholds).__name__ == "Columns"
print(cormack.__version__, importlib.metadata.version("cormack"))
"""

with tempfile.TemporaryDirectory() as folder:
    root = pathlib.Path(folder)
    run(sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index", "-w", root, f"--config-settings=build-dir={BUILD}/wheel",
        SOURCE / "python", env=dict(os.environ, CMAKE_BUILD_PARALLEL_LEVEL="2"))
    wheel = next(root.glob("cormack-*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert {"cormack/libcormack.so", "cormack/ops.pyi", "cormack/py.typed", "cormack/__init__.py"} <= set(names), names
    assert not [name for name in names if "include" in name or name.endswith(".c")] and "-py3-none-" in wheel.name
    run(sys.executable, "-m", "venv", root / "fresh")
    python = root / "fresh/bin/python"
    site = next((root / "fresh/lib").glob("python*/site-packages"))
    for name in ("numpy", "numpy.libs"):  # NumPy of this environment, and nothing else of it
        if (pathlib.Path(numpy.__file__).parents[1] / name).exists():
            (site / name).symlink_to(pathlib.Path(numpy.__file__).parents[1] / name)
    run(python, "-m", "pip", "install", "--no-index", "--no-deps", wheel)
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("CORMACK", "PYTHON"))}
    one, other = run(python, "-c", CHECK, env=plain, cwd=root).split()
    assert one == other, (one, other)
    print(wheel.name, f"{wheel.stat().st_size / 2**20:.1f} MiB, Python {sysconfig.get_python_version()}")
