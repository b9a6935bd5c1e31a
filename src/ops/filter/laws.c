#include <math.h>
#include <string.h>

#include "ops/filter/pooling.h"
#include "ops/filter/terms.h"
#include "ops/simd.h"

typedef struct LawsParams {
  CmText kernels;
  bool rotation_invariant;
  int32_t pooling;
  int64_t energy;
  int32_t border;
  double border_value;
  int32_t type;
} LawsParams;

static const CmParam params[] = {
    CM_PARAM_TEXT(
        LawsParams, kernels, "L5E5",
        "a kernel for x and y (slice by slice), or x, y and z: L3, E3, S3, L5, E5, S5, W5 or R5, as in E5L5S5"),
    CM_PARAM_BOOL(LawsParams, rotation_invariant, "false",
                  "the kernels in all right-angle turns (4 in the plane, 24 in space), pooled"),
    CM_PARAM_ENUM(LawsParams, pooling, CM_POOLING_CHOICES, "max", CM_POOLING_HELP),
    CM_PARAM_INT(LawsParams, energy, 0, 0, 1000, "voxel",
                 "half width of the box in which the mean of the absolute responses is taken; 0: the response itself"),
    CM_BORDER_PARAMS(LawsParams),
    CM_TERMS_TYPE_PARAM(LawsParams),
};

/* Level, edge, spot, wave, ripple. half[k] weighs the voxel k ahead: convolution turns the printed kernel around. */
typedef struct Kernel {
  const char *name;
  int radius, parity;
  double norm, half[3]; /* half is divided by the root of norm, so that the squares sum to 1 */
} Kernel;
static const Kernel kernels[] = {
    {"L3", 1, 1, 6, {2, 1, 0}},    {"E3", 1, -1, 2, {0, -1, 0}},   {"S3", 1, 1, 6, {2, -1, 0}},
    {"L5", 2, 1, 70, {6, 4, 1}},   {"E5", 2, -1, 10, {0, -2, -1}}, {"S5", 2, 1, 6, {2, 0, -1}},
    {"W5", 2, -1, 10, {0, 2, -1}}, {"R5", 2, 1, 70, {6, -4, 1}},
};

/* One turn as it acts: which kernel lies along each axis, and the sign that its antisymmetric kernels get. */
typedef struct Turn {
  const Kernel *axis[3];
  bool plus, minus;
} Turn;

/* The kernels named in `text`; how many (2 or 3), 0: an error is set. */
static int read_kernels(const char *text, const Kernel *chosen[3], CmError **err) {
  int count = 0;
  bool good = strlen(text) == 4 || strlen(text) == 6;
  for (const char *at = text; good && *at; at += 2) {
    chosen[count] = NULL;
    for (int k = 0; k < CM_COUNT(kernels); k++)
      if (strncmp(at, kernels[k].name, 2) == 0) chosen[count] = &kernels[k];
    good = chosen[count++] != NULL;
  }
  if (good) return count;
  cm_error_set(err, CM_ERR_PARAMETER,
               "kernels '%s': give two or three of L3, E3, S3, L5, E5, S5, W5 and R5 without a space, as in L5E5S5",
               text);
  return 0;
}

static bool check(const void *values, CmError **err) {
  const LawsParams *p = values;
  const Kernel *chosen[3];
  return read_kernels(p->kernels.value, chosen, err) > 0;
}

static void add_turn(Turn *turns, int *count, const Turn *turn) {
  for (int k = 0; k < *count; k++) {
    if (memcmp(turns[k].axis, turn->axis, sizeof turn->axis) != 0) continue;
    turns[k].plus |= turn->plus;
    turns[k].minus |= turn->minus;
    return;
  }
  turns[(*count)++] = *turn;
}

/* All turns by right angles of n = 2 or 3 axes: orders of the axes with signs, whose determinant is 1. A kernel that is
 * turned around is itself, or itself negated, so that at most 6 responses differ by more than their sign. */
static int find_turns(const Kernel *const chosen[3], int n, bool all, Turn turns[6]) {
  static const int orders[6][3] = {{0, 1, 2}, {1, 0, 2}, {1, 2, 0},
                                   {2, 1, 0}, {2, 0, 1}, {0, 2, 1}}; /* even, odd ... */
  int count = 0;
  for (int o = 0; o < (all ? n == 2 ? 2 : 6 : 1); o++)
    for (int flips = 0; flips < (all ? 1 << n : 1); flips++) {
      int determinant = o & 1 ? -1 : 1, sign = 1;
      Turn turn = {{NULL, NULL, NULL}, false, false};
      for (int axis = 0; axis < n; axis++) {
        turn.axis[axis] = chosen[orders[o][axis]];
        if (!(flips >> axis & 1)) continue;
        determinant = -determinant;
        sign *= turn.axis[axis]->parity;
      }
      if (determinant < 0) continue;
      turn.plus = sign > 0;
      turn.minus = sign < 0;
      add_turn(turns, &count, &turn);
    }
  return count;
}

/* Responses gather in the result itself, one turn after the other. */
typedef struct Pool {
  CmImage *out;
  CmGrid grid;
  CmPooling pooling;
  const Turn *turn;
  bool first, absolute;
  double scale; /* of the last turn: one over their number */
} Pool;

/* What one response stands for: itself, its negative, or both. */
static double both(CmPooling pooling, const Turn *turn, double v) {
  if (!turn->minus) return v;
  if (!turn->plus) return -v;
  return pooling == CM_POOL_MAX ? fabs(v) : pooling == CM_POOL_MIN ? -fabs(v) : v - v;
}

static void pool(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const Pool *job = arg;
  const void *before = cm__row(job->out, &job->grid, row);
  const bool out_f64 = cm_image_type(job->out) == CM_F64;
  for (int64_t i = 0; i < n; i++) {
    double v = both(job->pooling, job->turn, wide ? ((double *)line)[i] : (double)((float *)line)[i]);
    if (!job->first) {
      const double b = out_f64 ? ((const double *)before)[i] : (double)((const float *)before)[i];
      v = cm__pool(job->pooling, b, v);
    }
    v *= job->scale;
    if (job->absolute) v = fabs(v);
    if (wide)
      ((double *)line)[i] = v;
    else
      ((float *)line)[i] = (float)v;
  }
}

static bool set_taps(CmContext *ctx, const Turn *turn, CmSeparable *job, CmError **err) {
  for (int axis = 0; axis < 3; axis++) {
    const Kernel *kernel = turn->axis[axis];
    if (!kernel) continue;
    job->taps[axis] = (CmTaps){.radius = kernel->radius, .parity = kernel->parity};
    job->taps[axis].half = cm_alloc_array(ctx, (size_t)kernel->radius + 1, sizeof(double), err);
    if (!job->taps[axis].half) return false;
    for (int k = 0; k <= kernel->radius; k++) job->taps[axis].half[k] = kernel->half[k] / sqrt(kernel->norm);
  }
  return true;
}

static bool respond(const CmCall *call, const Turn *turns, int count, CmImage *out, CmError **err) {
  const LawsParams *p = call->params;
  Pool arg = {.out = out, .grid = cm__grid(out), .pooling = (CmPooling)p->pooling, .scale = 1.0};
  bool ok = true;
  for (int k = 0; ok && k < count; k++) {
    CmSeparable job = {.what = "laws",
                       .image = call->in[0].image,
                       .border = (CmBorder)p->border,
                       .border_value = p->border_value,
                       .out = out,
                       .finish = pool,
                       .arg = &arg};
    arg.turn = &turns[k];
    arg.first = k == 0;
    arg.absolute = p->energy > 0 && k == count - 1;
    arg.scale = p->pooling == CM_POOL_MEAN && k == count - 1 ? 1.0 / count : 1.0;
    ok = set_taps(call->ctx, &turns[k], &job, err) && cm__separable(call->ctx, &job, err);
    cm__separable_free(&job);
  }
  return ok;
}

static void divide(void *arg, void *line, int64_t row, int64_t n, bool wide) {
  const double by = 1.0 / *(const double *)arg;
  (void)row;
  for (int64_t i = 0; i < n; i++)
    if (wide)
      ((double *)line)[i] *= by;
    else
      ((float *)line)[i] *= (float)by;
}

/* The mean of the absolute responses in the box around each voxel: Laws' texture energy. */
static bool smooth(const CmCall *call, int axes, CmImage **map, CmError **err) {
  const LawsParams *p = call->params;
  const double size = (double)p->energy;
  const CmReals radius = {.count = 3, .value = {size, size, axes == 3 ? size : 0.0}};
  double count = 1.0;
  CmImage *out = cm_image_create_like(call->ctx, *map, cm_image_type(*map), cm_image_components(*map), err);
  CmSeparable job = {.what = "laws",
                     .image = *map,
                     .border = (CmBorder)p->border,
                     .border_value = p->border_value,
                     .exact = true,
                     .out = out,
                     .finish = divide,
                     .arg = &count};
  const bool ok =
      out && cm__separable_box(call->ctx, &job, &radius, 0, *map, &count, err) && cm__separable(call->ctx, &job, err);
  cm__separable_free(&job);
  if (!ok) {
    cm_image_unref(&out);
    return false;
  }
  cm_image_unref(map);
  *map = out;
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const LawsParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const Kernel *chosen[3];
  Turn turns[6];
  CmMask mask;
  const int axes = read_kernels(p->kernels.value, chosen, err);
  if (axes == 0 || !cm__mask_open(&mask, &call->in[1], image, err)) return false;
  if (axes == 3 && cm_image_dims(image)[2] == 1) {
    cm_error_set(err, CM_ERR_PARAMETER, "kernels '%s' are for volumes; the image is one slice: give two",
                 p->kernels.value);
    return false;
  }
  const int count = find_turns(chosen, axes, p->rotation_invariant, turns);
  CmImage *out =
      cm_image_create_like(call->ctx, image, p->type == 1 ? CM_F64 : CM_F32, cm_image_components(image), err);
  const bool ok = out && respond(call, turns, count, out, err) && (p->energy == 0 || smooth(call, axes, &out, err)) &&
                  cm__mask_blank(call->ctx, &mask, out, err);
  if (ok)
    call->out[0] = cm_value_image(out);
  else
    cm_image_unref(&out);
  return ok;
}

CM_OP(laws) = {
    .name = "laws",
    .family = "filter",
    .since = "0.2",
    .summary = "Laws' texture responses: level, edge, spot, wave and ripple, and their energy.",
    .details =
        "The image convolved along x, y (and z) with Laws' kernels, each divided by the root of its sum of squares: "
        "L3 = 1 2 1, E3 = -1 0 1, S3 = -1 2 -1, L5 = 1 4 6 4 1, E5 = -1 -2 0 2 1, S5 = -1 0 2 0 -1, W5 = -1 2 0 -2 1, "
        "R5 = 1 -4 6 -4 1. Two kernels work slice by slice. rotation_invariant=true pools the responses of the kernels "
        "in all turns by right angles. energy=d gives the mean of the absolute response in the box of 2 d + 1 voxels. "
        "Sizes are in voxels: resample to cubic voxels first where directions are to be alike. " CM_BORDER_DETAILS
        "Mask: voxels outside are 0; neighbourhoods inside still see them. NaN: spreads to every voxel whose kernel "
        "holds it.",
    CM_OP_PARAMS(LawsParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-6,
    .cite =
        "Laws KI. Rapid texture identification. Proc SPIE 238, 1980; Image Biomarker Standardisation Initiative, "
        "reference manual part 2, section 3.3 (kernels, rotation, energy)",
    .examples =
        "cormack laws ct.nii.gz response.nii.gz --kernels E5L5S5 --border reflect\n"
        "cormack laws ct.nii.gz energy.nii.gz --kernels L5E5E5 --rotation_invariant true --energy 7 --border reflect",
    .check = check,
    .run = run,
};
