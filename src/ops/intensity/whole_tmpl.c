/* Rows as they lie, once per voxel type. */

CM_SIMD static void X(reals)(const void *from, int64_t n, const CmStraight *map, void *to) {
  const T *restrict v = from;
  float *restrict out = to;
  const double start = map->from, factor = map->factor, shift = map->to, low = map->low, high = map->high;
  for (int64_t i = 0; i < n; i++) {
    double y = ((double)v[i] - start) * factor + shift;
    y = low > y ? low : y; /* in this order NaN stays */
    y = high < y ? high : y;
    out[i] = (float)y;
  }
}

/* Ends are whole numbers within both, so that what is cast is within the type. */
#define INTEGERS(name, U)                                                                        \
  CM_SIMD static void X(name)(const void *from, int64_t n, const CmStraight *map, void *to) {    \
    const T *restrict v = from;                                                                  \
    U *restrict out = to;                                                                        \
    const float factor = (float)map->factor, shift = (float)(map->to - map->from * map->factor); \
    const float low = (float)map->low, high = (float)map->high;                                  \
    for (int64_t i = 0; i < n; i++) {                                                            \
      float y = (float)v[i] * factor + shift;                                                    \
      y = y > low ? y : low;                                                                     \
      y = y < high ? y : high;                                                                   \
      out[i] = (U)(int32_t)rintf(y);                                                             \
    }                                                                                            \
    for (int k = 0; k < map->odd_count; k++) {                                                   \
      const T odd = (T)map->odd[k];                                                              \
      const U becomes = (U)map->becomes[k];                                                      \
      for (int64_t i = 0; i < n; i++) out[i] = v[i] == odd ? becomes : out[i];                   \
    }                                                                                            \
  }
INTEGERS(to_u8, uint8_t)
INTEGERS(to_u16, uint16_t)
INTEGERS(to_i16, int16_t)
#undef INTEGERS
