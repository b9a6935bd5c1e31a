#include "ops/texture/cooccur.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/exp.h"
#include "ops/simd.h"

/* Sums over the pairs (i, j) of a window. */
enum { PAIRS, SUM_I, SUM_J, SUM_II, SUM_JJ, SUM_IJ, SUM_APART, SUM_CLOSE, SUMS, SQUARES = SUMS, ENTROPY, ALL };

static const double fixed = 4294967296.0; /* 2^32: what 1 is in sums of broken numbers */
enum { NO_PAIR = UINT16_MAX };

int cm__cooccur_directions(const int64_t radius[3], int64_t distance, int64_t offset[CM_COOCCUR_DIRECTIONS][3]) {
  static const int8_t units[CM_COOCCUR_DIRECTIONS][3] = {{1, 0, 0},  {1, 1, 0},  {0, 1, 0},  {-1, 1, 0}, {-1, -1, 1},
                                                         {0, -1, 1}, {1, -1, 1}, {-1, 0, 1}, {0, 0, 1},  {1, 0, 1},
                                                         {-1, 1, 1}, {0, 1, 1},  {1, 1, 1}};
  int count = 0;
  for (int k = 0; k < CM_COOCCUR_DIRECTIONS; k++) {
    bool fits = true;
    for (int axis = 0; axis < 3; axis++) {
      offset[count][axis] = units[k][axis] * distance;
      fits = fits && llabs(offset[count][axis]) <= 2 * radius[axis];
    }
    count += fits;
  }
  return count;
}

int64_t cm__cooccur_values(const CmCooccur *job) {
  return job->features * (job->aggregate == CM_COOCCUR_SEPARATE ? job->directions : 1);
}

int64_t cm__cooccur_pairs(const CmCooccur *job) {
  const int64_t window = (2 * job->radius[0] + 1) * (2 * job->radius[1] + 1) * (2 * job->radius[2] + 1);
  return job->aggregate == CM_COOCCUR_MERGE ? window * job->directions : window;
}

static double self_information(int64_t n) {
  return n ? rint((double)n * cm__log((double)n) * fixed) : 0.0;
}

int64_t *cm__cooccur_steps(CmContext *ctx, const CmCooccur *job, CmError **err) {
  const int64_t count = cm__cooccur_pairs(job) + 1;
  int64_t *step = cm_alloc_array(ctx, (size_t)(2 * count), sizeof(int64_t), err);
  for (int64_t n = 0; step && n < count; n++) {
    const double once = self_information(n + 1) - self_information(n);
    const double twice = self_information(2 * n + 2) - self_information(2 * n);
    step[n] = (int64_t)(job->symmetric ? twice : once);
    step[count + n] = (int64_t)(job->symmetric ? 2.0 * once : once);
  }
  return step;
}

/* ---- a direction in a band ------------------------------------------------------------------------------------- */

typedef struct Direction {
  const int64_t *o;
  int64_t before[3], after[3]; /* how far first voxels of pairs lie from the centre: -before ... after */
  int64_t *column[SUMS];       /* sums over the window's rows, by the column of the first voxel; NULL: not needed */
  uint16_t *code;              /* [nx][slots]: the pairs of those rows; NULL: not needed */
  int64_t tall, slots;
} Direction;

typedef struct Band {
  const CmCooccur *job;
  int64_t z, nx;
  bool needs[ALL];
  const int64_t *closeness; /* by the difference of the levels */
  Direction direction[CM_COOCCUR_DIRECTIONS];
  int64_t *sum[ALL]; /* by column of the centre */
  int64_t *count;    /* pairs by code */
  double *value;     /* [values][nx] */
  double *parts;     /* [nx]: directions that have pairs */
} Band;

static const uint8_t *level_row(const Band *band, int64_t y, int64_t z) {
  const CmCooccur *job = band->job;
  if (y < 0 || y >= job->n[1] || z < 0 || z >= job->n[2]) return NULL;
  return job->level + (z * job->n[1] + y) * job->n[0];
}

/* Pairs with their first voxel in a row: from the first column, how many; false: none. */
static bool pair_rows(const Band *band, const Direction *d, int64_t y, int64_t z, const uint8_t **a, const uint8_t **b,
                      int64_t *x0, int64_t *n) {
  *a = level_row(band, y, z);
  *b = level_row(band, y + d->o[1], z + d->o[2]);
  *x0 = d->o[0] < 0 ? -d->o[0] : 0;
  *n = band->nx - llabs(d->o[0]);
  if (!*a || !*b || *n <= 0) return false;
  *a += *x0;
  *b += *x0 + d->o[0];
  return true;
}

CM_SIMD static void add_pairs(const uint8_t *a, const uint8_t *b, int64_t n, int64_t sign, int64_t *to) {
  for (int64_t x = 0; x < n; x++) to[x] += a[x] != CM_NO_LEVEL && b[x] != CM_NO_LEVEL ? sign : 0;
}

CM_SIMD static void add_level(const uint8_t *a, const uint8_t *b, int64_t n, int64_t sign, int64_t *to) {
  for (int64_t x = 0; x < n; x++) to[x] += a[x] != CM_NO_LEVEL && b[x] != CM_NO_LEVEL ? sign * a[x] : 0;
}

CM_SIMD static void add_product(const uint8_t *a, const uint8_t *b, const uint8_t *with, int64_t n, int64_t sign,
                                int64_t *to) {
  for (int64_t x = 0; x < n; x++) to[x] += a[x] != CM_NO_LEVEL && b[x] != CM_NO_LEVEL ? sign * (a[x] * with[x]) : 0;
}

CM_SIMD static void add_apart(const uint8_t *a, const uint8_t *b, int64_t n, int64_t sign, int64_t *to) {
  for (int64_t x = 0; x < n; x++) {
    const int apart = a[x] > b[x] ? a[x] - b[x] : b[x] - a[x];
    to[x] += a[x] != CM_NO_LEVEL && b[x] != CM_NO_LEVEL ? sign * apart : 0;
  }
}

static void add_close(const uint8_t *a, const uint8_t *b, const int64_t *closeness, int64_t n, int64_t sign,
                      int64_t *to) {
  for (int64_t x = 0; x < n; x++)
    if (a[x] != CM_NO_LEVEL && b[x] != CM_NO_LEVEL) to[x] += sign * closeness[abs(a[x] - b[x])];
}

/* The pairs whose first voxel lies in row y of one of the window's slices enter or leave the columns. */
static void move_row(const Band *band, Direction *d, int64_t y, int64_t sign) {
  const uint8_t *a, *b;
  int64_t x0, n;
  for (int64_t z = band->z - d->before[2]; z <= band->z + d->after[2]; z++) {
    if (!pair_rows(band, d, y, z, &a, &b, &x0, &n)) continue;
    add_pairs(a, b, n, sign, d->column[PAIRS] + x0);
    if (band->needs[SUM_I]) {
      add_level(a, b, n, sign, d->column[SUM_I] + x0);
      add_level(b, a, n, sign, d->column[SUM_J] + x0);
      add_product(a, b, a, n, sign, d->column[SUM_II] + x0);
      add_product(b, a, b, n, sign, d->column[SUM_JJ] + x0);
      add_product(a, b, b, n, sign, d->column[SUM_IJ] + x0);
    }
    if (band->needs[SUM_APART]) add_apart(a, b, n, sign, d->column[SUM_APART] + x0);
    if (band->needs[SUM_CLOSE]) add_close(a, b, band->closeness, n, sign, d->column[SUM_CLOSE] + x0);
  }
}

/* Equal levels come first, so that the diagonal is told by its number. */
static uint16_t code_of(const CmCooccur *job, uint8_t i, uint8_t j) {
  if (i == CM_NO_LEVEL || j == CM_NO_LEVEL) return NO_PAIR;
  if (i == j) return i;
  const bool turned = job->symmetric && i > j;
  return (uint16_t)(job->levels + (turned ? j * job->levels + i : i * job->levels + j));
}

/* The codes of row y take the place of those of the row that left. */
static void write_codes(const Band *band, Direction *d, int64_t y) {
  const uint8_t *a, *b;
  int64_t x0, n;
  const int64_t depth = d->before[2] + d->after[2] + 1, slot = ((y % d->tall) + d->tall) % d->tall * depth;
  for (int64_t k = 0; k < depth; k++) {
    uint16_t *to = d->code + slot + k;
    for (int64_t x = 0; x < band->nx; x++) to[x * d->slots] = NO_PAIR;
    if (!pair_rows(band, d, y, band->z - d->before[2] + k, &a, &b, &x0, &n)) continue;
    for (int64_t x = 0; x < n; x++) to[(x0 + x) * d->slots] = code_of(band->job, a[x], b[x]);
  }
}

static void enter_row(const Band *band, Direction *d, int64_t y) {
  move_row(band, d, y, 1);
  if (d->code) write_codes(band, d, y);
}

/* From the window around row y - 1 to that around y; `first`: there was none. */
static void advance(const Band *band, Direction *d, int64_t y, bool first) {
  if (first) {
    for (int64_t k = y - d->before[1]; k <= y + d->after[1]; k++) enter_row(band, d, k);
    return;
  }
  move_row(band, d, y - 1 - d->before[1], -1);
  enter_row(band, d, y + d->after[1]);
}

/* ---- along a row ----------------------------------------------------------------------------------------------- */

/* Adds the sums over the window's columns. */
static void slide_sums(const Band *band, const Direction *d, int which) {
  const int64_t *column = d->column[which], nx = band->nx;
  int64_t now = 0, *to = band->sum[which];
  for (int64_t x = -2 * band->job->radius[0]; x < nx; x++) {
    const int64_t in = x + d->after[0], out = x - d->before[0] - 1;
    if (in >= 0 && in < nx) now += column[in];
    if (out >= 0 && out < nx) now -= column[out];
    if (x >= 0) to[x] += now;
  }
}

typedef struct Matrix {
  int64_t squares, entropy;
} Matrix;

static inline void add_codes(const Band *band, const uint16_t *code, int64_t n, Matrix *now) {
  const CmCooccur *job = band->job;
  const int64_t *const *step = job->entropy_step;
  const int64_t factor[2] = {job->symmetric ? 4 : 1, job->symmetric ? 2 : 1};
  for (int64_t k = 0; k < n; k++) {
    if (code[k] == NO_PAIR) continue;
    const int beside = code[k] >= job->levels;
    const int64_t before = band->count[code[k]]++;
    now->squares += factor[beside] * (2 * before + 1);
    if (step[0]) now->entropy += step[beside][before];
  }
}

static inline void remove_codes(const Band *band, const uint16_t *code, int64_t n, Matrix *now) {
  const CmCooccur *job = band->job;
  const int64_t *const *step = job->entropy_step;
  const int64_t factor[2] = {job->symmetric ? 4 : 1, job->symmetric ? 2 : 1};
  for (int64_t k = 0; k < n; k++) {
    if (code[k] == NO_PAIR) continue;
    const int beside = code[k] >= job->levels;
    const int64_t after = --band->count[code[k]];
    now->squares -= factor[beside] * (2 * after + 1);
    if (step[0]) now->entropy -= step[beside][after];
  }
}

/* One matrix for directions [first, last), from the empty one at the left to the right border. */
static void slide_matrix(const Band *band, int first, int last) {
  const CmCooccur *job = band->job;
  const int64_t nx = band->nx;
  Matrix now = {0, 0};
  memset(band->count, 0, (size_t)(job->levels * (job->levels + 1)) * sizeof(int64_t));
  for (int64_t x = -2 * job->radius[0]; x < nx; x++) {
    for (int k = first; k < last; k++) {
      const Direction *d = &band->direction[k];
      const int64_t in = x + d->after[0], out = x - d->before[0] - 1;
      if (out >= 0 && out < nx) remove_codes(band, d->code + out * d->slots, d->slots, &now);
      if (in >= 0 && in < nx) add_codes(band, d->code + in * d->slots, d->slots, &now);
    }
    if (x < 0) continue;
    band->sum[SQUARES][x] = now.squares;
    band->sum[ENTROPY][x] = now.entropy;
  }
}

/* ---- features -------------------------------------------------------------------------------------------------- */

/* All entries of the matrix, with both orders of each pair where it is symmetric. */
typedef struct Moments {
  double n, i, j, ii, jj, ij, apart, close, squares, entropy;
} Moments;

static Moments moments_at(const Band *band, int64_t x) {
  double v[ALL];
  for (int k = 0; k < ALL; k++) v[k] = band->needs[k] ? (double)band->sum[k][x] : 0.0;
  Moments m = {v[PAIRS],   v[SUM_I],          v[SUM_J],     v[SUM_II],
               v[SUM_JJ],  v[SUM_IJ],         v[SUM_APART], v[SUM_CLOSE] / fixed,
               v[SQUARES], v[ENTROPY] / fixed};
  if (!band->job->symmetric) return m;
  m.n *= 2.0;
  m.i = m.j = m.i + m.j;
  m.ii = m.jj = m.ii + m.jj;
  m.ij *= 2.0;
  m.apart *= 2.0;
  m.close *= 2.0;
  return m;
}

/* Whole numbers as far as possible: spreads that are 0 are so exactly. */
static double correlation(const Moments *m) {
  const double a = m->n * m->ii - m->i * m->i, b = m->n * m->jj - m->j * m->j;
  return a > 0.0 && b > 0.0 ? (m->n * m->ij - m->i * m->j) / (sqrt(a) * sqrt(b)) : 1.0;
}

static double feature_of(const Moments *m, CmCooccurFeature feature) {
  const double variance = (m->n * m->ii - m->i * m->i) / (m->n * m->n);
  switch (feature) {
    case CM_COOCCUR_CONTRAST:
      return (m->ii + m->jj - 2.0 * m->ij) / m->n;
    case CM_COOCCUR_DISSIMILARITY:
      return m->apart / m->n;
    case CM_COOCCUR_HOMOGENEITY:
      return m->close / m->n;
    case CM_COOCCUR_ASM:
      return m->squares / (m->n * m->n);
    case CM_COOCCUR_ENERGY:
      return sqrt(m->squares) / m->n;
    case CM_COOCCUR_CORRELATION:
      return correlation(m);
    case CM_COOCCUR_MEAN:
      return m->i / m->n;
    case CM_COOCCUR_VARIANCE:
      return variance;
    case CM_COOCCUR_STD:
      return sqrt(variance);
    case CM_COOCCUR_ENTROPY:
      return cm__log(m->n) - m->entropy / m->n;
    case CM_COOCCUR_FEATURES:
      break;
  }
  return 0.0;
}

/* Adds to the values from number `first` on. */
static void add_features(const Band *band, int64_t first) {
  const CmCooccur *job = band->job;
  for (int64_t x = 0; x < band->nx; x++) {
    if (band->sum[PAIRS][x] == 0) continue;
    const Moments m = moments_at(band, x);
    for (int f = 0; f < job->features; f++) band->value[(first + f) * band->nx + x] += feature_of(&m, job->feature[f]);
    band->parts[x] += 1.0;
  }
}

static void do_matrix(const Band *band, int first, int last, int64_t value) {
  for (int which = 0; which < SUMS; which++) {
    if (!band->needs[which]) continue;
    memset(band->sum[which], 0, (size_t)band->nx * sizeof(int64_t));
    for (int k = first; k < last; k++) slide_sums(band, &band->direction[k], which);
  }
  if (band->needs[SQUARES]) slide_matrix(band, first, last);
  add_features(band, value);
}

static void store_values(const Band *band, int64_t first, int64_t count, float *to, int64_t step) {
  for (int64_t x = 0; x < band->nx; x++)
    for (int64_t v = first; v < first + count; v++)
      to[x * step + v] = band->parts[x] > 0.0 ? (float)(band->value[v * band->nx + x] / band->parts[x]) : NAN;
}

static void do_row(const Band *band, float *to, int64_t step) {
  const CmCooccur *job = band->job;
  memset(band->value, 0, (size_t)(cm__cooccur_values(job) * band->nx) * sizeof(double));
  memset(band->parts, 0, (size_t)band->nx * sizeof(double));
  if (job->aggregate == CM_COOCCUR_MERGE) do_matrix(band, 0, job->directions, 0);
  for (int k = 0; job->aggregate != CM_COOCCUR_MERGE && k < job->directions; k++) {
    const int64_t first = job->aggregate == CM_COOCCUR_SEPARATE ? (int64_t)k * job->features : 0;
    do_matrix(band, k, k + 1, first);
    if (job->aggregate != CM_COOCCUR_SEPARATE) continue;
    store_values(band, first, job->features, to, step);
    memset(band->parts, 0, (size_t)band->nx * sizeof(double));
  }
  if (job->aggregate != CM_COOCCUR_SEPARATE) store_values(band, 0, job->features, to, step);
}

/* ---- room ------------------------------------------------------------------------------------------------------ */

static void find_needs(const CmCooccur *job, bool needs[ALL]) {
  memset(needs, 0, ALL * sizeof(bool));
  needs[PAIRS] = true;
  for (int f = 0; f < job->features; f++) {
    const CmCooccurFeature feature = job->feature[f];
    if (feature == CM_COOCCUR_DISSIMILARITY)
      needs[SUM_APART] = true;
    else if (feature == CM_COOCCUR_HOMOGENEITY)
      needs[SUM_CLOSE] = true;
    else if (feature == CM_COOCCUR_ASM || feature == CM_COOCCUR_ENERGY || feature == CM_COOCCUR_ENTROPY)
      needs[SQUARES] = needs[ENTROPY] = true;
    else
      for (int k = SUM_I; k <= SUM_IJ; k++) needs[k] = true;
  }
}

static void place_direction(const CmCooccur *job, const int64_t *o, Direction *d) {
  d->o = o;
  for (int axis = 0; axis < 3; axis++) {
    d->before[axis] = job->radius[axis] - (o[axis] < 0 ? -o[axis] : 0);
    d->after[axis] = job->radius[axis] - (o[axis] > 0 ? o[axis] : 0);
  }
  d->tall = d->before[1] + d->after[1] + 1;
  d->slots = d->tall * (d->before[2] + d->after[2] + 1);
}

typedef struct Room {
  int64_t *numbers;
  double *values;
  uint16_t *codes;
} Room;

static void room_free(Room *room) {
  cm_free(room->numbers);
  cm_free(room->values);
  cm_free(room->codes);
}

static bool room_open(Band *band, Room *room, CmError **err) {
  const CmCooccur *job = band->job;
  const int64_t nx = band->nx, matrix = job->levels * (job->levels + 1);
  int64_t slots = 0;
  *room = (Room){.numbers = NULL};
  for (int k = 0; k < job->directions; k++) slots += band->direction[k].slots;
  room->numbers = cm_calloc(job->ctx, (size_t)((SUMS * job->directions + ALL) * nx + matrix + CM_MOST_LEVELS),
                            sizeof(int64_t), err);
  room->values = cm_alloc_array(job->ctx, (size_t)((cm__cooccur_values(job) + 1) * nx), sizeof(double), err);
  if (!room->numbers || !room->values) return false;
  int64_t *next = room->numbers;
  for (int k = 0; k < job->directions; k++)
    for (int which = 0; which < SUMS; which++, next += nx) band->direction[k].column[which] = next;
  for (int which = 0; which < ALL; which++, next += nx) band->sum[which] = next;
  band->count = next;
  for (int k = 0; k < CM_MOST_LEVELS; k++) next[matrix + k] = (int64_t)rint(fixed / (1.0 + (double)k * k));
  band->closeness = next + matrix;
  band->value = room->values;
  band->parts = room->values + cm__cooccur_values(job) * nx;
  if (!band->needs[SQUARES]) return true;
  room->codes = cm_alloc_array(job->ctx, (size_t)(slots * nx), sizeof(uint16_t), err);
  uint16_t *code = room->codes;
  for (int k = 0; code && k < job->directions; k++) {
    band->direction[k].code = code;
    code += band->direction[k].slots * nx;
  }
  return room->codes != NULL;
}

bool cm__cooccur_band(const CmCooccur *job, int64_t z, int64_t y0, int64_t y1, float *to, int64_t step, CmError **err) {
  Band band = {.job = job, .z = z, .nx = job->n[0]};
  Room room;
  find_needs(job, band.needs);
  for (int k = 0; k < job->directions; k++) place_direction(job, job->offset[k], &band.direction[k]);
  const bool ok = room_open(&band, &room, err);
  for (int64_t y = y0; ok && y < y1; y++) {
    for (int k = 0; k < job->directions; k++) advance(&band, &band.direction[k], y, y == y0);
    do_row(&band, to + (y - y0) * job->n[0] * step, step);
  }
  room_free(&room);
  return ok;
}
