/* What a voxel belongs to: its value, or 1 for all that is not background. Once per voxel type. */
CM_SIMD static void X(classes)(const void *from, int64_t n, bool by_label, uint32_t *to) {
  const T *v = from;
#if T_FLOAT
  (void)by_label;
  for (int64_t i = 0; i < n; i++) to[i] = v[i] < 0 || v[i] > 0;
#else
  if (by_label)
    for (int64_t i = 0; i < n; i++) to[i] = (uint32_t)v[i];
  else
    for (int64_t i = 0; i < n; i++) to[i] = v[i] != 0;
#endif
}
