"""What functions take and give, for annotations."""
from collections.abc import Mapping
from typing import Any

from .image import Image

ImageLike = Image | Any  # Image, numpy.ndarray, SimpleITK.Image, a nibabel image
TableLike = Mapping | Any  # pandas.DataFrame, {name: values}
Table = Any  # pandas.DataFrame where pandas is installed, else cormack.Columns
