/* Means over boxes of voxels T with sums S: once per pair. S is uint16_t or int32_t. */

/* to += in - out. */
CM_SIMD static void X(slide)(const T *restrict in, const T *restrict out, S *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = (S)(to[i] + (in[i] - out[i]));
}

CM_SIMD static void X(slide_sums)(const S *restrict in, const S *restrict out, S *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = (S)(to[i] + (in[i] - out[i]));
}

CM_SIMD static void X(enter)(const T *restrict in, S *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = (S)(to[i] + in[i]);
}

CM_SIMD static void X(enter_sums)(const S *restrict in, S *restrict to, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = (S)(to[i] + in[i]);
}

/* line: sums of four, n and `more` behind; sum: of one, or of three. */
CM_SIMD static void X(begin)(const S *restrict from, int64_t step, bool three, S *restrict line, S *restrict sum,
                             int64_t n, int64_t more) {
  for (int64_t i = 0; i < n; i++) {
    const S two = (S)(from[i + step] + from[i + 2 * step]);
    line[i] = (S)(from[i] + two + from[i + 3 * step]);
    sum[i] = three ? (S)(from[i] + two) : from[i];
  }
  for (int64_t i = n; i < n + more; i++)
    line[i] = (S)(from[i] + from[i + step] + from[i + 2 * step] + from[i + 3 * step]);
}

/* line[i] += line[i + step]: what is read lies ahead. */
CM_SIMD static void X(fold)(S *line, int64_t step, int64_t n) {
  CM_INDEPENDENT
  for (int64_t i = 0; i < n; i++) line[i] = (S)(line[i] + line[i + step]);
}

/* sum[i] = sum of from[i + k step], k below width, which is odd and at least 5; line: n + (width - 4) step sums. */
static void X(sum_across)(const S *from, int64_t step, int64_t width, S *line, S *sum, int64_t n) {
  int64_t done = width & 3;
  X(begin)(from, step, done == 3, line, sum, n, (width - 4) * step);
  for (int64_t length = 4; length <= width; length *= 2) {
    if (length > 4) X(fold)(line, length / 2 * step, n + (width - length) * step);
    if (!(width & length)) continue;
    X(enter_sums)(line + done * step, sum, n);
    done += length;
  }
}

/* The sum of `width` neighbours, divided; width and kind are constants. */
static inline void X(divide)(const S *from, int64_t step, int width, DivisorKind kind, const Divisor *by,
                             T *restrict to, int64_t n) {
  const Divisor d = *by;
  for (int64_t i = 0; i < n; i++) {
    S sum = from[i];
    for (int k = 1; k < width; k++) sum = (S)(sum + from[i + k * step]);
    if (kind == BY_PRODUCT)
      to[i] = (T)((uint16_t)((uint32_t)(uint16_t)(sum + d.add) * d.factor >> 16) >> d.shift);
    else if (kind == BY_FLOAT)
      to[i] = (T)((int32_t)(((float)(sum + d.add) + 0.5f) * d.inverse_f32) + d.lowest);
    else
      to[i] = (T)((int32_t)(((double)(sum + d.add) + 0.5) * d.inverse_f64) + d.lowest);
  }
}

#define WIDTH(n_)                                     \
  if (sizeof(S) == 2)                                 \
    X(divide)(from, step, n_, BY_PRODUCT, by, to, n); \
  else if (by->kind == BY_FLOAT)                      \
    X(divide)(from, step, n_, BY_FLOAT, by, to, n);   \
  else                                                \
    X(divide)(from, step, n_, BY_DOUBLE, by, to, n)

CM_SIMD static void X(across)(const S *from, int64_t step, int64_t width, const Divisor *by, T *restrict to,
                              int64_t n) {
  switch (width) {
    case 1:
      WIDTH(1);
      break;
    case 3:
      WIDTH(3);
      break;
    case 5:
      WIDTH(5);
      break;
    default:
      WIDTH(7);
  }
}
#undef WIDTH

/* Columns beyond both ends of a row, c values to a voxel, `columns` beginning at the first of them. */
static void X(pad)(const Walk *walk, S *columns) {
  const CmBoxMean *job = walk->job;
  const int64_t c = walk->grid.components, r = job->radius[0], nx = walk->grid.nx;
  const S beyond = (S)(*(const T *)walk->beyond * (2 * job->radius[1] + 1) * (2 * job->radius[2] + 1));
  for (int64_t k = 1; k <= r; k++)
    for (int64_t i = 0; i < c; i++) {
      const int64_t left = cm__border_index(job->border, -k, nx), right = cm__border_index(job->border, nx - 1 + k, nx);
      columns[(r - k) * c + i] = left < 0 ? beyond : columns[(r + left) * c + i];
      columns[(r + nx - 1 + k) * c + i] = right < 0 ? beyond : columns[(r + right) * c + i];
    }
}

static const T *X(source)(const Band *band, int64_t y, int64_t z) {
  const Walk *walk = band->walk;
  const CmGrid *grid = &walk->grid;
  const int64_t yy = cm__border_index(walk->job->border, y, grid->ny),
                zz = cm__border_index(walk->job->border, z, grid->nz);
  return yy < 0 || zz < 0 ? walk->beyond : cm__row(walk->job->image, grid, (band->t * grid->nz + zz) * grid->ny + yy);
}

/* Sums over the planes around z of row y, k-th of the band with what lies around it; plane after plane. */
static bool X(sum_planes)(const Band *band, int64_t z, CmError **err) {
  const int64_t *r = band->walk->job->radius, n = band->walk->grid.row;
  for (int64_t y = band->y0 - r[1], k = 0; y < band->y1 + r[1]; y++, k++) {
    S *sums = (S *)band->planes + k * n;
    if (z > 0) {
      X(slide)(X(source)(band, y, z + r[2]), X(source)(band, y, z - r[2] - 1), sums, n);
      continue;
    }
    if (cm_context_cancelled(band->walk->ctx, err)) return false; /* wide boxes take long */
    memset(sums, 0, (size_t)n * sizeof(S));
    for (int64_t d = -r[2]; d <= r[2]; d++) X(enter)(X(source)(band, y, d), sums, n);
  }
  return true;
}

/* Sums over the rows around y, row after row. */
static void X(sum_rows)(const Band *band, int64_t y, int64_t z, S *columns) {
  const int64_t *r = band->walk->job->radius, n = band->walk->grid.row;
  const S *sums = (const S *)band->planes + (y - band->y0) * n; /* of row y - r[1] */
  if (y == band->y0) memset(columns, 0, (size_t)n * sizeof(S));
  for (int64_t d = y == band->y0 ? 0 : 2 * r[1]; d <= 2 * r[1]; d++) {
    const bool fresh = y == band->y0;
    if (r[2] && fresh)
      X(enter_sums)(sums + d * n, columns, n);
    else if (r[2])
      X(slide_sums)(sums + d * n, sums - n, columns, n);
    else if (fresh)
      X(enter)(X(source)(band, y - r[1] + d, z), columns, n);
    else
      X(slide)(X(source)(band, y + r[1], z), X(source)(band, y - r[1] - 1, z), columns, n);
  }
}

static bool X(band)(const Band *band, CmError **err) {
  const Walk *walk = band->walk;
  const CmBoxMean *job = walk->job;
  const CmGrid *grid = &walk->grid;
  const int64_t c = grid->components, n = grid->row, r = job->radius[0], width = 2 * r + 1;
  const int64_t part = 2 * width * c > PART ? 2 * width * c : PART; /* their sums stay in the first-level cache */
  S *columns = band->lines, *line = columns + n + 2 * r * c, *sum = line + part + 2 * r * c;
  for (int64_t z = 0; z < grid->nz; z++) {
    if (cm_context_cancelled(walk->ctx, err)) return false;
    if (job->radius[2] && !X(sum_planes)(band, z, err)) return false;
    for (int64_t y = band->y0; y < band->y1; y++) {
      const int64_t row = (band->t * grid->nz + z) * grid->ny + y;
      T *to = job->out ? cm__row_mut(job->out, grid, row) : (T *)(sum + part);
      X(sum_rows)(band, y, z, columns + r * c);
      X(pad)(walk, columns);
      for (int64_t x = 0, m; x < n; x += part) {
        m = n - x < part ? n - x : part;
        if (width > 7) X(sum_across)(columns + x, c, width, line, sum, m);
        X(across)(width > 7 ? sum : columns + x, c, width > 7 ? 1 : width, &walk->by, to + x, m);
      }
      if (job->row) job->row(job->arg, row, to);
    }
  }
  return true;
}
