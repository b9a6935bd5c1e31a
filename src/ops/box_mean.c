#include "ops/box_mean.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

/* floor((n + add) / count) of whole numbers: a product of 16 bits, or (n + add + 1/2) / count in float or double, whose
 * rounding is far smaller than the distance of that from any whole number. */
typedef enum DivisorKind { BY_PRODUCT, BY_FLOAT, BY_DOUBLE } DivisorKind;
typedef struct Divisor {
  DivisorKind kind;
  int32_t add, lowest; /* lowest: what the quotient is turned back by, `add` having made sums positive */
  uint16_t factor, shift;
  float inverse_f32;
  double inverse_f64;
} Divisor;

enum { PART = 1024 }; /* of a row */

typedef struct Walk {
  CmContext *ctx;
  const CmBoxMean *job;
  CmGrid grid;
  Divisor by;
  int64_t rows, bands; /* rows of a band, bands of a time point */
  const void *beyond;  /* a row of border values */
} Walk;

typedef struct Band {
  const Walk *walk;
  int64_t t, y0, y1;
  void *planes; /* sums along z of the rows of the band and around it */
  void *lines;  /* columns and their sums, and a row of means */
} Band;

#define T uint8_t
#define S uint16_t
#define X(name) name##_u8
#include "ops/box_mean_tmpl.c"
#undef S
#undef X
#define S int32_t
#define X(name) name##_wide_u8
#include "ops/box_mean_tmpl.c"
#undef T
#undef X
#define T int8_t
#define X(name) name##_i8
#include "ops/box_mean_tmpl.c"
#undef T
#undef X
#define T uint16_t
#define X(name) name##_u16
#include "ops/box_mean_tmpl.c"
#undef T
#undef X
#define T int16_t
#define X(name) name##_i16
#include "ops/box_mean_tmpl.c"
#undef T
#undef S
#undef X

static double box_count(const CmBoxMean *job) {
  const int64_t *r = job->radius;
  return (double)(2 * r[0] + 1) * (double)(2 * r[1] + 1) * (double)(2 * r[2] + 1);
}

bool cm__box_mean_fits(const CmBoxMean *job) {
  const CmType type = cm_image_type(job->image);
  if (!cm_type_is_integer(type) || cm_type_size(type) > 2) return false;
  const double low = cm_type_min(type), high = cm_type_max(type), value = job->border_value;
  const bool inside = job->border != CM_BORDER_CONSTANT || (value == rint(value) && value >= low && value <= high);
  return inside && box_count(job) * (high - low + 1.0) <= 2147483647.0;
}

/* Do sums of bytes fit 16 bits, with what is added to them? Of one voxel they have no factor. */
static bool narrow(const CmBoxMean *job) {
  const double count = box_count(job);
  return cm_image_type(job->image) == CM_U8 && count > 1.0 && count < 256.0;
}

/* n m >> (16 + shift) with m = 2^(16 + shift) / count, rounded up, or down and n + 1: the one that is nearer is right
 * for all n below 2^16 (Robison AD. N-bit unsigned division via N-bit multiply-add, ARITH 2005). */
static void set_product(Divisor *by, uint32_t count) {
  while (2u << by->shift <= count) by->shift++;
  const uint32_t power = UINT32_C(65536) << by->shift, rest = power % count;
  const bool up = count - rest <= rest;
  by->factor = (uint16_t)(power / count + up);
  by->add += !up;
}

static Divisor divisor(const CmBoxMean *job) {
  const double count = box_count(job), lowest = cm_type_min(cm_image_type(job->image));
  const double add = (job->nearest ? 0.5 * (count - 1.0) : 0.0) - lowest * count;
  Divisor by = {
      .add = (int32_t)add, .lowest = (int32_t)lowest, .inverse_f32 = 1.0f / (float)count, .inverse_f64 = 1.0 / count};
  by.kind = (cm_type_max(cm_image_type(job->image)) - lowest + 1.0) * count < 4194304.0 ? BY_FLOAT : BY_DOUBLE;
  if (narrow(job)) set_product(&by, (uint32_t)count);
  return by;
}

static bool (*band_of(const CmBoxMean *job))(const Band *, CmError **) {
  switch (cm_image_type(job->image)) {
    case CM_U8:
      return narrow(job) ? band_u8 : band_wide_u8;
    case CM_I8:
      return band_i8;
    case CM_U16:
      return band_u16;
    default:
      return band_i16;
  }
}

static bool do_band(void *arg, CmRange range, CmError **err) {
  const Walk *walk = arg;
  const CmBoxMean *job = walk->job;
  const CmGrid *grid = &walk->grid;
  Band band = {.walk = walk, .t = range.begin / walk->bands, .y0 = range.begin % walk->bands * walk->rows};
  band.y1 = grid->ny - band.y0 < walk->rows ? grid->ny : band.y0 + walk->rows;
  const size_t wide = (size_t)(grid->row + PART + 8 * (job->radius[0] + 1) * grid->components),
               tall = job->radius[2] ? (size_t)(band.y1 - band.y0 + 2 * job->radius[1]) : 0;
  band.lines = cm_alloc_array(walk->ctx, 2 * wide, sizeof(int32_t), err);
  band.planes = cm_alloc_array(walk->ctx, tall * (size_t)grid->row, sizeof(int32_t), err);
  const bool ok = band.lines && band.planes && band_of(job)(&band, err);
  cm_free(band.lines);
  cm_free(band.planes);
  return ok;
}

/* Bands that are not much smaller than what lies around them; in volumes their sums along z stay in the cache. */
static void plan_bands(Walk *walk) {
  const int64_t around = 4 * walk->job->radius[1], least = walk->job->radius[2] ? 16 : 64;
  walk->rows = around > least ? around : least;
  if (walk->rows > walk->grid.ny) walk->rows = walk->grid.ny;
  walk->bands = cm_chunk_count(walk->grid.ny, walk->rows);
}

bool cm__box_mean(CmContext *ctx, const CmBoxMean *job, CmError **err) {
  Walk walk = {.ctx = ctx, .job = job, .grid = cm__grid(job->image), .by = divisor(job)};
  plan_bands(&walk);
  double value = job->border_value;
  char *beyond = cm_alloc_array(ctx, (size_t)walk.grid.row, walk.grid.size, err);
  if (!beyond) return false;
  for (int64_t i = 0; i < walk.grid.row; i++)
    cm__line_from_f64(cm_image_type(job->image), &value, 1, beyond + (size_t)i * walk.grid.size);
  walk.beyond = beyond;
  const bool ok = cm_parallel_for(ctx, job->what, walk.bands * walk.grid.nt, 1, do_band, &walk, err);
  cm_free(beyond);
  return ok;
}
