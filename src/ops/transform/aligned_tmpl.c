/* Aligned grids, in R (float or double): rows of the image are mixed along z and y, then the mixed row along x. */

CM_SIMD static void X(add_row)(R *restrict acc, const R *restrict row, R weight, int64_t n) {
  for (int64_t i = 0; i < n; i++) acc[i] += weight * row[i];
}

CM_SIMD static void X(gather)(const R *restrict row, const int32_t *restrict at, const R *restrict weight, int taps,
                              int64_t n, R *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] = weight[i] * row[at[i]];
  for (int k = 1; k < taps; k++) {
    const int32_t *from = at + k * n;
    const R *w = weight + k * n;
    for (int64_t i = 0; i < n; i++) to[i] += w[i] * row[from[i]];
  }
}

/* Row (y, z) of the result, all of its values. scratch: acc (a row of the image), line (the same), result. */
static void X(aligned_row)(const Aligned *job, int64_t t, int64_t y, int64_t z, const int32_t *at, const R *weight,
                           R *scratch) {
  const CmGrid *grid = &job->grid;
  const Axis *ay = &job->axis[1], *az = &job->axis[2];
  const int64_t n = job->out_grid.row;
  const int taps = job->taps;
  R *acc = scratch, *line = acc + grid->row, *result = line + grid->row;
  if (!ay->inside[y] || !az->inside[z]) {
    for (int64_t i = 0; i < n; i++) result[i] = (R)job->warp->outside;
    return;
  }
  memset(acc, 0, (size_t)grid->row * sizeof(R));
  for (int kz = 0; kz < taps; kz++)
    for (int ky = 0; ky < taps; ky++) {
      const R w = (R)(az->weight[z * taps + kz] * ay->weight[y * taps + ky]);
      if (w == (R)0) continue;
      int64_t row = (t * grid->nz + az->at[z * taps + kz]) * grid->ny + ay->at[y * taps + ky];
      X(load)
      (job->source_type, (const char *)job->source + (size_t)(row * grid->row) * cm_type_size(job->source_type),
       grid->row, line);
      X(add_row)(acc, line, w, grid->row);
    }
  X(gather)(acc, at, weight, taps, n, result);
  for (int64_t i = 0; i < n; i++)
    if (!job->axis[0].inside[i / grid->components]) result[i] = (R)job->warp->outside;
}

static bool X(aligned_rows)(void *arg, CmRange range, CmError **err) {
  const Aligned *job = arg;
  const CmGrid *grid = &job->grid, *out_grid = &job->out_grid;
  const int64_t n = out_grid->row, c = grid->components;
  bool ok = false;
  R *scratch = cm_alloc_array(job->ctx, (size_t)(2 * grid->row + n), sizeof(R), err);
  R *weight = cm_alloc_array(job->ctx, (size_t)(job->taps * n), sizeof(R), err);
  int32_t *at = cm_alloc_array(job->ctx, (size_t)(job->taps * n), sizeof(int32_t), err);
  if (!scratch || !weight || !at) goto done;
  for (int k = 0; k < job->taps; k++)
    for (int64_t i = 0; i < n; i++) {
      at[k * n + i] = (int32_t)(job->axis[0].at[i / c * job->taps + k] * c + i % c);
      weight[k * n + i] = (R)job->axis[0].weight[i / c * job->taps + k];
    }
  for (int64_t row = range.begin; row < range.end; row++) {
    int64_t y = row % out_grid->ny, z = row / out_grid->ny % out_grid->nz, t = row / (out_grid->ny * out_grid->nz);
    X(aligned_row)(job, t, y, z, at, weight, scratch);
    X(unload)(cm_image_type(job->warp->out), scratch + 2 * grid->row, n, cm__row_mut(job->warp->out, out_grid, row));
  }
  ok = true;
done:
  cm_free(scratch);
  cm_free(weight);
  cm_free(at);
  return ok;
}

/* B-spline coefficients of one line of n values that stand `stride` apart, `width` lines side by side; in place.
 * pole: sqrt(3) - 2. Beyond the ends the values are mirrored. */
CM_SIMD static void X(spline_lines)(R *line, int64_t n, int64_t stride, int64_t width, R *restrict sum) {
  const double pole = -0.26794919243112270647, gain = 6.0;
  const double last = pow(pole, (double)(n - 1));
  if (n == 1) return;
  /* the causal start: all of the mirrored values, as a sum of powers of the pole */
  for (int64_t i = 0; i < width; i++) sum[i] = (R)((double)line[i] + last * (double)line[(n - 1) * stride + i]);
  double up = pole, down = last * last / pole;
  for (int64_t k = 1; k < n - 1 && k < 60; k++) {
    for (int64_t i = 0; i < width; i++) sum[i] += (R)((up + down) * (double)line[k * stride + i]);
    up *= pole;
    down /= pole;
  }
  const double all = 1.0 - last * last;
  for (int64_t i = 0; i < width; i++) line[i] = (R)(gain * (double)sum[i] / all);
  for (int64_t k = 1; k < n; k++)
    for (int64_t i = 0; i < width; i++)
      line[k * stride + i] = (R)(gain * (double)line[k * stride + i] + pole * (double)line[(k - 1) * stride + i]);
  R *end = line + (n - 1) * stride;
  for (int64_t i = 0; i < width; i++)
    end[i] = (R)(pole / (pole * pole - 1.0) * ((double)end[i] + pole * (double)end[i - stride]));
  for (int64_t k = n - 2; k >= 0; k--)
    for (int64_t i = 0; i < width; i++)
      line[k * stride + i] = (R)(pole * ((double)line[(k + 1) * stride + i] - (double)line[k * stride + i]));
}

static bool X(spline_part)(void *arg, CmRange range, CmError **err) {
  const Spline *job = arg;
  const CmGrid *grid = &job->grid;
  R *all = job->coefficients;
  R *sum = cm_alloc_array(job->ctx, (size_t)grid->row, sizeof(R), err);
  if (!sum) return false;
  for (int64_t at = range.begin; at < range.end; at++) {
    if (job->axis == 0)
      X(spline_lines)(all + at * grid->row, grid->nx, grid->components, grid->components, sum);
    else if (job->axis == 1)
      X(spline_lines)(all + at * grid->row * grid->ny, grid->ny, grid->row, grid->row, sum);
    else
      X(spline_lines)
    (all + (at / grid->ny * grid->nz * grid->ny + at % grid->ny) * grid->row, grid->nz, grid->row * grid->ny, grid->row,
     sum);
  }
  cm_free(sum);
  return true;
}
