/* PyRadiomics' extraction (docs, «Pipeline Modules»): image and mask are prepared, shape is measured on the mask, and
 * the other classes on every image type. */
#include "ops/radiomics/pyrad.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"

/* ---- one region ---- */

typedef struct Region {
  CmImage *image; /* in which it lies; each its own where it is resampled or cropped */
  CmPyradRoi roi, whole;
  CmPyradItems items;
  bool refused;
} Region;

typedef struct Job {
  CmContext *ctx;
  const CmPyradParams *p;
  const CmOp *op;
  const void *values;
  CmImage *image, *labels;
  bool shared; /* all regions lie in one image */
  CmLabelList list;
  Region *regions;
  uint32_t wanted[CM__PYRAD_CLASSES];
  CmPyradType types[CM__PYRAD_TYPES];
  int type_count;
  CmPyradFacts facts;
} Job;

static bool tell(CmPyradItems *items, const char *prefix, const CmImage *grid, const CmImage *image,
                 const CmPyradRoi *roi, CmError **err) {
  return !items || cm__pyrad_tell_mask(items, prefix, grid, image, roi, err);
}

static bool correct(const CmPyradPlace *place, CmPyradRoi *roi, CmError **err) {
  const int64_t *dims = cm_image_dims(place->image);
  const int64_t lo[3] = {0, 0, 0}, hi[3] = {dims[0] - 1, dims[1] - 1, dims[2] - 1};
  cm__pyrad_roi_free(roi);
  CmImage *mask = cm__pyrad_correct(place->ctx, place->image, place->labels, place->box, err);
  const bool ok = mask && cm__pyrad_roi_make(place->ctx, mask, place->box->value, lo, hi, roi, err) &&
                  tell(place->items, "corrected", mask, place->image, roi, err);
  cm_image_unref(&mask);
  return ok;
}

bool cm__pyrad_locate(const CmPyradPlace *place, CmImage **in, CmPyradRoi *roi, CmError **err) {
  const CmPyradParams *p = place->p;
  const CmLabelBox *box = place->box;
  const bool resample = p->resampledPixelSpacing.count > 0 && p->interpolator != CM__PYRAD_NO_INTERPOLATOR;
  if (!cm__pyrad_roi_make(place->ctx, place->labels, box->value, box->box_min, box->box_max, roi, err) ||
      !tell(place->items, "original", place->labels, NULL, roi, err))
    return false;
  if (resample) {
    cm__pyrad_roi_free(roi);
    return cm__pyrad_resample(place->ctx, place->image, place->labels, box, p, in, roi, err) &&
           (!place->items || cm__pyrad_tell_image(place->items, "interpolated", *in, err)) &&
           tell(place->items, "interpolated", *in, *in, roi, err);
  }
  *in = cm_image_ref(place->image);
  CmError *differs = NULL;
  if (!cm__pyrad_same_grid(place->image, place->labels, p->geometryTolerance, &differs)) {
    if (!p->correctMask) {
      *err = differs;
      cm_error_context(err, "correctMask=true puts the mask on the image's grid");
      return false;
    }
    cm_error_free(&differs);
    if (!correct(place, roi, err)) return false;
  }
  if (!p->preCrop) return true;
  CmImage *cropped = cm__pyrad_crop(place->ctx, *in, roi, p->padDistance, err);
  cm_image_unref(in);
  *in = cropped;
  return cropped != NULL;
}

/* The part of a region within another's box; both in the same image. */
static bool cut_to(const CmPyradRoi *box, CmPyradRoi *roi, CmError **err) {
  const size_t count = (size_t)(box->size[0] * box->size[1] * box->size[2]);
  uint8_t *inside = cm_alloc(roi->ctx, count, err);
  if (!inside) return false;
  roi->voxels = 0;
  for (int64_t z = 0; z < box->size[2]; z++)
    for (int64_t y = 0; y < box->size[1]; y++) {
      const int64_t at = ((z + box->lo[2] - roi->lo[2]) * roi->size[1] + y + box->lo[1] - roi->lo[1]) * roi->size[0] +
                         box->lo[0] - roi->lo[0];
      uint8_t *to = inside + (z * box->size[1] + y) * box->size[0];
      memcpy(to, roi->inside + at, (size_t)box->size[0]);
      for (int64_t x = 0; x < box->size[0]; x++) roi->voxels += to[x];
    }
  cm_free(roi->inside);
  roi->inside = inside;
  memcpy(roi->lo, box->lo, sizeof roi->lo);
  memcpy(roi->size, box->size, sizeof roi->size);
  return true;
}

/* Axis across a region that is one slice; -1: it is none. */
static int slice_axis(const Job *job, const Region *region) {
  if (cm_image_rank(region->image) < 3) return 2;
  const int axis = 2 - (int)job->p->force2Ddimension;
  return job->p->force2D && region->roi.size[axis] == 1 ? axis : -1;
}

static bool measure_shape(const Job *job, Region *region, CmError **err) {
  const double *spacing = cm_image_geometry(region->image)->spacing;
  const int axis = slice_axis(job, region);
  double out[CM__PYRAD_MOST];
  if (job->wanted[CM__PYRAD_SHAPE] && cm_image_rank(region->image) >= 3 &&
      (!cm__pyrad_shape(&region->whole, spacing, out, err) ||
       !cm__pyrad_add_features(&region->items, "original", CM__PYRAD_SHAPE, job->wanted[CM__PYRAD_SHAPE], out, err)))
    return false;
  return !job->wanted[CM__PYRAD_SHAPE2D] || axis < 0 ||
         (cm__pyrad_shape2d(&region->whole, spacing, axis, out, err) &&
          cm__pyrad_add_features(&region->items, "original", CM__PYRAD_SHAPE2D, job->wanted[CM__PYRAD_SHAPE2D], out,
                                 err));
}

/* Everything but the image types. */
static bool prepare(const Job *job, Region *region, const CmLabelBox *box, CmError **err) {
  region->items.ctx = job->ctx;
  if (job->p->additionalInfo &&
      !cm__pyrad_tell_start(&region->items, job->op, job->values, job->image, job->labels, &job->facts, err))
    return false;
  const CmPyradPlace place = {.ctx = job->ctx,
                              .p = job->p,
                              .image = job->image,
                              .labels = job->labels,
                              .box = box,
                              .items = job->p->additionalInfo ? &region->items : NULL};
  if (!cm__pyrad_locate(&place, &region->image, &region->roi, err) || !cm__pyrad_check(&region->roi, job->p, err))
    return false;
  if (!cm__pyrad_roi_copy(&region->roi, &region->whole, err)) return false;
  if (job->p->resegmentRange.count > 0) {
    if (!cm__pyrad_resegment(region->image, job->p, &region->roi, err) || !cm__pyrad_check(&region->roi, job->p, err) ||
        !tell(place.items, "resegmented", region->image, region->image, &region->roi, err))
      return false;
    if (job->p->resegmentShape) cm__pyrad_roi_free(&region->whole);
    if (job->p->resegmentShape ? !cm__pyrad_roi_copy(&region->roi, &region->whole, err)
                               : !cut_to(&region->roi, &region->whole, err))
      return false;
  }
  return measure_shape(job, region, err);
}

/* A region that cannot be measured among others is left with missing features; alone it is an error. */
static bool prepare_labels(void *arg, CmRange range, CmError **err) {
  Job *job = arg;
  for (int64_t k = range.begin; k < range.end; k++) {
    CmError *why = NULL;
    if (prepare(job, &job->regions[k], &job->list.items[k], &why)) continue;
    if (job->list.count == 1 || (cm_error_code(why) != CM_ERR_DATA && cm_error_code(why) != CM_ERR_GEOMETRY)) {
      *err = why;
      return false;
    }
    cm_log(job->ctx, CM_LOG_WARNING, "%s; its features are missing", cm_error_text(why));
    cm_error_free(&why);
    job->regions[k].refused = true;
  }
  return true;
}

/* ---- image types ---- */

enum { BATCH = 16, A_THREAD = 4 };      /* images at most; for a thread, where there are several */
#define BATCH_VOXELS (INT64_C(8) << 20) /* of their boxes: what larger ones have goes on alone */

/* Regions of one image, and image types that wait for being measured together, so that all threads have work. */
typedef struct Group {
  Job *job;
  Region *regions;
  int64_t count, box; /* voxels of the box that holds them */
  CmPyradImage images[BATCH];
  int waiting, most;
  CmPyradView *views; /* of the regions of the first image, of the second ... */
  double (*out)[CM__PYRAD_CLASSES][CM__PYRAD_MOST];
} Group;

/* A filtered image that is nowhere finite in a region leaves its features missing. */
static bool make_views(void *arg, CmRange range, CmError **err) {
  Group *g = arg;
  for (int64_t k = range.begin; k < range.end; k++) {
    const CmPyradImage *image = &g->images[k / g->count];
    const Region *region = &g->regions[k % g->count];
    CmError *why = NULL;
    if (region->refused ||
        cm__pyrad_view_levels(g->job->ctx, image->image, image->at, &region->roi, image->params, &g->views[k], &why))
      continue;
    cm_error_context(&why, "%s, label %lld", image->name, (long long)region->roi.label);
    if (cm_error_code(why) != CM_ERR_DATA) {
      *err = why;
      return false;
    }
    cm_log(g->job->ctx, CM_LOG_WARNING, "%s; its features are missing", cm_error_text(why));
    cm_error_free(&why);
  }
  return true;
}

/* Items: classes of the first view, of the second ... */
static bool measure_views(void *arg, CmRange range, CmError **err) {
  Group *g = arg;
  for (int64_t k = range.begin; k < range.end; k++) {
    const int64_t view = k / CM__PYRAD_CLASSES, class = k % CM__PYRAD_CLASSES;
    const Region *region = &g->regions[view % g->count];
    if (region->refused || !cm__pyrad_class_fn((int)class) || !g->job->wanted[class]) continue;
    if (g->views[view].roi.voxels == 0) {
      for (int i = 0; i < CM__PYRAD_MOST; i++) g->out[view][class][i] = NAN;
      continue;
    }
    if (!cm__pyrad_class_fn((int)class)(&g->views[view], g->out[view][class], err)) {
      cm_error_context(err, "%s, label %lld, %s", g->images[view / g->count].name, (long long)region->roi.label,
                       cm__pyrad_class_name((int)class));
      return false;
    }
  }
  return true;
}

static bool add_view(const Group *g, int64_t view, CmError **err) {
  Region *region = &g->regions[view % g->count];
  for (int c = 0; c < CM__PYRAD_CLASSES; c++)
    if (cm__pyrad_class_fn(c) && !region->refused &&
        !cm__pyrad_add_features(&region->items, g->images[view / g->count].name, c, g->job->wanted[c], g->out[view][c],
                                err))
      return false;
  return true;
}

static bool measure_batch(Group *g, CmError **err) {
  CmContext *ctx = g->job->ctx;
  const int64_t views = g->waiting * g->count;
  g->views = cm_calloc(ctx, (size_t)views + 1, sizeof(*g->views), err);
  g->out = g->views ? cm_calloc(ctx, (size_t)views + 1, sizeof(*g->out), err) : NULL;
  bool ok = g->out && cm_parallel_for(ctx, NULL, views, 1, make_views, g, err) &&
            cm_parallel_for(ctx, NULL, views * CM__PYRAD_CLASSES, 1, measure_views, g, err);
  for (int64_t k = 0; k < views && g->views; k++) cm__pyrad_view_free(&g->views[k]);
  for (int64_t k = 0; ok && k < views; k++) ok = add_view(g, k, err);
  cm_free(g->views);
  cm_free(g->out);
  while (g->waiting > 0) cm_image_unref(&g->images[--g->waiting].image);
  return ok;
}

static bool wait_for_more(void *arg, const CmPyradImage *image, CmError **err) {
  Group *g = arg;
  g->images[g->waiting] = *image;
  g->images[g->waiting++].image = cm_image_ref(image->image);
  return (g->waiting < g->most && g->waiting * g->box < BATCH_VOXELS) || measure_batch(g, err);
}

/* All image types of the regions, which lie in one image. */
static bool measure_group(Job *job, Region *regions, int64_t count, CmError **err) {
  const int threads = cm_context_threads(job->ctx), room = threads < BATCH / A_THREAD ? A_THREAD * threads : BATCH;
  Group group = {.job = job, .regions = regions, .count = count, .most = threads == 1 ? 1 : room};
  CmPyradSource source = {.ctx = job->ctx};
  int64_t hi[3] = {0, 0, 0};
  for (int64_t k = 0; k < count; k++) {
    if (regions[k].refused) continue;
    for (int axis = 0; axis < 3; axis++) {
      const int64_t lo = regions[k].roi.lo[axis], end = lo + regions[k].roi.size[axis];
      if (!source.image || lo < source.lo[axis]) source.lo[axis] = lo;
      if (!source.image || end > hi[axis]) hi[axis] = end;
    }
    source.image = regions[k].image;
  }
  if (!source.image) return true;
  for (int axis = 0; axis < 3; axis++) source.size[axis] = hi[axis] - source.lo[axis];
  group.box = source.size[0] * source.size[1] * source.size[2];
  bool ok = true;
  for (int t = 0; ok && t < job->type_count; t++)
    ok = cm__pyrad_images(&source, &job->types[t], wait_for_more, &group, err);
  ok = ok && measure_batch(&group, err);
  while (group.waiting > 0) cm_image_unref(&group.images[--group.waiting].image);
  return ok;
}

static bool measure_labels(void *arg, CmRange range, CmError **err) {
  Job *job = arg;
  for (int64_t k = range.begin; k < range.end; k++)
    if (!measure_group(job, &job->regions[k], 1, err)) return false;
  return true;
}

static bool measure_all(Job *job, CmError **err) {
  bool texture = false;
  for (int c = 0; c < CM__PYRAD_CLASSES; c++) texture = texture || (cm__pyrad_class_fn(c) && job->wanted[c]);
  if (!texture) return true;
  if (job->shared) return measure_group(job, job->regions, job->list.count, err);
  return cm_parallel_for(job->ctx, job->list.count > 1 ? "radiomics" : NULL, job->list.count, 1, measure_labels, job,
                         err);
}

/* ---- the table ---- */

/* The column of this name, at `guess` if it is there, made where it is not. */
static int column_of(CmTable *table, const char *name, int guess, CmColumnType type, CmError **err) {
  if (guess < cm_table_columns(table) && strcmp(cm_table_column_name(table, guess), name) == 0) return guess;
  const int found = cm_table_find_column(table, name);
  return found >= 0 ? found : cm_table_add_column(table, name, type, "", err);
}

static bool fill_row(CmTable *table, const Job *job, int64_t k, CmError **err) {
  const CmPyradItems *items = &job->regions[k].items;
  const int64_t row = cm_table_add_row(table, err), value = job->list.items[k].value;
  CmLabel named;
  if (row < 0) return false;
  cm_table_set_int(table, row, 0, value);
  if (cm_image_find_label(job->labels, value, &named) && named.name && *named.name &&
      !cm_table_set_text(table, row, 1, named.name, err))
    return false;
  for (int i = 0, column = 1; i < items->count; i++) {
    const CmPyradItem *item = &items->item[i];
    column = column_of(table, item->name, column + 1, item->text ? CM_COLUMN_TEXT : CM_COLUMN_REAL, err);
    if (column < 0 || (item->text && !cm_table_set_text(table, row, column, item->text, err))) return false;
    if (!item->text) cm_table_set_real(table, row, column, item->value);
  }
  return true;
}

static CmTable *make_table(const Job *job, CmError **err) {
  CmTable *table = cm_table_create(job->ctx, err);
  bool ok = table && cm_table_add_column(table, "label", CM_COLUMN_INT, "", err) >= 0 &&
            cm_table_add_column(table, "name", CM_COLUMN_TEXT, "", err) >= 0;
  for (int64_t k = 0; ok && k < job->list.count; k++) ok = fill_row(table, job, k, err);
  if (!ok) cm_table_unref(&table);
  return table;
}

/* ---- the call ---- */

CmImage *cm__pyrad_channel(CmContext *ctx, CmImage *labels, int64_t channel, CmError **err) {
  const int components = cm_image_components(labels);
  if (channel >= components) {
    cm_error_set(err, CM_ERR_PARAMETER, "label_channel %lld is asked for; the label map has %d (from 0)",
                 (long long)channel, components);
    return NULL;
  }
  if (components == 1) return cm_image_ref(labels);
  CmImage *out = cm_image_create_like(ctx, labels, cm_image_type(labels), 1, err);
  const size_t size = cm_type_size(cm_image_type(labels));
  char *to = out ? cm_image_data_mut(out) : NULL;
  const char *from = (const char *)cm_image_data(labels) + (size_t)channel * size;
  for (int64_t k = 0; to && k < cm_image_voxels(labels); k++)
    memcpy(to + (size_t)k * size, from + (size_t)(k * components) * size, size);
  return out;
}

static bool start(Job *job, const CmCall *call, int64_t label, size_t offset, CmError **err) {
  if (!cm__pyrad_wanted(job->p, job->wanted, err)) return false;
  if (!cm__pyrad_types_read(job->ctx, job->op, job->p, offset, job->types, &job->type_count, err)) return false;
  job->labels = cm__pyrad_channel(job->ctx, call->in[1].image, job->p->label_channel, err);
  if (!job->labels || !cm__label_list(job->ctx, job->labels, &job->list, err) ||
      !cm__label_choose(&job->list, label, err) ||
      (job->p->additionalInfo && !cm__pyrad_facts(job->ctx, call->in[0].image, job->labels, &job->facts, err)))
    return false;
  job->image = job->p->normalize ? cm__pyrad_normalize(job->ctx, call->in[0].image, job->p, err)
                                 : cm_image_ref(call->in[0].image);
  job->shared = !job->p->preCrop &&
                (job->p->resampledPixelSpacing.count == 0 || job->p->interpolator == CM__PYRAD_NO_INTERPOLATOR);
  job->regions = job->image ? cm_calloc(job->ctx, (size_t)job->list.count + 1, sizeof(Region), err) : NULL;
  return job->regions != NULL;
}

bool cm__pyrad_run(const CmCall *call, const CmPyradParams *params, size_t params_offset, int64_t label,
                   CmError **err) {
  Job job = {.ctx = call->ctx, .p = params, .op = cm_op_find("radiomics"), .values = call->params};
  bool ok = start(&job, call, label, params_offset, err) &&
            cm_parallel_for(job.ctx, NULL, job.list.count, 1, prepare_labels, &job, err) && measure_all(&job, err);
  CmTable *table = ok ? make_table(&job, err) : NULL;
  if (table) call->out[0] = cm_value_table(table);
  for (int64_t k = 0; job.regions && k < job.list.count; k++) {
    cm_image_unref(&job.regions[k].image);
    cm__pyrad_roi_free(&job.regions[k].roi);
    cm__pyrad_roi_free(&job.regions[k].whole);
    cm__pyrad_items_free(&job.regions[k].items);
  }
  cm_free(job.regions);
  cm_free(job.list.items);
  cm__pyrad_types_free(job.types, job.type_count);
  cm_image_unref(&job.image);
  cm_image_unref(&job.labels);
  return table != NULL;
}
