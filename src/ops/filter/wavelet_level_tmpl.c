/* One level of the wavelet transform of a volume, once for R = float and once for double. Going down, each plane is
 * filtered along x and y into `mixed`, then all planes along z; going up the other way around. */

static R *X(band_row)(const Level *job, int low_z, int low_y, int64_t y, int64_t z) {
  return (R *)job->packed +
         ((z + (low_z ? 0 : job->start[2])) * job->row[1] + y + (low_y ? 0 : job->start[1])) * job->row[0];
}

/* Where one row of coefficients stands: the part that is low and the part that is high along x. */
static void X(split_row)(const Level *job, int64_t y, int64_t z, R **low, R **high) {
  const int64_t *half = job->half;
  const bool low_y = y < half[1], low_z = z < half[2];
  y -= low_y ? 0 : half[1];
  z -= low_z ? 0 : half[2];
  R *packed = X(band_row)(job, low_z, low_y, y, z);
  *low = low_y && low_z ? (R *)job->approximation + (z * half[1] + y) * half[0] : packed;
  *high = packed + job->start[0];
}

static void X(load_row)(const Level *job, int64_t y, int64_t z, R *spare, R *to) {
  const int64_t *n = job->size;
  if (!job->image) {
    memcpy(to, (const R *)job->volume + (z * n[1] + y) * n[0], (size_t)n[0] * sizeof(R));
    return;
  }
  const CmGrid grid = cm__grid(job->image);
  const void *row = cm__row(job->image, &grid, (job->t * grid.nz + z) * grid.ny + y);
  X(to_line)(cm_image_type(job->image), row, grid.row, grid.components == 1 ? to : spare);
  for (int64_t x = 0; grid.components > 1 && x < n[0]; x++) to[x] = spare[x * grid.components + job->component];
}

static bool X(plane_down)(void *arg, CmRange range, CmError **err) {
  const Level *job = arg;
  const CmBank *bank = job->bank;
  const int64_t *n = job->size, *wide = job->wide, *half = job->half, shift = bank_shift(bank, job->border);
  const int64_t count = 2 * half[1] + bank->length - 2, made = (2 * bank->length + 2) * wide[0];
  const int64_t spare = n[0] * (job->image ? cm_image_components(job->image) : 1) + n[0];
  R *plane =
      cm_alloc_array(job->ctx, (size_t)(n[1] * wide[0] + made + spare + 2 * (half[0] + bank->length)), sizeof(R), err);
  const R **rows = cm_alloc_array(job->ctx, (size_t)count, sizeof(R *), err);
  const bool ok = plane && rows;
  for (int64_t z = range.begin; ok && z < range.end; z++) {
    R *beyond = plane + n[1] * wide[0], *line = beyond + made, *scratch = line + spare;
    R *to = (R *)job->mixed + z * wide[1] * wide[0];
    for (int64_t y = 0; y < n[1]; y++) {
      R *row = (job->active[1] ? plane : to) + y * wide[0];
      if (!job->active[0]) {
        X(load_row)(job, y, z, line, row);
        continue;
      }
      X(load_row)(job, y, z, line + n[0], line);
      X(forward_line)
      (bank, job->border, line, n[0], half[0], scratch, job->only_high ? NULL : row,
       row + (job->only_high ? 0 : half[0]));
    }
    if (!job->active[1]) continue;
    X(point_rows)(job->border, plane, wide[0], n[1], -shift, count, wide[0], beyond, rows);
    for (int64_t i = 0; i < half[1]; i++) X(forward_rows)
    (bank, rows, i, wide[0], job->only_high ? NULL : to + i * wide[0],
     to + (i + (job->only_high ? 0 : half[1])) * wide[0]);
  }
  cm_free(plane);
  cm_free(rows);
  return ok;
}

static void X(store_down)(const Level *job, int64_t y, int64_t z, const R *row) {
  R *low, *high;
  if (job->only_high) {
    memcpy((R *)job->packed + (z * job->wide[1] + y) * job->wide[0], row, (size_t)job->wide[0] * sizeof(R));
    return;
  }
  X(split_row)(job, y, z, &low, &high);
  memcpy(low, row, (size_t)job->half[0] * sizeof(R));
  if (job->active[0]) memcpy(high, row + job->half[0], (size_t)job->half[0] * sizeof(R));
}

static bool X(column_down)(void *arg, CmRange range, CmError **err) {
  const Level *job = arg;
  const CmBank *bank = job->bank;
  const int64_t *wide = job->wide, *half = job->half, plane = wide[0] * wide[1], shift = bank_shift(bank, job->border);
  const int64_t count = 2 * half[2] + bank->length - 2, made = (2 * bank->length + 2) * wide[0];
  R *beyond = cm_alloc_array(job->ctx, (size_t)(made + wide[0]), sizeof(R), err), *line = beyond ? beyond + made : NULL;
  const R **rows = cm_alloc_array(job->ctx, (size_t)count, sizeof(R *), err);
  const bool ok = beyond && rows;
  for (int64_t y = range.begin; ok && y < range.end; y++) {
    const R *first = (const R *)job->mixed + y * wide[0];
    for (int64_t z = 0; !job->active[2] && z < wide[2]; z++) X(store_down)(job, y, z, first + z * plane);
    if (!job->active[2]) continue;
    X(point_rows)(job->border, first, plane, job->size[2], -shift, count, wide[0], beyond, rows);
    for (int64_t z = 0; z < wide[2]; z++) {
      const bool high = job->only_high || z >= half[2];
      X(mix)
      (rows + 2 * (z % half[2]), high ? X(high_taps)(bank) : X(low_taps)(bank), bank->length, line, wide[0]);
      X(store_down)(job, y, z, line);
    }
  }
  cm_free(beyond);
  cm_free(rows);
  return ok;
}

static bool X(column_up)(void *arg, CmRange range, CmError **err) {
  const Level *job = arg;
  const int64_t *wide = job->wide, *half = job->half, plane = wide[0] * wide[1];
  (void)err;
  for (int64_t y = range.begin; y < range.end; y++)
    for (int64_t z = 0; z < job->size[2]; z++) {
      R *to = (R *)job->mixed + z * plane + y * wide[0], *low, *high, *low_z, *high_z;
      if (!job->active[2]) {
        X(split_row)(job, y, z, &low, &high);
        memcpy(to, low, (size_t)half[0] * sizeof(R));
        if (job->active[0]) memcpy(to + half[0], high, (size_t)half[0] * sizeof(R));
        continue;
      }
      const int64_t stride = job->row[1] * job->row[0];
      X(split_row)(job, y, 0, &low, &high);
      X(split_row)(job, y, half[2], &low_z, &high_z);
      X(inverse_row)
      (job->bank, job->border, low, y < half[1] ? half[0] * half[1] : stride, low_z, stride, z, half[2], half[0], to);
      if (job->active[0]) X(inverse_row)
      (job->bank, job->border, high, stride, high_z, stride, z, half[2], half[0], to + half[0]);
    }
  return true;
}

static bool X(plane_up)(void *arg, CmRange range, CmError **err) {
  const Level *job = arg;
  const CmBank *bank = job->bank;
  const int64_t *n = job->size, *wide = job->wide, *half = job->half;
  R *line = cm_alloc_array(job->ctx, (size_t)(wide[0] + 3 * (half[0] + bank->length)), sizeof(R), err);
  for (int64_t z = range.begin; line && z < range.end; z++)
    for (int64_t y = 0; y < n[1]; y++) {
      const R *plane = (const R *)job->mixed + z * wide[0] * wide[1], *row = plane + y * wide[0];
      R *to = (R *)job->volume_out + (z * n[1] + y) * n[0];
      if (job->active[1]) {
        X(inverse_row)
        (bank, job->border, plane, wide[0], plane + half[1] * wide[0], wide[0], y, half[1], wide[0], line);
        row = line;
      }
      if (job->active[0])
        X(inverse_line)(bank, job->border, row, row + half[0], n[0], half[0], line + wide[0], to);
      else
        memcpy(to, row, (size_t)n[0] * sizeof(R));
    }
  cm_free(line);
  return line != NULL;
}
