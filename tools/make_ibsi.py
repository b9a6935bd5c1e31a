#!/usr/bin/env python3
"""Writes docs/ibsi.md: every reference value of the Image Biomarker Standardisation Initiative beside ours, and every reference map.

    .venv/bin/python tools/make_ibsi.py             (the data: CORMACK_TEST_DATA, or ../shared/data)

The settings are examples/ibsi/*.yaml. tests/ops/test_radiomics_ibsi_oracle.py checks the values and that the page says what is measured."""
import csv
import math
import os
import pathlib
import sys

import numpy as np
import scipy.fft
import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
IBSI = pathlib.Path(os.environ.get("CORMACK_TEST_DATA", ROOT.parent / "shared/data")) / "ibsi"
PAGE = ROOT / "docs/ibsi.md"
OWN = ROOT / "tests/ops/ibsi"  # the tables that the data do not hold
SETS = {  # name: data set, table of references, settings, how many references of features it has
    "Digital phantom": ("ibsi_1_digital_phantom", "ibsi_1_dig_phantom.csv", "digital", 482),
    "Configuration A": ("ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_a.csv", "config_a", 346),
    "Configuration B": ("ibsi_1_ct_radiomics_phantom", "chest_config_b.csv", "config_b", 346),
    "Configuration C": ("ibsi_1_ct_radiomics_phantom", "ibsi_1_chest_config_c.csv", "config_c", 210),
    "Configuration D": ("ibsi_1_ct_radiomics_phantom", "chest_config_d.csv", "config_d", 210),
    "Configuration E": ("ibsi_1_ct_radiomics_phantom", "chest_config_e.csv", "config_e", 210),
}
ABOUT_THE_IMAGE = ("img_", "vox_", "mean_int_", "min_int_", "max_int_", "int_mask_", "morph_mask_")  # not features
TURNED = {"rotation_invariant": True}
LAWS = {name: {"kernels": kernels, "border": border} for name, kernels, border in
        (("a", "E5L5S5", "constant"), ("b", "E3W5R5", "reflect"), ("c", "L5S5", "reflect"))}
HAAR = {"db2": {"wavelet": "db2", "band": "LHL", "border": "zero"}, "coif1": {"wavelet": "coif1", "band": "HHL", "border": "wrap"}}
MAPS = {  # reference manual part 2, phase 1: phantom, operation, parameters
    **{f"1_a_{k}": ("checkerboard", "mean", {"radius": 7, "border": border}) for k, border in enumerate(("constant", "replicate", "wrap", "reflect"), 1)},
    "1_b_1": ("impulse", "mean", {"radius": [7, 7, 0], "border": "constant"}),
    "2_a": ("impulse", "laplacian_of_gaussian", {"sigma": 3, "border": "constant", "per": "voxel"}),
    "2_b": ("checkerboard", "laplacian_of_gaussian", {"sigma": 5, "border": "reflect", "per": "voxel"}),
    "2_c": ("checkerboard", "laplacian_of_gaussian", {"sigma": 5, "border": "reflect", "per": "voxel", "slice by slice": True}),
    **{f"3_{test}_{k}": ("impulse" if test == "a" else "checkerboard", "laws", LAWS[test] | more)
       for test in "abc" for k, more in enumerate(({}, TURNED, TURNED | {"energy": 7}), 1)},
    "5_a_1": ("impulse", "stationary_wavelet", HAAR["db2"]), "5_a_2": ("impulse", "stationary_wavelet", HAAR["db2"] | TURNED),
    "6_a_1": ("sphere", "stationary_wavelet", HAAR["coif1"]), "6_a_2": ("sphere", "stationary_wavelet", HAAR["coif1"] | TURNED),
}

SMOOTH, ROUGH = {"frequency": 1 / 4, "sigma": [10, 20], "border": "constant"}, {"frequency": 1 / 8, "sigma": [20, 8], "border": "reflect"}
GABOR = {"truncate": 6, "part": "magnitude", "normalize": False}
WITHOUT = {  # tests whose maps are not in the data: what the manual says is summed up here
    "4_a_1": ("impulse", SMOOTH | GABOR | {"theta": 60, "planes": "slices"}),
    "4_a_2": ("impulse", SMOOTH | GABOR | {"turn": 45, "planes": "orthogonal"}),
    "4_b_1": ("sphere", ROUGH | GABOR | {"theta": 225, "planes": "slices"}),
    "4_b_2": ("sphere", ROUGH | GABOR | {"turn": 22.5, "planes": "orthogonal"}),
}


def references(table):
    path = OWN / table if (OWN / table).exists() else IBSI / "reference_values" / table
    with open(path) as file:
        return [(row["tag"], row["reference value"], row["tolerance"]) for row in csv.DictReader(file, delimiter=";")
                if row["reference value"] and not row["tag"].startswith(ABOUT_THE_IMAGE)]


def allowed(value, tolerance):
    """The values are given in three digits: half a unit of the last one belongs to the tolerance."""
    return tolerance + (0 if value == 0 else 0.50005 * 10 ** (math.floor(math.log10(abs(value))) - 2))


def measure(cormack, data, settings, context):
    folder = IBSI / "data_sets" / data / "nifti"
    image, mask = (cormack.read(str(folder / part), context=context) for part in ("image/phantom.nii.gz", "mask/mask.nii.gz"))
    with open(ROOT / f"examples/ibsi/{settings}.yaml") as file:
        params = yaml.load(file, yaml.BaseLoader)  # texts, as the program reads them
    table = cormack.radiomics(image, mask, **params, context=context)
    return {name: table[name][0] for name in table.columns}


def features(cormack, context):
    """{set: [(tag, reference, tolerance, ours, whether it is within)]}; references as they are printed."""
    found = {}
    for name, (data, table, settings, count) in SETS.items():
        ours = measure(cormack, data, settings, context)
        rows = [(tag, value, tolerance, float(ours[tag])) for tag, value, tolerance in references(table)]
        assert len(rows) == count, f"{name}: {len(rows)} references, not {count}"
        found[name] = [(*row, abs(row[3] - float(row[1])) <= allowed(float(row[1]), float(row[2]))) for row in rows]
    return found


def phantom_image(cormack, context, phantom):
    path = IBSI / f"data_sets/ibsi_2_digital_phantom/nifti/{phantom}/image/{phantom}.nii.gz"
    return cormack.read(str(path), context=context)


def respond(cormack, context, phantom, operation, params):
    params = dict(params, type="f32", context=context)
    image = phantom_image(cormack, context, phantom)
    voxels = image.array.astype(np.float32)
    run = getattr(cormack, operation)
    if params.pop("slice by slice", False):  # each one an image of its own
        return np.stack([run(cormack.Image(plane, image.spacing[:2], context=context), **params).array for plane in voxels])
    return run(cormack.Image(voxels, image.spacing, context=context), **params).array


def maps(cormack, context):
    """[(test, phantom, operation, parameters, largest difference as a share of the map's range)]"""
    folder, rows = IBSI / "ibsi_2_reference_data/reference_response_maps", []
    known = {path.name.split("-")[0] for path in folder.glob("*.nii.gz")}
    assert known == set(MAPS), f"maps without a test, or tests without a map: {known ^ set(MAPS)}"
    for test, (phantom, operation, params) in MAPS.items():
        wanted = cormack.read(str(folder / f"{test}-ValidCRM.nii.gz"), context=context).array.astype(float)
        worst = np.abs(respond(cormack, context, phantom, operation, params) - wanted).max() / np.ptp(wanted)
        rows.append((test, phantom, operation, params, worst))
    return rows


def gabor_by_hand(voxels, mm, params):
    """The manual's Gabor filter: the mean modulus of slices convolved with exp(-(a^2 + (g b)^2) / (2 s^2)) (cos 2 pi a / l + i sin), over a whole
    slice's length each way. Opposite directions have the same modulus."""
    turn, (along, across) = params.get("turn", 0), params["sigma"]
    directions = np.radians(np.arange(0, 180, turn) if turn else [params["theta"]])
    pad, responses = {"constant": "constant", "reflect": "symmetric"}[params["border"]], []
    for axis in (0, 1, 2) if params["planes"] == "orthogonal" else (0,):
        slices = np.moveaxis(voxels, axis, 0)
        n = slices.shape[1]
        spectrum = scipy.fft.fft2(np.pad(slices, ((0, 0), (n, n), (n, n)), mode=pad))
        y, x = np.mgrid[-n:2 * n, -n:2 * n] * mm
        y, x = (np.where(v > n * mm, v - 3 * n * mm, v) for v in (np.roll(v, (-n, -n), (0, 1)) for v in (y, x)))
        for angle in directions:
            a, b = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
            kernel = np.exp(-0.5 * ((a / along) ** 2 + (b / across) ** 2) + 2j * np.pi * params["frequency"] * a)
            response = np.abs(scipy.fft.ifft2(spectrum * scipy.fft.fft2(kernel)))
            responses.append(np.moveaxis(response[:, n:-n, n:-n], 0, axis))
    return np.mean(responses, axis=0)


def without_maps(cormack, context):
    """[(test, phantom, operation, parameters, largest difference from the definition as a share of the range)]"""
    rows = []
    for test, (phantom, params) in WITHOUT.items():
        image = phantom_image(cormack, context, phantom)
        wanted = gabor_by_hand(image.array.astype(float), image.spacing[0], params)
        worst = np.abs(respond(cormack, context, phantom, "gabor", params) - wanted).max() / np.ptp(wanted)
        rows.append((test, phantom, "gabor", params, worst))
    return rows


def text(value):
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def map_rows(rows):
    for test, phantom, operation, params, worst in rows:
        told = " ".join([operation, *(f"{name}={text(value)}" for name, value in params.items())])
        yield f"| {test.replace('_', '.')} | {phantom} | `{told}` | {'below 0.0001' if worst < 1e-6 else f'{100 * worst:.2g}'} |"


def page(found, rows, without):
    total, met = sum(map(len, found.values())), sum(row[4] for rows_of in found.values() for row in rows_of)
    lines = ["# IBSI: every reference beside ours", "",
             "Made by tools/make_ibsi.py; a test compares it with what the library gives. The settings are examples/ibsi/*.yaml.", "",
             "## IBSI 1: features", "",
             "Image Biomarker Standardisation Initiative, reference manual (arXiv:1612.07003v11); Zwanenburg et al., Radiology 295(2), 2020. Within: |ours - reference| is at",
             "most the tolerance and half a unit of the reference's last digit. Features without consensus (oriented and minimum-volume boxes) have no reference.", "",
             "| set | references | within |", "| --- | ---: | ---: |"]
    lines += [f"| {name} | {len(rows_of)} | {sum(row[4] for row in rows_of)} |" for name, rows_of in found.items()]
    lines += [f"| all | {total} | {met} |", "", "## IBSI 2: response maps", "",
              "Reference manual part 2 (arXiv:2006.05470); the standard's tolerance is 1 % of the range of the map. Only these maps are in the data.", "",
              "| test | phantom | operation | largest difference, % of the range |", "| --- | --- | --- | ---: |"]
    lines += map_rows(rows)
    lines += ["", "Tests 4 and 7 to 10 have maps too, which the data do not hold. Test 4 (Gabor) is compared with the manual's formula instead, summed by SciPy over the whole slice; 7 to 10",
              "(Simoncelli, Riesz and their steered forms) with NumPy references in tests/parity. The filtered features of the second phase have no table in the data either.", "",
              "| test | phantom | operation | largest difference from the formula, % of the range |", "| --- | --- | --- | ---: |"]
    lines += map_rows(without)
    for name, rows_of in found.items():
        lines += ["", f"## {name}", "", "| feature | reference | tolerance | ours |", "| --- | ---: | ---: | ---: |"]
        lines += [f"| {tag} | {value} | {tolerance} | {ours:.5g}{'' if within else ' **outside**'} |" for tag, value, tolerance, ours, within in rows_of]
    return "\n".join(lines) + "\n"


def main():
    sys.path.insert(0, str(ROOT / "python"))
    os.environ.setdefault("CORMACK_LIBRARY", str(ROOT / "build/lib/libcormack.so"))
    import cormack

    context = cormack.Context(progress=False)
    PAGE.write_text(page(features(cormack, context), maps(cormack, context), without_maps(cormack, context)))


if __name__ == "__main__":
    main()
