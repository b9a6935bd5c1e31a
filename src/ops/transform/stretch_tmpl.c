/* Rows of pairs along x, once per voxel type. */

/* Neighbours along x, at places that are two voxels apart or not at all. */
static void X(fetch_pairs)(const void *row, const int32_t *at, int64_t step, int64_t n, void *to) {
  const T *v = row;
  T *pairs = to;
  if (step == 1) {
    for (int64_t i = 0; i < n; i++) memcpy(&pairs[2 * i], &v[at[i]], 2 * sizeof(T));
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    pairs[2 * i] = v[at[i]];
    pairs[2 * i + 1] = v[at[i] + step];
  }
}

/* Of reals the end itself where the weight says so, as two halves: the other one may be NaN. */
#define MIX_PAIRS(name, R)                                                                              \
  CM_SIMD static void X(name)(const void *from, const R *restrict weight, int64_t n, R *restrict to) {  \
    const T *restrict pairs = from;                                                                     \
    for (int64_t i = 0; i < n; i++) {                                                                   \
      const R a = (R)pairs[2 * i], b = (R)pairs[2 * i + 1], w = weight[i], mixed = (1 - w) * a + w * b; \
      to[i] = T_FLOAT && w == 0 ? a : T_FLOAT && w == 1 ? b : mixed;                                    \
    }                                                                                                   \
  }
MIX_PAIRS(mix_pairs_f32, float)
MIX_PAIRS(mix_pairs_f64, double)
#undef MIX_PAIRS
