#include <math.h>
#include <string.h>

#include "ops/eigen.h"
#include "ops/measure/diameter.h"
#include "ops/measure/gather.h"
#include "ops/measure/mesh.h"

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
  CmMeshCase cases[256];
} Shape;

/* One region in its box, with a voxel of background around: bytes 0 or 1. */
typedef struct Voxels {
  int64_t n[3];      /* with the background */
  uint8_t *plane[2]; /* z and z + 1 */
} Voxels;

static void load_plane(const Shape *job, const CmRegion *region, const Voxels *voxels, int64_t z, double *line,
                       uint8_t *plane) {
  const CmLabelBox *box = &region->box;
  const CmGrid *grid = &job->grid;
  memset(plane, 0, (size_t)(voxels->n[0] * voxels->n[1]));
  if (z == 0 || z == voxels->n[2] - 1) return;
  for (int64_t y = 1; y < voxels->n[1] - 1; y++) {
    const int64_t row = (region->t * grid->nz + box->box_min[2] + z - 1) * grid->ny + box->box_min[1] + y - 1;
    const char *from = cm__row(job->labels, grid, row);
    cm__line_to_f64(cm_image_type(job->labels), from + (size_t)box->box_min[0] * grid->size, voxels->n[0] - 2, line);
    for (int64_t x = 1; x < voxels->n[0] - 1; x++) plane[y * voxels->n[0] + x] = line[x - 1] == (double)box->value;
  }
}

/* Sums of the voxels' indices and of their products: xx, yy, zz, xy, xz, yz. */
static void add_moments(const Voxels *voxels, int64_t z, const uint8_t *plane, double first[3], double second[6]) {
  for (int64_t y = 0; y < voxels->n[1]; y++)
    for (int64_t x = 0; x < voxels->n[0]; x++)
      if (plane[y * voxels->n[0] + x]) {
        const double p[3] = {(double)x, (double)y, (double)z};
        for (int k = 0; k < 3; k++) {
          first[k] += p[k];
          second[k] += p[k] * p[k];
        }
        second[3] += p[0] * p[1];
        second[4] += p[0] * p[2];
        second[5] += p[1] * p[2];
      }
}

static void count_cases(const Voxels *voxels, int64_t counts[256]) {
  const uint8_t *low = voxels->plane[0], *high = voxels->plane[1];
  const int64_t nx = voxels->n[0];
  for (int64_t y = 0; y + 1 < voxels->n[1]; y++) {
    const uint8_t *a = low + y * nx, *b = a + nx, *c = high + y * nx, *d = c + nx;
    for (int64_t x = 0; x + 1 < nx; x++)
      counts[a[x] | a[x + 1] << 1 | b[x] << 2 | b[x + 1] << 3 | c[x] << 4 | c[x + 1] << 5 | d[x] << 6 |
             d[x + 1] << 7]++;
  }
}

/* Adds the ends of a row of surface points, in mm; first and last in half voxels. */
static void add_ends(const Shape *job, double first, double last, double y, double (*xy)[2], int64_t *n) {
  xy[*n][0] = first * job->spacing[0];
  xy[(*n)++][1] = y * job->spacing[1];
  if (last > first) {
    xy[*n][0] = last * job->spacing[0];
    xy[(*n)++][1] = y * job->spacing[1];
  }
}

/* First and last x where two rows differ; false: nowhere. */
static bool differ(const uint8_t *a, const uint8_t *b, int64_t nx, double *first, double *last) {
  bool found = false;
  for (int64_t x = 0; x < nx; x++)
    if (a[x] != b[x]) {
      *first = found ? *first : (double)x;
      *last = (double)x;
      found = true;
    }
  return found;
}

/* The surface's points in a plane of voxels (halfway along x or y), then those halfway to the next plane. */
static bool add_levels(const Shape *job, const Voxels *voxels, int64_t z, double (*xy)[2], CmHull *hull,
                       CmError **err) {
  const int64_t nx = voxels->n[0];
  int64_t n = 0;
  double first, last;
  for (int64_t y = 0; y < voxels->n[1]; y++) {
    const uint8_t *row = voxels->plane[0] + y * nx;
    if (differ(row, row + 1, nx - 1, &first, &last)) add_ends(job, first + 0.5, last + 0.5, (double)y, xy, &n);
    if (y + 1 < voxels->n[1] && differ(row, row + nx, nx, &first, &last))
      add_ends(job, first, last, (double)y + 0.5, xy, &n);
  }
  if (!cm__hull_add_level(hull, (const double(*)[2])xy, n, (double)z * job->spacing[2], err)) return false;
  n = 0;
  for (int64_t y = 0; y < voxels->n[1]; y++)
    if (differ(voxels->plane[0] + y * nx, voxels->plane[1] + y * nx, nx, &first, &last))
      add_ends(job, first, last, (double)y, xy, &n);
  return cm__hull_add_level(hull, (const double(*)[2])xy, n, ((double)z + 0.5) * job->spacing[2], err);
}

static void axes(const Shape *job, double n, const double first[3], const double second[6], double *out) {
  static const int pair[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  const double scale = n > job->ddof ? n / (n - job->ddof) : 0.0;
  double covariance[6], lambda[3];
  for (int k = 0; k < 6; k++) {
    const int i = pair[k][0], j = pair[k][1];
    covariance[k] = (second[k] / n - first[i] / n * (first[j] / n)) * scale * job->spacing[i] * job->spacing[j];
  }
  cm__eigen3(covariance, lambda);
  for (int k = 0; k < 3; k++) lambda[k] = lambda[k] > 0.0 ? lambda[k] : 0.0;
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
  const CmLabelBox *box = &region->box;
  const double n = (double)box->voxels;
  Voxels voxels = {.n = {box->box_max[0] - box->box_min[0] + 3, box->box_max[1] - box->box_min[1] + 3,
                         box->box_max[2] - box->box_min[2] + 3}};
  const size_t plane = (size_t)(voxels.n[0] * voxels.n[1]);
  CmHull hull = {.ctx = job->ctx};
  double first[3] = {0}, second[6] = {0}, area = 0.0, volume = 0.0;
  bool ok = false;
  for (int k = 0; k < FEATURES; k++) out[k] = NAN;
  uint8_t *planes = cm_alloc(job->ctx, 2 * plane, err);
  double *line = cm_alloc_array(job->ctx, (size_t)voxels.n[0], sizeof(double), err);
  double(*xy)[2] = cm_alloc_array(job->ctx, (size_t)(4 * voxels.n[1]), sizeof(*xy), err);
  if (!planes || !line || !xy) goto done;
  voxels.plane[0] = planes;
  voxels.plane[1] = planes + plane;
  memset(planes, 0, plane);
  for (int64_t z = 0; z + 1 < voxels.n[2]; z++) {
    int64_t counts[256] = {0};
    load_plane(job, region, &voxels, z + 1, line, voxels.plane[1]);
    add_moments(&voxels, z + 1, voxels.plane[1], first, second);
    count_cases(&voxels, counts);
    for (int k = 1; k < 255; k++) {
      area += (double)counts[k] * job->cases[k].area;
      volume += (double)counts[k] * (job->cases[k].volume + (double)z * job->spacing[2] * job->cases[k].along_z);
    }
    if (!add_levels(job, &voxels, z, xy, &hull, err)) goto done;
    uint8_t *swap = voxels.plane[0];
    voxels.plane[0] = voxels.plane[1];
    voxels.plane[1] = swap;
  }
  out[COUNT] = n;
  out[VOXEL_VOLUME] = n * job->spacing[0] * job->spacing[1] * job->spacing[2];
  out[MESH_VOLUME] = volume;
  out[AREA] = area;
  out[DIAMETER] = cm__hull_diameter(&hull, &out[DIAMETER_SLICE]);
  axes(job, n, first, second, out);
  derive(out);
  ok = true;
done:
  cm_free(planes);
  cm_free(line);
  cm_free(xy);
  cm__hull_free(&hull);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const ShapeParams *p = call->params;
  const CmImage *labels = call->in[0].image;
  Shape job = {.ctx = call->ctx, .labels = labels, .grid = cm__grid(labels), .ddof = (double)p->ddof};
  memcpy(job.spacing, cm_image_geometry(labels)->spacing, sizeof(job.spacing));
  cm__mesh_cases(job.spacing, job.cases);
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
