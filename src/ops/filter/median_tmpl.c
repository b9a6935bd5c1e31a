/* Medians of a tile, once per voxel type. Values become keys K, integers that sort like them; NaN sorts last. */
#define K X(Key)
enum { X(LANES) = 128 / (int)sizeof(K) }; /* what is sorted side by side */

#if T_FLOAT
static inline K X(key)(T v) {
  K bits;
  memcpy(&bits, &v, sizeof(bits));
  const K low = (K)(((K)1 << (8 * sizeof(K) - 2)) - 1) * 2 + 1;
  return v != v ? low : bits < 0 ? (K)(bits ^ low) : bits;
}

static inline T X(unkey)(K key) {
  const K low = (K)(((K)1 << (8 * sizeof(K) - 2)) - 1) * 2 + 1;
  const K bits = key < 0 ? (K)(key ^ low) : key;
  T v;
  memcpy(&v, &bits, sizeof(v));
  return v;
}
#else
static inline K X(key)(T v) {
  return v;
}

static inline T X(unkey)(K key) {
  return key;
}
#endif

CM_SIMD static void X(to_keys)(const T *restrict from, int64_t n, K *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] = X(key)(from[i]);
}

static K X(border_key)(const Median *job) {
  T constant;
  cm__line_from_f64(cm_image_type(job->image), &job->border_value, 1, &constant);
  return X(key)(constant);
}

/* Rows of the tile with its halo, as keys. */
static void X(load_tile)(const Median *job, const Tile *tile, K *keys) {
  const CmGrid *grid = &job->grid;
  const int64_t c = grid->components, first = tile->begin[0] - job->radius[0],
                last = tile->begin[0] + tile->size[0] + job->radius[0];
  const int64_t in_first = first < 0 ? 0 : first, in_last = last > grid->nx ? grid->nx : last;
  const K constant = X(border_key)(job);
  for (int64_t z = -job->radius[2]; z < tile->size[2] + job->radius[2]; z++)
    for (int64_t y = -job->radius[1]; y < tile->size[1] + job->radius[1]; y++, keys += (last - first) * c) {
      const int64_t zz = cm__border_index(job->border, tile->begin[2] + z, grid->nz);
      const int64_t yy = cm__border_index(job->border, tile->begin[1] + y, grid->ny);
      const T *row = zz < 0 || yy < 0 ? NULL : cm__row(job->image, grid, (tile->t * grid->nz + zz) * grid->ny + yy);
      for (int64_t i = 0; !row && i < (last - first) * c; i++) keys[i] = constant;
      if (!row) continue;
      X(to_keys)(row + in_first * c, (in_last - in_first) * c, keys + (in_first - first) * c);
      for (int64_t x = first; x < last; x++) {
        if (x == in_first) x = in_last;
        if (x >= last) break;
        const int64_t xx = cm__border_index(job->border, x, grid->nx);
        for (int64_t k = 0; k < c; k++) keys[(x - first) * c + k] = xx < 0 ? constant : X(key)(row[xx * c + k]);
      }
    }
}

/* The smaller of each pair to a, the larger to b. */
static inline void X(exchange)(K *restrict a, K *restrict b) {
  for (int i = 0; i < X(LANES); i++) {
    const K low = a[i] < b[i] ? a[i] : b[i], high = a[i] < b[i] ? b[i] : a[i];
    a[i] = low;
    b[i] = high;
  }
}

/* Medians of `count` (odd) rows, LANES of each. Of (count + 3) / 2 values neither the smallest nor the largest can be
 * the median: they leave, the next value comes, until three are left. */
CM_SIMD static void X(select)(const K *const *rows, int count, int64_t at, K *restrict to) {
  K lane[MOST_NETWORK / 2 + 2][X(LANES)];
  int left = (count + 3) / 2, next = left;
  if (count == 1) left = next = 1;
  for (int k = 0; k < left; k++) memcpy(lane[k], rows[k] + at, sizeof(lane[k]));
  int first = 0;
  while (left >= 3) {
    const int last = first + left - 1;
    for (int k = 0; k < left / 2; k++) X(exchange)(lane[first + k], lane[last - k]);
    for (int k = 1; k < (left + 1) / 2; k++) X(exchange)(lane[first], lane[first + k]);
    for (int k = left / 2; k < left - 1; k++) X(exchange)(lane[first + k], lane[last]);
    /* the largest makes place for the next, the smallest leaves */
    if (next < count) memcpy(lane[last], rows[next++] + at, sizeof(lane[last]));
    first++;
    left--;
    if (left == 2) /* of the last three the middle one */
      left = 1;
  }
  memcpy(to, lane[first], sizeof(lane[first]));
}

CM_SIMD static void X(from_keys)(const K *restrict keys, int64_t n, T *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] = X(unkey)(keys[i]);
}

static void X(store)(const Median *job, const Tile *tile, int64_t row, const K *keys, double *scratch) {
  const CmGrid *grid = &job->grid;
  const CmType type = cm_image_type(job->out);
  const int64_t c = grid->components, n = tile->size[0] * c;
  CmGrid out_grid = *grid;
  out_grid.size = cm_type_size(type);
  char *to = (char *)cm__row_mut(job->out, &out_grid, row) + (size_t)(tile->begin[0] * c) * out_grid.size;
  if ((const void *)keys == to) return;
  if (type == cm_image_type(job->image)) {
    X(from_keys)(keys, n, (T *)to);
    return;
  }
  for (int64_t i = 0; i < n; i++) scratch[i] = (double)X(unkey)(keys[i]);
  cm__line_from_f64(type, scratch, n, to);
}

/* Where the result of a row may be written at once, as keys: the image itself if keys are its values, else `line`. */
static K *X(place)(const Median *job, const Tile *tile, int64_t row, K *line) {
#if !T_FLOAT
  if (cm_image_type(job->out) == cm_image_type(job->image))
    return (K *)cm__row_mut(job->out, &job->grid, row) + tile->begin[0] * job->grid.components;
#else
  (void)job, (void)tile, (void)row;
#endif
  return line;
}

static inline K X(least)(K a, K b) {
  return a < b ? a : b;
}

static inline K X(most)(K a, K b) {
  return a < b ? b : a;
}

static inline K X(middle)(K a, K b, K c) {
  return X(most)(X(least)(a, b), X(least)(X(most)(a, b), c));
}

/* Three values of a column, sorted: two of them (pair_low <= pair_high) and one. */
typedef struct X(Column) {
  K low, middle, high;
} X(Column);

static inline X(Column) X(column)(K pair_low, K pair_high, K one) {
  const K rest = X(least)(pair_high, one);
  return (X(Column)){X(least)(pair_low, rest), X(most)(pair_low, rest), X(most)(pair_high, one)};
}

/* Of sorted columns the median is that of the largest low, the middle one of the middles and the smallest high. */
static inline K X(of_columns)(X(Column) a, X(Column) b, X(Column) c) {
  return X(middle)(X(most)(X(most)(a.low, b.low), c.low), X(middle)(a.middle, b.middle, c.middle),
                   X(least)(X(least)(a.high, b.high), c.high));
}

/* 3 x 3, two rows together, which share two of their four rows: from a step before the first window's middle on. */
CM_SIMD static void X(median9)(const K *const *rows, int64_t step, K *restrict to, K *restrict next, int64_t n) {
  const K *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3];
#define SORTED(k)                                                                                                  \
  const K b##k = b[i + k * step], c##k = c[i + k * step], l##k = X(least)(b##k, c##k), h##k = X(most)(b##k, c##k); \
  const X(Column) up##k = X(column)(l##k, h##k, a[i + k * step]), down##k = X(column)(l##k, h##k, d[i + k * step]);
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    SORTED(0)
    SORTED(1)
    SORTED(2)
    to[i] = X(of_columns)(up0, up1, up2);
    next[i] = X(of_columns)(down0, down1, down2);
  }
#undef SORTED
}

/* clang-format indents a row of L() further each time */
/* clang-format off */
/* The values of a window are variables v0, v1 …: an array would keep the loops from becoming vectors. */
#define L(k, value) K v##k = value;
#define S(a, b)                               \
  {                                           \
    const K low_ = v##a < v##b ? v##a : v##b; \
    v##b = v##a < v##b ? v##b : v##a;         \
    v##a = low_;                              \
  }

/* Rows sorted at each place: the k-th smallest of it to columns[k * wide + i]. */
CM_SIMD static void X(sort5)(const K *const *rows, K *restrict columns, int64_t wide, int64_t n) {
  const K *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3], *e = rows[4];
  K *low = columns, *high = columns + 3 * wide;
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    L(0, a[i])
    L(1, b[i])
    L(2, c[i]) L(3, d[i]) L(4, e[i]) SORT_5(S) low[i] = v0,
                                               low[wide + i] = v1, low[2 * wide + i] = v2, high[i] = v3,
                                               high[wide + i] = v4;
  }
}

CM_SIMD static void X(sort9)(const K *const *rows, K *restrict columns, int64_t wide, int64_t n) {
  const K *a = rows[0], *b = rows[1], *c = rows[2], *d = rows[3], *e = rows[4], *f = rows[5], *g = rows[6],
          *h = rows[7], *j = rows[8];
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    L(0, a[i])
    L(1, b[i])
    L(2, c[i]) L(3, d[i]) L(4, e[i]) L(5, f[i]) L(6, g[i]) L(7, h[i]) L(8, j[i]) SORT_9(S) K *to = columns + i;
    to[0] = v0, to[wide] = v1, to[2 * wide] = v2, to[3 * wide] = v3, to[4 * wide] = v4;
    to[5 * wide] = v5, to[6 * wide] = v6, to[7 * wide] = v7, to[8 * wide] = v8;
  }
}

/* columns: as above; step: from column to column. */
CM_SIMD static void X(median25)(const K *restrict columns, int64_t wide, int64_t step, K *restrict to, int64_t n) {
  const K *a = columns, *b = a + wide, *c = b + wide, *d = c + wide, *e = d + wide;
  for (int64_t i = 0; i < n; i++) {
    L(0, a[i])
    L(1, a[i + step])
    L(2, a[i + 2 * step])
    L(3, a[i + 3 * step]) L(4, a[i + 4 * step]) L(5, b[i]) L(6, b[i + step]) L(7, b[i + 2 * step]) L(8, b[i + 3 * step])
        L(9, b[i + 4 * step]) L(10, c[i]) L(11, c[i + step]) L(12, c[i + 2 * step]) L(13, c[i + 3 * step])
            L(14, c[i + 4 * step]) L(15, d[i]) L(16, d[i + step]) L(17, d[i + 2 * step]) L(18, d[i + 3 * step])
                L(19, d[i + 4 * step]) L(20, e[i]) L(21, e[i + step]) L(22, e[i + 2 * step]) L(23, e[i + 3 * step])
                    L(24, e[i + 4 * step]) MEDIAN_25(S) to[i] = v12;
  }
}

CM_SIMD static void X(median27)(const K *restrict columns, int64_t wide, int64_t step, K *restrict to, int64_t n) {
  const K *a = columns, *b = a + wide, *c = b + wide, *d = c + wide, *e = d + wide, *f = e + wide, *g = f + wide,
          *h = g + wide, *j = h + wide;
  for (int64_t i = 0; i < n; i++) {
    L(0, a[i])
    L(1, a[i + step])
    L(2, a[i + 2 * step])
    L(3, b[i]) L(4, b[i + step]) L(5, b[i + 2 * step]) L(6, c[i]) L(7, c[i + step]) L(8, c[i + 2 * step]) L(9, d[i])
        L(10, d[i + step]) L(11, d[i + 2 * step]) L(12, e[i]) L(13, e[i + step]) L(14, e[i + 2 * step]) L(15, f[i])
            L(16, f[i + step]) L(17, f[i + 2 * step]) L(18, g[i]) L(19, g[i + step]) L(20, g[i + 2 * step]) L(21, h[i])
                L(22, h[i + step]) L(23, h[i + 2 * step]) L(24, j[i]) L(25, j[i + step]) L(26, j[i + 2 * step])
                    MEDIAN_27(S) to[i] = v2;
  }
}
#undef S
#undef L
/* clang-format on */

/* The number of a row of the tile in the image. */
static int64_t X(row_at)(const Median *job, const Tile *tile, int64_t y, int64_t z) {
  return (tile->t * job->grid.nz + tile->begin[2] + z) * job->grid.ny + tile->begin[1] + y;
}

/* Pointers to the rows of the window of row (y, z) of the tile, at its left end; returns how many. */
static int X(window_rows)(const Median *job, const Tile *tile, const K *keys, int64_t y, int64_t z, const K **rows) {
  const int64_t *r = job->radius, wide = (tile->size[0] + 2 * r[0]) * job->grid.components;
  int count = 0;
  for (int64_t dz = 0; dz <= 2 * r[2]; dz++)
    for (int64_t dy = 0; dy <= 2 * r[1]; dy++)
      rows[count++] = keys + ((z + dz) * (tile->size[1] + 2 * r[1]) + y + dy) * wide;
  return count;
}

/* The same without the halo along x: rows of the image itself where its values are the keys. beyond: a row of border
 * values. */
static int X(inner_rows)(const Median *job, const Tile *tile, const K *keys, const K *beyond, int64_t y, int64_t z,
                         const K **rows) {
#if T_FLOAT
  (void)beyond;
  const int count = X(window_rows)(job, tile, keys, y, z, rows);
  for (int k = 0; k < count; k++) rows[k] += job->radius[0] * job->grid.components;
#else
  (void)keys;
  const int64_t *r = job->radius;
  int count = 0;
  for (int64_t dz = -r[2]; dz <= r[2]; dz++)
    for (int64_t dy = -r[1]; dy <= r[1]; dy++) {
      const int64_t zz = cm__border_index(job->border, tile->begin[2] + z + dz, job->grid.nz);
      const int64_t yy = cm__border_index(job->border, tile->begin[1] + y + dy, job->grid.ny);
      const int64_t row = (tile->t * job->grid.nz + zz) * job->grid.ny + yy;
      rows[count++] = yy < 0 || zz < 0 ? beyond : cm__row(job->image, &job->grid, row);
    }
#endif
  return count;
}

/* Columns beyond the left and right end of a row are columns of the row, since all its rows share the border rule. */
static void X(pad_columns)(const Median *job, const K *beyond, int count, K *columns) {
  const int64_t c = job->grid.components, r = job->radius[0], nx = job->grid.nx, wide = (nx + 2 * r) * c;
  for (int k = 0; k < count; k++, columns += wide)
    for (int64_t i = 1; i <= r; i++) {
      const int64_t left = cm__border_index(job->border, -i, nx), right = cm__border_index(job->border, nx - 1 + i, nx);
      memcpy(columns + (r - i) * c, left < 0 ? beyond : columns + (r + left) * c, (size_t)c * sizeof(K));
      memcpy(columns + (r + nx - 1 + i) * c, right < 0 ? beyond : columns + (r + right) * c, (size_t)c * sizeof(K));
    }
}

static void X(nine_from)(const K *const *rows, int64_t step, int64_t at, int64_t n, K *const *to) {
  const K *from[4] = {rows[0] + at - step, rows[1] + at - step, rows[2] + at - step, rows[3] + at - step};
  X(median9)(from, step, to[0] + at, to[1] + at, n);
}

/* Windows begin .. end - 1 of two rows: the first and the last LANES, and what lies between them from a multiple of
 * LANES on; they overlap, so that all go side by side. */
static void X(span_of_nine)(const K *const *rows, int64_t step, int64_t begin, int64_t end, K *const *to) {
  const int64_t lanes = X(LANES), first = (begin + lanes) / lanes * lanes;
  if (end - begin < 2 * lanes) {
    X(nine_from)(rows, step, begin, end - begin, to);
    return;
  }
  X(nine_from)(rows, step, begin, lanes, to);
  X(nine_from)(rows, step, first, (end - first) / lanes * lanes, to);
  X(nine_from)(rows, step, end - lanes, lanes, to);
}

/* Two rows of 3 x 3 windows; at both ends what lies around them is laid out first, in `near`. */
static void X(rows_of_nine)(const Median *job, const K *const *rows, const K *beyond, K *near, K *const *to) {
  const int64_t c = job->grid.components, nx = job->grid.nx, ends[2] = {0, nx - 1};
  const K *laid[4] = {near, near + 3 * c, near + 6 * c, near + 9 * c};
  for (int end = 0; end < 2; end++) {
    for (int64_t k = 0; k < 12; k++) {
      const int64_t x = cm__border_index(job->border, ends[end] + k % 3 - 1, nx);
      const K *from = x < 0 ? beyond : rows[k / 3] + x * c;
      for (int64_t j = 0; j < c; j++) near[k * c + j] = from[j];
    }
    X(median9)(laid, c, to[0] + ends[end] * c, to[1] + ends[end] * c, c);
  }
  X(span_of_nine)(rows, c, c, (nx - 1) * c, to);
}

/* 3 x 3, along y or z: two rows at a time, a last one twice. room: of nine rows with halo. */
static void X(nine)(const Median *job, const Tile *tile, const K *keys, const K *beyond, K *line, K *room,
                    double *scratch) {
  const int64_t n = tile->size[0] * job->grid.components;
  const int along = job->radius[1] ? 1 : 2, other = 3 - along;
  int64_t at[3] = {0};
  for (at[other] = 0; at[other] < tile->size[other]; at[other]++)
    for (at[along] = 0; at[along] < tile->size[along]; at[along] += 2) {
      const bool pair = at[along] + 1 < tile->size[along];
      const int64_t y = at[1] + (pair && along == 1), z = at[2] + (pair && along == 2);
      const int64_t row = X(row_at)(job, tile, at[1], at[2]), next = X(row_at)(job, tile, y, z);
      const K *rows[6];
      X(inner_rows)(job, tile, keys, beyond, at[1], at[2], rows);
      X(inner_rows)(job, tile, keys, beyond, y, z, rows + 3);
      rows[3] = rows[5];
      K *to[2] = {X(place)(job, tile, row, line), pair ? X(place)(job, tile, next, room) : room};
      X(rows_of_nine)(job, rows, beyond, room + n, to);
      X(store)(job, tile, row, to[0], scratch);
      if (pair) X(store)(job, tile, next, to[1], scratch);
    }
}

/* 5 x 5 and 3 x 3 x 3: columns are sorted once for all windows of a row. line: two rows, and nine with halo. */
static void X(by_columns)(const Median *job, const Tile *tile, const K *keys, K *line, double *scratch) {
  const int64_t c = job->grid.components, n = tile->size[0] * c, wide = n + 2 * job->radius[0] * c;
  const K *rows[MOST_NETWORK];
  K *beyond = line + n, *columns = beyond + n, constant = X(border_key)(job);
  for (int64_t i = 0; i < n; i++) beyond[i] = constant;
  if (job->radius[1] + job->radius[2] == 1) {
    X(nine)(job, tile, keys, beyond, line, columns, scratch);
    return;
  }
  for (int64_t z = 0; z < tile->size[2]; z++)
    for (int64_t y = 0; y < tile->size[1]; y++) {
      const int64_t row = X(row_at)(job, tile, y, z);
      const int count = X(inner_rows)(job, tile, keys, beyond, y, z, rows);
      K *to = X(place)(job, tile, row, line);
      (count == 5 ? X(sort5) : X(sort9))(rows, columns + job->radius[0] * c, wide, n);
      X(pad_columns)(job, beyond, count, columns);
      (count == 5 ? X(median25) : X(median27))(columns, wide, c, to, n);
      X(store)(job, tile, row, to, scratch);
    }
}

/* Other small windows. line: a row of keys, with LANES to spare. */
static void X(by_network)(const Median *job, const Tile *tile, const K *keys, K *line, double *scratch) {
  const int64_t c = job->grid.components, n = tile->size[0] * c;
  const K *rows[MOST_NETWORK], *near[MOST_NETWORK];
  for (int64_t z = 0; z < tile->size[2]; z++)
    for (int64_t y = 0; y < tile->size[1]; y++) {
      const int64_t row = X(row_at)(job, tile, y, z);
      const int across = (int)(2 * job->radius[0] + 1), count = X(window_rows)(job, tile, keys, y, z, rows) * across;
      for (int k = 0; k < count; k++) near[k] = rows[k / across] + k % across * c;
      for (int64_t at = 0; at < n; at += X(LANES)) X(select)(near, count, at, line + at);
      X(store)(job, tile, row, line, scratch);
    }
}

/* Windows up to 1000 bytes of keys: the answer lies between bounds, which are halved by counting; GROUP places side by
 * side, whose windows begin at `at` of the rows `near`, one for each value of the window. Bounds low and high (both may
 * be the answer) are narrowed until they meet. */
typedef K X(Vector) __attribute__((vector_size(32), aligned(1), may_alias));
enum { X(GROUP) = 64 / (int)sizeof(K) };
CM_SIMD_256 static void X(bisect)(const K *const *near, int count, int64_t rank, int64_t at, K *restrict low,
                                  K *restrict high) {
  enum { HALF = X(GROUP) / 2, MOST = sizeof(K) == 1 ? 127 : 32767 }; /* counts up to MOST fit a key */
  for (bool open = true; open;) {
    K middle[X(GROUP)], above[X(GROUP)];
    int32_t counts[X(GROUP)] = {0};
    for (int i = 0; i < X(GROUP); i++) middle[i] = (K)((low[i] & high[i]) + ((low[i] ^ high[i]) >> 1));
    const X(Vector) limit[2] = {*(const X(Vector) *)middle, *(const X(Vector) *)(middle + HALF)};
    for (int k = 0; k < count;) {
      X(Vector) left = {0}, right = {0};
      for (const int end = count - k < MOST ? count : k + MOST; k < end; k++) {
        const K *row = near[k] + at;
        left -= (X(Vector))(*(const X(Vector) *)row > limit[0]);
        right -= (X(Vector))(*(const X(Vector) *)(row + HALF) > limit[1]);
      }
      *(X(Vector) *)above = left;
      *(X(Vector) *)(above + HALF) = right;
      for (int i = 0; i < X(GROUP); i++) counts[i] += (int32_t)above[i];
    }
    int left_open = 0;
    for (int i = 0; i < X(GROUP); i++) {
      const bool enough = count - counts[i] > rank;
      const K next = (K)(middle[i] + (low[i] < high[i]));
      high[i] = enough ? middle[i] : high[i];
      low[i] = enough ? low[i] : next;
      left_open |= low[i] < high[i];
    }
    open = left_open != 0;
  }
}

/* low to at most a, high to at least b. */
CM_SIMD static void X(widen)(const K *a, const K *b, K *restrict low, K *restrict high, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    low[i] = a[i] < low[i] ? a[i] : low[i];
    high[i] = b[i] > high[i] ? b[i] : high[i];
  }
}

/* Bounds of the answer at each of `wide` places of a row, from the rows of the window alone: if in each slab x as many
 * values are small enough as its share of the rank, then in all of them together as well. Medians of slabs; else the
 * least and the largest. */
static void X(slab_bounds)(const Median *job, const K *const *rows, int count, int64_t wide, K *columns, K *low,
                           K *high) {
  if (count <= MOST_NETWORK && job->rank == (int64_t)count * (2 * job->radius[0] + 1) / 2) {
    if (count == 25) {
      for (int k = 0; k < 5; k++) X(sort5)(rows + 5 * k, columns + 5 * k * wide, wide, wide);
      X(median25)(columns, wide, 5 * wide, low, wide);
    } else
      for (int64_t at = 0; at < wide; at += X(LANES)) X(select)(rows, count, at, low + at);
    memcpy(high, low, (size_t)wide * sizeof(K));
    return;
  }
  memcpy(low, rows[0], (size_t)wide * sizeof(K));
  memcpy(high, rows[0], (size_t)wide * sizeof(K));
  for (int k = 1; k < count; k++) X(widen)(rows[k], rows[k], low, high, wide);
}

static void X(by_bisection)(const Median *job, const Tile *tile, const K *keys, K *line, double *scratch) {
  const int64_t *r = job->radius, c = job->grid.components, n = tile->size[0] * c, wide = n + 2 * r[0] * c;
  const int across = (int)(2 * r[0] + 1);
  const K *rows[MOST_BISECTION], *near[MOST_BISECTION];
  K *low = line, *high = low + n + X(LANES), *slab_low = high + n + X(LANES), *slab_high = slab_low + wide + X(LANES);
  for (int64_t z = 0; z < tile->size[2]; z++)
    for (int64_t y = 0; y < tile->size[1]; y++) {
      const int count = X(window_rows)(job, tile, keys, y, z, rows);
      X(slab_bounds)(job, rows, count, wide, slab_high + wide + X(LANES), slab_low, slab_high);
      memcpy(low, slab_low, (size_t)n * sizeof(K));
      memcpy(high, slab_high, (size_t)n * sizeof(K));
      for (int64_t dx = 1; dx <= 2 * r[0]; dx++) X(widen)(slab_low + dx * c, slab_high + dx * c, low, high, n);
      for (int64_t i = n; i < n + X(LANES); i++) low[i] = high[i] = 0; /* beyond the row nothing is sought */
      for (int k = 0; k < count * across; k++) near[k] = rows[k / across] + k % across * c;
      for (int64_t at = 0; at < n; at += X(GROUP)) X(bisect)(near, count * across, job->rank, at, low + at, high + at);
      X(store)(job, tile, X(row_at)(job, tile, y, z), low, scratch);
    }
}

/* Large windows: every value of the tile by its rank, a window as a set of ranks. */
static bool X(by_rank)(const Median *job, const Tile *tile, const K *keys, K *line, double *scratch, const Ranks *ranks,
                       CmError **err) {
  const int64_t c = job->grid.components, n = tile->size[0];
  const int64_t total = tile_values(job, tile->size);
  /* signed keys sort like unsigned ones with the top bit turned */
  const K flip = (K)-1 > (K)0 ? (K)0 : (K)(UINT64_C(1) << (8 * sizeof(K) - 1));
  const uint64_t all = sizeof(K) == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * sizeof(K))) - 1;
  for (int64_t i = 0; i < total; i++)
    ranks->items[i] = (RankItem){.key = (uint64_t)(K)(keys[i] ^ flip) & all, .at = (uint32_t)i};
  rank_items(ranks, total, (int)sizeof(K));
  for (int64_t z = 0; z < tile->size[2]; z++)
    for (int64_t y = 0; y < tile->size[1]; y++) {
      for (int64_t k = 0; k < c; k++) {
        if (cm_context_cancelled(job->ctx, err)) return false; /* large windows take long */
        slide_window(job, tile, ranks, y, z, k);
        for (int64_t x = 0; x < n; x++) line[x * c + k] = keys[ranks->items[ranks->median[x]].at];
      }
      X(store)(job, tile, X(row_at)(job, tile, y, z), line, scratch);
    }
  return true;
}

static bool X(do_tile)(const Median *job, const Tile *tile, void *keys, void *line, double *scratch, const Ranks *ranks,
                       CmError **err) {
  if (job->way != BY_COLUMNS || T_FLOAT) X(load_tile)(job, tile, keys);
  if (job->way == BY_RANK) return X(by_rank)(job, tile, keys, line, scratch, ranks, err);
  if (job->way == BY_COLUMNS)
    X(by_columns)(job, tile, keys, line, scratch);
  else if (job->way == BY_NETWORK)
    X(by_network)(job, tile, keys, line, scratch);
  else
    X(by_bisection)(job, tile, keys, line, scratch);
  return true;
}
#undef K
