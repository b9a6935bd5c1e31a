/* The undecimated («stationary») wavelet transform. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/filter/pooling.h"
#include "ops/filter/wavelet_transform.h"
#include "ops/simd.h"

typedef struct StationaryParams {
  int32_t wavelet;
  int64_t level;
  CmText band;
  bool rotation_invariant;
  int32_t pooling;
  int32_t axes;
  bool normalize;
  int32_t border, type;
} StationaryParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(StationaryParams, wavelet, CM_WAVELET_CHOICES, "haar", "the wavelet"),
    CM_PARAM_INT(StationaryParams, level, 1, 1, 12, "1", "whose bands are given: 1 is the finest"),
    CM_PARAM_TEXT(StationaryParams, band, "all",
                  "all bands, or one: L (low) or H (high) for x, y and z in turn, such as LLH"),
    CM_PARAM_BOOL(StationaryParams, rotation_invariant, "false",
                  "one band in all right-angle turns (4 in the plane, 24 in space), pooled"),
    CM_PARAM_ENUM(StationaryParams, pooling, CM_POOLING_CHOICES, "mean", CM_POOLING_HELP),
    CM_AXES_PARAM(StationaryParams),
    CM_PARAM_BOOL(StationaryParams, normalize, "false",
                  "the filters are divided by the root of 2, so that the approximation keeps the mean"),
    CM_PARAM_ENUM(StationaryParams, border, "replicate|reflect|mirror|wrap|zero", "wrap",
                  "what lies beyond the border"),
    CM_PARAM_ENUM(StationaryParams, type, "f32|f64", "f32", "voxel type of the coefficients"),
};

static const CmPort outputs[] = {
    {.name = "bands",
     .kind = CM_KIND_IMAGE,
     .components = true,
     .help = "a component per band, in the order LLL, LLH, LHL ... HHH, for each component of the image in turn"},
};

/* One level of one component of one time point. slot[k]: what is kept after axis k, as bits, H = 1, the last axis
 * lowest: after z, band LHL is 2; after y its LH is slot `2 >> 1` of slot[1]. */
typedef struct Stationary {
  CmContext *ctx;
  CmGrid grid; /* of the image; components and row of the image */
  CmBank bank;
  bool active[3];
  int count[3], slot[3][8];
  int64_t shift, dilation;
  CmBorder border;
  const CmImage *image;
  const void *volume; /* in place of the image */
  CmImage *out;       /* or NULL and `next` */
  void *next;
  int64_t t, component, slab_rows;
  bool wide;
  /* Turned around, band after band gathers in out: the image is read, and the result stored, from the other end. */
  bool flip[3];
  int turn, turns;
  CmPooling pooling;
} Stationary;

/* The row of the image that is row (y, z) of what is filtered. */
static int64_t image_row(const Stationary *job, int64_t y, int64_t z) {
  const CmGrid *grid = &job->grid;
  if (job->flip[1]) y = grid->ny - 1 - y;
  if (job->flip[2]) z = grid->nz - 1 - z;
  return (job->t * grid->nz + z) * grid->ny + y;
}

static double pooled(const Stationary *job, double v, double before) {
  if (job->turn > 0) v = cm__pool(job->pooling, before, v);
  return job->turn == job->turns - 1 && job->pooling == CM_POOL_MEAN ? v / job->turns : v;
}

typedef struct Scratch {
  void *padded, *spare, *band, *slab, *zeros;
} Scratch;

#define R float
#define X(name) name##_f32
#define to_line_f32 cm__line_to_f32
#include "ops/filter/mix_tmpl.c"
#include "ops/filter/stationary_tmpl.c"
#undef R
#undef X
#define R double
#define X(name) name##_f64
#define to_line_f64 cm__line_to_f64
#include "ops/filter/mix_tmpl.c"
#include "ops/filter/stationary_tmpl.c"
#undef R
#undef X

static bool do_slab(void *arg, CmRange range, CmError **err) {
  const Stationary *job = arg;
  const CmGrid *grid = &job->grid;
  const int64_t reach = (job->bank.length - 1) * job->dilation, y0 = range.begin, rows = range.end - y0;
  const int64_t padded = grid->nx + reach, band = job->count[0] * (rows + reach) * grid->nx;
  const int64_t slab = job->count[1] * rows * grid->nx * grid->nz;
  const size_t value = job->wide ? sizeof(double) : sizeof(float);
  char *block = cm_alloc_array(job->ctx, (size_t)(padded + grid->row + band + slab + grid->nx), value, err);
  if (!block) return false;
  Scratch scratch = {.padded = block};
  scratch.spare = block + (size_t)padded * value;
  scratch.band = (char *)scratch.spare + (size_t)grid->row * value;
  scratch.slab = (char *)scratch.band + (size_t)band * value;
  scratch.zeros = (char *)scratch.slab + (size_t)slab * value;
  memset(scratch.zeros, 0, (size_t)grid->nx * value);
  if (job->wide)
    slab_f64(job, y0, y0 + rows, &scratch);
  else
    slab_f32(job, y0, y0 + rows, &scratch);
  cm_free(block);
  return true;
}

/* Keeps the bands in `wanted` (bits, as numbers of the last slots) and what leads to them. */
static void plan_slots(Stationary *job, const int *wanted, int count) {
  int bits[3] = {0, 0, 0};
  for (int axis = 2, right = 0; axis >= 0; axis--) {
    bits[axis] = right;
    right += job->active[axis];
  }
  for (int axis = 0; axis < 3; axis++) {
    job->count[axis] = 0;
    for (int k = 0; k < count; k++) {
      const int kept = wanted[k] >> bits[axis];
      bool known = false;
      for (int i = 0; i < job->count[axis]; i++) known = known || job->slot[axis][i] == kept;
      if (!known) job->slot[axis][job->count[axis]++] = kept;
    }
  }
  /* replace the band before this axis by its slot there */
  for (int axis = 2; axis > 0; axis--)
    for (int i = 0; i < job->count[axis] && job->active[axis]; i++) {
      const int before = job->slot[axis][i] >> 1;
      int at = 0;
      while (at < job->count[axis - 1] && job->slot[axis - 1][at] != before) at++;
      job->slot[axis][i] = at << 1 | (job->slot[axis][i] & 1);
    }
}

static bool run_level(Stationary *job, int64_t level, CmError **err) {
  const CmGrid *grid = &job->grid;
  job->dilation = (int64_t)1 << (level - 1);
  const int64_t reach = (job->bank.length - 1) * job->dilation;
  job->slab_rows = reach < 16 ? 16 : reach < 64 ? reach : 64;
  if (job->slab_rows > grid->ny) job->slab_rows = grid->ny;
  return cm_parallel_for(job->ctx, "stationary_wavelet", grid->ny, job->slab_rows, do_slab, job, err);
}

/* The approximations of the levels before, then the bands that are wanted. */
static bool do_turn(Stationary *job, int64_t levels, CmImage *out, const int *wanted, int count, CmError **err) {
  const int64_t values = job->grid.nx * job->grid.ny * job->grid.nz;
  const int low = 0;
  void *volume = NULL;
  bool ok = true;
  job->out = NULL;
  for (int64_t level = 1; ok && level < levels; level++) {
    plan_slots(job, &low, 1);
    job->next = cm_alloc_array(job->ctx, (size_t)values, job->wide ? 8 : 4, err);
    job->volume = volume;
    ok = job->next && run_level(job, level, err);
    cm_free(volume);
    volume = job->next;
  }
  plan_slots(job, wanted, count);
  job->volume = volume;
  job->out = out;
  ok = ok && run_level(job, levels, err);
  cm_free(volume);
  job->volume = NULL;
  return ok;
}

/* A right-angle turn of a separable filter: a band whose letters stand in another order, on the image turned around
 * along some axes (bit k: axis k). */
typedef struct Turn {
  int band, flips;
} Turn;

/* All turns of `band` about n axes; the low and the high filter are the same for all axes, so that many coincide. */
static int find_turns(int band, int n, Turn turns[24]) {
  static const int orders[6][3] = {{0, 1, 2}, {1, 0, 2}, {1, 2, 0},
                                   {2, 1, 0}, {2, 0, 1}, {0, 2, 1}}; /* even, odd ... */
  static const int order_count[4] = {1, 1, 2, 6};
  int count = 0;
  for (int o = 0; o < order_count[n]; o++)
    for (int flips = 0; flips < 1 << n; flips++) {
      Turn turn = {.band = 0, .flips = flips};
      int odd = o & 1, k = 0;
      for (int axis = 0; axis < n; axis++) {
        turn.band = turn.band << 1 | (band >> (n - 1 - orders[o][axis]) & 1);
        odd ^= flips >> axis & 1;
      }
      while (k < count && (turns[k].band != turn.band || turns[k].flips != flips)) k++;
      if (!odd && k == count) turns[count++] = turn;
    }
  return count;
}

static bool do_volume(Stationary *job, const StationaryParams *p, CmImage *out, const int *wanted, int count,
                      int letters, CmError **err) {
  Turn turns[24];
  if (!p->rotation_invariant) return do_turn(job, p->level, out, wanted, count, err);
  job->turns = find_turns(wanted[0], letters, turns);
  for (job->turn = 0; job->turn < job->turns; job->turn++) {
    const Turn *turn = &turns[job->turn];
    for (int axis = 0, bit = 0; axis < 3; axis++) job->flip[axis] = job->active[axis] && turn->flips >> bit++ & 1;
    if (!do_turn(job, p->level, out, &turn->band, 1, err)) return false;
  }
  return true;
}

/* Which bands are wanted, as bits; how many, or 0. */
static int read_band(const char *text, int letters, int *wanted, CmError **err) {
  if (strcmp(text, "all") == 0) {
    for (int k = 0; k < 1 << letters; k++) wanted[k] = k;
    return 1 << letters;
  }
  wanted[0] = 0;
  bool good = (int)strlen(text) == letters;
  for (int k = 0; good && k < letters; k++) {
    good = text[k] == 'L' || text[k] == 'H';
    wanted[0] = wanted[0] << 1 | (text[k] == 'H');
  }
  if (good) return 1;
  cm_error_set(err, CM_ERR_PARAMETER,
               "band '%s': give 'all', or %d letters, L or H, one for each axis that is longer than one voxel", text,
               letters);
  return 0;
}

static void scale_bank(CmBank *bank) {
  for (int64_t t = 0; t < bank->length; t++) {
    bank->h[t] *= sqrt(0.5);
    bank->g[t] *= sqrt(0.5);
    bank->h32[t] = (float)bank->h[t];
    bank->g32[t] = (float)bank->g[t];
  }
}

static bool run(const CmCall *call, CmError **err) {
  const StationaryParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmType type = p->type == 1 ? CM_F64 : CM_F32;
  Stationary job = {.ctx = call->ctx,
                    .grid = cm__grid(image),
                    .image = image,
                    .border = (CmBorder)p->border,
                    .pooling = (CmPooling)p->pooling,
                    .wide = type == CM_F64 || !cm__type_fits_f32(cm_image_type(image))};
  CmMask mask;
  int wanted[8], letters = 0;
  for (int axis = 0; axis < 3; axis++) {
    job.active[axis] = cm_image_dims(image)[axis] > 1 && (axis < 2 || p->axes == 0);
    letters += job.active[axis];
  }
  const int count = read_band(p->band.value, letters, wanted, err);
  if (count == 0 || !cm__mask_open(&mask, &call->in[1], image, err)) return false;
  if ((int64_t)count * job.grid.components > CM_MAX_COMPONENTS) {
    cm_error_set(err, CM_ERR_PARAMETER, "%d bands of %lld components are too many for an image; give one band", count,
                 (long long)job.grid.components);
    return false;
  }
  if (p->rotation_invariant && count > 1) {
    cm_error_set(err, CM_ERR_PARAMETER, "rotation_invariant=true needs one band, such as band=LLH");
    return false;
  }
  cm__wavelet_bank(p->wavelet, &job.bank);
  if (p->normalize) scale_bank(&job.bank);
  job.shift = job.bank.length / 2 - 1;
  CmImage *out = cm_image_create_like(call->ctx, image, type, count * (int)job.grid.components, err);
  bool ok = out != NULL;
  for (job.t = 0; ok && job.t < job.grid.nt; job.t++)
    for (job.component = 0; ok && job.component < job.grid.components; job.component++)
      ok = do_volume(&job, p, out, wanted, count, letters, err);
  if (!ok || !cm__mask_blank(call->ctx, &mask, out, err)) {
    cm_image_unref(&out);
    return false;
  }
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(stationary_wavelet) = {
    .name = "stationary_wavelet",
    .family = "filter",
    .since = "0.2",
    .summary = "Split an image by scale and direction, voxel by voxel: the undecimated wavelet transform.",
    .details =
        "Along each axis low[i] = sum of h[t] v[i + (t - L/2 + 1) 2^(level-1)] and high[i] = the same with g[t] = "
        "(-1)^t "
        "h[L-1-t], where h has L weights whose squares sum to 1; v is the image, or the approximation (all L) of the "
        "level before. These are PyWavelets' swtn and PyRadiomics' wavelet images; letters stand for x, y and z in "
        "turn, "
        "as there, and axes one voxel long have none. normalize=true divides h and g by the root of 2 "
        "(PyWavelets' norm). The separable wavelets of IBSI 2 are those without it; rotation_invariant=true pools a "
        "band "
        "over all turns by right angles. Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, mirror dcb|abcd|cba, "
        "wrap "
        "bcd|abcd|abc, zero 000|abcd|000; swtn knows wrap alone. Every time point and component is treated by itself. "
        "u8 "
        "to i16 and f32 are calculated in f32, the others and type=f64 in f64. Mask: voxels outside are 0; "
        "neighbourhoods "
        "inside still see them. NaN: spreads to every voxel whose kernel holds it.",
    CM_OP_PARAMS(StationaryParams, params),
    .inputs = cm__filter_inputs,
    .input_count = 2,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite =
        "Nason GP, Silverman BW. The stationary wavelet transform and some statistical applications. Wavelets and "
        "Statistics, 1995; Image Biomarker Standardisation Initiative, reference manual part 2, section 3.6",
    .examples =
        "cormack stationary_wavelet ct.nii.gz bands.nii.gz --wavelet coif1\n"
        "cormack stationary_wavelet ct.nii.gz lhl.nii.gz --wavelet db3 --band LHL --border mirror --normalize true",
    .run = run,
};
