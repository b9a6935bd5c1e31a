/* Rows of a band in the real type R. */

/* Row (y, z), which may lie beyond the border, padded along x. */
static void X(load_row)(const Walk *walk, int64_t t, int64_t y, int64_t z, R *to) {
  const CmWindow *job = walk->job;
  const CmGrid *grid = &walk->grid;
  const int64_t c = grid->components, r = job->radius[0];
  const int64_t yy = cm__border_index(job->border, y, grid->ny), zz = cm__border_index(job->border, z, grid->nz);
  R *first = to + r * c;
  if (yy < 0 || zz < 0) {
    for (int64_t i = 0; i < grid->row + 2 * r * c; i++) to[i] = (R)job->border_value;
    return;
  }
  LINE_TO(cm_image_type(job->image), cm__row(job->image, grid, (t * grid->nz + zz) * grid->ny + yy), grid->row, first);
  for (int64_t k = 1; k <= r; k++) {
    const int64_t left = cm__border_index(job->border, -k, grid->nx),
                  right = cm__border_index(job->border, grid->nx - 1 + k, grid->nx);
    for (int64_t i = 0; i < c; i++) {
      first[-k * c + i] = left < 0 ? (R)job->border_value : first[left * c + i];
      first[(grid->nx - 1 + k) * c + i] = right < 0 ? (R)job->border_value : first[right * c + i];
    }
  }
}

static void X(store_row)(const Walk *walk, int64_t row, R *line, uint8_t *inside, double *restored) {
  const CmWindow *job = walk->job;
  const CmType type = cm_image_type(job->out);
  const bool masked = job->mask && job->mask->image;
  CmGrid out_grid = walk->grid;
  out_grid.size = cm_type_size(type);
  void *to = cm__row_mut(job->out, &out_grid, row);
  if (masked) cm__mask_row(job->mask, row, inside);
  for (int64_t i = 0; masked && job->blank && i < walk->grid.row; i++)
    line[i] = inside[i / walk->grid.components] ? line[i] : (R)0;
  LINE_FROM(type, line, walk->grid.row, to);
  if (masked && !job->blank)
    cm__mask_restore(inside, &walk->grid, cm_image_type(job->image), cm__row(job->image, &walk->grid, row), type, to,
                     restored);
}

static bool X(do_band)(void *arg, CmRange range, CmError **err) {
  const Walk *walk = arg;
  const CmWindow *job = walk->job;
  const CmGrid *grid = &walk->grid;
  const int64_t *r = job->radius, c = grid->components, wide = grid->row + 2 * r[0] * c, depth = 2 * r[2] + 1,
                tall = 2 * r[1] + 1;
  const int64_t t = range.begin / walk->bands, y0 = range.begin % walk->bands * walk->band;
  const int64_t y1 = y0 + walk->band < grid->ny ? y0 + walk->band : grid->ny, slot = (y1 - y0 + 2 * r[1]) * wide;
  R *ring = cm_alloc_array(walk->ctx, (size_t)(slot * depth), sizeof(R), err);
  double *restored = cm_alloc_array(walk->ctx, (size_t)grid->row, sizeof(double), err);
  R *lines = cm_alloc_array(walk->ctx, (size_t)(grid->row + job->scratch), sizeof(R), err);
  const R **near = cm_alloc_array(walk->ctx, (size_t)(depth * tall), sizeof(R *), err);
  uint8_t *inside = cm_alloc(walk->ctx, (size_t)grid->nx, err);
  const bool ok = ring && restored && lines && near && inside;
  for (int64_t z = -2 * r[2]; ok && z < grid->nz; z++) {
    for (int64_t y = y0 - r[1]; y < y1 + r[1]; y++) X(load_row)
    (walk, t, y, z + r[2], ring + (z + 2 * r[2]) % depth * slot + (y - y0 + r[1]) * wide);
    for (int64_t y = y0; y < y1 && z >= 0; y++) {
      ROW row = {.near = near,
                 .to = lines,
                 .scratch = lines + grid->row,
                 .row = (t * grid->nz + z) * grid->ny + y,
                 .n = grid->row,
                 .components = c};
      for (int64_t k = 0; k < depth * tall; k++)
        near[k] = ring + (z + k / tall) % depth * slot + (y - y0 + k % tall) * wide + r[0] * c;
      row.centre = near[r[2] * tall + r[1]];
      job->CALL(job->arg, &row);
      X(store_row)(walk, row.row, lines, inside, restored);
    }
  }
  cm_free(ring);
  cm_free(restored);
  cm_free(lines);
  cm_free(near);
  cm_free(inside);
  return ok;
}

#undef R
#undef X
#undef LINE_TO
#undef LINE_FROM
#undef ROW
#undef CALL
