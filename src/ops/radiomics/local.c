/* Local intensity peaks: the mean in a ball of 1 cm3. IBSI manual 3.2. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/region.h"

/* Sums over the balls around one row of voxels. Prefix sums along x make a row of a ball two look-ups. */
typedef struct Ball {
  double *sum, *prefix;
  int32_t *count, *seen;
} Ball;

static void add_row(const CmRoi *roi, int64_t y, int64_t z, int64_t reach, Ball *ball) {
  const double *value = roi->value + cm__roi_at(roi, 0, y, z);
  const int64_t n = roi->n[0];
  ball->prefix[0] = 0.0;
  ball->seen[0] = 0;
  for (int64_t x = 0; x < n; x++) {
    const bool there = !isnan(value[x]);
    ball->prefix[x + 1] = ball->prefix[x] + (there ? value[x] : 0.0);
    ball->seen[x + 1] = ball->seen[x] + there;
  }
  for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
    const int64_t from = x - reach > 0 ? x - reach : 0, to = x + reach + 1 < n ? x + reach + 1 : n;
    ball->sum[x] += ball->prefix[to] - ball->prefix[from];
    ball->count[x] += ball->seen[to] - ball->seen[from];
  }
}

static void ball_means(const CmRoi *roi, int64_t y, int64_t z, Ball *ball) {
  const double r2 = CM__PEAK_RADIUS * CM__PEAK_RADIUS * (1.0 + 1e-12);
  const int64_t reach_y = (int64_t)(CM__PEAK_RADIUS / roi->spacing[1]),
                reach_z = (int64_t)(CM__PEAK_RADIUS / roi->spacing[2]);
  memset(ball->sum, 0, (size_t)roi->n[0] * sizeof(*ball->sum));
  memset(ball->count, 0, (size_t)roi->n[0] * sizeof(*ball->count));
  for (int64_t dz = -reach_z; dz <= reach_z; dz++)
    for (int64_t dy = -reach_y; dy <= reach_y; dy++) {
      const double a = (double)dy * roi->spacing[1], b = (double)dz * roi->spacing[2], left = r2 - a * a - b * b;
      if (left < 0.0 || y + dy < 0 || y + dy >= roi->n[1] || z + dz < 0 || z + dz >= roi->n[2]) continue;
      add_row(roi, y + dy, z + dz, (int64_t)(sqrt(left) / roi->spacing[0]), ball);
    }
}

bool cm__radiomics_local(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  const size_t n = (size_t)roi->n[0];
  Ball ball = {.sum = cm_alloc_array(roi->ctx, n, sizeof(double), err)};
  double local = NAN, global = NAN;
  (void)ways;
  ball.prefix = ball.sum ? cm_alloc_array(roi->ctx, n + 1, sizeof(double), err) : NULL;
  ball.count = ball.prefix ? cm_alloc_array(roi->ctx, n, sizeof(int32_t), err) : NULL;
  ball.seen = ball.count ? cm_alloc_array(roi->ctx, n + 1, sizeof(int32_t), err) : NULL;
  const double most = roi->voxels > 0 ? roi->sorted[roi->voxels - 1] : NAN;
  for (int64_t z = roi->lo[2]; ball.seen && z < roi->hi[2]; z++)
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      ball_means(roi, y, z, &ball);
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const int64_t k = cm__roi_at(roi, x, y, z);
        if (!roi->inside[k] || ball.count[x] == 0) continue;
        const double mean = ball.sum[x] / ball.count[x];
        global = fmax(global, mean); /* a NaN gives way */
        if (roi->value[k] == most) local = fmax(local, mean);
      }
    }
  const bool ok = ball.seen && cm__measured_add(to, "loc_peak_loc", "", local, err) &&
                  cm__measured_add(to, "loc_peak_glob", "", global, err);
  cm_free(ball.sum);
  cm_free(ball.prefix);
  cm_free(ball.count);
  cm_free(ball.seen);
  return ok;
}
