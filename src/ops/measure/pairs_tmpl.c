/* Two rows beside each other, once per voxel type. false: there is a NaN, nothing is added. */
#if T_FLOAT
#define SHORT 0
#else
#define SHORT (T_MAX <= UINT16_MAX)
#endif

#if SHORT
#if T_MAX <= UINT8_MAX
#define U uint8_t
#else
#define U uint16_t
#endif
/* Whole numbers, at most PIECE of them, so that nothing overflows. Products are of two that 16 bits hold: differences
 * of bytes, and the bytes of other differences. */
CM_SIMD static void X(add_piece)(const T *restrict a, const T *restrict b, int n, CmPairMoments *to) {
  T low[2] = {(T)T_MAX, (T)T_MAX}, high[2] = {(T)T_MIN, (T)T_MIN};
  U most = 0;
  uint32_t sum = 0;
  int32_t lower = 0, mixed = 0, upper = 0;
  for (int i = 0; i < n; i++) {
    const T least = a[i] < b[i] ? a[i] : b[i], larger = a[i] > b[i] ? a[i] : b[i];
    const U d = (U)(larger - least);
    if (sizeof(T) == 1) {
      const int16_t e = (int16_t)(a[i] - b[i]);
      sum += (uint32_t)abs(a[i] - b[i]);
      lower += e * e;
    } else {
      const int16_t l = (int16_t)(d & 255), u = (int16_t)(d >> 8 & 255);
      sum += d;
      lower += l * l;
      mixed += l * u;
      upper += u * u;
    }
    most = d > most ? d : most;
    low[0] = a[i] < low[0] ? a[i] : low[0];
    high[0] = a[i] > high[0] ? a[i] : high[0];
    low[1] = b[i] < low[1] ? b[i] : low[1];
    high[1] = b[i] > high[1] ? b[i] : high[1];
  }
  to->squares += (double)(lower + ((int64_t)mixed << 9) + ((int64_t)upper << 16));
  to->absolute += (double)sum;
  to->most = fmax(to->most, (double)most);
  for (int of = 0; of < 2; of++) {
    to->low[of] = fmin(to->low[of], (double)low[of]);
    to->high[of] = fmax(to->high[of], (double)high[of]);
  }
}
#undef U

static bool X(add_row)(const void *image, const void *reference, int64_t n, CmPairMoments *to) {
  enum { PIECE = 16384 };
  const T *a = image, *b = reference;
  for (int64_t at = 0; at < n; at += PIECE) X(add_piece)(a + at, b + at, n - at < PIECE ? (int)(n - at) : PIECE, to);
  to->count += (double)n;
  return true;
}
#else
#if T_FLOAT
static bool X(has_nan)(const T *v, int64_t n) {
  for (int64_t i = 0; i < n; i++)
    if (v[i] != v[i]) return true;
  return false;
}
#endif

CM_SIMD static bool X(add_row)(const void *image, const void *reference, int64_t n, CmPairMoments *to) {
  const T *a = image, *b = reference;
  double squares[LANES] = {0}, absolute[LANES] = {0}, most[LANES] = {0};
  T low[2][LANES], high[2][LANES];
  int64_t i = 0;
  if (n == 0) return true;
  for (int k = 0; k < LANES; k++) {
    low[0][k] = high[0][k] = a[0];
    low[1][k] = high[1][k] = b[0];
  }
  for (; i + LANES <= n; i += LANES)
    for (int k = 0; k < LANES; k++) {
      const T u = a[i + k], v = b[i + k];
      const double d = fabs((double)u - (double)v);
      squares[k] += d * d;
      absolute[k] += d;
      most[k] = d > most[k] ? d : most[k];
      low[0][k] = u < low[0][k] ? u : low[0][k];
      high[0][k] = u > high[0][k] ? u : high[0][k];
      low[1][k] = v < low[1][k] ? v : low[1][k];
      high[1][k] = v > high[1][k] ? v : high[1][k];
    }
  for (; i < n; i++) {
    const T u = a[i], v = b[i];
    const double d = fabs((double)u - (double)v);
    squares[0] += d * d;
    absolute[0] += d;
    most[0] = fmax(most[0], d);
    low[0][0] = u < low[0][0] ? u : low[0][0];
    high[0][0] = u > high[0][0] ? u : high[0][0];
    low[1][0] = v < low[1][0] ? v : low[1][0];
    high[1][0] = v > high[1][0] ? v : high[1][0];
  }
  CmPairMoments sum = {.count = (double)n, .low = {INFINITY, INFINITY}, .high = {-INFINITY, -INFINITY}};
  for (int k = 0; k < LANES; k++) {
    const CmPairMoments lane = {.squares = squares[k],
                                .absolute = absolute[k],
                                .most = most[k],
                                .low = {(double)low[0][k], (double)low[1][k]},
                                .high = {(double)high[0][k], (double)high[1][k]}};
    add_moments(&lane, &sum);
  }
#if T_FLOAT
  /* infinities may have left one, too */
  if (sum.squares != sum.squares && (X(has_nan)(a, n) || X(has_nan)(b, n))) return false;
#endif
  add_moments(&sum, to);
  return true;
}
#endif
#undef SHORT
