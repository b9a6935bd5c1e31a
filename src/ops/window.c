#include "ops/window.h"

#include "cormack/parallel.h"

typedef struct Walk {
  CmContext *ctx;
  const CmWindow *job;
  CmGrid grid;
  int64_t band, bands; /* rows of a band, bands of a time point */
} Walk;

static int64_t band_values(const Walk *walk, int64_t rows) {
  const int64_t *r = walk->job->radius;
  return (rows + 2 * r[1]) * (walk->grid.row + 2 * r[0] * walk->grid.components) * (2 * r[2] + 1);
}

/* Row (y, z), which may lie beyond the border, padded along x. */
static void load_row(const Walk *walk, int64_t t, int64_t y, int64_t z, double *to) {
  const CmWindow *job = walk->job;
  const CmGrid *grid = &walk->grid;
  const int64_t c = grid->components, r = job->radius[0];
  const int64_t yy = cm__border_index(job->border, y, grid->ny), zz = cm__border_index(job->border, z, grid->nz);
  double *first = to + r * c;
  if (yy < 0 || zz < 0) {
    for (int64_t i = 0; i < grid->row + 2 * r * c; i++) to[i] = job->border_value;
    return;
  }
  cm__line_to_f64(cm_image_type(job->image), cm__row(job->image, grid, (t * grid->nz + zz) * grid->ny + yy), grid->row,
                  first);
  for (int64_t k = 1; k <= r; k++) {
    const int64_t left = cm__border_index(job->border, -k, grid->nx),
                  right = cm__border_index(job->border, grid->nx - 1 + k, grid->nx);
    for (int64_t i = 0; i < c; i++) {
      first[-k * c + i] = left < 0 ? job->border_value : first[left * c + i];
      first[(grid->nx - 1 + k) * c + i] = right < 0 ? job->border_value : first[right * c + i];
    }
  }
}

static void store_row(const Walk *walk, int64_t row, double *line, uint8_t *inside, double *restored) {
  const CmWindow *job = walk->job;
  const CmType type = cm_image_type(job->out);
  const bool masked = job->mask && job->mask->image;
  CmGrid out_grid = walk->grid;
  out_grid.size = cm_type_size(type);
  void *to = cm__row_mut(job->out, &out_grid, row);
  if (masked) cm__mask_row(job->mask, row, inside);
  for (int64_t i = 0; masked && job->blank && i < walk->grid.row; i++)
    line[i] = inside[i / walk->grid.components] ? line[i] : 0.0;
  cm__line_from_f64(type, line, walk->grid.row, to);
  if (masked && !job->blank)
    cm__mask_restore(inside, &walk->grid, cm_image_type(job->image), cm__row(job->image, &walk->grid, row), type, to,
                     restored);
}

static bool do_band(void *arg, CmRange range, CmError **err) {
  const Walk *walk = arg;
  const CmWindow *job = walk->job;
  const CmGrid *grid = &walk->grid;
  const int64_t *r = job->radius, c = grid->components, wide = grid->row + 2 * r[0] * c, depth = 2 * r[2] + 1,
                tall = 2 * r[1] + 1;
  const int64_t t = range.begin / walk->bands, y0 = range.begin % walk->bands * walk->band;
  const int64_t y1 = y0 + walk->band < grid->ny ? y0 + walk->band : grid->ny, slot = (y1 - y0 + 2 * r[1]) * wide;
  double *ring = cm_alloc_array(walk->ctx, (size_t)(slot * depth), sizeof(double), err);
  double *lines = cm_alloc_array(walk->ctx, (size_t)(2 * grid->row + job->scratch), sizeof(double), err);
  const double **near = cm_alloc_array(walk->ctx, (size_t)(depth * tall), sizeof(double *), err);
  uint8_t *inside = cm_alloc(walk->ctx, (size_t)grid->nx, err);
  const bool ok = ring && lines && near && inside;
  for (int64_t z = -2 * r[2]; ok && z < grid->nz; z++) {
    for (int64_t y = y0 - r[1]; y < y1 + r[1]; y++)
      load_row(walk, t, y, z + r[2], ring + (z + 2 * r[2]) % depth * slot + (y - y0 + r[1]) * wide);
    for (int64_t y = y0; y < y1 && z >= 0; y++) {
      CmWindowRow row = {.near = near,
                         .to = lines,
                         .scratch = lines + 2 * grid->row,
                         .row = (t * grid->nz + z) * grid->ny + y,
                         .n = grid->row,
                         .components = c};
      for (int64_t k = 0; k < depth * tall; k++)
        near[k] = ring + (z + k / tall) % depth * slot + (y - y0 + k % tall) * wide + r[0] * c;
      row.centre = near[r[2] * tall + r[1]];
      job->row(job->arg, &row);
      store_row(walk, row.row, lines, inside, lines + grid->row);
    }
  }
  cm_free(ring);
  cm_free(lines);
  cm_free(near);
  cm_free(inside);
  return ok;
}

bool cm__window(CmContext *ctx, const CmWindow *job, CmError **err) {
  Walk walk = {.ctx = ctx, .job = job, .grid = cm__grid(job->image), .band = 32};
  int64_t budget = walk.grid.rows * walk.grid.row * (int64_t)walk.grid.size / 64;
  budget = budget < 65536 ? 65536 : budget > 786432 ? 786432 : budget;
  while (walk.band > 4 && band_values(&walk, walk.band) * (int64_t)sizeof(double) > budget) walk.band--;
  walk.bands = cm_chunk_count(walk.grid.ny, walk.band);
  return cm_parallel_for(ctx, job->what, walk.bands * walk.grid.nt, 1, do_band, &walk, err);
}

bool cm__window_call(const CmCall *call, CmWindow *job, CmType type, CmError **err) {
  const CmImage *image = call->in[0].image;
  CmMask mask;
  if (!cm__mask_open(&mask, &call->in[1], image, err)) return false;
  job->image = image;
  job->mask = &mask;
  job->out = cm_image_create_like(call->ctx, image, type, cm_image_components(image), err);
  const bool ok = job->out && cm__window(call->ctx, job, err);
  job->mask = NULL;
  if (!ok) {
    cm_image_unref(&job->out);
    return false;
  }
  call->out[0] = cm_value_image(job->out);
  return true;
}
