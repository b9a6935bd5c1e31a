/* t-distributed stochastic neighbour embedding. */
#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "learn/dense.h"
#include "learn/json.h"
#include "learn/kind.h"
#include "learn/lanes.h"

enum { EARLY = 250, MOST_COMPONENTS = 2, SEARCH_STEPS = 100, LANES = 8 };

typedef struct TsneParams {
  int64_t components;
  double perplexity, learning_rate, exaggeration;
  int64_t rounds;
} TsneParams;

static const CmParam params_table[] = {
    CM_PARAM_INT(TsneParams, components, 2, 1, MOST_COMPONENTS, "", "how many"),
    CM_PARAM_REAL(TsneParams, perplexity, 30, 1, 1e6, "1", "about how many neighbours count; less than the rows"),
    CM_PARAM_REAL(TsneParams, learning_rate, 0, 0, 1e6, "1", "0: rows / (4 exaggeration), at least 50"),
    CM_PARAM_REAL(TsneParams, exaggeration, 12, 1, 1e3, "1", "of the attraction in the first 250 rounds"),
    CM_PARAM_INT(TsneParams, rounds, 1000, 250, 1000000, "", "of descent"),
};

typedef struct Tsne {
  int components, features;
  int64_t rows;
  double perplexity, divergence;
  double *x, *place; /* rows x features; rows x components */
} Tsne;

/* Shares exp(-precision d^2) of the other rows, with the precision that gives the perplexity; a row with itself (own >=
 * 0) counts nothing. share: squared distances on entry. */
static void find_shares(double *share, int64_t n, int64_t own, double perplexity) {
  double low = -INFINITY, high = INFINITY, precision = 1, goal = log(perplexity), least = INFINITY;
  for (int64_t j = 0; j < n; j++)
    if (j != own) least = fmin(least, share[j]);
  for (int step = 0; step < SEARCH_STEPS; step++) {
    double sum = 0, moment = 0;
    for (int64_t j = 0; j < n; j++) {
      double away = share[j] - least, w = j == own ? 0 : exp(-precision * away);
      sum += w;
      moment += w * away;
    }
    double entropy = log(sum) + precision * moment / sum, miss = entropy - goal;
    if (fabs(miss) <= 1e-5) break;
    if (miss > 0) {
      low = precision;
      precision = isinf(high) ? precision * 2 : (precision + high) / 2;
    } else {
      high = precision;
      precision = isinf(low) ? precision / 2 : (precision + low) / 2;
    }
  }
  double sum = 0;
  for (int64_t j = 0; j < n; j++) sum += share[j] = j == own ? 0 : exp(-precision * (share[j] - least));
  for (int64_t j = 0; j < n; j++) share[j] /= sum;
}

typedef struct Descent {
  const CmTraining *t;
  const TsneParams *p;
  int64_t n;
  int components;
  double *joint;                           /* n x n, sums to 1 */
  double *near;                            /* n x n: 1 / (1 + d^2) of the places */
  double *place, *gradient, *speed, *gain; /* components x n */
} Descent;

static void join(Descent *d) {
  int64_t n = d->n;
  int features = d->t->features;
  double *shares = d->near, total = 0;
  for (int64_t i = 0; i < n; i++) {
    cm__lanes_distances(d->t->x + i * features, d->t->x, n, features, shares + i * n);
    find_shares(shares + i * n, n, i, d->p->perplexity);
  }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < n; j++) total += d->joint[i * n + j] = shares[i * n + j] + shares[j * n + i];
  for (int64_t at = 0; at < n * n; at++) d->joint[at] = fmax(d->joint[at] / total, 0x1p-52);
}

/* One row of 1 / (1 + d^2), without its own; their sum. */
CM_SIMD static double near_row(const double *a, const double *b, int64_t n, int64_t i, double *to) {
  double lane[LANES] = {0};
  for (int64_t j = 0; j < n; j++) to[j] = 1 / (1 + (a[i] - a[j]) * (a[i] - a[j]) + (b[i] - b[j]) * (b[i] - b[j]));
  to[i] = 0;
  int64_t j = 0;
  for (; j + LANES <= n; j += LANES)
    for (int l = 0; l < LANES; l++) lane[l] += to[j + l];
  for (int l = 0; j < n; j++, l++) lane[l] += to[j];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* Sum over j of (factor p - near / total) near (y_i - y_j) of one component. */
CM_SIMD static double pull_row(const double *y, const double *joint, const double *near, int64_t n, int64_t i,
                               double factor, double share) {
  double lane[LANES] = {0};
  int64_t j = 0;
  for (; j + LANES <= n; j += LANES)
    for (int l = 0; l < LANES; l++)
      lane[l] += (factor * joint[j + l] - share * near[j + l]) * near[j + l] * (y[i] - y[j + l]);
  for (int l = 0; j < n; j++, l++) lane[l] += (factor * joint[j] - share * near[j]) * near[j] * (y[i] - y[j]);
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* The second component of one-dimensional places is 0. */
static double measure(Descent *d) {
  double total = 0;
  for (int64_t i = 0; i < d->n; i++) total += near_row(d->place, d->place + d->n, d->n, i, d->near + i * d->n);
  return total;
}

static void step(Descent *d, double factor, double momentum, double rate) {
  int64_t n = d->n;
  double total = measure(d);
  for (int c = 0; c < d->components; c++)
    for (int64_t i = 0; i < n; i++)
      d->gradient[c * n + i] =
          4 * pull_row(d->place + c * n, d->joint + i * n, d->near + i * n, n, i, factor, 1 / total);
  for (int64_t at = 0; at < d->components * n; at++) {
    bool back = d->speed[at] * d->gradient[at] < 0; /* the speed is down the slope */
    d->gain[at] = fmax(back ? d->gain[at] + 0.2 : d->gain[at] * 0.8, 0.01);
    d->speed[at] = momentum * d->speed[at] - rate * d->gain[at] * d->gradient[at];
    d->place[at] += d->speed[at];
  }
}

static double divergence(Descent *d) {
  double total = measure(d), sum = 0;
  for (int64_t at = 0; at < d->n * d->n; at++)
    if (at % (d->n + 1)) sum += d->joint[at] * log(d->joint[at] * total / fmax(d->near[at], 0x1p-1000));
  return sum;
}

/* The first principal components, the first with standard deviation 1e-4. */
static bool begin(CmArena *scratch, Descent *d, CmError **err) {
  const CmTraining *t = d->t;
  int64_t n = d->n;
  int features = t->features;
  double *x = CM__NEW(scratch, double, n *features, err);
  CmSvd svd;
  if (!x) return false;
  for (int j = 0; j < features; j++) {
    double mean = 0;
    for (int64_t i = 0; i < n; i++) mean += t->x[i * features + j] / (double)n;
    for (int64_t i = 0; i < n; i++) x[i * features + j] = t->x[i * features + j] - mean;
  }
  double *copy = CM__NEW(scratch, double, n *features, err);
  if (!copy) return false;
  memcpy(copy, x, sizeof *x * (size_t)(n * features));
  if (!cm__svd(scratch, copy, n, features, NULL, 0, &svd, err)) return false;
  double unit = svd.value[0] / sqrt((double)n);
  for (int c = 0; c < d->components && c < svd.rank && unit > 0; c++) {
    const double *direction = svd.right + (int64_t)c * features;
    double factor = 1e-4 / unit;
    for (int64_t i = 0; i < n; i++)
      for (int j = 0; j < features; j++) d->place[c * n + i] += factor * direction[j] * x[i * features + j];
  }
  return true;
}

/* Both stages of the descent start without speed. */
static void rest(Descent *d) {
  for (int64_t at = 0; at < MOST_COMPONENTS * d->n; at++) {
    d->speed[at] = 0;
    d->gain[at] = 1;
  }
}

static bool make(CmArena *scratch, Descent *d, CmError **err) {
  size_t pairs;
  int64_t cells = MOST_COMPONENTS * d->n;
  if (!cm_size_multiply((size_t)d->n, (size_t)d->n, &pairs, err)) return false;
  d->joint = CM__NEW(scratch, double, pairs, err);
  d->near = CM__NEW(scratch, double, pairs, err);
  d->place = CM__NEW(scratch, double, cells, err);
  d->gradient = CM__NEW(scratch, double, cells, err);
  d->speed = CM__NEW(scratch, double, cells, err);
  d->gain = CM__NEW(scratch, double, cells, err);
  if (!d->joint || !d->near || !d->place || !d->gradient || !d->speed || !d->gain) return false;
  rest(d);
  return true;
}

static bool descend(Descent *d, CmContext *ctx, CmError **err) {
  double usual = fmax((double)d->n / d->p->exaggeration / 4, 50);
  double rate = d->p->learning_rate > 0 ? d->p->learning_rate : usual;
  for (int64_t round = 0; round < d->p->rounds; round++) {
    if (cm_context_cancelled(ctx, err)) return false;
    if (round == EARLY) rest(d);
    step(d, round < EARLY ? d->p->exaggeration : 1, round < EARLY ? 0.5 : 0.8, rate);
  }
  return true;
}

static bool keep(CmArena *hold, const CmTraining *t, const Descent *d, Tsne *to, CmError **err) {
  to->x = CM__NEW(hold, double, t->rows * t->features, err);
  to->place = CM__NEW(hold, double, t->rows * d->components, err);
  if (!to->x || !to->place) return false;
  memcpy(to->x, t->x, sizeof(double) * (size_t)(t->rows * t->features));
  for (int64_t i = 0; i < t->rows; i++)
    for (int c = 0; c < d->components; c++) {
      double place = d->place[c * t->rows + i];
      if (!isfinite(place)) {
        cm_error_set(err, CM_ERR_DATA, "the places run away; use a smaller learning_rate");
        return false;
      }
      to->place[i * d->components + c] = place;
    }
  return true;
}

static void *fit(CmArena *hold, const CmTraining *training, const void *params, CmError **err) {
  const TsneParams *p = params;
  CmArena scratch = {.ctx = hold->ctx};
  Descent d = {.t = training, .p = p, .n = training->rows, .components = (int)p->components};
  if (!(p->perplexity < (double)training->rows)) {
    cm_error_set(err, CM_ERR_DATA, "perplexity: %g neighbours are asked of %lld rows; use less", p->perplexity,
                 (long long)training->rows);
    return NULL;
  }
  Tsne *to = CM__NEW(hold, Tsne, 1, err);
  bool ok = to && make(&scratch, &d, err) && begin(&scratch, &d, err);
  if (ok) join(&d);
  ok = ok && descend(&d, hold->ctx, err);
  if (ok) {
    *to = (Tsne){.components = d.components, .features = training->features, .rows = d.n, .perplexity = p->perplexity};
    ok = keep(hold, training, &d, to, err);
    to->divergence = divergence(&d);
  }
  cm__arena_free(&scratch);
  return ok ? to : NULL;
}

static int parts(const void *state) {
  return ((const Tsne *)state)->components;
}

/* Training rows have their places; another row the mean of its neighbours', weighted as in training. */
static bool predict_rows(const void *state, CmContext *ctx, const double *x, int64_t rows, double *to, CmError **err) {
  const Tsne *t = state;
  double *share = cm_alloc_array(ctx, (size_t)t->rows, sizeof *share, err);
  if (!share) return false;
  for (int64_t i = 0; i < rows; i++) {
    double *place = to + i * t->components;
    int64_t same = 0;
    cm__lanes_distances(x + i * t->features, t->x, t->rows, t->features, share);
    while (same < t->rows && share[same] != 0) same++;
    memset(place, 0, sizeof *place * (size_t)t->components);
    if (same == t->rows) find_shares(share, t->rows, -1, fmin(t->perplexity, (double)t->rows));
    for (int64_t j = 0; j < t->rows; j++) {
      double weight = same == t->rows ? share[j] : j == same;
      for (int c = 0; c < t->components; c++) place[c] += weight * t->place[j * t->components + c];
    }
  }
  cm_free(share);
  return true;
}

static void write_state(const void *state, CmTextBuffer *json) {
  const Tsne *t = state;
  cm__text_addf(json, "{\"rows\":%lld,\"numbers\":", (long long)t->rows);
  cm__json_reals(json, (double[]){t->perplexity, t->divergence}, 2);
  cm__text_add(json, ",\"place\":");
  cm__json_reals(json, t->place, t->rows * t->components);
  cm__text_add(json, ",\"x\":");
  cm__json_reals(json, t->x, t->rows * t->features);
  cm__text_add(json, "}");
}

static void *read_state(CmArena *hold, const json_t *json, const CmModelShape *shape, CmError **err) {
  const json_t *rows, *numbers, *place, *x;
  CmJsonMember members[] = {{"rows", &rows}, {"numbers", &numbers}, {"place", &place}, {"x", &x}};
  if (!cm__json_members(json, "predictor", members, CM_COUNT(members), err)) return NULL;
  json_int_t count = json_integer_value(rows);
  bool good = json_is_integer(rows) && count >= 1 && count <= (json_int_t)json_array_size(place);
  Tsne *t = good ? CM__NEW(hold, Tsne, 1, err) : (cm__json_refuse(err, "predictor.rows"), NULL);
  double *number = t ? cm__json_read_reals(hold, numbers, "predictor.numbers", 2, false, err) : NULL;
  if (!number) return NULL;
  *t = (Tsne){shape->classes, shape->features, count, number[0], number[1], NULL, NULL};
  if (!(t->perplexity >= 1)) return cm__json_refuse(err, "predictor.numbers"), NULL;
  t->place = cm__json_read_reals(hold, place, "predictor.place", count * shape->classes, false, err);
  t->x = t->place ? cm__json_read_reals(hold, x, "predictor.x", count * shape->features, false, err) : NULL;
  return t->x ? t : NULL;
}

CM_MODEL_KIND(tsne) = {
    .kind = {.about = {.name = "tsne",
                       .family = "model",
                       .since = "0.1",
                       .summary = "Places in the plane that keep neighbours together (t-SNE).",
                       .details = "Exact, from the principal components, with the momenta and gains of scikit-learn. A "
                                  "training row has its own place; a new one the mean of its neighbours', which is a "
                                  "guess. Time and memory grow with the square of the rows. The saved model holds the "
                                  "training rows: treat it as patient data.",
                       CM_OP_PARAMS(TsneParams, params_table),
                       .cite = "van der Maaten, Hinton: Visualizing data using t-SNE, JMLR 9, 2008"},
             .tasks = 1u << CM_TASK_EMBEDDING,
             .wants_scaling = true},
    .fit = fit,
    .predict = predict_rows,
    .parts = parts,
    .write = write_state,
    .read = read_state,
};
