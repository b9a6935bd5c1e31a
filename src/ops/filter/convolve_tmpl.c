/* Rows of sums in the real type R. */

/* Weight after weight, `count` (a constant) of them in one pass. */
static inline void X(some)(const R *const *from, const R *weight, int count, bool first, R *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    R sum = first ? (R)0 : to[i];
    for (int k = 0; k < count; k++) sum += weight[k] * from[k][i];
    to[i] = sum;
  }
}

CM_SIMD static void X(add)(const R *const *from, const R *weight, int count, bool first, R *restrict to, int64_t n) {
  const R *rows[TOGETHER];
  R w[TOGETHER];
  memcpy(rows, from, sizeof(rows));
  memcpy(w, weight, sizeof(w));
#define ADD(count_)                           \
  case count_:                                \
    if (first)                                \
      X(some)(rows, w, count_, true, to, n);  \
    else                                      \
      X(some)(rows, w, count_, false, to, n); \
    break
  switch (count) {
    ADD(1);
    ADD(2);
    ADD(3);
    ADD(4);
    ADD(5);
    ADD(6);
    ADD(7);
    ADD(8);
  }
#undef ADD
}

static void X(convolve_row)(void *arg, const ROW *row) {
  const Kernel *kernel = arg;
  if (kernel->count == 0) memset(row->to, 0, (size_t)row->n * sizeof(R));
  for (int64_t x = 0; x < row->n; x += PART)
    for (int begin = 0; begin < kernel->count; begin += TOGETHER) {
      const R *from[TOGETHER] = {NULL};
      R weight[TOGETHER] = {(R)0};
      const int count = kernel->count - begin < TOGETHER ? kernel->count - begin : TOGETHER;
      for (int k = 0; k < count; k++) {
        const Weight *item = &kernel->items[begin + k];
        from[k] = row->near[item->row] + item->dx * row->components + x;
        weight[k] = (R)item->weight;
      }
      X(add)(from, weight, count, begin == 0, row->to + x, row->n - x < PART ? row->n - x : PART);
    }
}

#undef R
#undef X
#undef ROW
