#include "learn/model.h"

#include <stdlib.h>
#include <string.h>

#include "learn/prepare/smote.h"
#include "learn/split.h"
#include "learn/tune.h"

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

const char *cm_model_study(const CmModel *model) {
  return model->study;
}

bool cm_model_set_study(CmModel *model, const char *text, CmError **err) {
  const char *copy = cm__arena_strdup(&model->hold, text, err);
  if (copy) model->study = copy;
  return copy != NULL;
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

static bool in_order(const int64_t *at, int64_t count) {
  int64_t i = 0;
  while (i < count && at[i] == i) i++;
  return i == count;
}

/* The rows that are numbered in at[0..count); the table's own where these are the first ones. */
static const double *gather_rows(CmArena *scratch, const CmLearnData *data, const int64_t *at, int64_t count,
                                 CmError **err) {
  int64_t d = data->features;
  size_t cells;
  if (in_order(at, count)) return data->x;
  double *x = cm_size_multiply((size_t)count, (size_t)d, &cells, err) ? CM__NEW_RAW(scratch, double, cells, err) : NULL;
  for (int64_t i = 0; x && i < count; i++) memcpy(x + i * d, data->x + at[i] * d, sizeof(double) * (size_t)d);
  return x;
}

/* Takes the rows that are numbered in at[0..count); behind the labelled ones the unlabelled come. */
static bool gather(CmArena *scratch, const CmLearnData *data, const int64_t *at, int64_t count, int64_t labelled,
                   CmTraining *raw, CmError **err) {
  const double *x = gather_rows(scratch, data, at, count, err);
  double *value = data->value ? CM__NEW(scratch, double, count, err) : NULL;
  int *y = data->y ? CM__NEW(scratch, int, count, err) : NULL;
  uint8_t *event = data->event ? CM__NEW(scratch, uint8_t, count, err) : NULL;
  double *start = data->start ? CM__NEW(scratch, double, count, err) : NULL;
  int64_t *subject = CM__NEW(scratch, int64_t, count, err);
  if ((data->start && !start) || !x || !subject || (data->y && !y) || (data->value && !value) ||
      (data->event && !event))
    return false;
  for (int64_t i = 0; i < count; i++) {
    subject[i] = data->subject[at[i]];
    if (y) y[i] = i < labelled ? data->y[at[i]] : -1;
    if (value) value[i] = data->value[at[i]];
    if (event) event[i] = data->event[at[i]];
    if (start) start[i] = data->start[at[i]];
  }
  *raw = (CmTraining){.task = data->task,
                      .x = x,
                      .rows = count,
                      .features = data->features,
                      .classes = data->classes,
                      .y = y,
                      .value = value,
                      .event = event,
                      .start = start,
                      .subject = subject,
                      .subject_name = data->subject_column ? data->subject_name : NULL};
  return true;
}

static const char *const *name_prepared(CmArena *scratch, const CmModel *model, CmError **err) {
  const char **name = CM__NEW(scratch, const char *, model->prepare.width, err);
  for (int k = 0; name && k < model->prepare.width; k++) {
    char room[CM_TEXT_MAX];
    if (!(name[k] = cm__arena_strdup(scratch, cm__prepared_name(model, k, room, sizeof room), err))) return NULL;
  }
  return name;
}

/* The preparation is fitted on the labelled rows, and all are prepared. */
static bool prepare_training(CmModel *model, CmArena *scratch, const CmLearner *learner, const CmLearnData *data,
                             const CmTraining *raw, int64_t labelled, CmTraining *training, CmError **err) {
  void *defaults = learner->prepare ? NULL : cm_params_create(scratch->ctx, cm_prepare_about(), err);
  const CmPrepareParams *params = learner->prepare ? learner->prepare : defaults;
  CmTraining fitted = *raw;
  fitted.rows = labelled;
  bool ok = params && cm__prepare_fit(&model->hold, params, learner->kind, &fitted, data, &model->prepare, err);
  double *x = ok ? CM__NEW_RAW(scratch, double, raw->rows * model->prepare.width, err) : NULL;
  ok = x && cm__prepare_apply(scratch->ctx, &model->prepare, raw->x, raw->rows, x, err);
  *training = *raw;
  training->x = x;
  training->features = model->prepare.width;
  ok = ok && (training->name = name_prepared(scratch, model, err));
  ok = ok && (!params->smote || cm__smote(scratch, params, learner->kind, data, training, err));
  cm_free(defaults);
  return ok;
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
      !count_subjects(model, &scratch, &raw, err))
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

/* Tests, ranks and scores by inner folds take all rows as at risk from 0 on. */
static bool check_starts(const CmLearner *learner, const CmLearnColumns *columns, CmError **err) {
  const CmPrepareParams *p = learner->prepare;
  if (!columns->start || (!learner->search && !(p && (p->alpha > 0 || p->k_best > 0)))) return true;
  cm_error_set(
      err, CM_ERR_UNSUPPORTED,
      "start: neither the choice of parameters nor alpha and k_best know rows that start later; leave them out");
  return false;
}

CmModel *cm_model_fit(CmContext *ctx, const CmLearner *learner, const CmTable *table, const CmLearnColumns *columns,
                      CmError **err) {
  CmLearnData data;
  CmModel *model = NULL;
  if (!cm__learner_check(learner, err) || !check_starts(learner, columns, err)) return NULL;
  if (!cm__data_read(ctx, table, columns, cm__ability(learner, 1), &data, err) ||
      !cm__leak_check(&data, columns, columns->allow ? columns->allow : "", err))
    goto done;
  if (data.held && !cm__leak_check_split(&data, data.held, false, columns->allow ? columns->allow : "", err)) goto done;
  int64_t *all = CM__NEW(&data.hold, int64_t, data.rows, err), count = 0;
  if (!all) goto done;
  for (int64_t i = 0; i < data.rows; i++)
    if (!data.held || !data.held[i]) all[count++] = i;
  model = cm__learner_fit(ctx, learner, &data, all, count, 0, NULL, err);
  if (model && !cm__prepare_note(&data, &model->prepare, err)) cm_model_unref(&model);
  for (const CmLearnNote *note = data.notes; model && note; note = note->next)
    cm_log(ctx, strcmp(note->level, "warning") ? CM_LOG_INFO : CM_LOG_WARNING, "%s", note->text);
done:
  cm__data_free(&data);
  return model;
}
