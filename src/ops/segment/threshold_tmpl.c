/* Labels by limits, once per voxel type. */
CM_SIMD static void X(between)(const void *from, int64_t n, double lower, double upper, uint8_t in, uint8_t out,
                               uint8_t *restrict to) {
  const T *v = from;
#if T_FLOAT
  const double low = lower, high = upper;
  for (int64_t i = 0; i < n; i++) to[i] = (double)v[i] >= low && (double)v[i] <= high ? in : out;
#else
  const double least = ceil(lower), largest = floor(upper);
  if (least > largest || least > (double)T_MAX || largest < (double)T_MIN) {
    memset(to, out, (size_t)n);
    return;
  }
  const T low = least < (double)T_MIN ? (T)T_MIN : (T)least, high = largest > (double)T_MAX ? (T)T_MAX : (T)largest;
  if (T_MIN == 0) { /* below `low` differences wrap around */
    const T span = (T)(high - low);
    for (int64_t i = 0; i < n; i++) to[i] = (T)(v[i] - low) <= span ? in : out;
    return;
  }
  for (int64_t i = 0; i < n; i++) to[i] = v[i] >= low && v[i] <= high ? in : out;
#endif
}
