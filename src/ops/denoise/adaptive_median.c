#include <math.h>
#include <string.h>

#include "ops/simd.h"
#include "ops/window.h"

typedef struct AdaptiveParams {
  CmReals max_radius;
  int32_t units;
  int32_t border;
  double border_value;
  int32_t type;
} AdaptiveParams;

static const CmParam params[] = {
    CM_PARAM_REALS(AdaptiveParams, max_radius, "3", 1, 50, 1, 3, "",
                   "how far the box may grow, one for all axes or one each for x,y,z"),
    CM_UNITS_PARAM(AdaptiveParams, "voxel"),
    CM_BORDER_PARAMS(AdaptiveParams),
    CM_TYPE_PARAM(AdaptiveParams),
};

enum { MOST_VALUES = 1 << 12 }; /* each is looked at again whenever the box grows */

typedef struct Adaptive {
  int64_t radius[3], most; /* the largest box; of its radii */
} Adaptive;

static inline double ordered(double v) {
  return v == v ? v : INFINITY; /* NaN counts as largest */
}

CM_SIMD static void extend(const double *restrict from, double *restrict low, double *restrict high, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const double v = ordered(from[i]);
    low[i] = v < low[i] ? v : low[i];
    high[i] = v > high[i] ? v : high[i];
  }
}

CM_SIMD static void count_ends(const double *restrict from, const double *restrict low, const double *restrict high,
                               double *restrict lows, double *restrict highs, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const double v = ordered(from[i]);
    lows[i] += v == low[i] ? 1.0 : 0.0;
    highs[i] += v == high[i] ? 1.0 : 0.0;
  }
}

/* The value of rank k (0 the least), by partition; values are moved. */
static double select_rank(double *v, int64_t n, int64_t k) {
  int64_t low = 0, high = n - 1;
  while (low < high) {
    const double pivot = v[(low + high) / 2];
    int64_t i = low, j = high;
    while (i <= j) {
      while (v[i] < pivot) i++;
      while (v[j] > pivot) j--;
      if (i > j) break;
      const double held = v[i];
      v[i++] = v[j];
      v[j--] = held;
    }
    if (k <= j)
      high = j;
    else if (k >= i)
      low = i;
    else
      return v[k];
  }
  return v[k];
}

static int64_t radius_at(const Adaptive *job, int axis, int64_t step) {
  return step < job->radius[axis] ? step : job->radius[axis];
}

/* The values of a box, its ends, and how often it has them. */
typedef struct Box {
  double *values, low, high;
  int64_t count, lows, highs;
} Box;

static void put(Box *box, double v) {
  box->values[box->count++] = v;
  if (v <= box->low) {
    box->lows = v < box->low ? 1 : box->lows + 1;
    box->low = v;
  }
  if (v >= box->high) {
    box->highs = v > box->high ? 1 : box->highs + 1;
    box->high = v;
  }
}

/* What the box around value i of the row has more after `step` than after the step before. */
static void add_shell(const Adaptive *job, const CmWindowRow *row, int64_t i, int64_t step, Box *box) {
  int64_t r[3], p[3];
  for (int axis = 0; axis < 3; axis++) {
    r[axis] = radius_at(job, axis, step);
    p[axis] = step == 1 ? -1 : radius_at(job, axis, step - 1);
  }
  for (int64_t dz = -r[2]; dz <= r[2]; dz++)
    for (int64_t dy = -r[1]; dy <= r[1]; dy++) {
      const double *from = row->near[(dz + job->radius[2]) * (2 * job->radius[1] + 1) + dy + job->radius[1]] + i;
      const bool old = -p[2] <= dz && dz <= p[2] && -p[1] <= dy && dy <= p[1];
      for (int64_t dx = -r[0]; dx <= r[0]; dx++) {
        if (old && dx == -p[0]) dx = p[0] + 1;
        if (dx <= r[0]) put(box, ordered(from[dx * row->components]));
      }
    }
}

static double grow(const Adaptive *job, const CmWindowRow *row, int64_t i, double *values) {
  Box box = {.values = values, .low = INFINITY, .high = -INFINITY};
  const double v = ordered(row->centre[i]);
  for (int64_t step = 1; step <= job->most; step++) {
    add_shell(job, row, i, step, &box);
    if (box.lows > box.count / 2 || box.highs > box.count / 2) continue; /* the median is one of the ends */
    return box.low < v && v < box.high ? v : select_rank(values, box.count, box.count / 2);
  }
  const double median = select_rank(values, box.count, box.count / 2);
  return median == (double)INFINITY && row->centre[i] != row->centre[i] ? row->centre[i] : median;
}

/* The smallest box for a whole row at a time: the median lies between the ends where neither end fills half of it. */
static void adaptive_row(void *arg, const CmWindowRow *row) {
  const Adaptive *job = arg;
  const int64_t n = row->n, c = row->components;
  double *low = row->scratch, *high = low + n, *lows = high + n, *highs = lows + n, *values = highs + n;
  const int64_t rx = radius_at(job, 0, 1), ry = radius_at(job, 1, 1), rz = radius_at(job, 2, 1);
  const double half = (double)((2 * rx + 1) * (2 * ry + 1) * (2 * rz + 1) / 2);
  for (int64_t i = 0; i < n; i++) {
    low[i] = INFINITY;
    high[i] = -INFINITY;
    lows[i] = highs[i] = 0.0;
  }
  for (int pass = 0; pass < 2; pass++)
    for (int64_t dz = -rz; dz <= rz; dz++)
      for (int64_t dy = -ry; dy <= ry; dy++)
        for (int64_t dx = -rx; dx <= rx; dx++) {
          const double *from =
              row->near[(dz + job->radius[2]) * (2 * job->radius[1] + 1) + dy + job->radius[1]] + dx * c;
          if (pass == 0)
            extend(from, low, high, n);
          else
            count_ends(from, low, high, lows, highs, n);
        }
  for (int64_t i = 0; i < n; i++) {
    const double v = row->centre[i];
    const bool between = lows[i] <= half && highs[i] <= half;
    row->to[i] = between && low[i] < v && v < high[i] ? v : grow(job, row, i, values);
  }
}

static bool run(const CmCall *call, CmError **err) {
  const AdaptiveParams *p = call->params;
  const CmImage *image = call->in[0].image;
  Adaptive job = {.most = 1};
  int64_t values = 1;
  if (!cm__axis_radii(&p->max_radius, p->units, image, job.radius, err)) return false;
  for (int axis = 0; axis < 3; axis++) {
    if (job.radius[axis] > job.most) job.most = job.radius[axis];
    values *= 2 * job.radius[axis] + 1;
    if (values > MOST_VALUES) {
      cm_error_set(err, CM_ERR_PARAMETER, "a box of more than %d voxels is too large; give a smaller max_radius",
                   MOST_VALUES);
      return false;
    }
  }
  CmWindow window = {.what = "adaptive_median",
                     .border = (CmBorder)p->border,
                     .border_value = p->border_value,
                     .scratch = 4 * cm__grid(image).row + values,
                     .row = adaptive_row,
                     .arg = &job};
  memcpy(window.radius, job.radius, sizeof(job.radius));
  return cm__window_call(call, &window, cm__out_type(p->type, cm_image_type(image)), err);
}

CM_OP(adaptive_median) = {
    .name = "adaptive_median",
    .family = "denoise",
    .since = "0.2",
    .summary = "Take out impulses with a median whose box grows only where it must.",
    .details =
        "Around each voxel v the box begins with radius 1 and grows while its median is its smallest or largest value, "
        "up "
        "to max_radius. Then v stays if it lies between the smallest and the largest, else it becomes the median; "
        "where the "
        "largest box is reached without that, it becomes the median. So details stay that a median of the same size "
        "would take. "
        "Along an axis whose max_radius is smaller the box stops growing there; it may have 4096 voxels. "
        "Exact. " CM_BORDER_DETAILS CM_FILTER_MASK_DETAILS
        "NaN: counts as infinite, and so is replaced; where the median is infinite, it stays.",
    CM_OP_PARAMS(AdaptiveParams, params),
    CM_FILTER_PORTS,
    .cite =
        "Hwang H, Haddad RA. Adaptive median filters: new algorithms and results. IEEE TIP 4(4), 1995; Gonzalez RC, "
        "Woods RE. Digital Image Processing, 4th ed., section 5.3",
    .examples =
        "cormack adaptive_median xray.png out.png --max_radius 4\n"
        "cormack adaptive_median ct.nii.gz out.nii.gz --max_radius 3,3,1",
    .run = run,
};
