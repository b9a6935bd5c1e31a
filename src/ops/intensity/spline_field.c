#include "ops/intensity/spline_field.h"

#include <string.h>

#include "ops/simd.h"

bool cm__spline_axis(CmContext *ctx, CmSplineAxis *axis, int64_t n, int64_t offset, int64_t step, int64_t length,
                     int64_t spans, CmError **err) {
  *axis = (CmSplineAxis){.n = n, .spans = spans, .points = spans + 3};
  axis->first = cm_alloc_array(ctx, (size_t)spans + 1, sizeof(int64_t), err);
  float *lines = axis->first ? cm_alloc_array(ctx, (size_t)n, 12 * sizeof(float), err) : NULL;
  if (!lines) {
    cm__spline_axis_free(axis);
    return false;
  }
  for (int k = 0; k < 4; k++) {
    axis->weight[k] = lines + k * n;
    axis->square[k] = lines + (4 + k) * n;
    axis->fit[k] = lines + (8 + k) * n;
  }
  int64_t span = 0;
  axis->first[0] = 0;
  for (int64_t i = 0; i < n; i++) {
    const double p = length > 1 ? (double)spans * (double)(offset + i * step) / (double)(length - 1) : 0.0;
    while (span + 1 < spans && p >= (double)(span + 1)) axis->first[++span] = i;
    const double u = p - (double)span, v = 1.0 - u;
    double w[4] = {v * v * v / 6.0, (3.0 * u * u * u - 6.0 * u * u + 4.0) / 6.0,
                   (3.0 * v * v * v - 6.0 * v * v + 4.0) / 6.0, u * u * u / 6.0};
    if (length == 1)
      for (int k = 0; k < 4; k++) w[k] = k == 0 ? 1.0 : 0.0;
    const double sum = w[0] * w[0] + w[1] * w[1] + w[2] * w[2] + w[3] * w[3];
    for (int k = 0; k < 4; k++) {
      axis->weight[k][i] = (float)w[k];
      axis->square[k][i] = (float)(w[k] * w[k]);
      axis->fit[k][i] = (float)(w[k] * w[k] * w[k] / sum);
    }
  }
  while (span < spans) axis->first[++span] = n;
  return true;
}

void cm__spline_axis_free(CmSplineAxis *axis) {
  cm_free(axis->first);
  cm_free(axis->weight[0]);
  memset(axis, 0, sizeof(*axis));
}

int64_t cm__spline_span(const CmSplineAxis *axis, int64_t sample) {
  int64_t span = 0;
  while (span + 1 < axis->spans && axis->first[span + 1] <= sample) span++;
  return span;
}

void cm__spline_row(const CmSplineAxis axes[3], const double *lattice, int64_t y, int64_t z, double *row) {
  const int64_t kx = axes[0].points, ky = axes[1].points;
  const int64_t from_y = cm__spline_span(&axes[1], y), from_z = cm__spline_span(&axes[2], z);
  memset(row, 0, (size_t)kx * sizeof(double));
  for (int c = 0; c < 4; c++)
    for (int b = 0; b < 4; b++) {
      const double w = (double)axes[1].weight[b][y] * (double)axes[2].weight[c][z];
      const double *from = lattice + ((from_z + c) * ky + from_y + b) * kx;
      for (int64_t k = 0; k < kx; k++) row[k] += w * from[k];
    }
}

CM_SIMD static void mix(const float *const w[4], const float p[4], int64_t begin, int64_t end, float *restrict line) {
  const float *a = w[0], *b = w[1], *c = w[2], *d = w[3];
  const float pa = p[0], pb = p[1], pc = p[2], pd = p[3];
  for (int64_t i = begin; i < end; i++) line[i] = a[i] * pa + b[i] * pb + c[i] * pc + d[i] * pd;
}

void cm__spline_line(const CmSplineAxis *axis, const double *row, float *line) {
  const float *const w[4] = {axis->weight[0], axis->weight[1], axis->weight[2], axis->weight[3]};
  for (int64_t s = 0; s < axis->spans; s++) {
    const float p[4] = {(float)row[s], (float)row[s + 1], (float)row[s + 2], (float)row[s + 3]};
    mix(w, p, axis->first[s], axis->first[s + 1], line);
  }
}

enum { LANES = 16 }; /* sums side by side, always as many, so that their order does not depend on the machine */

CM_SIMD static void dots(const float *const w[4], const float *line, int64_t begin, int64_t end, double sum[4]) {
  const float *wa = w[0], *wb = w[1], *wc = w[2], *wd = w[3];
  float a[LANES] = {0}, b[LANES] = {0}, c[LANES] = {0}, d[LANES] = {0};
  int64_t i = begin;
  for (; i + LANES <= end; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const float v = line[i + k];
      a[k] += wa[i + k] * v;
      b[k] += wb[i + k] * v;
      c[k] += wc[i + k] * v;
      d[k] += wd[i + k] * v;
    }
  for (int k = 0; i < end; i++, k++) {
    a[k] += wa[i] * line[i];
    b[k] += wb[i] * line[i];
    c[k] += wc[i] * line[i];
    d[k] += wd[i] * line[i];
  }
  sum[0] = sum[1] = sum[2] = sum[3] = 0.0;
  for (int k = 0; k < LANES; k++) {
    sum[0] += (double)a[k];
    sum[1] += (double)b[k];
    sum[2] += (double)c[k];
    sum[3] += (double)d[k];
  }
}

void cm__spline_add(const CmSplineAxis axes[3], bool square, const float *line, int64_t y, double *plane) {
  const CmSplineAxis *ax = &axes[0], *ay = &axes[1];
  float *const *wx = square ? ax->square : ax->fit, *const *wy = square ? ay->square : ay->fit;
  const float *const w[4] = {wx[0], wx[1], wx[2], wx[3]};
  const int64_t from_y = cm__spline_span(ay, y);
  for (int64_t s = 0; s < ax->spans; s++) {
    double sum[4];
    dots(w, line, ax->first[s], ax->first[s + 1], sum);
    for (int b = 0; b < 4; b++)
      for (int a = 0; a < 4; a++) plane[(from_y + b) * ax->points + s + a] += (double)wy[b][y] * sum[a];
  }
}

void cm__spline_add_plane(const CmSplineAxis axes[3], bool square, const double *plane, int64_t z, double *lattice) {
  const int64_t n = axes[0].points * axes[1].points, from = cm__spline_span(&axes[2], z);
  for (int c = 0; c < 4; c++) {
    const double w = (double)(square ? axes[2].square : axes[2].fit)[c][z];
    for (int64_t k = 0; k < n; k++) lattice[(from + c) * n + k] += w * plane[k];
  }
}

/* Subdivision of the uniform cubic B-spline: 1/2 1/2 between two points, 1/8 6/8 1/8 on a point. */
void cm__spline_refine(const double *from, int64_t inner, int64_t points, int64_t outer, double *to) {
  const int64_t finer = 2 * points - 3;
  for (int64_t o = 0; o < outer; o++)
    for (int64_t k = 0; k < finer; k++)
      for (int64_t i = 0; i < inner; i++) {
        const double *at = from + (o * points + k / 2) * inner + i;
        to[(o * finer + k) * inner + i] =
            k % 2 == 0 ? 0.5 * (at[0] + at[inner]) : 0.125 * (at[0] + 6.0 * at[inner] + at[2 * inner]);
      }
}
