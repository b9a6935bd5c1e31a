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
  bool is_box; /* in the plane, of a height that rows of a group share */
  int64_t band_rows, bands;
} Grey;

enum {
  SIDE = 2, /* voxels to each side that a value widens by at first */
  MANY = 8, /* rows gathered together */
  GROUP = 4 /* rows made together */
};

/* Rows of the volume, or those of a ring that are there. */
typedef struct Rows {
  void *base;
  int64_t ny, nz;
} Rows;

/* Of a line with what lies beside it. */
static int64_t line_values(const Grey *job) {
  return job->grid.row + 2 * (SIDE + job->element->reach[0] + job->element->pad) * job->grid.components;
}

/* Rows of a plane in the ring of opening and closing: what the second step looks at. */
static int64_t ring_rows(const Grey *job, int64_t rows) {
  const int64_t ry = job->element->reach[1];
  return 2 * ry + (job->element->reach[2] || rows < GROUP ? rows : GROUP);
}

#define CM_TEMPLATE "ops/morphology/grey_tmpl.c"
#include "ops/each_type.h"

static void (*const band[CM_TYPE_COUNT])(const Grey *, int64_t, int64_t, int64_t, const void **,
                                         void *) = CM_TYPE_TABLE(band);

/* Values of scratch: padded lines, and the ring. */
static int64_t scratch_values(const Grey *job, int64_t rows) {
  const int64_t lines = (GROUP + 1) * line_values(job);
  if (job->morph == CM_MORPH_DILATE || job->morph == CM_MORPH_ERODE) return lines;
  return lines + ring_rows(job, rows) * job->grid.row * (2 * job->element->reach[2] + 1);
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
  const int64_t *reach = element->reach;
  job.is_box = !element->pad && !reach[2] && 2 * reach[1] + 2 > GROUP && element->count == 2 * reach[1] + 1 &&
               element->items[0].half == element->items[element->count - 1].half;
  int64_t budget = bytes / 48;
  budget = budget < 65536 ? 65536 : budget > 1048576 ? 1048576 : budget;
  job.band_rows = reach[2] || job.grid.ny < 2048 ? 32 : 128; /* in the plane the ring is as small */
  while (job.band_rows > 4 && scratch_values(&job, job.band_rows) * (int64_t)job.grid.size > budget) job.band_rows--;
  job.bands = cm_chunk_count(job.grid.ny, job.band_rows);
  return cm_parallel_for(ctx, "morphology", job.bands * job.grid.nt, 1, do_band, &job, err);
}
