/* LBP3D images: the pattern of samples on a sphere that are not below the voxel, as the norm of its part in each degree
 * of the spherical harmonics, and the kurtosis of the samples. Banerjee J et al. 3D LBP-based rotationally invariant
 * region description. ACCV 2012 Workshops; with PyRadiomics' conventions: the polar angle of a vertex is taken for the
 * azimuth and the other way round, its x, y, z are steps along z, y, x, and squares are not of magnitudes. */
#include <complex.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/radiomics/pyrad_images.h"
#include "ops/transform/warp.h"

#define PI 3.14159265358979323846
enum { MOST_VERTICES = 2562, MARGIN = 32 };

typedef struct Sphere {
  int count;
  double (*vertex)[3]; /* of length 1 */
} Sphere;

/* The vertex halfway between two, made once. */
static int halfway(Sphere *sphere, int a, int b, int first_new) {
  double at[3], length = 0.0;
  for (int k = 0; k < 3; k++) {
    at[k] = sphere->vertex[a][k] + sphere->vertex[b][k];
    length += at[k] * at[k];
  }
  for (int k = 0; k < 3; k++) at[k] /= sqrt(length);
  for (int i = first_new; i < sphere->count; i++)
    if (fabs(sphere->vertex[i][0] - at[0]) + fabs(sphere->vertex[i][1] - at[1]) + fabs(sphere->vertex[i][2] - at[2]) <
        1e-9)
      return i;
  memcpy(sphere->vertex[sphere->count], at, sizeof at);
  return sphere->count++;
}

/* An icosahedron whose triangles are cut into four, as often as asked. */
static bool make_sphere(CmContext *ctx, int subdivisions, Sphere *sphere, CmError **err) {
  static const int corners[20][3] = {{0, 11, 5}, {0, 5, 1},  {0, 1, 7},   {0, 7, 10}, {0, 10, 11},
                                     {1, 5, 9},  {5, 11, 4}, {11, 10, 2}, {10, 7, 6}, {7, 1, 8},
                                     {3, 9, 4},  {3, 4, 2},  {3, 2, 6},   {3, 6, 8},  {3, 8, 9},
                                     {4, 9, 5},  {2, 4, 11}, {6, 2, 10},  {8, 6, 7},  {9, 8, 1}};
  const double t = (1.0 + sqrt(5.0)) / 2.0, scale = 1.0 / sqrt(1.0 + t * t);
  int count = 20;
  sphere->vertex = cm_alloc_array(ctx, MOST_VERTICES, sizeof(*sphere->vertex), err);
  int(*face)[3] = sphere->vertex ? cm_alloc_array(ctx, 20 << 8, sizeof(*face), err) : NULL;
  if (!face) return false;
  for (int i = 0; i < 12; i++) { /* (-1, t, 0), (1, t, 0), (-1, -t, 0), (1, -t, 0), and the same turned */
    const double one = i & 1 ? scale : -scale, other = i & 2 ? -t * scale : t * scale;
    const int turn = i / 4;
    sphere->vertex[i][turn] = one;
    sphere->vertex[i][(turn + 1) % 3] = other;
    sphere->vertex[i][(turn + 2) % 3] = 0.0;
  }
  sphere->count = 12;
  memcpy(face, corners, sizeof corners);
  for (int s = 0; s < subdivisions; s++, count *= 4) {
    const int first_new = sphere->count;
    for (int f = 0; f < count; f++) {
      const int a = face[f][0], b = face[f][1], c = face[f][2];
      const int ab = halfway(sphere, a, b, first_new), bc = halfway(sphere, b, c, first_new),
                ca = halfway(sphere, c, a, first_new);
      const int parts[4][3] = {{ab, bc, ca}, {a, ab, ca}, {b, bc, ab}, {c, ca, bc}};
      memcpy(face[f], parts[0], sizeof parts[0]);
      for (int k = 1; k < 4; k++) memcpy(face[count + 3 * f + k - 1], parts[k], sizeof parts[k]);
    }
  }
  cm_free(face);
  return true;
}

/* P_n^m(x), m >= 0, with the phase of Condon and Shortley, by recursion over n. */
static double legendre(int n, int m, double x) {
  double now = 1.0, before = 0.0;
  for (int k = 1; k <= m; k++) now *= -(2.0 * k - 1.0) * sqrt(1.0 - x * x);
  for (int k = m + 1; k <= n; k++) {
    const double next = ((2.0 * k - 1.0) * x * now - (k + m - 1.0) * before) / (k - m);
    before = now;
    now = next;
  }
  return now;
}

static double complex harmonic(int n, int m, double azimuth, double polar) {
  const int order = m < 0 ? -m : m;
  double norm = (2.0 * n + 1.0) / (4.0 * PI);
  for (int k = n - order + 1; k <= n + order; k++) norm /= k;
  const double value = sqrt(norm) * legendre(n, order, cos(polar)) * (m < 0 && order % 2 ? -1.0 : 1.0);
  return value * (cos(m * azimuth) + sin(m * azimuth) * I);
}

typedef struct Patterns {
  const CmPyradSource *source;
  const CmPyradParams *p;
  Sphere sphere;
  int levels, terms;       /* terms: levels squared; degree n has n^2 ... (n + 1)^2 - 1 */
  double complex *y;       /* terms x vertices */
  double complex *product; /* terms x terms: sums over the vertices of products of two harmonics */
  CmImage **out;           /* a level each, then the kurtosis */
  double *sample;          /* vertices x voxels of the slab */
  int64_t z, planes;       /* the slab in the box */
} Patterns;

static void make_harmonics(Patterns *job) {
  const int vertices = job->sphere.count;
  for (int v = 0; v < vertices; v++) {
    const double *at = job->sphere.vertex[v], z = at[2] > 1.0 ? 1.0 : at[2] < -1.0 ? -1.0 : at[2];
    for (int n = 0, term = 0; n < job->levels; n++)
      for (int m = -n; m <= n; m++, term++)
        job->y[(int64_t)term * vertices + v] = harmonic(n, m, acos(z), atan2(at[1], at[0]));
  }
  for (int a = 0; a < job->terms; a++)
    for (int b = 0; b < job->terms; b++) {
      double complex sum = 0.0;
      for (int v = 0; v < vertices; v++) sum += job->y[(int64_t)a * vertices + v] * job->y[(int64_t)b * vertices + v];
      job->product[a * job->terms + b] = sum;
    }
}

static double kurtosis_of(const double *v, int64_t stride, int n) {
  double mean = 0.0, second = 0.0, fourth = 0.0;
  for (int k = 0; k < n; k++) mean += v[k * stride];
  mean /= n;
  for (int k = 0; k < n; k++) {
    const double d = v[k * stride] - mean;
    second += d * d;
    fourth += d * d * d * d;
  }
  return second > 0.0 ? n * fourth / (second * second) - 3.0 : NAN;
}

static bool describe_rows(void *arg, CmRange range, CmError **err) {
  const Patterns *job = arg;
  const CmPyradSource *s = job->source;
  const int64_t nx = s->size[0], voxels = nx * s->size[1] * job->planes;
  double *own = cm_alloc_array(s->ctx, (size_t)nx, sizeof(*own), err);
  double complex *c = own ? cm_alloc_array(s->ctx, (size_t)job->terms, sizeof(*c), err) : NULL;
  for (int64_t row = range.begin; c && row < range.end; row++) {
    const int64_t lo[3] = {s->lo[0], s->lo[1] + row % s->size[1], s->lo[2] + job->z + row / s->size[1]};
    const int64_t size[3] = {nx, 1, 1}, to = job->z * nx * s->size[1] + row * nx;
    if (!cm__pyrad_values(s->ctx, s->image, lo, size, own, err)) break;
    for (int64_t x = 0; x < nx; x++) {
      const double *sample = job->sample + row * nx + x;
      for (int t = 0; t < job->terms; t++) {
        c[t] = 0.0;
        for (int v = 0; v < job->sphere.count; v++)
          if (sample[v * voxels] >= own[x]) c[t] += job->y[(int64_t)t * job->sphere.count + v];
      }
      for (int n = 0; n < job->levels; n++) {
        double complex sum = 0.0;
        for (int a = n * n; a < (n + 1) * (n + 1); a++)
          for (int b = n * n; b < (n + 1) * (n + 1); b++) sum += c[a] * c[b] * job->product[a * job->terms + b];
        ((double *)cm_image_data_mut(job->out[n]))[to + x] = creal(csqrt(sum));
      }
      ((double *)cm_image_data_mut(job->out[job->levels]))[to + x] = kurtosis_of(sample, voxels, job->sphere.count);
    }
  }
  const bool ok = c != NULL;
  cm_free(own);
  cm_free(c);
  return ok;
}

/* What SciPy stores in an array of the image's type: rounded away from 0, and 0 beyond the outermost voxels. */
static void store_sample(const Patterns *job, const double *from, const double offset[3], double *to) {
  const CmPyradSource *s = job->source;
  const CmType type = cm_image_type(s->image);
  const int64_t *dims = cm_image_dims(s->image);
  int64_t k = 0;
  for (int64_t z = 0; z < job->planes; z++)
    for (int64_t y = 0; y < s->size[1]; y++)
      for (int64_t x = 0; x < s->size[0]; x++, k++) {
        const double at[3] = {(double)(s->lo[0] + x) + offset[0], (double)(s->lo[1] + y) + offset[1],
                              (double)(s->lo[2] + job->z + z) + offset[2]};
        bool in = true;
        for (int axis = 0; axis < 3; axis++) in = in && at[axis] >= 0.0 && at[axis] <= (double)(dims[axis] - 1);
        const double v = in ? from[k] : 0.0;
        to[k] = cm_type_is_integer(type) ? (v > 0.0 ? floor(v + 0.5) : ceil(v - 0.5))
                : type == CM_F32         ? (double)(float)v
                                         : v;
      }
}

/* The samples of all vertices for the voxels of a slab, from the image around it. */
static bool take_samples(Patterns *job, CmError **err) {
  const CmPyradSource *s = job->source;
  CmPyradRoi slab = {
      .ctx = s->ctx, .lo = {s->lo[0], s->lo[1], s->lo[2] + job->z}, .size = {s->size[0], s->size[1], job->planes}};
  const int64_t dims[4] = {s->size[0], s->size[1], job->planes, 1}, voxels = dims[0] * dims[1] * dims[2];
  CmImage *near = cm__pyrad_crop(s->ctx, s->image, &slab, MARGIN + (int64_t)ceil(job->p->lbp3DIcosphereRadius), err);
  bool ok = near != NULL;
  for (int v = 0; ok && v < job->sphere.count; v++) {
    const double *at = job->sphere.vertex[v], r = job->p->lbp3DIcosphereRadius;
    const double offset[3] = {at[2] * r, at[1] * r, at[0] * r};
    CmImage *out = cm_image_create(s->ctx, CM_F64, 3, dims, 1, err);
    CmWarp warp = {.image = near, .interpolation = CM_INTERPOLATE_CUBIC, .out = out};
    for (int k = 0; k < 3; k++) {
      warp.map[4 * k + k] = 1.0;
      warp.map[4 * k + 3] = (double)slab.lo[k] + offset[k];
    }
    ok = out && cm__warp(s->ctx, &warp, err);
    if (ok) store_sample(job, cm_image_data(out), offset, job->sample + v * voxels);
    cm_image_unref(&out);
  }
  cm_image_unref(&near);
  return ok;
}

static bool do_slabs(Patterns *job, CmError **err) {
  const CmPyradSource *s = job->source;
  const int64_t plane = s->size[0] * s->size[1], most = 1 + 8000000 / (plane * job->sphere.count);
  bool ok = true;
  for (job->z = 0; ok && job->z < s->size[2]; job->z += job->planes) {
    job->planes = s->size[2] - job->z < most ? s->size[2] - job->z : most;
    job->sample =
        cm_alloc_array(s->ctx, (size_t)(plane * job->planes) * (size_t)job->sphere.count, sizeof(double), err);
    ok = job->sample && take_samples(job, err) &&
         cm_parallel_for(s->ctx, NULL, s->size[1] * job->planes, 8, describe_rows, job, err);
    cm_free(job->sample);
  }
  return ok;
}

static bool make_out(Patterns *job, CmError **err) {
  job->out = cm_calloc(job->source->ctx, (size_t)job->levels + 1, sizeof(*job->out), err);
  for (int k = 0; job->out && k <= job->levels; k++)
    if (!(job->out[k] = cm__pyrad_box_image(job->source, CM_F64, err))) return false;
  return job->out != NULL;
}

bool cm__pyrad_lbp3d(const CmPyradSource *source, const CmPyradType *type, CmPyradImageFn fn, void *arg,
                     CmError **err) {
  Patterns job = {.source = source, .p = &type->p, .levels = (int)type->p.lbp3DLevels};
  if (cm_image_rank(source->image) < 3) {
    cm_log(source->ctx, CM_LOG_WARNING, "LBP3D needs an image with three axes; it gives none");
    return true;
  }
  job.terms = job.levels * job.levels;
  bool ok = make_sphere(source->ctx, (int)type->p.lbp3DIcosphereSubdivision, &job.sphere, err) &&
            (job.y = cm_alloc_array(source->ctx, (size_t)(job.terms * job.sphere.count), sizeof(*job.y), err)) &&
            (job.product = cm_alloc_array(source->ctx, (size_t)(job.terms * job.terms), sizeof(*job.y), err)) &&
            make_out(&job, err);
  if (ok) make_harmonics(&job);
  ok = ok && do_slabs(&job, err);
  for (int k = 0; job.out && k <= job.levels; k++) {
    char name[32] = "lbp-3D-k";
    if (k < job.levels) snprintf(name, sizeof name, "lbp-3D-m%d", k + 1);
    if (ok)
      ok = cm__pyrad_give(source, type, job.out[k], name, fn, arg, err);
    else
      cm_image_unref(&job.out[k]);
  }
  cm_free(job.out);
  cm_free(job.y);
  cm_free(job.product);
  cm_free(job.sphere.vertex);
  return ok;
}
