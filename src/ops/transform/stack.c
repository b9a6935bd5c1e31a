#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/lines.h"
#include "ops/simd.h"

typedef struct StackParams {
  int32_t type;
} StackParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(StackParams, type, "keep|f32|f64", "keep",
                  "voxel type of the result: the one that all images have (keep), f32 or f64"),
};

#define INPUT(name_, optional_)                                                      \
  {                                                                                  \
    .name = name_, .kind = CM_KIND_IMAGE, .optional = optional_, .components = true, \
    .help = "its components come next"                                               \
  }
static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "its components come first"},
    INPUT("image2", true),
    INPUT("image3", true),
    INPUT("image4", true),
    INPUT("image5", true),
    INPUT("image6", true),
    INPUT("image7", true),
    INPUT("image8", true),
};
static const CmPort outputs[] = {
    {.name = "stack", .kind = CM_KIND_IMAGE, .components = true, .help = "all components, in the order of the images"},
};

typedef struct Job {
  CmContext *ctx;
  const CmValue *in;
  CmImage *out;
  CmGrid grid; /* of out */
} Job;

/* Components of n voxels to every `step` bytes of `to`; the usual sizes with a move of one word. */
static void scatter(const char *from, size_t bytes, size_t step, int64_t n, char *to) {
  if (bytes == 4)
    for (int64_t x = 0; x < n; x++) memcpy(to + (size_t)x * step, from + (size_t)x * 4, 4);
  else if (bytes == 2)
    for (int64_t x = 0; x < n; x++) memcpy(to + (size_t)x * step, from + (size_t)x * 2, 2);
  else if (bytes == 1)
    for (int64_t x = 0; x < n; x++) to[(size_t)x * step] = from[x];
  else
    for (int64_t x = 0; x < n; x++) memcpy(to + (size_t)x * step, from + (size_t)x * bytes, bytes);
}

/* Two to four rows of one component each, whose number the compiler knows. */
#define WEAVE(name, E)                                                                                                 \
  static inline                                                                                                        \
      __attribute__((always_inline)) void name##_some(const void *const *rows, int count, int64_t n, E *restrict to) { \
    const E *from[4];                                                                                                  \
    for (int k = 0; k < count; k++) from[k] = rows[k];                                                                 \
    CM_INDEPENDENT                                                                                                     \
    for (int64_t x = 0; x < n; x++)                                                                                    \
      for (int k = 0; k < count; k++) to[x * count + k] = from[k][x];                                                  \
  }                                                                                                                    \
  CM_SIMD static void name(const void *const *rows, int count, int64_t n, void *to) {                                  \
    if (count == 2)                                                                                                    \
      name##_some(rows, 2, n, to);                                                                                     \
    else if (count == 3)                                                                                               \
      name##_some(rows, 3, n, to);                                                                                     \
    else                                                                                                               \
      name##_some(rows, 4, n, to);                                                                                     \
  }
WEAVE(weave_8, uint8_t)
WEAVE(weave_16, uint16_t)
WEAVE(weave_32, uint32_t)
WEAVE(weave_64, uint64_t)
#undef WEAVE
/* By the size of a component. */
static void (*const weave[9])(const void *const *, int, int64_t, void *) = {
    [1] = weave_8, [2] = weave_16, [4] = weave_32, [8] = weave_64};

/* A row of each image in the type of the result; how many images. line: room for all. */
static int gather_rows(const Job *job, int64_t row, double *wide, double *line, const void **rows,
                       int64_t *components) {
  const CmType type = cm_image_type(job->out);
  int count = 0;
  for (int k = 0; k < CM_MAX_PORTS; k++) {
    if (job->in[k].kind == CM_KIND_NONE) continue;
    const CmImage *image = job->in[k].image;
    const CmGrid grid = cm__grid(image);
    rows[count] = cm__row(image, &grid, row);
    if (cm_image_type(image) != type) {
      cm__line_to_f64(cm_image_type(image), rows[count], grid.row, wide);
      cm__line_from_f64(type, wide, grid.row, line);
      rows[count] = line;
      line += grid.row;
    }
    components[count++] = grid.components;
  }
  return count;
}

static bool stack_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const size_t size = job->grid.size, step = (size_t)job->grid.components * size;
  double *wide = cm_alloc_array(job->ctx, (size_t)job->grid.row, sizeof(double), err);
  double *line = cm_alloc_array(job->ctx, (size_t)job->grid.row, sizeof(double), err);
  const bool ok = wide && line;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const void *rows[CM_MAX_PORTS];
    int64_t components[CM_MAX_PORTS];
    char *to = cm__row_mut(job->out, &job->grid, row);
    const int count = gather_rows(job, row, wide, line, rows, components);
    if (count > 1 && count <= 4 && count == job->grid.components) {
      weave[size](rows, count, job->grid.nx, to);
      continue;
    }
    for (int k = 0; k < count; to += (size_t)components[k++] * size)
      scatter(rows[k], (size_t)components[k] * size, step, job->grid.nx, to);
  }
  cm_free(wide);
  cm_free(line);
  return ok;
}

/* Components of all, and the type that they share. */
static bool look_at(const CmCall *call, int64_t *components, CmType *type, CmError **err) {
  const StackParams *p = call->params;
  const CmImage *first = call->in[0].image;
  *components = 0;
  *type = p->type == 0 ? cm_image_type(first) : p->type == 1 ? CM_F32 : CM_F64;
  for (int k = 0; k < CM_MAX_PORTS; k++) {
    if (call->in[k].kind == CM_KIND_NONE) continue;
    const CmImage *image = call->in[k].image;
    *components += cm_image_components(image);
    if (cm_image_dims(image)[3] != cm_image_dims(first)[3]) {
      cm_error_set(err, CM_ERR_GEOMETRY, "%s has %lld time points, image %lld", inputs[k].name,
                   (long long)cm_image_dims(image)[3], (long long)cm_image_dims(first)[3]);
      return false;
    }
    if (p->type == 0 && cm_image_type(image) != *type) {
      cm_error_set(err, CM_ERR_PARAMETER, "%s is %s, image %s; say type=f32 or type=f64, which hold both",
                   inputs[k].name, cm_type_name(cm_image_type(image)), cm_type_name(*type));
      return false;
    }
  }
  if (*components <= CM_MAX_COMPONENTS) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "the images have %lld components together; at most %d are possible",
               (long long)*components, CM_MAX_COMPONENTS);
  return false;
}

static bool run(const CmCall *call, CmError **err) {
  int64_t components;
  CmType type;
  if (!look_at(call, &components, &type, err)) return false;
  Job job = {.ctx = call->ctx, .in = call->in};
  job.out = cm_image_create_like(call->ctx, call->in[0].image, type, (int)components, err);
  if (!job.out) return false;
  job.grid = cm__grid(job.out);
  if (!cm_parallel_for(call->ctx, "stack", job.grid.rows, cm__row_chunk(&job.grid), stack_rows, &job, err)) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

CM_OP(stack) = {
    .name = "stack",
    .family = "transform",
    .since = "0.2",
    .summary = "Join images as the components of one, for instance as a stack of features.",
    .details =
        "The components of image come first, then those of image2 and so on: up to 8 images, each of any number of "
        "components, on one grid with as many time points. A stack may be stacked again. With type keep all images "
        "must have one voxel type; f32 and f64 convert (u32, i32 and f64 lose digits in f32, nothing else does). Unit "
        "and metadata are those of image.",
    CM_OP_PARAMS(StackParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .examples = "cormack stack t1.nii.gz features.nii.gz --image2 t2.nii.gz --image3 flair.nii.gz --type f32",
    .run = run,
};
