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
} Kernel;

enum { TOGETHER = 8, PART = 1024 }; /* weights; values that stay in the first-level cache */

/* Weight after weight, `count` (a constant) of them in one pass. */
static inline void some(const double *const *from, const double *weight, int count, bool first, double *restrict to,
                        int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    double sum = first ? 0.0 : to[i];
    for (int k = 0; k < count; k++) sum += weight[k] * from[k][i];
    to[i] = sum;
  }
}

CM_SIMD static void add(const double *const *from, const double *weight, int count, bool first, double *restrict to,
                        int64_t n) {
  const double *rows[TOGETHER];
  double w[TOGETHER];
  memcpy(rows, from, sizeof(rows));
  memcpy(w, weight, sizeof(w));
#define ADD(count_)                        \
  case count_:                             \
    if (first)                             \
      some(rows, w, count_, true, to, n);  \
    else                                   \
      some(rows, w, count_, false, to, n); \
    break
  switch (count) {
    ADD(1);
    ADD(2);
    ADD(3);
    ADD(4);
    ADD(5);
    ADD(6);
    ADD(7);
    ADD(8);
  }
#undef ADD
}

static void convolve_row(void *arg, const CmWindowRow *row) {
  const Kernel *kernel = arg;
  if (kernel->count == 0) memset(row->to, 0, (size_t)row->n * sizeof(double));
  for (int64_t x = 0; x < row->n; x += PART)
    for (int begin = 0; begin < kernel->count; begin += TOGETHER) {
      const double *from[TOGETHER] = {NULL};
      double weight[TOGETHER] = {0.0};
      const int count = kernel->count - begin < TOGETHER ? kernel->count - begin : TOGETHER;
      for (int k = 0; k < count; k++) {
        const Weight *item = &kernel->items[begin + k];
        from[k] = row->near[item->row] + item->dx * row->components + x;
        weight[k] = item->weight;
      }
      add(from, weight, count, begin == 0, row->to + x, row->n - x < PART ? row->n - x : PART);
    }
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
  Kernel kernel = {.count = 0};
  CmWindow job = {.what = "convolve",
                  .border = (CmBorder)p->border,
                  .border_value = p->border_value,
                  .row = convolve_row,
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
                   .weight = p->kernel.value[k] / scale};
  }
  return cm__window_call(call, &job, cm__out_type(p->type, cm_image_type(call->in[0].image)), err);
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
        "f64, weight after weight. Weights that are 0 take no part. With type=keep a sum beyond the range of an "
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
