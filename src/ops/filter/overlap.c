#include "ops/filter/overlap.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/fourier.h"
#include "ops/simd.h"

CM_SIMD static bool all_finite(const double *v, int64_t n) {
  int64_t odd = 0;
  for (int64_t i = 0; i < n; i++) odd |= v[i] - v[i] != 0.0; /* NaN and infinity give NaN */
  return odd == 0;
}

bool cm__check_finite(const double *values, int64_t n, CmError **err) {
  if (all_finite(values, n)) return true;
  cm_error_set(err, CM_ERR_DATA,
               "the image holds values that are NaN or infinite, which would spread everywhere; fill them first "
               "(impute)");
  return false;
}

typedef struct Walk {
  CmContext *ctx;
  const CmOverlap *job;
  int64_t size[3], step[3], tiles[3]; /* of a transform; of what it gives; how many */
  int64_t total, count;               /* numbers of a transform; all tiles */
  double *re, *im;                    /* spectrum of the kernel */
  int64_t t, component;
} Walk;

/* The larger the tile, the smaller the share of its border; and the less fits into the cache. */
static void choose_tiles(Walk *walk) {
  const CmGrid *grid = &walk->job->blocks.grid;
  const int64_t n[3] = {grid->nx, grid->ny, grid->nz}, least = grid->nz == 1 ? 128 : 48;
  walk->total = walk->count = 1;
  for (int a = 0; a < 3; a++) {
    const int64_t r = walk->job->radius[a], whole = n[a] + 2 * r, wanted = 8 * r > least ? 8 * r : least;
    walk->size[a] = n[a] == 1 && r == 0 ? 1 : cm__fourier_size(whole < wanted + wanted / 4 ? whole : wanted);
    walk->step[a] = walk->size[a] - 2 * r;
    walk->tiles[a] = cm_chunk_count(n[a], walk->step[a]);
    walk->total *= walk->size[a];
    walk->count *= walk->tiles[a];
  }
}

/* The kernel around number 0 of the periodic tile. */
static void lay_kernel(const Walk *walk, const double *from, double *to) {
  const int64_t *r = walk->job->radius, *size = walk->size;
  memset(to, 0, (size_t)walk->total * sizeof(double));
  for (int64_t z = -r[2]; from && z <= r[2]; z++)
    for (int64_t y = -r[1]; y <= r[1]; y++)
      for (int64_t x = -r[0]; x <= r[0]; x++) {
        const int64_t at[3] = {(x + size[0]) % size[0], (y + size[1]) % size[1], (z + size[2]) % size[2]};
        to[(at[2] * size[1] + at[1]) * size[0] + at[0]] += *from++;
      }
}

static CmBlock tile_at(const Walk *walk, int64_t tile) {
  CmBlock block = {.t = walk->t, .component = walk->component};
  for (int a = 0; a < 3; a++) {
    block.start[a] = tile % walk->tiles[a] * walk->step[a] - walk->job->radius[a];
    block.size[a] = walk->size[a];
    tile /= walk->tiles[a];
  }
  return block;
}

static void store_tile(const Walk *walk, int64_t tile, const double *values, double *scratch) {
  const CmGrid *grid = &walk->job->blocks.grid;
  const CmBlock block = tile_at(walk, tile);
  const int64_t n[3] = {grid->nx, grid->ny, grid->nz}, *r = walk->job->radius;
  int64_t first[3], count[3];
  for (int a = 0; a < 3; a++) {
    first[a] = block.start[a] + r[a];
    count[a] = n[a] - first[a] < walk->step[a] ? n[a] - first[a] : walk->step[a];
  }
  for (int64_t k = 0; k < count[1] * count[2]; k++) {
    const int64_t y = k % count[1], z = k / count[1];
    cm__block_store_line_f64(
        &walk->job->blocks, (walk->t * grid->nz + first[2] + z) * grid->ny + first[1] + y, first[0], walk->component,
        values + ((z + r[2]) * walk->size[1] + y + r[1]) * walk->size[0] + r[0], count[0], scratch);
  }
}

CM_SIMD static void multiply(const double *restrict c, const double *restrict d, double *restrict re,
                             double *restrict im, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const double r = re[i] * c[i] - im[i] * d[i];
    im[i] = re[i] * d[i] + im[i] * c[i];
    re[i] = r;
  }
}

CM_SIMD static void magnitudes(double *restrict re, const double *restrict im, int64_t n) {
  for (int64_t i = 0; i < n; i++) re[i] = sqrt(re[i] * re[i] + im[i] * im[i]);
}

/* One tile with a complex kernel; with a real one two tiles, the second as the imaginary part. */
static bool do_tiles(void *arg, CmRange range, CmError **err) {
  const Walk *walk = arg;
  const CmOverlap *job = walk->job;
  const bool pairs = !job->magnitude;
  const int64_t tile = pairs ? 2 * range.begin : range.begin;
  const size_t total = (size_t)walk->total;
  double *re = cm_alloc_array(walk->ctx, total, 2 * sizeof(double), err), *im = re ? re + total : NULL;
  double *scratch = cm_alloc_array(walk->ctx, (size_t)cm__block_store_scratch(&job->blocks), sizeof(double), err);
  bool ok = re && scratch;
  if (ok) {
    const CmBlock first = tile_at(walk, tile), second = tile_at(walk, tile + 1 < walk->count ? tile + 1 : tile);
    cm__block_load_f64(&job->blocks, &first, scratch, re);
    if (pairs)
      cm__block_load_f64(&job->blocks, &second, scratch, im);
    else
      memset(im, 0, total * sizeof(double));
    ok = cm__check_finite(re, 2 * walk->total, err) && cm__fourier(walk->ctx, NULL, walk->size, re, im, false, err);
  }
  if (ok) {
    multiply(walk->re, walk->im, re, im, walk->total);
    ok = cm__fourier(walk->ctx, NULL, walk->size, re, im, true, err);
  }
  if (ok && !pairs) magnitudes(re, im, walk->total);
  if (ok) store_tile(walk, tile, re, scratch);
  if (ok && pairs && tile + 1 < walk->count) store_tile(walk, tile + 1, im, scratch);
  cm_free(re);
  cm_free(scratch);
  return ok;
}

bool cm__overlap_convolve(CmContext *ctx, const CmOverlap *job, CmError **err) {
  const CmGrid *grid = &job->blocks.grid;
  Walk walk = {.ctx = ctx, .job = job};
  choose_tiles(&walk);
  walk.re = cm_alloc_array(ctx, (size_t)walk.total, 2 * sizeof(double), err);
  if (!walk.re) return false;
  walk.im = walk.re + walk.total;
  lay_kernel(&walk, job->re, walk.re);
  lay_kernel(&walk, job->magnitude ? job->im : NULL, walk.im);
  bool ok = cm__fourier(ctx, NULL, walk.size, walk.re, walk.im, false, err);
  const int64_t units = job->magnitude ? walk.count : (walk.count + 1) / 2;
  for (int64_t k = 0; ok && k < grid->nt * grid->components; k++) {
    walk.t = k / grid->components;
    walk.component = k % grid->components;
    ok = units == 1 ? do_tiles(&walk, (CmRange){.end = 1}, err) /* the threads share the transform */
                    : cm_parallel_for(ctx, job->what, units, 1, do_tiles, &walk, err);
  }
  cm_free(walk.re);
  return ok;
}
