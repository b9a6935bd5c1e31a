/* Grey morphology of one band of rows, once per voxel type. Erosion is the dilation of the reversed order: integers are
 * flipped (~v), reals negated (times -1), on the way in and out. NaN never wins a comparison, so it takes no part. */

#if T_FLOAT
#define LOWEST ((T)-INFINITY)
#define TURN(v, erode) ((v) * (erode))
#else
#define LOWEST ((T)T_MIN)
#define TURN(v, erode) ((T)((v) ^ (erode)))
#endif

static inline T X(turn)(bool erode) {
#if T_FLOAT
  return erode ? (T)-1 : (T)1;
#else
  return erode ? (T) ~(T)0 : (T)0;
#endif
}

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

/* The result: widened once more (c, d: as above; d 0: not), then two rows more, where there are any. */
static inline void X(finish_some)(const T *restrict acc, const T *centre, const T *const *more, bool any, T erode,
                                  int64_t c, int64_t d, bool dense, T *restrict to, int64_t n) {
  const T *one = more[0], *two = more[1];
  for (int64_t i = 0; i < n; i++) {
    T most = X(largest)(acc, i, c, d, dense);
    if (any) {
      const T v = TURN(one[i], erode), w = TURN(two[i], erode);
      most = v > most ? v : most;
      most = w > most ? w : most;
    }
    to[i] = X(turned_back)(most, centre[i], erode);
  }
}

CM_SIMD static void X(finish)(const T *restrict acc, const T *centre, const T *const *more, T erode, int64_t c,
                              int64_t d, T *restrict to, int64_t n) {
  if (more[0] && c)
    X(finish_some)(acc, centre, more, true, erode, c, d, true, to, n);
  else if (more[0])
    X(finish_some)(acc, centre, more, true, erode, 0, d, false, to, n);
  else if (c)
    X(finish_some)(acc, centre, more, false, erode, c, d, true, to, n);
  else
    X(finish_some)(acc, centre, more, false, erode, 0, d, false, to, n);
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

/* The rows of the segments from k on, if they are one or two of single voxels: they join at the end. */
static bool X(join)(const Grey *job, const CmSegment *items, int64_t k, const T *const *rows, const T **more) {
  const int64_t left = job->element->count - k;
  if (left < 1 || left > 2 || job->element->pad || items[k].half || !rows[k] || !rows[k + left - 1]) return false;
  more[0] = rows[k];
  more[1] = rows[k + left - 1];
  return true;
}

/* One row: rows[k] is the row of segment k, NULL beyond the border. Result in `to`; centre: the row in the middle.
 * gathered: a holds what all segments see, which are as long. */
static void X(row)(const Grey *job, const T *const *rows, const T *centre, bool erode_op, bool gathered, T *a, T *b,
                   T *to) {
  const CmElement *element = job->element;
  const CmSegment *items = cm__element_segments(element, erode_op);
  const int64_t c = job->grid.components, pad = element->pad, n = job->grid.row + 2 * pad * c;
  const T erode = X(turn)(erode_op), outside = job->zero_outside ? TURN((T)0, erode) : LOWEST;
  const T *more[2] = {NULL, NULL};
  bool fresh = true;
  X(pad)(a, outside, (items[0].half + SIDE) * c, n);
  for (int64_t k = 0; k < element->count;) {
    const int64_t half = items[k].half;
    k = gathered ? element->count : X(gather)(job, items, k, rows, erode, outside, a, &fresh);
    const int64_t next = k < element->count ? items[k].half : 0;
    const bool last = k == element->count || (half > 0 && X(join)(job, items, k, rows, more));
    /* values at first widen by their neighbours (a step of 1 is no more); what stands for 2 done + 1 may step as far */
    for (int64_t done = 0, step; done < half - next; done += step) {
      const int64_t left = half - next - done, most = done ? 2 * done + 1 : SIDE;
      step = left < most ? left : most;
      const int64_t near = done || step == 1 ? 0 : c,
                    beside = (half - done - step) * c; /* so far beyond both ends they count */
      if (last && step == left) {
        X(finish)(a + pad * c, centre, more, erode, near, step * c, to, job->grid.row);
        return;
      }
      X(widen)(a - beside, b - beside, near, step * c, n + 2 * beside);
      T *swap = a;
      a = b;
      b = swap;
    }
  }
  X(finish)(a + pad * c, centre, more, erode, 0, 0, to, job->grid.row);
}

static T *X(at)(const Grey *job, const Rows *rows, int64_t y, int64_t z) {
  return (T *)rows->base + (z % rows->nz * rows->ny + y % rows->ny) * job->grid.row;
}

static void X(one)(const Grey *job, const Rows *from, bool erode, int64_t y, int64_t z, const T **rows, T *a, T *b,
                   T *to) {
  const CmSegment *items = cm__element_segments(job->element, erode);
  for (int64_t k = 0; k < job->element->count; k++) {
    const int64_t yy = y + items[k].dy, zz = z + items[k].dz;
    const bool in = yy >= 0 && yy < job->grid.ny && zz >= 0 && zz < job->grid.nz;
    rows[k] = in ? X(at)(job, from, yy, zz) : NULL;
  }
  X(row)(job, rows, X(at)(job, from, y, z), erode, false, a, b, to);
}

/* What the rows of a group see, given what all of them see: rows leave at one end and enter at the other. */
CM_SIMD static void X(spread)(const T *restrict all, const T *const *leave, const T *const *enter, T erode,
                              int64_t line, T *restrict to, int64_t n) {
  T *restrict to1 = to + line, *restrict to2 = to + 2 * line, *restrict to3 = to + 3 * line;
  const T *const l0 = leave[0], *const l1 = leave[1], *const l2 = leave[2];
  const T *const e0 = enter[0], *const e1 = enter[1], *const e2 = enter[2];
  for (int64_t i = 0; i < n; i++) {
    T low = all[i], high = low, v;
    T first, second, third;
    v = TURN(l2[i], erode), low = v > low ? v : low, third = low;
    v = TURN(l1[i], erode), low = v > low ? v : low, second = low;
    v = TURN(l0[i], erode), first = v > low ? v : low;
    v = TURN(e0[i], erode), high = v > high ? v : high, second = high > second ? high : second;
    v = TURN(e1[i], erode), high = v > high ? v : high, third = high > third ? high : third;
    v = TURN(e2[i], erode), high = v > high ? v : high;
    to[i] = first;
    to1[i] = second;
    to2[i] = third;
    to3[i] = high;
  }
}

/* GROUP rows under a box in the plane, all of whose rows are within the image. */
static void X(group)(const Grey *job, const Rows *from, bool erode_op, int64_t y, int64_t z, const T **rows, T *a, T *b,
                     const Rows *to) {
  const int64_t ry = job->element->reach[1], n = job->grid.row, line = line_values(job);
  const int64_t shared = 2 * ry + 2 - GROUP;
  const T erode = X(turn)(erode_op), *ends[2 * (GROUP - 1)];
  for (int64_t k = 0; k < shared; k++) rows[k] = X(at)(job, from, y - ry + GROUP - 1 + k, z);
  for (int64_t k = 0; k < GROUP - 1; k++) {
    ends[k] = X(at)(job, from, y - ry + k, z);
    ends[GROUP - 1 + k] = X(at)(job, from, y + ry + 1 + k, z);
  }
  for (int64_t k = 0; k < shared; k += MANY)
    X(raise_many)(b, rows + k, (int)(shared - k < MANY ? shared - k : MANY), erode, k == 0, n);
  X(spread)(b, ends, ends + GROUP - 1, erode, line, a, n);
  for (int64_t k = 0; k < GROUP; k++)
    X(row)(job, NULL, X(at)(job, from, y + k, z), erode_op, true, a + k * line, b, X(at)(job, to, y + k, z));
}

/* `count` rows, at most GROUP. */
static void X(some)(const Grey *job, const Rows *from, bool erode, int64_t y, int64_t z, int64_t count, const T **rows,
                    T *a, T *b, const Rows *to) {
  const int64_t ry = job->element->reach[1];
  if (job->is_box && count == GROUP && y >= ry && y + GROUP - 1 + ry < job->grid.ny)
    X(group)(job, from, erode, y, z, rows, a, b, to);
  else
    for (int64_t k = 0; k < count; k++) X(one)(job, from, erode, y + k, z, rows, a, b, X(at)(job, to, y + k, z));
}

/* Opening and closing: rows of the first step in a ring, the second step behind. */
static void X(twice)(const Grey *job, const Rows *from, int64_t y0, int64_t y1, const T **rows, T *a, T *b, Rows *ring,
                     const Rows *to) {
  const CmGrid *grid = &job->grid;
  const bool erode = job->morph == CM_MORPH_OPEN;
  const int64_t ry = job->element->reach[1], rz = job->element->reach[2];
  const int64_t b0 = y0 - ry < 0 ? 0 : y0 - ry, b1 = y1 + ry > grid->ny ? grid->ny : y1 + ry;
  for (int64_t z = -rz; z < grid->nz; z++)
    for (int64_t y = y0, made = b0; y < y1; y += GROUP) {
      const int64_t count = y1 - y < GROUP ? y1 - y : GROUP, need = y + count + ry < b1 ? y + count + ry : b1;
      for (int64_t step; made < need && z + rz < grid->nz; made += step) {
        step = need - made < GROUP ? need - made : GROUP;
        X(some)(job, from, erode, made, z + rz, step, rows, a, b, ring);
      }
      if (z >= 0) X(some)(job, ring, !erode, y, z, count, rows, a, b, to);
    }
}

static void X(band)(const Grey *job, int64_t t, int64_t y0, int64_t y1, const void **pointers, void *scratch) {
  const CmGrid *grid = &job->grid;
  const T **rows = (const T **)pointers;
  const int64_t line = line_values(job), volume = t * grid->nz * grid->ny;
  T *a = (T *)scratch + (SIDE + job->element->reach[0]) * grid->components, *b = a + GROUP * line;
  const Rows from = {(void *)cm__row(job->image, grid, volume), grid->ny, grid->nz};
  const Rows to = {cm__row_mut(job->out, grid, volume), grid->ny, grid->nz};
  Rows ring = {(T *)scratch + (GROUP + 1) * line, ring_rows(job, y1 - y0), 2 * job->element->reach[2] + 1};
  if (job->morph == CM_MORPH_OPEN || job->morph == CM_MORPH_CLOSE) {
    X(twice)(job, &from, y0, y1, rows, a, b, &ring, &to);
    return;
  }
  for (int64_t z = 0; z < grid->nz; z++)
    for (int64_t y = y0; y < y1; y += GROUP)
      X(some)(job, &from, job->morph == CM_MORPH_ERODE, y, z, y1 - y < GROUP ? y1 - y : GROUP, rows, a, b, &to);
}

#undef LOWEST
#undef TURN
