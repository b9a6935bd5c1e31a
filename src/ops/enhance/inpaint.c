#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/context.h"
#include "ops/enhance/hole.h"
#include "ops/simd.h"

typedef struct InpaintParams {
  int32_t method;
  double radius;
  int32_t units;
  int32_t per;
  int32_t type;
} InpaintParams;

enum { BIHARMONIC, FAST_MARCHING };

static const CmParam params[] = {
    CM_PARAM_ENUM(InpaintParams, method, "biharmonic|fast_marching", "biharmonic",
                  "the smoothest surface through what is around, or Telea's weighted means from the rim inwards"),
    CM_PARAM_REAL(InpaintParams, radius, 3, 1e-3, 1000, "",
                  "of method=fast_marching: how far values are taken from; a voxel is one along the finest axis"),
    CM_UNITS_PARAM(InpaintParams, "voxel"),
    CM_PARAM_ENUM(InpaintParams, per, "mm|voxel", "mm",
                  "whether distances between voxels are those in space, or all 1"),
    CM_TYPE_PARAM(InpaintParams),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is repaired"},
    {.name = "mask", .kind = CM_KIND_LABELS, .types = CM_INTEGER_TYPES, .help = "voxels to repair: not 0"},
};

typedef struct Inpaint {
  CmContext *ctx;
  const InpaintParams *p;
  const CmImage *image;
  CmMask mask;
  CmGrid grid, out_grid;
  CmImage *out;
  uint8_t *inside; /* a row of the mask */
  double *line;    /* a row of the image */
  int64_t t, component;
} Inpaint;

static int64_t row_at(const Inpaint *job, int64_t y, int64_t z) {
  return (job->t * job->grid.nz + z) * job->grid.ny + y;
}

/* What is known of a component; low above high where nothing is. */
typedef struct Range {
  double low, high;
} Range;

/* n values, `step` apart, of those that are not marked and finite. */
CM_SIMD static void look_at_values(const double *line, int64_t step, const uint8_t *inside, int64_t n, Range *range) {
  enum { LANES = 8 };
  double low[LANES], high[LANES];
  for (int k = 0; k < LANES; k++) {
    low[k] = range->low;
    high[k] = range->high;
  }
  for (int64_t x = 0; x < n; x += LANES) {
    const int64_t m = n - x < LANES ? n - x : LANES;
    for (int k = 0; k < m; k++) {
      const double v = line[(x + k) * step];
      const double used = inside[x + k] || fabs(v) > DBL_MAX ? NAN : v;
      low[k] = used < low[k] ? used : low[k];
      high[k] = used > high[k] ? used : high[k];
    }
  }
  for (int k = 0; k < LANES; k++) {
    range->low = fmin(range->low, low[k]);
    range->high = fmax(range->high, high[k]);
  }
}

static void look_at_row(const Inpaint *job, int64_t y, int64_t z, int64_t first[3], int64_t last[3], Range *range) {
  const int64_t row = row_at(job, y, z), n = job->grid.nx, c = job->grid.components;
  cm__mask_row(&job->mask, row, job->inside);
  cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, &job->grid, row), job->grid.row, job->line);
  look_at_values(job->line + job->component, c, job->inside, n, range);
  int64_t end = n;
  const int64_t begin = cm__next_mark(job->inside, 0, n);
  if (begin == n) return;
  while (!job->inside[end - 1]) end--;
  const int64_t from[3] = {begin, y, z}, to[3] = {end - 1, y, z};
  for (int axis = 0; axis < 3; axis++) {
    first[axis] = from[axis] < first[axis] ? from[axis] : first[axis];
    last[axis] = to[axis] > last[axis] ? to[axis] : last[axis];
  }
}

/* The box around what is marked in time point t, widened by margin[]; false where nothing is. */
static bool find_box(const Inpaint *job, const int64_t margin[3], CmHole *hole, Range *range) {
  int64_t first[3] = {INT64_MAX, INT64_MAX, INT64_MAX}, last[3] = {-1, -1, -1};
  for (int64_t z = 0; z < job->grid.nz; z++)
    for (int64_t y = 0; y < job->grid.ny; y++) look_at_row(job, y, z, first, last, range);
  for (int axis = 0; axis < 3 && last[0] >= 0; axis++) {
    const int64_t end = last[axis] + 1 + margin[axis];
    hole->begin[axis] = first[axis] > margin[axis] ? first[axis] - margin[axis] : 0;
    hole->size[axis] = (end < hole->dims[axis] ? end : hole->dims[axis]) - hole->begin[axis];
  }
  return last[0] >= 0;
}

/* Marks of the box: REPAIRED where the mask is not 0, UNUSED where a value is not finite. Is anything known in it? */
enum { REPAIRED = 1, UNUSED };
CM_SIMD static void mark(const uint8_t *restrict inside, const double *restrict line, int64_t n, uint8_t *restrict to) {
  for (int64_t x = 0; x < n; x++) to[x] = (uint8_t)(inside[x] ? REPAIRED : fabs(line[x]) <= DBL_MAX ? 0 : UNUSED);
}

static bool load(const Inpaint *job, CmHole *hole) {
  const int64_t n = hole->size[0];
  bool known = false;
  uint8_t *marked = hole->marked;
  for (int64_t z = 0; z < hole->size[2]; z++)
    for (int64_t y = 0; y < hole->size[1]; y++, marked += n) {
      cm__mask_row(&job->mask, row_at(job, y + hole->begin[1], z + hole->begin[2]), job->inside);
      hole->read(hole->arg, 0, y, z, n, job->line);
      mark(job->inside + hole->begin[0], job->line, n, marked);
      known = known || memchr(marked, 0, (size_t)n);
    }
  return known;
}

/* The hole in the image, for those who fill it. */
typedef struct Place {
  const Inpaint *job;
  const CmHole *hole;
  const Range *range;
} Place;

static size_t offset_of(const Place *place, int64_t x, const CmGrid *grid) {
  return (size_t)((x + place->hole->begin[0]) * grid->components + place->job->component) * grid->size;
}

static void read_values(const void *arg, int64_t x, int64_t y, int64_t z, int64_t n, double *to) {
  const Place *place = arg;
  const CmGrid *grid = &place->job->grid;
  const CmType type = cm_image_type(place->job->image);
  const int64_t row = row_at(place->job, y + place->hole->begin[1], z + place->hole->begin[2]);
  const char *from = (const char *)cm__row(place->job->image, grid, row) + offset_of(place, x, grid);
  if (grid->components == 1)
    cm__line_to_f64(type, from, n, to);
  else
    for (int64_t i = 0; i < n; i++)
      cm__line_to_f64(type, from + (size_t)(i * grid->components) * grid->size, 1, to + i);
}

/* Within the range of what is known. */
static void store_value(const void *arg, int64_t x, int64_t y, int64_t z, double value) {
  const Place *place = arg;
  const CmHole *hole = place->hole;
  const Range *range = place->range;
  const CmGrid *grid = &place->job->out_grid;
  if (hole->marked[(z * hole->size[1] + y) * hole->size[0] + x] != REPAIRED) return;
  const double bounded = value < range->low ? range->low : value > range->high ? range->high : value;
  char *row = cm__row_mut(place->job->out, grid, row_at(place->job, y + hole->begin[1], z + hole->begin[2]));
  cm__line_from_f64(cm_image_type(place->job->out), &bounded, 1, row + offset_of(place, x, grid));
}

static bool fill(const Inpaint *job, CmHole *hole, double radius, const Range *range, CmError **err) {
  Place place = {.job = job, .hole = hole, .range = range};
  hole->arg = &place;
  hole->read = read_values;
  hole->found = store_value;
  hole->marked = cm_alloc(job->ctx, (size_t)(hole->size[0] * hole->size[1] * hole->size[2]), err);
  bool ok = hole->marked != NULL;
  if (ok && !load(job, hole)) {
    cm_error_set(err, CM_ERR_DATA, "nothing is known around the marked voxels; leave some unmarked");
    ok = false;
  }
  ok = ok && (job->p->method == BIHARMONIC ? cm__hole_biharmonic(hole, err) : cm__hole_march(hole, radius, err));
  cm_free(hole->marked);
  return ok;
}

static bool do_volume(const Inpaint *job, CmError **err) {
  const double *spacing = cm_image_geometry(job->image)->spacing;
  CmHole hole = {.ctx = job->ctx, .dims = {job->grid.nx, job->grid.ny, job->grid.nz}};
  Range range = {INFINITY, -INFINITY};
  int64_t margin[3];
  double finest = INFINITY;
  for (int axis = 0; axis < 3; axis++)
    if (hole.dims[axis] > 1 && spacing[axis] < finest) finest = spacing[axis];
  const double radius = job->p->radius * (job->p->units == 0 && finest < INFINITY ? finest : 1.0);
  for (int axis = 0; axis < 3; axis++) {
    hole.spacing[axis] = job->p->per == 0 ? spacing[axis] : finest;
    margin[axis] = job->p->method == BIHARMONIC ? 2 : (int64_t)fmin(radius / hole.spacing[axis], 1e6) + 2;
  }
  if (cm_context_cancelled(job->ctx, err)) return false;
  return !find_box(job, margin, &hole, &range) || fill(job, &hole, radius, &range, err);
}

static bool run(const CmCall *call, CmError **err) {
  const InpaintParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Inpaint job = {.ctx = call->ctx, .p = p, .image = image, .grid = cm__grid(image)};
  if (!cm__mask_open(&job.mask, &call->in[1], image, err)) return false;
  job.inside = cm_alloc(call->ctx, (size_t)job.grid.nx, err);
  job.line = cm_alloc_array(call->ctx, (size_t)job.grid.row, sizeof(double), err);
  if (job.inside && job.line)
    job.out = cm_image_convert(call->ctx, image, cm__out_type(p->type, cm_image_type(image)), true, err);
  bool ok = job.out != NULL;
  if (ok) job.out_grid = cm__grid(job.out);
  for (int64_t k = 0; ok && k < job.grid.nt * job.grid.components; k++) {
    job.t = k / job.grid.components;
    job.component = k % job.grid.components;
    ok = do_volume(&job, err);
  }
  cm_free(job.inside);
  cm_free(job.line);
  if (!ok) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

CM_OP(inpaint) = {
    .name = "inpaint",
    .family = "enhance",
    .since = "0.2",
    .summary = "Repair marked voxels from what is around them, in 2D and 3D.",
    .details =
        "method=biharmonic: the values whose biharmonic operator is 0, that is the Laplacian of the Laplacian, each "
        "with "
        "no slope across the border of the image; as scikit-image's inpaint_biharmonic, solved to 1e-10 by conjugate "
        "gradients. method=fast_marching: from the rim inwards in the order in which a front of speed 1 comes, each "
        "value is a mean of those known within radius, continued along their slopes, I(q) + grad I(q) (p - q); weights "
        "are |cos| of the angle to the front's way (0.01 at most counts as 1e-6), 1 / distance^2, and 1 / (1 + "
        "difference of times), distances in those of the finest axis. OpenCV's INPAINT_TELEA adds the slopes in "
        "another "
        "way, and differs by few grey levels. With per=mm steps along the axes count by their length. Results stay "
        "within the range of what is known. Voxels that are not finite are not used; they are repaired only where "
        "marked. An empty mask repairs nothing; a mask that leaves nothing is an error. Every time point and component "
        "is repaired by itself. Memory: biharmonic, 1.3 bytes per voxel of the box around all marks and 140 per marked "
        "voxel; fast_marching, 1.3 per voxel of the box and 27 per voxel that is within some 1.5 radius + 5 voxels of "
        "a mark.",
    CM_OP_PARAMS(InpaintParams, params),
    CM_OP_INPUTS(inputs),
    .outputs = cm__filter_outputs,
    .output_count = 1,
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite =
        "Damelin SB, Hoang NS. On surface completion and image inpainting by biharmonic functions. Int J Math Math "
        "Sci, 2018; Telea A. An image inpainting technique based on the fast marching method. J Graphics Tools 9(1), "
        "2004",
    .examples =
        "cormack inpaint xray.png marker.png clean.png\n"
        "cormack inpaint ct.nii.gz metal.nii.gz out.nii.gz --method fast_marching --radius 4 --units mm",
    .run = run,
};
