/* Grey morphology of one band of rows, once per voxel type. Erosion is the dilation of the reversed order: integers are
 * flipped (~v), reals negated (times -1), on the way in and out. NaN never wins a comparison, so it takes no part. */

#if T_FLOAT
#define LOWEST ((T)-INFINITY)
#define TURN(v, erode) ((v) * (erode))
#else
#define LOWEST ((T)T_MIN)
#define TURN(v, erode) ((T)((v) ^ (erode)))
#endif

CM_SIMD static void X(raise)(T *restrict acc, const T *row, T erode, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const T v = TURN(row[i], erode);
    acc[i] = v > acc[i] ? v : acc[i];
  }
}

CM_SIMD static void X(raise_to)(T *restrict acc, T value, int64_t n) {
  for (int64_t i = 0; i < n; i++) acc[i] = value > acc[i] ? value : acc[i];
}

/* The same of `count` rows, which is a constant; fresh: acc is still to be set. */
static inline void X(raise_some)(T *restrict acc, const T *const *rows, int count, T erode, bool fresh, int64_t n) {
  const T *from[MANY];
  for (int k = 0; k < count; k++) from[k] = rows[k];
  for (int64_t i = 0; i < n; i++) {
    T most = fresh ? LOWEST : acc[i];
    for (int k = 0; k < count; k++) {
      const T v = TURN(from[k][i], erode);
      most = v > most ? v : most;
    }
    acc[i] = most;
  }
}

CM_SIMD static void X(raise_many)(T *restrict acc, const T *const *rows, int count, T erode, bool fresh, int64_t n) {
#define RAISE(count_)                                    \
  case count_:                                           \
    if (fresh)                                           \
      X(raise_some)(acc, rows, count_, erode, true, n);  \
    else                                                 \
      X(raise_some)(acc, rows, count_, erode, false, n); \
    break
  switch (count) {
    RAISE(1);
    RAISE(2);
    RAISE(3);
    RAISE(4);
    RAISE(5);
    RAISE(6);
    RAISE(7);
    RAISE(8);
  }
#undef RAISE
}

/* The largest of each value and its neighbours d values and, unless c is 0, c values to both sides. */
static inline T X(largest)(const T *acc, int64_t i, int64_t c, int64_t d, bool dense) {
  const T near = acc[i - c] > acc[i + c] ? acc[i - c] : acc[i + c],
          far = acc[i - d] > acc[i + d] ? acc[i - d] : acc[i + d], most = dense && near > far ? near : far;
  return most > acc[i] ? most : acc[i];
}

CM_SIMD static void X(widen)(const T *restrict acc, T *restrict to, int64_t c, int64_t d, int64_t n) {
  if (c)
    for (int64_t i = 0; i < n; i++) to[i] = X(largest)(acc, i, c, d, true);
  else
    for (int64_t i = 0; i < n; i++) to[i] = X(largest)(acc, i, c, d, false);
}

static void X(pad)(T *acc, T value, int64_t side, int64_t n) {
  for (int64_t i = 0; i < side; i++) acc[-1 - i] = acc[n + i] = value;
}

static inline T X(turned_back)(T most, T centre, T erode) {
#if T_FLOAT
  return most == LOWEST && centre != centre ? centre : TURN(most, erode);
#else
  (void)centre;
  return TURN(most, erode);
#endif
}

/* The result, widened once more (c, d: as above; d 0: not). */
CM_SIMD static void X(finish)(const T *restrict acc, const T *centre, T erode, int64_t c, int64_t d, T *restrict to,
                              int64_t n) {
  if (c)
    for (int64_t i = 0; i < n; i++) to[i] = X(turned_back)(X(largest)(acc, i, c, d, true), centre[i], erode);
  else
    for (int64_t i = 0; i < n; i++) to[i] = X(turned_back)(X(largest)(acc, i, 0, d, false), centre[i], erode);
}

/* Adds the rows of the segments from k on that are as long; the segment after them. */
static int64_t X(gather)(const Grey *job, const CmSegment *items, int64_t k, const T *const *rows, T erode, T outside,
                         T *acc, bool *fresh) {
  const int64_t c = job->grid.components, row_n = job->grid.row, pad = job->element->pad, n = row_n + 2 * pad * c;
  const int32_t half = items[k].half;
  const T *together[MANY];
  int count = 0;
  for (; k < job->element->count && items[k].half == half; k++) {
    if (rows[k] && pad == 0) {
      together[count++] = rows[k];
      if (count < MANY) continue;
      X(raise_many)(acc, together, count, erode, *fresh, n);
      *fresh = false;
      count = 0;
      continue;
    }
    if (*fresh)
      for (int64_t i = 0; i < n; i++) acc[i] = LOWEST;
    *fresh = false;
    const int64_t shift = rows[k] ? (pad - items[k].dx) * c : n;
    if (rows[k]) X(raise)(acc + shift, rows[k], erode, row_n);
    if (!job->zero_outside) continue;
    X(raise_to)(acc, outside, shift);
    if (rows[k]) X(raise_to)(acc + shift + row_n, outside, n - shift - row_n);
  }
  if (count == 0) return k;
  X(raise_many)(acc, together, count, erode, *fresh, n);
  *fresh = false;
  return k;
}

/* One row: rows[k] is the row of segment k, NULL beyond the border. Result in `to`; centre: the row in the middle. */
static void X(row)(const Grey *job, const T *const *rows, const T *centre, bool erode_op, T *a, T *b, T *to) {
  const CmElement *element = job->element;
  const CmSegment *items = cm__element_segments(element, erode_op);
  const int64_t c = job->grid.components, pad = element->pad, n = job->grid.row + 2 * pad * c;
#if T_FLOAT
  const T erode = erode_op ? (T)-1 : (T)1;
#else
  const T erode = erode_op ? (T) ~(T)0 : (T)0;
#endif
  const T outside = job->zero_outside ? TURN((T)0, erode) : LOWEST;
  bool fresh = true;
  X(pad)(a, outside, (items[0].half + SIDE) * c, n);
  for (int64_t k = 0; k < element->count;) {
    const int64_t half = items[k].half;
    k = X(gather)(job, items, k, rows, erode, outside, a, &fresh);
    const int64_t next = k < element->count ? items[k].half : 0;
    /* values at first widen by their neighbours; what stands for 2 done + 1 of them may step as far */
    for (int64_t done = 0, step; done < half - next; done += step) {
      const int64_t left = half - next - done, most = done ? 2 * done + 1 : SIDE;
      step = left < most ? left : most;
      const int64_t near = done ? 0 : c, beside = (half - done - step) * c; /* so far beyond both ends they count */
      if (k == element->count && step == left) {
        X(finish)(a + pad * c, centre, erode, near, step * c, to, job->grid.row);
        return;
      }
      X(widen)(a - beside, b - beside, near, step * c, n + 2 * beside);
      T *swap = a;
      a = b;
      b = swap;
    }
  }
  X(finish)(a + pad * c, centre, erode, 0, 0, to, job->grid.row);
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
  const int64_t line = line_values(job);
  T *a = (T *)scratch + (SIDE + job->element->reach[0]) * grid->components, *b = a + line,
    *ring = (T *)scratch + 2 * line;
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
