"""Measures against MedPy, DeepMind's surface-distance, SimpleITK, scikit-image, SciPy and scikit-learn."""
import parity
from parity import EXTREME, MASKS, REAL, Case, cormack, nd, np, sitk, skimage

try:
    import surface_distance
    from medpy.metric import binary as medpy
except ImportError as error:
    print("skipped:", error)
    raise SystemExit(77) from error

FLOATS = "sums in another order"
DISTANCES = "distances are calculated in float"

# ---- segmentation_metrics

LABELLED = ("lungs", "blobs", "blobs_2d", "label_map", "full_mask")


def moved(p):
    """What a segmentation might be: the same, a voxel further, with bites."""
    made = np.roll(p.array, 1, axis=-1)
    made[np.random.default_rng(9).random(made.shape) < 0.01] = 0
    return np.ascontiguousarray(made)


def against(p):
    return {"truth": p.array, "prediction": moved(p)}


def each_label(p, function):
    """{column: values} of function(truth, prediction), label by label."""
    other = moved(p)
    labels = np.union1d(np.unique(p.array), np.unique(other))
    rows = [{"label": int(k)} | function(p, p.array == k, other == k) for k in labels if k]
    return {name: [row[name] for row in rows] for name in rows[0]}


def by_medpy(p, a, b):
    at = {"voxelspacing": p.axis_spacing}
    return {"dice": medpy.dc(b, a), "jaccard": medpy.jc(b, a), "sensitivity": medpy.recall(b, a), "specificity": medpy.specificity(b, a) if not a.all() else np.nan,
            "precision": medpy.precision(b, a), "hausdorff": medpy.hd(b, a, **at), "hausdorff_95": medpy.hd95(b, a, **at),
            "truth_to_prediction": medpy.asd(a, b, **at), "prediction_to_truth": medpy.asd(b, a, **at), "assd": medpy.assd(b, a, **at)}


def by_deepmind(p, a, b):
    found = surface_distance.compute_surface_distances(a, b, p.axis_spacing)
    truth, prediction = surface_distance.compute_average_surface_distance(found)
    return {"hausdorff": surface_distance.compute_robust_hausdorff(found, 100), "hausdorff_95": surface_distance.compute_robust_hausdorff(found, 95),
            "truth_to_prediction": truth, "prediction_to_truth": prediction, "surface_dice": surface_distance.compute_surface_dice_at_tolerance(found, 1.2)}


def by_itk(p, a, b):
    one, two = p.sitk_like(a.astype(np.uint8)), p.sitk_like(b.astype(np.uint8))
    overlap, far = sitk.LabelOverlapMeasuresImageFilter(), sitk.HausdorffDistanceImageFilter()
    overlap.Execute(two, one)
    far.Execute(two, one)
    return {"dice": overlap.GetDiceCoefficient(), "jaccard": overlap.GetJaccardCoefficient(), "volume_difference": overlap.GetVolumeSimilarity(),
            "hausdorff": far.GetHausdorffDistance(), "masd": far.GetAverageHausdorffDistance()}


def by_formula(p, a, b):
    """What no library has: of volumes, and means over both surfaces (Heimann 2009)."""
    rim = [x & ~nd.binary_erosion(x) for x in (a, b)]
    far = [nd.distance_transform_edt(~rim[1 - k], sampling=p.axis_spacing)[rim[k]] for k in (0, 1)]
    both = np.concatenate(far)
    voxel = float(np.prod(p.spacing))
    return {"truth_voxels": a.sum(), "prediction_volume": b.sum() * voxel, "masd": (far[0].mean() + far[1].mean()) / 2, "surface_dice": np.mean(both <= 1.2), "hausdorff_90": max(np.percentile(x, 90) for x in far),
            "volume_similarity": 1 - abs(a.sum() - b.sum()) / (a.sum() + b.sum())}


METRICS = {"inputs": against, "compare": parity.compare_table}
CASES = [
    Case("segmentation_metrics", {"direction": "pooled"}, LABELLED, "MedPy binary", lambda p: each_label(p, by_medpy), 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {"surface": "surfel", "tolerance": 1.2}, LABELLED, "surface-distance", lambda p: each_label(p, by_deepmind), 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {"surface": "set"}, LABELLED, "SimpleITK LabelOverlapMeasures, HausdorffDistance", lambda p: each_label(p, by_itk), 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {"percentile": 90, "tolerance": 1.2}, LABELLED, "SciPy, by the formulas", lambda p: each_label(p, by_formula), 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {}, ("one_voxel_mask",), "closed form", lambda p: {"dice": [1], "hausdorff": [0], "assd": [0], "surface_dice": [1]}, 0, "", inputs=lambda p: {"truth": p.array, "prediction": p.array}, compare=parity.compare_table),
    Case("segmentation_metrics", {}, ("empty_mask",), "closed form", lambda p: {"dice": [], "label": []}, 0, "", **METRICS),
    Case("segmentation_metrics", {}, ("blobs",), "closed form", lambda p: {"dice": [0], "jaccard": [0], "sensitivity": [0], "precision": [np.nan], "hausdorff": [np.nan], "volume_similarity": [0]}, 0, "",
         inputs=lambda p: {"truth": p.array, "prediction": np.zeros_like(p.array)}, compare=parity.compare_table),
    Case("segmentation_metrics", {"binary": True}, ("label_map",), "MedPy binary", lambda p: {k: [v] for k, v in by_medpy(p, p.array > 0, moved(p) > 0).items() if k != "hausdorff_95"}, 1e-6, DISTANCES, **METRICS),
    Case("segmentation_metrics", {"label": 2, "distances": False}, ("label_map",), "NumPy reference",
         lambda p: {"label": [2], "dice": [2 * ((p.array == 2) & (moved(p) == 2) & (p.mask > 0)).sum() / (((p.array == 2) & (p.mask > 0)).sum() + ((moved(p) == 2) & (p.mask > 0)).sum())]},
         1e-12, FLOATS, inputs=lambda p: against(p) | {"mask": p.mask}, compare=parity.compare_table),
]

parity.main(__name__, CASES)
