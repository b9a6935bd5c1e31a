/* Lines of the wavelet transform, once for R = float and once for double. */

static const R *X(low_taps)(const CmBank *bank) {
  return sizeof(R) == sizeof(float) ? (const R *)(const void *)bank->h32 : (const R *)(const void *)bank->h;
}

static const R *X(high_taps)(const CmBank *bank) {
  return sizeof(R) == sizeof(float) ? (const R *)(const void *)bank->g32 : (const R *)(const void *)bank->g;
}

static R X(beyond)(int32_t border, int64_t i, int64_t n, const R *line) {
  const CmBeyond beyond = cm__wavelet_beyond(border, i, n);
  R sum = 0;
  for (int k = 0; k < beyond.count; k++) sum += (R)beyond.weight[k] * line[beyond.at[k]];
  return sum;
}

/* Values number first + step * k of the line, k < count. */
static void X(spread)(int32_t border, const R *line, int64_t n, int64_t first, int64_t step, R *to, int64_t count) {
  int64_t k = 0;
  for (; k < count && first + step * k < 0; k++) to[k] = X(beyond)(border, first + step * k, n, line);
  for (; k < count && first + step * k < n; k++) to[k] = line[first + step * k];
  for (; k < count; k++) to[k] = X(beyond)(border, first + step * k, n, line);
}

/* Rows first .. first + count - 1 of n rows, `stride` apart: pointers to them, or to `made`, where what lies beyond is
 * put together (count - n rows of room, or count where n is less). */
static void X(point_rows)(int32_t border, const R *rows, int64_t stride, int64_t n, int64_t first, int64_t count,
                          int64_t width, R *made, const R **to) {
  for (int64_t k = 0; k < count; k++) {
    const CmBeyond beyond = cm__wavelet_beyond(border, first + k, n);
    if (beyond.count == 1 && beyond.weight[0] == 1.0) {
      to[k] = rows + beyond.at[0] * stride;
      continue;
    }
    for (int64_t i = 0; i < width; i++) made[i] = 0;
    for (int j = 0; j < beyond.count; j++)
      for (int64_t i = 0; i < width; i++) made[i] += (R)beyond.weight[j] * rows[beyond.at[j] * stride + i];
    to[k] = made;
    made += width;
  }
}

/* One level along a line of n values: bands of `half` values; low may be NULL. scratch: 2 (half + length). */
static void X(forward_line)(const CmBank *bank, int32_t border, const R *line, int64_t n, int64_t half, R *scratch,
                            R *low, R *high) {
  const int64_t length = bank->length, count = half + length / 2 - 1, shift = bank_shift(bank, border);
  const R *rows[CM_WAVELET_TAPS];
  R *even = scratch, *odd = scratch + half + length;
  X(spread)(border, line, n, -shift, 2, even, count);
  X(spread)(border, line, n, 1 - shift, 2, odd, count);
  for (int64_t t = 0; t < length; t++) rows[t] = (t & 1 ? odd : even) + t / 2;
  if (low) X(mix)(rows, X(low_taps)(bank), length, low, half);
  X(mix)(rows, X(high_taps)(bank), length, high, half);
}

/* The same along rows: low[i], high[i] from pointers that X(point_rows) made, starting at -shift. */
static void X(forward_rows)(const CmBank *bank, const R *const *rows, int64_t i, int64_t width, R *low, R *high) {
  if (low) X(mix)(rows + 2 * i, X(low_taps)(bank), bank->length, low, width);
  X(mix)(rows + 2 * i, X(high_taps)(bank), bank->length, high, width);
}

/* Value j is the sum over k < length / 2 of f[k] * low[i] + f[length / 2 + k] * high[i], i = last - k. Returns last. */
static int64_t X(inverse_taps)(const CmBank *bank, int32_t border, int64_t j, R *f) {
  const int64_t taps = bank->length / 2, top = j + bank_shift(bank, border);
  for (int64_t k = 0; k < taps; k++) {
    f[k] = X(low_taps)(bank)[top % 2 + 2 * k];
    f[taps + k] = X(high_taps)(bank)[top % 2 + 2 * k];
  }
  return top / 2;
}

/* The line of n values that low and high make. scratch: 3 (half + length). */
static void X(inverse_line)(const CmBank *bank, int32_t border, const R *low, const R *high, int64_t n, int64_t half,
                            R *scratch, R *line) {
  const int64_t taps = bank->length / 2, room = half + bank->length;
  const int32_t ends = border == CM_WAVELET_PERIODIZATION ? (int32_t)CM_BORDER_WRAP : (int32_t)CM_WAVELET_ZERO;
  R *wide_low = scratch, *wide_high = scratch + room, *part = scratch + 2 * room, f[CM_WAVELET_TAPS];
  const R *rows[CM_WAVELET_TAPS];
  X(spread)(ends, low, half, -taps, 1, wide_low, half + 2 * taps);
  X(spread)(ends, high, half, -taps, 1, wide_high, half + 2 * taps);
  for (int64_t parity = 0; parity < 2 && parity < n; parity++) {
    const int64_t last = X(inverse_taps)(bank, border, parity, f), count = (n - parity + 1) / 2;
    for (int64_t k = 0; k < taps; k++) {
      rows[k] = wide_low + taps + last - k;
      rows[taps + k] = wide_high + taps + last - k;
    }
    X(mix)(rows, f, bank->length, part, count);
    for (int64_t i = 0; i < count; i++) line[2 * i + parity] = part[i];
  }
}

/* Row j from the rows of low and high coefficients, `stride` apart. */
static void X(inverse_row)(const CmBank *bank, int32_t border, const R *low, int64_t low_stride, const R *high,
                           int64_t high_stride, int64_t j, int64_t half, int64_t width, R *to) {
  const int64_t taps = bank->length / 2;
  const R *rows[CM_WAVELET_TAPS];
  R f[CM_WAVELET_TAPS];
  const int64_t last = X(inverse_taps)(bank, border, j, f);
  for (int64_t k = 0; k < taps; k++) {
    const int64_t i = cm__border_index(CM_BORDER_WRAP, last - k, half); /* only periodization goes beyond */
    rows[k] = low + i * low_stride;
    rows[taps + k] = high + i * high_stride;
  }
  X(mix)(rows, f, bank->length, to, width);
}
