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

#define R double
#define X(name) name##_f64
#define LINE_TO cm__line_to_f64
#define LINE_FROM cm__line_from_f64
#define ROW CmWindowRow
#define CALL row
#include "ops/window_tmpl.c"
#define R float
#define X(name) name##_f32
#define LINE_TO cm__line_to_f32
#define LINE_FROM cm__line_from_f32
#define ROW CmWindowFloats
#define CALL floats
#include "ops/window_tmpl.c"

bool cm__window(CmContext *ctx, const CmWindow *job, CmError **err) {
  Walk walk = {.ctx = ctx, .job = job, .grid = cm__grid(job->image), .band = 32};
  int64_t budget = walk.grid.rows * walk.grid.row * (int64_t)walk.grid.size / 64;
  budget = budget < 65536 ? 65536 : budget > 786432 ? 786432 : budget;
  while (walk.band > 4 && band_values(&walk, walk.band) * (int64_t)sizeof(double) > budget) walk.band--;
  walk.bands = cm_chunk_count(walk.grid.ny, walk.band);
  return cm_parallel_for(ctx, job->what, walk.bands * walk.grid.nt, 1, job->floats ? do_band_f32 : do_band_f64, &walk,
                         err);
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
