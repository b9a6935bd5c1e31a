#include "ops/measure/surface.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/measure/gather.h"
#include "ops/measure/mesh.h"
#include "ops/morphology/distance.h"

/* The elements of one set: a code per element that tells its weight, 0 where there is none. */
typedef struct Elements {
  CmImage *code;  /* u8 */
  int64_t *begin; /* elements before plane z; one more: all */
} Elements;

typedef struct Marking {
  const CmSurfaceJob *job;
  const uint8_t *set;
  int64_t n[3];  /* of the set */
  int64_t to[3]; /* of the elements */
  int64_t step[3];
  Elements *out;
} Marking;

/* The code of a cell: bit k is corner k at (k & 1, k >> 1 & 1, k >> 2), axes that are not flat only. */
static uint8_t cell_code(const Marking *m, const uint8_t *at) {
  unsigned code = 0;
  int bit = 0;
  for (int64_t z = 0; z <= !m->job->flat[2]; z++)
    for (int64_t y = 0; y <= !m->job->flat[1]; y++)
      for (int64_t x = 0; x <= !m->job->flat[0]; x++)
        code |= (unsigned)at[x * m->step[0] + y * m->step[1] + z * m->step[2]] << bit++;
  return (uint8_t)(bit > 1 && code == (1u << bit) - 1u ? 0 : code);
}

static uint8_t voxel_code(const Marking *m, const uint8_t *at) {
  bool alone = true, inner = true;
  if (!*at) return 0;
  for (int axis = 0; axis < 3; axis++) {
    if (m->job->flat[axis]) continue;
    alone = false;
    inner = inner && at[m->step[axis]] && at[-m->step[axis]];
  }
  return alone || !inner;
}

static bool mark_planes(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Marking *m = arg;
  for (int64_t z = range.begin; z < range.end; z++) {
    int64_t count = 0;
    for (int64_t y = 0; y < m->to[1]; y++) {
      const uint8_t *from = m->set + (z * m->n[1] + y) * m->n[0];
      uint8_t *code = (uint8_t *)cm_image_data_mut(m->out->code) + (z * m->to[1] + y) * m->to[0];
      for (int64_t x = 0; x < m->to[0]; x++) {
        code[x] = m->job->of == CM_SURFACE_SET       ? from[x]
                  : m->job->of == CM_SURFACE_SURFELS ? cell_code(m, from + x)
                                                     : voxel_code(m, from + x);
        count += code[x] != 0;
      }
    }
    m->out->begin[z + 1] = count;
  }
  return true;
}

static void free_elements(Elements *elements) {
  cm_image_unref(&elements->code);
  cm_free(elements->begin);
  elements->begin = NULL;
}

static bool mark(const CmSurfaceJob *job, const int64_t n[3], const uint8_t *set, Elements *out, CmError **err) {
  Marking m = {.job = job, .set = set, .out = out, .step = {1, n[0], n[0] * n[1]}};
  for (int axis = 0; axis < 3; axis++) {
    m.n[axis] = n[axis];
    m.to[axis] = n[axis] - (job->of == CM_SURFACE_SURFELS && !job->flat[axis]);
  }
  out->code = cm_image_create(job->ctx, CM_U8, 3, m.to, 1, err);
  out->begin = cm_calloc(job->ctx, (size_t)m.to[2] + 1, sizeof(int64_t), err);
  if (!out->code || !out->begin || !cm_parallel_for(job->ctx, NULL, m.to[2], 1, mark_planes, &m, err)) return false;
  for (int64_t z = 0; z < m.to[2]; z++) out->begin[z + 1] += out->begin[z];
  return true;
}

/* The weight of each code. 3D: area of marching cubes, where a face is ambiguous of the smaller surface, as the sets of
 * voxels inside and outside are to have the same (Lorensen and Cline's 15 cases); 2D: length of the lines between the
 * middles of the cell's sides; 1D, and no axis at all: 1. */
static void weigh_codes(const CmSurfaceJob *job, double weight[256]) {
  double side[3];
  int axes = 0;
  for (int axis = 0; axis < 3; axis++)
    if (!job->flat[axis]) side[axes++] = job->spacing[axis];
  for (int code = 0; code < 256; code++) weight[code] = 1.0;
  if (job->of != CM_SURFACE_SURFELS) return;
  if (axes == 3) {
    CmMeshCase cases[256];
    cm__mesh_cases(job->spacing, CM_MESH_CLOSED, cases);
    for (int code = 0; code < 256; code++) weight[code] = fmin(cases[code].area, cases[255 - code].area);
  } else if (axes == 2) {
    const double across = 0.5 * hypot(side[0], side[1]);
    for (int code = 1; code < 15; code++)
      weight[code] = code == 3 || code == 12   ? side[0]
                     : code == 5 || code == 10 ? side[1]
                     : code == 6 || code == 9  ? 2.0 * across
                                               : across;
  }
}

/* ---- distances, as keys that sort by distance and remember the code: whole numbers below 2^40
 * ---------------------------------------------------------- */

static double key_of(float squared, uint8_t code) {
  uint32_t bits;
  memcpy(&bits, &squared, sizeof(bits));
  return (double)((uint64_t)bits << 8 | code);
}

static double distance_of(double key, uint8_t *code) {
  const uint64_t whole = (uint64_t)key;
  const uint32_t bits = (uint32_t)(whole >> 8);
  float squared;
  memcpy(&squared, &bits, sizeof(squared));
  *code = (uint8_t)(whole & 255);
  return sqrt((double)squared);
}

typedef struct Keys {
  const Elements *from;
  const CmImage *squared;
  double *to;
} Keys;

static bool fill_keys(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Keys *keys = arg;
  const int64_t *dims = cm_image_dims(keys->from->code), plane = dims[0] * dims[1];
  const uint8_t *code = cm_image_data(keys->from->code);
  const float *squared = cm_image_data(keys->squared);
  for (int64_t z = range.begin; z < range.end; z++) {
    double *to = keys->to + keys->from->begin[z];
    if (keys->from->begin[z] == keys->from->begin[z + 1]) continue;
    for (int64_t i = z * plane; i < (z + 1) * plane; i++)
      if (code[i]) *to++ = key_of(squared[i], code[i]);
  }
  return true;
}

/* The distance from each element of `from` to the nearest of `to`. */
static bool measure(const CmSurfaceJob *job, const Elements *from, const Elements *to, CmImage *squared, double *keys,
                    CmError **err) {
  CmDistance distance = {.image = to->code, .of = CM_DISTANCE_OUTSIDE, .out = squared};
  Keys fill = {.from = from, .squared = squared, .to = keys};
  memcpy(distance.spacing, job->spacing, sizeof(distance.spacing));
  return cm__distance(job->ctx, &distance, err) &&
         cm_parallel_for(job->ctx, NULL, cm_image_dims(to->code)[2], 1, fill_keys, &fill, err);
}

static double percentile_of(const CmSurfaceJob *job, const double *sorted, int64_t n, const double *weight,
                            double total) {
  uint8_t code;
  if (job->of == CM_SURFACE_SURFELS) {
    double sum = 0.0;
    int64_t i = 0;
    for (; i < n - 1; i++) {
      distance_of(sorted[i], &code);
      sum += weight[code];
      if (sum / total >= job->percentile) break;
    }
    return distance_of(sorted[i], &code);
  }
  const double at = (double)(n - 1) * job->percentile;
  const double low = distance_of(sorted[(int64_t)floor(at)], &code),
               high = distance_of(sorted[(int64_t)ceil(at)], &code);
  return low + (high - low) * (at - floor(at));
}

/* keys: sorted here; spare: room for n. */
static void sum_up(const CmSurfaceJob *job, double *keys, double *spare, int64_t n, const double *weight,
                   CmSurfaceSide *side) {
  uint8_t code;
  *side = (CmSurfaceSide){.weight = 0.0};
  cm__sort_reals(keys, spare, n);
  for (int64_t i = 0; i < n; i++) {
    const double d = distance_of(keys[i], &code);
    side->weight += weight[code];
    side->sum += weight[code] * d;
    if (d <= job->tolerance * (1.0 + 1e-6)) side->within += weight[code];
  }
  side->most = distance_of(keys[n - 1], &code);
  side->percentile = percentile_of(job, keys, n, weight, side->weight);
}

bool cm__surface_distances(const CmSurfaceJob *job, const int64_t n[3], const uint8_t *a, const uint8_t *b,
                           CmSurfaceSide sides[3], CmError **err) {
  Elements of_a = {NULL, NULL}, of_b = {NULL, NULL};
  CmImage *squared = NULL;
  double *keys = NULL, *spare = NULL, weight[256];
  bool ok = false;
  if (!mark(job, n, a, &of_a, err) || !mark(job, n, b, &of_b, err)) goto done;
  const int64_t *dims = cm_image_dims(of_a.code), count_a = of_a.begin[dims[2]], count_b = of_b.begin[dims[2]];
  squared = cm_image_create(job->ctx, CM_F32, 3, dims, 1, err);
  keys = squared ? cm_alloc_array(job->ctx, (size_t)(count_a + count_b), sizeof(double), err) : NULL;
  spare = keys ? cm_alloc_array(job->ctx, (size_t)(count_a + count_b), sizeof(double), err) : NULL;
  if (!spare || !measure(job, &of_a, &of_b, squared, keys, err) ||
      !measure(job, &of_b, &of_a, squared, keys + count_a, err))
    goto done;
  weigh_codes(job, weight);
  sum_up(job, keys, spare, count_a, weight, &sides[0]);
  sum_up(job, keys + count_a, spare, count_b, weight, &sides[1]);
  sum_up(job, keys, spare, count_a + count_b, weight, &sides[2]);
  ok = true;
done:
  free_elements(&of_a);
  free_elements(&of_b);
  cm_image_unref(&squared);
  cm_free(keys);
  cm_free(spare);
  return ok;
}
