#include "learn/prepare/impute.h"

#include <math.h>
#include <string.h>

#include "learn/json.h"

/* ---- nearest neighbours --------------------------------------------------------------------------------------------
 */

/* Mean square of the differences in the columns that both have; NaN without any. */
static double distance_to(const double *a, const double *b, int columns) {
  double sum = 0;
  int both = 0;
  for (int j = 0; j < columns; j++) {
    double gap = a[j] - b[j];
    if (isnan(gap)) continue;
    sum += gap * gap;
    both++;
  }
  return both ? sum / both : (double)NAN;
}

/* Mean of column j over the nearest training rows that have it; of equally near ones the first. */
static double neighbours_mean(const CmImputer *m, const double *distance, int j) {
  int64_t taken[CM__MOST_NEIGHBOURS];
  int count = 0;
  for (int64_t i = 0; i < m->rows; i++) {
    if (isnan(distance[i]) || isnan(m->row[i * m->columns + j])) continue;
    if (count == m->neighbours && distance[i] >= distance[taken[count - 1]]) continue;
    int at = count < m->neighbours ? count++ : count - 1;
    for (; at > 0 && distance[i] < distance[taken[at - 1]]; at--) taken[at] = taken[at - 1];
    taken[at] = i;
  }
  double sum = 0;
  for (int k = 0; k < count; k++) sum += m->row[taken[k] * m->columns + j];
  return count ? sum / count : (double)NAN;
}

static void fill_by_neighbours(const CmImputer *m, double *row, double *distance, const bool *missing) {
  for (int64_t i = 0; i < m->rows; i++) distance[i] = distance_to(row, m->row + i * m->columns, m->columns);
  for (int j = 0; j < m->columns; j++)
    if (missing[j]) row[j] = neighbours_mean(m, distance, j);
}

/* ---- both ----------------------------------------------------------------------------------------------------------
 */

void cm__impute_row(const CmImputer *m, double *row, double *distance, bool *missing) {
  bool any = false;
  for (int j = 0; j < m->columns; j++) {
    missing[j] = isnan(row[j]);
    any = any || missing[j];
  }
  if (!any) return;
  for (int j = 0; j < m->columns; j++) row[j] = (row[j] - m->mean[j]) / m->deviation[j];
  if (m->neighbours)
    fill_by_neighbours(m, row, distance, missing);
  else
    cm__regressions_row(&m->by, m->columns, row, missing);
  for (int j = 0; j < m->columns; j++) row[j] = row[j] * m->deviation[j] + m->mean[j];
}

static void standardise(CmImputer *m, double *const *column, int64_t rows, double *x) {
  for (int j = 0; j < m->columns; j++) {
    double sum = 0, square = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < rows; i++) {
      if (isnan(column[j][i])) continue;
      sum += column[j][i];
      n++;
    }
    m->mean[j] = sum / (double)n;
    for (int64_t i = 0; i < rows; i++)
      if (!isnan(column[j][i])) square += (column[j][i] - m->mean[j]) * (column[j][i] - m->mean[j]);
    m->deviation[j] = square > 0 ? sqrt(square / (double)n) : 1;
    for (int64_t i = 0; i < rows; i++) x[i * m->columns + j] = (column[j][i] - m->mean[j]) / m->deviation[j];
  }
}

static bool fill_columns(CmArena *scratch, const CmImputer *m, double *const *column, int64_t rows, CmError **err) {
  double *row = CM__NEW(scratch, double, m->columns, err), *distance = CM__NEW(scratch, double, m->rows, err);
  bool *missing = CM__NEW(scratch, bool, m->columns, err);
  if (!row || !distance || !missing) return false;
  for (int64_t i = 0; i < rows; i++) {
    if (cm_context_cancelled(scratch->ctx, err)) return false;
    for (int j = 0; j < m->columns; j++) row[j] = column[j][i];
    cm__impute_row(m, row, distance, missing);
    for (int j = 0; j < m->columns; j++)
      if (missing[j]) column[j][i] = row[j];
  }
  return true;
}

CmImputer *cm__impute_fit(CmArena *hold, const CmPrepareParams *params, double *const *column, int columns,
                          int64_t rows, CmError **err) {
  CmArena scratch = {.ctx = hold->ctx};
  size_t cells;
  CmImputer *m = CM__NEW(hold, CmImputer, 1, err);
  if (!m || !cm_size_multiply((size_t)rows, (size_t)columns, &cells, err)) return NULL;
  bool near = params->impute == CM_IMPUTE_KNN;
  *m = (CmImputer){.columns = columns, .neighbours = near ? (int)params->neighbours : 0};
  m->mean = CM__NEW(hold, double, columns, err);
  m->deviation = CM__NEW(hold, double, columns, err);
  double *x = CM__NEW(near ? hold : &scratch, double, cells, err);
  bool ok = m->mean && m->deviation && x;
  if (ok) standardise(m, column, rows, x);
  if (ok && near) {
    m->rows = rows;
    m->row = x;
  }
  ok = ok && (near || cm__regressions_fit(hold, params->rounds, x, rows, columns, &m->by, err)) &&
       fill_columns(&scratch, m, column, rows, err);
  cm__arena_free(&scratch);
  return ok ? m : NULL;
}

/* ---- file ----------------------------------------------------------------------------------------------------------
 */

void cm__impute_write(const CmImputer *m, CmTextBuffer *json) {
  if (!m) {
    cm__text_add(json, "null");
    return;
  }
  cm__text_addf(json, "{\"neighbours\":%d,\"mean\":", m->neighbours);
  cm__json_reals(json, m->mean, m->columns);
  cm__text_add(json, ",\"deviation\":");
  cm__json_reals(json, m->deviation, m->columns);
  cm__text_add(json, ",\"rows\":");
  cm__json_reals(json, m->row, m->rows * m->columns);
  cm__text_addf(json, ",\"rounds\":%d,\"target\":", m->by.rounds);
  cm__json_ints(json, m->by.target, m->by.targets);
  cm__text_add(json, ",\"weight\":");
  cm__json_reals(json, m->by.weight, (int64_t)m->by.rounds * m->by.targets * (m->columns + 1));
  cm__text_add(json, "}");
}

static bool small_int(const json_t *json, int64_t most) {
  return json_is_integer(json) && json_integer_value(json) >= 0 && json_integer_value(json) <= most;
}

bool cm__impute_read(CmArena *hold, const json_t *json, int columns, CmImputer **imputer, CmError **err) {
  *imputer = NULL;
  if (json_is_null(json)) return true;
  const json_t *neighbours, *mean, *deviation, *rows, *rounds, *target, *weight;
  CmJsonMember members[] = {
      {"neighbours", &neighbours}, {"mean", &mean},     {"deviation", &deviation}, {"rows", &rows},
      {"rounds", &rounds},         {"target", &target}, {"weight", &weight}};
  if (!cm__json_members(json, "prepare.imputer", members, CM_COUNT(members), err)) return false;
  int64_t cells = (int64_t)json_array_size(rows), targets = (int64_t)json_array_size(target);
  if (!small_int(neighbours, CM__MOST_NEIGHBOURS) || !small_int(rounds, CM__MOST_ROUNDS) || cells % columns ||
      targets > columns || (json_integer_value(neighbours) == 0) != (cells == 0))
    return cm__json_refuse(err, "prepare.imputer");
  CmImputer *m = *imputer = CM__NEW(hold, CmImputer, 1, err);
  if (!m) return false;
  *m = (CmImputer){.columns = columns, .neighbours = (int)json_integer_value(neighbours), .rows = cells / columns};
  m->by.rounds = (int)json_integer_value(rounds);
  m->by.targets = (int)targets;
  m->mean = cm__json_read_reals(hold, mean, "prepare.imputer.mean", columns, false, err);
  m->deviation = cm__json_read_reals(hold, deviation, "prepare.imputer.deviation", columns, false, err);
  m->row = cm__json_read_reals(hold, rows, "prepare.imputer.rows", cells, true, err);
  m->by.target = cm__json_read_ints(hold, target, "prepare.imputer.target", targets, 0, columns - 1, err);
  m->by.weight = cm__json_read_reals(hold, weight, "prepare.imputer.weight",
                                     (int64_t)m->by.rounds * targets * (columns + 1), false, err);
  return m->mean && m->deviation && m->row && m->by.target && m->by.weight;
}
