/* Local intensity peaks: the mean in a ball of 1 cm3. IBSI manual 3.2. */
#include <math.h>
#include <string.h>

#include "ops/radiomics/region.h"
#include "ops/simd.h"

/* Sums over the balls around the voxels of one slice. Prefix sums along x make a row of a ball two look-ups, and each
 * row is summed once for all the balls that it is part of. */
typedef struct Balls {
  double *sum, *count; /* of the slice */
  double *row, *prefix, *seen;
} Balls;

/* What is not finite, or beyond the image, has no part. */
static void sum_row(const CmRoi *roi, int64_t y, int64_t z, const Balls *balls) {
  cm__roi_values(roi, y, z, balls->row);
  balls->prefix[0] = balls->seen[0] = 0.0;
  for (int64_t x = 0; x < roi->n[0]; x++) {
    const bool there = isfinite(balls->row[x]);
    balls->prefix[x + 1] = balls->prefix[x] + (there ? balls->row[x] : 0.0);
    balls->seen[x + 1] = balls->seen[x] + there;
  }
}

CM_SIMD static void add_difference(const double *restrict high, const double *restrict low, int64_t n,
                                   double *restrict to) {
  for (int64_t x = 0; x < n; x++) to[x] += high[x] - low[x];
}

/* The row that was summed, to the balls around row y of the slice; it lies that squared distance from them. */
static void add_row(const CmRoi *roi, int64_t y, double left, const Balls *balls) {
  const int64_t reach = (int64_t)(sqrt(left) / roi->spacing[0]), lo = roi->lo[0], n = roi->hi[0] - lo,
                to = y * roi->n[0] + lo;
  if (lo < reach || roi->hi[0] + reach > roi->n[0]) { /* a mask that is cut low may come near to the box's end */
    for (int64_t x = 0; x < n; x++) {
      const int64_t first = lo + x > reach ? lo + x - reach : 0, past = lo + x + reach + 1,
                    end = past < roi->n[0] ? past : roi->n[0];
      balls->sum[to + x] += balls->prefix[end] - balls->prefix[first];
      balls->count[to + x] += balls->seen[end] - balls->seen[first];
    }
    return;
  }
  add_difference(balls->prefix + lo + reach + 1, balls->prefix + lo - reach, n, balls->sum + to);
  add_difference(balls->seen + lo + reach + 1, balls->seen + lo - reach, n, balls->count + to);
}

static void sum_balls(const CmRoi *roi, int64_t z, const Balls *balls) {
  const double r2 = CM__PEAK_RADIUS * CM__PEAK_RADIUS * (1.0 + 1e-12);
  const int64_t reach_y = (int64_t)(CM__PEAK_RADIUS / roi->spacing[1]),
                reach_z = (int64_t)(CM__PEAK_RADIUS / roi->spacing[2]);
  memset(balls->sum, 0, (size_t)roi->step[2] * sizeof(double));
  memset(balls->count, 0, (size_t)roi->step[2] * sizeof(double));
  for (int64_t dz = -reach_z; dz <= reach_z; dz++)
    for (int64_t from = roi->lo[1] - reach_y; from < roi->hi[1] + reach_y; from++) {
      sum_row(roi, from, z + dz, balls);
      for (int64_t y = from - reach_y; y <= from + reach_y; y++) {
        const double a = (double)(y - from) * roi->spacing[1], b = (double)dz * roi->spacing[2],
                     left = r2 - a * a - b * b;
        if (y >= roi->lo[1] && y < roi->hi[1] && left >= 0.0) add_row(roi, y, left, balls);
      }
    }
}

/* The largest mean around the voxels inside, and around the brightest of them. */
static void find_peaks(const CmRoi *roi, const Balls *balls, double *local, double *global) {
  const double most = roi->voxels > 0 ? cm__counted_most(&roi->counted) : NAN;
  for (int64_t z = roi->lo[2]; z < roi->hi[2]; z++) {
    sum_balls(roi, z, balls);
    for (int64_t y = roi->lo[1]; y < roi->hi[1]; y++) {
      cm__roi_values(roi, y, z, balls->row);
      for (int64_t x = roi->lo[0]; x < roi->hi[0]; x++) {
        const int64_t at = y * roi->n[0] + x;
        if (!roi->inside[z * roi->step[2] + at]) continue;
        const double mean = balls->sum[at] / balls->count[at];
        *global = fmax(*global, mean); /* a NaN gives way */
        if (balls->row[x] == most) *local = fmax(*local, mean);
      }
    }
  }
}

bool cm__radiomics_local(const CmRoi *roi, int ways, CmMeasuredList *to, CmError **err) {
  const size_t n = (size_t)roi->n[0], slice = (size_t)roi->step[2];
  double *room = cm_alloc_array(roi->ctx, 2 * slice + 3 * n + 2, sizeof(double), err);
  double local = NAN, global = NAN;
  (void)ways;
  if (!room) return false;
  const Balls balls = {room, room + slice, room + 2 * slice, room + 2 * slice + n, room + 2 * slice + 2 * n + 1};
  find_peaks(roi, &balls, &local, &global);
  cm_free(room);
  return cm__measured_add(to, "loc_peak_loc", "", local, err) && cm__measured_add(to, "loc_peak_glob", "", global, err);
}
