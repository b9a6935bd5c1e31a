#include "learn/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/rows.h"

#define ROWS_A_CHUNK 256

/* ---- kinds ----------------------------------------------------------------------------------------------------------
 */

int cm_model_kind_count(void) {
  return cm__model_kind_list_count;
}

const CmModelKind *cm_model_kind_at(int at) {
  return at >= 0 && at < cm__model_kind_list_count ? &cm__model_kind_list[at]->kind : NULL;
}

const CmModelKind *cm_model_kind_find(const char *name) {
  for (int i = 0; name && i < cm__model_kind_list_count; i++)
    if (!strcmp(cm__model_kind_list[i]->kind.about.name, name)) return &cm__model_kind_list[i]->kind;
  return NULL;
}

const CmModelKind *cm_model_kind_get(const char *name, CmError **err) {
  const CmModelKind *kind = cm_model_kind_find(name);
  if (kind) return kind;
  const char *names[64];
  int count = 0;
  for (int i = 0; i < cm__model_kind_list_count && count < CM_COUNT(names); i++)
    names[count++] = cm__model_kind_list[i]->kind.about.name;
  const char *near = name ? cm_nearest_name(name, names, count) : NULL;
  if (near)
    cm_error_set(err, CM_ERR_MISSING, "there is no kind of model \"%s\"; did you mean \"%s\"?", name, near);
  else
    cm_error_set(err, CM_ERR_MISSING, "there is no kind of model \"%s\"; «cormack models» lists them",
                 name ? name : "");
  return NULL;
}

const CmModelBody *cm__model_body(const CmModelKind *kind) {
  for (int i = 0; i < cm__model_kind_list_count; i++)
    if (&cm__model_kind_list[i]->kind == kind) return cm__model_kind_list[i];
  return NULL;
}

const char *cm__learner_name(const CmLearner *learner) {
  return learner->name ? learner->name : learner->kind->about.name;
}

bool cm__learner_check(const CmLearner *learner, CmError **err) {
  if (!learner->kind || !cm__model_body(learner->kind)) {
    cm_error_set(err, CM_ERR_USAGE, "a learner has no kind of model; take one from cm_model_kind_get()");
    return false;
  }
  if (*cm__learner_name(learner)) return true;
  cm_error_set(err, CM_ERR_USAGE, "a learner's name is empty; give one, or none");
  return false;
}

/* ---- life -----------------------------------------------------------------------------------------------------------
 */

CmModel *cm__model_create(CmContext *ctx, CmError **err) {
  CmModel *model = cm_calloc(ctx, 1, sizeof *model, err);
  if (!model) return NULL;
  model->hold.ctx = ctx;
  atomic_init(&model->references, 1);
  return model;
}

CmModel *cm_model_ref(CmModel *model) {
  if (model) atomic_fetch_add(&model->references, 1);
  return model;
}

void cm_model_unref(CmModel **model) {
  if (!model || !*model) return;
  CmModel *gone = *model;
  *model = NULL;
  if (atomic_fetch_sub(&gone->references, 1) > 1) return;
  cm__arena_free(&gone->hold);
  cm_free(gone);
}

const CmModelKind *cm_model_kind(const CmModel *model) {
  return &model->body->kind;
}
const char *cm_model_name(const CmModel *model) {
  return model->name;
}
CmLearnTask cm_model_task(const CmModel *model) {
  return model->task;
}
const char *cm_model_target(const CmModel *model) {
  return model->target;
}
const char *cm_model_event(const CmModel *model) {
  return model->event_column;
}
int cm_model_classes(const CmModel *model) {
  return model->classes;
}
const char *cm_model_class(const CmModel *model, int at) {
  return at >= 0 && at < model->classes ? model->class_name[at] : NULL;
}
int cm_model_features(const CmModel *model) {
  return model->features;
}
const char *cm_model_feature(const CmModel *model, int at) {
  return at >= 0 && at < model->features ? model->feature[at] : NULL;
}
const char *cm_model_feature_unit(const CmModel *model, int at) {
  return at >= 0 && at < model->features ? model->unit[at] : NULL;
}

/* ---- fitting --------------------------------------------------------------------------------------------------------
 */

bool cm__name_parts(CmModel *model, int parts, CmError **err) {
  model->classes = parts;
  model->class_name = CM__NEW(&model->hold, const char *, parts, err);
  for (int c = 0; model->class_name && c < parts; c++)
    if (!(model->class_name[c] = cm__arena_printf(&model->hold, err, "%d", c + 1))) return false;
  return model->class_name != NULL;
}

const char *cm__output_name(const CmModel *model, int output) {
  if (model->task == CM_TASK_BINARY) return model->class_name[1];
  return cm__outputs(model->task, model->classes) > 1 ? model->class_name[output] : NULL;
}

static const char **copy_texts(CmArena *hold, const char *const *texts, int count, CmError **err) {
  const char **copy = CM__NEW(hold, const char *, count, err);
  for (int i = 0; copy && i < count; i++)
    if (!(copy[i] = cm__arena_strdup(hold, texts[i], err))) return NULL;
  return copy;
}

/* Parameters as JSON, all of them; NULL params: the defaults. */
static const char *params_text(CmArena *hold, const CmOp *about, const void *params, CmError **err) {
  void *defaults = params ? NULL : cm_params_create(hold->ctx, about, err);
  if (!params && !defaults) return NULL;
  char *json = cm_params_to_json(hold->ctx, about, params ? params : defaults, err);
  const char *copy = json ? cm__arena_strdup(hold, json, err) : NULL;
  cm_free(json);
  cm_free(defaults);
  return copy;
}

/* What the model says of itself, without numbers. */
static bool describe(CmModel *model, const CmLearner *learner, const CmLearnData *data, CmError **err) {
  CmArena *hold = &model->hold;
  model->body = cm__model_body(learner->kind);
  model->task = data->task;
  model->classes = data->classes;
  model->features = data->features;
  memcpy(model->table_hash, data->table_hash, sizeof model->table_hash);
  model->version = CM_VERSION;
  model->name = cm__arena_strdup(hold, cm__learner_name(learner), err);
  model->target = cm__arena_strdup(hold, data->target, err);
  model->target_unit = cm__arena_strdup(hold, data->target_unit ? data->target_unit : "", err);
  model->event_column = cm__arena_strdup(hold, data->event_column, err);
  model->subject_column = cm__arena_strdup(hold, data->subject_column, err);
  if (!model->name || !model->target_unit || (data->target && !model->target) ||
      (data->event_column && !model->event_column) || (data->subject_column && !model->subject_column))
    return false;
  model->class_name = copy_texts(hold, data->class_name, data->classes, err);
  model->feature = copy_texts(hold, data->feature, data->features, err);
  model->unit = copy_texts(hold, data->unit, data->features, err);
  if (!model->class_name || !model->feature || !model->unit) return false;
  model->params_json = params_text(hold, &learner->kind->about, learner->params, err);
  model->prepare_json = params_text(hold, cm_prepare_about(), learner->prepare, err);
  return model->params_json && model->prepare_json;
}

/* Every class must be there, or numbers of classes would shift. */
static bool check_classes(const CmLearnData *data, const int *y, int64_t rows, CmError **err) {
  for (int c = 0; c < data->classes; c++) {
    bool seen = false;
    for (int64_t i = 0; i < rows && !seen; i++) seen = y[i] == c;
    if (seen) continue;
    cm_error_set(err, CM_ERR_DATA,
                 "the training rows hold no row of class \"%s\"; use fewer folds, or more subjects of that class",
                 data->class_name[c]);
    return false;
  }
  return true;
}

/* Copies the rows that are numbered in at[0..count); behind the labelled ones the unlabelled come. */
static bool gather(CmArena *scratch, const CmLearnData *data, const int64_t *at, int64_t count, int64_t labelled,
                   CmTraining *raw, CmError **err) {
  int d = data->features;
  size_t cells;
  if (!cm_size_multiply((size_t)count, (size_t)d, &cells, err)) return false;
  double *x = CM__NEW(scratch, double, cells, err), *value = data->value ? CM__NEW(scratch, double, count, err) : NULL;
  int *y = data->y ? CM__NEW(scratch, int, count, err) : NULL;
  uint8_t *event = data->event ? CM__NEW(scratch, uint8_t, count, err) : NULL;
  int64_t *subject = CM__NEW(scratch, int64_t, count, err);
  if (!x || !subject || (data->y && !y) || (data->value && !value) || (data->event && !event)) return false;
  for (int64_t i = 0; i < count; i++) {
    memcpy(x + i * d, data->x + at[i] * d, sizeof(double) * (size_t)d);
    subject[i] = data->subject[at[i]];
    if (y) y[i] = i < labelled ? data->y[at[i]] : -1;
    if (value) value[i] = data->value[at[i]];
    if (event) event[i] = data->event[at[i]];
  }
  *raw = (CmTraining){data->task, x, count, d, data->classes, y, value, event, subject};
  return true;
}

/* The preparation is fitted on the labelled rows, and all are prepared. */
static bool prepare_training(CmModel *model, CmArena *scratch, const CmLearner *learner, const CmLearnData *data,
                             const CmTraining *raw, int64_t labelled, CmTraining *training, CmError **err) {
  void *defaults = learner->prepare ? NULL : cm_params_create(scratch->ctx, cm_prepare_about(), err);
  const CmPrepareParams *params = learner->prepare ? learner->prepare : defaults;
  CmTraining fitted = *raw;
  fitted.rows = labelled;
  bool ok =
      params && cm__prepare_fit(&model->hold, params, learner->kind, &fitted, data->feature, &model->prepare, err);
  double *x = ok ? CM__NEW(scratch, double, raw->rows * model->prepare.kept, err) : NULL;
  cm_free(defaults);
  if (!x) return false;
  cm__prepare_apply(&model->prepare, raw->x, raw->rows, x);
  *training = *raw;
  training->x = x;
  training->features = model->prepare.kept;
  return true;
}

/* Numbers of the rows to train on: the given ones, and unlabelled ones of no subject that is labelled and not among
 * them, for such rows are kept away from the training. */
static int64_t *training_rows(CmArena *scratch, const CmLearner *learner, const CmLearnData *data, const int64_t *at,
                              int64_t labelled, int64_t *count, CmError **err) {
  int64_t extra = learner->kind->takes_unlabelled ? data->unlabelled : 0;
  int64_t *all = CM__NEW(scratch, int64_t, labelled + extra, err);
  uint8_t *taken = CM__NEW(scratch, uint8_t, data->subjects, err);
  if (!all || !taken) return NULL;
  for (int64_t i = 0; i < labelled; i++) taken[data->subject[all[i] = at[i]]] = 1;
  *count = labelled;
  for (int64_t i = data->rows; i < data->rows + extra; i++)
    if (data->subject[i] >= data->subjects || taken[data->subject[i]]) all[(*count)++] = i;
  return all;
}

static bool count_subjects(CmModel *model, CmArena *scratch, const CmTraining *training, CmError **err) {
  int64_t *numbers = CM__NEW(scratch, int64_t, training->rows, err);
  if (!numbers) return false;
  memcpy(numbers, training->subject, sizeof *numbers * (size_t)training->rows);
  model->rows = training->rows;
  return cm__compact_subjects(scratch, numbers, training->rows, &model->subjects, err);
}

CmModel *cm__model_fit_rows(CmContext *ctx, const CmLearner *learner, const CmLearnData *data, const int64_t *at,
                            int64_t count, CmError **err) {
  CmArena scratch = {.ctx = ctx};
  CmTraining raw, training;
  int64_t every;
  void *defaults = NULL;
  CmModel *model = cm__model_create(ctx, err);
  if (!model || !describe(model, learner, data, err)) goto error;
  const int64_t *rows = training_rows(&scratch, learner, data, at, count, &every, err);
  if (!rows || !gather(&scratch, data, rows, every, count, &raw, err)) goto error;
  if (!check_classes(data, raw.y, count, err) ||
      !prepare_training(model, &scratch, learner, data, &raw, count, &training, err) ||
      !count_subjects(model, &scratch, &training, err))
    goto error;
  const void *params = learner->params;
  if (!params) params = defaults = cm_params_create(ctx, &learner->kind->about, err);
  if (!params || !(model->state = model->body->fit(&model->hold, &training, params, err))) goto error;
  if (model->body->parts && !cm__name_parts(model, model->body->parts(model->state), err)) goto error;
  cm_free(defaults);
  cm__arena_free(&scratch);
  return model;
error:
  cm_error_context(err, "model \"%s\"", cm__learner_name(learner));
  cm_free(defaults);
  cm__arena_free(&scratch);
  cm_model_unref(&model);
  return NULL;
}

CmModel *cm_model_fit(CmContext *ctx, const CmLearner *learner, const CmTable *table, const CmLearnColumns *columns,
                      CmError **err) {
  CmLearnData data;
  CmModel *model = NULL;
  if (!cm__learner_check(learner, err)) return NULL;
  if (!cm__data_read(ctx, table, columns, cm__ability(learner, 1), &data, err) ||
      !cm__leak_check(&data, columns, "", err))
    goto done;
  int64_t *all = CM__NEW(&data.hold, int64_t, data.rows, err);
  if (!all) goto done;
  for (int64_t i = 0; i < data.rows; i++) all[i] = i;
  model = cm__model_fit_rows(ctx, learner, &data, all, data.rows, err);
done:
  cm__data_free(&data);
  return model;
}

/* ---- applying -------------------------------------------------------------------------------------------------------
 */

int cm__most_probable(const double *probability, int classes) {
  int best = 0;
  for (int c = 1; c < classes; c++)
    if (probability[c] > probability[best]) best = c;
  return best;
}

static double *prepared(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, CmError **err) {
  size_t cells;
  int kept = model->prepare.kept;
  if (!cm_size_multiply((size_t)rows, (size_t)kept, &cells, err)) return NULL;
  double *to = cm_alloc_array(ctx, cells, sizeof *to, err);
  if (!to) return NULL;
  cm__prepare_apply(&model->prepare, x, rows, to);
  if (model->body->kind.takes_missing) return to;
  for (size_t i = 0; i < cells; i++) {
    if (!isnan(to[i])) continue;
    cm_error_set(err, CM_ERR_DATA, "row %zu has no \"%s\", and the model was trained with impute=none; fill it",
                 i / (size_t)kept + 1, model->feature[model->prepare.keep[i % (size_t)kept]]);
    cm_free(to);
    return NULL;
  }
  return to;
}

bool cm__model_numbers(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *to, CmError **err) {
  double *ready = prepared(ctx, model, x, rows, err);
  bool ok = ready && model->body->predict(model->state, ctx, ready, rows, to, err);
  cm_free(ready);
  return ok;
}

bool cm__model_contributions(CmContext *ctx, const CmModel *model, const double *x, int64_t rows, double *contribution,
                             CmError **err) {
  if (!model->body->explain) {
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "%s has no contributions by row; use permutation importance, logistic or a model of trees",
                 model->body->kind.about.name);
    return false;
  }
  int outputs = cm__outputs(model->task, model->classes), kept = model->prepare.kept, all = model->features;
  size_t cells;
  if (!cm_size_multiply((size_t)rows * (size_t)outputs, (size_t)kept + 1, &cells, err)) return false;
  double *ready = prepared(ctx, model, x, rows, err),
         *part = ready ? cm_alloc_array(ctx, cells, sizeof *part, err) : NULL;
  bool ok = part && model->body->explain(model->state, ctx, ready, rows, part, err);
  for (int64_t i = 0; ok && i < rows * outputs; i++) {
    double *to = contribution + i * (all + 1);
    const double *from = part + i * (kept + 1);
    memset(to, 0, sizeof *to * (size_t)all);
    for (int k = 0; k < kept; k++) to[model->prepare.keep[k]] = from[k];
    to[all] = from[kept];
  }
  cm_free(part);
  cm_free(ready);
  return ok;
}

/* Columns of the model's features in `table`; refuses what differs, all at once. */
static bool match_columns(const CmModel *model, const CmTable *table, int *column, CmError **err) {
  char wrong[700] = "";
  int count = 0;
  for (int j = 0; j < model->features; j++) {
    column[j] = cm_table_find_column(table, model->feature[j]);
    char text[200] = "";
    if (column[j] < 0)
      snprintf(text, sizeof text, "\"%.100s\" is missing", model->feature[j]);
    else if (cm_table_column_type(table, column[j]) == CM_COLUMN_TEXT)
      snprintf(text, sizeof text, "\"%.100s\" holds text", model->feature[j]);
    else if (strcmp(cm_table_column_unit(table, column[j]), model->unit[j]))
      snprintf(text, sizeof text, "\"%.100s\" is in \"%.20s\", not \"%.20s\"", model->feature[j],
               cm_table_column_unit(table, column[j]), model->unit[j]);
    if (!*text) continue;
    size_t used = strlen(wrong);
    if (used + strlen(text) + 3 < sizeof wrong)
      snprintf(wrong + used, sizeof wrong - used, "%s%s", count ? ", " : "", text);
    count++;
  }
  if (!count) return true;
  cm_error_set(err, CM_ERR_DATA,
               "the table is not like the one that the model was trained on: %s (%d column%s in all); make the table "
               "in the same way",
               wrong, count, count > 1 ? "s" : "");
  return false;
}

typedef struct CmApply {
  CmContext *ctx;
  const CmModel *model;
  const double *x;
  double *to;
  int64_t width; /* numbers a row of `to` */
  bool explain;
} CmApply;

static bool apply_chunk(void *arg, CmRange range, CmError **err) {
  const CmApply *apply = arg;
  const double *x = apply->x + range.begin * apply->model->features;
  double *to = apply->to + range.begin * apply->width;
  int64_t rows = range.end - range.begin;
  return apply->explain ? cm__model_contributions(apply->ctx, apply->model, x, rows, to, err)
                        : cm__model_numbers(apply->ctx, apply->model, x, rows, to, err);
}

/* Numbers of all rows of a table, in `hold`: rows x width. */
static double *apply_model(CmArena *hold, const CmModel *model, const CmTable *table, bool explain, int64_t width,
                           CmError **err) {
  int64_t rows = cm_table_rows(table);
  size_t cells, results;
  int *column = CM__NEW(hold, int, model->features, err);
  if (!column || !match_columns(model, table, column, err)) return NULL;
  if (!cm_size_multiply((size_t)rows, (size_t)model->features, &cells, err) ||
      !cm_size_multiply((size_t)rows, (size_t)width, &results, err))
    return NULL;
  double *x = CM__NEW(hold, double, cells, err), *to = CM__NEW(hold, double, results, err);
  if (!x || !to) return NULL;
  cm__table_reals(table, column, model->features, x);
  CmApply apply = {hold->ctx, model, x, to, width, explain};
  if (!rows) return to;
  return cm_parallel_for(hold->ctx, explain ? "explain" : "predict", rows, ROWS_A_CHUNK, apply_chunk, &apply, err)
             ? to
             : NULL;
}

/* Starts a result: the row number, and the subject where the table has it. Returns the source column of the subject or
 * -1. */
static int start_rows(CmTableWriter *writer, const CmModel *model, const CmTable *table) {
  cm__rows_column(writer, "row", CM_COLUMN_INT, "");
  int subject = model->subject_column ? cm_table_find_column(table, model->subject_column) : -1;
  static const char *const ours[] = {"row", "predicted", "class", "base", "output", "risk", "score"};
  const char *name = model->subject_column;
  for (int i = 0; subject >= 0 && i < CM_COUNT(ours); i++)
    if (!strcmp(model->subject_column, ours[i])) name = "subject";
  if (subject >= 0) cm__rows_column(writer, name, CM_COLUMN_TEXT, "");
  return subject;
}

static void put_row(CmTableWriter *writer, const CmTable *table, int64_t row, int subject) {
  char cell[CM_TEXT_MAX];
  cm__rows_next(writer);
  cm__rows_int(writer, row);
  if (subject >= 0)
    cm__rows_text(writer, cm_table_is_missing(table, row, subject)
                              ? NULL
                              : cm_table_cell(table, row, subject, cell, sizeof cell));
}

static void number_columns(CmTableWriter *writer, const CmModel *model) {
  if (model->task == CM_TASK_REGRESSION || model->task == CM_TASK_SURVIVAL)
    cm__rows_column(writer, "predicted", CM_COLUMN_REAL, model->target_unit);
  else if (model->task != CM_TASK_EMBEDDING)
    cm__rows_column(writer, "predicted", CM_COLUMN_TEXT, "");
  if (model->task == CM_TASK_SURVIVAL) cm__rows_column(writer, "risk", CM_COLUMN_REAL, "");
  if (model->task == CM_TASK_OUTLIERS) cm__rows_column(writer, "score", CM_COLUMN_REAL, "");
  const char *what = model->task == CM_TASK_EMBEDDING ? "component" : "probability";
  for (int c = 0; c < model->classes; c++)
    cm__rows_columnf(writer, CM_COLUMN_REAL, "", "%s %s", what, model->class_name[c]);
}

/* p: what predict() gave for the row. */
static void put_numbers(CmTableWriter *writer, const CmModel *model, const double *p) {
  if (model->task == CM_TASK_REGRESSION) {
    cm__rows_real(writer, p[0]);
  } else if (model->task == CM_TASK_SURVIVAL) {
    cm__rows_real(writer, p[CM__SURVIVAL_MEDIAN]);
    cm__rows_real(writer, p[CM__SURVIVAL_RISK]);
  } else if (model->task == CM_TASK_OUTLIERS) {
    cm__rows_text(writer, p[0] < 0 ? "outlier" : "inlier");
    cm__rows_real(writer, p[0]);
  } else if (model->task != CM_TASK_EMBEDDING) {
    cm__rows_text(writer, model->class_name[cm__most_probable(p, model->classes)]);
  }
  for (int c = 0; c < model->classes; c++) cm__rows_real(writer, p[c]);
}

CmTable *cm_model_predict(CmContext *ctx, const CmModel *model, const CmTable *table, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTableWriter writer = {0};
  int width = cm__width(model->task, model->classes);
  double *p = apply_model(&hold, model, table, false, width, err);
  if (!p || !cm__rows_start(&writer, ctx, err)) goto done;
  int subject = start_rows(&writer, model, table);
  number_columns(&writer, model);
  for (int64_t i = 0; i < cm_table_rows(table); i++) {
    put_row(&writer, table, i, subject);
    put_numbers(&writer, model, p + i * width);
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&writer);
}

CmTable *cm_model_explain(CmContext *ctx, const CmModel *model, const CmTable *table, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTableWriter writer = {0};
  int outputs = cm__outputs(model->task, model->classes), d = model->features;
  double *phi = apply_model(&hold, model, table, true, (int64_t)outputs * (d + 1), err);
  if (!phi || !cm__rows_start(&writer, ctx, err)) goto done;
  int subject = start_rows(&writer, model, table);
  cm__rows_shap_columns(&writer, model);
  for (int64_t i = 0; i < cm_table_rows(table); i++) {
    for (int o = 0; o < outputs; o++) {
      put_row(&writer, table, i, subject);
      cm__rows_shap(&writer, model, o, phi + (i * outputs + o) * (d + 1));
    }
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&writer);
}

CmTable *cm_model_weights(CmContext *ctx, const CmModel *model, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTableWriter writer = {0};
  int outputs = cm__outputs(model->task, model->classes), kept = model->prepare.kept;
  CmWeights weights = {0};
  for (int m = 0; m < CM__MOST_MEASURES; m++)
    if (!(weights.value[m] = CM__NEW(&hold, double, (int64_t)outputs *kept, err))) goto done;
  if (!cm__rows_start(&writer, ctx, err)) goto done;
  if (model->body->weights) model->body->weights(model->state, model->prepare.scale, &weights);
  static const char *const names[] = {"feature", "unit", "class", "measure"};
  for (int i = 0; i < CM_COUNT(names); i++) cm__rows_column(&writer, names[i], CM_COLUMN_TEXT, "");
  cm__rows_column(&writer, "value", CM_COLUMN_REAL, "");
  for (int m = 0; m < weights.measures; m++) {
    for (int o = 0; o < outputs; o++) {
      for (int k = 0; k < kept; k++) {
        int j = model->prepare.keep[k];
        cm__rows_next(&writer);
        cm__rows_text(&writer, model->feature[j]);
        cm__rows_text(&writer, model->unit[j]);
        cm__rows_text(&writer, cm__output_name(model, o));
        cm__rows_text(&writer, weights.measure[m]);
        cm__rows_real(&writer, weights.value[m][o * kept + k]);
      }
    }
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&writer);
}
