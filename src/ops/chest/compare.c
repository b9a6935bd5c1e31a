/* cormack compare: the nodules of two visits, matched, and how they grew. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/op.h"

typedef struct CompareParams {
  double days, distance, change;
} CompareParams;

typedef struct Entry { /* a nodule of one visit */
  int64_t id, partner;
  double at[3], volume, diameter;
} Entry;

typedef struct List {
  Entry *entry;
  int64_t count;
} List;

typedef struct Pair {
  int64_t a, b;
  double mm;
} Pair;

static bool need_column(const CmTable *table, const char *name, const char *port, int *column, CmError **err) {
  *column = cm_table_find_column(table, name);
  if (*column >= 0) return true;
  cm_error_set(err, CM_ERR_DATA, "the table «%s» has no column «%s»; give the table of the operation nodules", port,
               name);
  return false;
}

static bool read_list(CmContext *ctx, const CmTable *table, const char *port, List *list, CmError **err) {
  static const char *const names[] = {"nodule", "x", "y", "z", "volume", "diameter"};
  int column[6];
  for (int k = 0; k < 6; k++)
    if (!need_column(table, names[k], port, &column[k], err)) return false;
  list->count = cm_table_rows(table);
  list->entry = cm_calloc(ctx, (size_t)list->count + 1, sizeof *list->entry, err);
  if (!list->entry) return false;
  for (int64_t i = 0; i < list->count; i++) {
    Entry *e = &list->entry[i];
    e->id = cm_table_int(table, i, column[0]);
    e->partner = -1;
    for (int k = 0; k < 3; k++) e->at[k] = cm_table_real(table, i, column[1 + k]);
    e->volume = cm_table_real(table, i, column[4]);
    e->diameter = cm_table_real(table, i, column[5]);
    if (!isfinite(e->at[0] + e->at[1] + e->at[2] + e->volume + e->diameter) || e->volume <= 0) {
      cm_error_set(err, CM_ERR_DATA, "row %lld of the table «%s» has no place or no volume above 0; leave it out",
                   (long long)i + 1, port);
      return false;
    }
  }
  return true;
}

/* m: rows of a 3 x 4 matrix; the identity where no transform is given. */
static bool read_transform(const CmValue *value, double m[12], CmError **err) {
  static const char *const names[] = {"matrix_11", "matrix_12", "matrix_13", "matrix_14", "matrix_21", "matrix_22",
                                      "matrix_23", "matrix_24", "matrix_31", "matrix_32", "matrix_33", "matrix_34"};
  for (int k = 0; k < 12; k++) m[k] = k % 5 == 0;
  if (value->kind == CM_KIND_NONE) return true;
  if (cm_table_rows(value->table) != 1) {
    cm_error_set(err, CM_ERR_DATA, "the table «transform» has %lld rows; give the one row of the operation register",
                 (long long)cm_table_rows(value->table));
    return false;
  }
  for (int k = 0; k < 12; k++) {
    int column;
    if (!need_column(value->table, names[k], "transform", &column, err)) return false;
    m[k] = cm_table_real(value->table, 0, column);
    if (!isfinite(m[k])) {
      cm_error_set(err, CM_ERR_DATA,
                   "the table «transform» lacks the number «%s»; give the table of the operation register", names[k]);
      return false;
    }
  }
  return true;
}

static void move(const double m[12], const double p[3], double to[3]) {
  for (int k = 0; k < 3; k++) to[k] = m[4 * k] * p[0] + m[4 * k + 1] * p[1] + m[4 * k + 2] * p[2] + m[4 * k + 3];
}

static int nearer(const void *pa, const void *pb) {
  const Pair *a = pa, *b = pb;
  if (a->mm != b->mm) return a->mm < b->mm ? -1 : 1;
  if (a->a != b->a) return a->a < b->a ? -1 : 1;
  return a->b < b->b ? -1 : a->b > b->b;
}

/* The nearest pair first; growth alone moves a centre by at most half of the change of diameter, which is allowed for.
 */
static bool match(CmContext *ctx, const double m[12], double limit, List *first, List *second, CmError **err) {
  size_t most;
  if (!cm_size_multiply((size_t)first->count + 1, (size_t)second->count + 1, &most, err)) return false;
  Pair *pair = cm_alloc_array(ctx, most, sizeof *pair, err);
  if (!pair) return false;
  size_t n = 0;
  for (int64_t i = 0; i < first->count; i++) {
    double to[3];
    move(m, first->entry[i].at, to);
    for (int64_t j = 0; j < second->count; j++) {
      double d = 0;
      for (int k = 0; k < 3; k++) d += (to[k] - second->entry[j].at[k]) * (to[k] - second->entry[j].at[k]);
      d = sqrt(d);
      if (d <= limit + 0.5 * fabs(second->entry[j].diameter - first->entry[i].diameter)) pair[n++] = (Pair){i, j, d};
    }
  }
  qsort(pair, n, sizeof *pair, nearer);
  for (size_t k = 0; k < n; k++) {
    Entry *a = &first->entry[pair[k].a], *b = &second->entry[pair[k].b];
    if (a->partner >= 0 || b->partner >= 0) continue;
    a->partner = pair[k].b;
    b->partner = pair[k].a;
  }
  cm_free(pair);
  return true;
}

enum {
  NODULE_1,
  NODULE_2,
  STATUS,
  X,
  Y,
  Z,
  DISTANCE,
  VOLUME_1,
  VOLUME_2,
  GROWTH,
  DIAMETER_1,
  DIAMETER_2,
  DIAMETER_CHANGE,
  DAYS,
  DOUBLING
};
static const struct {
  const char *name, *unit;
  CmColumnType type;
} columns[] = {{"nodule_1", "", CM_COLUMN_INT},
               {"nodule_2", "", CM_COLUMN_INT},
               {"status", "", CM_COLUMN_TEXT},
               {"x", "mm", CM_COLUMN_REAL},
               {"y", "mm", CM_COLUMN_REAL},
               {"z", "mm", CM_COLUMN_REAL},
               {"distance", "mm", CM_COLUMN_REAL},
               {"volume_1", "mm3", CM_COLUMN_REAL},
               {"volume_2", "mm3", CM_COLUMN_REAL},
               {"growth", "%", CM_COLUMN_REAL},
               {"diameter_1", "mm", CM_COLUMN_REAL},
               {"diameter_2", "mm", CM_COLUMN_REAL},
               {"diameter_change", "mm", CM_COLUMN_REAL},
               {"days", "d", CM_COLUMN_REAL},
               {"doubling_time", "d", CM_COLUMN_REAL}};

static bool add_row(CmTable *t, const CompareParams *p, const double m[12], const Entry *a, const Entry *b,
                    CmError **err) {
  const int64_t row = cm_table_add_row(t, err);
  if (row < 0) return false;
  double to[3];
  if (a) move(m, a->at, to);
  for (int k = 0; k < 3; k++) cm_table_set_real(t, row, X + k, b ? b->at[k] : to[k]);
  if (a) {
    cm_table_set_int(t, row, NODULE_1, a->id);
    cm_table_set_real(t, row, VOLUME_1, a->volume);
    cm_table_set_real(t, row, DIAMETER_1, a->diameter);
  }
  if (b) {
    cm_table_set_int(t, row, NODULE_2, b->id);
    cm_table_set_real(t, row, VOLUME_2, b->volume);
    cm_table_set_real(t, row, DIAMETER_2, b->diameter);
  }
  if (p->days > 0) cm_table_set_real(t, row, DAYS, p->days);
  if (!a || !b) return cm_table_set_text(t, row, STATUS, a ? "gone" : "new", err);
  double d = 0;
  for (int k = 0; k < 3; k++) d += (to[k] - b->at[k]) * (to[k] - b->at[k]);
  const double growth = 100 * (b->volume - a->volume) / a->volume;
  cm_table_set_real(t, row, DISTANCE, sqrt(d));
  cm_table_set_real(t, row, GROWTH, growth);
  cm_table_set_real(t, row, DIAMETER_CHANGE, b->diameter - a->diameter);
  /* negative: the time in which it halves; none where nothing changed */
  if (p->days > 0 && b->volume != a->volume)
    cm_table_set_real(t, row, DOUBLING, p->days * log(2) / log(b->volume / a->volume));
  return cm_table_set_text(t, row, STATUS,
                           growth >= p->change    ? "growing"
                           : growth <= -p->change ? "shrinking"
                                                  : "stable",
                           err);
}

static bool run(const CmCall *call, CmError **err) {
  const CompareParams *p = call->params;
  List first = {0}, second = {0};
  double m[12];
  bool ok = false;
  CmTable *t = cm_table_create(call->ctx, err);
  if (!t || !read_list(call->ctx, call->in[0].table, "first", &first, err) ||
      !read_list(call->ctx, call->in[1].table, "second", &second, err) || !read_transform(&call->in[2], m, err) ||
      !match(call->ctx, m, p->distance, &first, &second, err))
    goto done;
  for (int k = 0; k < CM_COUNT(columns); k++)
    if (cm_table_add_column(t, columns[k].name, columns[k].type, columns[k].unit, err) < 0) goto done;
  for (int64_t i = 0; i < first.count; i++) {
    const Entry *a = &first.entry[i];
    if (!add_row(t, p, m, a, a->partner >= 0 ? &second.entry[a->partner] : NULL, err)) goto done;
  }
  for (int64_t i = 0; i < second.count; i++)
    if (second.entry[i].partner < 0 && !add_row(t, p, m, NULL, &second.entry[i], err)) goto done;
  call->out[0] = cm_value_table(t);
  t = NULL;
  ok = true;
done:
  cm_table_unref(&t);
  cm_free(first.entry);
  cm_free(second.entry);
  return ok;
}

static const CmParam params[] = {
    CM_PARAM_REAL(CompareParams, days, 0, 0, 40000, "d",
                  "days from the first visit to the second; 0: not known, and no doubling time is given"),
    CM_PARAM_REAL(CompareParams, distance, 8, 0, 200, "mm",
                  "farthest that the centres of one nodule may lie apart after the transform, beside its growth"),
    CM_PARAM_REAL(CompareParams, change, 25, 0, 1000, "%",
                  "least change of volume that counts as growing or shrinking"),
};
static const CmPort inputs[] = {
    {.name = "first", .kind = CM_KIND_TABLE, .help = "nodules of the earlier visit (table of the operation nodules)"},
    {.name = "second", .kind = CM_KIND_TABLE, .help = "nodules of the later visit"},
    {.name = "transform",
     .kind = CM_KIND_TABLE,
     .optional = true,
     .help = "table of register with the earlier visit as the fixed image; else the same frame"},
};
static const CmPort outputs[] = {{.name = "growth",
                                  .kind = CM_KIND_TABLE,
                                  .help = "one row a nodule of either visit, places in the frame of the later one"}};

CM_OP(compare) = {
    .name = "compare",
    .family = "chest",
    .since = "0.1",
    .summary = "Match the nodules of two visits and tell how they grew.",
    .details =
        "Pairs are taken nearest first. growth = 100 (V2 - V1) / V1; doubling_time = days ln 2 / ln(V2 / V1), negative "
        "where the volume fell; "
        "diameters are of balls of equal volume. status: growing, stable, shrinking by the change of volume (25 % is "
        "what volumetry tells from noise), "
        "new, gone. A doubling time of 400 days or less is suspicious, over 600 days reassuring in solid nodules.",
    CM_OP_PARAMS(CompareParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_NONE,
    .tolerance = 1e-9,
    .cite =
        "Schwartz, Cancer 14 (1961) 1272 (doubling time); Callister et al. (British Thoracic Society), Thorax 70 "
        "(2015) ii1; MacMahon et al. (Fleischner "
        "Society), Radiology 284 (2017) 228",
    .examples = "cormack compare first.csv second.csv growth.csv --transform rigid.csv --days 182",
    .run = run,
};
