/* When rows of survival come under observation: covariates that change over time. */
#include <math.h>
#include <stdlib.h>

#include "learn/data.h"

typedef struct Span {
  int64_t subject, row; /* row: place in the data */
  double start;
} Span;

static int by_start(const void *a, const void *b) {
  const Span *p = a, *q = b;
  if (p->subject != q->subject) return p->subject < q->subject ? -1 : 1;
  if (p->start != q->start) return p->start < q->start ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

/* A subject is at risk once at a time. */
static bool spans_apart(CmLearnData *data, CmError **err) {
  CmArena scratch = {.ctx = data->hold.ctx};
  Span *span = CM__NEW(&scratch, Span, data->rows, err);
  bool ok = span != NULL;
  for (int64_t i = 0; ok && i < data->rows; i++) span[i] = (Span){data->subject[i], i, data->start[i]};
  if (ok) qsort(span, (size_t)data->rows, sizeof *span, by_start);
  for (int64_t i = 1; ok && i < data->rows; i++) {
    const Span *a = &span[i - 1], *b = &span[i];
    if (a->subject != b->subject || data->value[a->row] <= b->start) continue;
    cm_error_set(err, CM_ERR_DATA,
                 "start: rows %lld and %lld of subject \"%s\" overlap in time; end each row where the next one starts",
                 (long long)data->row[a->row] + 1, (long long)data->row[b->row] + 1, data->subject_name[a->subject]);
    ok = false;
  }
  cm__arena_free(&scratch);
  return ok;
}

bool cm__data_starts(CmLearnData *data, const char *name, CmError **err) {
  if (!name) return true;
  if (data->task != CM_TASK_SURVIVAL || !data->subject_column) {
    cm_error_set(err, CM_ERR_USAGE,
                 "start: it belongs to survival with several rows a subject; name event and subject");
    return false;
  }
  int column = cm__named_column(data->table, name, "start", err);
  data->start = CM__NEW(&data->hold, double, data->rows, err);
  if (column < 0 || !data->start) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    double start = data->start[i] = cm__table_number(data->table, data->row[i], column);
    if (start >= 0 && start < data->value[i]) continue;
    cm_error_set(err, CM_ERR_DATA,
                 "start: row %lld of \"%s\" is not a time from 0 to before its \"%s\"; mend or leave out the row",
                 (long long)data->row[i] + 1, name, data->target);
    return false;
  }
  return spans_apart(data, err);
}
