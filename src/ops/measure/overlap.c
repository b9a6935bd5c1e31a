#include "ops/measure/overlap.h"

#include <float.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/simd.h"

#define CM_TEMPLATE "ops/measure/overlap_tmpl.c"
#include "ops/each_type.h"
static void (*const pick[CM_TYPE_COUNT])(const void *, int64_t, int64_t, bool, uint8_t *) = CM_TYPE_TABLE(pick);

static void widen(CmLabelBox *item, const CmLabelBox *by) {
  item->voxels += by->voxels;
  for (int axis = 0; axis < 3; axis++) {
    if (by->box_min[axis] < item->box_min[axis]) item->box_min[axis] = by->box_min[axis];
    if (by->box_max[axis] > item->box_max[axis]) item->box_max[axis] = by->box_max[axis];
  }
}

static int order(const CmLabelBox *a, const CmLabelBox *b) {
  return a->t != b->t ? (a->t < b->t ? -1 : 1) : (a->value > b->value) - (a->value < b->value);
}

static void take(CmLabelList *list, const CmLabelBox *item, bool binary, int64_t only) {
  CmLabelBox one = *item;
  if (only && one.value != only) return;
  if (binary) one.value = 1;
  CmLabelBox *last = list->count ? &list->items[list->count - 1] : NULL;
  if (last && order(last, &one) == 0)
    widen(last, &one);
  else
    list->items[list->count++] = one;
}

bool cm__overlap_list(CmOverlapJob *job, bool binary, int64_t only, CmLabelList *list, CmError **err) {
  CmLabelList a = {.count = 0}, b = {.count = 0};
  bool ok = false;
  job->binary = binary;
  *list = (CmLabelList){.count = 0};
  if (!cm__label_list(job->ctx, job->truth, &a, err) || !cm__label_list(job->ctx, job->prediction, &b, err)) goto done;
  list->items = cm_alloc_array(job->ctx, (size_t)(a.count + b.count), sizeof(CmLabelBox), err);
  if (!list->items) goto done;
  for (int64_t i = 0, k = 0; i < a.count || k < b.count;) {
    const bool first = k == b.count || (i < a.count && order(&a.items[i], &b.items[k]) <= 0);
    take(list, first ? &a.items[i++] : &b.items[k++], binary, only);
  }
  ok = true;
done:
  cm_free(a.items);
  cm_free(b.items);
  return ok;
}

typedef struct Cut {
  const CmOverlapJob *job;
  const CmLabelBox *item;
  CmOverlap *out;
  CmGrid grid;
  int64_t low[3];    /* of the image, where the box begins; may lie one before it */
  int64_t (*sum)[3]; /* per row of the box: truth, prediction, both */
  uint8_t *inside;   /* nx per worker */
} Cut;

static void count_row(const uint8_t *a, const uint8_t *b, int64_t n, int64_t sum[3]) {
  for (int64_t x = 0; x < n; x++) {
    sum[0] += a[x];
    sum[1] += b[x];
    sum[2] += a[x] & b[x];
  }
}

static bool cut_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Cut *cut = arg;
  const CmOverlapJob *job = cut->job;
  const int64_t *n = cut->out->n, x0 = cut->low[0] < 0 ? 0 : cut->low[0], before = x0 - cut->low[0];
  const int64_t end = cut->low[0] + n[0] < cut->grid.nx ? cut->low[0] + n[0] : cut->grid.nx;
  const CmGrid other = cm__grid(job->prediction);
  uint8_t *inside = cut->inside + range.worker * cut->grid.nx;
  for (int64_t r = range.begin; r < range.end; r++) {
    const int64_t y = cut->low[1] + r % n[1], z = cut->low[2] + r / n[1];
    uint8_t *a = cut->out->a + r * n[0], *b = cut->out->b + r * n[0];
    memset(cut->sum[r], 0, sizeof(cut->sum[r]));
    memset(a, 0, (size_t)n[0]);
    memset(b, 0, (size_t)n[0]);
    if (y < 0 || y >= cut->grid.ny || z < 0 || z >= cut->grid.nz) continue;
    const int64_t row = (cut->item->t * cut->grid.nz + z) * cut->grid.ny + y;
    const char *truth = cm__row(job->truth, &cut->grid, row), *prediction = cm__row(job->prediction, &other, row);
    pick[cm_image_type(job->truth)](truth + (size_t)x0 * cut->grid.size, end - x0, cut->item->value, job->binary,
                                    a + before);
    pick[cm_image_type(job->prediction)](prediction + (size_t)x0 * other.size, end - x0, cut->item->value, job->binary,
                                         b + before);
    if (job->mask.image) {
      cm__mask_row(&job->mask, row, inside);
      for (int64_t x = x0; x < end; x++) {
        a[x - cut->low[0]] &= inside[x];
        b[x - cut->low[0]] &= inside[x];
      }
    }
    count_row(a, b, n[0], cut->sum[r]);
  }
  return true;
}

/* How many voxels the mask has at a time point. */
static int64_t count_inside(const CmOverlapJob *job, const CmGrid *grid, int64_t t, uint8_t *inside) {
  const int64_t rows = grid->ny * grid->nz;
  int64_t count = 0;
  if (!job->mask.image) return rows * grid->nx;
  for (int64_t row = t * rows; row < (t + 1) * rows; row++) {
    cm__mask_row(&job->mask, row, inside);
    for (int64_t x = 0; x < grid->nx; x++) count += inside[x];
  }
  return count;
}

/* Could a voxel of this type hold the label? */
static bool holds(const CmImage *image, int64_t label) {
  return (double)label >= cm_type_min(cm_image_type(image)) && (double)label <= cm_type_max(cm_image_type(image));
}

bool cm__overlap(const CmOverlapJob *job, const CmLabelBox *item, CmOverlap *out, CmError **err) {
  Cut cut = {.job = job, .item = item, .out = out, .grid = cm__grid(job->truth)};
  const int64_t size[3] = {cut.grid.nx, cut.grid.ny, cut.grid.nz};
  size_t rows, bytes;
  bool ok = false;
  *out = (CmOverlap){.voxels = 0};
  for (int axis = 0; axis < 3; axis++) {
    const int64_t rim = size[axis] > 1;
    cut.low[axis] = item->box_min[axis] - rim;
    out->n[axis] = item->box_max[axis] + rim - cut.low[axis] + 1;
  }
  if (!cm_size_multiply((size_t)out->n[1], (size_t)out->n[2], &rows, err) ||
      !cm_size_multiply(rows, (size_t)out->n[0], &bytes, err))
    return false;
  out->a = cm_alloc(job->ctx, bytes, err);
  out->b = out->a ? cm_alloc(job->ctx, bytes, err) : NULL;
  cut.sum = out->b ? cm_alloc_array(job->ctx, rows, sizeof(*cut.sum), err) : NULL;
  cut.inside =
      cut.sum ? cm_alloc_array(job->ctx, (size_t)cm_context_threads(job->ctx), (size_t)cut.grid.nx, err) : NULL;
  if (!cut.inside || !cm_parallel_for(job->ctx, NULL, (int64_t)rows, 1 + 65536 / out->n[0], cut_rows, &cut, err))
    goto done;
  /* a value beyond a type's range would be taken for another */
  const bool in_truth = job->binary || holds(job->truth, item->value);
  const bool in_prediction = job->binary || holds(job->prediction, item->value);
  if (!in_truth) memset(out->a, 0, bytes);
  if (!in_prediction) memset(out->b, 0, bytes);
  for (size_t r = 0; r < rows; r++) {
    out->truth += in_truth ? cut.sum[r][0] : 0;
    out->prediction += in_prediction ? cut.sum[r][1] : 0;
    out->both += in_truth && in_prediction ? cut.sum[r][2] : 0;
  }
  out->voxels = count_inside(job, &cut.grid, item->t, cut.inside);
  ok = true;
done:
  cm_free(cut.sum);
  cm_free(cut.inside);
  return ok;
}
