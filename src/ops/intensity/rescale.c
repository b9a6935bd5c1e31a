#include <math.h>

#include "cormack/parallel.h"
#include "ops/intensity/points.h"
#include "ops/simd.h"

typedef struct RescaleParams {
  int32_t type;
  CmReals in_range, out_range;
  int32_t beyond;
} RescaleParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(RescaleParams, type, "u8|i8|u16|i16|u32|i32|f32|f64", "u8", "voxel type of the result"),
    CM_PARAM_REALS(RescaleParams, in_range, "", -1e300, 1e300, 0, 2, "",
                   "values LOW,HIGH that become the ends of out_range; not given: all that the image's type holds, of "
                   "f32 and f64 the smallest and largest value"),
    CM_PARAM_REALS(RescaleParams, out_range, "", -1e300, 1e300, 0, 2, "",
                   "what they become; not given: all that the new type holds, of f32 and f64 0,1"),
    CM_PARAM_ENUM(RescaleParams, beyond, "error|clamp", "error",
                  "values beyond the new type, and NaN in an integer type: an error, or clamped and NaN to 0"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is converted"}};

static const CmType types[] = {CM_U8, CM_I8, CM_U16, CM_I16, CM_U32, CM_I32, CM_F32, CM_F64};

typedef struct Rescale {
  CmContext *ctx;
  const CmImage *image;
  CmImage *out;
  double low, high, from, to; /* low..high becomes from..to */
  bool clamp, same;
} Rescale;

CM_SIMD static void map_values(const Rescale *job, double *line, int64_t n) {
  const double low = job->low, from = job->from, to = job->to, span = job->to - job->from;
  const double half = 0.5 * job->high - 0.5 * job->low; /* halves: the ends of double are further apart than it holds */
  if (job->same) return;
  for (int64_t i = 0; i < n; i++) {
    const double w = (0.5 * line[i] - 0.5 * low) / half;
    line[i] = w == 1.0 ? to : from + w * span;
  }
}

/* The first value that the new type does not hold, or -1. Half a step beyond is still rounded to the end. */
static int64_t first_bad(const Rescale *job, const double *line, int64_t n) {
  const CmType type = cm_image_type(job->out);
  const bool integer = cm_type_is_integer(type);
  const double least = cm_type_min(type) - (integer ? 0.5 : 0.0), most = cm_type_max(type) + (integer ? 0.5 : 0.0);
  for (int64_t i = 0; i < n; i++)
    if (!(line[i] >= least && line[i] <= most) && (integer || isfinite(line[i]))) return i;
  return -1;
}

static bool rescale_rows(void *arg, CmRange range, CmError **err) {
  const Rescale *job = arg;
  const CmGrid grid = cm__grid(job->image), out_grid = cm__grid(job->out);
  double *line = cm_alloc_array(job->ctx, (size_t)grid.row, sizeof(double), err);
  bool ok = line != NULL;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, &grid, row), grid.row, line);
    map_values(job, line, grid.row);
    const int64_t bad = first_bad(job, line, grid.row);
    ok = bad < 0;
    if (ok)
      cm__line_from_f64(cm_image_type(job->out), line, grid.row, cm__row_mut(job->out, &out_grid, row));
    else
      cm_error_set(err, CM_ERR_DATA,
                   "voxel %lld,%lld,%lld becomes %g, which %s does not hold; set in_range and out_range, or "
                   "beyond=clamp",
                   (long long)(bad / grid.components), (long long)(row % grid.ny), (long long)(row / grid.ny % grid.nz),
                   line[bad], cm_type_name(cm_image_type(job->out)));
  }
  cm_free(line);
  return ok;
}

static void map_part(const void *arg, int64_t part, double *line, int64_t n, int64_t step) {
  (void)part, (void)step; /* all in one */
  map_values(arg, line, n);
}

/* Is there nothing that the new type cannot hold, whatever the image has? Then no voxel needs to be looked at. */
static bool always_fits(const Rescale *job, CmType type) {
  double ends[2] = {cm_type_min(type), cm_type_max(type)};
  if (!cm_type_is_integer(type)) return false;
  map_values(job, ends, 2);
  return first_bad(job, ends, 2) < 0;
}

static bool rescale_all(const CmCall *call, Rescale *job, CmError **err) {
  const CmGrid grid = cm__grid(job->image);
  const double factor = (0.5 * job->to - 0.5 * job->from) / (0.5 * job->high - 0.5 * job->low);
  const CmStraight straight = {.from = job->low, .factor = factor, .to = job->from, .low = -INFINITY, .high = INFINITY};
  const CmMapped map = {.fn = map_part, .arg = job, .straight = &straight};
  if (job->clamp || always_fits(job, cm_image_type(job->image)))
    return cm__mapped(call->ctx, "rescale", job->image, NULL, CM_OUTSIDE_MAP, &map, job->out, err);
  return cm_parallel_for(call->ctx, "rescale", grid.rows, cm__row_chunk(&grid), rescale_rows, job, err);
}

static bool find_range(const CmCall *call, Rescale *job, CmError **err) {
  const RescaleParams *p = call->params;
  const CmType from = cm_image_type(job->image), to = cm_image_type(job->out);
  job->from = p->out_range.count == 2 ? p->out_range.value[0] : cm_type_is_integer(to) ? cm_type_min(to) : 0.0;
  job->to = p->out_range.count == 2 ? p->out_range.value[1] : cm_type_is_integer(to) ? cm_type_max(to) : 1.0;
  if (p->in_range.count == 2) {
    job->low = p->in_range.value[0];
    job->high = p->in_range.value[1];
    return true;
  }
  job->low = cm_type_min(from);
  job->high = cm_type_max(from);
  if (cm_type_is_integer(from)) return true;
  const CmGrid grid = cm__grid(job->image);
  const CmPart part = {.image = job->image, .row_end = grid.rows, .component = -1};
  CmMoments moments;
  if (!cm__part_ends(call->ctx, &part, &moments, err)) return false;
  job->low = moments.min;
  job->high = moments.max;
  if (moments.count > 0 && moments.max > moments.min && isfinite(moments.min) && isfinite(moments.max)) return true;
  cm_error_set(err, CM_ERR_DATA,
               moments.count == 0 ? "all is NaN, so that there is no range to map; give in_range=LOW,HIGH"
                                  : "the values reach from %g to %g, which is no range to map; give in_range=LOW,HIGH",
               moments.min, moments.max);
  return false;
}

static bool run(const CmCall *call, CmError **err) {
  const RescaleParams *p = call->params;
  Rescale job = {.ctx = call->ctx, .image = call->in[0].image, .clamp = p->beyond == 1};
  job.out = cm_image_create_like(call->ctx, job.image, types[p->type], cm_image_components(job.image), err);
  bool ok = job.out && find_range(call, &job, err);
  job.same = ok && job.low == job.from && job.high == job.to;
  ok = ok && (job.same || cm_image_set_unit(job.out, "1", err)) && rescale_all(call, &job, err);
  if (ok) call->out[0] = cm_value_image(cm_image_ref(job.out));
  cm_image_unref(&job.out);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const RescaleParams *p = values;
  const bool in = p->in_range.count == 0 || (p->in_range.count == 2 && p->in_range.value[0] < p->in_range.value[1]);
  if (in && p->out_range.count != 1) return true;
  cm_error_set(err, CM_ERR_PARAMETER,
               in ? "out_range needs two numbers, what the ends of in_range become"
                  : "in_range needs two numbers, LOW,HIGH, with LOW below HIGH");
  return false;
}

CM_OP(rescale) = {
    .name = "rescale",
    .family = "intensity",
    .since = "0.2",
    .summary = "Convert the voxel type, with a linear map of the values, and nothing lost in silence.",
    .details =
        "v -> out_low + (v - in_low) / (in_high - in_low) * (out_high - out_low), then rounded to nearest (ties to "
        "even) for integers. Without ranges the whole range of the old type becomes that of the new one: 0..65535 to "
        "0..255. The same values in another type: in_range and out_range alike, e.g. -1000,3000 and -1000,3000. What "
        "does not fit "
        "is an error that names the voxel, or clamped. NaN stays NaN in f32 and f64. The result has unit 1 unless the "
        "ranges are alike.",
    CM_OP_PARAMS(RescaleParams, params),
    CM_OP_INPUTS(inputs),
    .outputs = cm__filter_outputs,
    .output_count = 1,
    .geometry = CM_GEOMETRY_KEEP,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.2",
    .examples =
        "cormack rescale xray16.png xray8.png\n"
        "cormack rescale ct.nii.gz out.nii.gz --type f32 --in_range -1000,3000 --out_range -1000,3000\n"
        "cormack rescale mr.nii.gz out.nii.gz --type u16 --in_range 0,1200 --beyond clamp",
    .check = check,
    .run = run,
};
