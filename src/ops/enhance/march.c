#include <math.h>

#include "cormack/context.h"
#include "ops/enhance/hole.h"

/* Voxels lie in a box with a rim, which is never reached, as wide as values are taken from: nothing asks where it is.
 */
enum { RIM, AROUND, MARKED };
/* INSIDE: not reached; BAND: reached, its time may still fall; KNOWN */
enum { INSIDE, BAND, KNOWN };

typedef struct Spot {
  double time;
  int64_t at;
} Spot;

typedef struct Near {
  int64_t step;        /* in the box */
  double r[3], weight; /* from there to here, in the finest spacing; 1 / |r|^3 */
} Near;

typedef struct March {
  const CmHole *hole;
  int64_t rim[3], stride[3], voxels;
  double step[3]; /* between voxels, in the finest spacing; 0: an axis of one voxel */
  double *value;
  double *time; /* when the front comes; below 0 around what is marked */
  uint8_t *state, *kind;
  Spot *heap;
  int64_t waiting, room;
  double latest; /* beyond it the front around what is marked need not go */
  Near *near;
  int64_t near_count;
} March;

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
      const int64_t next = at + side * job->stride[axis];
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
      const int64_t next = at + side * job->stride[axis];
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

/* The slope of a field at a voxel from those of its neighbours that are KNOWN. */
static void slopes(const March *job, const double *field, int64_t at, double to[3]) {
  for (int axis = 0; axis < 3; axis++) {
    to[axis] = 0.0;
    if (job->step[axis] == 0.0) continue;
    const int64_t stride = job->stride[axis];
    const bool low = job->state[at - stride] == KNOWN, high = job->state[at + stride] == KNOWN;
    if (low || high)
      to[axis] = (field[high ? at + stride : at] - field[low ? at - stride : at]) / ((low + high) * job->step[axis]);
  }
}

static double value_of(const March *job, int64_t at) {
  double way[3], sum = 0.0, weights = 0.0;
  slopes(job, job->time, at, way);
  for (int64_t k = 0; k < job->near_count; k++) {
    const Near *near = &job->near[k];
    const int64_t from = at + near->step;
    if (job->state[from] != KNOWN) continue;
    double slope[3];
    slopes(job, job->value, from, slope);
    const double along = fabs(way[0] * near->r[0] + way[1] * near->r[1] + way[2] * near->r[2]);
    const double w = (along > 0.01 ? along : 1e-6) * near->weight / (1.0 + fabs(job->time[from] - job->time[at]));
    sum += w * (job->value[from] + slope[0] * near->r[0] + slope[1] * near->r[1] + slope[2] * near->r[2]);
    weights += w;
  }
  return sum / weights;
}

/* ---- the march */

static bool list_near(March *job, double radius, CmError **err) {
  int64_t all = 1;
  for (int axis = 0; axis < 3; axis++) all *= 2 * job->rim[axis] + 1;
  job->near = cm_alloc_array(job->hole->ctx, (size_t)all, sizeof(Near), err);
  if (!job->near) return false;
  for (int64_t k = 0; k < all; k++) {
    Near near = {.step = 0};
    int64_t rest = k, apart = 0;
    double squared = 0.0;
    for (int axis = 0; axis < 3; axis++) {
      const int64_t d = rest % (2 * job->rim[axis] + 1) - job->rim[axis];
      rest /= 2 * job->rim[axis] + 1;
      near.step += d * job->stride[axis];
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

/* Where a row of the hole begins in the box with the rim. */
static int64_t row_at(const March *job, int64_t y, int64_t z) {
  return job->rim[0] + (y + job->rim[1]) * job->stride[1] + (z + job->rim[2]) * job->stride[2];
}

/* The box of the hole with its rim: kinds and values; what is known and touches what is marked has time 0. */
static void start(March *job) {
  const int64_t *size = job->hole->size;
  const uint8_t *marked = job->hole->marked;
  for (int64_t z = 0; z < size[2]; z++)
    for (int64_t y = 0; y < size[1]; y++, marked += size[0]) {
      const int64_t at = row_at(job, y, z);
      job->hole->read(job->hole->arg, 0, y, z, size[0], job->value + at);
      for (int64_t x = 0; x < size[0]; x++) job->kind[at + x] = marked[x] ? MARKED : AROUND;
    }
  for (int64_t i = 0; i < job->voxels; i++) {
    job->time[i] = INFINITY;
    for (int axis = 0; axis < 3 && job->kind[i] == AROUND; axis++)
      if (job->step[axis] > 0.0 &&
          (job->kind[i - job->stride[axis]] == MARKED || job->kind[i + job->stride[axis]] == MARKED)) {
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
      for (int64_t x = 0; x < size[0]; x++)
        if (marked[x]) job->hole->found(job->hole->arg, x, y, z, job->value[row_at(job, y, z) + x]);
}

/* First the times AROUND, which are counted below 0; then inwards, where the MARKED voxels get their values. */
static bool march(March *job, int kind, CmError **err) {
  job->waiting = 0;
  for (int64_t i = 0; i < job->voxels; i++)
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
  job->voxels = 1;
  for (int axis = 0; axis < 3; axis++) {
    const int64_t reach_of = job->step[axis] > 0.0 ? (int64_t)(radius / job->step[axis] + 1e-6) : 0;
    job->rim[axis] = job->step[axis] > 0.0 && reach_of < 1 ? 1 : reach_of;
    /* beyond the box nothing is known */
    job->rim[axis] = job->rim[axis] > hole->size[axis] ? hole->size[axis] : job->rim[axis];
    job->stride[axis] = job->voxels;
    job->voxels *= hole->size[axis] + 2 * job->rim[axis];
  }
  job->latest = radius + 2.0;
  job->time = cm_alloc_array(hole->ctx, (size_t)job->voxels, 2 * sizeof(double), err);
  job->state = cm_calloc(hole->ctx, (size_t)job->voxels, 2, err);
  if (!job->time || !job->state) return false;
  job->value = job->time + job->voxels;
  job->kind = job->state + job->voxels;
  return list_near(job, radius, err);
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
    for (int64_t i = 0; i < job.voxels; i++) {
      if (job.kind[i] != AROUND) continue;
      job.time[i] = job.state[i] == KNOWN ? -job.time[i] : -job.latest;
      job.state[i] = KNOWN;
    }
    ok = ok && march(&job, MARKED, err);
  }
  if (ok) finish(&job);
  cm_free(job.time);
  cm_free(job.state);
  cm_free(job.heap);
  cm_free(job.near);
  return ok;
}
