#include <string.h>

#include "cormack/parallel.h"
#include "ops/chest/ball.h"
#include "ops/chest/thorax.h"
#include "ops/segment/components.h"

typedef struct Threshold {
  const int16_t *hu;
  uint8_t *mask;
  double limit;
} Threshold;

static bool above(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Threshold *t = arg;
  for (int64_t i = range.begin; i < range.end; i++) t->mask[i] = t->hu[i] >= t->limit;
  return true;
}

bool cm__body_tissue(CmContext *ctx, const Canonical *c, double threshold, double open_mm, CmImage *mask,
                     CmError **err) {
  Threshold t = {cm_image_data(c->hu), cm_image_data_mut(mask), threshold};
  if (!cm_parallel_for(ctx, NULL, c->voxels, 1 << 16, above, &t, err)) return false;
  if (open_mm > 0 && !cm__ball(ctx, t.mask, BALL_OPEN, open_mm, c->n, c->mm, err)) return false;
  CmComponents found = {0};
  if (!cm__components_find(ctx, mask, CM_CONNECT_6, CM_COMPONENTS_NONZERO, &found, err)) return false;
  bool ok = false;
  int64_t *label = NULL, best = 0;
  if (found.count == 0) {
    cm_error_set(err, CM_ERR_DATA,
                 "nothing lies above %g, so there is no body in this image; check that its unit is HU", threshold);
    goto done;
  }
  label = cm_calloc(ctx, (size_t)found.count, sizeof *label, err);
  if (!label) goto done;
  for (int64_t i = 1; i < found.count; i++)
    if (found.items[i].voxels > found.items[best].voxels) best = i;
  label[best] = 1;
  ok = cm__components_paint(ctx, &found, label, false, mask, err);
done:
  cm_free(label);
  cm__components_free(&found);
  return ok;
}

typedef struct Enclose {
  const Canonical *c;
  const uint8_t *body;
  uint8_t *air;
  double threshold;
  int sides;
} Enclose;

/* Counts the directions in place, then puts the answer there. */
static bool enclose_slices(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Enclose *e = arg;
  const int64_t nx = e->c->n[0], ny = e->c->n[1];
  const int16_t *hu = cm_image_data(e->c->hu);
  for (int64_t z = range.begin; z < range.end; z++) {
    const uint8_t *body = e->body + z * nx * ny;
    uint8_t *count = e->air + z * nx * ny;
    for (int64_t y = 0; y < ny; y++) {
      const uint8_t *b = body + y * nx;
      uint8_t *r = count + y * nx, seen = 0;
      for (int64_t x = 0; x < nx; x++) r[x] = seen |= b[x];
      seen = 0;
      for (int64_t x = nx - 1; x >= 0; x--) r[x] = (uint8_t)(r[x] + (seen |= b[x]));
    }
    for (int pass = 0; pass < 2; pass++) { /* columns: the flag of a column is kept in bit 7 of the row before */
      for (int64_t i = 0; i < ny; i++) {
        const int64_t y = pass ? ny - 1 - i : i, before = pass ? y + 1 : y - 1;
        for (int64_t x = 0; x < nx; x++) {
          const uint8_t flag = pass ? 64 : 128;
          const uint8_t seen = (i > 0 && (count[before * nx + x] & flag)) || body[y * nx + x] ? flag : 0;
          count[y * nx + x] = (uint8_t)((count[y * nx + x] & ~flag) | seen);
        }
      }
    }
    const int16_t *h = hu + z * nx * ny;
    for (int64_t i = 0; i < nx * ny; i++)
      count[i] = h[i] < e->threshold && (count[i] & 3) + (count[i] >> 7 & 1) + (count[i] >> 6 & 1) >= e->sides;
  }
  return true;
}

bool cm__enclosed_air(CmContext *ctx, const Canonical *c, const CmImage *body, double threshold, int sides,
                      CmImage *air, CmError **err) {
  Enclose e = {c, cm_image_data(body), cm_image_data_mut(air), threshold, sides};
  return cm_parallel_for(ctx, NULL, c->n[2], 1, enclose_slices, &e, err);
}
