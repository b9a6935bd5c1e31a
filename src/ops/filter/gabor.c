#include <math.h>

#include "ops/filter/overlap.h"

#define PI 3.14159265358979323846
enum { MOST_WEIGHTS = 1 << 19, MOST_RADIUS = 512 };

typedef struct GaborParams {
  double frequency, theta, phi, bandwidth;
  CmReals sigma;
  double phase, truncate;
  int32_t part, planes;
  double turn;
  bool normalize;
  int32_t per, border;
  double border_value;
  int32_t type;
} GaborParams;

enum { REAL, IMAGINARY, MAGNITUDE };
enum { VOLUME, SLICES, ORTHOGONAL };

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
    CM_PARAM_ENUM(GaborParams, planes, "volume|slices|orthogonal", "volume",
                  "of volumes: a kernel of three dimensions, a flat one in each slice, or the mean of flat ones across "
                  "x and y, x and z, y and z"),
    CM_PARAM_REAL(GaborParams, turn, 0, 0, 360, "deg",
                  "the mean over directions that far apart all the way round, from theta on; 0: theta alone"),
    CM_PARAM_BOOL(GaborParams, normalize, "true",
                  "divide by the integral of the Gaussian; false: 1 at the kernel's centre, as IBSI has it"),
    CM_PARAM_ENUM(GaborParams, per, "mm|voxel", "mm", "whether frequency and sigma are in mm or voxels"),
    CM_BORDER_PARAMS(GaborParams),
    CM_PARAM_ENUM(GaborParams, type, "f32|f64", "f32", "voxel type of the result"),
};

typedef struct Kernel {
  bool flat;
  int plane[3]; /* axes of a flat one, and the one across it */
  double spacing[3];
  double along[3], across[2][3]; /* unit vectors */
  double sigma[2];
  int64_t radius[3];
  double *re, *im;
} Kernel;

static void set_directions(double theta, double phi, Kernel *kernel) {
  const double ct = cos(theta * PI / 180.0), st = sin(theta * PI / 180.0), cp = cos(phi * PI / 180.0),
               sp = sin(phi * PI / 180.0);
  const double axes[3][3] = {{cp * ct, cp * st, sp}, {-st, ct, 0.0}, {-sp * ct, -sp * st, cp}};
  for (int a = 0; a < 3; a++) {
    kernel->along[kernel->plane[a]] = axes[0][a];
    kernel->across[0][kernel->plane[a]] = axes[1][a];
    kernel->across[1][kernel->plane[a]] = axes[2][a];
  }
}

/* Where the axes of the Gaussian end, `truncate` standard deviations out; at least one voxel. */
static bool set_radius(const GaborParams *p, const int64_t dims[3], Kernel *kernel, CmError **err) {
  double weights = 1.0;
  for (int a = 0; a < 3; a++) {
    double reach = fabs(kernel->along[a]) * kernel->sigma[0];
    for (int k = 0; k < (kernel->flat ? 1 : 2); k++) reach = fmax(reach, fabs(kernel->across[k][a]) * kernel->sigma[1]);
    reach = dims[a] == 1 || (kernel->flat && a == kernel->plane[2])
                ? 0.0
                : fmax(ceil(p->truncate * reach / kernel->spacing[a]), 1.0);
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

static double scale_of(const GaborParams *p, const Kernel *kernel) {
  const double s = kernel->sigma[0], u = kernel->sigma[1], *mm = kernel->spacing;
  if (!p->normalize) return 1.0;
  return kernel->flat ? mm[kernel->plane[0]] * mm[kernel->plane[1]] / (2.0 * PI * s * u)
                      : mm[0] * mm[1] * mm[2] / (pow(2.0 * PI, 1.5) * s * u * u);
}

static bool fill(CmContext *ctx, const GaborParams *p, Kernel *kernel, CmError **err) {
  const int64_t *r = kernel->radius, count = (2 * r[0] + 1) * (2 * r[1] + 1) * (2 * r[2] + 1);
  if (!(kernel->re = cm_alloc_array(ctx, (size_t)count, 2 * sizeof(double), err))) return false;
  kernel->im = kernel->re + count;
  const double s = kernel->sigma[0], u = kernel->sigma[1], *mm = kernel->spacing;
  const double scale = scale_of(p, kernel);
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

static bool check_planes(const GaborParams *p, const CmImage *image, CmError **err) {
  const bool flat = cm_image_dims(image)[2] == 1;
  if (flat && (p->phi != 0.0 || p->planes == ORTHOGONAL))
    cm_error_set(err, CM_ERR_PARAMETER, "the image is flat; leave phi and planes=orthogonal out");
  else if (p->planes != VOLUME && p->phi != 0.0)
    cm_error_set(err, CM_ERR_PARAMETER, "phi is %g, but the kernels are flat; leave phi or planes out", p->phi);
  else
    return true;
  return false;
}

/* The kernel of direction `theta` in plane number `plane`. */
static bool make_kernel(CmContext *ctx, const GaborParams *p, const CmImage *image, int plane, double theta,
                        Kernel *kernel, CmError **err) {
  static const int planes[3][3] = {{0, 1, 2}, {0, 2, 1}, {1, 2, 0}};
  const int64_t *dims = cm_image_dims(image);
  *kernel = (Kernel){.flat = dims[2] == 1 || p->planes != VOLUME};
  for (int a = 0; a < 3; a++) {
    kernel->plane[a] = planes[plane][a];
    kernel->spacing[a] = p->per == 0 ? cm_image_geometry(image)->spacing[a] : 1.0;
  }
  const double octaves = pow(2.0, p->bandwidth);
  const double usual = sqrt(log(2.0) / 2.0) / PI * (octaves + 1.0) / (octaves - 1.0) / p->frequency;
  for (int k = 0; k < 2; k++)
    kernel->sigma[k] = p->sigma.count == 0 ? usual : p->sigma.value[k < p->sigma.count ? k : 0];
  set_directions(theta, p->phi, kernel);
  return set_radius(p, dims, kernel, err) && fill(ctx, p, kernel, err);
}

static CmImage *respond(const CmCall *call, const Kernel *kernel, CmType type, CmError **err) {
  const GaborParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmImage *out = cm_image_create_like(call->ctx, image, type, cm_image_components(image), err);
  if (!out) return NULL;
  CmOverlap job = {.what = "gabor",
                   .blocks = {.image = image,
                              .grid = cm__grid(image),
                              .out = out,
                              .border = (CmBorder)p->border,
                              .border_value = p->border_value},
                   .re = p->part == IMAGINARY ? kernel->im : kernel->re,
                   .im = kernel->im,
                   .magnitude = p->part == MAGNITUDE};
  for (int a = 0; a < 3; a++) job.radius[a] = kernel->radius[a];
  if (!cm__overlap_convolve(call->ctx, &job, err)) cm_image_unref(&out);
  return out;
}

static void add_to(CmImage *sum, const CmImage *more, double times) {
  double *to = cm_image_data_mut(sum);
  const double *from = cm_image_data(more);
  const CmGrid grid = cm__grid(sum);
  for (int64_t k = 0; k < grid.row * grid.rows; k++) to[k] = (to[k] + from[k]) * times;
}

/* The mean over `planes` planes and `turns` directions, as f64. */
static CmImage *pool(const CmCall *call, int planes, int turns, CmError **err) {
  const GaborParams *p = call->params;
  CmImage *sum = NULL;
  for (int k = 0; k < planes * turns; k++) {
    Kernel kernel;
    CmImage *made = NULL;
    if (make_kernel(call->ctx, p, call->in[0].image, k / turns, p->theta + k % turns * p->turn, &kernel, err))
      made = respond(call, &kernel, CM_F64, err);
    cm_free(kernel.re);
    if (made && !sum) {
      sum = made;
      continue;
    }
    if (made) add_to(sum, made, k + 1 == planes * turns ? 1.0 / (planes * turns) : 1.0);
    if (!made) cm_image_unref(&sum);
    cm_image_unref(&made);
    if (!sum) return NULL;
  }
  return sum;
}

static bool run(const CmCall *call, CmError **err) {
  const GaborParams *p = call->params;
  const CmImage *image = call->in[0].image;
  const CmType type = p->type == 0 ? CM_F32 : CM_F64;
  const int turns = p->turn > 0.0 ? (int)lround(360.0 / p->turn) : 1, planes = p->planes == ORTHOGONAL ? 3 : 1;
  CmMask mask;
  CmImage *out = NULL;
  if (!check_planes(p, image, err) || !cm__mask_open(&mask, &call->in[1], image, err)) return false;
  if (turns * planes > 1) {
    /* opposite waves have the same magnitude */
    CmImage *sum = pool(call, planes, p->part == MAGNITUDE && turns % 2 == 0 ? turns / 2 : turns, err);
    if (sum) out = type == CM_F32 ? cm_image_convert(call->ctx, sum, CM_F32, false, err) : cm_image_ref(sum);
    cm_image_unref(&sum);
  } else {
    Kernel kernel;
    if (make_kernel(call->ctx, p, image, 0, p->theta, &kernel, err)) out = respond(call, &kernel, type, err);
    cm_free(kernel.re);
  }
  if (out && !cm__mask_blank(call->ctx, &mask, out, err)) cm_image_unref(&out);
  if (out) call->out[0] = cm_value_image(out);
  return out != NULL;
}

static bool check(const void *values, CmError **err) {
  const GaborParams *p = values;
  const double turns = p->turn > 0.0 ? 360.0 / p->turn : 1.0;
  if (turns <= 360.0 && fabs(turns - rint(turns)) < 1e-9) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "turn is %g; it must go into 360 degrees, at most 360 times", p->turn);
  return false;
}

CM_OP(gabor) = {
    .name = "gabor",
    .family = "filter",
    .since = "0.1",
    .summary = "Find waves of one frequency and direction: texture, stripes, edges.",
    .details =
        "Convolution with exp(-(a^2 / s^2 + b^2 / t^2) / 2) (cos w + i sin w), w = 2 pi frequency a + phase, a the way "
        "along the direction (cos phi cos theta, cos phi sin theta, sin phi), b the way across it, s and t the two "
        "numbers of sigma; divided by 2 pi s t, by (2 pi)^1.5 s t^2 with a kernel of three dimensions, per voxel. "
        "planes, turn: the mean of the `part` over "
        "planes and directions. IBSI's filter (wavelength l, gamma g): frequency=1/l sigma=S,S/g part=magnitude "
        "normalize=false planes=slices or orthogonal. sigma not given: s = t = "
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
        "two-dimensional visual cortical filters. JOSA A 2(7), 1985; IBSI reference manual part 2 (arXiv:2006.05470)",
    .examples =
        "cormack gabor xray.png stripes.nii.gz --frequency 0.1 --theta 45 --per voxel\n"
        "cormack gabor mr.nii.gz energy.nii.gz --frequency 0.2 --phi 90 --part magnitude",
    .check = check,
    .run = run,
};
