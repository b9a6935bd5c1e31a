"""Images: voxels as NumPy shows them, geometry as DICOM has it; from and to SimpleITK and nibabel."""
import ctypes as C
import itertools
import threading

import numpy as np

from ._library import RELEASE, Geometry, call, data, lib, text
from .context import current

_TYPES = {"u8": np.uint8, "i8": np.int8, "u16": np.uint16, "i16": np.int16, "u32": np.uint32, "i32": np.int32,
          "f32": np.float32, "f64": np.float64}
_DTYPES = {np.dtype(kind): name for name, kind in _TYPES.items()}
_NAMES, _at = [], 0
while (_name := text(lib.cm_type_name(_at))) in _TYPES:
    _NAMES.append(_name)
    _at += 1

# Arrays that images borrow, by the number that the library hands back when the last reference to them goes.
_lent, _numbers, _lent_lock = {}, itertools.count(1), threading.Lock()


@RELEASE
def _give_back(number):
    _lent.pop(number, None)


def _lend(owner):
    with _lent_lock:
        number = next(_numbers)
    _lent[number] = owner
    return number


def _usable(array):
    """The array itself where the library can read it as it lies, else an exact copy."""
    array = np.asarray(array)
    if array.dtype == np.bool_:
        array = array.view(np.uint8) if array.flags.c_contiguous else array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype.kind in "iu" and array.dtype.itemsize == 8:
        least, most = (int(array.min()), int(array.max())) if array.size else (0, 0)
        fits = next((t for t in (np.int32, np.uint32) if np.iinfo(t).min <= least and most <= np.iinfo(t).max), None)
        if fits is None and max(-least, most) > 2**53:
            raise TypeError(f"{array.dtype} values up to {max(-least, most)} have no exact voxel type; scale them down first")
        array = array.astype(fits or np.float64)
    if array.dtype.newbyteorder("=") not in _DTYPES:
        raise TypeError(f"an array of {array.dtype} cannot be an image; convert it to one of {', '.join(np.dtype(t).name for t in _TYPES.values())}")
    return np.require(array, dtype=array.dtype.newbyteorder("="), requirements=["C", "ALIGNED"])


class Image:
    """Voxels with geometry, unit, metadata and label names.

    array: indexed [y, x], [z, y, x] or [t, z, y, x]; with components=True a last axis holds the components (colour,
    vectors). Borrowed, not copied, where it is C-contiguous and of the types u8 i8 u16 i16 u32 i32 f32 f64 (bool is
    taken as u8); it must not be changed while images of it are in use. Copied exactly: Fortran order, strides, foreign
    byte order, float16 (to float32), 64-bit integers (to the first of int32, uint32, float64 that holds all values).
    Anything else is a TypeError.

    spacing, origin: (x, y, z) in mm; direction: 3x3, column k is the unit direction of axis k; all in DICOM's LPS
    frame: position = origin + direction @ (spacing * (x, y, z)). spacing_t: seconds between time points. unit: "HU",
    "g/ml", "mm", "1", … labels: {value: name or (name, (r, g, b))}.

    np.asarray(image) is a read-only view, without a copy, that keeps the image alive."""

    def __init__(self, array, spacing=None, origin=None, direction=None, *, unit=None, metadata=None, labels=None, components=False,
                 spacing_t=None, context=None, _owner=None):
        array = _usable(array)
        shape = array.shape[:-1] if components else array.shape
        if not 2 <= len(shape) <= 4 or array.size == 0:
            raise ValueError(f"an array of shape {array.shape} is no image; give 2 to 4 axes ([t,] z, y, x)"
                             f"{' and the components' if components else ', and components=True where the last axis is colour'}")
        context, dims = current(context), (C.c_int64 * len(shape))(*shape[::-1])
        number = _lend((array, _owner))
        try:
            pointer = call("cm_image_wrap", context.pointer, _NAMES.index(_DTYPES[array.dtype]), len(shape), dims,
                           array.shape[-1] if components else 1, array.ctypes.data, _give_back, number)
        except BaseException:
            _give_back(number)
            raise
        self._handle = context.own(pointer, lib.cm_image_unref)
        self._set(spacing, origin, direction, spacing_t, unit, metadata, labels)

    @classmethod
    def _take(cls, handle):
        self = cls.__new__(cls)
        self._handle = handle
        return self

    def _set_geometry(self, spacing, origin, direction, spacing_t):
        geometry = Geometry.from_buffer_copy(self._geometry)
        for name, values, rest in (("spacing", spacing, 1.0), ("origin", origin, 0.0), ("direction", direction, 0.0)):
            if values is not None:
                into, flat = getattr(geometry, name), [float(v) for v in np.asarray(values, dtype=float).ravel()]
                if name != "direction" and len(flat) == 2 == self.rank:
                    flat.append(rest)
                if len(flat) != len(into):
                    raise ValueError(f"{name} has {len(flat)} numbers; {len(into)} are needed")
                into[:] = flat
        if spacing_t is not None:
            geometry.spacing_t = spacing_t
        call("cm_image_set_geometry", self._pointer, C.byref(geometry))

    def _set(self, spacing=None, origin=None, direction=None, spacing_t=None, unit=None, metadata=None, labels=None):
        if any(given is not None for given in (spacing, origin, direction, spacing_t)):
            self._set_geometry(spacing, origin, direction, spacing_t)
        if unit is not None:
            call("cm_image_set_unit", self._pointer, data(unit))
        for key in self.metadata if metadata is not None else ():
            call("cm_image_set_meta", self._pointer, data(key), None)
        for key, value in (metadata or {}).items():
            call("cm_image_set_meta", self._pointer, data(key), data(value))
        for value, named in (labels or {}).items():
            name, rgb = (named, None) if isinstance(named, str) else named
            colour = (C.c_uint8 * 3)(*(rgb or ()))
            if rgb is None:
                lib.cm_label_colour(int(value), colour)
            call("cm_image_set_label", self._pointer, int(value), data(name), colour)

    def replace(self, *, spacing=None, origin=None, direction=None, spacing_t=None, unit=None, metadata=None, labels=None, context=None):
        """The same voxels, not copied, under another header. metadata takes the place of all there was; labels are added."""
        context = current(context)
        pointer = call("cm_image_share", context.pointer, self._pointer)
        made = Image._take(context.own(pointer, lib.cm_image_unref, self._handle))
        made._set(spacing, origin, direction, spacing_t, unit, metadata, labels)
        return made

    _pointer = property(lambda self: self._handle.pointer)
    _geometry = property(lambda self: lib.cm_image_geometry(self._pointer).contents)

    rank = property(lambda self: lib.cm_image_rank(self._pointer), doc="2, 3 or 4, components not counted.")
    components = property(lambda self: lib.cm_image_components(self._pointer))
    dtype = property(lambda self: np.dtype(_TYPES[_NAMES[lib.cm_image_type(self._pointer)]]))
    size = property(lambda self: tuple(lib.cm_image_dims(self._pointer)[: self.rank]), doc="Voxels along x, y, z, t.")
    spacing = property(lambda self: tuple(self._geometry.spacing), doc="mm between voxel centres along x, y, z.")
    spacing_t = property(lambda self: self._geometry.spacing_t, doc="Seconds between time points.")
    origin = property(lambda self: tuple(self._geometry.origin), doc="Centre of the first voxel, mm, LPS.")
    direction = property(lambda self: np.array(self._geometry.direction).reshape(3, 3), doc="3x3; column k: direction of axis k, LPS.")
    unit = property(lambda self: text(lib.cm_image_unit(self._pointer)))

    @property
    def shape(self):
        """As NumPy has it: size backwards, and the components where there is more than one."""
        return self.size[::-1] + ((self.components,) if self.components > 1 else ())

    @property
    def affine(self):
        """4x4: voxel index (x, y, z, 1) to mm in LPS."""
        made = np.eye(4)
        made[:3, :3], made[:3, 3] = self.direction * self.spacing, self.origin
        return made

    @property
    def metadata(self):
        """Text by key, a copy; DICOM attributes by keyword, such as "PatientID"."""
        found, key, value = {}, C.c_char_p(), C.c_char_p()
        for at in range(lib.cm_image_meta_count(self._pointer)):
            lib.cm_image_meta_at(self._pointer, at, C.byref(key), C.byref(value))
            found[text(key.value)] = text(value.value)
        return found

    @property
    def labels(self):
        """{value: (name, (r, g, b))}, a copy."""
        rows = [lib.cm_image_label_at(self._pointer, at) for at in range(lib.cm_image_label_count(self._pointer))]
        return {row.value: (text(row.name), tuple(row.rgb)) for row in rows}

    @property
    def __array_interface__(self):
        return {"version": 3, "shape": self.shape, "typestr": self.dtype.str, "data": (lib.cm_image_data(self._pointer), True)}

    @property
    def array(self):
        """The voxels as a read-only NumPy array, without a copy."""
        return np.asarray(self)

    def __repr__(self):
        size, spacing = " x ".join(map(str, self.size)), " x ".join(f"{v:g}" for v in self.spacing[: min(3, self.rank)])
        parts = f", {self.components} components" if self.components > 1 else ""
        return f"<cormack.Image {size} {self.dtype}{parts}, {spacing} mm, unit {self.unit}>"

    def __reduce__(self):
        return _restore, (np.array(self), self.spacing, self.origin, self.direction, self.unit, self.metadata, self.labels,
                          self.components > 1, self.spacing_t)

    # ---- SimpleITK: the same frame and axis order, nothing to turn

    @classmethod
    def from_sitk(cls, image, *, context=None):
        """Borrows the voxels of a SimpleITK image."""
        import SimpleITK as sitk

        rank = image.GetDimension()
        spacing, origin, axes = image.GetSpacing(), image.GetOrigin(), np.array(image.GetDirection()).reshape(rank, rank)
        if rank == 4 and (np.abs(axes[3, :3]).max() > 1e-6 or np.abs(axes[:3, 3]).max() > 1e-6):
            raise ValueError("the fourth axis of the SimpleITK image is not time alone; extract a volume first")
        direction = np.eye(3)
        direction[: min(3, rank), : min(3, rank)] = axes[:3, :3]
        return cls(sitk.GetArrayViewFromImage(image), [*spacing[:3], 1.0][:3], [*origin[:3], 0.0][:3], direction,
                   components=image.GetNumberOfComponentsPerPixel() > 1, spacing_t=spacing[3] if rank == 4 else None,
                   metadata={key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}, context=context, _owner=image)

    def to_sitk(self):
        """A SimpleITK image of its own (its constructor copies)."""
        import SimpleITK as sitk

        made, rank = sitk.GetImageFromArray(self.array, isVector=self.components > 1), self.rank
        made.SetSpacing([*self.spacing, self.spacing_t][:rank])
        made.SetOrigin([*self.origin, 0.0][:rank])
        axes = np.eye(4)
        axes[:3, :3] = self.direction
        if rank == 2 and np.abs(axes[2, :2]).max() + np.abs(axes[:2, 2]).max() > 1e-6:
            raise ValueError("a 2D SimpleITK image cannot lie askew in the patient; add an axis of length 1 first")
        made.SetDirection(axes[:rank, :rank].ravel())
        for key, value in self.metadata.items():
            made.SetMetaData(key, value)
        return made

    # ---- nibabel: RAS instead of LPS, so x and y change their sign; arrays are indexed [x, y, z, t]

    @classmethod
    def from_nibabel(cls, image, *, context=None):
        """From a nibabel image; its voxels are borrowed where they are in memory in NIfTI's order."""
        voxels = np.asarray(image.dataobj)
        components = voxels.ndim == 5
        if components:  # NIfTI: x, y, z, t, component
            voxels = voxels[:, :, :, 0] if voxels.shape[3] == 1 else voxels
            array = np.moveaxis(voxels.transpose(*range(voxels.ndim - 2, -1, -1), voxels.ndim - 1), -1, -1)
        else:
            array = voxels.T
        header = image.header
        space, time = header.get_xyzt_units() if hasattr(header, "get_xyzt_units") else ("mm", "sec")
        to_mm = {"meter": 1e3, "micron": 1e-3}.get(space, 1.0)
        affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
        columns = affine[:3, :3] * to_mm
        spacing = np.linalg.norm(columns, axis=0)
        zooms = header.get_zooms()
        seconds = float(zooms[3]) * {"msec": 1e-3, "usec": 1e-6}.get(time, 1.0) if len(zooms) > 3 and zooms[3] > 0 else None
        return cls(array, spacing, affine[:3, 3] * to_mm, columns / spacing, components=components, spacing_t=seconds, context=context,
                   _owner=image)

    def to_nibabel(self):
        """A nibabel.Nifti1Image that shares the voxels."""
        import nibabel

        array = self.array
        if self.components > 1:
            order = tuple(range(self.rank))[::-1]
            array = array.transpose(*order, self.rank)
            array = array.reshape(array.shape[: self.rank] + (1,) * (4 - self.rank) + array.shape[-1:])
        else:
            array = array.T
            array = array[:, :, None] if self.rank == 2 else array
        made = nibabel.Nifti1Image(array, np.diag([-1.0, -1.0, 1.0, 1.0]) @ self.affine)
        made.header.set_xyzt_units("mm", "sec")
        if self.rank == 4:
            made.header.set_zooms([*self.spacing, self.spacing_t, *made.header.get_zooms()[4:]])
        return made


def _restore(array, spacing, origin, direction, unit, metadata, labels, components, spacing_t):
    return Image(array, spacing, origin, direction, unit=unit, metadata=metadata, labels=labels, components=components, spacing_t=spacing_t)


def as_image(value, context=None):
    """An Image of an Image, a NumPy array (spacing 1), a SimpleITK or a nibabel image, or what NumPy sees as an array."""
    if isinstance(value, Image):
        return value
    if type(value) is np.ndarray:
        return Image(value, context=context)
    home = type(value).__module__.split(".")[0]
    if home == "SimpleITK":
        return Image.from_sitk(value, context=context)
    if home == "nibabel":
        return Image.from_nibabel(value, context=context)
    if isinstance(value, np.ndarray) or hasattr(value, "__array__") or hasattr(value, "__array_interface__"):
        return Image(value, context=context)
    raise TypeError(f"{type(value).__name__} is no image; give a cormack.Image, a NumPy array, or an image of SimpleITK or nibabel "
                    "(cormack.read() reads files)")
