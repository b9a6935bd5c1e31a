#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/simd.h"
#include "ops/window.h"

typedef struct ConvolveParams {
  CmReals kernel;
  CmInts size;
  bool correlate, normalize;
  int32_t border;
  double border_value;
  int32_t type;
} ConvolveParams;

static const CmParam params[] = {
    CM_PARAM_REALS(ConvolveParams, kernel, "1", -1e30, 1e30, 1, CM_LIST_MAX, "1",
                   "the weights, x fastest, then y, then z; at most 64"),
    CM_PARAM_INTS(ConvolveParams, size, "", 1, CM_LIST_MAX, 0, 3, "voxel",
                  "how many weights along x,y,z; not given: all along x"),
    CM_PARAM_BOOL(ConvolveParams, correlate, "false",
                  "the kernel is laid on the image as it stands; else it is turned around, as convolution does"),
    CM_PARAM_BOOL(ConvolveParams, normalize, "false", "the weights are divided by their sum"),
    CM_BORDER_PARAMS(ConvolveParams),
    CM_TYPE_PARAM(ConvolveParams),
};

typedef struct Weight {
  int64_t dx, row; /* of CmWindowRow.near */
  double weight;
} Weight;

typedef struct Kernel {
  Weight items[CM_LIST_MAX];
  int count;
  double scale; /* the sum is divided by it: 1 where the weights were */
} Kernel;

enum { TOGETHER = 8, PART = 1024 }; /* weights; values that stay in the first-level cache */

#define R double
#define X(name) name##_f64
#define ROW CmWindowRow
#include "ops/filter/convolve_tmpl.c"
#define R float
#define X(name) name##_f32
#define ROW CmWindowFloats
#include "ops/filter/convolve_tmpl.c"

CM_SIMD static void divide(float *to, float by, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] /= by;
}

/* Sums of whole numbers, exact in float; a quotient rounds to whole numbers as the exact one does. */
static void whole_row(void *arg, const CmWindowFloats *row) {
  const Kernel *kernel = arg;
  convolve_row_f32(arg, row);
  if (kernel->scale != 1.0) divide(row->to, (float)kernel->scale, row->n);
}

/* Are all sums whole numbers that float holds, with a bit to spare for the quotient? */
static bool is_whole(const ConvolveParams *p, const CmImage *image, CmType to) {
  const CmType type = cm_image_type(image);
  const double most = fmax(cm_type_max(type), -cm_type_min(type));
  double sum = 0.0;
  for (int k = 0; k < p->kernel.count; k++) {
    if (p->kernel.value[k] != rint(p->kernel.value[k])) return false;
    sum += fabs(p->kernel.value[k]);
  }
  if (p->border == CM_BORDER_CONSTANT && (p->border_value != rint(p->border_value) || fabs(p->border_value) > most))
    return false;
  return cm_type_is_integer(type) && cm_type_is_integer(to) && sum * most < 0x1p23;
}

static void kernel_size(const ConvolveParams *p, int64_t size[3]) {
  for (int axis = 0; axis < 3; axis++) size[axis] = axis < p->size.count ? p->size.value[axis] : 1;
  if (p->size.count == 0) size[0] = p->kernel.count;
}

static double kernel_sum(const ConvolveParams *p) {
  double sum = 0.0;
  for (int k = 0; k < p->kernel.count; k++) sum += p->kernel.value[k];
  return sum;
}

static bool run(const CmCall *call, CmError **err) {
  const ConvolveParams *p = call->params;
  const double scale = p->normalize ? kernel_sum(p) : 1.0;
  const CmType to = cm__out_type(p->type, cm_image_type(call->in[0].image));
  const bool whole = is_whole(p, call->in[0].image, to);
  Kernel kernel = {.scale = whole ? scale : 1.0};
  CmWindow job = {.what = "convolve",
                  .border = (CmBorder)p->border,
                  .border_value = p->border_value,
                  .row = convolve_row_f64,
                  .floats = whole ? whole_row : NULL,
                  .arg = &kernel};
  int64_t size[3];
  kernel_size(p, size);
  for (int axis = 0; axis < 3; axis++) job.radius[axis] = size[axis] / 2;
  for (int k = 0; k < p->kernel.count; k++) {
    int64_t d[3] = {k % size[0] - size[0] / 2, k / size[0] % size[1] - size[1] / 2,
                    k / size[0] / size[1] - size[2] / 2};
    for (int axis = 0; axis < 3 && !p->correlate; axis++) d[axis] = -d[axis];
    if (p->kernel.value[k] != 0.0)
      kernel.items[kernel.count++] =
          (Weight){.dx = d[0],
                   .row = (d[2] + job.radius[2]) * (2 * job.radius[1] + 1) + d[1] + job.radius[1],
                   .weight = p->kernel.value[k] / (whole ? 1.0 : scale)};
  }
  return cm__window_call(call, &job, to, err);
}

static bool check(const void *values, CmError **err) {
  const ConvolveParams *p = values;
  int64_t size[3];
  kernel_size(p, size);
  if (size[0] * size[1] * size[2] != p->kernel.count) {
    cm_error_set(err, CM_ERR_PARAMETER, "the kernel has %d weights, but size %lld,%lld,%lld asks for %lld",
                 p->kernel.count, (long long)size[0], (long long)size[1], (long long)size[2],
                 (long long)(size[0] * size[1] * size[2]));
    return false;
  }
  if (p->normalize && !(fabs(kernel_sum(p)) > 1e-12)) {
    cm_error_set(err, CM_ERR_PARAMETER, "normalize needs weights whose sum is not 0; leave normalize out");
    return false;
  }
  return true;
}

CM_OP(convolve) = {
    .name = "convolve",
    .family = "filter",
    .since = "0.1",
    .summary = "Convolve with a kernel of your own.",
    .details =
        "out[i] = sum of w[j] * v[i - j + floor(size / 2)] along each axis; correlate=true: v[i + j - floor(size / "
        "2)]. Sums are taken in "
        "f64, weight after weight (whole weights of an image of 8 or 16 bits exactly, and divided at the end). Weights "
        "that are 0 take no part. With type=keep a sum beyond the range of an "
        "integer type is clamped to "
        "it; type=f32 keeps it. Border: replicate aaa|abcd|ddd, reflect cba|abcd|dcb, mirror dcb|abcd|cba, wrap "
        "bcd|abcd|abc, constant "
        "kkk|abcd|kkk, along axes one voxel long as well; every time point and component is filtered by "
        "itself. " CM_FILTER_MASK_DETAILS "NaN: spreads to every voxel whose kernel holds it.",
    CM_OP_PARAMS(ConvolveParams, params),
    CM_FILTER_PORTS,
    .cite = "Gonzalez RC, Woods RE. Digital Image Processing, 4th ed., section 3.4",
    .examples =
        "cormack convolve xray.png sharp.png --kernel 0,-1,0,-1,5,-1,0,-1,0 --size 3,3\n"
        "cormack convolve ct.nii.gz out.nii.gz --kernel 1,2,1 --size 1,1,3 --normalize true",
    .check = check,
    .run = run,
};
