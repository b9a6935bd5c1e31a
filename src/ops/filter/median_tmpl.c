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

/* Rows of the tile with its halo, as keys. */
static void X(load_tile)(const Median *job, const Tile *tile, K *keys) {
  const CmGrid *grid = &job->grid;
  const int64_t c = grid->components, first = tile->begin[0] - job->radius[0],
                last = tile->begin[0] + tile->size[0] + job->radius[0];
  const int64_t in_first = first < 0 ? 0 : first, in_last = last > grid->nx ? grid->nx : last;
  double beyond = job->border_value;
  T constant;
  cm__line_from_f64(cm_image_type(job->image), &beyond, 1, &constant);
  for (int64_t z = -job->radius[2]; z < tile->size[2] + job->radius[2]; z++)
    for (int64_t y = -job->radius[1]; y < tile->size[1] + job->radius[1]; y++, keys += (last - first) * c) {
      const int64_t zz = cm__border_index(job->border, tile->begin[2] + z, grid->nz);
      const int64_t yy = cm__border_index(job->border, tile->begin[1] + y, grid->ny);
      const T *row = zz < 0 || yy < 0 ? NULL : cm__row(job->image, grid, (tile->t * grid->nz + zz) * grid->ny + yy);
      for (int64_t i = 0; !row && i < (last - first) * c; i++) keys[i] = X(key)(constant);
      if (!row) continue;
      X(to_keys)(row + in_first * c, (in_last - in_first) * c, keys + (in_first - first) * c);
      for (int64_t x = first; x < last; x++) {
        if (x == in_first) x = in_last;
        if (x >= last) break;
        const int64_t xx = cm__border_index(job->border, x, grid->nx);
        for (int64_t k = 0; k < c; k++) keys[(x - first) * c + k] = X(key)(xx < 0 ? constant : row[xx * c + k]);
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

static inline K X(middle)(K a, K b, K c) {
  const K low = a < b ? a : b, high = a < b ? b : a, rest = high < c ? high : c;
  return low > rest ? low : rest;
}

/* 3 x 3: columns of three are sorted once; the median is that of the largest low, the middle one of the middles and the
 * smallest high. */
CM_SIMD static void X(sort3)(const K *restrict a, const K *restrict b, const K *restrict c, K *restrict low,
                             K *restrict middle, K *restrict high, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const K l = a[i] < b[i] ? a[i] : b[i], h = a[i] < b[i] ? b[i] : a[i], rest = h < c[i] ? h : c[i];
    low[i] = l < rest ? l : rest;
    middle[i] = l < rest ? rest : l;
    high[i] = h < c[i] ? c[i] : h;
  }
}

CM_SIMD static void X(median9)(const K *restrict low, const K *restrict middle, const K *restrict high, int64_t step,
                               K *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    K l = low[i] > low[i + step] ? low[i] : low[i + step], h = high[i] < high[i + step] ? high[i] : high[i + step];
    l = l > low[i + 2 * step] ? l : low[i + 2 * step];
    h = h < high[i + 2 * step] ? h : high[i + 2 * step];
    to[i] = X(middle)(l, X(middle)(middle[i], middle[i + step], middle[i + 2 * step]), h);
  }
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
  if (type == cm_image_type(job->image)) {
    X(from_keys)(keys, n, (T *)to);
    return;
  }
  for (int64_t i = 0; i < n; i++) scratch[i] = (double)X(unkey)(keys[i]);
  cm__line_from_f64(type, scratch, n, to);
}

/* Small windows. keys: the tile; line: four rows of keys with LANES to spare. */
static void X(by_network)(const Median *job, const Tile *tile, const K *keys, K *line, double *scratch) {
  const int64_t *r = job->radius, c = job->grid.components, n = tile->size[0] * c,
                wide = (tile->size[0] + 2 * r[0]) * c;
  const int64_t rows = tile->size[1] + 2 * r[1];
  const K *near[MOST_NETWORK];
  K *columns = line + n + X(LANES);
  for (int64_t z = 0; z < tile->size[2]; z++)
    for (int64_t y = 0; y < tile->size[1]; y++) {
      int count = 0;
      for (int64_t dz = 0; dz <= 2 * r[2]; dz++)
        for (int64_t dy = 0; dy <= 2 * r[1]; dy++)
          for (int64_t dx = 0; dx <= 2 * r[0]; dx++) near[count++] = keys + ((z + dz) * rows + y + dy) * wide + dx * c;
      if (r[0] == 1 && r[1] == 1 && r[2] == 0) {
        X(sort3)(near[0], near[3], near[6], columns, columns + wide, columns + 2 * wide, wide);
        X(median9)(columns, columns + wide, columns + 2 * wide, c, line, n);
      } else
        for (int64_t at = 0; at < n; at += X(LANES)) X(select)(near, count, at, line + at);
      X(store)
      (job, tile, (tile->t * job->grid.nz + tile->begin[2] + z) * job->grid.ny + tile->begin[1] + y, line, scratch);
    }
}

/* Large windows: every value of the tile by its rank, a window as a set of ranks. */
static void X(by_rank)(const Median *job, const Tile *tile, const K *keys, K *line, double *scratch,
                       const Ranks *ranks) {
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
        slide_window(job, tile, ranks, y, z, k);
        for (int64_t x = 0; x < n; x++) line[x * c + k] = keys[ranks->items[ranks->median[x]].at];
      }
      X(store)
      (job, tile, (tile->t * job->grid.nz + tile->begin[2] + z) * job->grid.ny + tile->begin[1] + y, line, scratch);
    }
}

static void X(do_tile)(const Median *job, const Tile *tile, void *keys, void *line, double *scratch,
                       const Ranks *ranks) {
  X(load_tile)(job, tile, keys);
  if (job->network)
    X(by_network)(job, tile, keys, line, scratch);
  else
    X(by_rank)(job, tile, keys, line, scratch, ranks);
}
#undef K
