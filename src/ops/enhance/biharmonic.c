/* The biharmonic operator is the Laplacian of the grid (which knows no neighbour beyond the border of the image) twice.
 * Restricted to the marked voxels it is symmetric and positive definite: conjugate gradients, with a cycle over coarser
 * and coarser grids as preconditioner. Each grid is one of blocks of 2 x 2 x 2 of the finer one, of which those count
 * as marked that are marked altogether: a wider region would correct too much, and cost many more steps. */
#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/enhance/hole.h"

enum { MOST_LEVELS = 24, DEGREE = 4, CHUNK = 8192, MARKED = 64 };

typedef struct Level {
  CmContext *ctx;
  int64_t dims[3], begin[3], size[3];
  double weight[3];              /* of neighbours along the axes */
  double factor;                 /* of the operator */
  bool halved[3];                /* axes along which this grid is coarser than the one before */
  uint8_t *marked;               /* of the box: not 0; of the first level the hole's */
  uint64_t *entry;               /* of the box: a bit where there is one; they are numbered in this order */
  uint32_t *before;              /* of each word of bits: how many stand before it */
  int64_t count;                 /* entries: marked voxels and those that share a face with one */
  int64_t *place;                /* of each entry: in the box */
  int32_t *near;                 /* six of each; `count`: none, or one that is never needed */
  uint8_t *kind;                 /* MARKED, and a bit for each neighbour that the image has */
  double degree[2 * MARKED];     /* by kind: sum of the weights of those neighbours */
  double inverse[2 * MARKED];    /* by kind: 1 / diagonal of the operator; 0 where not marked */
  double top;                    /* bounds the eigenvalues of inverse * operator */
  double *x, *r, *d, *lap, *out; /* count + 1 each, the last one 0 */
} Level;

typedef struct Solver {
  Level level[MOST_LEVELS];
  int levels;
} Solver;

/* ---- levels ---- */

static void free_level(Level *level) {
  cm_free(level->entry);
  cm_free(level->before);
  cm_free(level->place);
  cm_free(level->near);
  cm_free(level->kind);
  cm_free(level->x);
}

static bool is_marked(const Level *level, int64_t i) {
  return level->kind[i] & MARKED;
}

/* The number of the entry at a place in the box; `count` where there is none. */
static inline int64_t entry_at(const Level *level, int64_t at) {
  const uint64_t word = level->entry[at >> 6], bit = UINT64_C(1) << (at & 63);
  return word & bit ? (int64_t)level->before[at >> 6] + __builtin_popcountll(word & (bit - 1)) : level->count;
}

static int64_t box_size(const Level *level) {
  return level->size[0] * level->size[1] * level->size[2];
}

static void place_of(const Level *level, int64_t at, int64_t to[3]) {
  to[0] = at % level->size[0] + level->begin[0];
  to[1] = at / level->size[0] % level->size[1] + level->begin[1];
  to[2] = at / level->size[0] / level->size[1] + level->begin[2];
}

/* The place in the box of a voxel of the image, or -1. */
static int64_t find_place(const Level *level, const int64_t voxel[3]) {
  int64_t at = 0;
  for (int axis = 2; axis >= 0; axis--) {
    const int64_t local = voxel[axis] - level->begin[axis];
    if (local < 0 || local >= level->size[axis]) return -1;
    at = at * level->size[axis] + local;
  }
  return at;
}

/* Neighbour k (below and above along x, y, z): -2 where the image ends, -1 beyond the box, else its place. */
static int64_t neighbour(const Level *level, const int64_t voxel[3], int k) {
  int64_t next[3] = {voxel[0], voxel[1], voxel[2]};
  next[k / 2] += k & 1 ? 1 : -1;
  if (next[k / 2] < 0 || next[k / 2] >= level->dims[k / 2]) return -2;
  return find_place(level, next);
}

/* Marked voxels, and those beside them. */
static int64_t number_entries(Level *level) {
  const int64_t n = box_size(level);
  int64_t count = 0, voxel[3];
  for (int64_t i = 0; i < n; i++) {
    if (!level->marked[i]) continue;
    level->entry[i >> 6] |= UINT64_C(1) << (i & 63);
    place_of(level, i, voxel);
    for (int k = 0; k < 6; k++) {
      const int64_t at = neighbour(level, voxel, k);
      if (at >= 0) level->entry[at >> 6] |= UINT64_C(1) << (at & 63);
    }
  }
  for (int64_t word = 0; word <= n / 64; word++) {
    level->before[word] = (uint32_t)count;
    count += __builtin_popcountll(level->entry[word]);
  }
  return count;
}

static bool make_entries(Level *level, CmError **err) {
  const int64_t words = box_size(level) / 64 + 1;
  level->entry = cm_calloc(level->ctx, (size_t)words, sizeof(uint64_t), err);
  level->before = level->entry ? cm_alloc_array(level->ctx, (size_t)words, sizeof(uint32_t), err) : NULL;
  if (!level->before) return false;
  const int64_t count = level->count = number_entries(level);
  if (count >= INT32_MAX) {
    cm_error_set(err, CM_ERR_DATA, "%lld voxels are marked, too many to be solved for at once; repair them in parts",
                 (long long)count);
    return false;
  }
  level->place = cm_alloc_array(level->ctx, (size_t)count, sizeof(int64_t), err);
  level->near = cm_alloc_array(level->ctx, (size_t)count, 6 * sizeof(int32_t), err);
  level->kind = cm_alloc(level->ctx, (size_t)count, err);
  level->x = cm_calloc(level->ctx, (size_t)count + 1, 5 * sizeof(double), err);
  if (!level->place || !level->near || !level->kind || !level->x) return false;
  level->r = level->x + count + 1;
  level->d = level->r + count + 1;
  level->lap = level->d + count + 1;
  level->out = level->lap + count + 1;
  int64_t *place = level->place;
  for (int64_t word = 0; word < words; word++)
    for (uint64_t bits = level->entry[word]; bits; bits &= bits - 1) *place++ = word * 64 + __builtin_ctzll(bits);
  return true;
}

static void set_row(Level *level, int64_t entry) {
  int64_t voxel[3];
  place_of(level, level->place[entry], voxel);
  level->kind[entry] = level->marked[level->place[entry]] ? MARKED : 0;
  for (int k = 0; k < 6; k++) {
    const int64_t at = neighbour(level, voxel, k);
    level->near[6 * entry + k] = (int32_t)(at < 0 ? level->count : entry_at(level, at));
    if (at != -2) level->kind[entry] |= (uint8_t)(1 << k);
  }
}

static void set_kinds(Level *level) {
  for (int kind = 0; kind < 2 * MARKED; kind++) {
    double degree = 0.0, squares = 0.0;
    for (int k = 0; k < 6; k++) {
      const double w = kind >> k & 1 ? level->weight[k / 2] : 0.0;
      degree += w;
      squares += w * w;
    }
    level->degree[kind] = degree;
    level->inverse[kind] = kind & MARKED && degree > 0.0 ? 1.0 / (level->factor * (degree * degree + squares)) : 0.0;
  }
}

/* Gershgorin's bound, of rows as long as those of a voxel that has all its neighbours. */
static void set_top(Level *level) {
  double top = 0.0;
  for (int64_t i = 0; i < level->count; i++) {
    if (!is_marked(level, i)) continue;
    const double degree = level->degree[level->kind[i]];
    double sum = 2.0 * degree * degree;
    for (int k = 0; k < 6; k++)
      if (level->near[6 * i + k] < level->count)
        sum += level->weight[k / 2] * 2.0 * level->degree[level->kind[level->near[6 * i + k]]];
    sum *= level->factor * level->inverse[level->kind[i]];
    top = sum > top ? sum : top;
  }
  level->top = top;
}

static bool make_level(Level *level, CmError **err) {
  if (!make_entries(level, err)) return false;
  set_kinds(level);
  for (int64_t i = 0; i < level->count; i++) set_row(level, i);
  set_top(level);
  return true;
}

/* The blocks that are marked altogether; *use: whether there are some, and others. */
static bool coarsen(const Level *fine, Level *coarse, bool *use, CmError **err) {
  double strongest = 0.0;
  *coarse = (Level){.ctx = fine->ctx, .factor = fine->factor};
  for (int axis = 0; axis < 3; axis++)
    if (fine->dims[axis] > 1 && fine->weight[axis] > strongest) strongest = fine->weight[axis];
  for (int axis = 0; axis < 3; axis++) {
    /* along an axis of long steps voxels hardly know each other; the others are halved until they are as long */
    const bool halved = fine->dims[axis] > 1 && fine->weight[axis] > 0.3 * strongest;
    const int64_t by = halved ? 2 : 1, first = fine->begin[axis] / by - 1,
                  end = (fine->begin[axis] + fine->size[axis] - 1) / by + 2;
    coarse->halved[axis] = halved;
    coarse->dims[axis] = (fine->dims[axis] + by - 1) / by;
    coarse->begin[axis] = first > 0 ? first : 0;
    coarse->size[axis] = (end < coarse->dims[axis] ? end : coarse->dims[axis]) - coarse->begin[axis];
    coarse->weight[axis] = fine->weight[axis] * (halved ? 0.25 : 1.0);
    coarse->factor *= (double)by;
  }
  coarse->marked = cm_calloc(coarse->ctx, (size_t)box_size(coarse), 1, err);
  if (!coarse->marked) return false;
  int64_t voxel[3];
  for (int64_t i = 0; i < fine->count; i++) {
    if (!is_marked(fine, i)) continue;
    place_of(fine, fine->place[i], voxel);
    for (int axis = 0; axis < 3; axis++) voxel[axis] /= coarse->halved[axis] ? 2 : 1;
    coarse->marked[find_place(coarse, voxel)]++;
  }
  int64_t marked = 0;
  for (int64_t i = 0; i < box_size(coarse); i++) {
    int64_t all = 1;
    place_of(coarse, i, voxel);
    for (int axis = 0; axis < 3; axis++) all *= coarse->halved[axis] && 2 * voxel[axis] + 1 < fine->dims[axis] ? 2 : 1;
    coarse->marked[i] = coarse->marked[i] == all;
    marked += coarse->marked[i];
  }
  *use = marked > 0 && marked < coarse->dims[0] * coarse->dims[1] * coarse->dims[2];
  return true;
}

static bool make_levels(Solver *solver, const CmHole *hole, CmError **err) {
  Level *first = &solver->level[0];
  double finest = INFINITY;
  *first = (Level){.ctx = hole->ctx, .factor = 1.0};
  for (int axis = 0; axis < 3; axis++)
    if (hole->dims[axis] > 1 && hole->spacing[axis] < finest) finest = hole->spacing[axis];
  for (int axis = 0; axis < 3; axis++) {
    const double ratio = finest / hole->spacing[axis];
    first->dims[axis] = hole->dims[axis];
    first->begin[axis] = hole->begin[axis];
    first->size[axis] = hole->size[axis];
    first->weight[axis] = hole->dims[axis] > 1 ? ratio * ratio : 0.0;
  }
  solver->levels = 1;
  first->marked = hole->marked;
  if (!make_level(first, err)) return false;
  for (bool use = true; solver->levels < MOST_LEVELS; solver->levels++) {
    Level *fine = &solver->level[solver->levels - 1], *coarse = fine + 1;
    bool ok = coarsen(fine, coarse, &use, err);
    if (ok && use) ok = make_level(coarse, err);
    cm_free(coarse->marked);
    coarse->marked = NULL; /* the kinds know */
    if (ok && use) continue;
    free_level(coarse);
    return ok;
  }
  return true;
}

/* ---- the operator ---- */

typedef struct Work {
  const Level *level, *other;
  const double *from;
  double *to;
  double a, b;
} Work;

static double laplacian(const Level *level, const double *u, int64_t i) {
  const int32_t *near = level->near + 6 * i;
  const double *w = level->weight;
  return w[0] * (u[near[0]] + u[near[1]]) + w[1] * (u[near[2]] + u[near[3]]) + w[2] * (u[near[4]] + u[near[5]]) -
         level->degree[level->kind[i]] * u[i];
}

static bool first_rows(void *arg, CmRange range, CmError **err) {
  const Work *work = arg;
  (void)err;
  for (int64_t i = range.begin; i < range.end; i++) work->to[i] = laplacian(work->level, work->from, i);
  return true;
}

static bool second_rows(void *arg, CmRange range, CmError **err) {
  const Work *work = arg;
  (void)err;
  for (int64_t i = range.begin; i < range.end; i++)
    work->to[i] = is_marked(work->level, i) ? work->level->factor * laplacian(work->level, work->from, i) : 0.0;
  return true;
}

/* level->out = operator applied to u. */
static bool apply(const Level *level, const double *u, CmError **err) {
  Work first = {.level = level, .from = u, .to = level->lap},
       second = {.level = level, .from = level->lap, .to = level->out};
  return cm_parallel_for(level->ctx, NULL, level->count, CHUNK, first_rows, &first, err) &&
         cm_parallel_for(level->ctx, NULL, level->count, CHUNK, second_rows, &second, err);
}

/* ---- the preconditioner ---- */

/* x += d, r -= operator d, d = a d + b inverse r */
static bool step_rows(void *arg, CmRange range, CmError **err) {
  const Work *work = arg;
  const Level *level = work->level;
  (void)err;
  for (int64_t i = range.begin; i < range.end; i++) {
    level->x[i] += level->d[i];
    level->r[i] -= level->out[i];
    level->d[i] = work->a * level->d[i] + work->b * level->inverse[level->kind[i]] * level->r[i];
  }
  return true;
}

/* x += a polynomial of the operator applied to the residual r, which is kept up: Chebyshev's, on the upper part of the
 * spectrum. */
static bool smooth(const Level *level, CmError **err) {
  const double high = level->top, low = high / 24.0, middle = 0.5 * (high + low), half = 0.5 * (high - low),
               sigma = middle / half;
  double rho = 1.0 / sigma;
  for (int64_t i = 0; i < level->count; i++) level->d[i] = level->inverse[level->kind[i]] * level->r[i] / middle;
  for (int k = 0;; k++) {
    if (!apply(level, level->d, err)) return false;
    const double next = 1.0 / (2.0 * sigma - rho), keep = next * rho, step = 2.0 * next / half;
    Work work = {.level = level, .a = keep, .b = step};
    if (!cm_parallel_for(level->ctx, NULL, level->count, CHUNK, step_rows, &work, err)) return false;
    rho = next;
    if (k == DEGREE - 1) return true;
  }
}

/* Along an axis: the blocks that hold a voxel's share, and how much of it. */
static void shares(int64_t voxel, bool halved, int64_t block[2], double share[2]) {
  block[0] = halved ? voxel / 2 : voxel;
  block[1] = block[0] + (voxel & 1 ? 1 : -1);
  share[0] = halved ? 0.75 : 1.0;
  share[1] = halved ? 0.25 : 0.0;
}

/* to = from of the coarser level between the middles of its blocks. */
static bool prolong_rows(void *arg, CmRange range, CmError **err) {
  const Work *work = arg;
  const Level *fine = work->level, *coarse = work->other;
  (void)err;
  for (int64_t i = range.begin; i < range.end; i++) {
    if (!is_marked(fine, i)) continue;
    int64_t voxel[3], block[3][2];
    double share[3][2], sum = 0.0;
    place_of(fine, fine->place[i], voxel);
    for (int axis = 0; axis < 3; axis++) shares(voxel[axis], coarse->halved[axis], block[axis], share[axis]);
    for (int k = 0; k < 8; k++) {
      const double w = share[0][k & 1] * share[1][k >> 1 & 1] * share[2][k >> 2];
      if (w == 0.0) continue;
      const int64_t at = find_place(coarse, (int64_t[3]){block[0][k & 1], block[1][k >> 1 & 1], block[2][k >> 2]});
      if (at >= 0) sum += w * work->from[entry_at(coarse, at)];
    }
    work->to[i] += sum;
  }
  return true;
}

/* The transposed of it: to of the coarser level = what falls to its blocks. */
static bool restrict_rows(void *arg, CmRange range, CmError **err) {
  const Work *work = arg;
  const Level *fine = work->other, *coarse = work->level;
  static const double share[4] = {0.25, 0.75, 0.75, 0.25};
  (void)err;
  for (int64_t i = range.begin; i < range.end; i++) {
    int64_t block[3], first[3], last[3];
    double sum = 0.0;
    work->to[i] = 0.0;
    if (!is_marked(coarse, i)) continue;
    place_of(coarse, coarse->place[i], block);
    for (int axis = 0; axis < 3; axis++) {
      const bool halved = coarse->halved[axis];
      first[axis] = halved ? 2 * block[axis] - 1 : block[axis];
      last[axis] = halved ? 2 * block[axis] + 2 : block[axis];
    }
    for (int64_t z = first[2]; z <= last[2]; z++)
      for (int64_t y = first[1]; y <= last[1]; y++)
        for (int64_t x = first[0]; x <= last[0]; x++) {
          const int64_t at = find_place(fine, (int64_t[3]){x, y, z});
          if (at < 0) continue;
          const double wx = coarse->halved[0] ? share[x - first[0]] : 1.0,
                       wy = coarse->halved[1] ? share[y - first[1]] : 1.0,
                       wz = coarse->halved[2] ? share[z - first[2]] : 1.0;
          sum += wx * wy * wz * work->from[entry_at(fine, at)];
        }
    work->to[i] = sum;
  }
  return true;
}

/* x of level k becomes about the solution for r, which is used up. */
static bool cycle(Solver *solver, int k, CmError **err) {
  Level *level = &solver->level[k];
  memset(level->x, 0, (size_t)level->count * sizeof(double));
  if (!smooth(level, err)) return false;
  if (k + 1 == solver->levels) return smooth(level, err);
  Level *coarse = level + 1;
  Work down = {.level = coarse, .other = level, .from = level->r, .to = coarse->r};
  if (!cm_parallel_for(level->ctx, NULL, coarse->count, CHUNK, restrict_rows, &down, err) || !cycle(solver, k + 1, err))
    return false;
  memset(level->d, 0, (size_t)level->count * sizeof(double));
  Work up = {.level = level, .other = coarse, .from = coarse->x, .to = level->d};
  if (!cm_parallel_for(level->ctx, NULL, level->count, CHUNK, prolong_rows, &up, err) || !apply(level, level->d, err))
    return false;
  for (int64_t i = 0; i < level->count; i++) {
    level->x[i] += level->d[i];
    level->r[i] -= level->out[i];
  }
  return smooth(level, err);
}

/* ---- the solution ---- */

static double dot(const double *a, const double *b, int64_t n) {
  double part[4] = {0.0, 0.0, 0.0, 0.0};
  for (int64_t i = 0; i < n; i++) part[i & 3] += a[i] * b[i];
  return (part[0] + part[1]) + (part[2] + part[3]);
}

static double value_at(const CmHole *hole, int64_t at) {
  double value;
  const int64_t row = at / hole->size[0];
  hole->read(hole->arg, at % hole->size[0], row % hole->size[1], row / hole->size[1], 1, &value);
  return value;
}

/* What the operator gives for the known values with 0 where marked, negated. */
static void right_side(const CmHole *hole, const Level *level, double *to) {
  for (int64_t i = 0; i < level->count; i++) {
    int64_t voxel[3];
    place_of(level, level->place[i], voxel);
    double sum = is_marked(level, i) ? 0.0 : -level->degree[level->kind[i]] * value_at(hole, level->place[i]);
    for (int k = 0; k < 6; k++) {
      const int64_t at = neighbour(level, voxel, k);
      if (at >= 0 && !hole->marked[at]) sum += level->weight[k / 2] * value_at(hole, at);
    }
    level->lap[i] = sum;
  }
  for (int64_t i = 0; i < level->count; i++) to[i] = is_marked(level, i) ? -laplacian(level, level->lap, i) : 0.0;
}

/* Hands over what was found. */
static void hand_over(const CmHole *hole, const Level *level, const double *u) {
  for (int64_t i = 0; i < level->count; i++) {
    const int64_t at = level->place[i], row = at / hole->size[0];
    if (is_marked(level, i)) hole->found(hole->arg, at % hole->size[0], row % hole->size[1], row / hole->size[1], u[i]);
  }
}

/* Conjugate gradients until the residual, as the preconditioner sees it, is 1e-10 of the first. room: 2 * count + 2
 * zeros. */
static bool iterate(Solver *solver, const CmHole *hole, double *u, double *room, CmError **err) {
  Level *level = &solver->level[0];
  const int64_t n = level->count;
  double *r = room, *p = r + n + 1, before = 0.0, first = 0.0;
  right_side(hole, level, r);
  for (int k = 0; k < 2000; k++) {
    memcpy(level->r, r, (size_t)n * sizeof(double));
    if (!cycle(solver, 0, err)) return false;
    const double now = dot(r, level->x, n), beta = k ? now / before : 0.0;
    if (k == 0) first = now;
    if (!(now > first * 1e-20)) return true;
    for (int64_t i = 0; i < n; i++) p[i] = level->x[i] + beta * p[i];
    if (!apply(level, p, err)) return false;
    const double alpha = now / dot(p, level->out, n);
    for (int64_t i = 0; i < n; i++) {
      u[i] += alpha * p[i];
      r[i] -= alpha * level->out[i];
    }
    before = now;
  }
  return true;
}

bool cm__hole_biharmonic(const CmHole *hole, CmError **err) {
  Solver *solver = cm_calloc(hole->ctx, 1, sizeof(Solver), err);
  double *room = NULL;
  bool ok = solver && make_levels(solver, hole, err);
  const size_t count = ok ? (size_t)solver->level[0].count + 1 : 0;
  if (ok) room = cm_calloc(hole->ctx, count, 3 * sizeof(double), err);
  ok = ok && room && iterate(solver, hole, room, room + count, err);
  if (ok) hand_over(hole, &solver->level[0], room);
  for (int k = 0; solver && k < solver->levels; k++) free_level(&solver->level[k]);
  cm_free(solver);
  cm_free(room);
  return ok;
}
