#include "ops/denoise/noise_level.h"

#include <math.h>

#include "cormack/parallel.h"
#include "ops/block.h"
#include "ops/intensity/stats.h"

#define NORMAL_MAD 0.67448975019608171 /* median of |x| of a standard normal variable */

typedef struct Details {
  CmContext *ctx;
  CmBlocks blocks;
  int64_t t, component;
  CmImage *to; /* NaN where a coefficient is 0 */
} Details;

/* Line (y, z) of coefficients: each the alternating sum of a cell of 2 voxels along every axis that has them. */
static bool do_lines(void *arg, CmRange range, CmError **err) {
  const Details *job = arg;
  const CmGrid *grid = &job->blocks.grid;
  const int64_t *dims = cm_image_dims(job->to);
  const int64_t px = grid->nx > 1 ? 2 : 1, py = grid->ny > 1 ? 2 : 1, pz = grid->nz > 1 ? 2 : 1, wide = dims[0] * px;
  float *cell = cm_alloc_array(job->ctx, (size_t)(wide * 4 + grid->row), sizeof(float), err);
  if (!cell) return false;
  const double scale = 1.0 / sqrt((double)(px * py * pz));
  for (int64_t row = range.begin; row < range.end; row++) {
    const CmBlock block = {.t = job->t,
                           .component = job->component,
                           .start = {0, row % dims[1] * py, row / dims[1] * pz},
                           .size = {wide, py, pz}};
    float *to = (float *)cm_image_data_mut(job->to) + row * dims[0];
    cm__block_load(&job->blocks, &block, cell + wide * 4, cell);
    for (int64_t x = 0; x < dims[0]; x++) {
      double sum = 0.0;
      for (int64_t k = 0; k < py * pz; k++)
        for (int64_t i = 0; i < px; i++) {
          const double v = (double)cell[k * wide + x * px + i];
          sum += (i + k % py + k / py) % 2 ? -v : v;
        }
      to[x] = sum != 0.0 ? (float)(sum * scale) : NAN;
    }
  }
  cm_free(cell);
  return true;
}

static int64_t half(int64_t n) {
  return n > 1 ? n / 2 : 1;
}

bool cm__noise_level(CmContext *ctx, const CmImage *image, int64_t t, int64_t component, double *sigma, CmError **err) {
  Details job = {.ctx = ctx, .blocks = {.image = image, .grid = cm__grid(image)}, .t = t, .component = component};
  const int64_t *dims = cm_image_dims(image);
  const int64_t cells[3] = {half(dims[0]), half(dims[1]), half(dims[2])};
  const double middle = 0.5, zero = 0.0;
  CmMoments moments = {0};
  job.to = cm_image_create(ctx, CM_F32, 3, cells, 1, err);
  bool ok = job.to && cm_parallel_for(ctx, NULL, cells[1] * cells[2], 16, do_lines, &job, err);
  const CmPart part = {.image = job.to, .row_end = cells[1] * cells[2], .component = -1};
  *sigma = 0.0;
  ok = ok && cm__part_moments(ctx, &part, &moments, err);
  if (ok && moments.count > 0) {
    ok = cm__part_quantiles(ctx, &part, &zero, &middle, 1, sigma, err);
    *sigma /= NORMAL_MAD;
  }
  cm_image_unref(&job.to);
  return ok;
}
