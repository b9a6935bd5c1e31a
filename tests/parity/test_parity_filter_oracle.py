"""Smoothing, order statistics and slopes against SciPy and SimpleITK."""
import parity
from parity import EXTREME, REAL, Case, nd

CASES = [
    Case("gaussian", {"sigma": 1.5, "units": "voxel", "type": "f64"}, REAL + EXTREME, "SciPy gaussian_filter",
         lambda p: nd.gaussian_filter(p.f64, 1.5, mode="nearest"), 1e-6, "u8 to i16 and f32 are summed in float", relative=True),
    Case("median", {"radius": 1}, ("ct", "mr", "xray", "one_voxel", "odd", "flat", "u16_full", "i16_full", "f64"), "SciPy median_filter",
         lambda p: nd.median_filter(p.array, 3, mode="nearest"), 0, ""),
]

parity.main(__name__, CASES)
