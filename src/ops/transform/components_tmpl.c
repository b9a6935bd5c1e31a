/* Picking components of a row, once per element type E. */

/* The components of n voxels apart: PLANE voxels of room each. */
static inline __attribute__((always_inline)) void X(part)(const E *from, int64_t n, int components, E *plane) {
  for (int c = 0; c < components; c++)
    for (int64_t x = 0; x < n; x++) plane[c * PLANE + x] = from[x * components + c];
}

/* Two to four components, whose number the compiler knows: apart and together again in the cache. */
static inline __attribute__((always_inline)) void X(shuffle)(const E *from, E *to, int64_t n, int components,
                                                             const int64_t *keep, int count) {
  E plane[4 * PLANE];
  for (int64_t x = 0; x < n; x += PLANE) {
    const int64_t m = n - x < PLANE ? n - x : PLANE;
    const E *chosen[4];
    X(part)(from + x * components, m, components, plane);
    for (int k = 0; k < count; k++) chosen[k] = plane + (keep[k] - 1) * PLANE;
    E *out = to + x * count;
    for (int64_t i = 0; i < m; i++)
      for (int k = 0; k < count; k++) out[i * count + k] = chosen[k][i];
  }
}

static inline __attribute__((always_inline)) void X(pick_one)(const E *from, E *to, int64_t n, int components) {
  for (int64_t x = 0; x < n; x++) to[x] = from[x * components];
}

/* Red and blue in each other's place. */
static inline __attribute__((always_inline)) void X(swap)(const E *restrict from, E *restrict to, int64_t n) {
  for (int64_t x = 0; x < n; x++) {
    to[3 * x] = from[3 * x + 2];
    to[3 * x + 1] = from[3 * x + 1];
    to[3 * x + 2] = from[3 * x];
  }
}

CM_SIMD static void X(pick_known)(const E *from, E *to, int64_t n, int components, const int64_t *keep, int count) {
  if (count == 1 && components == 3)
    X(pick_one)(from + keep[0] - 1, to, n, 3);
  else if (count == 1 && components == 4)
    X(pick_one)(from + keep[0] - 1, to, n, 4);
  else if (count == 3 && components == 3 && keep[0] == 3 && keep[1] == 2 && keep[2] == 1)
    X(swap)(from, to, n);
  else if (count == 3 && components == 3)
    X(shuffle)(from, to, n, 3, keep, 3);
  else if (count == 3 && components == 4)
    X(shuffle)(from, to, n, 4, keep, 3);
  else
    for (int k = 0; k < count; k++)
      for (int64_t x = 0; x < n; x++) to[x * count + k] = from[x * components + keep[k] - 1];
}

static void X(pick)(const void *from, void *to, int64_t n, int components, const int64_t *keep, int count) {
  X(pick_known)(from, to, n, components, keep, count);
}
#undef E
#undef X
