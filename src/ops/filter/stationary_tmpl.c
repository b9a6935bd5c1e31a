/* A slab of rows of the undecimated transform, once for R = float and once for double: each plane is filtered along x
 * and y, then the slab along z. Slots number what is wanted: bands along x, along x and y, along all. */

static void X(load_line)(const Stationary *job, int64_t y, int64_t z, R *spare, R *line) {
  const CmGrid *grid = &job->grid;
  if (job->volume) {
    memcpy(line, (const R *)job->volume + (z * grid->ny + y) * grid->nx, (size_t)grid->nx * sizeof(R));
    return;
  }
  const void *row = cm__row(job->image, grid, image_row(job, y, z));
  X(to_line)(cm_image_type(job->image), row, grid->row, grid->components == 1 ? line : spare);
  for (int64_t x = 0; grid->components > 1 && x < grid->nx; x++) line[x] = spare[x * grid->components + job->component];
  for (int64_t x = 0; job->flip[0] && x < grid->nx / 2; x++) {
    const R left = line[x];
    line[x] = line[grid->nx - 1 - x];
    line[grid->nx - 1 - x] = left;
  }
}

static const R *X(taps)(const Stationary *job, int high) {
  return sizeof(R) == sizeof(float) ? (const R *)(const void *)(high ? job->bank.g32 : job->bank.h32)
                                    : (const R *)(const void *)(high ? job->bank.g : job->bank.h);
}

/* rows[t]: row number at + (t - shift) * dilation of n rows, `stride` apart; `zeros` where it is nothing. */
static void X(near_rows)(const Stationary *job, const R *first, int64_t stride, int64_t at, int64_t n, const R *zeros,
                         const R **rows) {
  for (int64_t t = 0; t < job->bank.length; t++) {
    const int64_t from = cm__border_index(job->border, at + (t - job->shift) * job->dilation, n);
    rows[t] = from < 0 ? zeros : first + from * stride;
  }
}

/* Row (y, z) filtered along x into the slots of x, `step` values apart. */
static void X(row_x)(const Stationary *job, int64_t y, int64_t z, const Scratch *scratch, R *to, int64_t step) {
  const int64_t nx = job->grid.nx, before = job->shift * job->dilation;
  const int64_t after = (job->bank.length - 1 - job->shift) * job->dilation;
  R *padded = scratch->padded, *line = padded + before;
  const R *rows[CM_WAVELET_TAPS];
  if (!job->active[0]) {
    X(load_line)(job, y, z, scratch->spare, to);
    return;
  }
  X(load_line)(job, y, z, scratch->spare, line);
  for (int64_t k = -before; k < nx + after; k = k == -1 ? nx : k + 1) {
    const int64_t from = cm__border_index(job->border, k, nx);
    line[k] = from < 0 ? 0 : line[from];
  }
  for (int64_t t = 0; t < job->bank.length; t++) rows[t] = padded + t * job->dilation;
  for (int slot = 0; slot < job->count[0]; slot++)
    X(mix)(rows, X(taps)(job, job->slot[0][slot] & 1), job->bank.length, to + slot * step, nx);
}

/* Plane z of the slab into the slots of x and y. */
static void X(plane_xy)(const Stationary *job, int64_t z, int64_t y0, int64_t y1, const Scratch *scratch) {
  const int64_t nx = job->grid.nx, rows = y1 - y0, slot_size = rows * nx * job->grid.nz;
  const int64_t first = job->active[1] ? y0 - job->shift * job->dilation : y0;
  const int64_t last = job->active[1] ? y1 + (job->bank.length - 1 - job->shift) * job->dilation : y1;
  R *to = (R *)scratch->slab + z * rows * nx, *band = scratch->band;
  const R *near[CM_WAVELET_TAPS];
  if (!job->active[1]) {
    for (int64_t y = y0; y < y1; y++) X(row_x)(job, y, z, scratch, to + (y - y0) * nx, slot_size);
    return;
  }
  for (int64_t y = first; y < last; y++) {
    const int64_t from = cm__border_index(job->border, y, job->grid.ny);
    R *row = band + (y - first) * nx;
    if (from >= 0) X(row_x)(job, from, z, scratch, row, (last - first) * nx);
    for (int slot = 0; from < 0 && slot < job->count[0]; slot++)
      memset(row + slot * (last - first) * nx, 0, (size_t)nx * sizeof(R));
  }
  for (int slot = 0; slot < job->count[1]; slot++)
    for (int64_t y = 0; y < rows; y++) {
      const R *from = band + ((job->slot[1][slot] >> 1) * (last - first) + y) * nx;
      for (int64_t t = 0; t < job->bank.length; t++) near[t] = from + t * job->dilation * nx;
      X(mix)(near, X(taps)(job, job->slot[1][slot] & 1), job->bank.length, to + slot * slot_size + y * nx, nx);
    }
}

static void X(store_line)(const Stationary *job, const R *line, int64_t y, int64_t z, int64_t slot) {
  const CmGrid *grid = &job->grid;
  if (!job->out) {
    memcpy((R *)job->next + (z * grid->ny + y) * grid->nx, line, (size_t)grid->nx * sizeof(R));
    return;
  }
  const CmGrid out = cm__grid(job->out);
  void *row = cm__row_mut(job->out, &out, image_row(job, y, z));
  const int64_t step = out.components, at = job->component * job->count[2] + slot;
  float *f32 = (float *)row + at;
  double *f64 = (double *)row + at;
  if (job->turns > 1) {
    for (int64_t x = 0; x < grid->nx; x++) {
      const int64_t to = (job->flip[0] ? grid->nx - 1 - x : x) * step;
      if (cm_image_type(job->out) == CM_F32)
        f32[to] = (float)pooled(job, (double)line[x], (double)f32[to]);
      else
        f64[to] = pooled(job, (double)line[x], f64[to]);
    }
    return;
  }
  if (cm_image_type(job->out) == CM_F32)
    for (int64_t x = 0; x < grid->nx; x++) f32[x * step] = (float)line[x];
  else
    for (int64_t x = 0; x < grid->nx; x++) f64[x * step] = (double)line[x];
}

static void X(slab)(const Stationary *job, int64_t y0, int64_t y1, const Scratch *scratch) {
  const int64_t nx = job->grid.nx, nz = job->grid.nz, plane = (y1 - y0) * nx;
  const R *near[CM_WAVELET_TAPS];
  for (int64_t z = 0; z < nz; z++) X(plane_xy)(job, z, y0, y1, scratch);
  for (int64_t z = 0; z < nz; z++)
    for (int64_t y = y0; y < y1; y++)
      for (int slot = 0; slot < job->count[2]; slot++) {
        const R *from =
            (const R *)scratch->slab + (job->active[2] ? job->slot[2][slot] >> 1 : slot) * plane * nz + (y - y0) * nx;
        R *line = scratch->padded;
        if (job->active[2]) {
          X(near_rows)(job, from, plane, z, nz, scratch->zeros, near);
          X(mix)(near, X(taps)(job, job->slot[2][slot] & 1), job->bank.length, line, nx);
        }
        X(store_line)(job, job->active[2] ? line : from + z * plane, y, z, slot);
      }
}
