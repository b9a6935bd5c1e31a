/* Drawing labelled voxels. */
#include <string.h>

#include "learn/pixels/set.h"
#include "learn/rng.h"

#define MOST_LABEL 65535

typedef struct Count {
  int64_t have, want;
} Count;

static int64_t label_at(const CmImage *labels, int64_t at) {
  return (int64_t)cm_image_value(labels, at);
}

/* How many voxels each label has. */
static bool count_labels(const CmImage *labels, bool background, Count *count, CmPixelDraw *draw, CmError **err) {
  const int64_t *dims = cm_image_dims(labels);
  int64_t place[3];
  for (int axis = 0; axis < 3; axis++) draw->low[axis] = dims[axis], draw->high[axis] = -1;
  for (int64_t at = 0, t = 0; t < dims[3]; t++)
    for (place[2] = 0; place[2] < dims[2]; place[2]++)
      for (place[1] = 0; place[1] < dims[1]; place[1]++)
        for (place[0] = 0; place[0] < dims[0]; place[0]++, at++) {
          const int64_t label = label_at(labels, at);
          if (!label && !background) continue;
          if (label < 0 || label > MOST_LABEL) {
            cm_error_set(err, CM_ERR_DATA, "the labels hold %lld; classes are 1 to %d", (long long)label, MOST_LABEL);
            return false;
          }
          count[label].have++;
          for (int axis = 0; axis < 3; axis++) {
            if (place[axis] < draw->low[axis]) draw->low[axis] = place[axis];
            if (place[axis] > draw->high[axis]) draw->high[axis] = place[axis];
          }
        }
  return true;
}

/* How many of each are drawn; returns the sum. */
static int64_t share_out(const CmPixelParams *params, Count *count) {
  int64_t most = params->samples, sum = 0;
  for (int label = 0; label <= MOST_LABEL && params->balance; label++)
    if (count[label].have && count[label].have < most) most = count[label].have;
  for (int label = 0; label <= MOST_LABEL; label++)
    sum += count[label].want = count[label].have < most ? count[label].have : most;
  return sum;
}

/* Selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm S), each label by itself. */
static void pick(const CmPixelParams *params, int image, const CmImage *labels, Count *count, CmPixelDraw *draw) {
  const uint64_t stream = cm__stream((uint64_t)params->seed, CM__STREAM_PIXELS, (uint64_t)image);
  const int64_t voxels = cm_image_voxels(labels);
  for (int64_t at = 0; at < voxels; at++) {
    const int64_t label = label_at(labels, at);
    Count *of = &count[label];
    if (!of->want || (!label && !params->background)) continue;
    const double chance = (double)(cm__draw(stream, (uint64_t)at) >> 11) * 0x1p-53;
    if (chance * (double)of->have-- >= (double)of->want) continue;
    of->want--;
    draw->voxel[draw->count] = at;
    draw->label[draw->count++] = (int)label;
  }
}

bool cm__pixel_draw(CmContext *ctx, const CmPixelParams *params, int image, const CmImage *labels, CmPixelDraw *draw,
                    CmError **err) {
  *draw = (CmPixelDraw){.count = 0};
  Count *count = cm_calloc(ctx, MOST_LABEL + 1, sizeof *count, err);
  bool ok = count && count_labels(labels, params->background, count, draw, err);
  const int64_t sum = ok ? share_out(params, count) : 0;
  if (ok && !sum) {
    cm_error_set(err, CM_ERR_DATA, "no voxel is labelled; mark some voxels of each class by 1, 2, 3 …");
    ok = false;
  }
  draw->voxel = ok ? cm_alloc_array(ctx, (size_t)sum, sizeof *draw->voxel, err) : NULL;
  draw->label = draw->voxel ? cm_alloc_array(ctx, (size_t)sum, sizeof *draw->label, err) : NULL;
  ok = draw->label != NULL;
  if (ok) pick(params, image, labels, count, draw);
  cm_free(count);
  return ok;
}
