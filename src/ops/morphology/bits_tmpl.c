/* Packing and unpacking of rows, once per voxel type. */

/* Bits of the values that are not 0 (label 0) or equal to `label`. */
static void X(pack)(const void *row, int64_t nx, int64_t label, uint64_t *word) {
  const T *v = row;
  const T wanted = (T)label;
  for (int64_t begin = 0; begin < nx; begin += 64) {
    int64_t n = nx - begin < 64 ? nx - begin : 64;
    uint64_t bits = 0;
    if (label == 0)
      for (int64_t x = 0; x < n; x++) bits |= (uint64_t)(v[begin + x] != 0 && v[begin + x] == v[begin + x]) << x;
    else
      for (int64_t x = 0; x < n; x++) bits |= (uint64_t)(v[begin + x] == wanted) << x;
    word[begin / 64] = bits;
  }
}

static void X(unpack)(const uint64_t *word, int64_t nx, int64_t value, void *row) {
  T *v = row;
  for (int64_t x = 0; x < nx; x++) v[x] = (word[x / 64] >> (x % 64)) & 1 ? (T)value : (T)0;
}
