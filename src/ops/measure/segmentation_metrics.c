/* cormack segmentation_metrics: a segmentation beside the truth, label by label. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/measure/overlap.h"
#include "ops/measure/surface.h"

typedef struct MetricsParams {
  int64_t label;
  bool binary, distances;
  int32_t surface, direction;
  double percentile, tolerance;
} MetricsParams;

static const CmParam params[] = {
    CM_PARAM_INT(MetricsParams, label, 0, -2147483648, 4294967295, "1",
                 "only this label is compared; 0: all that either map has, a row each"),
    CM_PARAM_BOOL(MetricsParams, binary, "false", "all labels are one: what is not 0, as label 1"),
    CM_PARAM_BOOL(MetricsParams, distances, "true", "also the distances between the surfaces"),
    CM_PARAM_ENUM(
        MetricsParams, surface, "voxel|surfel|set", "voxel",
        "what distances are taken between: voxels with a neighbour by a face outside (MedPy, MONAI), pieces of "
        "the surface weighted by their area (DeepMind's surface-distance), or all voxels (ITK)"),
    CM_PARAM_ENUM(MetricsParams, direction, "larger|pooled", "larger",
                  "the percentile of distances: the larger of both directions, or of all distances together"),
    CM_PARAM_REAL(MetricsParams, percentile, 95, 0, 100, "%", "the percentile of the robust Hausdorff distance"),
    CM_PARAM_REAL(MetricsParams, tolerance, 1, 0, 1e6, "mm",
                  "how far surfaces may lie apart that agree (surface_dice)"),
};

static const CmPort inputs[] = {
    {.name = "truth", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "the labels that are right"},
    {.name = "prediction", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "the labels that are judged"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where both are compared; outside they count as background"},
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per label"}};

enum {
  TRUTH_VOXELS,
  PREDICTION_VOXELS,
  TRUTH_VOLUME,
  PREDICTION_VOLUME,
  DICE,
  JACCARD,
  SENSITIVITY,
  SPECIFICITY,
  PRECISION,
  VOLUME_DIFFERENCE,
  VOLUME_SIMILARITY,
  HAUSDORFF,
  HAUSDORFF_PERCENTILE,
  TRUTH_DISTANCE,
  PREDICTION_DISTANCE,
  ASSD,
  MASD,
  SURFACE_DICE,
  COLUMNS
};
static const struct {
  const char *name, *unit;
} columns[COLUMNS] = {
    [TRUTH_VOXELS] = {"truth_voxels", "voxel"},
    [PREDICTION_VOXELS] = {"prediction_voxels", "voxel"},
    [TRUTH_VOLUME] = {"truth_volume", "mm3"},
    [PREDICTION_VOLUME] = {"prediction_volume", "mm3"},
    [DICE] = {"dice", ""},
    [JACCARD] = {"jaccard", ""},
    [SENSITIVITY] = {"sensitivity", ""},
    [SPECIFICITY] = {"specificity", ""},
    [PRECISION] = {"precision", ""},
    [VOLUME_DIFFERENCE] = {"volume_difference", ""},
    [VOLUME_SIMILARITY] = {"volume_similarity", ""},
    [HAUSDORFF] = {"hausdorff", "mm"},
    [HAUSDORFF_PERCENTILE] = {"hausdorff_", "mm"},
    [TRUTH_DISTANCE] = {"truth_to_prediction", "mm"},
    [PREDICTION_DISTANCE] = {"prediction_to_truth", "mm"},
    [ASSD] = {"assd", "mm"},
    [MASD] = {"masd", "mm"},
    [SURFACE_DICE] = {"surface_dice", ""},
};

static double ratio(double a, double b) {
  return b > 0.0 ? a / b : NAN;
}

static void overlap(const CmOverlap *o, double voxel_mm3, double *row) {
  const double truth = (double)o->truth, prediction = (double)o->prediction, both = (double)o->both;
  const double all = (double)o->voxels, either = truth + prediction - both;
  row[TRUTH_VOXELS] = truth;
  row[PREDICTION_VOXELS] = prediction;
  row[TRUTH_VOLUME] = truth * voxel_mm3;
  row[PREDICTION_VOLUME] = prediction * voxel_mm3;
  row[DICE] = ratio(2.0 * both, truth + prediction);
  row[JACCARD] = ratio(both, either);
  row[SENSITIVITY] = ratio(both, truth);
  row[SPECIFICITY] = ratio(all - either, all - truth);
  row[PRECISION] = ratio(both, prediction);
  row[VOLUME_DIFFERENCE] = ratio(2.0 * (prediction - truth), prediction + truth);
  row[VOLUME_SIMILARITY] = 1.0 - ratio(fabs(prediction - truth), prediction + truth);
}

static void distances(const MetricsParams *p, const CmSurfaceSide side[3], double *row) {
  const double a = ratio(side[0].sum, side[0].weight), b = ratio(side[1].sum, side[1].weight);
  row[HAUSDORFF] = fmax(side[0].most, side[1].most);
  row[HAUSDORFF_PERCENTILE] = p->direction == 1 ? side[2].percentile : fmax(side[0].percentile, side[1].percentile);
  row[TRUTH_DISTANCE] = a;
  row[PREDICTION_DISTANCE] = b;
  row[ASSD] = ratio(side[2].sum, side[2].weight);
  row[MASD] = 0.5 * (a + b);
  row[SURFACE_DICE] = ratio(side[2].within, side[2].weight);
}

static bool add_columns(CmTable *table, const MetricsParams *p, bool times, CmError **err) {
  const int count = p->distances ? COLUMNS : HAUSDORFF;
  if (cm_table_add_column(table, "label", CM_COLUMN_INT, "", err) < 0 ||
      cm_table_add_column(table, "name", CM_COLUMN_TEXT, "", err) < 0 ||
      (times && cm_table_add_column(table, "t", CM_COLUMN_INT, "", err) < 0))
    return false;
  for (int k = 0; k < count; k++) {
    char name[48];
    snprintf(name, sizeof(name), "%s", columns[k].name);
    if (k == HAUSDORFF_PERCENTILE) snprintf(name, sizeof(name), "hausdorff_%g", p->percentile);
    const CmColumnType type = k <= PREDICTION_VOXELS ? CM_COLUMN_INT : CM_COLUMN_REAL;
    if (cm_table_add_column(table, name, type, columns[k].unit, err) < 0) return false;
  }
  return true;
}

static bool add_row(CmTable *table, const CmCall *call, const CmLabelBox *item, bool times, const double *row,
                    CmError **err) {
  const MetricsParams *p = call->params;
  const int64_t at = cm_table_add_row(table, err);
  int column = 0;
  CmLabel named;
  if (at < 0) return false;
  cm_table_set_int(table, at, column++, item->value);
  if (!p->binary &&
      (cm_image_find_label(call->in[0].image, item->value, &named) ||
       cm_image_find_label(call->in[1].image, item->value, &named)) &&
      named.name && *named.name && !cm_table_set_text(table, at, column, named.name, err))
    return false;
  column++;
  if (times) cm_table_set_int(table, at, column++, item->t);
  for (int k = 0; k < (p->distances ? COLUMNS : HAUSDORFF); k++, column++) {
    if (k <= PREDICTION_VOXELS)
      cm_table_set_int(table, at, column, (int64_t)row[k]);
    else
      cm_table_set_real(table, at, column, row[k]);
  }
  return true;
}

static bool compare(const CmCall *call, CmOverlapJob *job, const CmLabelBox *item, double *row, CmError **err) {
  const MetricsParams *p = call->params;
  const CmGeometry *geometry = cm_image_geometry(call->in[0].image);
  CmSurfaceSide sides[3];
  CmOverlap o = {.a = NULL};
  bool ok = cm__overlap(job, item, &o, err);
  for (int k = 0; k < COLUMNS; k++) row[k] = NAN;
  if (ok) overlap(&o, geometry->spacing[0] * geometry->spacing[1] * geometry->spacing[2], row);
  if (ok && p->distances && o.truth && o.prediction) {
    CmSurfaceJob surface = {.ctx = call->ctx,
                            .of = (CmSurfaceOf)p->surface,
                            .percentile = p->percentile / 100.0,
                            .tolerance = p->tolerance};
    memcpy(surface.spacing, geometry->spacing, sizeof(surface.spacing));
    for (int axis = 0; axis < 3; axis++) surface.flat[axis] = cm_image_dims(call->in[0].image)[axis] == 1;
    ok = cm__surface_distances(&surface, o.n, o.a, o.b, sides, err);
    if (ok) distances(p, sides, row);
  }
  cm_free(o.a);
  cm_free(o.b);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const MetricsParams *p = call->params;
  const bool times = cm_image_dims(call->in[0].image)[3] > 1;
  CmOverlapJob job = {.ctx = call->ctx, .truth = call->in[0].image, .prediction = call->in[1].image};
  CmLabelList list = {.count = 0};
  CmTable *table = NULL;
  double row[COLUMNS];
  bool ok = false;
  if (cm_image_dims(job.prediction)[3] != cm_image_dims(job.truth)[3]) {
    cm_error_set(err, CM_ERR_GEOMETRY, "truth has %lld time points and prediction %lld; give as many",
                 (long long)cm_image_dims(job.truth)[3], (long long)cm_image_dims(job.prediction)[3]);
    return false;
  }
  if (!cm__mask_open(&job.mask, &call->in[2], job.truth, err) ||
      !cm__overlap_list(&job, p->binary, p->label, &list, err))
    goto done;
  table = cm_table_create(call->ctx, err);
  if (!table || !add_columns(table, p, times, err)) goto done;
  for (int64_t k = 0; k < list.count; k++) {
    cm_progress(call->ctx, "segmentation_metrics", k, list.count);
    if (cm_context_cancelled(call->ctx, err) || !compare(call, &job, &list.items[k], row, err) ||
        !add_row(table, call, &list.items[k], times, row, err))
      goto done;
  }
  cm_progress(call->ctx, "segmentation_metrics", list.count, list.count);
  call->out[0] = cm_value_table(table);
  table = NULL;
  ok = true;
done:
  cm_table_unref(&table);
  cm_free(list.items);
  return ok;
}

CM_OP(segmentation_metrics) = {
    .name = "segmentation_metrics",
    .family = "measure",
    .since = "0.1",
    .summary = "Compare a segmentation with the truth, label by label.",
    .details =
        "With T and P the voxels of a label in truth and prediction: dice 2 |T and P| / (|T| + |P|), jaccard |T and P| "
        "/ "
        "|T or P|, sensitivity (recall) |T and P| / |T|, precision |T and P| / |P|, specificity the share of the "
        "voxels "
        "outside T that are outside P; volume_difference 2 (|P| - |T|) / (|P| + |T|), which ITK calls volume "
        "similarity; "
        "volume_similarity 1 - ||P| - |T|| / (|P| + |T|) (Taha and Hanbury). Distances in mm, spacing respected: from "
        "each element of one surface to the nearest of the other. hausdorff is the largest of both directions; "
        "hausdorff_95 (named after the percentile) by `direction`; truth_to_prediction and prediction_to_truth are "
        "means, "
        "masd the mean of the two (ITK: the average Hausdorff distance), assd the mean over all "
        "elements of both surfaces (Heimann, MedPy, MONAI); surface_dice the share of both surfaces that lies within "
        "the "
        "tolerance. surface=voxel: centres of the label's voxels that have a neighbour by a face outside; what lies "
        "beyond the image is outside. surface=surfel: corners between voxels, weighted by the area of marching cubes "
        "around them; percentiles are of area. surface=set: all voxels of a label, to the nearest voxel of the other: "
        "0 "
        "where they overlap. An axis one voxel long is left alone (2D: lengths for areas). Percentiles of voxels: "
        "linear "
        "between order statistics. A label that only one map has: dice and jaccard 0, distances missing, ratios "
        "with nothing below the line missing. A label that neither has gets no row, two empty maps a table without "
        "rows. "
        "Time points stay apart (column t). Distances are calculated in float. Memory: 12 bytes per voxel of the box "
        "around a label.",
    CM_OP_PARAMS(MetricsParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-6,
    .cite =
        "Taha AA, Hanbury A. Metrics for evaluating 3D medical image segmentation. BMC Med Imaging 15:29, 2015; "
        "Heimann T "
        "et al. IEEE Trans Med Imaging 28(8), 2009; Nikolov S et al. J Med Internet Res 23(7), 2021 (surface Dice); "
        "Maier-Hein L et al. Metrics reloaded. Nat Methods 21, 2024",
    .examples =
        "cormack segmentation_metrics truth.nii.gz predicted.nii.gz metrics.csv\n"
        "cormack segmentation_metrics truth.nii.gz predicted.nii.gz m.csv --surface surfel --tolerance 2 --binary true",
    .run = run,
};
