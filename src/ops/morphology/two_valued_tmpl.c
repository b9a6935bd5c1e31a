/* Has the line only 0 and one positive value? Sets it (0: only zeros). Once per voxel type. */
static bool X(two_valued)(const void *from, int64_t n, double *value) {
  const T *v = from;
  T found = 0;
  for (int64_t i = 0; i < n; i++) {
    if (v[i] == 0 || v[i] == found) continue;
    if (found != 0 || !(v[i] > 0)) return false;
    found = v[i];
  }
  *value = (double)found;
  return true;
}
