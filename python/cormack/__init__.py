"""Cormack: medical images from the file to a validated prediction.

    import cormack
    ct = cormack.read("ct.nii.gz")
    smooth = cormack.median(ct, radius=2)
    voxels = np.asarray(smooth)          # [z, y, x], no copy

Every operation of the registry is a function here; cormack.ops lists them, help(cormack.median) explains one."""
from . import errors, learn, ops
from ._library import lib as _lib
from .context import Context, configure
from .errors import CormackError
from .files import Outcome, Reject, Scan, Volume, info, plan, query, read, read_table, run, scan, write, write_table
from .image import Image
from .learn import Learner, Model, Validation, load_model, train, validate
from .ops import *  # noqa: F403
from .pixels import pixel_predict, pixel_train
from .table import Columns

__version__ = _lib.cm_version().decode()

# What `from cormack import *` brings: not the operations, whose names hide Python's own (open).
__all__ = ["Columns", "Context", "CormackError", "Image", "Learner", "Model", "Outcome", "Reject", "Scan", "Validation", "Volume",
           "configure", "errors", "info", "learn", "load_model", "ops", "pixel_predict", "pixel_train", "plan", "query", "read",
           "read_table", "run", "scan", "train", "validate", "write", "write_table"]


def __getattr__(name):
    """cormack.FormatError and its like, which the library names."""
    if name.endswith("Error") and hasattr(errors, name):
        return getattr(errors, name)
    raise AttributeError(f"module 'cormack' has no attribute {name!r}")
