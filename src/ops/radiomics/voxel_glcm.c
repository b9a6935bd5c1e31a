/* Co-occurrence in a window (docs of PyRadiomics, «Gray Level Co-occurrence Matrix»): pairs enter and leave with the
 * planes of voxels; features are worked out from the entries that are not 0. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ops/radiomics/pyrad_glcm.h"
#include "ops/radiomics/voxel.h"

/* Counts by sum or difference of levels, and which of them are not 0. */
typedef struct Histogram {
  double *count;
  int *at;
  int used;
} Histogram;

typedef struct Pairs {
  const CmWindow *window;
  bool symmetric; /* cells stand for (i, j) and (j, i), the lower slot first */
  CmTally *tally; /* of each direction */
  CmCells cells;
  Histogram sum, difference; /* of levels less the lowest one */
  double *weight;            /* of each difference: 1 / (1 + d) ... see WEIGHTS */
  double *px, *py;           /* of each slot */
  int *used, used_count;     /* slots that occur in the window */
  int lowest, span;          /* of levels */
  /* Matrices that wait for their maximal correlation coefficient: it is worked out of several together. */
  double waiting[CM__LANES][FEATURES];
  int waits, size;         /* how many, and the most rows */
  double *matrix, *work;   /* side by side */
  double *rx, *ry, *alone; /* roots of px and py; one that is not symmetric */
  int *row, *column;       /* of each slot */
} Pairs;

enum { WEIGHT_ID, WEIGHT_IDM, WEIGHT_IDMN, WEIGHT_IDN, WEIGHT_INVERSE, WEIGHTS };

static void close_pairs(void *state) {
  Pairs *pairs = state;
  for (int a = 0; pairs->tally && a < pairs->window->field->distant.count; a++) cm__tally_close(&pairs->tally[a]);
  cm_free(pairs->tally);
  cm__cells_close(&pairs->cells);
  cm_free(pairs->sum.count);
  cm_free(pairs->sum.at);
  cm_free(pairs->difference.count);
  cm_free(pairs->difference.at);
  cm_free(pairs->weight);
  cm_free(pairs->px);
  cm_free(pairs->matrix);
  cm_free(pairs->used);
  cm_free(pairs);
}

static bool open_histogram(CmContext *ctx, Histogram *to, size_t levels, int64_t cells, CmError **err) {
  return (to->count = cm_calloc(ctx, levels, sizeof(double), err)) &&
         (to->at = cm_alloc_array(ctx, (size_t)cells, sizeof(int), err));
}

static bool open_weights(Pairs *pairs, CmError **err) {
  const double ng = (double)pairs->window->field->view->highest;
  pairs->weight = cm_alloc_array(pairs->window->field->ctx, (size_t)pairs->span, WEIGHTS * sizeof(double), err);
  for (int k = 0; pairs->weight && k < pairs->span; k++) {
    const double d = (double)k;
    double *weight = pairs->weight + (int64_t)k * WEIGHTS;
    weight[WEIGHT_ID] = 1.0 / (1.0 + d);
    weight[WEIGHT_IDM] = 1.0 / (1.0 + d * d);
    weight[WEIGHT_IDMN] = 1.0 / (1.0 + d * d / (ng * ng));
    weight[WEIGHT_IDN] = 1.0 / (1.0 + d / ng);
    weight[WEIGHT_INVERSE] = k > 0 ? 1.0 / (d * d) : 0.0;
  }
  return pairs->weight != NULL;
}

static bool open_matrices(Pairs *pairs, CmError **err) {
  CmContext *ctx = pairs->window->field->ctx;
  const size_t slots = (size_t)pairs->window->field->slots, alone = pairs->symmetric ? 0 : slots * slots;
  if (!(pairs->px = cm_calloc(ctx, 4 * slots + alone, sizeof(double), err)) ||
      !(pairs->matrix = cm_calloc(ctx, (slots + 2) * slots * CM__LANES, sizeof(double), err)) ||
      !(pairs->used = cm_alloc_array(ctx, 3 * slots, sizeof(int), err)))
    return false;
  pairs->py = pairs->px + slots;
  pairs->rx = pairs->py + slots;
  pairs->ry = pairs->rx + slots;
  pairs->alone = pairs->ry + slots;
  pairs->work = pairs->matrix + slots * slots * CM__LANES;
  pairs->row = pairs->used + slots;
  pairs->column = pairs->row + slots;
  return true;
}

static void *open_pairs(const CmWindow *window, CmError **err) {
  const CmVoxelField *field = window->field;
  const CmPyradView *view = field->view;
  const int64_t slots = field->slots, keys = slots * slots;
  Pairs *pairs = cm_calloc(field->ctx, 1, sizeof(*pairs), err);
  if (!pairs) return NULL;
  pairs->window = window;
  pairs->symmetric = view->p->symmetricalGLCM;
  pairs->lowest = view->level_value[0];
  pairs->span = view->highest - pairs->lowest + 1;
  const int64_t directions = field->distant.count, most = field->voxels * (directions + 1);
  const int64_t cells = keys < most ? keys : most;
  bool ok = (pairs->tally = cm_calloc(field->ctx, (size_t)directions + 1, sizeof(*pairs->tally), err)) &&
            cm__cells_open(field->ctx, cells, field->slot_bits, view->p->weightingNorm == CM__PYRAD_NONE ? 0 : keys,
                           &pairs->cells, err) &&
            open_histogram(field->ctx, &pairs->sum, 2 * (size_t)pairs->span, cells, err) &&
            open_histogram(field->ctx, &pairs->difference, (size_t)pairs->span, cells, err) &&
            open_weights(pairs, err) && open_matrices(pairs, err);
  for (int64_t a = 0; ok && a < directions; a++)
    ok = cm__tally_open(field->ctx, keys, field->voxels, &pairs->tally[a], err);
  if (ok) return pairs;
  close_pairs(pairs);
  return NULL;
}

static void clear_pairs(void *state) {
  Pairs *pairs = state;
  for (int a = 0; a < pairs->window->field->distant.count; a++) cm__tally_clear(&pairs->tally[a]);
}

/* ---- pairs come and go ---- */

static uint32_t key_of(const Pairs *pairs, uint16_t from, uint16_t to, bool turned) {
  if (pairs->symmetric ? from > to : turned) {
    const uint16_t first = from;
    from = to;
    to = first;
  }
  return (uint32_t)from << pairs->cells.bits | to;
}

static int64_t later(int64_t at, int step) {
  return step > 0 ? at + step : at;
}

static int64_t earlier(int64_t at, int step) {
  return step < 0 ? at + step : at;
}

/* Pairs of plane x with the one that is `step` before it, both within the rows of the window. */
static void change_planes(Pairs *pairs, int a, int64_t x, bool comes) {
  const CmWindow *w = pairs->window;
  const int *step = w->field->distant.step[a];
  const int64_t back = cm__field_at(w->field, step[0], step[1], step[2]);
  CmTally *tally = &pairs->tally[a];
  for (int64_t z = later(w->z[0], step[2]); z <= earlier(w->z[1], step[2]); z++)
    for (int64_t y = later(w->y[0], step[1]); y <= earlier(w->y[1], step[1]); y++) {
      const int64_t at = cm__field_at(w->field, x, y, z);
      const uint16_t to = cm__slot_at(w, at), from = cm__slot_at(w, at - back);
      if (to == CM__NO_SLOT || from == CM__NO_SLOT) continue;
      const uint32_t key = key_of(pairs, from, to, w->field->turned[a]);
      if (comes)
        cm__tally_add(tally, key);
      else
        cm__tally_remove(tally, key);
    }
}

static void enter_pairs(void *state, int64_t x) {
  Pairs *pairs = state;
  const CmVoxelField *field = pairs->window->field;
  for (int a = 0; a < field->distant.count; a++)
    if (x - field->distant.step[a][0] >= pairs->window->x[0]) change_planes(pairs, a, x, true);
}

static void leave_pairs(void *state, int64_t x) {
  Pairs *pairs = state;
  const CmVoxelField *field = pairs->window->field;
  for (int a = 0; a < field->distant.count; a++) {
    const int64_t other = x + field->distant.step[a][0];
    if (other <= pairs->window->x[1]) change_planes(pairs, a, other, false);
  }
}

/* ---- features ---- */

/* The matrix at hand. Its entries are counts; a cell beside the diagonal of a symmetric one stands for two of them. */
typedef struct Matrix {
  double total, ux, uy, sx, sy; /* sum of entries; means and variances of the margins */
  double hx, hy;                /* entropies of the margins */
} Matrix;

static double logarithm(const Pairs *pairs, double count) {
  return pairs->cells.sum ? (count > 0.0 ? log2(count) : 0.0) : pairs->window->field->bits[(int)count];
}

/* Entropy in bits of counts with this sum of c log2 c. */
static double entropy(const Pairs *pairs, double total, double logs) {
  const double h = logarithm(pairs, total) - logs / total;
  return h > 0.0 ? h : 0.0;
}

static void add_to(Histogram *to, int at, double count) {
  if (to->count[at] == 0.0) to->at[to->used++] = at;
  to->count[at] += count;
}

/* Margins, histograms of sums and differences, and what single entries give. */
static void collect(Pairs *pairs, Matrix *m, double *out) {
  const int *value = pairs->window->value;
  double logs = 0.0, squares = 0.0, products = 0.0, most = 0.0;
  *m = (Matrix){0};
  for (int k = 0; k < pairs->cells.count; k++) {
    CmCell *cell = &pairs->cells.cell[k];
    const int i = value[cell->row], j = value[cell->column];
    const bool both = pairs->symmetric && cell->row != cell->column;
    if (pairs->symmetric && !both) cell->count *= 2.0;
    const double c = cell->count, n = both ? 2.0 * c : c;
    m->total += n;
    logs += n * logarithm(pairs, c);
    squares += n * c;
    products += n * i * j;
    most = c > most ? c : most;
    pairs->px[cell->row] += c;
    pairs->py[cell->column] += c;
    if (both) {
      pairs->px[cell->column] += c;
      pairs->py[cell->row] += c;
    }
    add_to(&pairs->sum, i + j - 2 * pairs->lowest, n);
    add_to(&pairs->difference, i > j ? i - j : j - i, n);
  }
  out[AUTOCORRELATION] = products / m->total;
  out[JOINT_ENERGY] = squares / (m->total * m->total);
  out[JOINT_ENTROPY] = entropy(pairs, m->total, logs);
  out[MAXIMUM_PROBABILITY] = most / m->total;
}

static void measure_margin(const Pairs *pairs, const double *p, double total, double *mean, double *variance,
                           double *bits) {
  const int *value = pairs->window->value;
  double sum = 0.0, logs = 0.0, squares = 0.0;
  for (int k = 0; k < pairs->used_count; k++) {
    const int slot = pairs->used[k];
    sum += p[slot] * value[slot];
    logs += p[slot] * logarithm(pairs, p[slot]);
  }
  *mean = sum / total;
  for (int k = 0; k < pairs->used_count; k++) {
    const double d = value[pairs->used[k]] - *mean;
    squares += p[pairs->used[k]] * d * d;
  }
  *variance = squares / total;
  *bits = entropy(pairs, total, logs);
}

static void from_differences(Pairs *pairs, double total, double *out) {
  Histogram *h = &pairs->difference;
  double logs = 0.0, variance = 0.0, sums[WEIGHTS] = {0.0}, mean = 0.0, contrast = 0.0;
  for (int k = 0; k < h->used; k++) {
    const double c = h->count[h->at[k]], d = (double)h->at[k];
    const double *weight = pairs->weight + (int64_t)h->at[k] * WEIGHTS;
    for (int f = 0; f < WEIGHTS; f++) sums[f] += c * weight[f];
    mean += c * d;
    contrast += c * d * d;
    logs += c * logarithm(pairs, c);
  }
  mean /= total;
  for (int k = 0; k < h->used; k++) {
    const double d = (double)h->at[k] - mean;
    variance += h->count[h->at[k]] * d * d;
    h->count[h->at[k]] = 0.0;
  }
  h->used = 0;
  out[CONTRAST] = contrast / total;
  out[DIFFERENCE_AVERAGE] = mean;
  out[DIFFERENCE_ENTROPY] = entropy(pairs, total, logs);
  out[DIFFERENCE_VARIANCE] = variance / total;
  out[ID] = sums[WEIGHT_ID] / total;
  out[IDM] = sums[WEIGHT_IDM] / total;
  out[IDMN] = sums[WEIGHT_IDMN] / total;
  out[IDN] = sums[WEIGHT_IDN] / total;
  out[INVERSE_VARIANCE] = sums[WEIGHT_INVERSE] / total;
}

static void from_sums(Pairs *pairs, const Matrix *m, double *out) {
  Histogram *h = &pairs->sum;
  double mean = 0.0, logs = 0.0, second = 0.0, third = 0.0, fourth = 0.0;
  for (int k = 0; k < h->used; k++) {
    const double c = h->count[h->at[k]], s = (double)h->at[k] + 2.0 * pairs->lowest, d = s - m->ux - m->uy;
    mean += c * s;
    logs += c * logarithm(pairs, c);
    second += c * d * d;
    third += c * d * d * d;
    fourth += c * d * d * d * d;
    h->count[h->at[k]] = 0.0;
  }
  h->used = 0;
  out[SUM_AVERAGE] = mean / m->total;
  out[SUM_ENTROPY] = entropy(pairs, m->total, logs);
  out[CLUSTER_TENDENCY] = second / m->total;
  out[CLUSTER_SHADE] = third / m->total;
  out[CLUSTER_PROMINENCE] = fourth / m->total;
}

static double correlation(const Pairs *pairs, const Matrix *m) {
  const double spread = sqrt(m->sx) * sqrt(m->sy);
  double sum = 0.0;
  if (!(spread > 0.0)) return 1.0;
  for (int k = 0; k < pairs->cells.count; k++) {
    const CmCell *cell = &pairs->cells.cell[k];
    const double i = pairs->window->value[cell->row], j = pairs->window->value[cell->column];
    sum += cell->count * (i - m->ux) * (j - m->uy);
    if (pairs->symmetric && cell->row != cell->column) sum += cell->count * (j - m->ux) * (i - m->uy);
  }
  return sum / m->total / (spread + DBL_EPSILON);
}

/* HXY1 = HXY2 = HX + HY; what both levels share is 0 or, of counts up to the window's, far above the rounding. */
static void information(const Matrix *m, double *out) {
  const double shared = m->hx + m->hy - out[JOINT_ENTROPY], most = m->hx > m->hy ? m->hx : m->hy;
  const bool none = !(shared > 1e-13 * (1.0 + most));
  out[IMC1] = none || most == 0.0 ? 0.0 : -shared / most;
  out[IMC2] = none ? 0.0 : sqrt(1.0 - exp(-2.0 * shared));
}

/* ---- maximal correlation coefficient ---- */

/* Rows of the levels that occur, and their roots; how many. */
static int pack(const Pairs *pairs, const double *p, double *root, int *row) {
  int count = 0;
  for (int k = 0; k < pairs->used_count; k++) {
    const int slot = pairs->used[k];
    if (p[slot] == 0.0) continue;
    row[slot] = count;
    root[count++] = sqrt(p[slot]);
  }
  return count;
}

/* One that is not symmetric, times its transpose. */
static void square_alone(const Pairs *pairs, int rows, int columns, double total, double *to) {
  const int stride = pairs->window->field->slots;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) pairs->alone[i * columns + j] = -pairs->rx[i] * pairs->ry[j] / total;
  for (int k = 0; k < pairs->cells.count; k++) {
    const CmCell *cell = &pairs->cells.cell[k];
    const int i = pairs->row[cell->row], j = pairs->column[cell->column];
    pairs->alone[i * columns + j] += cell->count / (pairs->rx[i] * pairs->ry[j]);
  }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j <= i; j++) {
      double sum = 0.0;
      for (int k = 0; k < columns; k++) sum += pairs->alone[i * columns + k] * pairs->alone[j * columns + k];
      to[(i * stride + j) * CM__LANES] = to[(j * stride + i) * CM__LANES] = sum;
    }
}

/* The matrix without its largest singular value, which is 1: c / sqrt(px py) - sqrt(px py) / total, over the levels
 * that occur. The largest that is left is the coefficient. */
static void wait_for_mcc(Pairs *pairs, double total) {
  const int stride = pairs->window->field->slots;
  double *to = pairs->matrix + pairs->waits, *rx = pairs->rx;
  const int rows = pack(pairs, pairs->px, rx, pairs->row), columns = pack(pairs, pairs->py, pairs->ry, pairs->column);
  if (rows < 2 || columns < 2) return;
  pairs->size = rows > pairs->size ? rows : pairs->size;
  if (!pairs->symmetric) {
    square_alone(pairs, rows, columns, total, to);
    return;
  }
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < rows; j++) to[(i * stride + j) * CM__LANES] = -rx[i] * rx[j] / total;
  for (int k = 0; k < pairs->cells.count; k++) {
    const CmCell *cell = &pairs->cells.cell[k];
    const int i = pairs->row[cell->row], j = pairs->row[cell->column];
    const double own = cell->count / (rx[i] * rx[j]);
    to[(i * stride + j) * CM__LANES] += own;
    if (i != j) to[(j * stride + i) * CM__LANES] += own;
  }
}

static void finish_waiting(Pairs *pairs, CmFeatureMean *mean) {
  double norm[CM__LANES] = {0.0};
  if (pairs->size > 0) cm__spectral_norms(pairs->matrix, pairs->window->field->slots, pairs->size, pairs->work, norm);
  for (int k = 0; k < pairs->waits; k++) {
    pairs->waiting[k][MCC] = pairs->window->field->view->present < 2 ? 1.0 : pairs->symmetric ? norm[k] : sqrt(norm[k]);
    cm__feature_mean_add(mean, pairs->waiting[k], FEATURES);
  }
  pairs->waits = pairs->size = 0;
}

static void describe(Pairs *pairs, CmFeatureMean *mean) {
  double *out = pairs->waiting[pairs->waits];
  Matrix m;
  collect(pairs, &m, out);
  measure_margin(pairs, pairs->px, m.total, &m.ux, &m.sx, &m.hx);
  m.uy = m.ux;
  m.sy = m.sx;
  m.hy = m.hx;
  if (!pairs->symmetric) measure_margin(pairs, pairs->py, m.total, &m.uy, &m.sy, &m.hy);
  from_differences(pairs, m.total, out);
  from_sums(pairs, &m, out);
  out[CORRELATION] = correlation(pairs, &m);
  out[JOINT_AVERAGE] = m.ux;
  out[SUM_SQUARES] = m.sx;
  information(&m, out);
  wait_for_mcc(pairs, m.total);
  for (int k = 0; k < pairs->used_count; k++) pairs->px[pairs->used[k]] = pairs->py[pairs->used[k]] = 0.0;
  if (++pairs->waits == CM__LANES) finish_waiting(pairs, mean);
}

static void tell_pairs(void *state, double out[CM__PYRAD_MOST]) {
  Pairs *pairs = state;
  const CmWindow *w = pairs->window;
  const CmPyradAngles *angles = &w->field->distant;
  CmFeatureMean mean = {0};
  pairs->cells.count = pairs->used_count = 0;
  for (int slot = 0; slot < w->field->slots; slot++)
    if (w->count[slot] > 0) pairs->used[pairs->used_count++] = slot;
  for (int a = 0; a < angles->count; a++) {
    if (pairs->tally[a].keys == 0) continue;
    if (pairs->cells.sum) {
      const double length = cm__pyrad_length(w->field->view, angles->step[a]);
      cm__cells_add(&pairs->cells, &pairs->tally[a], exp(-length * length));
      continue;
    }
    cm__cells_take(&pairs->cells, &pairs->tally[a]);
    describe(pairs, &mean);
  }
  if (pairs->cells.sum && pairs->cells.count > 0) {
    cm__cells_finish(&pairs->cells);
    describe(pairs, &mean);
  }
  finish_waiting(pairs, &mean);
  cm__feature_mean_take(&mean, out, FEATURES);
}

const CmVoxelClass cm__voxel_glcm = {open_pairs, clear_pairs, enter_pairs, leave_pairs, tell_pairs, close_pairs};
