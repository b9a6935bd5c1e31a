"""Writes src/ops/filter/wavelet_table.c: the scaling filters of the Daubechies, symlet and coiflet wavelets; and
src/ops/radiomics/pyrad_wavelet_table.c: the pairs of filters of the biorthogonal wavelets and of dmey.

Each filter is the solution, near PyWavelets' rounded numbers, of its defining equations, found by Newton's method with 60 digits: orthonormality
(sum of h[k] h[k + 2m] is 1 for m = 0, else 0), N vanishing moments of the wavelet (db, sym), 2K of the wavelet and 2K - 1 of the scaling function
around its centre (coif). Daubechies I. Ten Lectures on Wavelets. SIAM 1992, sections 6.4, 8.1 and 8.2.
Biorthogonal filters (Cohen, Daubechies, Feauveau 1992) and dmey, which is a table by definition, are PyWavelets' numbers as they stand, checked for
biorthogonality: PyRadiomics is measured with these. Needs mpmath and PyWavelets; run it in the environment of the tests."""
import os
import re

import mpmath as mp
import pywt

mp.mp.dps = 60
NAMES = ["haar"] + [f"db{n}" for n in range(2, 21)] + [f"sym{n}" for n in range(2, 21)] + [f"coif{n}" for n in range(1, 6)]


def equations(h, moments, centre):
    """Values and derivatives of the equations at h; centre: of the scaling function (coiflets) or None."""
    length = len(h)
    values, rows = [], []
    for m in range(length // 2):
        values.append(sum(h[k] * h[k + 2 * m] for k in range(length - 2 * m)) - (m == 0))
        row = [mp.mpf(0)] * length
        for k in range(length - 2 * m):
            row[k] += h[k + 2 * m]
            row[k + 2 * m] += h[k]
        rows.append(row)
    middle = mp.mpf(length - 1) / 2
    conditions = [[(-1) ** k * ((k - middle) / middle) ** p for k in range(length)] for p in range(moments)]
    if centre is not None:
        conditions += [[((k - centre) / middle) ** p for k in range(length)] for p in range(1, moments)]
    for row in conditions:
        values.append(sum(a * b for a, b in zip(row, h)))
        rows.append(row)
    return values, rows


def solve(name):
    h = [mp.mpf(v) for v in pywt.Wavelet(name).rec_lo]
    family, number = re.fullmatch(r"([a-z]+)(\d*)", name).groups()
    moments = 2 * int(number) if family == "coif" else int(number or 1)
    centre = int(mp.nint(sum(k * v for k, v in enumerate(h)) / sum(h))) if family == "coif" else None
    for _ in range(8):
        values, rows = equations(h, moments, centre)
        step = mp.lu_solve(mp.matrix(rows), mp.matrix([-v for v in values]))
        h = [a + b for a, b in zip(h, step)]
    assert max(abs(v) for v in equations(h, moments, centre)[0]) < mp.mpf(10) ** -40, name
    assert max(abs(a - b) for a, b in zip(h, pywt.Wavelet(name).rec_lo)) < 1e-10, name
    return [float(v) for v in h]


def write(lines, *path):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src", "ops", *path)
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")


def orthogonal():
    lines = ["/* Written by tools/make_wavelets.py, which says where the numbers come from. */", '#include "ops/filter/wavelet_bank.h"', ""]
    solved = {name: solve(name) for name in NAMES}
    for name, h in solved.items():
        lines.append(f"static const double {name}[] = {{")
        lines += [f"    {value!r}," for value in h]
        lines.append("};")
    lines += ["", "/* in the order of CM_WAVELET_CHOICES */", "const CmScalingFilter cm__scaling_filters[CM_WAVELET_COUNT] = {"]
    lines += [f"    {{CM_COUNT({name}), {name}}}," for name in NAMES]
    lines.append("};")
    write(lines, "filter", "wavelet_table.c")


def pairs():
    lines = ["/* Written by tools/make_wavelets.py, which says where the numbers come from. */", '#include "ops/radiomics/pyrad_wavelet_bank.h"', ""]
    names = [*pywt.wavelist("bior"), "dmey"]
    for name in names:
        w = pywt.Wavelet(name)
        assert all(abs(sum(w.dec_lo[::-1][k] * w.rec_lo[k + 2 * m] for k in range(w.dec_len - 2 * m)) - (m == 0)) < 1e-9 for m in range(w.dec_len // 2)) or name == "dmey", name
        lines.append(f"static const double {name.replace('.', '_')}[][{w.dec_len}] = {{")
        for taps in (w.dec_lo[::-1], w.rec_lo[::-1]):
            lines.append("    {" + ", ".join(repr(v) for v in taps) + "},")
        lines.append("};")
    lines += ["", "const CmFilterPair cm__pyrad_pairs[CM__PYRAD_PAIRS] = {"]
    lines += [f"    {{CM_COUNT({n}[0]), {n}[0], {n}[1]}}," for n in (name.replace(".", "_") for name in names)]
    lines.append("};")
    write(lines, "radiomics", "pyrad_wavelet_table.c")


orthogonal()
pairs()
