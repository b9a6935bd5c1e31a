"""A peer of bench_radiomics.py, run by the Python of its own environment: peer_radiomics.py NAME THREADS.

Reads lines {"image", "mask", "filtered"} of uncompressed NIfTI files and answers with {"seconds", "cpu", "features"}: of one
extraction from images in memory (nyxus: from files, as it reads no arrays of three axes with their spacing). Everybody
measures by bins of 25 with all classes, the original, LoG of 1, 3 and 5 mm and the eight bands of coif1. fastrad and
nyxus have no such filters: they get the filtered images ready made, which speaks for them."""
import json
import logging
import os
import sys
import tempfile
import time
import warnings

SIGMAS = [1.0, 3.0, 5.0]
BANDS = [a + b + c for a in "LH" for b in "LH" for c in "LH"]
CLASSES = ["firstorder", "shape", "glcm", "glrlm", "glszm", "ngtdm", "gldm"]


def extractor_of(module, **own):
    """PyRadiomics' interface."""
    made = module.RadiomicsFeatureExtractor(binWidth=25, **own)
    made.disableAllImageTypes()
    made.enableImageTypes(Original={}, LoG={"sigma": SIGMAS}, Wavelet={})
    made.disableAllFeatures()
    made.enableFeaturesByName(**{name: [] for name in CLASSES})
    return made


def pyradiomics(threads):
    import SimpleITK as sitk
    from radiomics import featureextractor
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)

    def prepare(image, mask, filtered):
        images = sitk.ReadImage(image), sitk.ReadImage(mask)
        return lambda: len(extractor_of(featureextractor).execute(*images))
    return prepare


def flash(threads):
    import SimpleITK as sitk
    from flash_radiomics import featureextractor
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
    folder = tempfile.mkdtemp()

    def prepare(image, mask, filtered):
        images = sitk.ReadImage(image), sitk.ReadImage(mask)
        return lambda: len(extractor_of(featureextractor, backend="cpu", num_threads=threads, hdf5OutputDirectory=folder).execute(*images, spatialMode=False))
    return prepare


def pictologics(threads):
    from pictologics import RadiomicsPipeline, load_image
    ways = {"original": []}
    ways.update({f"log{sigma}": [{"step": "filter", "params": {"type": "log", "sigma_mm": sigma}}] for sigma in SIGMAS})
    ways.update({f"wavelet{band}": [{"step": "filter", "params": {"type": "wavelet", "wavelet": "coif1", "decomposition": band, "boundary": "periodic"}}]
                 for band in BANDS})
    pipeline = RadiomicsPipeline()
    for name, steps in ways.items():
        families = ["intensity", "texture", "histogram"] + (["morphology"] if name == "original" else [])
        start = {"min_val": -1000} if name == "original" else {"min_val": -4000}
        pipeline.add_config(name, [*steps, {"step": "discretise", "params": {"method": "FBS", "bin_width": 25, **start}},
                                   {"step": "extract_features", "params": {"families": families}}])

    def prepare(image, mask, filtered):
        images = load_image(image), load_image(mask)
        return lambda: sum(len(row) for row in pipeline.run(*images, config_names=list(ways)).values())
    return prepare


def mirp(threads):
    import numpy as np
    from mirp import extract_features
    families = ["statistics", "glcm", "glrlm", "glszm", "ngtdm", "ngldm"]

    def prepare(image, mask, filtered):
        def work():
            found = extract_features(image=image, mask=mask, base_discretisation_method="fixed_bin_size", base_discretisation_bin_width=25.0,
                                     base_feature_families=["morphological", *families], response_map_feature_families=families,
                                     response_map_discretisation_method="fixed_bin_size", response_map_discretisation_bin_width=25.0,
                                     filter_kernels=["laplacian_of_gaussian", "separable_wavelet"], laplacian_of_gaussian_sigma=SIGMAS,
                                     separable_wavelet_families="coif1", separable_wavelet_set="all", separable_wavelet_rotation_invariance=False,
                                     resegmentation_intensity_range=[-5000.0, np.nan])
            return sum(len(table.columns) for table in found)
        return work
    return prepare


def fastrad(threads):
    import nibabel
    import torch
    from fastrad import FeatureExtractor, FeatureSettings, Mask, MedicalImage
    torch.set_num_threads(threads)

    def load(kind, path):
        file = nibabel.load(path)
        return kind(torch.from_numpy(file.get_fdata(dtype="float32").transpose(2, 1, 0).copy()), tuple(map(float, file.header.get_zooms()[::-1])))

    def prepare(image, mask, filtered):
        region = load(Mask, mask)
        images = [load(MedicalImage, path) for path in [image, *filtered]]

        def work():
            count = 0
            for at, one in enumerate(images):
                classes = [name for name in CLASSES if name != "shape" or at == 0]
                count += len(FeatureExtractor(FeatureSettings(feature_classes=classes, bin_width=25.0, device="cpu")).extract(one, region))
            return count
        return work
    return prepare


def nyxus(threads):
    from nyxus import Nyxus3D
    texture = ["*3D_ALL_INTENSITY*", "*3D_GLCM*", "*3D_GLRLM*", "*3D_GLSZM*", "*3D_NGTDM*", "*3D_GLDM*"]

    def prepare(image, mask, filtered):
        def work():
            count = 0
            for at, path in enumerate([image, *filtered]):
                kinds = [*texture, "*3D_ALL_MORPHOLOGY*"] if at == 0 else texture
                count += Nyxus3D(kinds, n_feature_calc_threads=threads).featurize_files([path], [mask], False).shape[1]
            return count
        return work
    return prepare


def main(name, threads):
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the peer prints is no answer
    prepare = {"flash-radiomics": flash}.get(name) or globals()[name]
    prepare, kept, work = prepare(threads), None, None
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        if line != kept:
            kept, work = line, prepare(**json.loads(line))
        start, cpu = time.perf_counter(), time.process_time()
        count = work()
        print(json.dumps({"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "features": count}), file=out, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
