/* How many thresholds a value lies above, once per voxel type. */
CM_SIMD static void X(above)(const void *from, int64_t n, double threshold, uint8_t *to) {
  const T *v = from;
#if T_FLOAT
  for (int64_t i = 0; i < n; i++) to[i] = (uint8_t)(to[i] + ((double)v[i] > threshold));
#else
  const double least = floor(threshold) + 1.0;
  if (!(least <= (double)T_MAX)) return;
  const T low = least < (double)T_MIN ? (T)T_MIN : (T)least;
  for (int64_t i = 0; i < n; i++) to[i] = (uint8_t)(to[i] + (v[i] >= low));
#endif
}
