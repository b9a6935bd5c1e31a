/* From drawn voxels to a model that is judged and knows its filters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/json.h"
#include "learn/pixels/pixels.h"
#include "learn/pixels/set.h"
#include "learn/rng.h"
#include "learn/rows.h"
#include "learn/split.h"
#include "learn/tune.h"

#define MOST_LABEL 65535

/* ---- the filters in the model ------------------------------------------------------------------------------------ */

static bool is_label(const char *text) {
  char again[16];
  const long value = strtol(text, NULL, 10);
  snprintf(again, sizeof again, "%ld", value);
  return value >= 0 && value <= MOST_LABEL && !strcmp(again, text);
}

bool cm__model_read_pixels(CmModel *model, const json_t *json, CmError **err) {
  CmArena scratch = {.ctx = model->hold.ctx};
  CmPixelStack *stack = cm__stack_read(&model->hold, json, err);
  bool ok = stack != NULL;
  if (ok && (!(1u << model->task & CM_TASKS_CLASSES) || stack->features != model->features))
    ok = cm__json_refuse(err, "pixels");
  for (int c = 0; ok && c < model->classes; c++) ok = is_label(model->class_name[c]) || cm__json_refuse(err, "classes");
  for (int f = 0; ok && f < model->features; f++) {
    const char *name = cm__stack_feature(&scratch, stack, f, err);
    ok = name && (!strcmp(name, model->feature[f]) || cm__json_refuse(err, "pixels.filters"));
  }
  cm__arena_free(&scratch);
  model->pixels = ok ? stack : NULL;
  return ok;
}

/* By way of the file's form, so that what was fitted is what will be read. */
static bool attach(CmModel *model, const CmPixelStack *stack, CmError **err) {
  CmTextBuffer buffer;
  cm__text_start(&buffer, model->hold.ctx, err);
  cm__stack_write(stack, model->hold.ctx, &buffer);
  char *text = cm__text_finish(&buffer);
  json_t *json = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
  const bool ok = json && cm__model_read_pixels(model, json, err);
  if (text && !json) cm_error_set(err, CM_ERR_MEMORY, "no memory for the filters of the model");
  json_decref(json);
  cm_free(text);
  return ok;
}

int cm_model_filters(const CmModel *model) {
  return model->pixels ? model->pixels->count : 0;
}

const char *cm_model_filter(const CmModel *model, int at) {
  return at >= 0 && at < cm_model_filters(model) ? model->pixels->filter[at].name : NULL;
}

int64_t cm_model_filter_reach(const CmModel *model, const CmImage *image) {
  int64_t most = 0, reach[3];
  for (int i = 0; i < cm_model_filters(model); i++) {
    const CmPixelFilter *filter = &model->pixels->filter[i];
    if (!cm_op_reach(filter->op, filter->params, image, reach)) return -1;
    for (int axis = 0; axis < 3; axis++) most = reach[axis] > most ? reach[axis] : most;
  }
  return most;
}

/* ---- judging ----------------------------------------------------------------------------------------------------- */

typedef struct Judge {
  CmContext *ctx;
  const CmLearner *learner;
  const CmLearnData *data;
  const char *grouped;  /* what folds keep together: "image", "block" */
  const int64_t *group; /* of each row, 0..groups-1 */
  int64_t groups;
  int folds;
  int *fold;      /* of each row */
  int *predicted; /* of each row, by the model that has not seen it */
} Judge;

static bool judge_fold(void *arg, CmRange range, CmError **err) {
  Judge *job = arg;
  const CmLearnData *data = job->data;
  const int fold = (int)range.begin;
  CmArena scratch = {.ctx = job->ctx};
  CmModel *model = NULL;
  int64_t *train = CM__NEW(&scratch, int64_t, data->rows, err), trains = 0;
  double *p = CM__NEW(&scratch, double, data->classes, err);
  bool ok = train && p;
  for (int64_t i = 0; ok && i < data->rows; i++)
    if (job->fold[i] != fold) train[trains++] = i;
  ok = ok && (model = cm__learner_fit(job->ctx, job->learner, data, train, trains, (uint64_t)fold + 1, NULL, err));
  for (int64_t i = 0; ok && i < data->rows; i++) {
    if (job->fold[i] != fold) continue;
    ok = cm__model_numbers(job->ctx, model, data->x + i * data->features, 1, p, err);
    job->predicted[i] = cm__most_probable(p, data->classes);
  }
  cm_model_unref(&model);
  cm__arena_free(&scratch);
  if (!ok) cm_error_context(err, "fold %d of the judgement", fold + 1);
  return ok;
}

/* Groups that have a row of the class; -1: an error. */
static int64_t groups_of(CmArena *scratch, const Judge *job, int c, CmError **err) {
  uint8_t *seen = CM__NEW(scratch, uint8_t, job->groups, err);
  int64_t count = 0;
  for (int64_t i = 0; seen && i < job->data->rows; i++)
    if (job->data->y[i] == c) count += !seen[job->group[i]], seen[job->group[i]] = 1;
  return seen ? count : -1;
}

static double share(int64_t part, int64_t all) {
  return all ? (double)part / (double)all : 0;
}

/* Recall, precision, Dice. */
static void rates_of(const Judge *job, int c, double rate[3]) {
  int64_t hit = 0, true_ones = 0, called = 0;
  for (int64_t i = 0; i < job->data->rows; i++) {
    hit += job->data->y[i] == c && job->predicted[i] == c;
    true_ones += job->data->y[i] == c;
    called += job->predicted[i] == c;
  }
  rate[0] = share(hit, true_ones);
  rate[1] = share(hit, called);
  rate[2] = share(2 * hit, true_ones + called);
}

static void put_row(CmTableWriter *w, const char *name, int64_t voxels, int64_t groups, const double rate[3]) {
  cm__rows_next(w);
  cm__rows_text(w, name);
  cm__rows_int(w, voxels);
  cm__rows_int(w, groups);
  for (int k = 0; k < 3; k++) cm__rows_real(w, rate[k]);
}

static void put_end(CmTableWriter *w, const Judge *job, const double *accuracy) {
  if (accuracy)
    cm__rows_real(w, *accuracy);
  else
    cm__rows_skip(w);
  cm__rows_text(w, job->grouped);
  cm__rows_int(w, job->folds);
}

static CmTable *tell(CmContext *ctx, const Judge *job, CmError **err) {
  static const char *const names[] = {"class", "voxels",   "groups",  "recall", "precision",
                                      "dice",  "accuracy", "grouped", "folds"};
  CmArena scratch = {.ctx = ctx};
  CmTableWriter w;
  const CmLearnData *data = job->data;
  const int classes = job->folds ? data->classes : 0;
  double all[3] = {0}, rate[3];
  int64_t right = 0;
  bool ok = cm__rows_start(&w, ctx, err);
  if (ok) cm__rows_columns(&w, names, "tiirrrrti");
  for (int c = 0; ok && c < classes; c++) {
    const int64_t groups = groups_of(&scratch, job, c, err);
    int64_t voxels = 0;
    for (int64_t i = 0; i < data->rows; i++) voxels += data->y[i] == c;
    rates_of(job, c, rate);
    for (int k = 0; k < 3; k++) all[k] += rate[k] / classes;
    put_row(&w, data->class_name[c], voxels, groups, rate);
    put_end(&w, job, NULL);
    ok = groups >= 0;
  }
  for (int64_t i = 0; classes && i < data->rows; i++) right += data->y[i] == job->predicted[i];
  const double accuracy = share(right, data->rows);
  if (ok && classes) {
    put_row(&w, "all", data->rows, job->groups, all);
    put_end(&w, job, &accuracy);
  }
  cm__arena_free(&scratch);
  CmTable *table = cm__rows_finish(&w);
  if (!ok) cm_table_unref(&table);
  return table;
}

/* Folds keep images together; where some class is in one image only, parts of images; none where that does not part
 * it either. */
static bool choose_groups(const CmPixelSet *set, CmLearnData *data, Judge *job, CmError **err) {
  int64_t *group = CM__NEW(&data->hold, int64_t, data->rows, err), fewest = 0;
  int few = 0;
  for (int by_block = set->images < 2; group && fewest < 2 && by_block < 2; by_block++) {
    job->grouped = by_block ? "block" : "image";
    for (int64_t i = 0; i < data->rows; i++) {
      int64_t row = data->row[i]; /* some may have been left out */
      group[i] = by_block ? set->row[row].block : set->row[row].image;
    }
    if (!cm__compact_subjects(&data->hold, group, data->rows, &job->groups, err) ||
        !cm__fewest_subjects(set->ctx, data->y, data->classes, group, job->groups, data->rows, &few, &fewest, err))
      return false;
  }
  job->group = group;
  job->folds = (int)(set->params.folds < fewest ? set->params.folds : fewest);
  if (fewest < 2 && set->params.folds)
    cm_log(set->ctx, CM_LOG_WARNING,
           "The model is not judged: class %s lies in one part of one image only; label it in more places or images.",
           data->class_name[few]);
  if (job->folds < 2) job->folds = 0;
  return group != NULL;
}

static CmTable *judge(const CmPixelSet *set, const CmLearner *learner, CmLearnData *data, CmError **err) {
  CmArena *hold = &data->hold;
  Judge job = {.ctx = set->ctx, .learner = learner, .data = data};
  if (!choose_groups(set, data, &job, err)) return NULL;
  if (!job.folds) return tell(set->ctx, &job, err);
  const uint64_t stream = cm__stream((uint64_t)set->params.seed, CM__STREAM_PIXEL_FOLDS, 0);
  job.fold = CM__NEW(hold, int, data->rows, err);
  job.predicted = CM__NEW(hold, int, data->rows, err);
  if (!job.fold || !job.predicted ||
      !cm__split_folds(set->ctx, data->y, data->classes, job.group, job.groups, data->rows, job.folds, stream, job.fold,
                       err) ||
      !cm_parallel_for(set->ctx, "judge", job.folds, 1, judge_fold, &job, err))
    return NULL;
  return tell(set->ctx, &job, err);
}

/* ---- fitting ----------------------------------------------------------------------------------------------------- */

/* What is chosen inside of a training set (probabilities of the SVM, parameters) keeps parts of images together. */
static bool read_data(const CmPixelSet *set, const CmLearner *learner, const CmTable *table, CmLearnData *data,
                      CmError **err) {
  CmArena scratch = {.ctx = set->ctx};
  const int count = set->stack.features;
  const char **name = CM__NEW(&scratch, const char *, count, err);
  bool ok = name != NULL;
  for (int f = 0; ok && f < count; f++) ok = (name[f] = cm__stack_feature(&scratch, &set->stack, f, err));
  const CmLearnColumns columns = {.target = "class", .subject = "block", .features = name, .feature_count = count};
  ok = ok && cm__data_read(set->ctx, table, &columns, cm__ability(learner, 1), data, err);
  cm__arena_free(&scratch);
  return ok;
}

static bool check_learner(const CmPixelSet *set, const CmLearner *learner, CmError **err) {
  if (!cm__learner_check(learner, err)) return false;
  if (!(learner->kind->tasks & CM_TASKS_CLASSES)) {
    cm_error_set(err, CM_ERR_PARAMETER, "%s predicts no classes; take random_forest, svm, logistic …",
                 learner->kind->about.name);
    return false;
  }
  bool two = false;
  for (int64_t i = 1; !two && i < set->rows; i++) two = set->row[i].label != set->row[0].label;
  if (!two)
    cm_error_set(err, CM_ERR_DATA,
                 "the labels hold one class only; label voxels of a second one, or say «background» where 0 is one");
  return two;
}

CmModel *cm_pixel_set_fit(CmPixelSet *set, const CmLearner *learner, CmTable **judged, CmError **err) {
  if (!set->rows) {
    cm_error_set(err, CM_ERR_USAGE, "no image is added to the set; add some first");
    return NULL;
  }
  if (!check_learner(set, learner, err)) return NULL;
  CmTable *table = cm_pixel_set_table(set, err), *judgement = NULL;
  if (!table) return NULL;
  CmLearnData data = {.hold = {.ctx = set->ctx}};
  CmModel *model = NULL;
  int64_t *all = NULL;
  bool ok = read_data(set, learner, table, &data, err) && (!judged || (judgement = judge(set, learner, &data, err))) &&
            (all = CM__NEW(&data.hold, int64_t, data.rows, err));
  for (int64_t i = 0; ok && i < data.rows; i++) all[i] = i;
  ok = ok && (model = cm__learner_fit(set->ctx, learner, &data, all, data.rows, 0, NULL, err)) &&
       attach(model, &set->stack, err);
  if (!ok) {
    cm_model_unref(&model);
    cm_table_unref(&judgement);
  }
  if (judged) *judged = judgement;
  cm__data_free(&data);
  cm_table_unref(&table);
  return model;
}
