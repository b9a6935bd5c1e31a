"""Rigid registration: the head and itself, turned and shifted by known amounts, so that the error is known as well."""
import numpy as np
from bench_ops import Case, sitk

ANGLES, SHIFT = np.radians((4, -3, 7)), (9.0, -6.0, 5.0)


def truth(i):
    middle = i.sitk.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in i.sitk.GetSize()])
    return sitk.Euler3DTransform(middle, *ANGLES, SHIFT)


def moving(i):
    """truth(i) carries its points to those of the image."""
    return i.kept("moving", lambda: sitk.Resample(i.sitk, i.sitk, truth(i), sitk.sitkLinear, 0.0))


def both(i):
    return i.kept("both", lambda: {"fixed": i.like(sitk.GetArrayFromImage(moving(i))), "moving": i.image})


def itk(i):
    """Mattes' mutual information at 40 bins, the same levels (8, 4 and 2 mm) and about as many samples; steps end as ITK's examples have it."""
    fixed, method = moving(i), sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(40)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentagePerLevel([1.0, 0.33, 0.04], seed=1)
    method.SetShrinkFactorsPerLevel([8, 4, 2])
    method.SetSmoothingSigmasPerLevel([4, 2, 1])
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInterpolator(sitk.sitkLinear)
    start = sitk.CenteredTransformInitializer(fixed, i.sitk, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY)
    method.SetInitialTransform(start, False)
    found = method.Execute(fixed, i.sitk)
    return sitk.Resample(i.sitk, fixed, found, sitk.sitkLinear, 0.0)


CASES = [
    Case("register", {}, "mr", {"SimpleITK Mattes, Euler3D": itk}, both),
]
