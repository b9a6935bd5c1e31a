/* Colours of three components into planes, times a scale; once per voxel type. */
#define PART(to, name)                                                                                              \
  CM_SIMD static void name(const void *from, to scale, int64_t n, to *restrict a, to *restrict b, to *restrict c) { \
    const T *in = from;                                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                                               \
      a[i] = (to)in[3 * i] * scale;                                                                                 \
      b[i] = (to)in[3 * i + 1] * scale;                                                                             \
      c[i] = (to)in[3 * i + 2] * scale;                                                                             \
    }                                                                                                               \
  }
PART(float, X(part_f32))
PART(double, X(part_f64))
#undef PART
