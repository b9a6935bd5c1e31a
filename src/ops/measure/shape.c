#include <math.h>
#include <string.h>

#include "ops/measure/body.h"
#include "ops/measure/gather.h"

typedef struct ShapeParams {
  int64_t label;
  int64_t ddof;
} ShapeParams;

static const CmParam params[] = {
    CM_LABEL_PARAM(ShapeParams),
    CM_PARAM_INT(
        ShapeParams, ddof, 0, 0, 1, "1",
        "the covariance of the axes is divided by voxels - ddof: 0 as PyRadiomics, 1 as IBSI's reference values"),
};

static const CmPort inputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "mask or label map; 0 is background"},
};
static const CmPort outputs[] = {{.name = "table", .kind = CM_KIND_TABLE, .help = "a row per label"}};

enum {
  COUNT,
  VOXEL_VOLUME,
  MESH_VOLUME,
  AREA,
  AREA_TO_VOLUME,
  COMPACTNESS_1,
  COMPACTNESS_2,
  DISPROPORTION,
  SPHERICITY,
  ASPHERICITY,
  DIAMETER,
  DIAMETER_SLICE,
  EQUIVALENT_DIAMETER,
  MAJOR,
  MINOR,
  LEAST,
  ELONGATION,
  FLATNESS,
  FEATURES
};
static const CmFeature features[FEATURES] = {
    [COUNT] = {"count", "voxel", true},
    [VOXEL_VOLUME] = {"voxel_volume", "mm3", false},
    [MESH_VOLUME] = {"mesh_volume", "mm3", false},
    [AREA] = {"surface_area", "mm2", false},
    [AREA_TO_VOLUME] = {"surface_to_volume_ratio", "1/mm", false},
    [COMPACTNESS_1] = {"compactness_1", "1", false},
    [COMPACTNESS_2] = {"compactness_2", "1", false},
    [DISPROPORTION] = {"spherical_disproportion", "1", false},
    [SPHERICITY] = {"sphericity", "1", false},
    [ASPHERICITY] = {"asphericity", "1", false},
    [DIAMETER] = {"maximum_3d_diameter", "mm", false},
    [DIAMETER_SLICE] = {"maximum_2d_diameter_slice", "mm", false},
    [EQUIVALENT_DIAMETER] = {"equivalent_diameter", "mm", false},
    [MAJOR] = {"major_axis_length", "mm", false},
    [MINOR] = {"minor_axis_length", "mm", false},
    [LEAST] = {"least_axis_length", "mm", false},
    [ELONGATION] = {"elongation", "1", false},
    [FLATNESS] = {"flatness", "1", false},
};

typedef struct Shape {
  CmContext *ctx;
  const CmImage *labels;
  CmGrid grid;
  double spacing[3];
  double ddof;
} Shape;

/* One region in its box, with a voxel of background around. */
typedef struct Box {
  const Shape *job;
  const CmRegion *region;
  int64_t n[3];
  double *line;
} Box;

static void load_plane(void *arg, int64_t z, uint8_t *plane) {
  const Box *box = arg;
  const CmLabelBox *label = &box->region->box;
  const CmGrid *grid = &box->job->grid;
  const CmImage *labels = box->job->labels;
  memset(plane, 0, (size_t)(box->n[0] * box->n[1]));
  if (z == 0 || z == box->n[2] - 1) return;
  for (int64_t y = 1; y < box->n[1] - 1; y++) {
    const int64_t row = (box->region->t * grid->nz + label->box_min[2] + z - 1) * grid->ny + label->box_min[1] + y - 1;
    const char *from = cm__row(labels, grid, row);
    cm__line_to_f64(cm_image_type(labels), from + (size_t)label->box_min[0] * grid->size, box->n[0] - 2, box->line);
    for (int64_t x = 1; x < box->n[0] - 1; x++) plane[y * box->n[0] + x] = box->line[x - 1] == (double)label->value;
  }
}

static void axes(const double lambda[3], double *out) {
  out[MAJOR] = 4.0 * sqrt(lambda[0]);
  out[MINOR] = 4.0 * sqrt(lambda[1]);
  out[LEAST] = 4.0 * sqrt(lambda[2]);
  if (lambda[0] > 0.0) {
    out[ELONGATION] = sqrt(lambda[1] / lambda[0]);
    out[FLATNESS] = sqrt(lambda[2] / lambda[0]);
  }
}

static void derive(double *out) {
  const double pi = 3.14159265358979323846, v = out[MESH_VOLUME], a = out[AREA];
  out[AREA_TO_VOLUME] = a / v;
  out[COMPACTNESS_1] = v / (sqrt(pi) * pow(a, 1.5));
  out[COMPACTNESS_2] = 36.0 * pi * v * v / (a * a * a);
  out[SPHERICITY] = cbrt(out[COMPACTNESS_2]);
  out[DISPROPORTION] = 1.0 / out[SPHERICITY];
  out[ASPHERICITY] = out[DISPROPORTION] - 1.0;
  out[EQUIVALENT_DIAMETER] = cbrt(6.0 * out[VOXEL_VOLUME] / pi);
}

static bool measure(void *arg, const CmRegion *region, double *out, CmError **err) {
  const Shape *job = arg;
  const CmLabelBox *label = &region->box;
  Box box = {.job = job, .region = region};
  CmHull hull = {.ctx = job->ctx};
  CmBody body;
  double lambda[3];
  for (int k = 0; k < 3; k++) box.n[k] = label->box_max[k] - label->box_min[k] + 3;
  for (int k = 0; k < FEATURES; k++) out[k] = NAN;
  box.line = cm_alloc_array(job->ctx, (size_t)box.n[0], sizeof(double), err);
  const bool ok = box.line && cm__body_measure(job->ctx, box.n, job->spacing, load_plane, &box, &hull, &body, err);
  if (ok) {
    out[COUNT] = (double)body.voxels;
    out[VOXEL_VOLUME] = (double)body.voxels * job->spacing[0] * job->spacing[1] * job->spacing[2];
    out[MESH_VOLUME] = body.volume;
    out[AREA] = body.area;
    out[DIAMETER] = cm__hull_diameter(&hull, &out[DIAMETER_SLICE]);
    cm__body_axes(&body, job->ddof, lambda);
    axes(lambda, out);
    derive(out);
  }
  cm_free(box.line);
  cm__hull_free(&hull);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const ShapeParams *p = call->params;
  const CmImage *labels = call->in[0].image;
  Shape job = {.ctx = call->ctx, .labels = labels, .grid = cm__grid(labels), .ddof = (double)p->ddof};
  memcpy(job.spacing, cm_image_geometry(labels)->spacing, sizeof(job.spacing));
  return cm__region_table(call, "shape", NULL, labels, p->label, features, FEATURES, measure, &job, err);
}

CM_OP(shape) = {
    .name = "shape",
    .family = "measure",
    .since = "0.1",
    .summary = "Volume, surface and axes of each labelled region.",
    .details =
        "Names: IBSI's and PyRadiomics'. voxel_volume: voxels times their volume (VoxelVolume). mesh_volume V and "
        "surface_area A: of the "
        "surface by marching cubes halfway between voxel centres (MeshVolume, SurfaceArea). surface_to_volume_ratio A "
        "/ V; compactness_1 "
        "V / (sqrt(pi) A^1.5); compactness_2 36 pi V^2 / A^3; sphericity (36 pi V^2)^(1/3) / A; "
        "spherical_disproportion 1 / sphericity; "
        "asphericity that - 1; maximum_3d_diameter: largest distance of two vertices of the surface, "
        "maximum_2d_diameter_slice: of two in one "
        "slice. major, minor and least axis length: 4 sqrt of the eigenvalues of the covariance of the voxel centres; "
        "elongation "
        "sqrt(minor / major), flatness sqrt(least / major) of the eigenvalues. equivalent_diameter: of the ball of "
        "voxel_volume. The region "
        "is taken as if background were around the image. Flat regions (one slice) get the surface of a body one voxel "
        "thick.",
    CM_OP_PARAMS(ShapeParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-12,
    .cite =
        "IBSI reference manual v11, section 3.1; van Griethuysen JJM et al. Cancer Res 77(21), 2017 (PyRadiomics); "
        "Lorensen WE, Cline HE. "
        "Marching cubes. SIGGRAPH 1987",
    .examples = "cormack shape nodules.nii.gz shape.csv",
    .run = run,
};
