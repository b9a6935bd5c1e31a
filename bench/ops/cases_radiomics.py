"""Radiomics of the window around every voxel. PyRadiomics takes 10 to 30 ms a voxel for glcm, so that it gets few of them; its time is one thread's."""
import logging

from bench_ops import Case, np, sitk

try:
    from radiomics import featureextractor
except ImportError as error:
    print("PyRadiomics: not here, left out:", error)
    featureextractor = None
CLASSES = ("firstorder", "glcm", "glrlm", "glszm", "ngtdm", "gldm")


def region(i):
    """12 x 12 x 12 voxels in the middle."""
    mask = np.zeros(i.array.shape, np.uint8)
    mask[tuple(slice(n // 2 - 6, n // 2 + 6) for n in mask.shape)] = 1
    return mask


def given(i):
    return {"image": i.image, "labels": i.kept("region", lambda: i.like(region(i)))}


def pyradiomics(name, **settings):
    def run(i):
        logging.disable(logging.CRITICAL)
        mask = i.kept("region_sitk", lambda: sitk.GetImageFromArray(region(i)))
        mask.CopyInformation(i.sitk)
        extractor = featureextractor.RadiomicsFeatureExtractor(additionalInfo=False, binWidth=25, **settings)
        extractor.disableAllFeatures()
        extractor.enableFeatureClassByName(name)
        return extractor.execute(i.sitk, mask, voxelBased=True)
    return {"PyRadiomics": run} if featureextractor else {}


def one(name, must=0, **settings):
    return Case("radiomics_map", {**{other: "none" for other in CLASSES if other != name}, **settings}, "tumour", pyradiomics(name, **settings), given, must=must, about=name)


def perturbed(i):
    return {"image": i.image, "labels": i.of("ct_part_mask").image}


CASES = [Case("perturb", {"rotation": 6, "noise": "estimate", "growth": 0.1}, "ct_part", {}, perturbed)]
CASES += [one("glcm", 500, maskedKernel=False)] + [one(name, maskedKernel=False) for name in CLASSES if name != "glcm"] + [
    one("glcm", maskedKernel=False, kernelRadius=3), one("glcm", maskedKernel=False, force2D=True)]
