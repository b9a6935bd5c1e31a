#include "learn/result.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "learn/numbers.h"
#include "learn/result_view.h"

#define FEW_EVENTS 10 /* per variable: Peduzzi et al., J. Clin. Epidemiol. 49, 1996 */

const char *cm__class_text(const CmTrial *trial, int at) {
  return at == CM__CLASS_ALL ? "all" : at == CM__CLASS_MACRO ? "macro" : trial->data.class_name[at];
}

static const CmMoments *moments(const CmTrial *trial) {
  return trial->moments.count ? &trial->moments : NULL;
}

CmScores cm__cross_scores(const CmTrial *trial, const CmOutcome *outcome) {
  return (CmScores){trial->pool_rows, trial->pool_subjects, trial->width, (int)trial->params.repeats,
                    trial->pool_y,    trial->pool_subject,  outcome->p,   trial->pool,
                    moments(trial)};
}

CmScores cm__held_scores(const CmTrial *trial, const CmOutcome *outcome) {
  return (CmScores){trial->held_rows, trial->held_subjects, trial->width,  1, trial->held_y, trial->held_subject,
                    outcome->held_p,  trial->held,          moments(trial)};
}

/* ---- summary, notes, models, folds
 * ------------------------------------------------------------------------------------ */

static void put_pair(CmTableWriter *w, const char *name, const char *value) {
  cm__rows_next(w);
  cm__rows_text(w, name);
  cm__rows_text(w, value);
}

static void put_count(CmTableWriter *w, const char *name, int64_t value) {
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)value);
  put_pair(w, name, text);
}

/* The times that survival is judged at. */
static void put_survival(CmTableWriter *w, const CmTrial *trial) {
  int64_t events = 0;
  for (int64_t i = 0; i < trial->data.rows; i++) events += trial->data.event[i];
  put_count(w, "events", events);
  for (int k = 0; k < trial->moments.horizons; k++) {
    char name[64], text[32];
    snprintf(name, sizeof name, "horizon %s", trial->moments.name[k]);
    put_pair(w, name, cm_real_text(trial->moments.time[k], text));
  }
}

/* Groups of rows that are counted: classes, or labels, of which a row may have several. */
static int groups(const CmLearnData *data) {
  return data->labels ? data->labels : data->classes;
}
static const char *group_name(const CmLearnData *data, int at) {
  return data->labels ? data->label[at] : data->class_name[at];
}
static bool in_group(const CmLearnData *data, int64_t row, int at) {
  return data->labels ? data->marks[row] >> at & 1 : data->y[row] == at;
}

static void put_target(CmTableWriter *w, const CmLearnData *data) {
  char text[1024] = "";
  for (int l = 0; l < data->labels; l++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", l ? ", " : "", data->label[l]);
  put_pair(w, "target", data->labels ? text : data->target);
}

static CmTable *table_summary(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  const CmLearnData *data = &trial->data;
  const CmValidateParams *p = &trial->params;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w, (const char *const[]){"name", "value"}, "tt");
  char text[32];
  put_target(&w, data);
  put_pair(&w, "task", data->labels ? "multilabel" : cm_learn_task_name(data->task));
  put_pair(&w, "positive", data->task == CM_TASK_BINARY ? data->class_name[1] : NULL);
  put_count(&w, "rows", data->rows);
  put_count(&w, "rows_without_target", data->rows_without_target);
  put_count(&w, "subjects", data->subjects);
  put_count(&w, "features", data->features - (data->batch >= 0));
  put_count(&w, "classes", groups(data));
  for (int c = 0; c < groups(data); c++) {
    char name[600];
    int64_t rows = 0;
    for (int64_t i = 0; i < data->rows; i++) rows += in_group(data, i, c);
    snprintf(name, sizeof name, "rows %s", group_name(data, c));
    put_count(&w, name, rows);
  }
  if (data->event) put_survival(&w, trial);
  put_count(&w, "hold_out_rows", trial->held_rows);
  put_count(&w, "hold_out_subjects", trial->held_subjects);
  put_count(&w, "folds", p->folds);
  put_pair(&w, "folds_by", trial->columns->group ? trial->columns->group : "subject");
  put_count(&w, "repeats", p->repeats);
  put_count(&w, "seed", p->seed);
  put_count(&w, "resamples", p->resamples);
  put_pair(&w, "confidence", cm_real_text(p->confidence, text));
  put_pair(&w, "table", data->table_hash);
  return cm__rows_finish(&w);
}

/* What limits the number of features: subjects of the smallest class, with the event, or all. */
static bool count_events(const CmTrial *trial, int64_t *events, const char **said, CmError **err) {
  const CmLearnData *data = &trial->data;
  int few;
  *events = trial->pool_subjects;
  *said = "There are";
  if (data->classes) {
    *said = "The smallest class has";
    return cm__fewest_subjects(trial->ctx, trial->pool_y, data->classes, trial->pool_subject, trial->pool_subjects,
                               trial->pool_rows, &few, events, err);
  }
  if (data->task != CM_TASK_SURVIVAL) return true;
  CmArena hold = {.ctx = trial->ctx};
  int64_t of[2] = {0, 0};
  int *came = CM__NEW(&hold, int, trial->pool_rows, err);
  for (int64_t i = 0; came && i < trial->pool_rows; i++) came[i] = data->event[trial->pool[i]];
  bool ok =
      came && cm__subjects_of_class(&hold, came, trial->pool_subject, trial->pool_subjects, trial->pool_rows, of, err);
  cm__arena_free(&hold);
  *said = "With the event there are";
  *events = of[1];
  return ok;
}

static CmTable *table_models(CmTrial *trial, CmError **err) {
  CmTableWriter w = {0};
  int64_t events;
  const char *said;
  double least = INFINITY;
  int most = 0;
  if (!count_events(trial, &events, &said, err) || !cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(
      &w, (const char *const[]){"model", "kind", "parameters", "preparation", "features_kept", "events_per_variable"},
      "ttttir");
  for (int l = 0; l < trial->count; l++) {
    const CmModel *model = trial->outcome[l].model;
    double each = (double)events / model->prepare.width;
    if (each < least) {
      least = each;
      most = model->prepare.width;
    }
    cm__rows_next(&w);
    cm__rows_text(&w, model->name);
    cm__rows_text(&w, model->body->kind.about.name);
    cm__rows_text(&w, model->params_json);
    cm__rows_text(&w, model->prepare_json);
    cm__rows_int(&w, model->prepare.width);
    cm__rows_real(&w, each);
  }
  if (least < FEW_EVENTS &&
      !cm__data_note(&trial->data, err, "warning", "few_events",
                     "%s %lld subjects for up to %d features, %.1f a feature; below %d, "
                     "coefficients and performance are unstable. Select fewer features, or get more subjects.",
                     said, (long long)events, most, least, FEW_EVENTS))
    cm_table_unref(&w.table);
  return cm__rows_finish(&w);
}

static CmTable *table_notes(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w, (const char *const[]){"level", "code", "text"}, "ttt");
  for (const CmLearnNote *note = trial->data.notes; note; note = note->next) {
    cm__rows_next(&w);
    cm__rows_text(&w, note->level);
    cm__rows_text(&w, note->code);
    cm__rows_text(&w, note->text);
  }
  return cm__rows_finish(&w);
}

/* Rows and subjects on both sides of a split; test[i]: whether row i of the data is a test row. `seen`: one a subject.
 */
static void put_split(CmTableWriter *w, const CmTrial *trial, const uint8_t *side, const char *group, uint8_t *seen) {
  const CmLearnData *data = &trial->data;
  int64_t rows[2] = {0, 0}, subjects[2] = {0, 0};
  memset(seen, 0, (size_t)data->subjects);
  for (int64_t i = 0; i < data->rows; i++) {
    if (side[i] > 1) continue;
    rows[side[i]]++;
    uint8_t *mark = &seen[data->subject[i]];
    if (!(*mark & 1u << side[i])) subjects[side[i]]++;
    *mark = (uint8_t)(*mark | 1u << side[i]);
  }
  for (int s = 0; s < 2; s++) cm__rows_int(w, rows[s]);
  for (int s = 0; s < 2; s++) cm__rows_int(w, subjects[s]);
  cm__rows_text(w, group);
  for (int c = 0; c < groups(data); c++) {
    int64_t count = 0;
    for (int64_t i = 0; i < data->rows; i++) count += side[i] == 1 && in_group(data, i, c);
    cm__rows_int(w, count);
  }
}

static CmTable *table_folds(CmTrial *trial, CmError **err) {
  CmTableWriter w = {0};
  CmArena hold = {.ctx = trial->ctx};
  const CmLearnData *data = &trial->data;
  uint8_t *side = CM__NEW(&hold, uint8_t, data->rows, err), *seen = CM__NEW(&hold, uint8_t, data->subjects, err);
  if (!side || !seen || !cm__rows_start(&w, trial->ctx, err)) goto done;
  cm__rows_columns(&w,
                   (const char *const[]){"part", "repeat", "fold", "training_rows", "test_rows", "training_subjects",
                                         "test_subjects", "group"},
                   "tiiiiiit");
  for (int c = 0; c < groups(data); c++) cm__rows_columnf(&w, CM_COLUMN_INT, "", "test %s", group_name(data, c));
  for (int64_t r = 0; r < trial->params.repeats; r++) {
    for (int f = 0; f < trial->params.folds; f++) {
      memset(side, 2, (size_t)data->rows); /* held out: on neither side */
      for (int64_t i = 0; i < trial->pool_rows; i++) side[trial->pool[i]] = trial->fold[r * trial->pool_rows + i] == f;
      cm__rows_next(&w);
      cm__rows_text(&w, "cross_validation");
      cm__rows_int(&w, r + 1);
      cm__rows_int(&w, f + 1);
      put_split(&w, trial, side, trial->fold_name ? trial->fold_name[f] : NULL, seen);
    }
  }
  if (trial->held_rows) {
    cm__rows_next(&w);
    cm__rows_text(&w, "hold_out");
    cm__rows_skip(&w);
    cm__rows_skip(&w);
    put_split(&w, trial, data->held, NULL, seen);
  }
done:
  cm__arena_free(&hold);
  return cm__rows_finish(&w);
}

/* ---- metrics
 * ---------------------------------------------------------------------------------------------------------- */

bool cm__judge(CmArena *hold, const CmTrial *trial, const CmScores *scores, int64_t resamples, CmMetricList *list,
               CmError **err) {
  const CmValidateParams *p = &trial->params;
  if (trial->data.classes) return cm__metrics(hold, scores, p->confidence, resamples, (uint64_t)p->seed, list, err);
  return cm__number_metrics(hold, &trial->data, scores, p->confidence, resamples, (uint64_t)p->seed, list, err);
}

void cm__put_metric(CmTableWriter *w, const CmTrial *trial, const CmMetric *metric, const CmScores *scores) {
  cm__rows_text(w, cm__class_text(trial, metric->class_at));
  cm__rows_text(w, metric->metric);
  cm__rows_real(w, metric->value);
  cm__rows_real(w, metric->low);
  cm__rows_real(w, metric->high);
  cm__rows_text(w, *metric->interval ? metric->interval : NULL);
  cm__rows_int(w, scores->rows);
  cm__rows_int(w, scores->subjects);
}

static bool put_metrics(CmTableWriter *w, const CmTrial *trial, const char *model, const char *part,
                        const CmScores *scores, CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  CmMetricList list;
  bool ok = cm__judge(&hold, trial, scores, trial->params.resamples, &list, err);
  for (int m = 0; ok && m < list.count; m++) {
    const CmMetric *metric = &list.metric[m];
    cm__rows_next(w);
    cm__rows_text(w, model);
    cm__rows_text(w, part);
    cm__put_metric(w, trial, metric, scores);
  }
  cm__arena_free(&hold);
  return ok;
}

bool cm__metrics_start(CmTableWriter *w, CmContext *ctx, CmError **err) {
  if (!cm__rows_start(w, ctx, err)) return false;
  cm__rows_columns(
      w,
      (const char *const[]){"model", "part", "class", "metric", "value", "low", "high", "interval", "rows", "subjects"},
      "ttttrrrtii");
  return true;
}

static CmTable *table_metrics(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  bool ok = true;
  if (!cm__metrics_start(&w, trial->ctx, err)) return NULL;
  for (int l = 0; ok && l < trial->count; l++) {
    const CmOutcome *outcome = &trial->outcome[l];
    CmScores cross = cm__cross_scores(trial, outcome), held = cm__held_scores(trial, outcome);
    if (trial->params.folds) ok = put_metrics(&w, trial, outcome->model->name, "cross_validation", &cross, err);
    if (ok && trial->held_rows) ok = put_metrics(&w, trial, outcome->model->name, "hold_out", &held, err);
  }
  if (!ok) cm_table_unref(&w.table);
  return cm__rows_finish(&w);
}

bool cm__pick_scores(CmArena *hold, const CmScores *all, const int *of, int wanted, CmScores *some, CmError **err) {
  int k = all->classes;
  int *y = CM__NEW(hold, int, all->rows, err);
  int64_t *subject = CM__NEW(hold, int64_t, all->rows, err), *row = CM__NEW(hold, int64_t, all->rows, err), n = 0,
          to = 0;
  double *p = CM__NEW(hold, double, all->repeats * all->rows * k, err);
  if (!y || !subject || !row || !p) return false;
  for (int64_t i = 0; i < all->rows; i++) {
    if (of[i] != wanted) continue;
    y[n] = all->y[i];
    subject[n] = all->subject[i];
    row[n++] = all->row[i];
  }
  for (int r = 0; r < all->repeats; r++)
    for (int64_t i = 0; i < all->rows; i++)
      if (of[i] == wanted) memcpy(p + to++ * k, all->p + (r * all->rows + i) * k, sizeof *p * (size_t)k);
  *some = (CmScores){n, 0, k, all->repeats, y, subject, p, row, all->moments};
  return cm__compact_subjects(hold, subject, n, &some->subjects, err);
}

bool cm__fold_scores(CmArena *hold, const CmTrial *trial, const CmOutcome *outcome, int64_t repeat, int fold,
                     CmScores *scores, CmError **err) {
  CmScores one = cm__cross_scores(trial, outcome);
  one.p += repeat * one.rows * one.classes;
  one.repeats = 1;
  return cm__pick_scores(hold, &one, trial->fold + repeat * trial->pool_rows, fold, scores, err);
}

static bool put_fold(CmTableWriter *w, const CmTrial *trial, const CmOutcome *outcome, int64_t repeat, int fold,
                     CmError **err) {
  CmArena hold = {.ctx = trial->ctx};
  CmScores scores;
  CmMetricList list;
  bool ok = cm__fold_scores(&hold, trial, outcome, repeat, fold, &scores, err) &&
            cm__judge(&hold, trial, &scores, 0, &list, err);
  for (int m = 0; ok && m < list.count; m++) {
    cm__rows_next(w);
    cm__rows_text(w, outcome->model->name);
    cm__rows_int(w, repeat + 1);
    cm__rows_int(w, fold + 1);
    cm__rows_text(w, cm__class_text(trial, list.metric[m].class_at));
    cm__rows_text(w, list.metric[m].metric);
    cm__rows_real(w, list.metric[m].value);
  }
  cm__arena_free(&hold);
  return ok;
}

static CmTable *table_fold_metrics(CmTrial *trial, CmError **err) {
  CmTableWriter w;
  bool ok = true;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w, (const char *const[]){"model", "repeat", "fold", "class", "metric", "value"}, "tiittr");
  for (int l = 0; l < trial->count; l++)
    for (int64_t r = 0; r < trial->params.repeats; r++)
      for (int f = 0; ok && f < trial->params.folds; f++) ok = put_fold(&w, trial, &trial->outcome[l], r, f, err);
  if (!ok) cm_table_unref(&w.table);
  return cm__rows_finish(&w);
}

bool cm__result_tables(CmTrial *trial, CmLearnResult *result, CmError **err) {
  /* models come before notes: they add one */
  static const struct {
    CmLearnTable which;
    CmTable *(*make)(CmTrial *trial, CmError **err);
  } makers[] = {
      {CM_LEARN_SUMMARY, table_summary},
      {CM_LEARN_MODELS, table_models},
      {CM_LEARN_NOTES, table_notes},
      {CM_LEARN_FOLDS, table_folds},
      {CM_LEARN_METRICS, table_metrics},
      {CM_LEARN_FOLD_METRICS, table_fold_metrics},
      {CM_LEARN_PREDICTIONS, cm__table_predictions},
      {CM_LEARN_ROC, cm__table_roc},
      {CM_LEARN_CALIBRATION, cm__table_calibration},
      {CM_LEARN_CONFUSION, cm__table_confusion},
      {CM_LEARN_IMPORTANCE, cm__table_importance},
      {CM_LEARN_SHAP, cm__table_shap},
      {CM_LEARN_COMPARISONS, cm__table_comparisons},
      {CM_LEARN_DECISION, cm__table_decision},
      {CM_LEARN_THRESHOLDS, cm__table_thresholds},
      {CM_LEARN_SURVIVAL, cm__table_survival},
      {CM_LEARN_SUBGROUPS, cm__table_subgroups},
      {CM_LEARN_TUNING, cm__table_tuning},
      {CM_LEARN_RECALIBRATION, cm__table_recalibration},
      {CM_LEARN_OPTIMISM, cm__table_optimism},
      {CM_LEARN_PERMUTATION_TEST, cm__table_permutation_test},
      {CM_LEARN_LEARNING_CURVE, cm__table_learning_curve},
  };
  for (int t = 0; t < CM_COUNT(makers); t++)
    if (!(result->table[makers[t].which] = makers[t].make(trial, err))) return false;
  return true;
}
