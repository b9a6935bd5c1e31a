#include "core/simd.h"
#include "cormack/parallel.h"
#include "ops/lines.h"

typedef struct ComponentsParams {
  CmInts keep;
} ComponentsParams;

static const CmParam params[] = {
    CM_PARAM_INTS(ComponentsParams, keep, "1", 1, CM_MAX_COMPONENTS, 1, CM_LIST_MAX, "1",
                  "numbers of the components, the first is 1, in the order that they get"),
};

static const CmPort inputs[] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "of several components"},
};
static const CmPort outputs[] = {
    {.name = "out", .kind = CM_KIND_IMAGE, .components = true, .help = "these components of it"},
};

typedef struct Job {
  const CmImage *image;
  CmImage *out;
  CmGrid from, to;
  const CmInts *keep;
} Job;

enum { PLANE = 1024 };
#define E uint8_t
#define X(name) name##_8
#include "ops/transform/components_tmpl.c"
#define E uint16_t
#define X(name) name##_16
#include "ops/transform/components_tmpl.c"
#define E uint32_t
#define X(name) name##_32
#include "ops/transform/components_tmpl.c"
#define E uint64_t
#define X(name) name##_64
#include "ops/transform/components_tmpl.c"
/* By the size of an element. */
static void (*const pick[9])(const void *, void *, int64_t, int, const int64_t *, int) = {
    [1] = pick_8, [2] = pick_16, [4] = pick_32, [8] = pick_64};

static bool pick_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    pick[job->from.size](cm__row(job->image, &job->from, row), cm__row_mut(job->out, &job->to, row), job->from.nx,
                         (int)job->from.components, job->keep->value, job->keep->count);
  return true;
}

static bool run(const CmCall *call, CmError **err) {
  const ComponentsParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Job job = {.image = image, .from = cm__grid(image), .keep = &p->keep};
  if (p->keep.count == 0) {
    cm_error_set(err, CM_ERR_PARAMETER, "keep is empty; name a component, such as keep=1");
    return false;
  }
  for (int32_t k = 0; k < p->keep.count; k++) {
    if (p->keep.value[k] <= job.from.components) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "keep names component %lld; the image has %lld", (long long)p->keep.value[k],
                 (long long)job.from.components);
    return false;
  }
  job.out = cm_image_create_like(call->ctx, image, cm_image_type(image), p->keep.count, err);
  if (!job.out) return false;
  job.to = cm__grid(job.out);
  if (!cm_parallel_for(call->ctx, "components", job.to.rows, cm__row_chunk(&job.from), pick_rows, &job, err)) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

CM_OP(components) = {
    .name = "components",
    .family = "transform",
    .since = "0.2",
    .summary = "Pick components of an image.",
    .details =
        "One or several, in any order, also repeatedly; the opposite of the operation stack. Values stay as "
        "they are.",
    CM_OP_PARAMS(ComponentsParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .examples =
        "cormack components maps.nii.gz white_matter.nii.gz --keep 3\n"
        "cormack components photograph.png swapped.png --keep 3,2,1",
    .run = run,
};
