#include "ops/colour/colour.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/colour/bytes.h"
#include "ops/simd.h"

/* ---- constants ------------------------------------------------------------------------------------------------- */

static const double no_shift[3] = {0.0, 0.0, 0.0};
/* sRGB's primaries and white (IEC 61966-2-1, from the chromaticities of ITU-R BT.709). */
static const double xyz_of_rgb[9] = {0.412453, 0.357580, 0.180423, 0.212671, 0.715160,
                                     0.072169, 0.019334, 0.119193, 0.950227};
static const double white[3] = {0.95047, 1.0, 1.08883};
static const double ycbcr_of_rgb[9] = {65.481, 128.553, 24.966, -37.797, -74.203, 112.0, 112.0, -93.786, -18.214};
static const double ycbcr_shift[3] = {16.0, 128.0, 128.0};
static const double grey_of_rgb[9] = {0.2125, 0.7154, 0.0721, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0};

static void invert(const double m[9], double to[9]) {
  for (int r = 0; r < 3; r++)
    for (int c = 0; c < 3; c++) {
      const int r1 = (c + 1) % 3, r2 = (c + 2) % 3, c1 = (r + 1) % 3, c2 = (r + 2) % 3;
      to[3 * r + c] = m[3 * r1 + c1] * m[3 * r2 + c2] - m[3 * r1 + c2] * m[3 * r2 + c1];
    }
  const double determinant = m[0] * to[0] + m[1] * to[3] + m[2] * to[6];
  for (int k = 0; k < 9; k++) to[k] /= determinant;
}

static bool is_xyz(CmColourSpace space) {
  return space == CM_XYZ || space == CM_LAB;
}

/* ---- roots: a part of the exponent, read as a number, then steps ----------------------------------------------- */

static inline float start_root3(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  bits = bits / 3 + 709958130;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

static inline float start_root5(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  bits = bits / 5 + 851500000;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

#define CM_TEMPLATE "ops/colour/part_tmpl.c"
#include "ops/each_type.h"

static void (*const part_f32[CM_TYPE_COUNT])(const void *, float, int64_t, float *, float *,
                                             float *) = CM_TYPE_TABLE(part_f32);
static void (*const part_f64[CM_TYPE_COUNT])(const void *, double, int64_t, double *, double *,
                                             double *) = CM_TYPE_TABLE(part_f64);

#define part_bytes_f32 cm__bytes_to_planes
#define part_bytes_f64 part_f64_u8

static const CmType own_type_f32 = CM_F32, own_type_f64 = CM_F64;
#define root2_f32 sqrtf
#define root2_f64 sqrt
#define floor_f32 floorf
#define floor_f64 floor
#define R float
#define X(name) name##_f32
#define ROOT3_STEPS 2
#define ROOT5_STEPS 3
#include "ops/colour/colour_tmpl.c"
#undef R
#undef X
#undef ROOT3_STEPS
#undef ROOT5_STEPS
#define R double
#define X(name) name##_f64
#define ROOT3_STEPS 3
#define ROOT5_STEPS 4
#include "ops/colour/colour_tmpl.c"
#undef R
#undef X

/* ---- images ---------------------------------------------------------------------------------------------------- */

int64_t cm__colour_components(CmColourSpace space) {
  return space == CM_GREY ? 1 : 3;
}

bool cm__colour_open(CmColour *colour, const CmImage *image, CmColourSpace from, CmColourSpace to, CmError **err) {
  const int components = cm_image_components(image), least = (int)cm__colour_components(from);
  *colour = (CmColour){.from = from, .to = to, .type = cm_image_type(image), .components = components, .scale = 1.0};
  if (components != least && !(from == CM_RGB && components == 4)) {
    cm_error_set(err, CM_ERR_DATA, "the image has %d components; such colours have %d%s", components, least,
                 from == CM_RGB ? " (or 4, with opacity)" : "");
    return false;
  }
  if (!cm_type_is_integer(colour->type)) return true;
  if (from == CM_RGB || from == CM_GREY) colour->scale = 1.0 / cm_type_max(colour->type);
  if (from != CM_HSV) return true;
  cm_error_set(err, CM_ERR_DATA, "hue, saturation and value run from 0 to 1, which %s cannot hold; give f32",
               cm_type_name(colour->type));
  return false;
}

typedef struct Job {
  CmContext *ctx;
  const CmImage *image;
  CmImage *out;
  CmGrid grid, to;
  CmColour colour;
} Job;

#define R float
#define X(name) name##_f32
#include "ops/colour/rows_tmpl.c"
#undef R
#undef X
#define R double
#define X(name) name##_f64
#include "ops/colour/rows_tmpl.c"

static bool grey_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  (void)err;
  cm__bytes_to_grey(cm__row(job->image, &job->grid, range.begin), (range.end - range.begin) * job->grid.nx,
                    cm__row_mut(job->out, &job->to, range.begin));
  return true;
}

static CmRangeFn choose_rows(const Job *job) {
  const CmType from = job->colour.type, to = cm_image_type(job->out);
  if (job->colour.from == CM_RGB && job->colour.to == CM_GREY && job->colour.components == 3 && from == CM_U8 &&
      to == CM_U8)
    return grey_rows;
  return to == CM_F64 || !cm__type_fits_f32(from) ? convert_rows_f64 : convert_rows_f32;
}

CmImage *cm__colour_image(CmContext *ctx, const CmImage *image, CmColourSpace from, CmColourSpace to, CmType type,
                          CmError **err) {
  Job job = {.ctx = ctx, .image = image, .grid = cm__grid(image)};
  if (!cm__colour_open(&job.colour, image, from, to, err)) return NULL;
  job.out = cm_image_create_like(ctx, image, type, (int)cm__colour_components(to), err);
  if (!job.out) return NULL;
  job.to = cm__grid(job.out);
  if (!cm_image_set_unit(job.out, "1", err) ||
      !cm_parallel_for(ctx, "colours", job.grid.rows, cm__row_chunk(&job.grid), choose_rows(&job), &job, err))
    cm_image_unref(&job.out);
  return job.out;
}
