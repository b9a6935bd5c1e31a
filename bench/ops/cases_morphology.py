"""Distances, reconstruction, structuring elements, skeletons and hulls."""
from bench_ops import Case, cv2, edt, nd, np, sitk, skimage
import bench_ops

BALL = {"radius": 5}


def workers():
    return bench_ops.threads


def lowered(i):
    return i.kept("lowered", lambda: (i.array.astype(np.int32) - 100).clip(-32768).astype(np.int16))


def sitk_lowered(i):
    return i.kept("sitk_lowered", lambda: sitk.GetImageFromArray(lowered(i)))


def plain(i):
    """Without the spacing, which is not the same for both."""
    return i.kept("plain", lambda: sitk.GetImageFromArray(i.array))


def ball(i):
    return i.kept("ball", lambda: skimage.morphology.ball(5))


def quarter(i):
    """Of each axis, for peers that would take minutes."""
    return i.kept("quarter", lambda: np.ascontiguousarray(i.array[::4, ::4, ::4]))


def diamond():
    """As a user would draw it: 9 x 9, symmetric, so that libraries that do not mirror it agree."""
    return (np.abs(np.mgrid[-4:5, -4:5]).sum(0) <= 4).astype(np.uint8)


FLAT = ("xray8", "xray", "xrayf")


def square(radius):
    return {"radius": radius, "shape": "box"}


def ours_in(radius):
    """What `ball` is in the plane."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return (x * x + y * y <= radius * radius).astype(np.uint8)


def flat(op, params, call, element, names=FLAT):
    """Of pictures, beside OpenCV."""
    return [Case(op, params, name, {"OpenCV": lambda i: call(i.array, element)}) for name in names]


def combined(op):
    return lambda array, element: cv2.morphologyEx(array, op, element)


COMBINED = {"open": cv2.MORPH_OPEN, "close": cv2.MORPH_CLOSE, "morphological_gradient": cv2.MORPH_GRADIENT, "top_hat": cv2.MORPH_TOPHAT,
            "black_hat": cv2.MORPH_BLACKHAT}


GREY = "comparisons, of loads that are not aligned; NaN and what lies beyond take no part, which reals are looked through for once more"
NOTES = dict.fromkeys(("dilate", "erode", *COMBINED), GREY)
CASES = [
    Case("erode", BALL, "ct_mask", {"SimpleITK": lambda i: sitk.BinaryErode(plain(i), [5] * 3)}, must=8),
    Case("dilate", BALL, "ct_mask", {"SimpleITK": lambda i: sitk.BinaryDilate(plain(i), [5] * 3)}, must=8),
    Case("erode", BALL, "ct_part", {"SimpleITK": lambda i: sitk.GrayscaleErode(plain(i), [5] * 3)}, must=8),
    Case("dilate", BALL, "ct_part", {"SimpleITK": lambda i: sitk.GrayscaleDilate(plain(i), [5] * 3)}, must=8),
    *[case for r in (1, 2, 5, 15) for case in flat("dilate", square(r), cv2.dilate, np.ones((2 * r + 1,) * 2, np.uint8))],
    *flat("erode", square(5), cv2.erode, np.ones((11, 11), np.uint8)),
    *[case for r in (2, 5) for case in flat("dilate", {"radius": r}, cv2.dilate, ours_in(r))],
    *[case for op, how in COMBINED.items() for case in flat(op, square(5), combined(how), np.ones((11, 11), np.uint8))],
    *[case for op, how in COMBINED.items() for case in flat(op, BALL, combined(how), ours_in(5), ["xray8"])],
    *[Case(op, BALL, "ct_part", {"SimpleITK": lambda i, call=call: call(plain(i), [5] * 3)}) for op, call in (
        ("open", sitk.GrayscaleMorphologicalOpening), ("close", sitk.GrayscaleMorphologicalClosing), ("morphological_gradient", sitk.MorphologicalGradient),
        ("top_hat", sitk.WhiteTopHat), ("black_hat", sitk.BlackTopHat))],
    *[Case(op, BALL, "ct_mask", {"SimpleITK": lambda i, call=call: call(plain(i), [5] * 3)})
      for op, call in (("open", sitk.BinaryMorphologicalOpening), ("close", sitk.BinaryMorphologicalClosing))],
    Case("distance", {}, "binary512", {"edt": lambda i: edt.edt(i.array, parallel=workers())}, must=1),
    Case("distance", {"by_label": True}, "labels512", {"edt": lambda i: edt.edt(i.array, parallel=workers())}, must=1),
    Case("distance", {"mode": "signed"}, "ct_mask", {"SimpleITK": lambda i: sitk.SignedMaurerDistanceMap(i.sitk, False, False, True)}),
    Case("distance", {}, "xray_mask", {"OpenCV": lambda i: cv2.distanceTransform(i.array, cv2.DIST_L2, cv2.DIST_MASK_PRECISE),
                                       "edt": lambda i: edt.edt(i.array, parallel=workers())}),
    Case("reconstruct", {}, "ct_part", {
        "SimpleITK": lambda i: sitk.ReconstructionByDilation(sitk_lowered(i), plain(i), True)},
        inputs=lambda i: {"marker": i.kept("marker", lambda: i.like(lowered(i))), "limit": i.image}),
    Case("reconstruct", {}, "xray_part", {
        "scikit-image": lambda i: skimage.morphology.reconstruction(np.maximum(i.f32, 4000) - 4000, i.f32, footprint=skimage.morphology.disk(3))},
        inputs=lambda i: i.kept("disc", lambda: {"marker": i.like(np.maximum(i.array, 4000) - np.uint16(4000)), "limit": i.image,
                                                 "element": bench_ops.cormack.Image(skimage.morphology.disk(3))}), about="a disc of 7 x 7 as element"),
    Case("remove_small", {"max_size": 100}, "ct_mask", {
        "scikit-image": lambda i: skimage.morphology.remove_small_objects(i.array > 0, max_size=100)}),
    Case("remove_small", {"max_size": 100, "what": "holes"}, "ct_mask", {
        "scikit-image": lambda i: skimage.morphology.remove_small_holes(i.array > 0, max_size=100)}),
    Case("skeleton", {}, "ct_part_mask", {"scikit-image": lambda i: skimage.morphology.skeletonize(i.array > 0)}),
    Case("skeleton", {}, "xray_mask", {"scikit-image": lambda i: skimage.morphology.skeletonize(i.array > 0)}),
    Case("thinning", {"max_iterations": 3}, "xray_mask", {"scikit-image": lambda i: skimage.morphology.thin(i.array > 0, 3)}),
    Case("h_maxima", {"h": 100}, "ct_part", {"scikit-image": lambda i: skimage.morphology.h_maxima(i.array, 100, np.ones((3, 3, 3)))}),
    Case("h_minima", {"h": 100}, "ct_part", {"scikit-image": lambda i: skimage.morphology.h_minima(i.array, 100, np.ones((3, 3, 3))),
                                             "SimpleITK": lambda i: sitk.HMinima(plain(i), 100, True)}),
    Case("regional_maxima", {}, "ct_part", {"scikit-image": lambda i: skimage.morphology.local_maxima(i.array),
                                       "SimpleITK": lambda i: sitk.RegionalMaxima(plain(i), fullyConnected=True)}),
    Case("regional_minima", {}, "xray", {"scikit-image": lambda i: skimage.morphology.local_minima(i.array)}),
    Case("expand_labels", {"distance": 8}, "sparse512", {
        "scikit-image": lambda i: skimage.segmentation.expand_labels(i.array, 8, i.spacing[::-1])}),
    Case("convex_hull", {}, "ct_mask", {"scikit-image": lambda i: skimage.morphology.convex_hull_image(quarter(i))},
         inputs=lambda i: {"image": i.kept("quarter_image", lambda: i.like(quarter(i)))}),
    Case("convex_hull", {}, "xray_mask", {"scikit-image": lambda i: skimage.morphology.convex_hull_image(i.array)}),
    Case("dilate", {}, "xray8", {"OpenCV": lambda i: cv2.dilate(i.array, diamond())},
         inputs=lambda i: {"image": i.image, "element": i.kept("element", lambda: bench_ops.cormack.Image(diamond()))}),
]
