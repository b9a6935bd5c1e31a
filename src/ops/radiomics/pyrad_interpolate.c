/* ITK's interpolators with a Gaussian and with windowed sincs, as SimpleITK sets them up: Insight Journal «N-D C^k
 * B-spline» is another; here Meijering EHW et al. Quantitative comparison of sinc-approximating kernels for medical
 * image interpolation. MICCAI 1999 (windows of five voxels to each side, the border repeated, weights not scaled to sum
 * to 1).
 */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/pyrad.h"
#include "ops/transform/warp.h"

#define PI 3.14159265358979323846
#define SIGMA 0.8 /* voxels, of the Gaussian */
#define CUT 4.0   /* sigmas */
enum { RADIUS = 5, TAPS = 2 * RADIUS };

typedef struct Job {
  CmContext *ctx;
  const double *v; /* of the image */
  const int64_t *n;
  double map[12]; /* index in the image from index in the result */
  int32_t interpolator;
  CmImage *out;
} Job;

/* What an axis contributes: count neighbours from first on. */
typedef struct Reach {
  int64_t at[TAPS];
  double weight[TAPS];
  int count;
} Reach;

static double window(int32_t interpolator, double x) {
  const double part = x / RADIUS;
  switch (interpolator) {
    case CM__PYRAD_HAMMING:
      return 0.54 + 0.46 * cos(PI * part);
    case CM__PYRAD_COSINE:
      return cos(0.5 * PI * part);
    case CM__PYRAD_WELCH:
      return 1.0 - part * part;
    case CM__PYRAD_LANCZOS:
      return part == 0.0 ? 1.0 : sin(PI * part) / (PI * part);
    default:
      return 0.42 + 0.5 * cos(PI * part) + 0.08 * cos(2.0 * PI * part);
  }
}

static void reach_sinc(int32_t interpolator, double at, int64_t n, Reach *reach) {
  const double base = floor(at), offset = at - base;
  reach->count = 0;
  for (int k = 0; k < TAPS; k++) {
    const double x = offset + (RADIUS - 1) - k;
    const int64_t index = (int64_t)base + k - (RADIUS - 1);
    if (offset == 0.0 && k != RADIUS - 1) continue;
    reach->at[reach->count] = index < 0 ? 0 : index >= n ? n - 1 : index;
    reach->weight[reach->count++] = x == 0.0 ? 1.0 : window(interpolator, x) * sin(PI * x) / (PI * x);
  }
}

/* The Gaussian's integral over each voxel within reach. */
static void reach_gaussian(double at, int64_t n, Reach *reach) {
  const double scale = 1.0 / (sqrt(2.0) * SIGMA), from = at + 0.5, cut = SIGMA * CUT;
  const int64_t begin = (int64_t)fmax(0.0, floor(from - cut)), end = (int64_t)fmin((double)n, ceil(from + cut));
  double before = erf(((double)begin - from) * scale);
  reach->count = 0;
  for (int64_t k = begin; k < end && reach->count < TAPS; k++) {
    const double behind = erf(((double)(k + 1) - from) * scale);
    reach->at[reach->count] = k;
    reach->weight[reach->count++] = behind - before;
    before = behind;
  }
}

static double value_at(const Job *job, const double at[3]) {
  Reach reach[3];
  for (int k = 0; k < 3; k++) {
    if (!(at[k] >= -0.5 && at[k] <= (double)job->n[k] - 0.5)) return 0.0;
    if (job->interpolator == CM__PYRAD_GAUSSIAN)
      reach_gaussian(at[k], job->n[k], &reach[k]);
    else
      reach_sinc(job->interpolator, at[k], job->n[k], &reach[k]);
  }
  double sum = 0.0, weights = 0.0;
  for (int z = 0; z < reach[2].count; z++)
    for (int y = 0; y < reach[1].count; y++) {
      const double *row = job->v + (reach[2].at[z] * job->n[1] + reach[1].at[y]) * job->n[0];
      for (int x = 0; x < reach[0].count; x++) { /* in ITK's order: integers are cut, and the last digit may decide */
        const double weight = reach[0].weight[x] * reach[1].weight[y] * reach[2].weight[z];
        sum += weight * row[reach[0].at[x]];
        weights += weight;
      }
    }
  return job->interpolator == CM__PYRAD_GAUSSIAN ? sum / weights : sum;
}

/* A place that is a voxel but for rounding is the voxel. */
static double settle(double at) {
  const double whole = rint(at);
  return fabs(at - whole) < 1e-9 ? whole : at;
}

static bool fill_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const int64_t *n = cm_image_dims(job->out);
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    double *to = (double *)cm_image_data_mut(job->out) + row * n[0];
    for (int64_t x = 0; x < n[0]; x++) {
      const double index[3] = {(double)x, (double)(row % n[1]), (double)(row / n[1])};
      double at[3];
      for (int r = 0; r < 3; r++) {
        const double *m = job->map + 4 * r;
        at[r] = settle(m[0] * index[0] + m[1] * index[1] + m[2] * index[2] + m[3]);
      }
      to[x] = value_at(job, at);
    }
  }
  return true;
}

CmImage *cm__pyrad_interpolate(CmContext *ctx, const CmImage *image, const CmGeometry *geometry, const int64_t size[3],
                               int32_t interpolator, CmError **err) {
  CmImage *real = cm_image_convert(ctx, image, CM_F64, false, err);
  CmImage *out = real ? cm__image_on_grid(ctx, image, geometry, size, CM_F64, err) : NULL;
  if (out) {
    Job job = {
        .ctx = ctx, .v = cm_image_data(real), .n = cm_image_dims(real), .interpolator = interpolator, .out = out};
    cm__grid_map(geometry, cm_image_geometry(image), job.map);
    if (!cm_parallel_for(ctx, NULL, size[1] * size[2], 1 + 4096 / size[0], fill_rows, &job, err)) cm_image_unref(&out);
  }
  cm_image_unref(&real);
  return out;
}
