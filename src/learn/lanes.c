#include "learn/lanes.h"

#include "core/simd.h"

enum { LANES = 8 };

static inline double add_lanes(const double *lane) {
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

CM_SIMD void cm__lanes_distances(const double *a, const double *b, int64_t rows, int count, double *to) {
  for (int64_t i = 0; i < rows; i++, b += count) {
    double lane[LANES] = {0};
    int j = 0;
    for (; j + LANES <= count; j += LANES)
      for (int k = 0; k < LANES; k++) lane[k] += (a[j + k] - b[j + k]) * (a[j + k] - b[j + k]);
    for (int k = 0; j < count; j++, k++) lane[k] += (a[j] - b[j]) * (a[j] - b[j]);
    to[i] = add_lanes(lane);
  }
}

CM_SIMD void cm__lanes_products(const double *a, const double *b, int64_t rows, int count, double *to) {
  for (int64_t i = 0; i < rows; i++, b += count) {
    double lane[LANES] = {0};
    int j = 0;
    for (; j + LANES <= count; j += LANES)
      for (int k = 0; k < LANES; k++) lane[k] += a[j + k] * b[j + k];
    for (int k = 0; j < count; j++, k++) lane[k] += a[j] * b[j];
    to[i] = add_lanes(lane);
  }
}

CM_SIMD double cm__lanes_sum(const double *a, int64_t count) {
  double lane[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int k = 0; k < LANES; k++) lane[k] += a[i + k];
  for (int k = 0; i < count; i++, k++) lane[k] += a[i];
  return add_lanes(lane);
}

CM_SIMD double cm__lanes_squares(const double *a, double center, int64_t count) {
  double lane[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int k = 0; k < LANES; k++) lane[k] += (a[i + k] - center) * (a[i + k] - center);
  for (int k = 0; i < count; i++, k++) lane[k] += (a[i] - center) * (a[i] - center);
  return add_lanes(lane);
}

CM_SIMD double cm__lanes_dot(const double *a, const double *b, int64_t count) {
  double lane[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int k = 0; k < LANES; k++) lane[k] += a[i + k] * b[i + k];
  for (int k = 0; i < count; i++, k++) lane[k] += a[i] * b[i];
  return add_lanes(lane);
}

CM_SIMD void cm__lanes_add(double *to, double share, const double *from, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] += share * from[i];
}
