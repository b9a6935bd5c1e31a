/* Differences within the range of the type, once per voxel type: what cm__line_from_f64() makes of them. */
CM_SIMD static void X(less)(const void *a, const void *b, int64_t n, void *to) {
  const T *minuend = a, *subtrahend = b;
  T *out = to;
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
#if T_FLOAT
    out[i] = minuend[i] - subtrahend[i];
#else
    if (T_MIN == 0) {
      out[i] = (T)((minuend[i] > subtrahend[i] ? minuend[i] : subtrahend[i]) - subtrahend[i]);
    } else {
      const int64_t v = (int64_t)minuend[i] - (int64_t)subtrahend[i];
      out[i] = (T)(v < T_MIN ? T_MIN : v > T_MAX ? T_MAX : v);
    }
#endif
  }
}
