/* The table of a validation that sets its models against each other. */
#include <math.h>

#include "learn/compare.h"
#include "learn/numbers.h"
#include "learn/result.h"
#include "learn/rows.h"

/* Rows of the table that wait for the adjustment of their p-values. */
typedef struct Line {
  int model, other, class_at; /* CM__CLASS_ALL: none */
  const char *part, *metric;
  int64_t rows, subjects;
  CmComparison found;
} Line;

typedef struct Lines {
  CmArena hold;
  int64_t count;
  Line *line;
  double *fold_worth; /* learners x (repeats x folds) */
} Lines;

static int64_t fold_count(const CmTrial *trial) {
  return trial->params.repeats * trial->params.folds;
}

static bool judge_folds(Lines *lines, const CmTrial *trial, CmError **err) {
  int64_t folds = fold_count(trial);
  lines->fold_worth = CM__NEW(&lines->hold, double, (trial->count + 1) * folds, err);
  for (int64_t at = 0; lines->fold_worth && at < trial->count * folds; at++) {
    CmArena own = {.ctx = trial->ctx};
    CmScores s;
    int64_t fold = at % folds;
    bool ok = cm__fold_scores(&own, trial, &trial->outcome[at / folds], fold / trial->params.folds,
                              (int)(fold % trial->params.folds), &s, err) &&
              cm__worth(trial->ctx, &trial->data, s.row, s.rows, s.p, &lines->fold_worth[at], err);
    cm__arena_free(&own);
    if (!ok) return false;
  }
  return lines->fold_worth != NULL;
}

static Line *add(Lines *lines, int model, int other, const char *part, const char *metric, int class_at,
                 const CmScores *s) {
  Line *line = &lines->line[lines->count++];
  *line = (Line){model, other, class_at, part, metric, s->rows, s->subjects, {0}};
  return line;
}

static bool add_part(Lines *lines, const CmTrial *trial, int model, int other, const char *part, const CmScores *s,
                     const CmScores *against, CmError **err) {
  double confidence = trial->params.confidence;
  if (!trial->data.classes)
    return cm__compare_numbers(
        trial->ctx, &trial->data, s, against, confidence,
        &add(lines, model, other, part, trial->data.event ? "c_index" : "squared_error", CM__CLASS_ALL, s)->found, err);
  for (int c = s->classes == 2; c < s->classes; c++)
    if (!cm__compare_auc(trial->ctx, s, against, c, confidence, &add(lines, model, other, part, "auc", c, s)->found,
                         err))
      return false;
  return cm__compare_accuracy(trial->ctx, s, against, confidence,
                              &add(lines, model, other, part, "accuracy", CM__CLASS_ALL, s)->found, err);
}

static void add_folds(Lines *lines, const CmTrial *trial, int model, int other, const CmScores *s) {
  int64_t folds = fold_count(trial);
  const double *a = lines->fold_worth + model * folds, *b = lines->fold_worth + other * folds;
  double *difference = lines->fold_worth + trial->count * folds;
  for (int64_t i = 0; i < folds; i++) difference[i] = a[i] - b[i];
  int classes = trial->data.classes;
  const char *metric = classes ? "auc" : trial->data.event ? "c_index" : "r2";
  Line *line = add(lines, model, other, "cross_validation", metric,
                   !classes       ? CM__CLASS_ALL
                   : classes == 2 ? 1
                                  : CM__CLASS_MACRO,
                   s);
  cm__compare_folds(difference, folds, 1.0 / (double)(trial->params.folds - 1), trial->params.confidence, &line->found);
}

static bool add_pair(Lines *lines, const CmTrial *trial, int model, int other, CmError **err) {
  const CmOutcome *a = &trial->outcome[model], *b = &trial->outcome[other];
  if (trial->params.folds) {
    CmScores s = cm__cross_scores(trial, a), against = cm__cross_scores(trial, b);
    if (!add_part(lines, trial, model, other, "cross_validation", &s, &against, err)) return false;
    add_folds(lines, trial, model, other, &s);
  }
  if (!trial->held_rows) return true;
  CmScores s = cm__held_scores(trial, a), against = cm__held_scores(trial, b);
  return add_part(lines, trial, model, other, "hold_out", &s, &against, err);
}

/* Pairs of models tested in the same way are one family; lines of one family follow each other at equal steps. */
static bool adjust(Lines *lines, int64_t pairs, double *adjusted, CmError **err) {
  int64_t tests = pairs ? lines->count / pairs : 0;
  double *p = CM__NEW(&lines->hold, double, 2 * pairs, err);
  int64_t *order = CM__NEW(&lines->hold, int64_t, pairs, err);
  if (!p || !order) return false;
  for (int64_t t = 0; t < tests; t++) {
    for (int64_t i = 0; i < pairs; i++) p[i] = lines->line[i * tests + t].found.p;
    cm__holm(p, pairs, order, p + pairs);
    for (int64_t i = 0; i < pairs; i++) adjusted[i * tests + t] = p[pairs + i];
  }
  return true;
}

static void put_line(CmTableWriter *w, const CmTrial *trial, const Line *line, double adjusted) {
  const CmComparison *found = &line->found;
  cm__rows_next(w);
  cm__rows_text(w, trial->outcome[line->model].model->name);
  cm__rows_text(w, trial->outcome[line->other].model->name);
  cm__rows_text(w, line->part);
  cm__rows_text(w, cm__class_text(trial, line->class_at));
  cm__rows_text(w, line->metric);
  cm__rows_text(w, found->test);
  cm__rows_real(w, found->difference);
  cm__rows_real(w, found->low);
  cm__rows_real(w, found->high);
  cm__rows_real(w, found->statistic);
  cm__rows_real(w, found->p);
  cm__rows_real(w, adjusted);
  cm__rows_int(w, line->rows);
  cm__rows_int(w, line->subjects);
}

static CmTable *write_lines(const Lines *lines, const CmTrial *trial, const double *adjusted, CmError **err) {
  CmTableWriter w;
  if (!cm__rows_start(&w, trial->ctx, err)) return NULL;
  cm__rows_columns(&w,
                   (const char *const[]){"model", "other", "part", "class", "metric", "test", "difference", "low",
                                         "high", "statistic", "p", "p_holm", "rows", "subjects"},
                   "ttttttrrrrrrii");
  for (int64_t i = 0; i < lines->count; i++) put_line(&w, trial, &lines->line[i], adjusted[i]);
  return cm__rows_finish(&w);
}

CmTable *cm__table_comparisons(CmTrial *trial, CmError **err) {
  Lines lines = {.hold = {.ctx = trial->ctx}};
  CmTable *table = NULL;
  int64_t pairs = (int64_t)trial->count * (trial->count - 1) / 2, most = pairs * 2 * (trial->data.classes + 2);
  lines.line = CM__NEW(&lines.hold, Line, most, err);
  double *adjusted = CM__NEW(&lines.hold, double, most, err);
  bool ok = lines.line && adjusted && (!pairs || judge_folds(&lines, trial, err));
  for (int a = 0; ok && a < trial->count; a++)
    for (int b = a + 1; ok && b < trial->count; b++) ok = add_pair(&lines, trial, a, b, err);
  if (ok && adjust(&lines, pairs, adjusted, err)) table = write_lines(&lines, trial, adjusted, err);
  cm__arena_free(&lines.hold);
  return table;
}
