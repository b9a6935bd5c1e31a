#include "learn/survey.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "learn/columns.h"
#include "learn/lanes.h"
#include "learn/points.h"
#include "learn/quantile.h"

enum { LANES = 8, SAMPLE = 512 };

/* What is present of a feature. row: of the data, NULL: all of them. */
typedef struct Column {
  const double *value;
  const int64_t *row;
  int64_t n;
  double mean, least, most;
} Column;

static int64_t row_of(const Column *column, int64_t i) {
  return column->row ? column->row[i] : i;
}

/* ---- what needs the values in order ---------------------------------------------------------------------------------
 */

static bool is_copy(const CmLearnData *data, const CmPoint *points, int64_t n) {
  if (!data->classes || n < CM__FEWEST_ROWS || n < data->rows) return false;
  int64_t runs = 0;
  for (int64_t i = 0; i < n; i++) {
    bool fresh = i == 0 || points[i].value != points[i - 1].value;
    if (!fresh && data->y[points[i].row] != data->y[points[i - 1].row]) return false;
    runs += fresh;
    if (runs > data->classes) return false;
  }
  return runs == data->classes;
}

static bool is_numbering(const CmLearnData *data, const CmPoint *points, int64_t n) {
  if (n < CM__FEWEST_ROWS || n < data->rows || points[0].value != floor(points[0].value)) return false;
  bool once_a_row = true, once_a_subject = data->subjects < data->rows;
  for (int64_t i = 1; i < n; i++) {
    double step = points[i].value - points[i - 1].value;
    bool same_subject = data->subject[points[i].row] == data->subject[points[i - 1].row];
    if (step != 1) once_a_row = false;
    if (step != (same_subject ? 0 : 1)) once_a_subject = false;
  }
  return once_a_row || once_a_subject;
}

static bool is_ordered(const CmLearnData *data, const CmPoint *points, int64_t n) {
  bool rises = true, falls = true;
  double below[2] = {-INFINITY, INFINITY}; /* largest and least target of smaller values */
  for (int64_t from = 0, to; from < n && (rises || falls); from = to) {
    double least = INFINITY, most = -INFINITY;
    for (to = from; to < n && points[to].value == points[from].value; to++) {
      least = fmin(least, data->value[points[to].row]);
      most = fmax(most, data->value[points[to].row]);
    }
    rises = rises && least > below[0];
    falls = falls && most < below[1];
    below[0] = fmax(below[0], most);
    below[1] = fmin(below[1], least);
  }
  return rises || falls;
}

/* Sorted; NULL without memory. */
static CmPoint *sort_column(CmArena *hold, const Column *column, CmError **err) {
  CmPoint *points = CM__NEW_RAW(hold, CmPoint, 3 * column->n, err);
  for (int64_t i = 0; points && i < column->n; i++) points[i] = (CmPoint){column->value[i], row_of(column, i)};
  if (points) cm__sort_points(points, points + column->n, column->n);
  return points;
}

static int64_t count_runs(const CmPoint *points, int64_t n) {
  int64_t runs = 0;
  for (int64_t i = 0; i < n; i++) runs += i == 0 || points[i].value != points[i - 1].value;
  return runs;
}

static bool look_in_order(const CmLearnData *data, const Column *column, CmFacts *facts, CmError **err) {
  CmArena hold = {.ctx = data->hold.ctx};
  CmPoint *points = sort_column(&hold, column, err);
  if (points) {
    facts->distinct = count_runs(points, column->n);
    facts->counted = true;
    facts->copy = is_copy(data, points, column->n);
    facts->numbering = is_numbering(data, points, column->n);
    facts->ordered = data->value && facts->distinct >= CM__FEWEST_ROWS && is_ordered(data, points, column->n);
  }
  cm__arena_free(&hold);
  return points != NULL;
}

bool cm__count_distinct(const CmLearnData *data, int feature, CmFacts *facts, CmError **err) {
  CmArena hold = {.ctx = data->hold.ctx};
  CmPoint *points = CM__NEW_RAW(&hold, CmPoint, 3 * data->rows, err);
  if (points)
    facts->distinct = count_runs(
        points, cm__sorted_column(data->x, data->rows, data->features, feature, points, points + data->rows));
  facts->counted = points != NULL;
  cm__arena_free(&hold);
  return points != NULL;
}

/* ---- what the order can be told without -----------------------------------------------------------------------------
 */

/* Distinct values among the first ones. */
static int64_t sample_distinct(const Column *column) {
  double sample[SAMPLE];
  int64_t n = column->n < SAMPLE ? column->n : SAMPLE, distinct = 0;
  memcpy(sample, column->value, sizeof *sample * (size_t)n);
  cm__sort_numbers(sample, n);
  for (int64_t i = 0; i < n; i++) distinct += i == 0 || sample[i] != sample[i - 1];
  return distinct;
}

/* Neighbouring rows that rise together and others that do not: then no order of all does. */
static bool may_be_ordered(const CmLearnData *data, const Column *column) {
  bool rises = true, falls = true;
  for (int64_t i = 1; i < column->n && (rises || falls); i++) {
    double apart = column->value[i] - column->value[i - 1];
    double target = data->value[row_of(column, i)] - data->value[row_of(column, i - 1)];
    rises = rises && (apart == 0 || (apart > 0 ? target > 0 : target < 0));
    falls = falls && (apart == 0 || (apart > 0 ? target < 0 : target > 0));
  }
  return rises || falls;
}

static bool may_be_numbering(const CmLearnData *data, const Column *column) {
  double steps = column->most - column->least;
  return column->n == data->rows && column->value[0] == floor(column->value[0]) &&
         (data->subjects < data->rows ? steps < (double)data->rows : steps == (double)(data->rows - 1));
}

static bool needs_order(const CmLearnData *data, const Column *column, const CmFacts *facts) {
  int64_t few = data->classes > CM__FEWEST_ROWS ? data->classes : CM__FEWEST_ROWS;
  return facts->distinct <= few || (facts->whole && may_be_numbering(data, column)) ||
         (data->value && may_be_ordered(data, column));
}

/* ---- sums -----------------------------------------------------------------------------------------------------------
 */

static void measure(Column *column, CmFacts *facts) {
  const double *value = column->value;
  double least[LANES], most[LANES];
  int64_t i = 0;
  for (int k = 0; k < LANES; k++) least[k] = most[k] = value[0];
  for (; i + LANES <= column->n; i += LANES) {
    for (int k = 0; k < LANES; k++) {
      least[k] = value[i + k] < least[k] ? value[i + k] : least[k];
      most[k] = value[i + k] > most[k] ? value[i + k] : most[k];
    }
  }
  for (int k = 0; i < column->n; i++, k++) {
    least[k] = fmin(least[k], value[i]);
    most[k] = fmax(most[k], value[i]);
  }
  for (int k = 1; k < LANES; k++) {
    least[0] = fmin(least[0], least[k]);
    most[0] = fmax(most[0], most[k]);
  }
  for (i = 0; i < column->n && value[i] == floor(value[i]);) i++;
  facts->whole = i == column->n;
  column->mean = cm__lanes_sum(value, column->n) / (double)column->n;
  column->least = least[0];
  column->most = most[0];
}

/* Of the values of one class, about the mean of all. */
typedef struct Share {
  double sum, least, most;
  int64_t count;
} Share;

static void by_class(const CmLearnData *data, const Column *column, Share *share, CmFacts *facts) {
  double between = 0, total = cm__lanes_squares(column->value, column->mean, column->n);
  for (int c = 0; c < data->classes; c++) share[c] = (Share){.least = INFINITY, .most = -INFINITY};
  for (int64_t i = 0; i < column->n; i++) {
    Share *own = &share[data->y[row_of(column, i)]];
    double value = column->value[i];
    own->sum += value - column->mean;
    own->least = value < own->least ? value : own->least;
    own->most = value > own->most ? value : own->most;
    own->count++;
  }
  for (int c = 0; c < data->classes; c++)
    if (share[c].count) between += share[c].sum * share[c].sum / (double)share[c].count;
  facts->explained = total > 0 ? between / total : 0;
  facts->separates = data->classes == 2 && column->n >= CM__FEWEST_ROWS && share[0].count && share[1].count &&
                     (share[0].most < share[1].least || share[1].most < share[0].least);
}

/* Share of the variance of a feature that a line through the target's numbers explains. */
static double explained_by_line(const CmLearnData *data, const Column *column) {
  double mean = 0, sum[3] = {0, 0, 0};
  for (int64_t i = 0; i < column->n; i++) mean += data->value[row_of(column, i)] / (double)column->n;
  for (int64_t i = 0; i < column->n; i++) {
    double a = column->value[i] - column->mean, b = data->value[row_of(column, i)] - mean;
    sum[0] += a * a;
    sum[1] += b * b;
    sum[2] += a * b;
  }
  return sum[1] > 0 ? sum[2] * sum[2] / (sum[0] * sum[1]) : 0;
}

/* The class whose rows are just those that are missing. */
static int missing_class(const CmLearnData *data, const double *value, int64_t *missing) {
  int only = -1;
  for (int64_t i = 0; i < data->rows; i++) {
    if (!isnan(value[i])) continue;
    if ((*missing)++ && only != data->y[i]) return -1;
    only = data->y[i];
  }
  for (int64_t i = 0; *missing && i < data->rows; i++)
    if (data->y[i] == only && !isnan(value[i])) return -1;
  return only;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------
 */

/* Of one worker. */
typedef struct Room {
  double *panel; /* CM__PANEL columns */
  int64_t *row;
  Share *share; /* classes */
} Room;

typedef struct Survey {
  const CmLearnData *data;
  CmFacts *facts;
  Room *room;
} Survey;

/* Moves what is present to the front. */
static Column present(double *value, int64_t rows, int64_t *row) {
  int64_t n = 0;
  for (int64_t i = 0; i < rows; i++) n += !isnan(value[i]);
  if (n == rows) return (Column){.value = value, .n = n};
  n = 0;
  for (int64_t i = 0; i < rows; i++) {
    if (isnan(value[i])) continue;
    row[n] = i;
    value[n++] = value[i];
  }
  return (Column){.value = value, .row = row, .n = n};
}

static bool survey_column(const CmLearnData *data, double *value, const Room *room, CmFacts *facts, CmError **err) {
  int missing = data->classes ? missing_class(data, value, &facts->missing) : -1;
  Column column = present(value, data->rows, room->row);
  facts->missing_class = column.n < data->rows ? missing : -1;
  facts->present = column.n;
  facts->counted = true;
  if (!column.n) return true;
  measure(&column, facts);
  facts->distinct = 1;
  if (!(column.least < column.most)) return true;
  facts->distinct = sample_distinct(&column);
  facts->counted = column.n <= SAMPLE;
  if (needs_order(data, &column, facts) && !look_in_order(data, &column, facts, err)) return false;
  if (data->target && data->classes)
    by_class(data, &column, room->share, facts);
  else if (data->target)
    facts->explained = explained_by_line(data, &column);
  return true;
}

static bool survey_panel(void *arg, CmRange range, CmError **err) {
  const Survey *s = arg;
  const CmLearnData *data = s->data;
  const Room *room = &s->room[range.worker];
  bool ok = true;
  cm__take_columns(data->x, data->rows, data->features, (int)range.begin, (int)(range.end - range.begin), room->panel);
  for (int64_t j = range.begin; ok && j < range.end; j++)
    ok = survey_column(data, room->panel + (j - range.begin) * data->rows, room, &s->facts[j], err);
  return ok;
}

bool cm__survey(const CmLearnData *data, CmFacts *facts, CmError **err) {
  CmArena hold = {.ctx = data->hold.ctx};
  int workers = cm_context_threads(hold.ctx);
  Survey all = {data, facts, CM__NEW(&hold, Room, workers, err)};
  bool ok = all.room != NULL;
  for (int w = 0; ok && w < workers; w++) {
    Room *room = &all.room[w];
    room->panel = CM__NEW_RAW(&hold, double, CM__PANEL * data->rows, err);
    room->row = CM__NEW_RAW(&hold, int64_t, data->rows, err);
    room->share = CM__NEW_RAW(&hold, Share, data->classes, err);
    ok = room->panel && room->row && room->share;
  }
  ok = ok && cm_parallel_for(hold.ctx, NULL, data->features, CM__PANEL, survey_panel, &all, err);
  cm__arena_free(&hold);
  return ok;
}
