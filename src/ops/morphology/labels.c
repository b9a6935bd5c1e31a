#include "ops/morphology/labels.h"

#include <string.h>

#include "ops/morphology/pack.h"
#include "ops/segment/label_list.h"

/* Writes the label where a bit is set and the voxel is still background; returns nothing: rows are disjoint. */
static void set_voxels(CmImage *out, const CmGrid *grid, const CmBits *bits, const int64_t low[3], int64_t t,
                       int64_t label) {
  const CmType type = cm_image_type(out);
  double value = (double)label;
  uint8_t one[8];
  static const uint8_t zero[8] = {0};
  cm__line_from_f64(type, &value, 1, one);
  for (int64_t z = 0; z < bits->nz; z++)
    for (int64_t y = 0; y < bits->ny; y++) {
      char *row = cm__row_mut(out, grid, (t * grid->nz + low[2] + z) * grid->ny + low[1] + y);
      const uint64_t *word = bits->word + (z * bits->ny + y) * bits->words;
      for (int64_t w = 0; w < bits->words; w++)
        for (uint64_t left = word[w]; left; left &= left - 1) {
          char *voxel = row + (size_t)(low[0] + w * 64 + __builtin_ctzll(left)) * grid->size;
          if (memcmp(voxel, zero, grid->size) == 0) memcpy(voxel, one, grid->size);
        }
    }
}

typedef struct LabelJob {
  CmContext *ctx;
  const CmImage *image;
  CmImage *out;
  CmGrid grid;
  CmMorph morph;
  const CmElement *element;
  bool zero_outside;
} LabelJob;

/* One label in a box around it that is large enough for the element. */
static bool morph_label(const LabelJob *job, const CmLabelBox *item, CmError **err) {
  const CmGrid *grid = &job->grid;
  const int64_t size[3] = {grid->nx, grid->ny, grid->nz};
  int64_t low[3], n[3];
  CmBits first = {.word = NULL}, second = {.word = NULL};
  bool ok = false;
  for (int axis = 0; axis < 3; axis++) {
    int64_t pad = job->element->reach[axis] + 1, high = item->box_max[axis] + pad;
    low[axis] = item->box_min[axis] - pad < 0 ? 0 : item->box_min[axis] - pad;
    high = high >= size[axis] ? size[axis] - 1 : high;
    n[axis] = high - low[axis] + 1;
  }
  if (!cm__bits_create(job->ctx, n[0], n[1], n[2], &first, err) ||
      !cm__bits_create(job->ctx, n[0], n[1], n[2], &second, err))
    goto done;
  for (int64_t z = 0; z < n[2]; z++)
    for (int64_t y = 0; y < n[1]; y++) {
      const char *row = cm__row(job->image, grid, (item->t * grid->nz + low[2] + z) * grid->ny + low[1] + y);
      cm__bits_pack_row(cm_image_type(job->image), row + (size_t)low[0] * grid->size, n[0], item->value,
                        first.word + (z * n[1] + y) * first.words);
    }
  if (!cm__bits_morph(job->ctx, &first, &second, job->element,
                      job->morph == CM_MORPH_ERODE || job->morph == CM_MORPH_OPEN, job->zero_outside, err))
    goto done;
  bool twice = job->morph == CM_MORPH_OPEN || job->morph == CM_MORPH_CLOSE;
  if (twice &&
      !cm__bits_morph(job->ctx, &second, &first, job->element, job->morph == CM_MORPH_CLOSE, job->zero_outside, err))
    goto done;
  set_voxels(job->out, grid, twice ? &first : &second, low, item->t, item->value);
  ok = true;
done:
  cm_free(first.word);
  cm_free(second.word);
  return ok;
}

bool cm__morph_labels(CmContext *ctx, const CmImage *image, CmMorph morph, const CmElement *element, bool zero_outside,
                      CmImage *out, CmError **err) {
  LabelJob job = {.ctx = ctx,
                  .image = image,
                  .out = out,
                  .grid = cm__grid(image),
                  .morph = morph,
                  .element = element,
                  .zero_outside = zero_outside};
  CmLabelList list;
  if (!cm__label_list(ctx, image, &list, err)) return false;
  /* what grows starts from the labels as they are */
  if (morph == CM_MORPH_DILATE || morph == CM_MORPH_CLOSE)
    memcpy(cm_image_data_mut(out), cm_image_data(image), cm_image_bytes(image));
  else
    memset(cm_image_data_mut(out), 0, cm_image_bytes(out));
  bool ok = true;
  for (int64_t k = 0; k < list.count && ok; k++) ok = morph_label(&job, &list.items[k], err);
  cm_free(list.items);
  return ok;
}
