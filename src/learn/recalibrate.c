#include "learn/recalibrate.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "learn/json.h"
#include "learn/platt.h"

static const CmParam params_table[] = {
    CM_PARAM_ENUM(
        CmRecalibrateParams, method, "none|logistic|isotonic|temperature", "none",
        "logistic: a line of the log-odds (Platt); isotonic: any rising map; temperature: log-odds divided by a "
        "number"),
    CM_PARAM_INT(CmRecalibrateParams, folds, 5, 2, 1000, "",
                 "inside the training rows, by subject, whose predictions the map is fitted to"),
    CM_PARAM_INT(CmRecalibrateParams, seed, 1, 0, 2147483647, "", "of the inner folds"),
};

static const CmOp about = {
    .name = "recalibrate",
    .family = "learn",
    .since = "0.1",
    .summary = "Make probabilities come true.",
    .details =
        "A map of the model's probabilities, fitted to predictions of inner folds of the training rows and saved with "
        "the model. Isotonic wants many rows (1,000 or so), or it follows chance.",
    CM_OP_PARAMS(CmRecalibrateParams, params_table),
    .cite =
        "Platt 1999; Zadrozny and Elkan, KDD 2002 (isotonic); Guo et al., ICML 2017 (temperature); Niculescu-Mizil and "
        "Caruana, ICML 2005",
};
const CmOp *cm_recalibrate_about(void) {
  return &about;
}

static const char *const method_names[] = {"none", "logistic", "isotonic", "temperature"};

/* Applied, a map keeps the order of probabilities however small. */
static const double no_edge = DBL_MIN;

static double keep_inside(double p, double edge) {
  return fmin(fmax(p, edge), 1 - fmax(edge, DBL_EPSILON / 2));
}

static double log_odds(double p, double edge) {
  p = keep_inside(p, edge);
  return log(p) - log1p(-p);
}

/* The class that map m is of. */
static int class_of(const CmRecalibration *r, int m) {
  return r->maps < r->classes ? 1 : m;
}

/* ---- logistic, temperature ------------------------------------------------------------------------------------------
 */

static bool fit_logistic(CmArena *hold, const double *p, const int *y, int64_t rows, double edge, CmRecalibration *r,
                         CmError **err) {
  double *x = CM__NEW(hold, double, rows, err);
  int *is = CM__NEW(hold, int, rows, err);
  if (!x || !is) return false;
  for (int m = 0; m < r->maps; m++) {
    int c = class_of(r, m);
    for (int64_t i = 0; i < rows; i++) {
      x[i] = log_odds(p[i * r->classes + c], edge);
      is[i] = y[i] == c;
    }
    cm__platt_fit(x, is, rows, &r->slope[m], &r->offset[m]);
  }
  return true;
}

/* softmax(slope * log p), in place */
static void temper(double *p, int classes, double slope, double edge) {
  double most = -INFINITY, sum = 0;
  for (int c = 0; c < classes; c++) most = fmax(most, p[c] = slope * log(keep_inside(p[c], edge)));
  for (int c = 0; c < classes; c++) sum += p[c] = exp(p[c] - most);
  for (int c = 0; c < classes; c++) p[c] /= sum;
}

/* How the cross-entropy grows with the slope: it is convex in it. */
static double growth(const double *p, const int *y, int64_t rows, int classes, double slope, double edge,
                     double *room) {
  double sum = 0;
  for (int64_t i = 0; i < rows; i++) {
    memcpy(room, p + i * classes, sizeof *room * (size_t)classes);
    temper(room, classes, slope, edge);
    for (int c = 0; c < classes; c++) sum += (room[c] - (c == y[i])) * log(keep_inside(p[i * classes + c], edge));
  }
  return sum;
}

static bool fit_temperature(CmArena *hold, const double *p, const int *y, int64_t rows, double edge, CmRecalibration *r,
                            CmError **err) {
  double low = -10, high = 10, *room = CM__NEW(hold, double, r->classes, err); /* logarithms, as far as scikit-learn */
  if (!room) return false;
  for (int step = 0; step < 60; step++) {
    double middle = (low + high) / 2;
    if (growth(p, y, rows, r->classes, exp(middle), edge, room) < 0)
      low = middle;
    else
      high = middle;
  }
  r->slope[0] = exp((low + high) / 2);
  return true;
}

/* ---- isotonic: pool adjacent violators ------------------------------------------------------------------------------
 */

typedef struct Pool {
  double first, last; /* probabilities */
  double sum, rows;
} Pool;

typedef struct Point {
  double p;
  int is;
} Point;

static int rising(const void *a, const void *b) {
  const Point *p = a, *q = b;
  return p->p < q->p ? -1 : p->p > q->p;
}

static double level(const Pool *pool) {
  return pool->sum / pool->rows;
}

static int64_t pool_points(const Point *point, int64_t rows, Pool *pool) {
  int64_t count = 0;
  for (int64_t i = 0; i < rows; i++) {
    if (i && point[i].p == point[i - 1].p) {
      pool[count - 1].sum += point[i].is;
      pool[count - 1].rows += 1;
    } else {
      pool[count++] = (Pool){point[i].p, point[i].p, point[i].is, 1};
    }
    if (i + 1 < rows && point[i + 1].p == point[i].p) continue; /* equal probabilities belong together */
    for (; count > 1 && level(&pool[count - 2]) >= level(&pool[count - 1]); count--) {
      pool[count - 2].last = pool[count - 1].last;
      pool[count - 2].sum += pool[count - 1].sum;
      pool[count - 2].rows += pool[count - 1].rows;
    }
  }
  return count;
}

static bool fit_isotonic(CmArena *hold, const double *p, const int *y, int64_t rows, CmRecalibration *r,
                         CmError **err) {
  CmArena own = {.ctx = hold->ctx};
  Point *point = CM__NEW(&own, Point, rows, err);
  Pool *pool = CM__NEW(&own, Pool, rows, err);
  bool ok = point && pool;
  for (int m = 0; ok && m < r->maps; m++) {
    int c = class_of(r, m);
    for (int64_t i = 0; i < rows; i++) point[i] = (Point){p[i * r->classes + c], y[i] == c};
    qsort(point, (size_t)rows, sizeof *point, rising);
    int64_t pools = pool_points(point, rows, pool);
    double *from = r->from[m] = CM__NEW(hold, double, 2 * pools, err),
           *to = r->to[m] = CM__NEW(hold, double, 2 * pools, err);
    ok = from && to;
    for (int64_t k = 0; ok && k < pools; k++) {
      for (int end = 0; end < (pool[k].last > pool[k].first ? 2 : 1); end++) {
        from[r->points[m]] = end ? pool[k].last : pool[k].first;
        to[r->points[m]++] = level(&pool[k]);
      }
    }
  }
  cm__arena_free(&own);
  return ok;
}

static double step_to(const CmRecalibration *r, int m, double p) {
  const double *from = r->from[m], *to = r->to[m];
  int low = 0, high = r->points[m] - 1;
  if (p <= from[low]) return to[low];
  if (p >= from[high]) return to[high];
  while (high - low > 1) {
    int middle = (low + high) / 2;
    *(from[middle] <= p ? &low : &high) = middle;
  }
  return to[low] + (to[high] - to[low]) * ((p - from[low]) / (from[high] - from[low]));
}

/* ---- all -----------------------------------------------------------------------------------------------------------
 */

static bool make_room(CmArena *hold, int method, int classes, CmRecalibration *r, CmError **err) {
  int maps = method == CM__RECALIBRATE_TEMPERATURE || classes == 2 ? 1 : classes;
  *r = (CmRecalibration){.method = method, .classes = classes, .maps = maps};
  r->slope = CM__NEW(hold, double, maps, err);
  r->offset = CM__NEW(hold, double, maps, err);
  r->points = CM__NEW(hold, int, maps, err);
  r->from = CM__NEW(hold, double *, maps, err);
  r->to = CM__NEW(hold, double *, maps, err);
  return r->slope && r->offset && r->points && r->from && r->to;
}

bool cm__recalibration_fit(CmArena *hold, int method, const double *p, const int *y, int64_t rows, int classes,
                           CmRecalibration *to, CmError **err) {
  if (!make_room(hold, method, classes, to, err)) return false;
  if (method == CM__RECALIBRATE_ISOTONIC) return fit_isotonic(hold, p, y, rows, to, err);
  double edge = 0.5 / (double)(rows + 1); /* so many rows cannot tell less from nothing */
  return (method == CM__RECALIBRATE_LOGISTIC ? fit_logistic : fit_temperature)(hold, p, y, rows, edge, to, err);
}

static double mapped(const CmRecalibration *r, int m, double p) {
  return r->method == CM__RECALIBRATE_ISOTONIC ? step_to(r, m, p)
                                               : cm__platt(log_odds(p, no_edge), r->slope[m], r->offset[m]);
}

/* One map a class, divided by their sum. */
static void map_classes(const CmRecalibration *r, double *p) {
  double sum = 0;
  for (int c = 0; c < r->classes; c++) sum += p[c] = mapped(r, c, p[c]);
  for (int c = 0; c < r->classes; c++) p[c] = sum > 0 ? p[c] / sum : 1.0 / r->classes;
}

void cm__recalibration_apply(const CmRecalibration *r, double *p, int64_t rows) {
  if (r->method == CM__RECALIBRATE_NONE) return;
  for (int64_t i = 0; i < rows; i++, p += r->classes) {
    if (r->method == CM__RECALIBRATE_TEMPERATURE) {
      temper(p, r->classes, r->slope[0], no_edge);
    } else if (r->maps == 1) {
      p[1] = mapped(r, 0, p[1]);
      p[0] = 1 - p[1];
    } else {
      map_classes(r, p);
    }
  }
}

/* ---- files ---------------------------------------------------------------------------------------------------------
 */

static void write_lists(CmTextBuffer *json, double *const *list, const int *count, int maps) {
  for (int m = 0; m < maps; m++) {
    cm__text_add(json, m ? "," : "[");
    cm__json_reals(json, list[m], count[m]);
  }
  cm__text_add(json, "]");
}

void cm__recalibration_write(const CmRecalibration *r, CmTextBuffer *json) {
  cm__text_addf(json, "{\"method\":\"%s\"", method_names[r->method]);
  if (r->method == CM__RECALIBRATE_ISOTONIC) {
    cm__text_add(json, ",\"from\":");
    write_lists(json, r->from, r->points, r->maps);
    cm__text_add(json, ",\"to\":");
    write_lists(json, r->to, r->points, r->maps);
  } else {
    cm__text_add(json, ",\"slope\":");
    cm__json_reals(json, r->slope, r->maps);
    cm__text_add(json, ",\"offset\":");
    cm__json_reals(json, r->offset, r->maps);
  }
  cm__text_add(json, "}");
}

static bool read_points(CmArena *hold, const json_t *from, const json_t *to, CmRecalibration *r, CmError **err) {
  static const char where[] = "recalibration";
  if (json_array_size(from) != (size_t)r->maps || json_array_size(to) != (size_t)r->maps)
    return cm__json_refuse(err, where);
  for (int m = 0; m < r->maps; m++) {
    const json_t *x = json_array_get(from, (size_t)m), *y = json_array_get(to, (size_t)m);
    int64_t points = (int64_t)json_array_size(x);
    if (points < 1 || points > INT32_MAX) return cm__json_refuse(err, where);
    r->points[m] = (int)points;
    r->from[m] = cm__json_read_reals(hold, x, where, points, false, err);
    r->to[m] = r->from[m] ? cm__json_read_reals(hold, y, where, points, false, err) : NULL;
    if (!r->to[m]) return false;
    for (int64_t i = 0; i < points; i++)
      if (r->to[m][i] < 0 || r->to[m][i] > 1 ||
          (i && (r->from[m][i] <= r->from[m][i - 1] || r->to[m][i] < r->to[m][i - 1])))
        return cm__json_refuse(err, where);
  }
  return true;
}

static bool read_lines(CmArena *hold, const json_t *slope, const json_t *offset, CmRecalibration *r, CmError **err) {
  r->slope = cm__json_read_reals(hold, slope, "recalibration.slope", r->maps, false, err);
  r->offset = r->slope ? cm__json_read_reals(hold, offset, "recalibration.offset", r->maps, false, err) : NULL;
  if (!r->offset) return false;
  for (int m = 0; m < r->maps; m++) /* products with log-odds stay finite */
    if (fabs(r->slope[m]) > 1e300 || fabs(r->offset[m]) > 1e300 ||
        (r->method == CM__RECALIBRATE_TEMPERATURE && !(r->slope[m] > 0)))
      return cm__json_refuse(err, "recalibration");
  return true;
}

bool cm__recalibration_read(CmArena *hold, const json_t *json, int classes, CmRecalibration *to, CmError **err) {
  const json_t *named = json_object_get(json, "method");
  const char *name = json_is_string(named) ? json_string_value(named) : "";
  int method = 0;
  for (int m = 1; m < CM_COUNT(method_names); m++)
    if (!strcmp(name, method_names[m])) method = m;
  if (!method || classes < 2) return cm__json_refuse(err, "recalibration");
  const json_t *a, *b;
  CmJsonMember points[] = {{"method", &named}, {"from", &a}, {"to", &b}},
               lines[] = {{"method", &named}, {"slope", &a}, {"offset", &b}};
  bool isotonic = method == CM__RECALIBRATE_ISOTONIC;
  if (!cm__json_members(json, "recalibration", isotonic ? points : lines, isotonic ? CM_COUNT(points) : CM_COUNT(lines),
                        err) ||
      !make_room(hold, method, classes, to, err))
    return false;
  return isotonic ? read_points(hold, a, b, to, err) : read_lines(hold, a, b, to, err);
}
