"""Parity: an operation beside an independent implementation, on real and extreme images, in one process.

A group of cases is a file tests/parity/test_parity_<group>_oracle.py, which CTest finds:

    import parity
    from parity import REAL, EXTREME, Case, nd, np

    CASES = [
        Case("gaussian", {"sigma": 2, "units": "voxel"}, REAL + EXTREME, "SciPy gaussian_filter",
             lambda p: nd.gaussian_filter(p.f64, 2, mode="nearest"), 1e-6, "sums in float", relative=True),
    ]
    parity.main(__name__, CASES)

Names of images are those of pictures.py; the peer is called with the Picture (p.array, p.f64, p.sitk, p.spacing, p.mask, p.labels …).
`python tests/parity/test_parity_<group>_oracle.py [WORDS]` runs the cases whose name has the words. `make parity` runs all and
writes docs/parity.md. Say in `reason` why the tolerance is what it is; measured, not loosened. A peer whose integers are cut and not
rounded, or whose float has fewer digits, is given f64."""
import dataclasses
import importlib.util
import json
import os
import pathlib
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))
try:
    import cc3d
    import cv2
    import edt
    import numpy as np
    import package  # finds the build, or skips
    import pywt
    import scipy.ndimage as nd
    import SimpleITK as sitk
    import skimage
    import sklearn
    import cormack
except ImportError as error:
    print("skipped:", error)
    sys.exit(77)
import pictures
from pictures import EXTREME, MASKS, REAL, Picture

__all__ = ["EXTREME", "MASKS", "REAL", "Case", "Picture", "cc3d", "compare_fraction", "compare_partition", "compare_table", "cormack", "cv2", "edt",
           "main", "nd", "np", "pywt", "sitk", "skimage", "sklearn"]
PEERS = {"SciPy": "scipy", "scikit-image": "scikit-image", "SimpleITK": "simpleitk", "OpenCV": "opencv-python-headless", "PyWavelets": "PyWavelets",
         "connected-components-3d": "connected-components-3d", "edt": "edt", "scikit-learn": "scikit-learn", "NumPy": "numpy", "MedPy": "medpy",
         "surface-distance": "surface-distance"}


# ---- how results are compared: each gives one number, the largest difference


def compare_numbers(ours, theirs):
    """The largest absolute difference. NaN only where the peer has NaN; infinities alike; else infinite."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape:
        raise AssertionError(f"shape {ours.shape}, the peer's {theirs.shape}")
    odd = ~(np.isfinite(ours) & np.isfinite(theirs))
    if not np.array_equal(ours[odd], theirs[odd], equal_nan=True):
        return np.inf
    return float(np.abs(ours[~odd] - theirs[~odd]).max(initial=0))


def compare_fraction(ours, theirs):
    """The share of voxels that differ: for decisions (edges, classes) that rounding may tip."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.shape != theirs.shape:
        raise AssertionError(f"shape {ours.shape}, the peer's {theirs.shape}")
    return float(np.mean(ours != theirs))


def compare_partition(ours, theirs):
    """The share of voxels outside the best one-to-one match of labels; 0 (background) matches 0 alone."""
    ours, theirs = np.asarray(ours, np.int64).ravel(), np.asarray(theirs, np.int64).ravel()
    if ours.shape != theirs.shape:
        raise AssertionError(f"{ours.size} voxels, the peer's {theirs.size}")
    pairs, counts = np.unique(np.stack([ours, theirs]), axis=1, return_counts=True)
    matched, taken = 0, ({}, {})
    for at in np.argsort(-counts, kind="stable"):
        a, b = pairs[:, at]
        if (a == 0) == (b == 0) and a not in taken[0] and b not in taken[1]:
            taken[0][a] = taken[1][b] = True
            matched += counts[at]
    return float(1 - matched / max(1, ours.size)) if matched < ours.size else 0.0


def compare_table(ours, theirs):
    """Tables as {column: values}: the columns of the peer, numbers by relative difference, the rest equal."""
    worst = 0.0
    for name, values in theirs.items():
        mine = [None if str(v) in ("<NA>", "None") else v for v in np.atleast_1d(np.asarray(ours[name], object))]
        values = list(np.atleast_1d(np.asarray(values, object)))
        if len(mine) != len(values):
            raise AssertionError(f"column {name}: {len(mine)} rows, the peer's {len(values)}")
        for a, b in zip(mine, values):
            if isinstance(a, str) or a is None or b is None:
                if a != b:
                    raise AssertionError(f"column {name}: {a!r}, the peer's {b!r}")
                continue
            difference = compare_numbers(a, b)
            worst = max(worst, difference / abs(float(b)) if b and np.isfinite(difference) and np.isfinite(float(b)) else difference)
    return worst


# ---- cases


@dataclasses.dataclass
class Case:
    op: str
    params: dict
    images: tuple  # names in pictures.py
    peer: str  # library and function; «closed form» or «NumPy reference (paper)» where no library computes the same
    call: Callable  # Picture -> what the operation should give (array, SimpleITK image, number or {column: values})
    tolerance: float  # 0: equal
    reason: str  # why that tolerance; "" where it is 0
    relative: bool = False  # the tolerance is a share of the largest finite magnitude of the peer's result
    inputs: Callable | None = None  # Picture -> {port: array or cormack.Image}; else the picture is the first port. Arrays get its grid
    output: str | int = 0  # which result
    of: Callable | None = None  # (our result, Picture) -> what is compared; else an image's voxels or a table's columns
    compare: Callable = compare_numbers
    refuses: dict = dataclasses.field(default_factory=dict)  # image -> words of the error that is right there; the peer is not called

    @property
    def name(self):
        return f"{self.op} {' '.join(f'{k}={param_text(v)}' for k, v in self.params.items())}".strip()


def param_text(value):
    return ",".join(map(param_text, value)) if isinstance(value, (list, tuple)) else f"{value:g}" if isinstance(value, float) else str(value)


def run_ours(case, picture):
    given = case.inputs(picture) if case.inputs else {cormack.ops.DESCRIPTIONS[case.op]["inputs"][0]["name"]: picture.image}
    given = {name: _on_grid(picture, value) for name, value in given.items()}
    made = getattr(cormack, case.op)(**given, **case.params, context=pictures.CONTEXT)
    if isinstance(made, tuple):
        made = made[case.output] if isinstance(case.output, int) else getattr(made, case.output)
    return made


def _on_grid(picture, value):
    if not isinstance(value, np.ndarray):
        return value
    components = picture.components and value.ndim == picture.array.ndim
    return cormack.Image(value, picture.spacing, components=components, context=pictures.CONTEXT)


def _plain(result):
    if isinstance(result, sitk.Image):
        return sitk.GetArrayFromImage(result)
    return result.array if isinstance(result, cormack.Image) else result


def difference(case, picture):
    """The largest difference on one image; -1 where the operation refuses as it should."""
    if picture.name in case.refuses:
        package.refused(cormack.CormackError, case.refuses[picture.name], run_ours, case, picture)
        return -1.0
    ours = run_ours(case, picture)
    ours = case.of(ours, picture) if case.of else _plain(ours)
    theirs = _plain(case.call(picture))
    found = case.compare(ours, theirs)
    if case.relative and found and np.isfinite(found):
        values = np.abs(np.asarray(theirs, np.float64))
        found /= values[np.isfinite(values)].max(initial=0) or 1.0
    return float(found)


def run_case(case, rows):
    """Appends a row of the page; returns the number of failures."""
    done, worst, failed = [], 0.0, 0
    for name in case.images:
        picture = pictures.get(name)
        if picture is None:
            print(f"left out: {case.name} on {name}: its data are absent", flush=True)
            continue
        try:
            found = difference(case, picture)
        except Exception:
            print(f"FAILED {case.name} on {name} against {case.peer}:\n{traceback.format_exc()}", flush=True)
            failed += 1
            continue
        if found > case.tolerance or found != found:
            print(f"FAILED {case.name} on {name} against {case.peer}: {found:.3g}, tolerance {case.tolerance:g}", flush=True)
            failed += 1
        done.append(name)
        worst = max(worst, found)
    print(f"{case.name}: {worst:.2g} of {case.tolerance:g} on {len(done)} images against {case.peer}", flush=True)
    rows.append({"op": case.op, "params": case.name[len(case.op):].strip(), "images": done, "all": len(done) == len(case.images), "peer": case.peer,
                 "difference": worst, "tolerance": case.tolerance, "relative": case.relative, "reason": case.reason,
                 "measure": case.compare.__name__.removeprefix("compare_")})
    return failed


def versions():
    return {peer: version(home) for peer, home in PEERS.items()}


def load(path):
    """The cases of a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.CASES


def main(name, cases):
    """Runs the cases if the file is the program; writes build/parity/<group>.json when all were run and none failed."""
    if name != "__main__":
        return
    words, rows = sys.argv[1:], []
    chosen = [case for case in cases if all(word in case.name + " " + case.peer for word in words)]
    failed = sum(run_case(case, rows) for case in chosen)
    print(f"{len(chosen)} cases, {failed} failed")
    if failed:
        sys.exit(1)
    if not words:
        folder = package.BUILD / "parity"
        folder.mkdir(exist_ok=True)
        group = pathlib.Path(sys.argv[0]).stem.removeprefix("test_parity_").removesuffix("_oracle")
        text = json.dumps({"group": group, "versions": versions(), "rows": rows}, indent=1)
        temporary = folder / f"{group}.json.{os.getpid()}"
        temporary.write_text(text)
        temporary.replace(folder / f"{group}.json")
