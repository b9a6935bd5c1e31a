/* Point by point: the faces that a new point sees are replaced by those from it to their rim. In whole numbers, where
 * «sees» is exact, the seen faces always make one patch and no new face is flat. */
#include "ops/hull.h"

#include <math.h>
#include <string.h>

typedef int32_t Point[3];

/* Six times the volume of the tetrahedron: > 0 where d lies on the outer side of face a, b, c. */
static int64_t side_of(const Point a, const Point b, const Point c, const Point d) {
  int64_t u[3], v[3], w[3];
  for (int k = 0; k < 3; k++) {
    u[k] = (int64_t)b[k] - a[k];
    v[k] = (int64_t)c[k] - a[k];
    w[k] = (int64_t)d[k] - a[k];
  }
  return (u[1] * v[2] - u[2] * v[1]) * w[0] + (u[2] * v[0] - u[0] * v[2]) * w[1] + (u[0] * v[1] - u[1] * v[0]) * w[2];
}

static bool on_line(const Point a, const Point b, const Point c) {
  int64_t u[3], v[3];
  for (int k = 0; k < 3; k++) {
    u[k] = (int64_t)b[k] - a[k];
    v[k] = (int64_t)c[k] - a[k];
  }
  return u[1] * v[2] == u[2] * v[1] && u[2] * v[0] == u[0] * v[2] && u[0] * v[1] == u[1] * v[0];
}

static bool add_face(CmHull3 *hull, int32_t a, int32_t b, int32_t c, CmError **err) {
  if (hull->faces == hull->room) {
    const int64_t room = 2 * hull->room + 64;
    void *grown = cm_realloc(hull->ctx, hull->face, (size_t)room * sizeof(*hull->face), err);
    if (!grown) return false;
    hull->face = grown;
    hull->room = room;
  }
  int32_t *face = hull->face[hull->faces++];
  face[0] = a;
  face[1] = b;
  face[2] = c;
  return true;
}

/* Four points that are not in one plane, as the first body. False: there are none. */
static bool first_body(const CmHull3 *hull, int32_t corner[4]) {
  Point *p = hull->point;
  int64_t b = 1, c, d;
  while (b < hull->points && memcmp(p[b], p[0], sizeof(Point)) == 0) b++;
  for (c = b + 1; c < hull->points && on_line(p[0], p[b], p[c]);) c++;
  for (d = c + 1; d < hull->points && side_of(p[0], p[b], p[c], p[d]) == 0;) d++;
  if (d >= hull->points) return false;
  corner[0] = 0;
  corner[1] = (int32_t)b;
  corner[2] = (int32_t)c;
  corner[3] = (int32_t)d;
  if (side_of(p[0], p[b], p[c], p[d]) > 0) { /* the fourth has to lie behind the first three */
    corner[1] = (int32_t)c;
    corner[2] = (int32_t)b;
  }
  return true;
}

/* The edges of the seen faces that no other seen face has the other way round: the rim. */
typedef struct Rim {
  CmContext *ctx;
  int32_t (*edge)[2];
  int64_t count, room;
} Rim;

static bool add_edge(Rim *rim, int32_t from, int32_t to, CmError **err) {
  for (int64_t k = 0; k < rim->count; k++)
    if (rim->edge[k][0] == to && rim->edge[k][1] == from) {
      memcpy(rim->edge[k], rim->edge[--rim->count], sizeof(*rim->edge));
      return true;
    }
  if (rim->count == rim->room) {
    const int64_t room = 2 * rim->room + 64;
    void *grown = cm_realloc(rim->ctx, rim->edge, (size_t)room * sizeof(*rim->edge), err);
    if (!grown) return false;
    rim->edge = grown;
    rim->room = room;
  }
  rim->edge[rim->count][0] = from;
  rim->edge[rim->count++][1] = to;
  return true;
}

static bool add_point(CmHull3 *hull, Rim *rim, int32_t at, CmError **err) {
  Point *p = hull->point;
  int64_t kept = 0;
  rim->count = 0;
  for (int64_t f = 0; f < hull->faces; f++) {
    const int32_t *face = hull->face[f];
    if (side_of(p[face[0]], p[face[1]], p[face[2]], p[at]) <= 0) {
      if (kept != f) memcpy(hull->face[kept], face, sizeof(*hull->face));
      kept++;
      continue;
    }
    for (int k = 0; k < 3; k++)
      if (!add_edge(rim, face[k], face[(k + 1) % 3], err)) return false;
  }
  hull->faces = kept;
  for (int64_t k = 0; k < rim->count; k++)
    if (!add_face(hull, rim->edge[k][0], rim->edge[k][1], at, err)) return false;
  return true;
}

bool cm__hull3_make(CmHull3 *hull, CmError **err) {
  int32_t c[4];
  hull->faces = 0;
  if (hull->points < 4 || !first_body(hull, c)) return true;
  bool ok = add_face(hull, c[0], c[1], c[2], err) && add_face(hull, c[0], c[3], c[1], err) &&
            add_face(hull, c[1], c[3], c[2], err) && add_face(hull, c[2], c[3], c[0], err);
  Rim rim = {.ctx = hull->ctx};
  for (int64_t at = 1; ok && at < hull->points; at++) ok = add_point(hull, &rim, (int32_t)at, err);
  cm_free(rim.edge);
  return ok;
}

void cm__hull3_free(CmHull3 *hull) {
  cm_free(hull->face);
  hull->face = NULL;
  hull->faces = hull->room = 0;
}

void cm__hull3_measure(const CmHull3 *hull, const double scale[3], double *volume, double *area) {
  *volume = *area = 0.0;
  for (int64_t f = 0; f < hull->faces; f++) {
    const int32_t *a = hull->point[hull->face[f][0]], *b = hull->point[hull->face[f][1]],
                  *c = hull->point[hull->face[f][2]], *o = hull->point[0];
    double u[3], v[3];
    for (int k = 0; k < 3; k++) {
      u[k] = scale[k] * (b[k] - a[k]);
      v[k] = scale[k] * (c[k] - a[k]);
    }
    const double x = u[1] * v[2] - u[2] * v[1], y = u[2] * v[0] - u[0] * v[2], z = u[0] * v[1] - u[1] * v[0];
    *area += 0.5 * sqrt(x * x + y * y + z * z);
    *volume -= (double)side_of(a, b, c, o) / 6.0 * scale[0] * scale[1] * scale[2];
  }
}
