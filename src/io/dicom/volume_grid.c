/* The even grid behind a list of slice positions. */
#include <math.h>

#include "io/dicom/volume.h"

/* Mean of the steps that are as short as the shortest, within twice the tolerance: rounded positions make steps differ
 * a little. */
static double shortest_step(const double *position, int64_t count) {
  double least = INFINITY;
  for (int64_t i = 1; i < count; i++) least = fmin(least, position[i] - position[i - 1]);
  double sum = 0;
  int64_t summed = 0;
  for (int64_t i = 1; i < count; i++) {
    double step = position[i] - position[i - 1];
    if (step > least * (1 + 2 * CM_SPACING_TOLERANCE)) continue;
    sum += step;
    summed++;
  }
  return sum / (double)summed;
}

static CmGrid irregular(const double *position, int64_t at, double step) {
  return (CmGrid){
      .kind = CM_GRID_IRREGULAR, .step = step, .worst = at - 1, .worst_step = position[at] - position[at - 1]};
}

CmGrid cm__grid_fit(const double *position, int64_t count, int64_t *place) {
  double step = shortest_step(position, count);
  place[0] = 0;
  for (int64_t i = 1; i < count; i++) {
    double steps = (position[i] - position[i - 1]) / step;
    double whole = floor(steps + 0.5);
    if (!(whole >= 1 && whole < 1e6) || fabs(steps - whole) > 2 * CM_SPACING_TOLERANCE)
      return irregular(position, i, step);
    place[i] = place[i - 1] + (int64_t)whole;
  }
  int64_t last = place[count - 1];
  step = (position[count - 1] - position[0]) / (double)last;
  for (int64_t i = 1; i < count; i++)
    if (fabs(position[i] - position[0] - (double)place[i] * step) > CM_SPACING_TOLERANCE * step)
      return irregular(position, i, step);
  /* More holes than slices, or one at every other step, is no series with a missing slice, but one whose spacing
   * changes. */
  int64_t gaps = 0, first_gap = 0;
  for (int64_t i = count - 1; i > 0; i--) {
    if (place[i] - place[i - 1] == 1) continue;
    gaps++;
    first_gap = i;
  }
  if (last + 1 - count > count || (gaps > 1 && 3 * gaps > count - 1)) return irregular(position, first_gap, step);
  return (CmGrid){.kind = last + 1 == count ? CM_GRID_EVEN : CM_GRID_GAPS, .step = step, .places = last + 1};
}

bool cm__frame_axes(const CmFrame *frame, double direction[9]) {
  const double *row = frame->orientation, *column = frame->orientation + 3;
  double rr = 0, cc = 0, rc = 0;
  for (int i = 0; i < 3; i++) {
    rr += row[i] * row[i];
    cc += column[i] * column[i];
    rc += row[i] * column[i];
  }
  rr = sqrt(rr);
  cc = sqrt(cc);
  if (!(fabs(rr - 1) < 0.01 && fabs(cc - 1) < 0.01 && fabs(rc) < 0.01)) return false; /* also where absent: NAN */
  double x[3], y[3], along = rc / (rr * rr), length = 0;
  for (int i = 0; i < 3; i++) {
    x[i] = row[i] / rr;
    y[i] = column[i] - along * row[i];
    length += y[i] * y[i];
  }
  length = sqrt(length);
  for (int i = 0; i < 3; i++) y[i] /= length;
  for (int i = 0; i < 3; i++) {
    int j = (i + 1) % 3, k = (i + 2) % 3;
    direction[3 * i] = x[i] + 0.0; /* no negative zeros */
    direction[3 * i + 1] = y[i] + 0.0;
    direction[3 * i + 2] = x[j] * y[k] - x[k] * y[j] + 0.0;
  }
  return true;
}
