/* Rows of the result, in R (float or double): lines of the image are put on the result's places along x, and up to four
 * of those, which are kept for the rows that follow, are mixed along y and z. */

typedef struct X(Lines) {
  int64_t held[KEPT]; /* number of the image's row; -1: none */
  R *line[KEPT];
  char *pairs;
  R *wide; /* a row of the image with room behind it, for blocks */
} X(Lines);

/* The line of one row of the image at the places of the result. */
static void X(make_line)(const Stretch *job, const X(Lines) * lines, int64_t row, R *to) {
  const CmType type = cm_image_type(job->warp->image);
  const char *from = cm__row(job->warp->image, &job->grid, row);
  const R *weight = (const R *)job->weight;
#if R_BLOCKS
  if (job->place[0]) {
    cm__line_to_f32(type, from, job->grid.row, lines->wide);
    mix_blocks(job, lines->wide, to);
    return;
  }
#endif
  for (int64_t i = 0; i < job->n; i += PART) {
    const int64_t n = job->n - i < PART ? job->n - i : PART;
    fetch_pairs[type](from, job->at + i, job->grid.nx > 1 ? job->grid.components : 0, n, lines->pairs);
    X(mix_pairs)[type](lines->pairs, weight + i, n, to + i);
  }
}

/* Which of the kept lines has the row; made where none has, in place of one that is not wanted now. */
static const R *X(line_of)(const Stretch *job, X(Lines) * lines, int64_t row, const int64_t *wanted, int count) {
  int free = 0;
  for (int k = 0; k < KEPT; k++)
    if (lines->held[k] == row) return lines->line[k];
  for (bool used = true; used; free += used) {
    used = false;
    for (int j = 0; j < count; j++) used |= lines->held[free] == wanted[j];
  }
  lines->held[free] = row;
  X(make_line)(job, lines, row, lines->line[free]);
  return lines->line[free];
}

CM_SIMD static void X(mix_one)(const R *restrict a, R u, int64_t n, R *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] = u * a[i];
}

CM_SIMD static void X(mix_two)(const R *restrict a, const R *restrict b, R u, R v, int64_t n, R *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] = u * a[i] + v * b[i];
}

CM_SIMD static void X(add_two)(const R *restrict a, const R *restrict b, R u, R v, int64_t n, R *restrict to) {
  for (int64_t i = 0; i < n; i++) to[i] += u * a[i] + v * b[i];
}

static void X(stretched_row)(const Stretch *job, X(Lines) * lines, int64_t row, R *to) {
  const CmGrid *out = &job->out_grid;
  const int64_t y = row % out->ny, z = row / out->ny % out->nz, t = row / (out->ny * out->nz);
  const Axis *ay = &job->axis[1], *az = &job->axis[2];
  int64_t wanted[KEPT] = {0};
  const R *line[KEPT] = {NULL};
  R weight[KEPT] = {0};
  int count = 0;
  for (int k = 0; k < KEPT; k++) {
    const double wy = k & 1 ? ay->weight[y] : 1.0 - ay->weight[y], wz = k >> 1 ? az->weight[z] : 1.0 - az->weight[z];
    if (wy * wz == 0.0) continue;
    wanted[count] = (t * job->grid.nz + az->low[z] + (k >> 1)) * job->grid.ny + ay->low[y] + (k & 1);
    weight[count++] = (R)(wy * wz);
  }
  for (int k = 0; k < count; k++) line[k] = X(line_of)(job, lines, wanted[k], wanted, count);
  if (count == 1)
    X(mix_one)(line[0], weight[0], job->n, to);
  else
    X(mix_two)(line[0], line[1], weight[0], weight[1], job->n, to);
  if (count == 4) X(add_two)(line[2], line[3], weight[2], weight[3], job->n, to);
}

static bool X(stretch_rows)(void *arg, CmRange range, CmError **err) {
  const Stretch *job = arg;
  const CmType type = cm_image_type(job->warp->out);
  const int64_t n = job->n, begin = job->axis[0].begin * job->out_grid.components, room = n + BLOCK;
  X(Lines) lines = {.pairs = cm_alloc_array(job->ctx, 2 * PART, sizeof(double), err)};
  R *scratch = cm_alloc_array(job->ctx, (size_t)((KEPT + 1) * room + job->grid.row + 4 * BLOCK), sizeof(R), err);
  R *result = cm_alloc_array(job->ctx, (size_t)job->out_grid.row, sizeof(R), err);
  const bool ok = lines.pairs && scratch && result;
  for (int k = 0; ok && k < KEPT; k++) {
    lines.held[k] = -1;
    lines.line[k] = scratch + k * room;
  }
  if (ok) {
    lines.wide = scratch + (KEPT + 1) * room;
    memset(lines.wide + job->grid.row, 0, 4 * BLOCK * sizeof(R));
  }
  for (int64_t row = range.begin; ok && row < range.end; row++) {
    const bool inside = is_within(job, row);
    for (int64_t i = 0; i < (inside ? begin : job->out_grid.row); i++) result[i] = (R)job->warp->outside;
    for (int64_t i = begin + n; inside && i < job->out_grid.row; i++) result[i] = (R)job->warp->outside;
    if (inside) X(stretched_row)(job, &lines, row, result + begin);
    X(unload)(type, result, job->out_grid.row, cm__row_mut(job->warp->out, &job->out_grid, row));
  }
  cm_free(lines.pairs);
  cm_free(scratch);
  cm_free(result);
  return ok;
}
