/* Conversion of lines, once per voxel type. */

CM_SIMD static void X(to_f32)(const void *from, int64_t n, float *to) {
  const T *in = from;
  for (int64_t i = 0; i < n; i++) to[i] = (float)in[i];
}

CM_SIMD static void X(to_f64)(const void *from, int64_t n, double *to) {
  const T *in = from;
  for (int64_t i = 0; i < n; i++) to[i] = (double)in[i];
}

#if T_FLOAT
CM_SIMD static void X(from_f32)(const float *from, int64_t n, void *to) {
  T *out = to;
  for (int64_t i = 0; i < n; i++) out[i] = (T)from[i];
}

CM_SIMD static void X(from_f64)(const double *from, int64_t n, void *to) {
  T *out = to;
  for (int64_t i = 0; i < n; i++) out[i] = (T)from[i];
}
#else
CM_SIMD static void X(from_f32)(const float *from, int64_t n, void *to) {
  /* the largest float that does not exceed the type's maximum, so that the cast is defined */
  const float lowest = (float)T_MIN, largest = sizeof(T) == 4 ? (float)(T_MAX - 255) : (float)T_MAX;
  T *out = to;
  for (int64_t i = 0; i < n; i++) {
    float v = rintf(from[i]);
    if (T_MIN < 0) v = v == v ? v : 0.0f; /* else the next line does it */
    v = v > lowest ? v : lowest;
    v = v < largest ? v : largest;
    out[i] = (T)v;
  }
}

CM_SIMD static void X(from_f64)(const double *from, int64_t n, void *to) {
  const double lowest = (double)T_MIN, largest = (double)T_MAX;
  T *out = to;
  for (int64_t i = 0; i < n; i++) {
    double v = rint(from[i]);
    if (T_MIN < 0) v = v == v ? v : 0.0;
    v = v > lowest ? v : lowest;
    v = v < largest ? v : largest;
    out[i] = (T)v;
  }
}
#endif

CM_SIMD static void X(nonzero)(const void *from, int64_t n, uint8_t *to) {
  const T *in = from;
  for (int64_t i = 0; i < n; i++) to[i] = in[i] != 0;
}

static void X(restore)(const uint8_t *inside, int64_t nx, int64_t components, const double *from, void *to) {
  T *out = to;
  for (int64_t x = 0; x < nx; x++)
    for (int64_t c = 0; c < components && !inside[x]; c++) {
      double v = from[x * components + c];
#if !T_FLOAT /* of another type it may not fit */
      v = v >= (double)T_MIN ? v : (double)T_MIN;
      v = v <= (double)T_MAX ? v : (double)T_MAX;
#endif
      out[x * components + c] = (T)v;
    }
}
