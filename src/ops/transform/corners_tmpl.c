/* Values at corners, once per voxel type: fetched one by one, then mixed side by side. */

/* Pairs along x of two lines that are `far` bytes apart: four values a point. */
static void X(fetch)(const void *from, size_t far, const int32_t *first, int64_t step, int64_t n, void *to) {
  const T *a = from, *b = (const T *)((const char *)from + far);
  T *four = to;
  if (step == 1) {
    for (int64_t i = 0; i < n; i++) {
      memcpy(&four[4 * i], &a[first[i]], 2 * sizeof(T));
      memcpy(&four[4 * i + 2], &b[first[i]], 2 * sizeof(T));
    }
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    four[4 * i] = a[first[i]];
    four[4 * i + 1] = a[first[i] + step];
    four[4 * i + 2] = b[first[i]];
    four[4 * i + 3] = b[first[i] + step];
  }
}

/* Of reals the end itself where the weight says so, as two halves: the other one may be NaN. */
static inline float X(between)(float a, float b, float w) {
  if (!T_FLOAT) return a + w * (b - a);
  const bool first = w == 0.0f, second = w == 1.0f;
  const float p = second ? b : a, q = first ? a : b, u = (first || second) ? 0.5f : w;
  return (1.0f - u) * p + u * q;
}

CM_SIMD static void X(mix_lines)(const void *from, const float *restrict wx, const float *restrict wy, int64_t n,
                                 float *restrict to) {
  const T *restrict four = from;
  const uint32_t *restrict bytes = from;
  if (sizeof(T) == 1) { /* four in a word: shifts instead of shuffles */
    for (int64_t i = 0; i < n; i++)
      to[i] = X(between)(X(between)((float)(T)(bytes[i] & 255), (float)(T)(bytes[i] >> 8 & 255), wx[i]),
                         X(between)((float)(T)(bytes[i] >> 16 & 255), (float)(T)(bytes[i] >> 24), wx[i]), wy[i]);
    return;
  }
  for (int64_t i = 0; i < n; i++)
    to[i] = X(between)(X(between)((float)four[4 * i], (float)four[4 * i + 1], wx[i]),
                       X(between)((float)four[4 * i + 2], (float)four[4 * i + 3], wx[i]), wy[i]);
}

CM_SIMD static void X(mix_planes)(const float *restrict far, const float *restrict wz, int64_t n, float *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] = X(between)(to[i], far[i], wz[i]);
}
