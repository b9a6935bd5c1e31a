/* The work of one tile, in R (float or double). A tile is a band of rows y0..y1 of one time point: it walks along z
 * with the planes that the z taps need in a ring, each filtered along x and y already. */

/* Some pairs of taps from k on, added to `out`, or to the middle one where they are the first. */
static inline void X(pairs)(const R *const *rows, const R *half, int64_t k, int count, bool first, bool odd,
                            R *restrict out, int64_t n) {
  const R *centre = rows[0], *a[MOST_PAIRS], *b[MOST_PAIRS];
  R tap[MOST_PAIRS];
  for (int j = 0; j < count; j++) {
    a[j] = rows[-k - j];
    b[j] = rows[k + j];
    tap[j] = half[k + j];
  }
  const R middle = half[0];
  for (int64_t i = 0; i < n; i++) {
    R sum = first ? middle * centre[i] : out[i];
    for (int j = 0; j < count; j++) sum = sum + tap[j] * (odd ? b[j][i] - a[j][i] : a[j][i] + b[j][i]);
    out[i] = sum;
  }
}

/* Taps that are not alike on both sides, by fours. */
static inline void X(some)(const R *const *rows, const R *tap, int count, bool first, R *restrict out, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    R sum = first ? (R)0 : out[i];
    for (int j = 0; j < count; j++) sum = sum + tap[j] * rows[j][i];
    out[i] = sum;
  }
}

CM_SIMD static void X(any)(const R *const *rows, const R *taps, int64_t radius, R *restrict out, int64_t n) {
  const R *from[MOST_PAIRS];
  R tap[MOST_PAIRS];
  int count = 0;
  bool first = true;
  for (int64_t k = -radius; k <= radius; k++) {
    if (taps[k + radius] != (R)0) {
      from[count] = rows[k];
      tap[count++] = taps[k + radius];
    }
    if (count == MOST_PAIRS) {
      if (first)
        X(some)(from, tap, MOST_PAIRS, true, out, n);
      else
        X(some)(from, tap, MOST_PAIRS, false, out, n);
      first = false;
      count = 0;
    }
  }
  if (count == 1)
    X(some)(from, tap, 1, first, out, n);
  else if (count == 2)
    X(some)(from, tap, 2, first, out, n);
  else if (count == 3 || first)
    X(some)(from, tap, count, first, out, n);
}

/* What one worker needs for one tile. */
typedef struct Tile {
  CmContext *ctx;
  const CmSeparable *job;
  CmGrid grid;
  int64_t t, y0, y1;
  int64_t carried; /* rows of the tile above, in flat images: what it has filtered along x is used again */
  const R *half[3];
  R *scratch;
  const R **pointers;
  uint8_t *inside;
  double *restored;
} Tile;

/* out = sum of taps * rows; rows[0] is the middle one, rows[-k] and rows[k] its neighbours. Four pairs a turn: as many
 * pointers as there are registers. Shifted rows: half as many narrow loads cross a line of the cache. */
CM_SIMD_256 static void X(fir)(const R *const *rows, const R *half, int64_t radius, int parity, R *restrict out,
                               int64_t n) {
  const bool odd = parity < 0;
  if (parity == 0) {
    X(any)(rows, half, radius, out, n);
    return;
  }
  for (int64_t k = 1; k <= radius; k += MOST_PAIRS) {
    const bool first = k == 1;
    switch (radius - k + 1 < MOST_PAIRS ? radius - k + 1 : MOST_PAIRS) {
#define PAIRS(count)                                     \
  if (first && odd)                                      \
    X(pairs)(rows, half, k, count, true, true, out, n);  \
  else if (first)                                        \
    X(pairs)(rows, half, k, count, true, false, out, n); \
  else if (odd)                                          \
    X(pairs)(rows, half, k, count, false, true, out, n); \
  else                                                   \
    X(pairs)(rows, half, k, count, false, false, out, n)
      case 1:
        PAIRS(1);
        break;
      case 2:
        PAIRS(2);
        break;
      case 3:
        PAIRS(3);
        break;
      default:
        PAIRS(4);
#undef PAIRS
    }
  }
}

static void X(pad_line)(const Tile *tile, R *line) {
  const CmSeparable *job = tile->job;
  const int64_t c = tile->grid.components, nx = tile->grid.nx, r = job->taps[0].radius;
  R *first = line + r * c;
  for (int64_t k = 1; k <= r; k++) {
    int64_t left = cm__border_index(job->border, -k, nx), right = cm__border_index(job->border, nx - 1 + k, nx);
    for (int64_t i = 0; i < c; i++) {
      first[-k * c + i] = left < 0 ? (R)job->border_value : first[left * c + i];
      first[(nx - 1 + k) * c + i] = right < 0 ? (R)job->border_value : first[right * c + i];
    }
  }
}

/* Row (y, z) of the image filtered along x, into `to`; y, z may lie beyond the border. */
static void X(row_x)(const Tile *tile, int64_t y, int64_t z, R *line, R *to) {
  const CmSeparable *job = tile->job;
  const CmGrid *grid = &tile->grid;
  const CmTaps *taps = &job->taps[0];
  y = cm__border_index(job->border, y, grid->ny);
  z = cm__border_index(job->border, z, grid->nz);
  R *first = line + taps->radius * grid->components;
  if (y < 0 || z < 0)
    for (int64_t i = 0; i < grid->row; i++) first[i] = (R)job->border_value;
  else
    X(load)
  (cm_image_type(job->image), cm__row(job->image, grid, (tile->t * grid->nz + z) * grid->ny + y), grid->row,
   taps->radius ? first : to);
  if (taps->radius == 0) {
    if (y < 0 || z < 0) memcpy(to, first, (size_t)grid->row * sizeof(R));
    return;
  }
  X(pad_line)(tile, line);
  const R **shifted = tile->pointers + taps->radius;
  for (int64_t k = -taps->radius; k <= taps->radius; k++) shifted[k] = first + k * grid->components;
  X(fir)(shifted, tile->half[0], taps->radius, taps->parity, to, grid->row);
}

/* Fills the band: rows of plane z filtered along x, those around the tile, or all of the image and the one beyond it.
 */
static void X(fill_band)(const Tile *tile, int64_t z, R *line, R *band) {
  const int64_t radius = tile->job->taps[1].radius, ny = tile->grid.ny, pitch = band_pitch(tile->grid.row);
  if (kept_whole(radius, ny)) {
    if (tile->carried) return;
    for (int64_t y = 0; y < ny; y++) X(row_x)(tile, y, z, line, band + y * pitch);
    if (cm__border_index(tile->job->border, -1, ny) < 0) X(row_x)(tile, -1, z, line, band + ny * pitch);
    return;
  }
  if (tile->carried) memmove(band, band + tile->carried * pitch, (size_t)(2 * radius * pitch) * sizeof(R));
  for (int64_t y = tile->carried ? radius : -radius; y < tile->y1 - tile->y0 + radius; y++)
    X(row_x)(tile, tile->y0 + y, z, line, band + (y + radius) * pitch);
}

/* Plane z of the tile, filtered along x and y, into `to` (rows of the tile). */
static void X(plane)(const Tile *tile, int64_t z, R *line, R *band, R *to) {
  const CmTaps *taps = &tile->job->taps[1];
  const int64_t rows = tile->y1 - tile->y0, n = tile->grid.row, ny = tile->grid.ny, pitch = band_pitch(n),
                part = part_of_row(taps->radius);
  if (taps->radius == 0) {
    for (int64_t y = 0; y < rows; y++) X(row_x)(tile, tile->y0 + y, z, line, to + y * n);
    return;
  }
  X(fill_band)(tile, z, line, band);
  const bool whole = kept_whole(taps->radius, ny);
  const R **near = tile->pointers + taps->radius;
  for (int64_t x = 0; x < n; x += part)
    for (int64_t y = 0; y < rows; y++) {
      for (int64_t k = -taps->radius; k <= taps->radius; k++)
        near[k] = band +
                  (whole ? cm__border_slot(tile->job->border, tile->y0 + y + k, ny) : y + taps->radius + k) * pitch + x;
      X(fir)(near, tile->half[1], taps->radius, taps->parity, to + y * n + x, n - x < part ? n - x : part);
    }
}

static void X(store)(const Tile *tile, int64_t row, R *line) {
  const CmSeparable *job = tile->job;
  const CmGrid *grid = &tile->grid;
  CmType type = cm_image_type(job->out);
  CmGrid out_grid = *grid;
  out_grid.size = cm_type_size(type);
  if (job->finish) job->finish(job->arg, line, row, grid->row, sizeof(R) == sizeof(double));
  void *to = cm__row_mut(job->out, &out_grid, row);
  X(unload)(type, line, grid->row, to);
  if (job->mask && job->mask->image) {
    cm__mask_row(job->mask, row, tile->inside);
    cm__mask_restore(tile->inside, grid, cm_image_type(job->image), cm__row(job->image, grid, row), type, to,
                     tile->restored);
  }
}

/* The slot of plane z, which may lie beyond the border. */
static int64_t X(slot_of)(const Tile *tile, int64_t z) {
  const int64_t radius = tile->job->taps[2].radius, nz = tile->grid.nz;
  return kept_whole(radius, nz) ? cm__border_slot(tile->job->border, z, nz) : (z + radius) % (2 * radius + 1);
}

static bool X(tile)(const Tile *tile, CmError **err) {
  const CmGrid *grid = &tile->grid;
  const CmTaps *taps = &tile->job->taps[2];
  const int64_t rows = tile->y1 - tile->y0, n = grid->row, slot = ring_pitch(rows, n);
  const bool all = kept_whole(taps->radius, grid->nz);
  R *line = tile->scratch, *band = line + (grid->nx + 2 * tile->job->taps[0].radius) * grid->components;
  R *planes = band + band_rows(tile->job, grid, rows) * band_pitch(n);
  R *result = planes + ring_planes(tile->job, grid) * slot;
  const int64_t beyond = all && cm__border_index(tile->job->border, -1, grid->nz) < 0;
  for (int64_t z = all ? -beyond : -taps->radius; z < (all ? grid->nz : taps->radius); z++) {
    if (cm_context_cancelled(tile->ctx, err)) return false;
    X(plane)(tile, z, line, band, planes + X(slot_of)(tile, z) * slot);
  }
  for (int64_t z = 0; z < grid->nz; z++) {
    if (cm_context_cancelled(tile->ctx, err)) return false; /* wide kernels take long */
    if (!all) X(plane)(tile, z + taps->radius, line, band, planes + X(slot_of)(tile, z + taps->radius) * slot);
    for (int64_t y = 0; y < rows; y++) {
      int64_t row = (tile->t * grid->nz + z) * grid->ny + tile->y0 + y;
      if (taps->radius == 0) {
        X(store)(tile, row, planes + y * n);
        continue;
      }
      const R **near = tile->pointers + taps->radius;
      for (int64_t k = -taps->radius; k <= taps->radius; k++) near[k] = planes + X(slot_of)(tile, z + k) * slot + y * n;
      X(fir)(near, tile->half[2], taps->radius, taps->parity, result, n);
      X(store)(tile, row, result);
    }
  }
  return true;
}
