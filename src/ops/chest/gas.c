/* Gas in stomach and bowel lies a thin wall away from the lung, and thick slices or noise join the two. It is told from
 * lung by its value (air and nothing else) and from bullae by what surrounds it (soft tissue for the most part). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/chest/thorax.h"
#include "ops/segment/components.h"

#define CORE_MIN_MM3 800.0
#define TISSUE_SHARE 0.5

typedef struct Core {
  const Canonical *c;
  const uint8_t *air;
  uint8_t *core;
  double limit;
} Core;

/* Air whose 3 x 3 x 3 mean is below the limit. */
static bool mark_core(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Core *k = arg;
  const int64_t nx = k->c->n[0], ny = k->c->n[1], nz = k->c->n[2];
  const int16_t *hu = cm_image_data(k->c->hu);
  for (int64_t r = range.begin; r < range.end; r++) {
    const int64_t y = r % ny, z = r / ny;
    uint8_t *core = k->core + r * nx;
    memset(core, 0, (size_t)nx);
    if (y == 0 || z == 0 || y == ny - 1 || z == nz - 1) continue;
    for (int64_t x = 1; x + 1 < nx; x++) {
      if (!k->air[r * nx + x] || hu[r * nx + x] > -900) continue;
      int64_t sum = 0;
      for (int64_t dz = -1; dz < 2; dz++)
        for (int64_t dy = -1; dy < 2; dy++) {
          const int16_t *h = hu + (r + dz * ny + dy) * nx + x;
          sum += h[-1] + h[0] + h[1];
        }
      core[x] = (double)sum < 27 * k->limit;
    }
  }
  return true;
}

/* Between the values of air and of this patient's lung. */
static double core_limit(const Canonical *c, const uint8_t *air) {
  int64_t count[1025] = {0}, all = 0, sum = 0;
  const int16_t *hu = cm_image_data(c->hu);
  for (int64_t i = 0; i < c->voxels; i++)
    if (air[i] && hu[i] < -700) {
      count[-hu[i] < 1024 ? -hu[i] : 1024]++;
      all++;
    }
  int v = 1024;
  while (v > 0 && (sum += count[v]) * 2 < all) v--;
  const double limit = 0.5 * (-1000.0 - v);
  return limit < -965 ? -965 : limit > -935 ? -935 : limit;
}

/* Visits the voxels at most `reach` from (chessboard distance per axis, in voxels) one voxel. */
static void neighbourhood(const Canonical *c, int64_t at, int64_t reach, int64_t low[3], int64_t high[3]) {
  const int64_t p[3] = {at % c->n[0], at / c->n[0] % c->n[1], at / (c->n[0] * c->n[1])};
  for (int k = 0; k < 3; k++) {
    low[k] = p[k] > reach ? p[k] - reach : 0;
    high[k] = p[k] + reach < c->n[k] ? p[k] + reach : c->n[k] - 1;
  }
}

/* Along the axes outwards from the border of the piece: how often tissue is met within a few voxels, and how often not.
 */
static bool lies_in_tissue(const Canonical *c, const CmComponents *s, int64_t piece, const uint8_t *core) {
  const int16_t *hu = cm_image_data(c->hu);
  const int64_t step[3] = {1, c->n[0], c->n[0] * c->n[1]};
  int64_t tissue = 0, other = 0;
  const CmComponent *item = &s->items[piece];
  for (int64_t z = item->box_min[2]; z <= item->box_max[2]; z++)
    for (int64_t y = item->box_min[1]; y <= item->box_max[1]; y++) {
      const int64_t row = z * c->n[1] + y;
      for (int64_t r = s->row_begin[row]; r < s->row_begin[row + 1]; r++) {
        if ((int64_t)s->runs[r].component != piece) continue;
        for (int64_t x = s->runs[r].x0; x < s->runs[r].x1; x++) {
          const int64_t at = row * c->n[0] + x, p[3] = {x, y, z};
          for (int k = 0; k < 3; k++)
            for (int side = -1; side < 2; side += 2) {
              const int64_t reach = (int64_t)ceil(5.5 / c->mm[k]) > 4 ? (int64_t)ceil(5.5 / c->mm[k])
                                                                      : 4; /* a core ends two before its wall */
              if (p[k] + side * reach < 0 || p[k] + side * reach >= c->n[k] || core[at + side * step[k]]) continue;
              bool hit = false;
              for (int64_t d = 1; d <= reach; d++) hit = hit || hu[at + side * d * step[k]] > -350;
              if (hit)
                tissue++;
              else
                other++;
            }
        }
      }
    }
  return (double)tissue > TISSUE_SHARE * (double)(tissue + other);
}

static void erase(const Canonical *c, const uint8_t *core, uint8_t *air) {
  const int64_t nx = c->n[0], ny = c->n[1];
  for (int64_t i = 0; i < c->voxels; i++) {
    if (!core[i]) continue;
    int64_t low[3], high[3];
    neighbourhood(c, i, 2, low, high);
    for (int64_t z = low[2]; z <= high[2]; z++)
      for (int64_t y = low[1]; y <= high[1]; y++)
        for (int64_t x = low[0]; x <= high[0]; x++) {
          const int64_t at = (z * ny + y) * nx + x,
                        d = llabs(at % nx - i % nx) + llabs(y - i / nx % ny) + llabs(z - i / (nx * ny));
          if (d <= 3) air[at] = 0;
        }
  }
}

bool cm__gas_erase(CmContext *ctx, const Canonical *c, CmImage *air, CmError **err) {
  CmImage *core = cm__canonical_mask(ctx, c, err);
  if (!core) return false;
  Core k = {c, cm_image_data(air), cm_image_data_mut(core), core_limit(c, cm_image_data(air))};
  CmComponents found = {0};
  int64_t *label = NULL;
  bool ok = false;
  if (!cm_parallel_for(ctx, NULL, c->n[1] * c->n[2], 64, mark_core, &k, err) ||
      !cm__components_find(ctx, core, CM_CONNECT_6, CM_COMPONENTS_NONZERO, &found, err))
    goto done;
  label = cm_calloc(ctx, (size_t)found.count + 1, sizeof *label, err);
  if (!label) goto done;
  for (int64_t i = 0; i < found.count; i++)
    label[i] = (double)found.items[i].voxels * c->voxel_mm3 >= CORE_MIN_MM3 && lies_in_tissue(c, &found, i, k.core);
  if (!cm__components_paint(ctx, &found, label, false, core, err)) goto done;
  erase(c, k.core, cm_image_data_mut(air));
  ok = true;
done:
  cm_free(label);
  cm__components_free(&found);
  cm_image_unref(&core);
  return ok;
}
