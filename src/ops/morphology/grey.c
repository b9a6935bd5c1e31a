#include "ops/morphology/grey.h"

#include <float.h>
#include <math.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

typedef struct Grey {
  CmContext *ctx;
  const CmImage *image;
  CmImage *out;
  CmGrid grid;
  CmMorph morph;
  const CmElement *element;
  bool zero_outside;
  int64_t band_rows, bands;
} Grey;

enum {
  SIDE = 2, /* voxels to each side that a value widens by at first */
  MANY = 8  /* rows gathered together */
};

/* Of a line with what lies beside it. */
static int64_t line_values(const Grey *job) {
  return job->grid.row + 2 * (SIDE + job->element->reach[0] + job->element->pad) * job->grid.components;
}

#define CM_TEMPLATE "ops/morphology/grey_tmpl.c"
#include "ops/each_type.h"

static void (*const band[CM_TYPE_COUNT])(const Grey *, int64_t, int64_t, int64_t, const void **,
                                         void *) = CM_TYPE_TABLE(band);

/* Values of scratch: two padded lines, and the ring of opening and closing. */
static int64_t scratch_values(const Grey *job, int64_t rows) {
  const CmGrid *grid = &job->grid;
  const int64_t lines = 2 * line_values(job);
  if (job->morph == CM_MORPH_DILATE || job->morph == CM_MORPH_ERODE) return lines;
  return lines + (rows + 2 * job->element->reach[1]) * grid->row * (2 * job->element->reach[2] + 1);
}

static bool do_band(void *arg, CmRange range, CmError **err) {
  const Grey *job = arg;
  const int64_t t = range.begin / job->bands, y0 = range.begin % job->bands * job->band_rows;
  const int64_t y1 = y0 + job->band_rows < job->grid.ny ? y0 + job->band_rows : job->grid.ny;
  const void **pointers = cm_alloc_array(job->ctx, (size_t)job->element->count, sizeof(void *), err);
  void *scratch = cm_alloc_array(job->ctx, (size_t)scratch_values(job, y1 - y0), job->grid.size, err);
  bool ok = pointers && scratch;
  if (ok) band[cm_image_type(job->image)](job, t, y0, y1, pointers, scratch);
  cm_free(pointers);
  cm_free(scratch);
  return ok;
}

bool cm__morph_grey(CmContext *ctx, const CmImage *image, CmMorph morph, const CmElement *element, bool zero_outside,
                    CmImage *out, CmError **err) {
  Grey job = {.ctx = ctx,
              .image = image,
              .out = out,
              .grid = cm__grid(image),
              .morph = morph,
              .element = element,
              .zero_outside = zero_outside};
  const int64_t bytes = job.grid.rows * job.grid.row * (int64_t)job.grid.size;
  int64_t budget = bytes / 48;
  budget = budget < 65536 ? 65536 : budget > 1048576 ? 1048576 : budget;
  job.band_rows = 32;
  while (job.band_rows > 4 && scratch_values(&job, job.band_rows) * (int64_t)job.grid.size > budget) job.band_rows--;
  job.bands = cm_chunk_count(job.grid.ny, job.band_rows);
  return cm_parallel_for(ctx, "morphology", job.bands * job.grid.nt, 1, do_band, &job, err);
}
