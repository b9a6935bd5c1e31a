/* Several targets: each validated by itself on the same folds, its tables behind each other, and all judged together.
 */
#include <stdio.h>
#include <string.h>

#include "learn/label_metrics.h"
#include "learn/labels.h"
#include "learn/model.h"
#include "learn/result_view.h"

typedef struct Part {
  const char *name;
  CmLabelScores scores;
  uint8_t *y;
  double *p;
} Part;

enum { CROSS, HELD, PARTS };

typedef struct Together {
  CmArena hold;
  const CmLearnColumns *columns;
  int at; /* the label that is learned */
  int count;
  Part *part; /* learners x PARTS */
} Together;

/* The probability of label `at` of each row, and whether the row has it. */
static bool take(Together *t, Part *part, const CmScores *s, CmError **err) {
  int64_t k = t->columns->label_count;
  if (t->at == 0) {
    int64_t *subject = CM__NEW(&t->hold, int64_t, s->rows, err);
    part->y = CM__NEW(&t->hold, uint8_t, s->rows * k, err);
    part->p = CM__NEW(&t->hold, double, s->repeats * s->rows * k, err);
    if (!subject || !part->y || !part->p) return false;
    if (s->rows) memcpy(subject, s->subject, sizeof *subject * (size_t)s->rows);
    part->scores = (CmLabelScores){s->rows, s->subjects, (int)k, s->repeats, part->y, subject, part->p};
  }
  for (int64_t i = 0; i < s->rows; i++) part->y[i * k + t->at] = (uint8_t)s->y[i];
  for (int64_t i = 0; i < s->repeats * s->rows; i++) part->p[i * k + t->at] = s->p[i * 2 + 1];
  return true;
}

static bool see(void *arg, const CmTrial *trial, CmError **err) {
  Together *t = arg;
  for (int l = 0; l < trial->count; l++) {
    const CmOutcome *outcome = &trial->outcome[l];
    CmScores cross = cm__cross_scores(trial, outcome), held = cm__held_scores(trial, outcome);
    if (trial->params.folds && !take(t, &t->part[l * PARTS + CROSS], &cross, err)) return false;
    if (trial->held_rows && !take(t, &t->part[l * PARTS + HELD], &held, err)) return false;
  }
  return true;
}

static bool put_part(CmTableWriter *w, Together *t, const Part *part, const CmLearner *learner,
                     const CmValidateParams *p, CmError **err) {
  CmLabelMetric *metric;
  int count;
  if (!part->scores.rows) return true;
  if (!cm__label_metrics(&t->hold, &part->scores, p->confidence, p->resamples, (uint64_t)p->seed, &metric, &count, err))
    return false;
  for (int m = 0; m < count; m++) {
    cm__rows_next(w);
    cm__rows_text(w, cm__learner_name(learner));
    cm__rows_text(w, part->name);
    cm__rows_text(w, metric[m].average);
    cm__rows_text(w, metric[m].metric);
    cm__rows_real(w, metric[m].value);
    cm__rows_real(w, metric[m].low);
    cm__rows_real(w, metric[m].high);
    cm__rows_text(w, metric[m].low == metric[m].low ? "bootstrap" : NULL);
    cm__rows_int(w, part->scores.rows);
    cm__rows_int(w, part->scores.subjects);
  }
  return true;
}

/* The metrics of all labels together, and then those of each. */
static bool judge_together(Together *t, const CmLearner *learners, const CmValidateParams *p, CmLearnResult *result,
                           CmError **err) {
  CmTableWriter w;
  bool ok = cm__metrics_start(&w, t->hold.ctx, err);
  for (int i = 0; ok && i < t->count * PARTS; i++) ok = put_part(&w, t, &t->part[i], &learners[i / PARTS], p, err);
  if (!ok) cm_table_unref(&w.table);
  CmTable *table = cm__rows_finish(&w);
  ok = table && cm_table_append(table, result->table[CM_LEARN_METRICS], err);
  if (ok) {
    CmTable *each = result->table[CM_LEARN_METRICS];
    result->table[CM_LEARN_METRICS] = table;
    table = each;
  }
  cm_table_unref(&table);
  return ok;
}

/* ---- tables behind each other --------------------------------------------------------------------------------------
 */

enum { LEVEL, CODE, TEXT };

static bool has_note(const CmTable *notes, const CmTable *other, int64_t row) {
  for (int64_t i = 0; i < cm_table_rows(notes); i++)
    if (!strcmp(cm_table_text(notes, i, CODE), cm_table_text(other, row, CODE)) &&
        !strcmp(cm_table_text(notes, i, TEXT), cm_table_text(other, row, TEXT)))
      return true;
  return false;
}

/* What is not known yet is of this label. */
static bool add_notes(CmContext *ctx, CmTable *notes, const CmTable *more, const char *label, CmError **err) {
  bool ok = true;
  for (int64_t i = 0; ok && i < cm_table_rows(more); i++) {
    if (has_note(notes, more, i)) continue;
    int64_t row = cm_table_add_row(notes, err);
    char *text = cm_sprintf(ctx, err, "%s: %s", label, cm_table_text(more, i, TEXT));
    ok = row >= 0 && text && cm_table_set_text(notes, row, LEVEL, cm_table_text(more, i, LEVEL), err) &&
         cm_table_set_text(notes, row, CODE, cm_table_text(more, i, CODE), err) &&
         cm_table_set_text(notes, row, TEXT, text, err);
    cm_free(text);
  }
  return ok;
}

static bool add_tables(CmLearnResult *all, const CmLearnResult *one, const char *label, CmError **err) {
  for (int t = 0; t < CM_LEARN_TABLE_COUNT; t++) {
    if (t == CM_LEARN_SUMMARY || t == CM_LEARN_FOLDS) continue; /* of all labels */
    bool ok = t == CM_LEARN_NOTES ? add_notes(all->ctx, all->table[t], one->table[t], label, err)
                                  : cm_table_append(all->table[t], one->table[t], err);
    if (!ok) return false;
  }
  return true;
}

static bool add_models(CmLearnResult *all, const CmLearnResult *one, CmError **err) {
  CmModel **models = cm_calloc(all->ctx, (size_t)(all->models + one->models), sizeof *models, err);
  if (!models) return false;
  memcpy(models, all->model, sizeof *models * (size_t)all->models);
  for (int m = 0; m < one->models; m++) models[all->models + m] = cm_model_ref(one->model[m]);
  cm_free(all->model);
  all->model = models;
  all->models += one->models;
  return true;
}

/* Takes over `one`. */
static bool join(CmLearnResult **all, CmLearnResult **one, const char *label, CmError **err) {
  if (!*all) {
    *all = *one;
    *one = NULL;
    return true;
  }
  return add_tables(*all, *one, label, err) && add_models(*all, *one, err);
}

static CmLearner *name_learners(CmArena *hold, const CmLearner *learners, int count, const char *label, CmError **err) {
  CmLearner *named = CM__NEW(hold, CmLearner, count, err);
  for (int l = 0; named && l < count; l++) {
    named[l] = learners[l];
    if (!(named[l].name = cm__arena_printf(hold, err, "%s-%s", cm__learner_name(&learners[l]), label))) return NULL;
  }
  return named;
}

CmLearnResult *cm__validate_labels(CmContext *ctx, const CmLearner *learners, int count, const CmTable *table,
                                   const CmLearnColumns *columns, const CmValidateParams *params, CmError **err) {
  Together t = {.hold = {.ctx = ctx}, .columns = columns, .count = count};
  CmLearnResult *all = NULL;
  bool ok = (t.part = CM__NEW(&t.hold, Part, count * PARTS, err)) != NULL;
  for (int i = 0; ok && i < count * PARTS; i++) t.part[i].name = i % PARTS ? "hold_out" : "cross_validation";
  for (; ok && t.at < columns->label_count; t.at++) {
    CmLearnColumns own = *columns;
    own.target = columns->labels[t.at];
    const CmLearner *named = name_learners(&t.hold, learners, count, own.target, err);
    CmLearnResult *one = named ? cm__validate_target(ctx, named, count, table, &own, params, see, &t, err) : NULL;
    if (!one) cm_error_context(err, "target \"%s\"", own.target);
    ok = one && join(&all, &one, own.target, err);
    cm_learn_result_unref(&one);
  }
  ok = ok && all && judge_together(&t, learners, params, all, err);
  if (!ok) cm_learn_result_unref(&all);
  cm__arena_free(&t.hold);
  return all;
}
