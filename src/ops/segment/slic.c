#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/measure/gather.h"
#include "ops/segment/lab.h"
#include "ops/segment/narrow.h"
#include "ops/segment/slic.h"

enum { COLOUR_AUTO, COLOUR_LAB, COLOUR_NONE };
enum { RANGE, NONE };

typedef struct SlicParams {
  int64_t n_segments;
  CmReals size;
  int32_t units;
  double compactness;
  int32_t normalize;
  int32_t colour;
  int64_t iterations;
  double search;
  bool enforce_connectivity;
  double min_size;
  bool slic_zero;
} SlicParams;

static const CmParam params[] = {
    CM_PARAM_INT(SlicParams, n_segments, 100, 1, 1000000000, "1", "about how many segments, where size is not given"),
    CM_PARAM_REALS(SlicParams, size, "", 1e-6, 1e9, 0, 3, "",
                   "size of a segment, one for all axes or one each for x,y,z"),
    CM_UNITS_PARAM(SlicParams, "mm"),
    CM_PARAM_REAL(SlicParams, compactness, 10, 1e-9, 1e12, "",
                  "difference of values that weighs as much as a segment's size: more makes segments rounder"),
    CM_PARAM_ENUM(SlicParams, normalize, "range|none", "range",
                  "whether values are first scaled to 0..1 inside the mask, or taken as they are"),
    CM_PARAM_ENUM(SlicParams, colour, "auto|lab|none", "auto",
                  "whether three components are sRGB and compared in CIELAB; auto: where they are u8 or u16"),
    CM_PARAM_INT(SlicParams, iterations, 10, 1, 10000, "1", "most steps"),
    CM_PARAM_REAL(SlicParams, search, 1, 1, 8, "1", "how far a centre sees along each axis, in sizes of a segment"),
    CM_PARAM_BOOL(SlicParams, enforce_connectivity, "true", "make each segment one piece"),
    CM_PARAM_REAL(SlicParams, min_size, 0.5, 0, 1, "1",
                  "pieces smaller than this share of the mean segment join a neighbour"),
    CM_PARAM_BOOL(SlicParams, slic_zero, "false", "fit the weight of values to each segment (SLICO)"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is cut into segments"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "1, 2, 3 ... per segment, 0 outside; u16, or u32 for many"},
};

typedef struct Fill {
  CmSlic slic;
  const SlicParams *p;
  const CmImage *image;
  CmMask mask;
  CmGrid grid;
  int64_t t;
  bool lab, holes;    /* holes: some voxels are left out */
  double low, factor; /* values are (v - low) * factor */
  double unit[3];     /* length of a voxel along each axis */
  int64_t voxels;     /* that take part */
  int64_t *inside;    /* of them, per row */
  CmImage *out;
} Fill;

/* Values of a row as features; NaN in all of them where the voxel is left out. */
static bool fill_rows(void *arg, CmRange range, CmError **err) {
  const Fill *job = arg;
  const CmGrid *grid = &job->grid;
  const int64_t features = grid->components;
  const double ratio = 1.0 / job->p->compactness;
  double *line = cm_alloc_array(job->slic.ctx, (size_t)grid->row, sizeof(double), err);
  uint8_t *inside = cm_alloc(job->slic.ctx, (size_t)grid->nx, err);
  for (int64_t row = range.begin; line && inside && row < range.end; row++) {
    const int64_t at = job->t * grid->ny * grid->nz + row;
    float *value = job->slic.value + row * grid->row;
    cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, grid, at), grid->row, line);
    memset(inside, 1, (size_t)grid->nx);
    if (job->mask.image) cm__mask_row(&job->mask, at, inside);
    job->inside[row] = 0;
    for (int64_t x = 0; x < grid->nx; x++) {
      double *v = line + x * features;
      for (int64_t f = 0; f < features; f++) {
        if (v[f] != v[f]) inside[x] = 0;
        v[f] = (v[f] - job->low) * job->factor;
      }
      if (job->lab && inside[x]) cm__lab_from_srgb(v, v);
      for (int64_t f = 0; f < features; f++) value[f * grid->nx + x] = inside[x] ? (float)(v[f] * ratio) : NAN;
      job->inside[row] += inside[x];
    }
  }
  const bool ok = line && inside;
  cm_free(line);
  cm_free(inside);
  return ok;
}

static bool fill(Fill *job, CmError **err) {
  const CmGrid *grid = &job->grid;
  const int64_t rows = grid->ny * grid->nz;
  const CmPart part = {.image = job->image,
                       .mask = &job->mask,
                       .row_begin = job->t * rows,
                       .row_end = (job->t + 1) * rows,
                       .component = -1};
  CmMoments moments;
  if (!cm__part_moments(job->slic.ctx, &part, &moments, err)) return false;
  if (moments.count > 0 && !isfinite(moments.max - moments.min)) {
    cm_error_set(err, CM_ERR_DATA, "the image has infinite values; clip it first");
    return false;
  }
  const CmType type = cm_image_type(job->image);
  const double range = moments.count > 0 ? moments.max - moments.min : 0.0;
  job->low = moments.count > 0 && !(job->lab && job->p->normalize == NONE) ? moments.min : 0.0;
  job->factor = 1.0;
  if (job->p->normalize == RANGE && range > 0.0) job->factor = 1.0 / range;
  if (job->p->normalize == NONE && job->lab && cm_type_is_integer(type)) job->factor = 1.0 / cm_type_max(type);
  if (range * job->factor / job->p->compactness > 1e15) {
    cm_error_set(err, CM_ERR_PARAMETER, "compactness %g is too small for values that span %g; give more",
                 job->p->compactness, range * job->factor);
    return false;
  }
  if (!cm_parallel_for(job->slic.ctx, NULL, rows, cm__row_chunk(grid), fill_rows, job, err)) return false;
  job->voxels = 0;
  for (int64_t row = 0; row < rows; row++) job->voxels += job->inside[row];
  job->holes = job->voxels < rows * grid->nx;
  return true;
}

/* The box of the voxels that take part, along each axis in units. */
static void find_extent(const Fill *job, double extent[3]) {
  const CmSlic *slic = &job->slic;
  int64_t low[3] = {slic->n[0], slic->n[1], slic->n[2]}, high[3] = {-1, -1, -1};
  for (int64_t row = 0; row < slic->n[1] * slic->n[2]; row++) {
    if (job->inside[row] == 0) continue;
    const float *value = slic->value + row * job->grid.row;
    int64_t first = 0, last = slic->n[0] - 1;
    while (value[first] != value[first]) first++;
    while (value[last] != value[last]) last--;
    const int64_t from[3] = {first, row % slic->n[1], row / slic->n[1]}, to[3] = {last, from[1], from[2]};
    for (int axis = 0; axis < 3; axis++) {
      low[axis] = from[axis] < low[axis] ? from[axis] : low[axis];
      high[axis] = to[axis] > high[axis] ? to[axis] : high[axis];
    }
  }
  for (int axis = 0; axis < 3; axis++) extent[axis] = (double)(high[axis] - low[axis] + 1) * job->unit[axis];
}

/* Weights of distances, and how far a centre sees. scaled: each axis by its own step. */
static void set_scale(Fill *job, const double step[3], bool scaled) {
  CmSlic *slic = &job->slic;
  double finest = job->unit[0], longest = 0.0;
  for (int axis = 0; axis < 3; axis++) {
    const double whole = fmax(1.0, rint(step[axis] / job->unit[axis]));
    slic->reach[axis] = job->p->search * whole;
    if (job->unit[axis] < finest) finest = job->unit[axis];
    if (slic->n[axis] > 1 || longest == 0.0) longest = fmax(longest, whole * job->unit[axis]);
  }
  for (int axis = 0; axis < 3; axis++) {
    const double whole = fmax(1.0, rint(step[axis] / job->unit[axis]));
    const double each = scaled ? 1.0 / whole : fmin(job->unit[axis] / finest, 1e6);
    slic->axis[axis] = (float)(each * each);
  }
  slic->spatial = scaled ? 1.0F : (float)fmin(finest / longest * (finest / longest), 1e12);
}

static bool place_centres(Fill *job, CmError **err) {
  CmSlic *slic = &job->slic;
  const SlicParams *p = job->p;
  double extent[3], step[3], start[3], wanted = (double)p->n_segments;
  int64_t whole[3], block[3];
  if (job->holes) find_extent(job, extent);
  for (int axis = 0; axis < 3 && !job->holes; axis++) extent[axis] = (double)slic->n[axis] * job->unit[axis];
  double share = (double)job->voxels;
  for (int axis = 0; axis < 3; axis++) share *= job->unit[axis] / extent[axis];
  if (p->size.count > 0) {
    wanted = share;
    for (int axis = 0; axis < 3; axis++) {
      step[axis] = fmin(fmax(p->size.value[p->size.count == 1 ? 0 : axis], job->unit[axis]), extent[axis]);
      wanted *= extent[axis] / step[axis];
    }
    wanted = fmax(1.0, rint(wanted));
  } else {
    cm__slic_steps(extent, share, wanted, step);
  }
  for (int axis = 0; axis < 3; axis++) {
    const double voxels = step[axis] / job->unit[axis];
    whole[axis] = (int64_t)fmax(1.0, rint(voxels));
    block[axis] = (whole[axis] + 2) / 3;
    start[axis] = floor(voxels / 2.0);
  }
  set_scale(job, step, p->size.count > 1);
  return job->holes ? cm__slic_spread(slic, (int64_t)fmin(wanted, (double)job->voxels), block, job->unit, err)
                    : cm__slic_grid(slic, start, whole, err);
}

/* Steps until nothing moves, the first ones by place alone. */
static bool settle(Fill *job, int64_t by_place, CmError **err) {
  bool rests = false;
  for (int64_t k = 0; k < job->p->iterations && !rests; k++) {
    cm_progress(job->slic.ctx, "slic", k, job->p->iterations);
    if (cm_context_cancelled(job->slic.ctx, err) || !cm__slic_step(&job->slic, k < by_place, &rests, err)) return false;
    rests = rests && (k >= by_place || by_place == job->p->iterations);
  }
  return true;
}

static bool do_time(Fill *job, int64_t *most, CmError **err) {
  CmSlic *slic = &job->slic;
  const SlicParams *p = job->p;
  int64_t count;
  memset(slic->label, 0, (size_t)(slic->n[0] * slic->n[1] * slic->n[2]) * sizeof(uint32_t));
  if (!fill(job, err)) return false;
  if (job->voxels == 0) return true;
  slic->zero = false;
  bool ok = place_centres(job, err);
  /* the centres of a mask first settle in it */
  if (ok && job->holes) ok = settle(job, p->iterations, err);
  slic->zero = p->slic_zero;
  ok = ok && settle(job, job->holes ? 0 : 1, err) && (!job->holes || cm__slic_complete(slic, err));
  count = slic->count;
  if (ok && p->enforce_connectivity)
    ok = cm__slic_pieces(slic, floor(p->min_size * (double)job->voxels / (double)slic->count), &count, err);
  if (ok && count > *most) *most = count;
  cm_free(slic->place);
  cm_free(slic->mean);
  cm_free(slic->weight);
  slic->place = NULL;
  slic->mean = slic->weight = NULL;
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const SlicParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmType type = cm_image_type(image);
  Fill job = {.p = p, .image = image, .grid = cm__grid(image)};
  CmSlic *slic = &job.slic;
  CmImage *whole = NULL;
  bool ok = false;
  int64_t most = 0;
  const int64_t plane = job.grid.nx * job.grid.ny * job.grid.nz;
  if (p->colour == COLOUR_LAB && job.grid.components != 3) {
    cm_error_set(err, CM_ERR_PARAMETER, "colour=lab needs three components, the image has %lld",
                 (long long)job.grid.components);
    return false;
  }
  job.lab = p->colour == COLOUR_LAB ||
            (p->colour == COLOUR_AUTO && job.grid.components == 3 && (type == CM_U8 || type == CM_U16));
  *slic = (CmSlic){.ctx = call->ctx, .n = {job.grid.nx, job.grid.ny, job.grid.nz}, .features = job.grid.components};
  for (int axis = 0; axis < 3; axis++) job.unit[axis] = p->units == 1 ? cm_image_geometry(image)->spacing[axis] : 1.0;
  if (!cm__mask_open(&job.mask, &call->in[1], image, err)) return false;
  whole = cm_image_create_like(call->ctx, image, CM_U32, 1, err);
  if (!whole || !cm_image_set_unit(whole, "1", err)) goto done;
  slic->value = cm_alloc_array(call->ctx, (size_t)(plane * job.grid.components), sizeof(float), err);
  job.inside = cm_alloc_array(call->ctx, (size_t)(job.grid.ny * job.grid.nz), sizeof(int64_t), err);
  if (!slic->value || !job.inside) goto done;
  for (job.t = 0; job.t < job.grid.nt; job.t++) {
    slic->label = (uint32_t *)cm_image_data_mut(whole) + job.t * plane;
    if (!do_time(&job, &most, err)) goto done;
  }
  cm_free(slic->value);
  slic->value = NULL;
  job.out = cm__labels_narrow(call->ctx, whole, most, err);
  if (!job.out) goto done;
  call->out[0] = cm_value_labels(cm_image_ref(job.out));
  ok = true;
done:
  cm_free(slic->value);
  cm_free(job.inside);
  cm_image_unref(&job.out);
  cm_image_unref(&whole);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const SlicParams *p = values;
  if (p->size.count != 2) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "size has 2 values; give one, or one each for x,y,z");
  return false;
}

CM_OP(slic) = {
    .name = "slic",
    .family = "segment",
    .since = "0.2",
    .summary = "Cut an image into compact segments of similar values: superpixels, supervoxels.",
    .details =
        "K-means over place and values: D = d^2 + c^2, with d the distance to the centre in sizes of a segment and c "
        "the Euclidean difference of values over compactness. Centres begin on a regular grid of whole voxels, cubic "
        "in the unit of `units`; the first step goes by place alone; the first of equally near centres wins. A centre "
        "sees `search` sizes to each side (1 as in the paper and in ITK, 2 as in scikit-image); a voxel that none sees "
        "keeps its label and counts nowhere. d is measured in the longest edge of the grid's boxes, or, where size "
        "has three values, along each axis in its own. With normalize=none and compactness as its spatial proximity "
        "weight it is ITK's measure. Connectivity: pieces (neighbours by faces) below min_size times the mean segment "
        "join the piece before them that a breadth-first search meets last, as in scikit-image; one without a piece "
        "before it stays. Mask (maskSLIC): centres begin evenly spread over its voxels, which are halved across their "
        "longest side again and again, and first settle by place alone. NaN: left out as outside the mask. Outside: "
        "0. Infinite values are an error. CIELAB: sRGB (IEC 61966-2-1), D65; values are scaled to 0..1 first, with "
        "normalize=none by the type's largest. slic_zero: c is further divided by the largest c its segment ever had. "
        "Each time point by itself. Needs 4 bytes a value and 4 a voxel beside the result.",
    CM_OP_PARAMS(SlicParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Achanta R et al. SLIC superpixels compared to state-of-the-art superpixel methods. IEEE TPAMI 34(11), 2012; "
        "Irving B. maskSLIC: regional superpixel generation. arXiv:1606.09518, 2016",
    .examples =
        "cormack slic ct.nii.gz supervoxels.nii.gz --size 15 --compactness 0.1\n"
        "cormack slic photo.png superpixels.png --n_segments 400\n"
        "cormack slic mr.nii.gz parts.nii.gz --mask brain.nii.gz --n_segments 500 --compactness 0.2",
    .check = check,
    .run = run,
};
