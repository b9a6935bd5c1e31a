#include <math.h>
#include <string.h>

#include "ops/intensity/stats.h"
#include "ops/simd.h"
#include "ops/window.h"

typedef struct WienerParams {
  CmReals radius;
  int32_t units;
  double noise;
  int32_t border;
  double border_value;
  int32_t type;
} WienerParams;

static const CmParam params[] = {
    CM_PARAM_REALS(WienerParams, radius, "1", 0, 100, 1, 3, "",
                   "of the box that is averaged, one for all axes or one each for x,y,z"),
    CM_UNITS_PARAM(WienerParams, "voxel"),
    CM_PARAM_REAL(WienerParams, noise, 0, 0, 1e60, "",
                  "variance of the noise, in squared image units; 0: the mean of all local variances"),
    CM_BORDER_PARAMS(WienerParams),
    CM_TYPE_PARAM(WienerParams),
};

typedef struct Wiener {
  const CmMask *mask;
  CmContext *ctx;
  CmGrid grid;
  int64_t radius[3];
  double shift;  /* is taken away from all values, so that squares keep their digits */
  double *sums;  /* [row][component][2]: of the local variances, and how many; first pass */
  double *noise; /* [t][component] */
} Wiener;

CM_SIMD static void add_row(const double *restrict from, double shift, double *restrict sum, double *restrict squares,
                            int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const double v = from[i] - shift;
    sum[i] += v;
    squares[i] += v * v;
  }
}

CM_SIMD static void add_shifted(const double *restrict from, double *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

CM_SIMD static void to_moments(double *restrict mean, double *restrict variance, double count, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    mean[i] /= count;
    const double v = variance[i] / count - mean[i] * mean[i];
    variance[i] = v < 0.0 ? 0.0 : v;
  }
}

/* Mean and variance of each box, of values without the shift, in the row's scratch. */
static void local_moments(const Wiener *job, const CmWindowRow *row, double **mean, double **variance) {
  const int64_t rx = job->radius[0], c = row->components, wide = row->n + 2 * rx * c;
  const int64_t rows = (2 * job->radius[1] + 1) * (2 * job->radius[2] + 1);
  double *sum = row->scratch, *squares = sum + wide;
  *mean = squares + wide;
  *variance = *mean + row->n;
  memset(sum, 0, (size_t)(2 * wide + 2 * row->n) * sizeof(double));
  for (int64_t k = 0; k < rows; k++) add_row(row->near[k] - rx * c, job->shift, sum, squares, wide);
  for (int64_t k = 0; k <= 2 * rx; k++) {
    add_shifted(sum + k * c, *mean, row->n);
    add_shifted(squares + k * c, *variance, row->n);
  }
  to_moments(*mean, *variance, (double)(rows * (2 * rx + 1)), row->n);
}

static void measure_row(void *arg, const CmWindowRow *row) {
  const Wiener *job = arg;
  double *mean, *variance, *sums = job->sums + 2 * row->row * row->components;
  local_moments(job, row, &mean, &variance);
  memcpy(row->to, row->centre, (size_t)row->n * sizeof(double));
  memset(sums, 0, (size_t)(2 * row->components) * sizeof(double));
  uint8_t *inside = (uint8_t *)mean; /* the mean is not needed any more */
  if (job->mask->image) cm__mask_row(job->mask, row->row, inside);
  for (int64_t i = 0; i < row->n; i++) {
    if (variance[i] != variance[i] || (job->mask->image && !inside[i / row->components])) continue;
    sums[2 * (i % row->components)] += variance[i];
    sums[2 * (i % row->components) + 1] += 1.0;
  }
}

static void filter_row(void *arg, const CmWindowRow *row) {
  const Wiener *job = arg;
  const double *noise = job->noise + row->row / (job->grid.ny * job->grid.nz) * row->components;
  double *mean, *variance;
  local_moments(job, row, &mean, &variance);
  for (int64_t i = 0; i < row->n; i++) {
    const double sigma = noise[row->components == 1 ? 0 : i % row->components];
    const double share = variance[i] <= sigma ? 0.0 : 1.0 - sigma / variance[i], m = mean[i] + job->shift;
    row->to[i] = variance[i] == variance[i] ? m + share * (row->centre[i] - m) : variance[i];
  }
}

/* The mean of the local variances of each component of each time point. */
static bool estimate(Wiener *job, CmError **err) {
  const int64_t c = job->grid.components, rows = job->grid.ny * job->grid.nz;
  for (int64_t k = 0; k < job->grid.nt * c; k++) {
    double sum = 0.0, count = 0.0;
    for (int64_t row = k / c * rows; row < (k / c + 1) * rows; row++) {
      sum += job->sums[2 * (row * c + k % c)];
      count += job->sums[2 * (row * c + k % c) + 1];
    }
    if (count == 0.0) {
      cm_error_set(err, CM_ERR_DATA,
                   "there is no noise to measure: the mask is empty, or the values are not numbers; give noise");
      return false;
    }
    job->noise[k] = sum / count;
  }
  return true;
}

static bool find_noise(Wiener *job, CmWindow *window, const WienerParams *p, CmError **err) {
  for (int64_t k = 0; k < job->grid.nt * job->grid.components; k++) job->noise[k] = p->noise;
  if (p->noise > 0.0) return true;
  job->sums = cm_alloc_array(job->ctx, (size_t)(2 * job->grid.rows * job->grid.components), sizeof(double), err);
  window->row = measure_row;
  const bool ok = job->sums && cm__window(job->ctx, window, err) && estimate(job, err);
  cm_free(job->sums);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const WienerParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  CmMoments moments;
  Wiener job = {.mask = &mask, .ctx = call->ctx, .grid = cm__grid(image)};
  const CmPart part = {.image = image, .row_end = job.grid.rows, .component = -1};
  CmWindow window = {.what = "wiener",
                     .image = image,
                     .mask = &mask,
                     .border = (CmBorder)p->border,
                     .border_value = p->border_value,
                     .arg = &job};
  if (!cm__mask_open(&mask, &call->in[1], image, err) ||
      !cm__axis_radii(&p->radius, p->units, image, job.radius, err) ||
      !cm__part_moments(call->ctx, &part, &moments, err))
    return false;
  job.shift = isfinite(moments.mean) ? moments.mean : 0.0;
  memcpy(window.radius, job.radius, sizeof(job.radius));
  window.scratch = 4 * job.grid.row + 4 * job.radius[0] * job.grid.components;
  job.noise = cm_alloc_array(call->ctx, (size_t)(job.grid.nt * job.grid.components), sizeof(double), err);
  window.out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                    (int)job.grid.components, err);
  bool ok = job.noise && window.out && find_noise(&job, &window, p, err);
  window.row = filter_row;
  ok = ok && cm__window(call->ctx, &window, err);
  cm_free(job.noise);
  if (!ok) {
    cm_image_unref(&window.out);
    return false;
  }
  call->out[0] = cm_value_image(window.out);
  return true;
}

CM_OP(wiener) = {
    .name = "wiener",
    .family = "denoise",
    .since = "0.2",
    .summary = "Smooth by what is known of the noise: Wiener's filter, from local means and variances.",
    .details =
        "m + max(1 - noise / s, 0) (v - m), where m and s are the mean and the variance (divided by the number) of the "
        "box "
        "around each voxel: where nothing but noise is seen, the mean; at edges, the voxel itself. noise=0 takes the "
        "mean "
        "of s over all voxels of a component and time point, as scipy.signal.wiener does (border=constant is its "
        "border). "
        "Calculated in f64. " CM_BORDER_DETAILS
        "Mask: noise is measured inside; voxels outside keep their value; "
        "neighbourhoods inside still see them. NaN: spreads to every voxel whose box holds it, and is left out of the "
        "noise.",
    CM_OP_PARAMS(WienerParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-12,
    .cite = "Lim JS. Two-Dimensional Signal and Image Processing. Prentice Hall 1990, section 9.2",
    .examples = "cormack wiener mr.nii.gz out.nii.gz --radius 2\ncormack wiener xray.png out.png --radius 1 --noise 90",
    .run = run,
};
