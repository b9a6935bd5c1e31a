/* Sums of whole rows, once per voxel type: LANES side by side, always as many, so that their order does not depend on
 * the machine. */
#if T_FLOAT
/* The ends of n values, at least one, by their bits, which are in order as the values are once those of negative ones
 * are turned: of whole numbers the compiler keeps many side by side. NaN lies beyond the infinities. */
static inline bool X(ends_of)(const T *v, int64_t n, double *low, double *high) {
  enum { BITS = 8 * sizeof(T) - 1 };
  const X(Key) top = (X(Key))(UINT64_MAX >> (64 - BITS));
  X(Key) least = top, most = -top;
  for (int64_t i = 0; i < n; i++) {
    X(Key) key;
    memcpy(&key, &v[i], sizeof(key));
    key ^= (key >> BITS) & top;
    least = key < least ? key : least;
    most = key > most ? key : most;
  }
  T ends[2];
  least ^= (least >> BITS) & top;
  most ^= (most >> BITS) & top;
  memcpy(&ends[0], &least, sizeof(T));
  memcpy(&ends[1], &most, sizeof(T));
  *low = (double)ends[0] < *low ? (double)ends[0] + 0.0 : *low; /* 0, not -0 */
  *high = (double)ends[1] > *high ? (double)ends[1] + 0.0 : *high;
  return ends[0] == ends[0] && ends[1] == ends[1];
}

typedef T X(Some) __attribute__((vector_size(LANES * sizeof(T))));

CM_SIMD static bool X(sum_values)(const void *from, int64_t n, double *sum_of, double *low, double *high) {
  enum { BLOCK = 4096 }; /* values that stay in the first-level cache */
  const T *v = from;
  Lanes sum = {0};
  bool numbers = true;
  int64_t i = 0;
  for (int64_t begin = 0; begin < n; begin += BLOCK) {
    const int64_t end = n - begin < BLOCK ? n : begin + BLOCK;
    numbers = X(ends_of)(v + begin, end - begin, low, high) && numbers;
    for (; sum_of && i + LANES <= end; i += LANES) {
      X(Some) some;
      memcpy(&some, v + i, sizeof(some));
      sum += __builtin_convertvector(some, Lanes);
    }
  }
  for (; sum_of && i < n; i++) sum[0] += (double)v[i];
  if (sum_of) *sum_of = sum_lanes(&sum);
  return numbers;
}
#else
CM_SIMD static bool X(sum_values)(const void *from, int64_t n, double *sum_of, double *low, double *high) {
  enum { BLOCK = 8192 }; /* values of 16 bits whose sum int32_t holds */
  const T *v = from;
  T least = (T)T_MAX, most = (T)T_MIN;
  int64_t sum = 0;
  for (int64_t begin = 0; sum_of && sizeof(T) < 4 && begin < n; begin += BLOCK) {
    const int64_t end = n - begin < BLOCK ? n : begin + BLOCK;
    int32_t part = 0;
    for (int64_t i = begin; i < end; i++) part += (int32_t)v[i];
    sum += part;
  }
  for (int64_t i = 0; sum_of && sizeof(T) == 4 && i < n; i++) sum += (int64_t)v[i];
  for (int64_t i = 0; i < n; i++) {
    least = v[i] < least ? v[i] : least;
    most = v[i] > most ? v[i] : most;
  }
  if (sum_of) *sum_of = (double)sum;
  *low = (double)least < *low ? (double)least : *low;
  *high = (double)most > *high ? (double)most : *high;
  return true;
}
#endif

CM_SIMD static double X(sum_squares)(const void *from, int64_t n, double mean) {
  const T *v = from;
  Lanes sum = {0};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    Lanes d;
#if T_FLOAT
    X(Some) some;
    memcpy(&some, v + i, sizeof(some));
    d = __builtin_convertvector(some, Lanes) - mean;
#else
    for (int k = 0; k < LANES; k++) d[k] = (double)v[i + k] - mean;
#endif
    sum += d * d;
  }
  for (; i < n; i++) sum[0] += ((double)v[i] - mean) * ((double)v[i] - mean);
  return sum_lanes(&sum);
}
