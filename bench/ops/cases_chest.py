"""CT of the chest. No library has these; peers make the same steps, or what they have of them."""
from bench_ops import Case, nd, np, sitk


def body_scipy(i):
    inside = i.array > -300
    pieces, _ = nd.label(inside)
    return nd.binary_fill_holes(pieces == np.bincount(pieces.ravel())[1:].argmax() + 1)


def bone_itk(i):
    """The operation's steps: body, hysteresis of 6 mm at most left out, the shell's edge, closing, filling, small pieces."""
    body = sitk.BinaryFillhole(sitk.RelabelComponent(sitk.ConnectedComponent(i.sitk > -300)) == 1)
    dense = sitk.DoubleThreshold(i.sitk, 150, 300, 3071, 3071) * body
    top = sitk.GrayscaleDilate(i.sitk, [round(3 / s) for s in i.spacing])
    shell = dense * ((i.sitk - 50) * 2 >= top - 50)
    closed = sitk.BinaryFillhole(sitk.BinaryMorphologicalClosing(shell, [round(2 / s) for s in i.spacing]))
    return sitk.RelabelComponent(sitk.ConnectedComponent(closed, True), round(300 / np.prod(i.spacing))) > 0


def lungs(i):
    return i.kept("lungs", lambda: (i.array < -500).astype(np.uint8))


def dots_itk(i):
    """The blob filter alone, at the operation's scales."""
    def make():
        made = sitk.GetImageFromArray(np.where(lungs(i) > 0, i.f32, np.float32(-850)))
        made.CopyInformation(i.sitk)
        return made
    return [sitk.ObjectnessMeasure(sitk.SmoothingRecursiveGaussian(i.kept("inside", make), 2 * 1.5**k / 3**0.5), objectDimension=0) for k in range(7)]


CASES = [
    Case("bone", {}, "ct_part", {"SimpleITK, the same steps": bone_itk}),
    Case("bone", {}, "ct", {}),
    Case("nodules", {}, "ct_part", {"SimpleITK ObjectnessMeasure alone": dots_itk}, lambda i: {"ct": i.image, "inside": i.kept("inside image", lambda: i.like(lungs(i)))}),
    Case("body", {"method": "fixed"}, "ct", {"SciPy, without opening": body_scipy}),
    Case("lungs", {}, "ct", {}),
]
