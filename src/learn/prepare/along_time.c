#include "learn/prepare/along_time.h"

#include <math.h>
#include <stdlib.h>

typedef struct Visit {
  int64_t subject, row;
  double when;
} Visit;

static int by_visit(const void *a, const void *b) {
  const Visit *p = a, *q = b;
  if (p->subject != q->subject) return p->subject < q->subject ? -1 : 1;
  if (p->when != q->when) return p->when < q->when ? -1 : 1;
  return p->row < q->row ? -1 : p->row > q->row;
}

/* The value at a visit that has none, from the visits around it that do; NaN where it cannot be told. `after` is looked
 * at by lines alone: the last value knows nothing of what comes. */
static double told(int method, const Visit *at, const Visit *before, double a, const Visit *after, double b) {
  if (!before) return NAN;
  if (method == CM__ALONG_PREVIOUS) return a;
  if (!after) return NAN;
  double span = after->when - before->when;
  return span > 0 ? a + (at->when - before->when) / span * (b - a) : 0.5 * (a + b);
}

/* One feature of one subject's visits, in the order of time. */
static int64_t fill_visits(int method, const Visit *visit, int64_t count, double *x, int stride) {
  int64_t filled = 0;
  const Visit *before = NULL;
  for (int64_t i = 0; i < count; i++) {
    double *value = &x[visit[i].row * stride];
    if (!isnan(*value)) {
      before = &visit[i];
      continue;
    }
    int64_t next = i + 1;
    while (next < count && isnan(x[visit[next].row * stride])) next++;
    const Visit *after = next < count ? &visit[next] : NULL;
    double made = told(method, &visit[i], before, before ? x[before->row * stride] : NAN, after,
                       after ? x[after->row * stride] : NAN);
    if (isnan(made)) continue;
    *value = made; /* it lies on the line to the next, so that further gaps may start from it */
    before = &visit[i];
    filled++;
  }
  return filled;
}

bool cm__fill_along_time(CmContext *ctx, int method, const int64_t *subject, const double *when, int64_t rows,
                         int features, int stride, double *x, int64_t *filled, CmError **err) {
  CmArena hold = {.ctx = ctx};
  Visit *visit = CM__NEW(&hold, Visit, rows, err);
  int64_t count = 0;
  *filled = 0;
  for (int64_t i = 0; visit && i < rows; i++)
    if (!isnan(when[i])) visit[count++] = (Visit){subject[i], i, when[i]};
  if (visit) qsort(visit, (size_t)count, sizeof *visit, by_visit);
  for (int64_t from = 0, to; from < count; from = to) {
    for (to = from; to < count && visit[to].subject == visit[from].subject;) to++;
    for (int j = 0; j < features; j++) *filled += fill_visits(method, visit + from, to - from, x + j, stride);
  }
  cm__arena_free(&hold);
  return visit != NULL;
}

bool cm__fill_table_along_time(CmContext *ctx, int method, const CmTable *table, const char *subject, const char *time,
                               int features, int stride, double *x, CmError **err) {
  CmLearnData data = {.hold = {.ctx = ctx}, .table = table, .rows = cm_table_rows(table)};
  int64_t filled;
  data.notes_end = &data.notes;
  data.row = CM__NEW(&data.hold, int64_t, data.rows, err);
  for (int64_t i = 0; data.row && i < data.rows; i++) data.row[i] = i;
  bool ok = data.row && cm__data_subjects(&data, subject, err) && cm__data_times(&data, time, err) &&
            cm__fill_along_time(ctx, method, data.subject, data.when, data.rows, features, stride, x, &filled, err);
  cm__arena_free(&data.hold);
  return ok;
}
