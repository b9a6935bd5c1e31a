/* The cases of marching cubes are made, not listed. On each face of the cube the surface runs around the corners
 * outside (of a face with two opposite corners outside, around each of them alone: what is inside touches at edges),
 * which gives closed polygons and, as the rule looks at the face alone, a closed surface. A polygon that is not flat is
 * cut into the triangles of largest area in a cube of side 1. Lorensen WE, Cline HE. Marching cubes. SIGGRAPH 1987. */
#include "ops/measure/mesh.h"

#include <math.h>
#include <string.h>

/* The corners of each face in turn, seen from outside anticlockwise. */
static const int faces[6][4] = {{0, 4, 6, 2}, {1, 3, 7, 5}, {0, 1, 5, 4}, {2, 6, 7, 3}, {0, 2, 3, 1}, {4, 5, 7, 6}};

/* A number 0..11 for the edge between two corners that differ in one bit. */
static int edge_of(int a, int b) {
  const int bit = a ^ b, low = a & b;
  const int axis = bit >> 1; /* 1, 2, 4 -> 0, 1, 2 */
  const int rest = axis == 0 ? low >> 1 : axis == 1 ? (low & 1) | (low >> 1 & 2) : low & 3;
  return axis * 4 + rest;
}

static void edge_middle(int edge, const double spacing[3], double at[3]) {
  const int axis = edge / 4, rest = edge % 4;
  for (int k = 0, bit = 0; k < 3; k++) at[k] = spacing[k] * (k == axis ? 0.5 : (double)(rest >> bit++ & 1));
}

/* next[e]: the edge that the surface's polygon goes to from edge e; -1: not cut. */
static void link_edges(int inside, int next[12]) {
  for (int e = 0; e < 12; e++) next[e] = -1;
  for (int f = 0; f < 6; f++)
    for (int k = 0; k < 4; k++) {
      const int a = faces[f][k], b = faces[f][(k + 1) & 3];
      if ((inside >> a & 1) || !(inside >> b & 1)) continue;
      /* the walk around the face comes back inside here; before, it left at the start of this run of corners outside */
      int from = k;
      while (!(inside >> faces[f][(from + 3) & 3] & 1)) from = (from + 3) & 3;
      next[edge_of(a, b)] = edge_of(faces[f][(from + 3) & 3], faces[f][from]);
    }
}

static void add_triangle(const double a[3], const double b[3], const double c[3], CmMeshCase *to) {
  double u[3], v[3], normal[3];
  for (int k = 0; k < 3; k++) {
    u[k] = b[k] - a[k];
    v[k] = c[k] - a[k];
  }
  normal[0] = 0.5 * (u[1] * v[2] - u[2] * v[1]);
  normal[1] = 0.5 * (u[2] * v[0] - u[0] * v[2]);
  normal[2] = 0.5 * (u[0] * v[1] - u[1] * v[0]);
  to->area += sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
  for (int k = 0; k < 3; k++) {
    to->along[k] += normal[k];
    to->cone += normal[k] * a[k] / 3.0;
  }
  to->volume += normal[2] * (a[2] + b[2] + c[2]) / 3.0;
}

enum { MOST_CORNERS = 8 };

static double triangle_area(const double (*p)[3], int a, int b, int c) {
  const double u[3] = {p[b][0] - p[a][0], p[b][1] - p[a][1], p[b][2] - p[a][2]};
  const double v[3] = {p[c][0] - p[a][0], p[c][1] - p[a][1], p[c][2] - p[a][2]};
  const double x = u[1] * v[2] - u[2] * v[1], y = u[2] * v[0] - u[0] * v[2], z = u[0] * v[1] - u[1] * v[0];
  return 0.5 * sqrt(x * x + y * y + z * z);
}

/* The triangles between corners first..last: third[first][last] is the corner of the one on that side. */
static void add_part(const double (*p)[3], int third[MOST_CORNERS][MOST_CORNERS], int first, int last, CmMeshCase *to) {
  if (last - first < 2) return;
  const int k = third[first][last];
  add_triangle(p[first], p[k], p[last], to);
  add_part(p, third, first, k, to);
  add_part(p, third, k, last, to);
}

/* PyRadiomics' table cuts a polygon of seven corners into the fan of its symmetric corner: the one from which those to
 * the left are as far as those to the right. */
static int symmetric_corner(const double (*p)[3]) {
  for (int apex = 0; apex < 7; apex++) {
    double worst = 0.0;
    for (int step = 1; step <= 3; step++) {
      double left = 0.0, right = 0.0;
      for (int k = 0; k < 3; k++) {
        const double l = p[(apex + step) % 7][k] - p[apex][k], r = p[(apex + 7 - step) % 7][k] - p[apex][k];
        left += l * l;
        right += r * r;
      }
      worst = fmax(worst, fabs(left - right));
    }
    if (worst < 1e-9) return apex;
  }
  return 0;
}

static void add_fan(const double (*mm)[3], int n, int apex, CmMeshCase *to) {
  for (int k = 1; k + 1 < n; k++) add_triangle(mm[apex], mm[(apex + k) % n], mm[(apex + k + 1) % n], to);
}

/* n corners: in voxels to choose the triangles, in mm to measure them. */
static void add_polygon(const double (*voxel)[3], const double (*mm)[3], int n, CmMeshCase *to) {
  double best[MOST_CORNERS][MOST_CORNERS] = {{0}};
  int third[MOST_CORNERS][MOST_CORNERS] = {{0}};
  for (int apart = 2; apart < n; apart++)
    for (int first = 0; first + apart < n; first++) {
      const int last = first + apart;
      best[first][last] = -1.0;
      for (int k = first + 1; k < last; k++) {
        const double area = best[first][k] + best[k][last] + triangle_area(voxel, first, k, last);
        if (area > best[first][last] + 1e-9) {
          best[first][last] = area;
          third[first][last] = k;
        }
      }
    }
  add_part(mm, third, 0, n - 1, to);
}

static void add_case(int inside, const double spacing[3], CmMeshRule rule, CmMeshCase *to) {
  static const double unit[3] = {1.0, 1.0, 1.0};
  int next[12];
  bool done[12] = {false};
  link_edges(inside, next);
  for (int start = 0; start < 12; start++) {
    double voxel[MOST_CORNERS][3], mm[MOST_CORNERS][3];
    int n = 0;
    for (int e = start; next[e] >= 0 && !done[e] && n < MOST_CORNERS; e = next[e]) {
      done[e] = true;
      edge_middle(e, unit, voxel[n]);
      edge_middle(e, spacing, mm[n++]);
    }
    if (n == 7 && rule == CM_MESH_PYRADIOMICS)
      add_fan((const double(*)[3])mm, n, symmetric_corner((const double(*)[3])voxel), to);
    else if (n > 0)
      add_polygon((const double(*)[3])voxel, (const double(*)[3])mm, n, to);
  }
}

void cm__mesh_cases(const double spacing[3], CmMeshRule rule, CmMeshCase cases[256]) {
  for (int inside = 0; inside < 256; inside++) {
    CmMeshCase *to = &cases[inside];
    *to = (CmMeshCase){0};
    if (rule == CM_MESH_CLOSED || (inside >> 6 & 1)) {
      add_case(inside, spacing, rule, to);
      continue;
    }
    add_case(inside ^ 255, spacing, rule, to);
    for (int k = 0; k < 3; k++) to->along[k] = -to->along[k];
    to->volume = -to->volume;
    to->cone = -to->cone;
  }
}
