/* A model of pixels on a whole image, block after block. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/pixels/blocks.h"
#include "learn/pixels/pixels.h"

#define ROWS_AT_A_TIME 512

typedef struct Predict {
  CmContext *ctx;
  const CmModel *model;
  CmPixelSource source;
  CmPixelGrid grid;
  CmImage *labels, *probabilities; /* probabilities: NULL: not wanted */
  int64_t label[1000];             /* of each class */
  CmPixelBox box;                  /* the present block */
  float *plane;                    /* its features */
} Predict;

/* Rows of features of voxels v .. v + rows - 1 of the block. */
static void take_rows(const Predict *job, int64_t v, int64_t rows, double *x) {
  const int features = job->model->features;
  for (int f = 0; f < features; f++) {
    if (!job->source.needed[f]) continue;
    const float *from = job->plane + f * job->box.voxels + v;
    for (int64_t i = 0; i < rows; i++) x[i * features + f] = (double)from[i];
  }
}

static void put_rows(const Predict *job, int64_t v, int64_t rows, const double *p) {
  const int classes = job->model->classes;
  for (int64_t i = 0; i < rows; i++, p += classes) {
    const int64_t at = cm__box_voxel(&job->grid, &job->box, v + i), label = job->label[cm__most_probable(p, classes)];
    if (cm_image_type(job->labels) == CM_U8)
      ((uint8_t *)cm_image_data_mut(job->labels))[at] = (uint8_t)label;
    else
      ((uint16_t *)cm_image_data_mut(job->labels))[at] = (uint16_t)label;
    float *to = job->probabilities ? (float *)cm_image_data_mut(job->probabilities) + at * classes : NULL;
    for (int c = 0; to && c < classes; c++) to[c] = (float)p[c];
  }
}

static bool predict_rows(void *arg, CmRange range, CmError **err) {
  const Predict *job = arg;
  const int64_t rows = range.end - range.begin;
  double *x = cm_calloc(job->ctx, (size_t)(rows * job->model->features), sizeof *x, err);
  double *p = x ? cm_alloc_array(job->ctx, (size_t)(rows * job->model->classes), sizeof *p, err) : NULL;
  if (p) take_rows(job, range.begin, rows, x);
  const bool ok = p && cm__model_numbers(job->ctx, job->model, x, rows, p, err);
  if (ok) put_rows(job, range.begin, rows, p);
  cm_free(p);
  cm_free(x);
  return ok;
}

static bool predict_blocks(Predict *job, CmError **err) {
  job->grid = cm__pixel_grid(&job->source);
  bool ok = true;
  for (int64_t at = 0; ok && at < job->grid.count; at++) {
    job->box = cm__grid_box(&job->grid, at);
    job->plane = cm_alloc_array(job->ctx, (size_t)(job->box.voxels * job->model->features), sizeof *job->plane, err);
    ok = job->plane && cm__pixel_features(&job->source, &job->box, job->plane, err) &&
         cm_parallel_for(job->ctx, NULL, job->box.voxels, ROWS_AT_A_TIME, predict_rows, job, err);
    cm_free(job->plane);
    cm_progress(job->ctx, "predict", at + 1, job->grid.count);
  }
  return ok;
}

static bool check_image(CmContext *ctx, const CmModel *model, const CmImage *image, CmError **err) {
  const CmPixelStack *stack = model->pixels;
  if (!stack) {
    cm_error_set(err, CM_ERR_DATA,
                 "the model was trained on a table, not on images; make one by «cormack pixel-train»");
    return false;
  }
  if (!cm__stack_fits(stack, image, err)) return false;
  const double *mm = cm_image_geometry(image)->spacing;
  bool other = false;
  for (int axis = 0; axis < (stack->flat ? 2 : 3); axis++)
    other = other || fabs(mm[axis] / stack->spacing[axis] - 1) > 0.01;
  if (other && !cm__stack_in_mm(stack))
    cm_log(ctx, CM_LOG_WARNING,
           "The image's spacing, %g x %g x %g mm, is not that of the training, %g x %g x %g mm, and some filters are "
           "sized in voxels: they see another scale; resample the image.",
           mm[0], mm[1], mm[2], stack->spacing[0], stack->spacing[1], stack->spacing[2]);
  return true;
}

static bool make_results(Predict *job, const CmImage *image, bool probabilities, CmError **err) {
  const CmModel *model = job->model;
  int64_t most = 0;
  for (int c = 0; c < model->classes; c++) {
    job->label[c] = strtol(model->class_name[c], NULL, 10);
    most = job->label[c] > most ? job->label[c] : most;
  }
  job->labels = cm_image_create_like(job->ctx, image, most > UINT8_MAX ? CM_U16 : CM_U8, 1, err);
  if (!job->labels || !cm_image_set_unit(job->labels, "1", err)) return false;
  if (!probabilities) return true;
  job->probabilities = cm_image_create_like(job->ctx, image, CM_F32, model->classes, err);
  return job->probabilities && cm_image_set_unit(job->probabilities, "1", err);
}

/* Features that the model does not look at are not calculated. */
static bool *find_needed(CmContext *ctx, const CmModel *model, CmError **err) {
  bool *needed = cm_calloc(ctx, (size_t)model->features, sizeof *needed, err);
  for (int k = 0; needed && k < model->prepare.used; k++) needed[model->prepare.use[k]] = true;
  return needed;
}

bool cm_pixel_predict(CmContext *ctx, const CmModel *model, CmImage *image, CmImage **labels, CmImage **probabilities,
                      CmError **err) {
  if (!check_image(ctx, model, image, err)) return false;
  Predict job = {.ctx = ctx, .model = model};
  bool *needed = find_needed(ctx, model, err);
  bool ok = needed && make_results(&job, image, probabilities != NULL, err) &&
            cm__pixel_open(&job.source, ctx, model->pixels, image, needed, err);
  ok = ok && predict_blocks(&job, err);
  if (job.source.stack) cm__pixel_close(&job.source);
  cm_free(needed);
  if (!ok) {
    cm_image_unref(&job.labels);
    cm_image_unref(&job.probabilities);
    return false;
  }
  *labels = job.labels;
  if (probabilities) *probabilities = job.probabilities;
  return true;
}
