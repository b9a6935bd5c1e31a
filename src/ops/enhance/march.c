#include <math.h>

#include "cormack/context.h"
#include "ops/enhance/hole.h"

/* Voxels lie in a box with a rim, which is never reached, as wide as values are taken from: nothing asks where it is.
 * Of the box only what is near to a mark is kept, and numbered in order: a bit at each place, and how many are set
 * before each word of bits. Number 0 stands for all others, and is of the rim. */
enum { RIM, AROUND, MARKED };
/* INSIDE: not reached; BAND: reached, its time may still fall; KNOWN */
enum { INSIDE, BAND, KNOWN };

typedef struct Spot {
  double time;
  int64_t at; /* number */
} Spot;

typedef struct Near {
  int64_t row, x;      /* from here: row of the table of rows, voxels along x */
  double r[3], weight; /* from there to here, in the finest spacing; 1 / |r|^3 */
} Near;

typedef struct March {
  const CmHole *hole;
  int64_t rim[3], side[3], stride[3], places; /* side, stride: with the rim; rows begin with a word */
  double step[3];                             /* between voxels, in the finest spacing; 0: an axis of one voxel */
  uint64_t *bits;
  int64_t *first, count; /* number of each word's first bit; numbers, with 0 */
  int64_t *place;        /* of each number */
  double *value;
  double *time; /* when the front comes; below 0 around what is marked */
  uint8_t *state, *kind;
  Spot *heap;
  int64_t waiting, room;
  double latest; /* beyond it the front around what is marked need not go */
  Near *near;
  int64_t near_count;
  int64_t *row, row_side[3], row_step[3]; /* the table of rows: numbers of those around a voxel, at its x */
} March;

static int64_t number(const March *job, int64_t place) {
  const uint64_t word = job->bits[place >> 6], before = ((uint64_t)1 << (place & 63)) - 1;
  return word >> (place & 63) & 1 ? job->first[place >> 6] + __builtin_popcountll(word & before) : 0;
}

/* The number of the neighbour along an axis: along x those kept lie beside each other, and end with voxels of the rim.
 */
static int64_t beside(const March *job, int64_t at, int axis, int side) {
  return axis == 0 ? at + side : number(job, job->place[at] + side * job->stride[axis]);
}

/* ---- the earliest spot first; of equal ones the first in the box */

static bool before(const Spot *a, const Spot *b) {
  return a->time < b->time || (a->time == b->time && a->at < b->at);
}

static bool push(March *job, double time, int64_t at, CmError **err) {
  if (job->waiting == job->room) {
    const int64_t room = job->room ? 2 * job->room : 1024;
    Spot *heap = cm_alloc_array(job->hole->ctx, (size_t)room, sizeof(Spot), err);
    if (!heap) return false;
    for (int64_t i = 0; i < job->waiting; i++) heap[i] = job->heap[i];
    cm_free(job->heap);
    job->heap = heap;
    job->room = room;
  }
  int64_t i = job->waiting++;
  const Spot spot = {time, at};
  for (; i > 0 && before(&spot, &job->heap[(i - 1) / 2]); i = (i - 1) / 2) job->heap[i] = job->heap[(i - 1) / 2];
  job->heap[i] = spot;
  return true;
}

static Spot pop(March *job) {
  const Spot top = job->heap[0], last = job->heap[--job->waiting];
  int64_t i = 0;
  for (int64_t child; (child = 2 * i + 1) < job->waiting; i = child) {
    if (child + 1 < job->waiting && before(&job->heap[child + 1], &job->heap[child])) child++;
    if (!before(&job->heap[child], &last)) break;
    job->heap[i] = job->heap[child];
  }
  job->heap[i] = last;
  return top;
}

/* ---- times */

/* The time at which a front of speed 1 comes from the neighbours that are KNOWN: |gradient| = 1 with differences
 * towards the earliest ones, of as many axes as agree. */
static double arrival(const March *job, int64_t at) {
  double time[3], step[3];
  int count = 0;
  for (int axis = 0; axis < 3; axis++) {
    double first = INFINITY;
    if (job->step[axis] == 0.0) continue;
    for (int side = -1; side <= 1; side += 2) {
      const int64_t next = beside(job, at, axis, side);
      if (job->state[next] == KNOWN && job->time[next] < first) first = job->time[next];
    }
    if (first == INFINITY) continue;
    int k = count++;
    for (; k > 0 && time[k - 1] > first; k--) {
      time[k] = time[k - 1];
      step[k] = step[k - 1];
    }
    time[k] = first;
    step[k] = job->step[axis];
  }
  double a = 0.0, b = 0.0, c = -1.0, found = INFINITY;
  for (int k = 0; k < count && found > time[k]; k++) {
    const double w = 1.0 / (step[k] * step[k]);
    a += w;
    b += w * time[k];
    c += w * time[k] * time[k];
    const double root = b * b - a * c;
    if (root >= 0.0) found = (b + sqrt(root)) / a;
  }
  return found;
}

static bool reach(March *job, int64_t at, int kind, CmError **err) {
  for (int axis = 0; axis < 3; axis++)
    for (int side = -1; side <= 1 && job->step[axis] > 0.0; side += 2) {
      const int64_t next = beside(job, at, axis, side);
      if (job->kind[next] != kind || job->state[next] == KNOWN) continue;
      const double time = arrival(job, next);
      if ((job->state[next] == BAND && !(time < job->time[next])) || (kind == AROUND && time > job->latest)) continue;
      job->state[next] = BAND;
      job->time[next] = time;
      if (!push(job, time, next, err)) return false;
    }
  return true;
}

/* ---- values */

/* The slope of a field from those of the neighbours that are KNOWN, x voxels along a row of the table. */
static void slopes(const March *job, const double *field, const int64_t *row, int64_t x, double to[3]) {
  for (int axis = 0; axis < 3; axis++) {
    to[axis] = 0.0;
    if (job->step[axis] == 0.0) continue;
    const int64_t here = row[0] + x, before = axis ? row[-job->row_step[axis]] + x : here - 1,
                  after = axis ? row[job->row_step[axis]] + x : here + 1;
    const bool low = job->state[before] == KNOWN, high = job->state[after] == KNOWN;
    if (low || high)
      to[axis] = (field[high ? after : here] - field[low ? before : here]) / ((low + high) * job->step[axis]);
  }
}

/* The rows around a voxel. Those beyond the box are of no voxel that is KNOWN. */
static const int64_t *look_around(const March *job, int64_t at) {
  int64_t *row = job->row;
  for (int64_t z = -job->row_side[2]; z <= job->row_side[2]; z++)
    for (int64_t y = -job->row_side[1]; y <= job->row_side[1]; y++) {
      const int64_t place = job->place[at] + y * job->stride[1] + z * job->stride[2];
      *row++ = place < 0 || place >= job->places ? 0 : number(job, place);
    }
  return job->row + job->row_side[1] * job->row_step[1] + job->row_side[2] * job->row_step[2];
}

static double value_of(const March *job, int64_t at) {
  const int64_t *row = look_around(job, at);
  double way[3], sum = 0.0, weights = 0.0;
  slopes(job, job->time, row, 0, way);
  for (int64_t k = 0; k < job->near_count; k++) {
    const Near *near = &job->near[k];
    const int64_t from = row[near->row] + near->x;
    if (job->state[from] != KNOWN) continue;
    double slope[3];
    slopes(job, job->value, row + near->row, near->x, slope);
    const double along = fabs(way[0] * near->r[0] + way[1] * near->r[1] + way[2] * near->r[2]);
    const double w = (along > 0.01 ? along : 1e-6) * near->weight / (1.0 + fabs(job->time[from] - job->time[at]));
    sum += w * (job->value[from] + slope[0] * near->r[0] + slope[1] * near->r[1] + slope[2] * near->r[2]);
    weights += w;
  }
  return sum / weights;
}

/* ---- what is kept */

static void set_bits(uint64_t *bits, int64_t begin, int64_t end) {
  for (; begin < end && begin % 64; begin++) bits[begin / 64] |= (uint64_t)1 << begin % 64;
  for (; begin + 64 <= end; begin += 64) bits[begin / 64] = ~(uint64_t)0;
  for (; begin < end; begin++) bits[begin / 64] |= (uint64_t)1 << begin % 64;
}

/* Where a row of the hole begins in the box with the rim. */
static int64_t row_at(const March *job, int64_t y, int64_t z) {
  return job->rim[0] + (y + job->rim[1]) * job->stride[1] + (z + job->rim[2]) * job->stride[2];
}

/* `far` voxels along x around the marks of a row. */
static void keep_row(const March *job, const uint8_t *marked, int64_t y, int64_t z, int64_t far) {
  const int64_t n = job->hole->size[0], start = row_at(job, y, z) - job->rim[0];
  int64_t done = 0;
  for (int64_t x = cm__next_mark(marked, 0, n); x < n; x = cm__next_mark(marked, x + 1, n)) {
    const int64_t at = x + job->rim[0], begin = at - far > done ? at - far : done;
    const int64_t end = at + far + 1 < job->side[0] ? at + far + 1 : job->side[0];
    set_bits(job->bits + start / 64, begin, end);
    done = end;
  }
}

/* Bits spread `far` rows (axis 1) or slices (axis 2) to both sides, in steps that double. */
static void spread(const March *job, int axis, int64_t far) {
  const int64_t lines = job->side[axis], words = job->stride[axis] / 64;
  const int64_t block = lines * words, all = job->places / 64;
  for (int64_t done = 0, step; done < far; done += step) {
    step = done + 1 < far - done ? done + 1 : far - done;
    for (uint64_t *from = job->bits; from < job->bits + all; from += block)
      for (int64_t i = block - 1; i >= step * words; i--) from[i] |= from[i - step * words];
  }
  for (int64_t done = 0, step; done < far; done += step) {
    step = done + 1 < far - done ? done + 1 : far - done;
    for (uint64_t *from = job->bits; from < job->bits + all; from += block)
      for (int64_t i = 0; i < block - step * words; i++) from[i] |= from[i + step * words];
  }
}

/* All that a front can come to before `latest`, from voxels beside marks on: each of its steps takes at least as long
 * as one along all axes at once. And one more, which stands for the rim. Values are taken from no further. */
static bool keep(March *job, CmError **err) {
  const CmHole *hole = job->hole;
  const uint8_t *marked = hole->marked;
  double sum = 0.0;
  int64_t far[3];
  for (int axis = 0; axis < 3; axis++)
    if (job->step[axis] > 0.0) sum += 1.0 / (job->step[axis] * job->step[axis]);
  for (int axis = 0; axis < 3; axis++) {
    const double most = job->latest * sqrt(sum) + 2.0;
    far[axis] = most < (double)job->side[axis] ? (int64_t)most : job->side[axis] - 1;
  }
  for (int64_t z = 0; z < hole->size[2]; z++)
    for (int64_t y = 0; y < hole->size[1]; y++, marked += hole->size[0]) keep_row(job, marked, y, z, far[0]);
  spread(job, 1, far[1]);
  spread(job, 2, far[2]);
  job->count = 1;
  for (int64_t k = 0; k < job->places / 64; k++) {
    job->first[k] = job->count;
    job->count += __builtin_popcountll(job->bits[k]);
  }
  job->value = cm_alloc_array(hole->ctx, (size_t)job->count, 2 * sizeof(double) + sizeof(int64_t), err);
  job->state = cm_calloc(hole->ctx, (size_t)job->count, 2, err);
  if (!job->value || !job->state) return false;
  job->time = job->value + job->count;
  job->place = (int64_t *)(job->time + job->count);
  job->kind = job->state + job->count;
  return true;
}

/* ---- the march */

static bool list_near(March *job, double radius, CmError **err) {
  int64_t all = 1, rows = 1;
  for (int axis = 0; axis < 3; axis++) {
    all *= 2 * job->rim[axis] + 1;
    job->row_side[axis] = axis && job->step[axis] > 0.0 ? job->rim[axis] + 1 : 0;
    job->row_step[axis] = rows;
    rows *= 2 * job->row_side[axis] + 1;
  }
  job->row = cm_alloc_array(job->hole->ctx, (size_t)rows, sizeof(int64_t), err);
  job->near = cm_alloc_array(job->hole->ctx, (size_t)all, sizeof(Near), err);
  if (!job->row || !job->near) return false;
  for (int64_t k = 0; k < all; k++) {
    Near near = {.row = 0};
    int64_t rest = k, apart = 0;
    double squared = 0.0;
    for (int axis = 0; axis < 3; axis++) {
      const int64_t d = rest % (2 * job->rim[axis] + 1) - job->rim[axis];
      rest /= 2 * job->rim[axis] + 1;
      if (axis)
        near.row += d * job->row_step[axis];
      else
        near.x = d;
      near.r[axis] = -(double)d * job->step[axis];
      squared += near.r[axis] * near.r[axis];
      apart += d * d;
    }
    if (apart == 0 || (apart > 1 && squared > radius * radius * (1.0 + 1e-9))) continue;
    near.weight = 1.0 / (squared * sqrt(squared));
    job->near[job->near_count++] = near;
  }
  return true;
}

static int64_t next_kept(const March *job, int64_t start, int64_t x, int64_t n) {
  while (x < n && !number(job, start + x)) x += job->bits[(start + x) >> 6] ? 1 : 64 - (start + x) % 64;
  return x < n ? x : n;
}

/* Kinds, places and values of what is kept of a row. */
static void start_row(const March *job, const uint8_t *marked, int64_t y, int64_t z) {
  const int64_t start = row_at(job, y, z), n = job->hole->size[0];
  for (int64_t x = next_kept(job, start, 0, n), end; x < n; x = next_kept(job, start, end, n)) {
    const int64_t at = number(job, start + x);
    end = x;
    while (end < n && number(job, start + end)) end++;
    job->hole->read(job->hole->arg, x, y, z, end - x, job->value + at);
    for (int64_t i = x; i < end; i++) {
      const bool last = job->step[0] > 0.0 && (!number(job, start + i - 1) || !number(job, start + i + 1));
      job->place[at + i - x] = start + i;
      job->kind[at + i - x] = marked[i] ? MARKED : last ? RIM : AROUND;
    }
  }
}

/* What is known and touches what is marked has time 0. */
static void start(March *job) {
  const int64_t *size = job->hole->size;
  const uint8_t *marked = job->hole->marked;
  for (int64_t z = 0; z < size[2]; z++)
    for (int64_t y = 0; y < size[1]; y++, marked += size[0]) start_row(job, marked, y, z);
  for (int64_t i = 0; i < job->count; i++) {
    job->time[i] = INFINITY;
    for (int axis = 0; axis < 3 && job->kind[i] == AROUND; axis++)
      if (job->step[axis] > 0.0 &&
          (job->kind[beside(job, i, axis, -1)] == MARKED || job->kind[beside(job, i, axis, 1)] == MARKED)) {
        job->state[i] = KNOWN;
        job->time[i] = 0.0;
      }
  }
}

static void finish(const March *job) {
  const int64_t *size = job->hole->size;
  const uint8_t *marked = job->hole->marked;
  for (int64_t z = 0; z < size[2]; z++)
    for (int64_t y = 0; y < size[1]; y++, marked += size[0])
      for (int64_t x = cm__next_mark(marked, 0, size[0]); x < size[0]; x = cm__next_mark(marked, x + 1, size[0]))
        job->hole->found(job->hole->arg, x, y, z, job->value[number(job, row_at(job, y, z) + x)]);
}

/* First the times AROUND, which are counted below 0; then inwards, where the MARKED voxels get their values. */
static bool march(March *job, int kind, CmError **err) {
  job->waiting = 0;
  for (int64_t i = 0; i < job->count; i++)
    if (job->state[i] == KNOWN && job->time[i] == 0.0 && !reach(job, i, kind, err)) return false;
  for (int64_t turn = 0; job->waiting > 0; turn++) {
    const Spot spot = pop(job);
    if (turn % 4096 == 0 && cm_context_cancelled(job->hole->ctx, err)) return false;
    if (job->state[spot.at] == KNOWN) continue; /* it was reached earlier */
    job->state[spot.at] = KNOWN;
    if (kind == MARKED) job->value[spot.at] = value_of(job, spot.at);
    if (!reach(job, spot.at, kind, err)) return false;
  }
  return true;
}

/* radius in the finest spacing */
static bool make_box(March *job, double radius, CmError **err) {
  const CmHole *hole = job->hole;
  job->places = 1;
  for (int axis = 0; axis < 3; axis++) {
    const int64_t reach_of = job->step[axis] > 0.0 ? (int64_t)(radius / job->step[axis] + 1e-6) : 0;
    job->rim[axis] = job->step[axis] > 0.0 && reach_of < 1 ? 1 : reach_of;
    /* beyond the box nothing is known */
    job->rim[axis] = job->rim[axis] > hole->size[axis] ? hole->size[axis] : job->rim[axis];
    job->side[axis] = hole->size[axis] + 2 * job->rim[axis];
    job->stride[axis] = job->places;
    job->places *= axis ? job->side[axis] : (job->side[axis] + 63) / 64 * 64;
  }
  job->latest = radius + 2.0;
  job->bits = cm_calloc(hole->ctx, (size_t)job->places / 64, sizeof(uint64_t), err);
  job->first = job->bits ? cm_alloc_array(hole->ctx, (size_t)job->places / 64, sizeof(int64_t), err) : NULL;
  return job->first && keep(job, err) && list_near(job, radius, err);
}

bool cm__hole_march(const CmHole *hole, double radius, CmError **err) {
  March job = {.hole = hole};
  double finest = INFINITY;
  for (int axis = 0; axis < 3; axis++)
    if (hole->dims[axis] > 1 && hole->spacing[axis] < finest) finest = hole->spacing[axis];
  for (int axis = 0; axis < 3; axis++) job.step[axis] = hole->dims[axis] > 1 ? hole->spacing[axis] / finest : 0.0;
  bool ok = make_box(&job, radius / finest, err);
  if (ok) {
    start(&job);
    ok = march(&job, AROUND, err);
    for (int64_t i = 0; i < job.count; i++) {
      if (job.kind[i] != AROUND) continue;
      job.time[i] = job.state[i] == KNOWN ? -job.time[i] : -job.latest;
      job.state[i] = KNOWN;
    }
    ok = ok && march(&job, MARKED, err);
  }
  if (ok) finish(&job);
  cm_free(job.bits);
  cm_free(job.first);
  cm_free(job.value);
  cm_free(job.state);
  cm_free(job.heap);
  cm_free(job.near);
  cm_free(job.row);
  return ok;
}
