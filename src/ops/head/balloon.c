#include "ops/head/balloon.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/measure/gather.h"

enum { CUTS = 4, SLOTS = 32768 }; /* slots: over three per edge before the last cut */

static void unit(double v[3]) {
  const double length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  for (int k = 0; k < 3 && length > 0.0; k++) v[k] /= length;
}

static void icosahedron(CmBalloon *b) {
  static const int32_t faces[20][3] = {{0, 11, 5}, {0, 5, 1},  {0, 1, 7},   {0, 7, 10}, {0, 10, 11},
                                       {1, 5, 9},  {5, 11, 4}, {11, 10, 2}, {10, 7, 6}, {7, 1, 8},
                                       {3, 9, 4},  {3, 4, 2},  {3, 2, 6},   {3, 6, 8},  {3, 8, 9},
                                       {4, 9, 5},  {2, 4, 11}, {6, 2, 10},  {8, 6, 7},  {9, 8, 1}};
  const double g = 0.5 * (1.0 + sqrt(5.0));
  const double corners[12][3] = {{-1, g, 0},  {1, g, 0},  {-1, -g, 0}, {1, -g, 0}, {0, -1, g},  {0, 1, g},
                                 {0, -1, -g}, {0, 1, -g}, {g, 0, -1},  {g, 0, 1},  {-g, 0, -1}, {-g, 0, 1}};
  memcpy(b->at, corners, sizeof(corners));
  memcpy(b->face, faces, sizeof(faces));
  b->vertices = 12;
  b->faces = 20;
  for (int64_t v = 0; v < b->vertices; v++) unit(b->at[v]);
}

/* The vertex in the middle of an edge, made when its first face asks. slots: key + 1 and vertex of open addressing. */
static int32_t middle(CmBalloon *b, int32_t (*slots)[2], int32_t from, int32_t to) {
  const int32_t low = from < to ? from : to, high = from < to ? to : from, key = low * 4096 + high + 1;
  uint32_t at = (uint32_t)key * 2654435761u >> 17;
  while (slots[at][0] && slots[at][0] != key) at = (at + 1) % SLOTS;
  if (!slots[at][0]) {
    slots[at][0] = key;
    slots[at][1] = (int32_t)b->vertices;
    for (int k = 0; k < 3; k++) b->at[b->vertices][k] = b->at[from][k] + b->at[to][k];
    unit(b->at[b->vertices++]);
  }
  return slots[at][1];
}

/* Each face into four: the three at its corners go behind, the middle one takes its place. */
static void cut(CmBalloon *b, int32_t (*slots)[2]) {
  const int64_t faces = b->faces;
  memset(slots, 0, SLOTS * sizeof(*slots));
  for (int64_t f = 0; f < faces; f++) {
    const int32_t a = b->face[f][0], c = b->face[f][1], e = b->face[f][2];
    const int32_t ac = middle(b, slots, a, c), ce = middle(b, slots, c, e), ea = middle(b, slots, e, a);
    const int32_t parts[4][3] = {{ac, ce, ea}, {a, ac, ea}, {ac, c, ce}, {ea, ce, e}};
    memcpy(b->face[f], parts[0], sizeof(parts[0]));
    memcpy(b->face[b->faces], parts[1], 3 * sizeof(parts[0]));
    b->faces += 3;
  }
}

bool cm__balloon_create(CmContext *ctx, const double centre[3], double radius, CmBalloon *b, CmError **err) {
  const size_t faces = CM_BALLOON_FACES, vertices = faces / 2 + 2;
  *b = (CmBalloon){.vertices = 0};
  b->at = cm_alloc_array(ctx, vertices, sizeof(*b->at), err);
  b->normal = b->at ? cm_alloc_array(ctx, vertices, sizeof(*b->normal), err) : NULL;
  b->mean = b->normal ? cm_alloc_array(ctx, vertices, sizeof(*b->mean), err) : NULL;
  b->face = b->mean ? cm_alloc_array(ctx, faces, sizeof(*b->face), err) : NULL;
  b->scratch = b->face ? cm_alloc_array(ctx, (size_t)cm_context_threads(ctx), sizeof(*b->scratch), err) : NULL;
  int32_t(*slots)[2] = b->scratch ? cm_alloc_array(ctx, SLOTS, sizeof(*slots), err) : NULL;
  if (!slots) return false;
  icosahedron(b);
  for (int k = 0; k < CUTS; k++) cut(b, slots);
  cm_free(slots);
  for (int64_t v = 0; v < b->vertices; v++)
    for (int k = 0; k < 3; k++) b->at[v][k] = centre[k] + radius * b->at[v][k];
  return true;
}

void cm__balloon_free(CmBalloon *b) {
  cm_free(b->at);
  cm_free(b->normal);
  cm_free(b->mean);
  cm_free(b->face);
  cm_free(b->scratch);
  *b = (CmBalloon){.vertices = 0};
}

static void face_normal(const CmBalloon *b, const int32_t face[3], double normal[3]) {
  const double *p = b->at[face[0]], *q = b->at[face[1]], *r = b->at[face[2]];
  const double u[3] = {q[0] - p[0], q[1] - p[1], q[2] - p[2]}, v[3] = {r[0] - p[0], r[1] - p[1], r[2] - p[2]};
  normal[0] = u[1] * v[2] - u[2] * v[1];
  normal[1] = u[2] * v[0] - u[0] * v[2];
  normal[2] = u[0] * v[1] - u[1] * v[0];
}

/* Each edge is walked once in either direction by its two faces: what a vertex's edges lead to are its neighbours. Five
 * or six neighbours a vertex: the first twelve have five. */
double cm__balloon_measure(CmBalloon *b) {
  double length = 0.0;
  memset(b->normal, 0, (size_t)b->vertices * sizeof(*b->normal));
  memset(b->mean, 0, (size_t)b->vertices * sizeof(*b->mean));
  for (int64_t f = 0; f < b->faces; f++) {
    double normal[3];
    face_normal(b, b->face[f], normal);
    for (int corner = 0; corner < 3; corner++) {
      const int32_t from = b->face[f][corner], to = b->face[f][(corner + 1) % 3];
      double square = 0.0;
      for (int k = 0; k < 3; k++) {
        const double d = b->at[to][k] - b->at[from][k];
        square += d * d;
        b->normal[from][k] += normal[k];
        b->mean[from][k] += b->at[to][k];
      }
      length += sqrt(square);
    }
  }
  for (int64_t v = 0; v < b->vertices; v++) {
    unit(b->normal[v]);
    for (int k = 0; k < 3; k++) b->mean[v][k] /= v < 12 ? 5.0 : 6.0;
  }
  return length / (double)(3 * b->faces);
}

/* ---- filling: where the rows of voxels pierce the surface
 * ------------------------------------------------------------------------------------------------------- */

typedef struct Fill {
  const CmBalloon *b;
  const int64_t *n;
  const double *spacing;
  uint8_t *to;
} Fill;

/* x where the line (y, z) along x pierces a face; false where it passes by. Lines are moved by a hair so that they meet
 * no edge of another line's face twice. */
static bool pierce(const CmBalloon *b, const int32_t face[3], double y, double z, double *x) {
  const double *p = b->at[face[0]], *q = b->at[face[1]], *r = b->at[face[2]];
  const double c0 = (q[1] - p[1]) * (z - p[2]) - (q[2] - p[2]) * (y - p[1]);
  const double c1 = (r[1] - q[1]) * (z - q[2]) - (r[2] - q[2]) * (y - q[1]);
  const double c2 = (p[1] - r[1]) * (z - r[2]) - (p[2] - r[2]) * (y - r[1]);
  if (!((c0 > 0.0 && c1 > 0.0 && c2 > 0.0) || (c0 < 0.0 && c1 < 0.0 && c2 < 0.0))) return false;
  *x = (c1 * p[0] + c2 * q[0] + c0 * r[0]) / (c0 + c1 + c2);
  return true;
}

static void fill_row(const Fill *job, CmBalloonRow *scratch, int64_t count, int64_t row, double z) {
  const double y = (double)row * job->spacing[1] + 1.234567e-7;
  uint8_t *to = job->to + row * job->n[0];
  double *x = scratch->hit;
  int64_t hits = 0;
  for (int64_t i = 0; i < count; i++) hits += pierce(job->b, job->b->face[scratch->candidate[i]], y, z, &x[hits]);
  if (hits) cm__sort_reals(x, scratch->spare, hits);
  for (int64_t i = 0; i + 1 < hits; i += 2) {
    const double first = ceil(fmax(x[i] / job->spacing[0], 0.0));
    const double last = floor(fmin(x[i + 1] / job->spacing[0], (double)job->n[0] - 1.0));
    if (first <= last) memset(to + (int64_t)first, 1, (size_t)((int64_t)last - (int64_t)first + 1));
  }
}

static bool fill_planes(void *arg, CmRange range, CmError **err) {
  (void)err;
  Fill job = *(const Fill *)arg;
  const CmBalloon *b = job.b;
  CmBalloonRow *row = &b->scratch[range.worker];
  uint8_t *whole = job.to;
  for (int64_t plane = range.begin; plane < range.end; plane++) {
    const double z = (double)plane * job.spacing[2] + 2.345678e-7;
    int64_t count = 0;
    for (int64_t f = 0; f < b->faces; f++) {
      const double c[3] = {b->at[b->face[f][0]][2], b->at[b->face[f][1]][2], b->at[b->face[f][2]][2]};
      row->candidate[count] = (int32_t)f;
      count += fmin(fmin(c[0], c[1]), c[2]) <= z && fmax(fmax(c[0], c[1]), c[2]) >= z;
    }
    job.to = whole + plane * job.n[0] * job.n[1];
    memset(job.to, 0, (size_t)(job.n[0] * job.n[1]));
    for (int64_t y = 0; count && y < job.n[1]; y++) fill_row(&job, row, count, y, z);
  }
  return true;
}

bool cm__balloon_fill(CmContext *ctx, const CmBalloon *balloon, const int64_t n[3], const double spacing[3],
                      uint8_t *to, CmError **err) {
  Fill job = {.b = balloon, .n = n, .spacing = spacing, .to = to};
  return cm_parallel_for(ctx, NULL, n[2], 1, fill_planes, &job, err);
}
