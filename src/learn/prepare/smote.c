#include "learn/prepare/smote.h"

#include <string.h>

#include "learn/lanes.h"
#include "learn/rng.h"

/* Rows of one class. */
typedef struct Class {
  int64_t rows;
  int64_t *row; /* of the training */
  double *x;    /* rows x features */
  double *distance;
  int64_t *near; /* rows x neighbours, places in the class; -1 at the start: not looked for yet */
} Class;

static bool gather(CmArena *scratch, const CmTraining *t, int class_at, int neighbours, Class *c, CmError **err) {
  int d = t->features;
  *c = (Class){0};
  c->row = CM__NEW(scratch, int64_t, t->rows, err);
  for (int64_t i = 0; c->row && i < t->rows; i++)
    if (t->y[i] == class_at) c->row[c->rows++] = i;
  c->x = CM__NEW(scratch, double, c->rows *d, err);
  c->distance = CM__NEW(scratch, double, c->rows, err);
  c->near = CM__NEW(scratch, int64_t, c->rows * neighbours, err);
  if (!c->row || !c->x || !c->distance || !c->near) return false;
  for (int64_t i = 0; i < c->rows; i++) {
    memcpy(c->x + i * d, t->x + c->row[i] * d, sizeof *c->x * (size_t)d);
    c->near[i * neighbours] = -1;
  }
  return true;
}

/* The nearest of the class but itself; of equally near ones the first. */
static void find_near(Class *c, int d, int64_t at, int neighbours) {
  int64_t *near = c->near + at * neighbours;
  int count = 0;
  cm__lanes_distances(c->x + at * d, c->x, c->rows, d, c->distance);
  for (int64_t i = 0; i < c->rows; i++) {
    if (i == at || (count == neighbours && c->distance[i] >= c->distance[near[count - 1]])) continue;
    int place = count < neighbours ? count++ : count - 1;
    for (; place > 0 && c->distance[i] < c->distance[near[place - 1]]; place--) near[place] = near[place - 1];
    near[place] = i;
  }
}

/* One row between two of the class; `parent`: their numbers. */
static void make_row(Class *c, int d, int neighbours, uint64_t stream, uint64_t at, double *to, int64_t *parent) {
  int64_t base = cm__draw_below(stream, 3 * at, c->rows), which = cm__draw_below(stream, 3 * at + 1, neighbours);
  double step = (double)(cm__draw(stream, 3 * at + 2) >> 11) * 0x1p-53;
  if (c->near[base * neighbours] < 0) find_near(c, d, base, neighbours);
  int64_t other = c->near[base * neighbours + which];
  for (int j = 0; j < d; j++) to[j] = c->x[base * d + j] + step * (c->x[other * d + j] - c->x[base * d + j]);
  parent[0] = c->row[base];
  parent[1] = c->row[other];
}

static bool count_classes(CmArena *scratch, const CmPrepareParams *params, const CmLearnData *data, const CmTraining *t,
                          int64_t **count, int64_t *most, CmError **err) {
  *most = 0;
  if (!t->y || !t->classes) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "smote: it makes rows of rare classes, and the task is %s; leave it out",
                 cm_learn_task_name(t->task));
    return false;
  }
  if (!(*count = CM__NEW(scratch, int64_t, t->classes, err))) return false;
  for (int64_t i = 0; i < t->rows; i++)
    if (++(*count)[t->y[i]] > *most) *most = (*count)[t->y[i]];
  for (int c = 0; c < t->classes; c++) {
    if ((*count)[c] == *most || (*count)[c] > params->smote_neighbours) continue;
    cm_error_set(err, CM_ERR_DATA,
                 "smote: class \"%s\" has %lld training rows, too few for %lld neighbours; lower smote_neighbours, or "
                 "leave smote out",
                 data->class_name[c], (long long)(*count)[c], (long long)params->smote_neighbours);
    return false;
  }
  return true;
}

/* Room for the old rows and the new. */
static bool extend(CmArena *hold, CmTraining *t, int64_t made, double **x, int **y, int64_t **subject, int64_t **parent,
                   CmError **err) {
  size_t cells;
  int64_t rows = t->rows + made;
  if (!cm_size_multiply((size_t)rows, (size_t)t->features, &cells, err)) return false;
  *x = CM__NEW(hold, double, cells, err);
  *y = CM__NEW(hold, int, rows, err);
  *subject = CM__NEW(hold, int64_t, rows, err);
  *parent = CM__NEW(hold, int64_t, 2 * made, err);
  if (!*x || !*y || !*subject || !*parent) return false;
  memcpy(*x, t->x, sizeof **x * (size_t)(t->rows * t->features));
  memcpy(*y, t->y, sizeof **y * (size_t)t->rows);
  memcpy(*subject, t->subject, sizeof **subject * (size_t)t->rows);
  return true;
}

bool cm__smote(CmArena *hold, const CmPrepareParams *params, const CmModelKind *kind, const CmLearnData *data,
               CmTraining *t, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  int k = (int)params->smote_neighbours, *y;
  int64_t *count, most, made = 0, *subject, *parent;
  double *x;
  bool ok = false;
  if (kind->takes_unlabelled) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "smote: %s also trains on rows without a target; use another model",
                 kind->about.name);
    return false;
  }
  if (!count_classes(&scratch, params, data, t, &count, &most, err)) goto done;
  if (!extend(hold, t, t->classes * most - t->rows, &x, &y, &subject, &parent, err)) goto done;
  for (int c = 0; c < t->classes; c++) {
    Class rare;
    if (count[c] == most) continue;
    if (!gather(&scratch, t, c, k, &rare, err)) goto done;
    uint64_t stream = cm__stream((uint64_t)params->seed, CM__STREAM_SMOTE, (uint64_t)c);
    for (int64_t i = 0; i < most - count[c]; i++, made++) {
      if (cm_context_cancelled(hold->ctx, err)) goto done;
      int64_t row = t->rows + made;
      make_row(&rare, t->features, k, stream, (uint64_t)i, x + row * t->features, parent + 2 * made);
      y[row] = c;
      subject[row] = subject[parent[2 * made]];
    }
  }
  t->x = x;
  t->y = y;
  t->subject = subject;
  t->parent = parent;
  t->rows += made;
  t->made = made;
  ok = true;
done:
  cm__arena_free(&scratch);
  return ok;
}
