/* Weighted sums of rows, once for R = float and once for double. */

/* out[i] = sum over t of f[t] * rows[t][i]; an even number of taps. */
CM_SIMD static void X(mix)(const R *const *rows, const R *f, int64_t taps, R *restrict out, int64_t n) {
  int64_t t = 2;
  const R *a = rows[0], *b = rows[1];
  const R fa = f[0], fb = f[1];
  for (int64_t i = 0; i < n; i++) out[i] = fa * a[i] + fb * b[i];
  for (; t + 4 <= taps; t += 4) {
    const R *r0 = rows[t], *r1 = rows[t + 1], *r2 = rows[t + 2], *r3 = rows[t + 3];
    const R f0 = f[t], f1 = f[t + 1], f2 = f[t + 2], f3 = f[t + 3];
    for (int64_t i = 0; i < n; i++) out[i] = out[i] + f0 * r0[i] + f1 * r1[i] + f2 * r2[i] + f3 * r3[i];
  }
  for (; t < taps; t += 2) {
    const R *r0 = rows[t], *r1 = rows[t + 1];
    const R f0 = f[t], f1 = f[t + 1];
    for (int64_t i = 0; i < n; i++) out[i] = out[i] + f0 * r0[i] + f1 * r1[i];
  }
}
