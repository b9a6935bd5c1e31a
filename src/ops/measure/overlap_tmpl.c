/* Where a row has a label (any: where it is not 0), once per voxel type. */
CM_SIMD static void X(pick)(const void *row, int64_t n, int64_t label, bool any, uint8_t *to) {
  const T *v = row;
  const T value = (T)label;
  if (any)
    for (int64_t i = 0; i < n; i++) to[i] = v[i] != 0;
  else
    for (int64_t i = 0; i < n; i++) to[i] = v[i] == value;
}
