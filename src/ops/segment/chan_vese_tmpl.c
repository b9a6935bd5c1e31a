/* The level set of chan_vese, once for float and once for double (R). */

/* One row of the next level set. c: the row with a value before and behind; y0 ... z1: its neighbours; force: the pull
 * of the data; w: 1 / spacing^2 along x,y,z, 0 along axes one voxel long. */
CM_SIMD static void X(evolve_row)(const R *restrict c, const R *restrict y0, const R *restrict y1, const R *restrict z0,
                                  const R *restrict z1, const R *restrict force, int64_t n, const R w[3], R mu, R dt,
                                  R *restrict to) {
  const R tiny = (R)1e-16, wx = w[0], wy = w[1], wz = w[2], quarter = (R)0.25;
  for (int64_t x = 0; x < n; x++) {
    const R v = c[x], xa = v - c[x - 1], xb = c[x + 1] - v, ya = v - y0[x], yb = y1[x] - v, za = v - z0[x],
            zb = z1[x] - v;
    const R xm = (xa + xb) * (xa + xb) * wx * quarter, ym = (ya + yb) * (ya + yb) * wy * quarter,
            zm = (za + zb) * (za + zb) * wz * quarter;
    const R x0 = wx / X(root)(tiny + xa * xa * wx + ym + zm), x1 = wx / X(root)(tiny + xb * xb * wx + ym + zm);
    const R ay = wy / X(root)(tiny + ya * ya * wy + xm + zm), by = wy / X(root)(tiny + yb * yb * wy + xm + zm);
    const R az = wz / X(root)(tiny + za * za * wz + xm + ym), bz = wz / X(root)(tiny + zb * zb * wz + xm + ym);
    const R k = c[x - 1] * x0 + c[x + 1] * x1 + y0[x] * ay + y1[x] * by + z0[x] * az + z1[x] * bz;
    const R delta = dt / ((R)1 + v * v);
    to[x] = (v + delta * (mu * k + force[x])) / ((R)1 + mu * delta * (x0 + x1 + ay + by + az + bz));
  }
}

/* force += lambda2 (v - m2)^2 - lambda1 (v - m1)^2; v: the component scaled to 0..1. */
CM_SIMD static void X(add_force)(const R *restrict v, int64_t n, R m1, R m2, R lambda1, R lambda2, R *restrict force) {
  for (int64_t x = 0; x < n; x++) {
    const R in = v[x] - m1, out = v[x] - m2;
    force[x] += lambda2 * (out * out) - lambda1 * (in * in);
  }
}

/* sums[0] += squared change; in eight lanes, so that the order does not depend on the instruction set. */
CM_SIMD static double X(change)(const R *restrict a, const R *restrict b, int64_t n) {
  double lane[8] = {0};
  int64_t x = 0;
  for (; x + 8 <= n; x += 8)
    for (int k = 0; k < 8; k++) {
      const double d = (double)b[x + k] - (double)a[x + k];
      lane[k] += d * d;
    }
  for (int k = 0; x < n; x++, k++) lane[k] += ((double)b[x] - (double)a[x]) * ((double)b[x] - (double)a[x]);
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* The sum of v where the level set is > 0 and `inside` is 1; *count += how many. */
CM_SIMD static double X(sum_inside)(const R *restrict phi, const R *restrict v, const uint8_t *restrict inside,
                                    int64_t n, double *count) {
  double lane[8] = {0}, counts[8] = {0};
  int64_t x = 0;
  for (; x + 8 <= n; x += 8)
    for (int k = 0; k < 8; k++) {
      const double in = phi[x + k] > (R)0 && inside[x + k] ? 1.0 : 0.0;
      lane[k] += in * (double)v[x + k];
      counts[k] += in;
    }
  for (int k = 0; x < n; x++, k++) {
    const double in = phi[x] > (R)0 && inside[x] ? 1.0 : 0.0;
    lane[k] += in * (double)v[x];
    counts[k] += in;
  }
  for (int k = 0; k < 8; k++) *count += counts[k];
  return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* The component of a row scaled to 0..1; values outside the mask or not finite are 0 and leave `inside`. */
static void X(load_component)(const Level *job, const R *values, int64_t c, const uint8_t *inside, R *to) {
  const R low = (R)job->low, scale = (R)job->scale;
  const int64_t components = job->grid.components;
  for (int64_t x = 0; x < job->grid.nx; x++) to[x] = inside[x] ? (values[x * components + c] - low) * scale : (R)0;
}

/* What is inside the mask and finite. */
static void X(load_inside)(const Level *job, int64_t row, const R *values, uint8_t *inside) {
  const int64_t components = job->grid.components;
  if (job->mask->image)
    cm__mask_row(job->mask, row, inside);
  else
    memset(inside, 1, (size_t)job->grid.nx);
  if (job->finite) return;
  for (int64_t i = 0; i < job->grid.row; i++)
    if (!isfinite((double)values[i])) inside[i / components] = 0;
}

/* Rows of the level set have a value before and behind. */
static void X(pad)(R *row, int64_t nx) {
  row[-1] = row[0];
  row[nx] = row[nx - 1];
}

static bool X(rows)(void *arg, CmRange range, CmError **err) {
  const Level *job = arg;
  const CmGrid *grid = &job->grid;
  const int64_t nx = grid->nx, ny = grid->ny, nz = grid->nz, stride = nx + 2, rows = ny * nz;
  const R w[3] = {(R)job->weight[0], (R)job->weight[1], (R)job->weight[2]};
  double *part = job->part + range.chunk * (2 + grid->components);
  R *values = cm_alloc_array(job->ctx, (size_t)(grid->row + 2 * nx), sizeof(R), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)nx, err);
  bool ok = values && inside;
  for (int64_t c = 0; ok && c < 2 + grid->components; c++) part[c] = 0.0;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    R *line = values + grid->row, *force = line + nx;
    const int64_t y = row % ny, z = row / ny, at = job->t * rows + row;
    R *to = (R *)job->to + row * stride + 1;
    const R *from = (const R *)job->from + row * stride + 1;
    X(line_to)(cm_image_type(job->image), cm__row(job->image, grid, at), grid->row, values);
    X(load_inside)(job, at, values, inside);
    if (!job->first) {
      memset(force, 0, (size_t)nx * sizeof(R));
      for (int64_t c = 0; c < grid->components; c++) {
        X(load_component)(job, values, c, inside, line);
        X(add_force)(line, nx, (R)job->mean[2 * c], (R)job->mean[2 * c + 1], (R)job->lambda1, (R)job->lambda2, force);
      }
      for (int64_t x = 0; x < nx; x++) force[x] = inside[x] ? force[x] / (R)grid->components : (R)0;
      X(evolve_row)
      (from, y > 0 ? from - stride : from, y + 1 < ny ? from + stride : from, z > 0 ? from - ny * stride : from,
       z + 1 < nz ? from + ny * stride : from, force, nx, w, (R)job->mu, (R)job->dt, to);
      X(pad)(to, nx);
      part[0] += X(change)(from, to, nx);
    }
    for (int64_t c = 0; c < grid->components; c++) {
      double count = 0.0;
      X(load_component)(job, values, c, inside, line);
      part[2 + c] += X(sum_inside)(job->first ? from : to, line, inside, nx, &count);
      if (c == 0) part[1] += count;
    }
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}

/* The whole image's sums, in the place where those of the inside are left. */
static bool X(all_rows)(void *arg, CmRange range, CmError **err) {
  const Level *job = arg;
  const CmGrid *grid = &job->grid;
  double *part = job->part + range.chunk * (2 + grid->components);
  R *values = cm_alloc_array(job->ctx, (size_t)(grid->row + 2 * grid->nx), sizeof(R), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  bool ok = values && inside;
  for (int64_t c = 0; ok && c < 2 + grid->components; c++) part[c] = 0.0;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    R *line = values + grid->row, *ones = line + grid->nx;
    const int64_t at = job->t * grid->ny * grid->nz + row;
    X(line_to)(cm_image_type(job->image), cm__row(job->image, grid, at), grid->row, values);
    X(load_inside)(job, at, values, inside);
    for (int64_t x = 0; x < grid->nx; x++) ones[x] = (R)1;
    for (int64_t c = 0; c < grid->components; c++) {
      double count = 0.0;
      X(load_component)(job, values, c, inside, line);
      part[2 + c] += X(sum_inside)(ones, line, inside, grid->nx, &count);
      if (c == 0) part[1] += count;
    }
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}

/* The level set to begin with. */
static bool X(start_rows)(void *arg, CmRange range, CmError **err) {
  const Level *job = arg;
  const CmGrid *grid = &job->grid;
  const int64_t stride = grid->nx + 2, rows = grid->ny * grid->nz;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    R *to = (R *)job->from + row * stride + 1;
    if (job->start) {
      const CmGrid from = cm__grid(job->start);
      const CmType type = cm_image_type(job->start);
      X(line_to)(type, cm__row(job->start, &from, (job->t * rows + row) % from.rows), grid->nx, to);
      for (int64_t x = 0; x < grid->nx; x++)
        to[x] = to[x] != to[x] ? (R)0 : cm_type_is_integer(type) ? to[x] != (R)0 ? (R)1 : (R)-1 : to[x];
    } else {
      for (int64_t x = 0; x < grid->nx; x++)
        to[x] = (R)start_value(job, (int64_t[]){x, row % grid->ny, row / grid->ny});
    }
    X(pad)(to, grid->nx);
  }
  return true;
}

/* The result: 1 where the level set is > 0, and the level set itself if it is wanted. */
static bool X(end_rows)(void *arg, CmRange range, CmError **err) {
  const Level *job = arg;
  const CmGrid *grid = &job->grid;
  R *values = cm_alloc_array(job->ctx, (size_t)grid->row, sizeof(R), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  bool ok = values && inside;
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const R *from = (const R *)job->from + row * (grid->nx + 2) + 1;
    const int64_t at = job->t * grid->ny * grid->nz + row;
    uint8_t *to = (uint8_t *)cm_image_data_mut(job->labels) + at * grid->nx;
    X(line_to)(cm_image_type(job->image), cm__row(job->image, grid, at), grid->row, values);
    X(load_inside)(job, at, values, inside);
    for (int64_t x = 0; x < grid->nx; x++) to[x] = from[x] > (R)0 && inside[x];
    float *level = job->level ? (float *)cm_image_data_mut(job->level) + at * grid->nx : NULL;
    for (int64_t x = 0; level && x < grid->nx; x++) level[x] = (float)from[x];
  }
  cm_free(values);
  cm_free(inside);
  return ok;
}
