/* The least change that turns a decision (counterfactual explanation: Wachter, Mittelstadt, Russell, Harv. J. Law Tech.
 * 31, 2018), of any model of classes. Starts are rows of the background that are decided otherwise, the nearest first
 * (Brughmans, Leyman, Martens: NICE, Data Min. Knowl. Disc. 2023), and the row itself with one feature moved. From each
 * all changes are taken back that are not needed, the dearest first, and each that is left is made as small as it can
 * be; the cheapest is told. A change costs its size over the feature's median absolute deviation in the background. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/explain.h"
#include "learn/quantile.h"
#include "learn/rows.h"

enum { HALVINGS = 50, PLACES = 16, BACKGROUND_CHUNK = 256 }; /* places: of one feature that is moved alone */

typedef struct Search {
  CmContext *ctx;
  const CmModel *model;
  int players, width;
  int *player; /* features that may change, among those that the model uses */
  int64_t rows, background_rows, neighbours;
  const double *x, *background; /* rows x features */
  int *decided;                 /* of the background: class */
  double *scale;                /* players: what a change of 1 unit is divided by */
  uint8_t *whole;               /* players: the background has whole numbers alone */
  double *place;                /* players x PLACES: quantiles of the background */
  double *found;                /* rows x features: the changed row */
  uint8_t *turned;              /* rows: a change was found */
  double *before, *after;       /* rows x width: what is predicted */
} Search;

typedef struct Near {
  double cost;
  int64_t row;
} Near;

/* Room of one job. */
typedef struct Room {
  double *start, *best; /* features */
  double *numbers;      /* width */
  double *places, *place_numbers;
  Near *near;
  int *order;
} Room;

static double cost_of(const Search *s, int i, double from, double to) {
  if (isnan(from) || isnan(to)) return 0;
  return fabs(to - from) / s->scale[i];
}

static double cost(const Search *s, const double *x, const double *to) {
  double sum = 0;
  for (int i = 0; i < s->players; i++) sum += cost_of(s, i, x[s->player[i]], to[s->player[i]]);
  return sum;
}

static bool decide(const Search *s, const double *x, double *numbers, int *decision, CmError **err) {
  if (!cm__model_numbers(s->ctx, s->model, x, 1, numbers, err)) return false;
  *decision = cm__most_probable(numbers, s->model->classes);
  return true;
}

/* ---- what is known of the background --------------------------------------------------------------------------------
 */

static double spread(const double *sorted, int64_t n, double *off) {
  double middle = cm__quantile(sorted, n, 0.5), sum = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) {
    off[i] = fabs(sorted[i] - middle);
    sum += sorted[i];
  }
  cm__sort_numbers(off, n);
  double found = cm__quantile(off, n, 0.5);
  for (int64_t i = 0; i < n; i++) squares += (sorted[i] - sum / (double)n) * (sorted[i] - sum / (double)n);
  if (!(found > 0)) found = sqrt(squares / (double)n);
  return found > 0 ? found : 1;
}

static bool learn_features(Search *s, CmArena *hold, CmError **err) {
  double *sorted = CM__NEW(hold, double, s->background_rows, err),
         *off = CM__NEW(hold, double, s->background_rows, err);
  s->scale = CM__NEW(hold, double, s->players, err);
  s->whole = CM__NEW(hold, uint8_t, s->players, err);
  s->place = CM__NEW(hold, double, (int64_t)s->players *PLACES, err);
  if (!sorted || !off || !s->scale || !s->whole || !s->place) return false;
  for (int i = 0; i < s->players; i++) {
    int64_t n = 0;
    s->whole[i] = 1;
    for (int64_t b = 0; b < s->background_rows; b++) {
      double value = s->background[b * s->model->features + s->player[i]];
      if (isnan(value)) continue;
      s->whole[i] &= value == floor(value);
      sorted[n++] = value;
    }
    cm__sort_numbers(sorted, n);
    s->scale[i] = n ? spread(sorted, n, off) : 1;
    for (int p = 0; p < PLACES; p++) {
      double place = n ? cm__quantile(sorted, n, (double)p / (PLACES - 1)) : NAN;
      s->place[i * PLACES + p] = s->whole[i] ? floor(place) : place;
    }
  }
  return true;
}

static bool decide_background(void *arg, CmRange range, CmError **err) {
  Search *s = arg;
  int64_t n = range.end - range.begin;
  double *numbers = cm_alloc(s->ctx, sizeof *numbers * (size_t)(n * s->width), err);
  bool ok =
      numbers && cm__model_numbers(s->ctx, s->model, s->background + range.begin * s->model->features, n, numbers, err);
  for (int64_t i = 0; ok && i < n; i++)
    s->decided[range.begin + i] = cm__most_probable(numbers + i * s->width, s->model->classes);
  cm_free(numbers);
  return ok;
}

/* ---- one row --------------------------------------------------------------------------------------------------------
 */

static int by_cost(const void *a, const void *b) {
  const Near *p = a, *q = b;
  return p->cost != q->cost ? (p->cost < q->cost ? -1 : 1) : (p->row > q->row) - (p->row < q->row);
}

/* What may change goes from `from` to x, but for what is missing on either side. */
static void mix(const Search *s, const double *x, const double *from, double *to) {
  memcpy(to, x, sizeof *to * (size_t)s->model->features);
  for (int i = 0; i < s->players; i++) {
    int j = s->player[i];
    if (!isnan(from[j]) && !isnan(x[j])) to[j] = from[j];
  }
}

/* Features in order of the cost of their change, the dearest first. */
static int by_falling_cost(const Search *s, const double *x, const double *to, int *order) {
  int count = 0;
  for (int i = 0; i < s->players; i++) {
    double own = cost_of(s, i, x[s->player[i]], to[s->player[i]]);
    if (!(own > 0)) continue;
    int at = count++;
    for (; at > 0 && cost_of(s, order[at - 1], x[s->player[order[at - 1]]], to[s->player[order[at - 1]]]) < own; at--)
      order[at] = order[at - 1];
    order[at] = i;
  }
  return count;
}

/* Takes back what is not needed. `to` is decided otherwise than `decision` before and after. */
static bool take_back(const Search *s, const double *x, int decision, double *to, Room *room, CmError **err) {
  bool again = true;
  while (again) {
    int count = by_falling_cost(s, x, to, room->order);
    again = false;
    for (int k = 0; k < count && count > 1; k++) {
      int j = s->player[room->order[k]], found;
      double kept = to[j];
      to[j] = x[j];
      if (!decide(s, to, room->numbers, &found, err)) return false;
      if (found == decision)
        to[j] = kept;
      else
        again = true;
    }
  }
  return true;
}

/* Between two values, nearer to the first; a whole number where the feature has such alone. */
static double between(double near, double far, bool whole) {
  double middle = near + (far - near) / 2;
  return !whole ? middle : far > near ? floor(middle) : ceil(middle);
}

/* Makes each change as small as the decision lets it be. */
static bool shrink(const Search *s, const double *x, int decision, double *to, Room *room, CmError **err) {
  int count = by_falling_cost(s, x, to, room->order);
  for (int k = 0; k < count; k++) {
    int i = room->order[k], j = s->player[i], found;
    double near = x[j], far = to[j];
    for (int h = 0; h < HALVINGS; h++) {
      double middle = between(near, far, s->whole[i]);
      if (middle == near || middle == far) break;
      to[j] = middle;
      if (!decide(s, to, room->numbers, &found, err)) return false;
      *(found == decision ? &near : &far) = middle;
    }
    to[j] = far;
  }
  return true;
}

static bool keep_if_cheaper(const Search *s, const double *x, int decision, double *least, Room *room, CmError **err) {
  if (!take_back(s, x, decision, room->start, room, err) || !shrink(s, x, decision, room->start, room, err))
    return false;
  double own = cost(s, x, room->start);
  if (own < *least) {
    *least = own;
    memcpy(room->best, room->start, sizeof *room->best * (size_t)s->model->features);
  }
  return true;
}

static bool try_neighbours(const Search *s, const double *x, int decision, double *least, Room *room, CmError **err) {
  int64_t count = 0;
  for (int64_t b = 0; b < s->background_rows; b++) {
    if (s->decided[b] == decision) continue;
    mix(s, x, s->background + b * s->model->features, room->start);
    room->near[count++] = (Near){cost(s, x, room->start), b};
  }
  qsort(room->near, (size_t)count, sizeof *room->near, by_cost);
  for (int64_t k = 0, tried = 0; k < count && tried < s->neighbours; k++) {
    int found;
    mix(s, x, s->background + room->near[k].row * s->model->features, room->start);
    if (!decide(s, room->start, room->numbers, &found, err)) return false;
    if (found == decision) continue; /* what must stay as it is has turned it back */
    tried++;
    if (!keep_if_cheaper(s, x, decision, least, room, err)) return false;
  }
  return true;
}

/* The cheapest place of feature `i` that turns the decision; -1: none does. */
static bool turning_place(const Search *s, const double *x, int decision, int i, int *found, Room *room,
                          CmError **err) {
  int d = s->model->features, j = s->player[i];
  const double *place = s->place + i * PLACES;
  *found = -1;
  if (isnan(x[j]) || isnan(place[0])) return true;
  for (int p = 0; p < PLACES; p++) {
    memcpy(room->places + p * d, x, sizeof *x * (size_t)d);
    room->places[p * d + j] = place[p];
  }
  if (!cm__model_numbers(s->ctx, s->model, room->places, PLACES, room->place_numbers, err)) return false;
  for (int p = 0; p < PLACES; p++)
    if (cm__most_probable(room->place_numbers + p * s->width, s->model->classes) != decision &&
        (*found < 0 || cost_of(s, i, x[j], place[p]) < cost_of(s, i, x[j], place[*found])))
      *found = p;
  return true;
}

static bool try_single(const Search *s, const double *x, int decision, double *least, Room *room, CmError **err) {
  int d = s->model->features;
  for (int i = 0; i < s->players; i++) {
    int found;
    if (!turning_place(s, x, decision, i, &found, room, err)) return false;
    if (found < 0) continue;
    memcpy(room->start, room->places + found * d, sizeof *x * (size_t)d);
    if (!keep_if_cheaper(s, x, decision, least, room, err)) return false;
  }
  return true;
}

static bool search_row(const Search *s, int64_t row, Room *room, CmError **err) {
  const double *x = s->x + row * s->model->features;
  double least = INFINITY, *before = s->before + row * s->width;
  int decision;
  if (!decide(s, x, before, &decision, err) || !try_neighbours(s, x, decision, &least, room, err) ||
      !try_single(s, x, decision, &least, room, err))
    return false;
  s->turned[row] = isfinite(least) != 0;
  if (!s->turned[row]) return true;
  double *found = s->found + row * s->model->features;
  memcpy(found, room->best, sizeof *found * (size_t)s->model->features);
  return cm__model_numbers(s->ctx, s->model, found, 1, s->after + row * s->width, err);
}

static bool search_rows(void *arg, CmRange range, CmError **err) {
  const Search *s = arg;
  CmArena hold = {.ctx = s->ctx};
  int d = s->model->features;
  Room room = {CM__NEW(&hold, double, d, err),
               CM__NEW(&hold, double, d, err),
               CM__NEW(&hold, double, s->width, err),
               CM__NEW(&hold, double, (int64_t)PLACES *d, err),
               CM__NEW(&hold, double, (int64_t)PLACES * s->width, err),
               CM__NEW(&hold, Near, s->background_rows, err),
               CM__NEW(&hold, int, s->players, err)};
  bool ok = room.start && room.best && room.numbers && room.places && room.place_numbers && room.near && room.order;
  for (int64_t row = range.begin; ok && row < range.end; row++) ok = search_row(s, row, &room, err);
  cm__arena_free(&hold);
  return ok;
}

/* ---- the table ------------------------------------------------------------------------------------------------------
 */

static void put_decision(CmTableWriter *w, const Search *s, int64_t row, int now, int then) {
  cm__rows_text(w, s->model->class_name[now]);
  cm__rows_real(w, s->before[row * s->width + now]);
  cm__rows_text(w, then < 0 ? NULL : s->model->class_name[then]);
  cm__rows_real(w, then < 0 ? NAN : s->after[row * s->width + then]);
}

static void put_row(CmTableWriter *w, const Search *s, const CmTable *table, int subject, int64_t row, int *order) {
  int d = s->model->features, classes = s->model->classes;
  const double *x = s->x + row * d, *found = s->found + row * d;
  int now = cm__most_probable(s->before + row * s->width, classes);
  if (!s->turned[row]) {
    cm__put_applied(w, table, row, subject);
    put_decision(w, s, row, now, -1);
    return;
  }
  int then = cm__most_probable(s->after + row * s->width, classes), count = by_falling_cost(s, x, found, order);
  for (int k = 0; k < count; k++) {
    int i = order[k], j = s->player[i];
    cm__put_applied(w, table, row, subject);
    put_decision(w, s, row, now, then);
    cm__rows_text(w, s->model->feature[j]);
    cm__rows_text(w, s->model->unit[j]);
    cm__rows_real(w, x[j]);
    cm__rows_real(w, found[j]);
    cm__rows_real(w, cost_of(s, i, x[j], found[j]));
  }
}

static CmTable *write_table(const Search *s, const CmTable *table, CmArena *hold, CmError **err) {
  CmTableWriter w;
  int *order = CM__NEW(hold, int, s->players, err);
  if (!order || !cm__rows_start(&w, s->ctx, err)) return NULL;
  int subject = cm__start_rows(&w, s->model, table);
  cm__rows_columns(&w,
                   (const char *const[]){"predicted", "probability", "becomes", "new_probability", "feature", "unit",
                                         "from", "to", "cost"},
                   "trtrttrrr");
  for (int64_t row = 0; row < s->rows; row++) put_row(&w, s, table, subject, row, order);
  return cm__rows_finish(&w);
}

/* Leaves out the features of `fixed` (names with commas between). */
static bool take_players(Search *s, CmArena *hold, const char *fixed, CmError **err) {
  const CmModel *model = s->model;
  uint8_t *stays = CM__NEW(hold, uint8_t, model->features, err);
  s->player = CM__NEW(hold, int, model->prepare.kept, err);
  if (!stays || !s->player) return false;
  for (const char *at = fixed; *at;) {
    size_t length = strcspn(at, ",");
    int j = 0;
    while (j < model->features && (strlen(model->feature[j]) != length || strncmp(model->feature[j], at, length))) j++;
    if (j == model->features) {
      cm_error_set(err, CM_ERR_PARAMETER, "fixed: the model has no feature \"%.*s\"; name features with commas between",
                   (int)length, at);
      return false;
    }
    stays[j] = 1;
    at += length + (at[length] == ',');
  }
  for (int k = 0; k < model->prepare.kept; k++)
    if (!stays[model->prepare.keep[k]]) s->player[s->players++] = model->prepare.keep[k];
  return true;
}

static bool make_room(Search *s, CmArena *hold, CmError **err) {
  s->decided = CM__NEW(hold, int, s->background_rows, err);
  s->found = CM__NEW(hold, double, s->rows * s->model->features + 1, err);
  s->turned = CM__NEW(hold, uint8_t, s->rows + 1, err);
  s->before = CM__NEW(hold, double, s->rows * s->width + 1, err);
  s->after = CM__NEW(hold, double, s->rows * s->width + 1, err);
  return s->decided && s->found && s->turned && s->before && s->after;
}

CmTable *cm_model_counterfactuals(CmContext *ctx, const CmModel *model, const CmTable *table, const CmTable *background,
                                  const CmExplainParams *params, CmError **err) {
  CmArena hold = {.ctx = ctx};
  CmTable *result = NULL;
  CmExplainParams filled;
  Search s = {.ctx = ctx,
              .model = model,
              .width = cm__width(model->task, model->classes),
              .rows = cm_table_rows(table),
              .background_rows = cm_table_rows(background)};
  if (model->task != CM_TASK_BINARY && model->task != CM_TASK_MULTICLASS) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "%s: there is no decision to turn; counterfactuals are of models of classes",
                 cm_learn_task_name(model->task));
    goto done;
  }
  if (!cm__explain_start(ctx, model, params, &filled, err) || !cm__explain_background(background, err) ||
      !take_players(&s, &hold, filled.fixed.value, err) || !(s.x = cm__model_table(&hold, model, table, err)) ||
      !(s.background = cm__model_table(&hold, model, background, err)) || !make_room(&s, &hold, err) ||
      !learn_features(&s, &hold, err) ||
      !cm_parallel_for(ctx, NULL, s.background_rows, BACKGROUND_CHUNK, decide_background, &s, err))
    goto done;
  s.neighbours = filled.neighbours;
  if (!s.rows || cm_parallel_for(ctx, "explain", s.rows, 1, search_rows, &s, err))
    result = write_table(&s, table, &hold, err);
done:
  cm__arena_free(&hold);
  return result;
}
