#include "ops/segment/narrow.h"

#include "cormack/parallel.h"

typedef struct Narrow {
  const uint32_t *from;
  uint16_t *to;
} Narrow;

static bool narrow_some(void *arg, CmRange range, CmError **err) {
  const Narrow *job = arg;
  (void)err;
  for (int64_t at = range.begin; at < range.end; at++) job->to[at] = (uint16_t)job->from[at];
  return true;
}

CmImage *cm__labels_narrow(CmContext *ctx, CmImage *labels, int64_t most, CmError **err) {
  if (most > UINT16_MAX) return cm_image_ref(labels);
  CmImage *out = cm_image_create_like(ctx, labels, CM_U16, 1, err);
  if (!out) return NULL;
  Narrow job = {cm_image_data(labels), cm_image_data_mut(out)};
  if (!cm_parallel_for(ctx, NULL, cm_image_values(labels), 1 << 18, narrow_some, &job, err)) cm_image_unref(&out);
  return out;
}
