#include "learn/means.h"

#include <math.h>
#include <string.h>

#include "learn/lanes.h"
#include "learn/rng.h"

typedef struct Means {
  const CmTraining *t;
  const CmMeans *options;
  int k;
  double *centre, *sum; /* k x features */
  double *near;         /* rows: squared distance to the nearest centre */
  double *distances;    /* rows or k, the larger */
  int64_t *count;       /* k */
  int *label;           /* rows */
  uint64_t stream, drawn;
} Means;

int cm__means_nearest(const double *x, const double *centre, int count, int features, double *distances,
                      double *distance) {
  int best = 0;
  cm__lanes_distances(x, centre, count, features, distances);
  for (int c = 1; c < count; c++)
    if (distances[c] < distances[best]) best = c;
  *distance = distances[best];
  return best;
}

static double uniform(Means *m) {
  return (double)(cm__draw(m->stream, m->drawn++) >> 11) * 0x1p-53;
}

/* A row, with the chance of its share of the squared distances. */
static int64_t draw_row(Means *m, double total) {
  double target = uniform(m) * total, sum = 0;
  for (int64_t i = 0; i < m->t->rows; i++) {
    sum += m->near[i];
    if (sum > target) return i;
  }
  return (int64_t)(uniform(m) * (double)m->t->rows);
}

/* Each further centre is the best of some rows drawn by their distance. */
static void choose_centres(Means *m) {
  int64_t n = m->t->rows;
  int d = m->t->features, tries = 2 + (int)log((double)m->k);
  double *best = m->distances;
  int64_t row = (int64_t)(uniform(m) * (double)n);
  for (int64_t i = 0; i < n; i++) m->near[i] = INFINITY;
  for (int c = 0; c < m->k; c++) {
    double total = 0, least = INFINITY;
    for (int64_t i = 0; i < n && c; i++) total += m->near[i];
    for (int q = 0; q < (c ? tries : 1); q++) {
      int64_t candidate = c ? draw_row(m, total) : row;
      double sum = 0;
      cm__lanes_distances(m->t->x + candidate * d, m->t->x, n, d, best);
      for (int64_t i = 0; i < n; i++) sum += fmin(best[i], m->near[i]);
      if (!(sum < least)) continue;
      least = sum;
      row = candidate;
    }
    memcpy(m->centre + (int64_t)c * d, m->t->x + row * d, sizeof(double) * (size_t)d);
    cm__lanes_distances(m->t->x + row * d, m->t->x, n, d, best);
    for (int64_t i = 0; i < n; i++) m->near[i] = fmin(best[i], m->near[i]);
  }
}

/* Labels all rows; the sum of squared distances. */
static double assign(Means *m, bool *changed) {
  int d = m->t->features;
  double total = 0;
  *changed = false;
  memset(m->count, 0, sizeof *m->count * (size_t)m->k);
  for (int64_t i = 0; i < m->t->rows; i++) {
    int label = cm__means_nearest(m->t->x + i * d, m->centre, m->k, d, m->distances, &m->near[i]);
    *changed = *changed || label != m->label[i];
    m->label[i] = label;
    m->count[label]++;
    total += m->near[i];
  }
  return total;
}

/* An empty cluster gets the row that is farthest from its centre, of a cluster that has others. */
static void fill_empty(Means *m) {
  for (int c = 0; c < m->k; c++) {
    if (m->count[c]) continue;
    int64_t far = -1;
    for (int64_t i = 0; i < m->t->rows; i++)
      if (m->count[m->label[i]] > 1 && (far < 0 || m->near[i] > m->near[far])) far = i;
    m->count[m->label[far]]--;
    m->label[far] = c;
    m->near[far] = 0;
    m->count[c] = 1;
  }
}

/* Centres to the means of their rows; by how much they shifted, squared. */
static double move(Means *m) {
  int d = m->t->features;
  double shift = 0;
  memset(m->sum, 0, sizeof(double) * (size_t)m->k * (size_t)d);
  for (int64_t i = 0; i < m->t->rows; i++)
    for (int j = 0; j < d; j++) m->sum[(int64_t)m->label[i] * d + j] += m->t->x[i * d + j];
  for (int c = 0; c < m->k; c++) {
    for (int j = 0; j < d; j++) {
      double *centre = &m->centre[(int64_t)c * d + j], now = m->sum[(int64_t)c * d + j] / (double)m->count[c];
      shift += (now - *centre) * (now - *centre);
      *centre = now;
    }
  }
  return shift;
}

/* Moves single rows to the cluster where the sum of squares grows least (Hartigan, Wong, Appl. Stat. 28, 1979); what
 * such moves cannot better, Lloyd's rounds cannot either. Whether any row moved. */
static bool move_rows(Means *m) {
  int d = m->t->features;
  bool moved = false;
  for (int64_t i = 0; i < m->t->rows; i++) {
    const double *x = m->t->x + i * d;
    int from = m->label[i], to = from;
    if (m->count[from] == 1) continue;
    cm__lanes_distances(x, m->centre, m->k, d, m->distances);
    double n = (double)m->count[from], saved = m->distances[from] * n / (n - 1), least = saved * (1 - 1e-12);
    for (int c = 0; c < m->k; c++) {
      double cost = m->distances[c] * (double)m->count[c] / (double)(m->count[c] + 1);
      if (c == from || !(cost < least)) continue;
      least = cost;
      to = c;
    }
    if (to == from) continue;
    double *a = m->centre + (int64_t)from * d, *b = m->centre + (int64_t)to * d;
    double size = (double)++m->count[to];
    m->count[from]--;
    for (int j = 0; j < d; j++) {
      a[j] += (a[j] - x[j]) / (n - 1);
      b[j] += (x[j] - b[j]) / size;
    }
    m->label[i] = to;
    moved = true;
  }
  return moved;
}

static double mean_variance(const CmTraining *t) {
  double total = 0, n = (double)t->rows;
  for (int j = 0; j < t->features; j++) {
    double mean = 0;
    for (int64_t i = 0; i < t->rows; i++) mean += t->x[i * t->features + j] / n;
    for (int64_t i = 0; i < t->rows; i++) {
      double away = t->x[i * t->features + j] - mean;
      total += away * away / n;
    }
  }
  return total / t->features;
}

static bool make(CmArena *scratch, Means *m, CmError **err) {
  int64_t n = m->t->rows, cells = (int64_t)m->k * m->t->features;
  m->centre = CM__NEW(scratch, double, cells, err);
  m->sum = CM__NEW(scratch, double, cells, err);
  m->near = CM__NEW(scratch, double, n, err);
  m->distances = CM__NEW(scratch, double, n > m->k ? n : m->k, err);
  m->count = CM__NEW(scratch, int64_t, m->k, err);
  m->label = CM__NEW(scratch, int, n, err);
  return m->centre && m->sum && m->near && m->distances && m->count && m->label;
}

/* Numbers clusters by their first row. place: k numbers. */
static void number(const Means *m, int *place, double *centre, int *label) {
  int next = 0, d = m->t->features;
  for (int c = 0; c < m->k; c++) place[c] = -1;
  for (int64_t i = 0; i < m->t->rows; i++) {
    int *at = &place[m->label[i]];
    if (*at < 0) *at = next++;
    label[i] = *at;
  }
  for (int c = 0; c < m->k; c++)
    memcpy(centre + (int64_t)place[c] * d, m->centre + (int64_t)c * d, sizeof(double) * (size_t)d);
}

bool cm__means(CmContext *ctx, const CmTraining *training, const CmMeans *options, double *centre, int *label,
               double *inertia, CmError **err) {
  CmArena scratch = {.ctx = ctx};
  Means m = {.t = training, .options = options, .k = (int)options->clusters};
  bool ok = false;
  if (options->clusters > training->rows) {
    cm_error_set(err, CM_ERR_DATA, "clusters: %lld are asked of %lld rows; use fewer", (long long)options->clusters,
                 (long long)training->rows);
    return false;
  }
  int *place = CM__NEW(&scratch, int, m.k, err);
  if (!place || !make(&scratch, &m, err)) goto done;
  double enough = options->tolerance * mean_variance(training), best = INFINITY;
  for (int64_t start = 0; start < options->starts; start++) {
    m.stream = cm__stream((uint64_t)options->seed, CM__STREAM_ROWS, (uint64_t)start);
    m.drawn = 0;
    choose_centres(&m);
    bool changed = true;
    for (int64_t round = 0; changed && round < options->rounds; round++) {
      if (cm_context_cancelled(ctx, err)) goto done;
      assign(&m, &changed);
      fill_empty(&m);
      if (move(&m) <= enough) break;
    }
    for (int64_t round = 0; round < options->rounds && move_rows(&m); round++) move(&m);
    double total = assign(&m, &changed);
    fill_empty(&m);
    if (!(total < best * (1 - 1e-12))) continue; /* of equally good starts the first */
    best = total;
    number(&m, place, centre, label);
  }
  *inertia = best;
  ok = true;
done:
  cm__arena_free(&scratch);
  return ok;
}
