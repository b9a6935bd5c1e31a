#include <string.h>

#include "cormack/parallel.h"
#include "ops/colour/colour.h"
#include "ops/simd.h"

typedef struct ColourThresholdParams {
  int32_t space;
  CmReals low, high;
} ColourThresholdParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(ColourThresholdParams, space, CM_COLOUR_CHOICES, "hsv", "in which the range is given"),
    CM_PARAM_REALS(ColourThresholdParams, low, "0,0,0", -1e6, 1e6, 1, 3, "",
                   "lowest value of each component; a hue above that of high goes around through red"),
    CM_PARAM_REALS(ColourThresholdParams, high, "1,1,1", -1e6, 1e6, 1, 3, "", "highest value of each component"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "rgb, which may have opacity as a fourth"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 where all lie in the range"}};

typedef struct Job {
  CmContext *ctx;
  const CmImage *image;
  CmMask mask;
  CmGrid grid;
  CmColour colour;
  double low[3], high[3];
  int count;
  bool around;   /* the range of hues goes around */
  double margin; /* so near to a limit float may err; 0: all is done in double */
  CmImage *labels;
} Job;

typedef struct Room {
  float *line, *plane[3];
  double *wide, *wide_plane[3];
  uint8_t *doubt;
} Room;

#define R float
#define X(name) name##_f32
#include "ops/colour/range_tmpl.c"
#undef R
#undef X
#define R double
#define X(name) name##_f64
#include "ops/colour/range_tmpl.c"

CM_SIMD static void mark_doubt(const float *v, double limit, double margin, int64_t n, uint8_t *doubt) {
  const float low = (float)(limit - margin), high = (float)(limit + margin);
  for (int64_t i = 0; i < n; i++) doubt[i] |= (uint8_t)((v[i] >= low) & (v[i] <= high));
}

/* n voxels in float, and again in double where that is too near to a limit. */
static void do_narrow(const Job *job, const char *row, int64_t n, const Room *room, uint8_t *inside) {
  cm__colour_row_f32(&job->colour, row, n, room->line, room->plane);
  memset(room->doubt, 0, (size_t)n);
  for (int k = 0; k < job->count; k++) {
    mark_doubt(room->plane[k], job->low[k], job->margin, n, room->doubt);
    mark_doubt(room->plane[k], job->high[k], job->margin, n, room->doubt);
  }
  const size_t size = (size_t)job->grid.components * job->grid.size;
  memset(inside, 1, (size_t)n);
  keep_in_range_f32(job, room->plane, n, inside);
  const uint8_t *end = room->doubt + n;
  for (const uint8_t *at = room->doubt; (at = memchr(at, 1, (size_t)(end - at))); at++) {
    const int64_t i = at - room->doubt;
    cm__colour_row_f64(&job->colour, row + (size_t)i * size, 1, room->wide, room->wide_plane);
    inside[i] = 1;
    keep_in_range_f64(job, room->wide_plane, 1, inside + i);
  }
}

static void do_wide(const Job *job, const char *row, int64_t n, const Room *room, uint8_t *inside) {
  cm__colour_row_f64(&job->colour, row, n, room->wide, room->wide_plane);
  memset(inside, 1, (size_t)n);
  keep_in_range_f64(job, room->wide_plane, n, inside);
}

static bool room_open(const Job *job, int64_t n, Room *room, CmError **err) {
  const int64_t values = (3 + job->grid.components) * n;
  *room = (Room){.line = NULL};
  room->line = cm_alloc_array(job->ctx, (size_t)values, sizeof(float), err);
  room->wide = cm_alloc_array(job->ctx, (size_t)values, sizeof(double), err);
  room->doubt = cm_alloc(job->ctx, (size_t)n, err);
  if (!room->line || !room->wide || !room->doubt) return false;
  for (int k = 0; k < 3; k++) {
    room->plane[k] = room->line + (job->grid.components + k) * n;
    room->wide_plane[k] = room->wide + (job->grid.components + k) * n;
  }
  return true;
}

static void room_free(Room *room) {
  cm_free(room->line);
  cm_free(room->wide);
  cm_free(room->doubt);
}

static bool do_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int64_t nx = job->grid.nx, piece = nx < CM_COLOUR_PIECE ? nx : CM_COLOUR_PIECE;
  const size_t voxel = (size_t)job->grid.components * job->grid.size;
  Room room;
  uint8_t *mask = NULL;
  bool ok = room_open(job, piece, &room, err);
  if (ok && job->mask.image) ok = (mask = cm_alloc(job->ctx, (size_t)nx, err)) != NULL;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    uint8_t *inside = (uint8_t *)cm_image_data_mut(job->labels) + row * nx;
    const char *from = cm__row(job->image, &job->grid, row);
    for (int64_t x = 0; x < nx; x += piece)
      (job->margin > 0.0 ? do_narrow : do_wide)(job, from + (size_t)x * voxel, nx - x < piece ? nx - x : piece, &room,
                                                inside + x);
    if (!mask) continue;
    cm__mask_row(&job->mask, row, mask);
    for (int64_t x = 0; x < nx; x++) inside[x] &= mask[x];
  }
  room_free(&room);
  cm_free(mask);
  return ok;
}

/* Limits that no colour passes are taken away, so that what lies on them needs no second look. */
static void set_limits(const ColourThresholdParams *p, Job *job) {
  const bool unit = (p->space == CM_HSV || p->space == CM_RGB || p->space == CM_GREY) &&
                    cm_type_is_integer(cm_image_type(job->image)) && cm_type_min(cm_image_type(job->image)) == 0.0;
  job->count = p->low.count;
  job->around = p->space == CM_HSV && p->low.value[0] > p->high.value[0];
  for (int k = 0; k < job->count; k++) {
    job->low[k] = unit && !(job->around && k == 0) && p->low.value[k] <= 0.0 ? -1e30 : p->low.value[k];
    job->high[k] = unit && !(job->around && k == 0) && p->high.value[k] >= 1.0 ? 1e30 : p->high.value[k];
  }
  if (cm_type_is_integer(cm_image_type(job->image)) && cm__type_fits_f32(cm_image_type(job->image)))
    job->margin = p->space == CM_LAB || p->space == CM_YCBCR ? 2e-3 : 1e-5;
}

static bool check(const void *values, CmError **err) {
  const ColourThresholdParams *p = values;
  const int wanted = (int)cm__colour_components((CmColourSpace)p->space);
  if (p->low.count != wanted || p->high.count != wanted) {
    cm_error_set(err, CM_ERR_PARAMETER, "low and high need %d number%s each, one a component", wanted,
                 wanted == 1 ? "" : "s");
    return false;
  }
  for (int k = p->space == CM_HSV; k < wanted; k++) {
    if (p->low.value[k] <= p->high.value[k]) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "number %d of low (%g) lies above that of high (%g)", k + 1, p->low.value[k],
                 p->high.value[k]);
    return false;
  }
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const ColourThresholdParams *p = call->params;
  Job job = {.ctx = call->ctx, .image = call->in[0].image, .grid = cm__grid(call->in[0].image)};
  if (!cm__colour_open(&job.colour, job.image, CM_RGB, (CmColourSpace)p->space, err) ||
      !cm__mask_open(&job.mask, &call->in[1], job.image, err))
    return false;
  set_limits(p, &job);
  job.labels = cm_image_create_like(call->ctx, job.image, CM_U8, 1, err);
  if (!job.labels || !cm_image_set_unit(job.labels, "1", err) ||
      !cm_parallel_for(call->ctx, "colours", job.grid.rows, cm__row_chunk(&job.grid), do_rows, &job, err)) {
    cm_image_unref(&job.labels);
    return false;
  }
  call->out[0] = cm_value_labels(job.labels);
  return true;
}

CM_OP(colour_threshold) = {
    .name = "colour_threshold",
    .family = "colour",
    .since = "0.2",
    .summary = "Label the voxels whose colours lie in a range.",
    .details =
        "The image is rgb (integers: 0 to the type's largest value, floats: 0 to 1); it is converted to `space` as "
        "the operation colour_space does, as if in double, and labelled 1 where each component lies between low and "
        "high, "
        "both included. In hsv a range of hues whose low lies above its high goes around through red: low=0.9,... "
        "high=0.1,... Mask: voxels outside get 0. NaN lies in no range.",
    CM_OP_PARAMS(ColourThresholdParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Smith AR. Color gamut transform pairs. SIGGRAPH 1978 (HSV); CIE 15:2004 (CIELAB)",
    .examples =
        "cormack colour_threshold dermoscopy.png lesion.png --low 0.9,0.2,0.1 --high 0.1,1,0.8\n"
        "cormack colour_threshold histology.png nuclei.png --space lab --low 0,0,-60 --high 60,60,-5",
    .check = check,
    .run = run,
};
