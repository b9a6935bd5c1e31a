/* LBP2D images: local binary patterns of the slices. Ojala T, Pietikäinen M, Mäenpää T. Multiresolution gray-scale and
 * rotation invariant texture classification with local binary patterns. IEEE Trans PAMI 24(7), 2002; conventions of
 * scikit-image's local_binary_pattern. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/pyrad_images.h"

enum { MOST_SAMPLES = 24 };
typedef enum Method { PATTERN, ROTATED, UNIFORM, VARIANCE } Method;

typedef struct Patterns {
  const CmPyradSource *source;
  const CmPyradParams *p;
  double row[MOST_SAMPLES], column[MOST_SAMPLES]; /* of the samples around a voxel */
  int across, rows, columns;                      /* axes */
  CmImage *out;
} Patterns;

/* Of the slice [row * columns + column]; 0 outside. */
static double pixel(const double *slice, const int64_t n[2], int64_t r, int64_t c) {
  return r < 0 || c < 0 || r >= n[0] || c >= n[1] ? 0.0 : slice[r * n[1] + c];
}

static double sample(const double *slice, const int64_t n[2], double r, double c) {
  const int64_t r0 = (int64_t)floor(r), c0 = (int64_t)floor(c), r1 = (int64_t)ceil(r), c1 = (int64_t)ceil(c);
  const double dr = r - (double)r0, dc = c - (double)c0;
  const double top = (1.0 - dc) * pixel(slice, n, r0, c0) + dc * pixel(slice, n, r0, c1);
  const double bottom = (1.0 - dc) * pixel(slice, n, r1, c0) + dc * pixel(slice, n, r1, c1);
  return (1.0 - dr) * top + dr * bottom;
}

static double variance_of(const double *v, int n) {
  double sum = 0.0, square = 0.0;
  for (int k = 0; k < n; k++) {
    sum += v[k];
    square += v[k] * v[k];
  }
  const double variance = (square - sum * sum / n) / n;
  return variance != 0.0 ? variance : NAN;
}

static double least_rotation(uint32_t bits, int n) {
  const uint32_t all = (uint32_t)((1u << n) - 1u);
  uint32_t least = bits;
  for (int k = 1; k < n; k++) {
    bits = (bits >> 1 | (bits & 1u) << (n - 1)) & all;
    if (bits < least) least = bits;
  }
  return least;
}

static double pattern_at(const Patterns *job, const double *slice, const int64_t n[2], int64_t r, int64_t c) {
  const int samples = (int)job->p->lbp2DSamples;
  const double own = slice[r * n[1] + c];
  double texture[MOST_SAMPLES];
  uint32_t bits = 0;
  int changes = 0, ones = 0;
  for (int k = 0; k < samples; k++) {
    texture[k] = sample(slice, n, (double)r + job->row[k], (double)c + job->column[k]);
    const uint32_t above = texture[k] - own >= 0.0;
    changes += k > 0 && above != (bits >> (k - 1) & 1u);
    ones += (int)above;
    bits |= above << k;
  }
  switch ((Method)job->p->lbp2DMethod) {
    case VARIANCE:
      return variance_of(texture, samples);
    case UNIFORM:
      return changes <= 2 ? ones : samples + 1;
    case ROTATED:
      return least_rotation(bits, samples);
    default:
      return bits;
  }
}

static bool do_slices(void *arg, CmRange range, CmError **err) {
  const Patterns *job = arg;
  const CmPyradSource *s = job->source;
  const int64_t *dims = cm_image_dims(s->image), n[2] = {dims[job->rows], dims[job->columns]};
  const CmGrid grid = cm__grid(job->out);
  double *slice = cm_alloc_array(s->ctx, (size_t)(n[0] * n[1] + 1), sizeof(*slice), err);
  if (!slice) return false;
  for (int64_t k = range.begin; k < range.end; k++) {
    int64_t at[3];
    at[job->across] = s->lo[job->across] + k;
    for (int64_t r = 0; r < n[0]; r++)
      for (int64_t c = 0; c < n[1]; c++) {
        at[job->rows] = r;
        at[job->columns] = c;
        slice[r * n[1] + c] = cm_image_value(s->image, (at[2] * dims[1] + at[1]) * dims[0] + at[0]);
      }
    for (int64_t r = 0; r < s->size[job->rows]; r++)
      for (int64_t c = 0; c < s->size[job->columns]; c++) {
        double value = pattern_at(job, slice, n, s->lo[job->rows] + r, s->lo[job->columns] + c);
        at[job->across] = k;
        at[job->rows] = r;
        at[job->columns] = c;
        if (cm_type_is_integer(cm_image_type(job->out))) value = trunc(value);
        cm__line_from_f64(cm_image_type(job->out), &value, 1,
                          (char *)cm__row_mut(job->out, &grid, at[2] * grid.ny + at[1]) + (size_t)at[0] * grid.size);
      }
  }
  cm_free(slice);
  return true;
}

static double to_five_digits(double v) {
  return rint(v * 1e5) / 1e5;
}

bool cm__pyrad_lbp2d(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                     CmError **err) {
  const bool flat = cm_image_rank(source->image) < 3;
  const int across = flat ? 2 : 2 - (int)type->p.force2Ddimension;
  Patterns job = {.source = source, .p = &type->p, .across = across};
  job.rows = across == 2 ? 1 : across == 1 ? 2 : 1;
  job.columns = across == 0 ? 2 : 0;
  for (int k = 0; k < (int)type->p.lbp2DSamples; k++) {
    const double angle = 2.0 * 3.14159265358979323846 * k / (double)type->p.lbp2DSamples;
    job.row[k] = to_five_digits(-type->p.lbp2DRadius * sin(angle));
    job.column[k] = to_five_digits(type->p.lbp2DRadius * cos(angle));
  }
  job.out = cm__pyrad_box_image(source, flat ? CM_F64 : cm_image_type(source->image), err);
  if (job.out && !cm_parallel_for(source->ctx, NULL, source->size[across], 1, do_slices, &job, err))
    cm_image_unref(&job.out);
  return cm__pyrad_give(source, type, job.out, "lbp-2D", fn, arg, err);
}
