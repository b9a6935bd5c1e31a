/* Grey morphology of one band of rows, once per voxel type. Erosion is the dilation of the reversed order: integers are
 * flipped (~v), reals negated, on the way in and out. NaN never wins a comparison, so it takes no part. */

#if T_FLOAT
#define LOWEST ((T)-INFINITY)
#define TURN(v, erode) ((erode) != 0 ? -(v) : (v))
#else
#define LOWEST ((T)T_MIN)
#define TURN(v, erode) ((T)((v) ^ (erode)))
#endif

CM_SIMD static void X(raise)(T *restrict acc, const T *row, T erode, int64_t n) {
#if T_FLOAT
  if (erode != 0)
    for (int64_t i = 0; i < n; i++) acc[i] = -row[i] > acc[i] ? -row[i] : acc[i];
  else
    for (int64_t i = 0; i < n; i++) acc[i] = row[i] > acc[i] ? row[i] : acc[i];
#else
  for (int64_t i = 0; i < n; i++) {
    T v = (T)(row[i] ^ erode);
    acc[i] = v > acc[i] ? v : acc[i];
  }
#endif
}

CM_SIMD static void X(raise_to)(T *restrict acc, T value, int64_t n) {
  for (int64_t i = 0; i < n; i++) acc[i] = value > acc[i] ? value : acc[i];
}

/* The largest of each value and its neighbours one voxel (c values) to both sides; acc has one voxel of padding. */
CM_SIMD static void X(widen)(const T *restrict acc, T *restrict to, int64_t c, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    T v = acc[i - c] > acc[i + c] ? acc[i - c] : acc[i + c];
    to[i] = v > acc[i] ? v : acc[i];
  }
}

static void X(pad)(T *acc, T value, int64_t c, int64_t n) {
  for (int64_t i = 0; i < c; i++) acc[-1 - i] = acc[n + i] = value;
}

/* One row: rows[k] is the row of segment k, NULL beyond the border. Result in `to`; centre: the row in the middle. */
static void X(row)(const Grey *job, const T *const *rows, const T *centre, bool erode_op, T *a, T *b, T *to) {
  const CmElement *element = job->element;
  const CmSegment *items = cm__element_segments(element, erode_op);
  const int64_t c = job->grid.components, row_n = job->grid.row, pad = element->pad, n = row_n + 2 * pad * c;
#if T_FLOAT
  const T erode = (T)erode_op;
#else
  const T erode = erode_op ? (T) ~(T)0 : (T)0;
#endif
  const T outside = job->zero_outside ? TURN((T)0, erode) : LOWEST;
  for (int64_t i = 0; i < n; i++) a[i] = LOWEST;
  X(pad)(a, outside, c, n);
  X(pad)(b, outside, c, n);
  int64_t half = items[0].half;
  for (int64_t k = 0;; k++) {
    int64_t next = k < element->count ? items[k].half : 0;
    for (; half > next; half--) {
      X(widen)(a, b, c, n);
      T *swap = a;
      a = b;
      b = swap;
    }
    if (k == element->count) break;
    const int64_t shift = rows[k] ? (pad - items[k].dx) * c : n;
    if (rows[k]) X(raise)(a + shift, rows[k], erode, row_n);
    if (!job->zero_outside) continue;
    X(raise_to)(a, outside, shift);
    if (rows[k]) X(raise_to)(a + shift + row_n, outside, n - shift - row_n);
  }
  a += pad * c;
  for (int64_t i = 0; i < row_n; i++) {
#if T_FLOAT
    to[i] = a[i] == LOWEST && centre[i] != centre[i] ? centre[i] : TURN(a[i], erode);
#else
    (void)centre;
    to[i] = TURN(a[i], erode);
#endif
  }
}

/* Row (y, z) of the image after the first step, in `to`. */
static void X(first_row)(const Grey *job, int64_t t, int64_t y, int64_t z, const T **rows, T *a, T *b, T *to) {
  const CmGrid *grid = &job->grid;
  const bool erode = job->morph == CM_MORPH_ERODE || job->morph == CM_MORPH_OPEN;
  const CmSegment *items = cm__element_segments(job->element, erode);
  const T *volume = cm__row(job->image, grid, t * grid->nz * grid->ny);
  for (int64_t k = 0; k < job->element->count; k++) {
    int64_t yy = y + items[k].dy, zz = z + items[k].dz;
    bool in = yy >= 0 && yy < grid->ny && zz >= 0 && zz < grid->nz;
    rows[k] = in ? volume + (zz * grid->ny + yy) * grid->row : NULL;
  }
  X(row)
  (job, rows, volume + (z * grid->ny + y) * grid->row, erode, a, b, to);
}

/* Opening and closing: planes of the first step in a ring, the second step behind. The band has the rows that the
 * second step needs beside y0..y1 as well. */
static void X(twice)(const Grey *job, int64_t t, int64_t y0, int64_t y1, const T **rows, T *a, T *b, T *ring) {
  const CmGrid *grid = &job->grid;
  const CmSegment *items = cm__element_segments(job->element, job->morph == CM_MORPH_CLOSE);
  const int64_t ry = job->element->reach[1], rz = job->element->reach[2], depth = 2 * rz + 1;
  const int64_t b0 = y0 - ry < 0 ? 0 : y0 - ry, b1 = y1 + ry > grid->ny ? grid->ny : y1 + ry,
                slot = (b1 - b0) * grid->row;
  for (int64_t z = -rz; z < grid->nz; z++) {
    int64_t ahead = z + rz;
    for (int64_t y = b0; y < b1 && ahead < grid->nz; y++)
      X(first_row)(job, t, y, ahead, rows, a, b, ring + ahead % depth * slot + (y - b0) * grid->row);
    for (int64_t y = y0; y < y1 && z >= 0; y++) {
      for (int64_t k = 0; k < job->element->count; k++) {
        int64_t yy = y + items[k].dy, zz = z + items[k].dz;
        bool in = yy >= 0 && yy < grid->ny && zz >= 0 && zz < grid->nz;
        rows[k] = in ? ring + zz % depth * slot + (yy - b0) * grid->row : NULL;
      }
      X(row)
      (job, rows, ring + z % depth * slot + (y - b0) * grid->row, job->morph == CM_MORPH_CLOSE, a, b,
       cm__row_mut(job->out, grid, (t * grid->nz + z) * grid->ny + y));
    }
  }
}

static void X(band)(const Grey *job, int64_t t, int64_t y0, int64_t y1, const void **pointers, void *scratch) {
  const CmGrid *grid = &job->grid;
  const T **rows = (const T **)pointers;
  const int64_t line = grid->row + 2 * (1 + job->element->pad) * grid->components;
  T *a = (T *)scratch + grid->components, *b = a + line, *ring = (T *)scratch + 2 * line;
  if (job->morph == CM_MORPH_OPEN || job->morph == CM_MORPH_CLOSE) {
    X(twice)(job, t, y0, y1, rows, a, b, ring);
    return;
  }
  for (int64_t z = 0; z < grid->nz; z++)
    for (int64_t y = y0; y < y1; y++)
      X(first_row)(job, t, y, z, rows, a, b, cm__row_mut(job->out, grid, (t * grid->nz + z) * grid->ny + y));
}

#undef LOWEST
#undef TURN
