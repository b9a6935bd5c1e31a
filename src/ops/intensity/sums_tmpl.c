/* Sums of whole rows, once per voxel type: LANES side by side, always as many, so that their order does not depend on
 * the machine. */
#if T_FLOAT
CM_SIMD static bool X(sum_values)(const void *from, int64_t n, double *sum_of, double *low, double *high) {
  const T *v = from;
  double sum[LANES] = {0};
  T least[LANES], most[LANES];
  int64_t i = 0, odd = 0;
  if (n == 0) return true;
  for (int k = 0; k < LANES; k++) least[k] = most[k] = v[0];
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      sum[k] += (double)v[i + k];
      least[k] = v[i + k] < least[k] ? v[i + k] : least[k];
      most[k] = v[i + k] > most[k] ? v[i + k] : most[k];
    }
  for (; i < n; i++) {
    sum[0] += (double)v[i];
    least[0] = v[i] < least[0] ? v[i] : least[0];
    most[0] = v[i] > most[0] ? v[i] : most[0];
  }
  for (i = 0; i < n; i++) odd += v[i] != v[i];
  for (int k = 0; k < LANES; k++) {
    *low = (double)least[k] < *low ? (double)least[k] : *low;
    *high = (double)most[k] > *high ? (double)most[k] : *high;
  }
  *sum_of = sum_lanes(sum);
  return odd == 0;
}
#else
CM_SIMD static bool X(sum_values)(const void *from, int64_t n, double *sum_of, double *low, double *high) {
  enum { BLOCK = 8192 }; /* values of 16 bits whose sum int32_t holds */
  const T *v = from;
  T least = (T)T_MAX, most = (T)T_MIN;
  int64_t sum = 0;
  for (int64_t begin = 0; sizeof(T) < 4 && begin < n; begin += BLOCK) {
    const int64_t end = n - begin < BLOCK ? n : begin + BLOCK;
    int32_t part = 0;
    for (int64_t i = begin; i < end; i++) part += (int32_t)v[i];
    sum += part;
  }
  for (int64_t i = 0; sizeof(T) == 4 && i < n; i++) sum += (int64_t)v[i];
  for (int64_t i = 0; i < n; i++) {
    least = v[i] < least ? v[i] : least;
    most = v[i] > most ? v[i] : most;
  }
  *sum_of = (double)sum;
  *low = (double)least < *low ? (double)least : *low;
  *high = (double)most > *high ? (double)most : *high;
  return true;
}
#endif

CM_SIMD static double X(sum_squares)(const void *from, int64_t n, double mean) {
  const T *v = from;
  double sum[LANES] = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double d = (double)v[i + k] - mean;
      sum[k] += d * d;
    }
  for (; i < n; i++) sum[0] += ((double)v[i] - mean) * ((double)v[i] - mean);
  return sum_lanes(sum);
}
