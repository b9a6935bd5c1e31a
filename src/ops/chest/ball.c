#include "ops/chest/ball.h"

#include <string.h>

#include "cormack/parallel.h"
#include "ops/morphology/distance.h"

static void keep(void *user) {
  (void)user;
}

CmImage *cm__mask_distance(CmContext *ctx, uint8_t *mask, bool to_inside, const int64_t n[3], const double mm[3],
                           CmError **err) {
  CmImage *image = cm_image_wrap(ctx, CM_U8, 3, n, 1, mask, keep, NULL, err);
  if (!image) return NULL;
  CmGeometry geometry;
  cm_geometry_default(&geometry);
  memcpy(geometry.spacing, mm, sizeof geometry.spacing);
  CmImage *squared =
      cm_image_set_geometry(image, &geometry, err) ? cm__distance_squared(ctx, image, !to_inside, err) : NULL;
  cm_image_unref(&image);
  return squared;
}

typedef struct Cut {
  uint8_t *mask;
  const float *squared;
  float limit;
  bool dilate;
} Cut;

static bool cut(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Cut *c = arg;
  if (c->dilate)
    for (int64_t i = range.begin; i < range.end; i++) c->mask[i] = c->squared[i] <= c->limit;
  else
    for (int64_t i = range.begin; i < range.end; i++) c->mask[i] = c->squared[i] > c->limit;
  return true;
}

bool cm__ball(CmContext *ctx, uint8_t *mask, BallWork work, double radius_mm, const int64_t n[3], const double mm[3],
              CmError **err) {
  const bool dilate_first = work == BALL_DILATE || work == BALL_CLOSE;
  const int passes = work == BALL_DILATE || work == BALL_ERODE ? 1 : 2;
  for (int pass = 0; pass < passes; pass++) {
    const bool dilate = (pass == 0) == dilate_first;
    CmImage *squared = cm__mask_distance(ctx, mask, dilate, n, mm, err);
    if (!squared) return false;
    Cut c = {mask, cm_image_data(squared), (float)(radius_mm * radius_mm * (1 + 1e-6)), dilate};
    const bool ok = cm_parallel_for(ctx, NULL, n[0] * n[1] * n[2], 1 << 16, cut, &c, err);
    cm_image_unref(&squared);
    if (!ok) return false;
  }
  return true;
}
