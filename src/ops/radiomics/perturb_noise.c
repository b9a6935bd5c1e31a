#include <math.h>

#include "cormack/parallel.h"
#include "ops/radiomics/perturb.h"

typedef struct Job {
  CmContext *ctx;
  CmImage *image;
  CmGrid grid;
  double sigma;
  uint64_t key;
} Job;

/* Box and Muller 1958, of two numbers that belong to the voxel alone. */
static double normal_at(uint64_t key, uint64_t at) {
  const double u = (double)(rng_at(key, 2 * at) >> 11) * 0x1p-53, v = (double)(rng_at(key, 2 * at + 1) >> 11) * 0x1p-53;
  return sqrt(-2.0 * log(1.0 - u)) * cos(6.283185307179586 * v);
}

static bool add_rows(void *arg, CmRange range, CmError **err) {
  const Job *job = arg;
  const CmGrid *grid = &job->grid;
  const CmType type = cm_image_type(job->image);
  double *line = cm_alloc_array(job->ctx, (size_t)grid->row, sizeof *line, err);
  for (int64_t row = range.begin; line && row < range.end; row++) {
    void *voxels = cm__row_mut(job->image, grid, row);
    cm__line_to_f64(type, voxels, grid->row, line);
    for (int64_t x = 0; x < grid->row; x++)
      line[x] += job->sigma * normal_at(job->key, (uint64_t)(row * grid->row + x));
    cm__line_from_f64(type, line, grid->row, voxels);
  }
  cm_free(line);
  return line != NULL;
}

bool cm__perturb_noise(CmContext *ctx, CmImage *image, double sigma, uint64_t seed, CmError **err) {
  Job job = {.ctx = ctx,
             .image = image,
             .grid = cm__grid(image),
             .sigma = sigma,
             .key = rng_stream(seed, CM__PERTURB_NOISE).key};
  return cm_parallel_for(ctx, NULL, job.grid.rows, cm__row_chunk(&job.grid), add_rows, &job, err);
}
