#include <math.h>

#include "ops/filter/overlap.h"

#define PI 3.14159265358979323846
enum { MOST_WEIGHTS = 1 << 19, MOST_RADIUS = 512 };

typedef struct GaborParams {
  double frequency, theta, phi, bandwidth;
  CmReals sigma;
  double phase, truncate;
  int32_t part, per, border;
  double border_value;
  int32_t type;
} GaborParams;

enum { REAL, IMAGINARY, MAGNITUDE };

static const CmParam params[] = {
    CM_PARAM_REAL(GaborParams, frequency, 0.1, 1e-6, 1e6, "", "of the wave, in cycles"),
    CM_PARAM_REAL(GaborParams, theta, 0, -360, 360, "deg", "where the wave goes, from x towards y"),
    CM_PARAM_REAL(GaborParams, phi, 0, -360, 360, "deg", "and from there towards z, in volumes"),
    CM_PARAM_REAL(GaborParams, bandwidth, 1, 0.05, 10, "octave",
                  "half-height width of what passes; sigma follows from it"),
    CM_PARAM_REALS(GaborParams, sigma, "", 1e-6, 1e6, 0, 2, "",
                   "standard deviation of the Gaussian along the wave and across it, one for both; not given: by "
                   "bandwidth"),
    CM_PARAM_REAL(GaborParams, phase, 0, -360, 360, "deg", "of the wave at the kernel's centre"),
    CM_PARAM_REAL(GaborParams, truncate, 3, 1, 10, "1", "where the kernel ends, in standard deviations"),
    CM_PARAM_ENUM(GaborParams, part, "real|imaginary|magnitude", "real",
                  "what comes out: of the cosine, of the sine, or the root of the sum of their squares (the energy, "
                  "whatever the phase)"),
    CM_PARAM_ENUM(GaborParams, per, "mm|voxel", "mm", "whether frequency and sigma are in mm or voxels"),
    CM_BORDER_PARAMS(GaborParams),
    CM_PARAM_ENUM(GaborParams, type, "f32|f64", "f32", "voxel type of the result"),
};

typedef struct Kernel {
  double spacing[3];
  double along[3], across[2][3]; /* unit vectors */
  double sigma[2];
  int64_t radius[3];
  double *re, *im;
} Kernel;

static void set_directions(const GaborParams *p, Kernel *kernel) {
  const double ct = cos(p->theta * PI / 180.0), st = sin(p->theta * PI / 180.0), cp = cos(p->phi * PI / 180.0),
               sp = sin(p->phi * PI / 180.0);
  const double axes[3][3] = {{cp * ct, cp * st, sp}, {-st, ct, 0.0}, {-sp * ct, -sp * st, cp}};
  for (int a = 0; a < 3; a++) {
    kernel->along[a] = axes[0][a];
    kernel->across[0][a] = axes[1][a];
    kernel->across[1][a] = axes[2][a];
  }
}

/* Where the axes of the Gaussian end, `truncate` standard deviations out; at least one voxel. */
static bool set_radius(const GaborParams *p, const int64_t dims[3], Kernel *kernel, CmError **err) {
  double weights = 1.0;
  for (int a = 0; a < 3; a++) {
    double reach = fabs(kernel->along[a]) * kernel->sigma[0];
    for (int k = 0; k < (dims[2] > 1 ? 2 : 1); k++) reach = fmax(reach, fabs(kernel->across[k][a]) * kernel->sigma[1]);
    reach = dims[a] == 1 ? 0.0 : fmax(ceil(p->truncate * reach / kernel->spacing[a]), 1.0);
    weights *= 2.0 * reach + 1.0;
    if (!(weights <= MOST_WEIGHTS && reach <= MOST_RADIUS)) {
      cm_error_set(
          err, CM_ERR_PARAMETER,
          "the kernel would reach more than %d voxels or have more than %d weights; give a higher frequency, a "
          "smaller sigma or a larger bandwidth",
          MOST_RADIUS, MOST_WEIGHTS);
      return false;
    }
    kernel->radius[a] = (int64_t)reach;
  }
  return true;
}

static double dot(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static bool fill(CmContext *ctx, const GaborParams *p, bool volume, Kernel *kernel, CmError **err) {
  const int64_t *r = kernel->radius, count = (2 * r[0] + 1) * (2 * r[1] + 1) * (2 * r[2] + 1);
  if (!(kernel->re = cm_alloc_array(ctx, (size_t)count, 2 * sizeof(double), err))) return false;
  kernel->im = kernel->re + count;
  const double s = kernel->sigma[0], u = kernel->sigma[1], *mm = kernel->spacing;
  const double scale =
      volume ? mm[0] * mm[1] * mm[2] / (pow(2.0 * PI, 1.5) * s * u * u) : mm[0] * mm[1] / (2.0 * PI * s * u);
  int64_t at = 0;
  for (int64_t z = -r[2]; z <= r[2]; z++)
    for (int64_t y = -r[1]; y <= r[1]; y++)
      for (int64_t x = -r[0]; x <= r[0]; x++, at++) {
        const double d[3] = {(double)x * mm[0], (double)y * mm[1], (double)z * mm[2]};
        const double a = dot(d, kernel->along), b = dot(d, kernel->across[0]), c = dot(d, kernel->across[1]);
        const double height = scale * exp(-0.5 * (a * a / (s * s) + (b * b + c * c) / (u * u)));
        const double angle = 2.0 * PI * p->frequency * a + p->phase * PI / 180.0;
        kernel->re[at] = height * cos(angle);
        kernel->im[at] = height * sin(angle);
      }
  return true;
}

static bool make_kernel(CmContext *ctx, const GaborParams *p, const CmImage *image, Kernel *kernel, CmError **err) {
  const int64_t *dims = cm_image_dims(image);
  if (dims[2] == 1 && p->phi != 0.0) {
    cm_error_set(err, CM_ERR_PARAMETER, "phi is %g, but the image is flat; leave phi out", p->phi);
    return false;
  }
  for (int a = 0; a < 3; a++) kernel->spacing[a] = p->per == 0 ? cm_image_geometry(image)->spacing[a] : 1.0;
  const double octaves = pow(2.0, p->bandwidth);
  const double usual = sqrt(log(2.0) / 2.0) / PI * (octaves + 1.0) / (octaves - 1.0) / p->frequency;
  for (int k = 0; k < 2; k++)
    kernel->sigma[k] = p->sigma.count == 0 ? usual : p->sigma.value[k < p->sigma.count ? k : 0];
  set_directions(p, kernel);
  return set_radius(p, dims, kernel, err) && fill(ctx, p, dims[2] > 1, kernel, err);
}

static bool run(const CmCall *call, CmError **err) {
  const GaborParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Kernel kernel = {.re = NULL};
  CmImage *out = NULL;
  bool ok = cm__mask_open(&mask, &call->in[1], image, err) && make_kernel(call->ctx, p, image, &kernel, err) &&
            (out = cm_image_create_like(call->ctx, image, p->type == 0 ? CM_F32 : CM_F64, cm_image_components(image),
                                        err)) != NULL;
  if (ok) {
    CmOverlap job = {.what = "gabor",
                     .blocks = {.image = image,
                                .grid = cm__grid(image),
                                .out = out,
                                .border = (CmBorder)p->border,
                                .border_value = p->border_value},
                     .re = p->part == IMAGINARY ? kernel.im : kernel.re,
                     .im = kernel.im,
                     .magnitude = p->part == MAGNITUDE};
    for (int a = 0; a < 3; a++) job.radius[a] = kernel.radius[a];
    ok = cm__overlap_convolve(call->ctx, &job, err) && cm__mask_blank(call->ctx, &mask, out, err);
  }
  cm_free(kernel.re);
  if (!ok) {
    cm_image_unref(&out);
    return false;
  }
  call->out[0] = cm_value_image(out);
  return true;
}

CM_OP(gabor) = {
    .name = "gabor",
    .family = "filter",
    .since = "0.1",
    .summary = "Find waves of one frequency and direction: texture, stripes, edges.",
    .details =
        "Convolution with exp(-(a^2 / s^2 + b^2 / t^2) / 2) (cos w + i sin w), w = 2 pi frequency a + phase, a the way "
        "along the direction (cos phi cos theta, cos phi sin theta, sin phi), b the way across it, s and t the two "
        "numbers of sigma; divided by 2 pi s t, in volumes by (2 pi)^1.5 s t^2, per voxel. sigma not given: s = t = "
        "sqrt(ln 2 / 2) / pi (2^bandwidth + 1) / (2^bandwidth - 1) / frequency. The kernel is a box that holds the "
        "axes of the Gaussian `truncate` standard deviations out, at most 512 voxels far and 524288 weights large. "
        "Calculated in f64 by "
        "Fourier transforms of tiles. " CM_BORDER_DETAILS
        "Mask: voxels outside are 0; kernels inside still see them. NaN and infinities are refused: fill them first.",
    CM_OP_PARAMS(GaborParams, params),
    CM_FILTER_PORTS,
    .tolerance = 1e-9,
    .cite =
        "Daugman JG. Uncertainty relation for resolution in space, spatial frequency, and orientation optimized by "
        "two-dimensional visual cortical filters. JOSA A 2(7), 1985",
    .examples =
        "cormack gabor xray.png stripes.nii.gz --frequency 0.1 --theta 45 --per voxel\n"
        "cormack gabor mr.nii.gz energy.nii.gz --frequency 0.2 --phi 90 --part magnitude",
    .run = run,
};
