/* Included once each with R float and R double. */
CM_SIMD static void X(keep_between)(const R *v, R low, R high, int64_t n, uint8_t *inside) {
  for (int64_t i = 0; i < n; i++) inside[i] &= (uint8_t)((v[i] >= low) & (v[i] <= high));
}

CM_SIMD static void X(keep_around)(const R *v, R low, R high, int64_t n, uint8_t *inside) {
  for (int64_t i = 0; i < n; i++) inside[i] &= (uint8_t)((v[i] >= low) | (v[i] <= high));
}

static void X(keep_in_range)(const Job *job, R *const plane[3], int64_t n, uint8_t *inside) {
  for (int k = 0; k < job->count; k++)
    (job->around && k == 0 ? X(keep_around) : X(keep_between))(plane[k], (R)job->low[k], (R)job->high[k], n, inside);
}
