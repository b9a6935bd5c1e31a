#include <math.h>
#include <string.h>

#include "ops/simd.h"
#include "ops/window.h"

typedef struct LbpParams {
  int64_t points;
  double radius;
  int32_t method, plane, border;
  double border_value;
} LbpParams;

enum { MOST_POINTS = 32, TABLE_POINTS = 16 };
typedef enum Method { METHOD_DEFAULT, METHOD_UNIFORM, METHOD_ROR, METHOD_NRI_UNIFORM, METHOD_VAR } Method;

static const CmParam params[] = {
    CM_PARAM_INT(LbpParams, points, 8, 2, MOST_POINTS, "1", "how many neighbours, on a circle"),
    CM_PARAM_REAL(LbpParams, radius, 1.0, 0.1, 100, "voxel", "of the circle"),
    CM_PARAM_ENUM(LbpParams, method, "default|uniform|ror|nri_uniform|var", "default",
                  "the pattern as a number (default); how many neighbours are bright, if they lie together, which does "
                  "not change when the image is turned (uniform), the least number of all rotations (ror), uniform "
                  "patterns told apart by their direction (nri_uniform), or the neighbours' variance (var)"),
    CM_PARAM_ENUM(LbpParams, plane, "xy|xz|yz", "xy", "in which plane the circle lies"),
    CM_BORDER_PARAMS(LbpParams),
};

static const CmPort outputs[] = {
    {.name = "patterns",
     .kind = CM_KIND_IMAGE,
     .components = true,
     .help = "u8, u16 or u32, the least that holds all; var: f32"},
};

/* A neighbour between up to four voxels. */
typedef struct Point {
  int64_t dx[4], row[4]; /* columns, and rows of CmWindowRow.near */
  double along, across;  /* how far it lies from the first to the second, and from the first to the third */
} Point;

typedef struct Lbp {
  Point point[MOST_POINTS];
  int count;
  Method method;
  const double *table; /* [2^count]: pattern to value; NULL: too many */
} Lbp;

/* ---- patterns to values ---------------------------------------------------------------------------------------- */

static uint32_t turn(uint32_t pattern, int count) {
  return pattern >> 1 | (pattern & 1u) << (count - 1);
}

static int ones(uint32_t pattern) {
  int n = 0;
  for (; pattern; pattern &= pattern - 1) n++;
  return n;
}

static int first_one(uint32_t pattern) {
  int at = 0;
  while (!(pattern >> at & 1u)) at++;
  return at;
}

/* Uniform patterns by their ones, and by how far they are turned; then all others. */
static int directed(uint32_t pattern, int count, int n) {
  const uint32_t all = count == 32 ? UINT32_MAX : (1u << count) - 1u;
  if (n == 0) return 0;
  if (n == count) return count * (count - 1) + 1;
  const int first = first_one(pattern), turned = first ? count - first : n - first_one(~pattern & all);
  return 1 + (n - 1) * count + turned;
}

static double value_of(uint32_t pattern, int count, Method method) {
  if (method == METHOD_DEFAULT || method == METHOD_VAR) return pattern;
  if (method == METHOD_ROR) {
    uint32_t least = pattern;
    for (int k = 1; k < count; k++) {
      pattern = turn(pattern, count);
      least = pattern < least ? pattern : least;
    }
    return least;
  }
  const bool uniform = ones(pattern ^ turn(pattern, count)) <= 2;
  const int n = ones(pattern);
  if (method == METHOD_UNIFORM) return uniform ? n : count + 1;
  return uniform ? directed(pattern, count, n) : count * (count - 1) + 2;
}

static CmType result_type(const LbpParams *p) {
  const int n = (int)p->points;
  if (p->method == METHOD_VAR) return CM_F32;
  if (p->method == METHOD_UNIFORM) return CM_U8;
  if (p->method == METHOD_NRI_UNIFORM) return n * (n - 1) + 2 > UINT8_MAX ? CM_U16 : CM_U8;
  return n <= 8 ? CM_U8 : n <= 16 ? CM_U16 : CM_U32;
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

/* Neighbour minus centre: 0 where all is flat, whatever the rounding. */
CM_SIMD static void between(const double *const from[4], const double *centre, double along, double across, int64_t n,
                            double *to) {
  if (along == 0.0 && across == 0.0) {
    for (int64_t i = 0; i < n; i++) to[i] = from[0][i] - centre[i];
    return;
  }
  for (int64_t i = 0; i < n; i++) {
    const double a = (from[0][i] - centre[i]) + along * (from[1][i] - from[0][i]);
    const double b = (from[2][i] - centre[i]) + along * (from[3][i] - from[2][i]);
    to[i] = a + across * (b - a);
  }
}

CM_SIMD static void add_bit(const double *difference, double bit, int64_t n, double *pattern) {
  for (int64_t i = 0; i < n; i++) pattern[i] += difference[i] >= 0.0 ? bit : 0.0;
}

CM_SIMD static void add_moments(const double *difference, int64_t n, double *sum, double *squares) {
  for (int64_t i = 0; i < n; i++) {
    sum[i] += difference[i];
    squares[i] += difference[i] * difference[i];
  }
}

static void to_variance(const double *sum, double count, int64_t n, double *squares) {
  for (int64_t i = 0; i < n; i++) {
    const double mean = sum[i] / count, variance = squares[i] / count - mean * mean;
    squares[i] = variance < 0.0 ? 0.0 : variance;
  }
}

static void lbp_row(void *arg, const CmWindowRow *row) {
  const Lbp *job = arg;
  double *difference = row->scratch, *sum = difference + row->n;
  memset(row->to, 0, (size_t)row->n * sizeof(double));
  memset(sum, 0, (size_t)row->n * sizeof(double));
  for (int k = 0; k < job->count; k++) {
    const Point *p = &job->point[k];
    const double *from[4];
    for (int at = 0; at < 4; at++) from[at] = row->near[p->row[at]] + p->dx[at] * row->components;
    between(from, row->centre, p->along, p->across, row->n, difference);
    if (job->method == METHOD_VAR)
      add_moments(difference, row->n, sum, row->to);
    else
      add_bit(difference, ldexp(1.0, k), row->n, row->to);
  }
  if (job->method == METHOD_VAR)
    to_variance(sum, job->count, row->n, row->to);
  else if (job->table)
    for (int64_t i = 0; i < row->n; i++) row->to[i] = job->table[(uint32_t)row->to[i]];
  else if (job->method != METHOD_DEFAULT)
    for (int64_t i = 0; i < row->n; i++) row->to[i] = value_of((uint32_t)row->to[i], job->count, job->method);
}

/* ---- the circle ------------------------------------------------------------------------------------------------ */

/* To 5 decimals, so that what should lie on a voxel does. */
static double place(double radius, double of_circle) {
  return rint(radius * of_circle * 1e5) / 1e5;
}

static Point make_point(const LbpParams *p, const int64_t radius[3], int k) {
  static const int axes[3][2] = {{0, 1}, {0, 2}, {1, 2}};
  const double angle = 2.0 * 3.14159265358979323846 * k / (double)p->points;
  const double at[2] = {place(p->radius, cos(angle)), -place(p->radius, sin(angle))};
  const double low[2] = {floor(at[0]), floor(at[1])};
  Point point = {.along = at[0] - low[0], .across = at[1] - low[1]};
  for (int corner = 0; corner < 4; corner++) {
    int64_t d[3] = {0, 0, 0};
    d[axes[p->plane][0]] = (int64_t)low[0] + (corner % 2 && point.along > 0.0);
    d[axes[p->plane][1]] = (int64_t)low[1] + (corner / 2 && point.across > 0.0);
    point.dx[corner] = d[0];
    point.row[corner] = (d[2] + radius[2]) * (2 * radius[1] + 1) + d[1] + radius[1];
  }
  return point;
}

static double *make_table(CmContext *ctx, const LbpParams *p, CmError **err) {
  double *table = cm_alloc_array(ctx, (size_t)1 << p->points, sizeof(double), err);
  for (uint32_t k = 0; table && k < 1u << p->points; k++) table[k] = value_of(k, (int)p->points, (Method)p->method);
  return table;
}

static const bool in_plane[3][3] = {{true, true, false}, {true, false, true}, {false, true, true}};

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const LbpParams *p = values;
  (void)image;
  for (int axis = 0; axis < 3; axis++) to[axis] = in_plane[p->plane][axis] ? (int64_t)ceil(p->radius) : 0;
  return p->border != CM_BORDER_WRAP;
}

static bool run(const CmCall *call, CmError **err) {
  const LbpParams *p = call->params;
  Lbp lbp = {.count = (int)p->points, .method = (Method)p->method};
  CmWindow job = {.what = "local binary patterns",
                  .border = (CmBorder)p->border,
                  .border_value = p->border_value,
                  .blank = true,
                  .scratch = 2 * cm__grid(call->in[0].image).row,
                  .row = lbp_row,
                  .arg = &lbp};
  double *table = NULL;
  reach(p, call->in[0].image, job.radius);
  for (int k = 0; k < lbp.count; k++) lbp.point[k] = make_point(p, job.radius, k);
  if (lbp.count <= TABLE_POINTS && p->method != METHOD_DEFAULT && p->method != METHOD_VAR) {
    table = make_table(call->ctx, p, err);
    if (!table) return false;
    lbp.table = table;
  }
  bool ok = cm__window_call(call, &job, result_type(p), err);
  if (ok && p->method != METHOD_VAR) ok = cm_image_set_unit(call->out[0].image, "1", err);
  cm_free(table);
  return ok;
}

CM_OP(local_binary_patterns) = {
    .name = "local_binary_patterns",
    .family = "texture",
    .since = "0.2",
    .summary = "Describe the texture around each voxel by which neighbours are brighter.",
    .details =
        "Neighbour k lies at angle 2 pi k / points on the circle, from the first axis of the plane against the second "
        "one (right, then up, in a picture), between voxels linearly interpolated, in voxels whatever the spacing. It "
        "gives 2^k where it is at least as bright as the centre. default: their sum. ror: the least of its cyclic "
        "shifts. uniform: the number of bright neighbours where going around the circle at most 2 steps go from dark "
        "to "
        "bright or back, else points + 1. nri_uniform: points (points - 1) + 3 values: uniform patterns by their "
        "number of ones and their direction, the last for all others. var: the variance of the neighbours, which tells "
        "the contrast that patterns leave out. In 3D the circle lies in the plane given: xy describes each slice by "
        "itself; xy, xz and yz together (operation stack) are the three orthogonal planes of LBP-TOP. A histogram of "
        "the patterns in a region describes its texture. Border: as in all filters; scikit-image takes constant 0. "
        "Mask: "
        "voxels outside get 0; neighbourhoods inside still see them. NaN is darker than all.",
    CM_OP_PARAMS(LbpParams, params),
    .inputs = cm__filter_inputs,
    .input_count = 2,
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 1e-6,
    .cite =
        "Ojala T, Pietikainen M, Maenpaa T. Multiresolution gray-scale and rotation invariant texture classification "
        "with local binary patterns. IEEE Trans PAMI 24(7), 2002; Zhao G, Pietikainen M. Dynamic texture recognition "
        "using local binary patterns. IEEE Trans PAMI 29(6), 2007 (LBP-TOP)",
    .examples =
        "cormack local_binary_patterns xray.png patterns.png --method uniform\n"
        "cormack local_binary_patterns ct.nii.gz xz.nii.gz --points 16 --radius 2 --method ror --plane xz",
    .reach = reach,
    .run = run,
};
