#include "ops/denoise/nlm.h"

#include "ops/exp.h"
#include "ops/simd.h"

CM_SIMD static void square(const float *from, float *to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = from[i] * from[i];
}

float *cm__nlm_load(const CmNlm *job, const CmBlock *tile, const int64_t halo[3], CmBlock *padded, float **squared,
                    CmError **err) {
  *padded = *tile;
  size_t count = 1;
  for (int axis = 0; axis < 3; axis++) {
    padded->start[axis] -= halo[axis];
    padded->size[axis] += 2 * halo[axis];
    if (!cm_size_multiply(count, (size_t)padded->size[axis], &count, err)) return NULL;
  }
  float *values = cm_alloc_array(job->ctx, job->rician ? 2 * count : count, sizeof(float), err);
  float *scratch = cm_alloc_array(job->ctx, (size_t)job->blocks.grid.row, sizeof(float), err);
  if (values && scratch) {
    cm__block_load(&job->blocks, padded, scratch, values);
    if (job->rician) square(values, values + count, (int64_t)count);
    *squared = job->rician ? values + count : values;
  }
  cm_free(scratch);
  if (scratch) return values;
  cm_free(values);
  return NULL;
}

CM_SIMD void cm__nlm_differences(const float *restrict a, const float *restrict b, bool absolute, float *restrict to,
                                 int64_t n) {
  if (absolute)
    for (int64_t i = 0; i < n; i++) to[i] = fabsf(a[i] - b[i]);
  else
    for (int64_t i = 0; i < n; i++) to[i] = (a[i] - b[i]) * (a[i] - b[i]);
}

CM_SIMD void cm__nlm_weights(const CmNlm *job, const float *restrict sums, float *restrict weights, int64_t n) {
  const float scale = job->scale, less = job->less;
  if (job->absolute)
    for (int64_t i = 0; i < n; i++) weights[i] = cm__exp2_minus(sums[i] * scale * (sums[i] * scale));
  else
    for (int64_t i = 0; i < n; i++) {
      const float t = sums[i] * scale - less;
      weights[i] = cm__exp2_minus(t > 0.0f ? t : 0.0f);
    }
}

CM_SIMD void cm__nlm_finish(const CmNlm *job, float *line, int64_t n) {
  const float bias = job->bias;
  for (int64_t i = 0; job->rician && i < n; i++) {
    const float v = line[i] - bias;
    line[i] = sqrtf(v < 0.0f ? 0.0f : v);
  }
}
