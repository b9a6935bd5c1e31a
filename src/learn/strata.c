#include "learn/strata.h"

#include <stdlib.h>

#include "learn/quantile.h"
#include "learn/split.h"

enum { MOST_RANGES = 5 };

/* stratum: which of `ranges` ranges of the target, with equally many rows, a row lies in. */
static void cut_ranges(const double *value, const int64_t *at, int64_t rows, const double *sorted, int ranges,
                       int *stratum) {
  for (int64_t i = 0; i < rows; i++) {
    stratum[i] = 0;
    for (int r = 1; r < ranges; r++) stratum[i] += value[at[i]] > sorted[rows * r / ranges];
  }
}

static bool count_least(CmArena *hold, CmStrata *s, CmError **err) {
  int few;
  return cm__fewest_subjects(hold->ctx, s->stratum, s->strata, s->subject, s->subjects, s->rows, &few, &s->least, err);
}

/* Of numbers as many ranges, of survival as many parts, as have enough subjects; else one. */
static bool stratify_numbers(CmArena *hold, const CmLearnData *data, const int64_t *at, double wanted, CmStrata *s,
                             CmError **err) {
  double *sorted = CM__NEW(hold, double, s->rows, err);
  if (!sorted) return false;
  for (int64_t i = 0; i < s->rows; i++) sorted[i] = data->value[at[i]];
  cm__sort_numbers(sorted, s->rows);
  for (s->strata = data->event ? 2 : MOST_RANGES; s->strata > 0; s->strata--) {
    if (!data->event) cut_ranges(data->value, at, s->rows, sorted, s->strata, s->stratum);
    for (int64_t i = 0; data->event && i < s->rows; i++) s->stratum[i] = s->strata > 1 && data->event[at[i]];
    if (!count_least(hold, s, err)) return false;
    if (s->strata == 1 || (double)s->least >= wanted) return true;
  }
  return true;
}

bool cm__stratify(CmArena *hold, const CmLearnData *data, const int64_t *at, int64_t rows, double wanted, CmStrata *to,
                  CmError **err) {
  *to =
      (CmStrata){.rows = rows, .subject = CM__NEW(hold, int64_t, rows, err), .stratum = CM__NEW(hold, int, rows, err)};
  if (!to->subject || !to->stratum) return false;
  for (int64_t i = 0; i < rows; i++) to->subject[i] = data->subject[at[i]];
  if (!cm__compact_subjects(hold, to->subject, rows, &to->subjects, err)) return false;
  if (!data->classes) return stratify_numbers(hold, data, at, wanted, to, err);
  to->strata = data->classes;
  for (int64_t i = 0; i < rows; i++) to->stratum[i] = data->y[at[i]];
  return count_least(hold, to, err);
}

typedef struct Marked {
  uint64_t marks;
  int64_t subject, row;
} Marked;

static int by_marks(const void *a, const void *b) {
  const Marked *p = a, *q = b;
  if (p->marks != q->marks) return p->marks < q->marks ? -1 : 1;
  if (p->subject != q->subject) return p->subject < q->subject ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

bool cm__stratify_labels(CmArena *hold, const CmLearnData *data, double wanted, CmStrata *to, CmError **err) {
  *to = (CmStrata){.rows = data->rows,
                   .subjects = data->subjects,
                   .subject = data->subject,
                   .stratum = CM__NEW(hold, int, data->rows, err)};
  Marked *marked = CM__NEW(hold, Marked, data->rows, err);
  uint64_t *marks = CM__NEW(hold, uint64_t, data->subjects, err); /* that any of the subject's rows has */
  if (!to->stratum || !marked || !marks) return false;
  for (int64_t i = 0; i < data->rows; i++) marks[data->subject[i]] |= data->marks[i];
  for (int64_t i = 0; i < data->rows; i++) marked[i] = (Marked){marks[data->subject[i]], data->subject[i], i};
  qsort(marked, (size_t)data->rows, sizeof *marked, by_marks);
  int64_t others = 0;
  for (int64_t first = 0, end; first < data->rows; first = end) {
    int64_t subjects = 0;
    for (end = first; end < data->rows && marked[end].marks == marked[first].marks; end++)
      subjects += end == first || marked[end].subject != marked[end - 1].subject;
    bool own = (double)subjects >= wanted;
    for (int64_t i = first; i < end; i++) to->stratum[marked[i].row] = own ? to->strata : -1;
    to->strata += own;
    if (!own) others += subjects;
  }
  int rest = to->strata && (double)others < wanted ? 0 : to->strata++;
  for (int64_t i = 0; i < data->rows; i++)
    if (to->stratum[i] < 0) to->stratum[i] = rest;
  return count_least(hold, to, err);
}

bool cm__inner_folds(CmArena *hold, const CmLearnData *data, const int64_t *at, int64_t rows, int64_t folds,
                     uint64_t stream, CmInner *to, CmError **err) {
  CmStrata s;
  if (!cm__stratify(hold, data, at, rows, (double)folds, &s, err)) return false;
  to->folds = (int)(folds < s.least ? folds : s.least);
  to->fold = CM__NEW(hold, int, rows, err);
  if (!to->fold) return false;
  if (to->folds < 2) {
    cm_error_set(err, CM_ERR_DATA,
                 "the training rows are of too few subjects for folds inside of them; use fewer folds, more subjects, "
                 "or models without tuning and recalibration");
    return false;
  }
  return cm__split_folds(hold->ctx, s.stratum, s.strata, s.subject, s.subjects, rows, to->folds, stream, to->fold, err);
}
