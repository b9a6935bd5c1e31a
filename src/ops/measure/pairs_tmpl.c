/* Two rows beside each other, once per voxel type. false: there is a NaN, nothing is added. */
#if T_FLOAT
#define SHORT 0
#else
#define SHORT (T_MAX <= UINT16_MAX)
#endif

#if SHORT
/* Sums of whole numbers, in blocks that do not overflow. */
CM_SIMD static bool X(add_row)(const void *image, const void *reference, int64_t n, CmPairMoments *to) {
  enum { BLOCK = 8192 };
  const T *a = image, *b = reference;
  T low[2] = {(T)T_MAX, (T)T_MAX}, high[2] = {(T)T_MIN, (T)T_MIN};
  uint32_t most = 0;
  uint64_t squares = 0, absolute = 0;
  for (int64_t begin = 0; begin < n; begin += BLOCK) {
    const int64_t end = n - begin < BLOCK ? n : begin + BLOCK;
    uint32_t sum = 0, small = 0;
    for (int64_t i = begin; i < end; i++) {
      const uint32_t d = (uint32_t)(a[i] > b[i] ? a[i] - b[i] : b[i] - a[i]);
      sum += d;
      most = d > most ? d : most;
      if (sizeof(T) == 1)
        small += d * d;
      else
        squares += (uint64_t)d * d;
    }
    absolute += sum;
    squares += small;
  }
  for (int64_t i = 0; i < n; i++) {
    low[0] = a[i] < low[0] ? a[i] : low[0];
    high[0] = a[i] > high[0] ? a[i] : high[0];
    low[1] = b[i] < low[1] ? b[i] : low[1];
    high[1] = b[i] > high[1] ? b[i] : high[1];
  }
  to->count += (double)n;
  to->squares += (double)squares;
  to->absolute += (double)absolute;
  to->most = fmax(to->most, (double)most);
  for (int of = 0; of < 2 && n > 0; of++) {
    to->low[of] = fmin(to->low[of], (double)low[of]);
    to->high[of] = fmax(to->high[of], (double)high[of]);
  }
  return true;
}
#else
CM_SIMD static bool X(add_row)(const void *image, const void *reference, int64_t n, CmPairMoments *to) {
  const T *a = image, *b = reference;
  double squares[LANES] = {0}, absolute[LANES] = {0}, most[LANES] = {0}, low[2][LANES], high[2][LANES];
  int64_t i = 0;
#if T_FLOAT
  int64_t odd = 0;
  for (int64_t k = 0; k < n; k++) odd += a[k] != a[k] || b[k] != b[k];
  if (odd) return false;
#endif
  for (int k = 0; k < LANES; k++) {
    low[0][k] = low[1][k] = INFINITY;
    high[0][k] = high[1][k] = -INFINITY;
  }
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const double u = (double)a[i + k], v = (double)b[i + k], d = fabs(u - v);
      squares[k] += d * d;
      absolute[k] += d;
      most[k] = d > most[k] ? d : most[k];
      low[0][k] = u < low[0][k] ? u : low[0][k];
      high[0][k] = u > high[0][k] ? u : high[0][k];
      low[1][k] = v < low[1][k] ? v : low[1][k];
      high[1][k] = v > high[1][k] ? v : high[1][k];
    }
  for (; i < n; i++) {
    const double u = (double)a[i], v = (double)b[i], d = fabs(u - v);
    squares[0] += d * d;
    absolute[0] += d;
    most[0] = fmax(most[0], d);
    low[0][0] = fmin(low[0][0], u);
    high[0][0] = fmax(high[0][0], u);
    low[1][0] = fmin(low[1][0], v);
    high[1][0] = fmax(high[1][0], v);
  }
  add_lanes(squares, absolute, most, low, high, n, to);
  return true;
}
#endif
#undef SHORT
