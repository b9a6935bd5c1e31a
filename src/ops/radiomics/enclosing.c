#include "ops/radiomics/enclosing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/eigen.h"

typedef struct Corners {
  double (*at)[3];
  int64_t count;
} Corners;

static int by_place(const void *one, const void *other) {
  const double *a = one, *b = other;
  for (int k = 0; k < 3; k++)
    if (a[k] != b[k]) return a[k] < b[k] ? -1 : 1;
  return 0;
}

/* The corners of the faces, each once, in rising order; at NULL on failure. */
static Corners corners_of(const CmHull3 *hull, const double scale[3], CmError **err) {
  Corners corners = {.at = cm_alloc_array(hull->ctx, 3 * (size_t)hull->faces + 1, sizeof(*corners.at), err)};
  if (!corners.at) return corners;
  for (int64_t f = 0; f < 3 * hull->faces; f++)
    for (int k = 0; k < 3; k++) corners.at[f][k] = scale[k] * hull->point[hull->face[f / 3][f % 3]][k];
  qsort(corners.at, 3 * (size_t)hull->faces, sizeof(*corners.at), by_place);
  for (int64_t f = 0; f < 3 * hull->faces; f++)
    if (f == 0 || by_place(corners.at[f], corners.at[corners.count - 1]) != 0)
      memmove(corners.at[corners.count++], corners.at[f], sizeof(*corners.at));
  return corners;
}

/* ---- the box ---- */

typedef struct Flat {
  double u, v;
} Flat;

static int by_u(const void *one, const void *other) {
  const Flat *a = one, *b = other;
  if (a->u != b->u) return a->u < b->u ? -1 : 1;
  return a->v < b->v ? -1 : a->v > b->v;
}

static double turn(const Flat *a, const Flat *b, const Flat *c) {
  return (b->u - a->u) * (c->v - a->v) - (b->v - a->v) * (c->u - a->u);
}

/* The corners of the convex hull of n points (which are sorted), anticlockwise; to: room for 2 n. */
static int64_t flat_hull(Flat *p, int64_t n, Flat *to) {
  int64_t count = 0, floor_ = 1;
  qsort(p, (size_t)n, sizeof(*p), by_u);
  for (int pass = 0; pass < 2; pass++) {
    for (int64_t k = pass; k < n; k++) {
      const Flat *next = &p[pass ? n - 1 - k : k];
      while (count > floor_ && turn(&to[count - 2], &to[count - 1], next) <= 0.0) count--;
      to[count++] = *next;
    }
    floor_ = count;
  }
  return count > 1 ? count - 1 : count; /* the first one came again */
}

/* The rectangle of least area around a convex polygon lies along one of its edges. */
static double least_rectangle(const Flat *p, int64_t n, double side[2]) {
  double least = INFINITY;
  for (int64_t k = 0; k < n; k++) {
    const Flat *a = &p[k], *b = &p[(k + 1) % n];
    const double length = hypot(b->u - a->u, b->v - a->v);
    if (length == 0.0) continue;
    const double c = (b->u - a->u) / length, s = (b->v - a->v) / length;
    double low = INFINITY, high = -INFINITY, up = 0.0;
    for (int64_t i = 0; i < n; i++) {
      const double x = c * (p[i].u - a->u) + s * (p[i].v - a->v), y = c * (p[i].v - a->v) - s * (p[i].u - a->u);
      low = x < low ? x : low;
      high = x > high ? x : high;
      up = y > up ? y : up;
    }
    if ((high - low) * up >= least) continue;
    least = (high - low) * up;
    side[0] = high - low;
    side[1] = up;
  }
  return least;
}

/* Two directions across a face and the one out of it. False for a face without extent. */
static bool face_frame(const CmHull3 *hull, int64_t f, const double scale[3], double frame[3][3]) {
  double *u = frame[0], *v = frame[1], *w = frame[2], b[3], length = 0.0, along = 0.0;
  for (int k = 0; k < 3; k++) {
    const int32_t *face = hull->face[f];
    u[k] = scale[k] * (hull->point[face[1]][k] - hull->point[face[0]][k]);
    b[k] = scale[k] * (hull->point[face[2]][k] - hull->point[face[0]][k]);
    length += u[k] * u[k];
  }
  for (int k = 0; k < 3; k++) u[k] /= sqrt(length);
  for (int k = 0; k < 3; k++) along += u[k] * b[k];
  for (int k = 0; k < 3; k++) v[k] = b[k] - along * u[k];
  length = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
  if (!(length > 0.0)) return false;
  for (int k = 0; k < 3; k++) v[k] /= length;
  for (int k = 0; k < 3; k++) w[k] = u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3];
  return true;
}

/* An edge of the hull and the faces on its sides. */
typedef struct Edge {
  int32_t point[2];
  int64_t face[2];
} Edge;

/* What is seen of a hull from far away is bounded by the edges between a face that is seen and one that is not: of many
 * corners the few that the box's sides can touch. */
typedef struct Outline {
  const CmHull3 *hull;
  const double *scale;
  double (*normal)[3];
  Edge *edge;
  int64_t edges;
  uint8_t *seen;  /* of faces */
  int64_t *taken; /* of points: the face for which they were taken last, + 1 */
  Flat *flat;     /* room for every corner, and for the way around them */
} Outline;

static int by_points(const void *one, const void *other) {
  const Edge *a = one, *b = other;
  for (int k = 0; k < 2; k++)
    if (a->point[k] != b->point[k]) return a->point[k] < b->point[k] ? -1 : 1;
  return 0;
}

/* The edges of all faces, and in pairs those of two neighbours as one. */
static void find_edges(Outline *outline) {
  const CmHull3 *hull = outline->hull;
  int64_t kept = 0;
  for (int64_t f = 0; f < hull->faces; f++)
    for (int k = 0; k < 3; k++) {
      const int32_t a = hull->face[f][k], b = hull->face[f][(k + 1) % 3];
      outline->edge[3 * f + k] = (Edge){{a < b ? a : b, a < b ? b : a}, {f, f}};
    }
  qsort(outline->edge, 3 * (size_t)hull->faces, sizeof(Edge), by_points);
  for (int64_t k = 0; k + 1 < 3 * hull->faces; k += 2, kept++) {
    outline->edge[kept] = outline->edge[k];
    outline->edge[kept].face[1] = outline->edge[k + 1].face[0];
  }
  outline->edges = kept;
}

static void find_normals(Outline *outline) {
  const CmHull3 *hull = outline->hull;
  for (int64_t f = 0; f < hull->faces; f++) {
    const int32_t *a = hull->point[hull->face[f][0]], *b = hull->point[hull->face[f][1]],
                  *c = hull->point[hull->face[f][2]];
    double u[3], v[3];
    for (int k = 0; k < 3; k++) {
      u[k] = outline->scale[k] * (b[k] - a[k]);
      v[k] = outline->scale[k] * (c[k] - a[k]);
    }
    for (int k = 0; k < 3; k++)
      outline->normal[f][k] = u[(k + 1) % 3] * v[(k + 2) % 3] - u[(k + 2) % 3] * v[(k + 1) % 3];
  }
}

static bool outline_open(Outline *outline, int64_t corners, CmError **err) {
  const CmHull3 *hull = outline->hull;
  const size_t faces = (size_t)hull->faces + 1;
  outline->normal = cm_alloc_array(hull->ctx, faces, sizeof(*outline->normal), err);
  outline->edge = outline->normal ? cm_alloc_array(hull->ctx, 3 * faces, sizeof(Edge), err) : NULL;
  outline->seen = outline->edge ? cm_alloc(hull->ctx, faces, err) : NULL;
  outline->taken = outline->seen ? cm_calloc(hull->ctx, (size_t)hull->points + 1, sizeof(int64_t), err) : NULL;
  outline->flat = outline->taken ? cm_alloc_array(hull->ctx, 3 * (size_t)corners + 2, sizeof(Flat), err) : NULL;
  if (!outline->flat) return false;
  find_edges(outline);
  find_normals(outline);
  return true;
}

static void outline_close(Outline *outline) {
  cm_free(outline->normal);
  cm_free(outline->edge);
  cm_free(outline->seen);
  cm_free(outline->taken);
  cm_free(outline->flat);
}

/* The outline as seen along frame[2], across frame[0] and frame[1]; time: another number each time, from 1. */
static int64_t see(const Outline *outline, const double frame[3][3], int64_t time) {
  const CmHull3 *hull = outline->hull;
  int64_t count = 0;
  for (int64_t f = 0; f < hull->faces; f++) {
    const double *n = outline->normal[f];
    outline->seen[f] = n[0] * frame[2][0] + n[1] * frame[2][1] + n[2] * frame[2][2] > 0.0;
  }
  for (int64_t e = 0; e < outline->edges; e++) {
    const Edge *edge = &outline->edge[e];
    for (int end = 0; outline->seen[edge->face[0]] != outline->seen[edge->face[1]] && end < 2; end++) {
      const int32_t at = edge->point[end], *p = hull->point[at];
      if (outline->taken[at] == time) continue;
      outline->taken[at] = time;
      double flat[2] = {0};
      for (int r = 0; r < 2; r++)
        for (int k = 0; k < 3; k++) flat[r] += frame[r][k] * outline->scale[k] * p[k];
      outline->flat[count++] = (Flat){flat[0], flat[1]};
    }
  }
  return count;
}

static double extent_along(const Corners *corners, const double w[3]) {
  double low = INFINITY, high = -INFINITY;
  for (int64_t i = 0; i < corners->count; i++) {
    const double *p = corners->at[i], at = w[0] * p[0] + w[1] * p[1] + w[2] * p[2];
    low = at < low ? at : low;
    high = at > high ? at : high;
  }
  return high - low;
}

bool cm__smallest_box(const CmHull3 *hull, const double scale[3], double side[3], CmError **err) {
  Outline outline = {.hull = hull, .scale = scale};
  Corners corners = corners_of(hull, scale, err);
  const bool ok = corners.at && outline_open(&outline, corners.count, err);
  double least = INFINITY, frame[3][3], flat_side[2] = {0};
  for (int k = 0; k < 3; k++) side[k] = NAN;
  for (int64_t f = 0; ok && f < hull->faces; f++) {
    if (!face_frame(hull, f, scale, frame)) continue;
    const double high = extent_along(&corners, frame[2]);
    const int64_t count = see(&outline, (const double(*)[3])frame, f + 1);
    Flat *around = outline.flat + corners.count;
    const double area = least_rectangle(around, flat_hull(outline.flat, count, around), flat_side);
    if (!(area * high < least)) continue;
    least = area * high;
    memcpy(side, flat_side, sizeof flat_side);
    side[2] = high;
  }
  cm_free(corners.at);
  outline_close(&outline);
  return ok;
}

/* ---- the ellipsoid ---- */

/* The inverse of a positive definite 4 x 4 matrix, by elimination. False where it has none. */
static bool invert4(double m[4][4], double to[4][4]) {
  for (int r = 0; r < 4; r++)
    for (int c = 0; c < 4; c++) to[r][c] = r == c;
  for (int k = 0; k < 4; k++) {
    if (!(m[k][k] > 1e-300)) return false;
    const double pivot = 1.0 / m[k][k];
    for (int c = 0; c < 4; c++) {
      m[k][c] *= pivot;
      to[k][c] *= pivot;
    }
    for (int r = 0; r < 4; r++) {
      const double factor = m[r][k];
      if (r == k || factor == 0.0) continue;
      for (int c = 0; c < 4; c++) {
        m[r][c] -= factor * m[k][c];
        to[r][c] -= factor * to[k][c];
      }
    }
  }
  return true;
}

/* Weighted second moments of (x, y, z, 1). */
static void weigh(const Corners *corners, const double *weight, double m[4][4]) {
  memset(m, 0, 16 * sizeof(double));
  for (int64_t i = 0; i < corners->count; i++) {
    const double p[4] = {corners->at[i][0], corners->at[i][1], corners->at[i][2], 1.0};
    for (int r = 0; r < 4; r++)
      for (int c = 0; c < 4; c++) m[r][c] += weight[i] * p[r] * p[c];
  }
}

static double height(const double inverse[4][4], const double at[3]) {
  const double p[4] = {at[0], at[1], at[2], 1.0};
  double sum = 0.0;
  for (int r = 0; r < 4; r++)
    for (int c = 0; c < 4; c++) sum += p[r] * inverse[r][c] * p[c];
  return sum;
}

enum { MOST_STEPS = 20000 };

/* Moves weight to the corner that lies furthest out, or away from the one furthest in. False: done, or no way on. */
static bool step(const Corners *corners, double *weight) {
  double m[4][4], inverse[4][4], far = -1.0, near = INFINITY;
  int64_t out = 0, in = -1;
  weigh(corners, weight, m);
  if (!invert4(m, inverse)) return false;
  for (int64_t i = 0; i < corners->count; i++) {
    const double h = height((const double(*)[4])inverse, corners->at[i]);
    if (h > far) {
      far = h;
      out = i;
    }
    if (weight[i] > 0.0 && h < near) {
      near = h;
      in = i;
    }
  }
  const double above = far / 4.0 - 1.0, below = 1.0 - near / 4.0;
  if (above < 1e-7 && below < 1e-7) return false;
  if (above < 1e-7 && in < 0) return false;
  const bool away = below > above;
  const int64_t at = away ? in : out;
  const double h = away ? near : far;
  double by = (h - 4.0) / (4.0 * (h - 1.0));
  const double all = -weight[at] / (1.0 - weight[at]); /* takes its weight to 0 */
  if (away && (h <= 1.0 || by < all)) by = all;
  for (int64_t i = 0; i < corners->count; i++) weight[i] *= 1.0 - by;
  weight[at] = fmax(0.0, weight[at] + by);
  return true;
}

bool cm__smallest_ellipsoid(const CmHull3 *hull, const double scale[3], double half[3], CmError **err) {
  static const int pair[6][2] = {{0, 0}, {1, 1}, {2, 2}, {0, 1}, {0, 2}, {1, 2}};
  Corners corners = corners_of(hull, scale, err);
  double *weight = corners.at ? cm_alloc_array(hull->ctx, (size_t)corners.count + 1, sizeof(*weight), err) : NULL;
  for (int k = 0; k < 3; k++) half[k] = NAN;
  if (weight && corners.count > 3) {
    double m[4][4], spread[6];
    for (int64_t i = 0; i < corners.count; i++) weight[i] = 1.0 / (double)corners.count;
    for (int k = 0; k < MOST_STEPS && step(&corners, weight); k++) continue;
    weigh(&corners, weight, m);
    for (int k = 0; k < 6; k++) spread[k] = 3.0 * (m[pair[k][0]][pair[k][1]] - m[pair[k][0]][3] * m[pair[k][1]][3]);
    cm__eigen3(spread, half);
    for (int k = 0; k < 3; k++) half[k] = sqrt(fmax(0.0, half[k]));
  }
  cm_free(corners.at);
  cm_free(weight);
  return weight != NULL;
}
