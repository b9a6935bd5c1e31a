/* Clips n values, once per voxel type; NaN stays. The limits are values of the type, or infinite. */
CM_SIMD static void X(clip)(const void *from, int64_t n, int64_t step, double low, double high, void *to) {
  const T *in = from;
  T *out = to;
#if T_FLOAT
  const T least = (T)low, most = (T)high;
#else
  const T least = low < (double)T_MIN ? (T)T_MIN : (T)low, most = high > (double)T_MAX ? (T)T_MAX : (T)high;
#endif
  if (step == 1) {
    for (int64_t i = 0; i < n; i++) {
      const T v = in[i] < least ? least : in[i];
      out[i] = v > most ? most : v;
    }
    return;
  }
  for (int64_t i = 0; i < n; i += step) {
    const T v = in[i] < least ? least : in[i];
    out[i] = v > most ? most : v;
  }
}
