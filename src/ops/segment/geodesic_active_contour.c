#include <math.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/segment/snake.h"

enum { PERCENTILE, VALUE };

typedef struct ContourParams {
  CmSnakeParams snake;
  double balloon;
  int32_t thresholds;
  double threshold;
} ContourParams;

static const CmParam params[] = {
    CM_SNAKE_PARAMS(ContourParams, snake, "100", "ball"),
    CM_PARAM_REAL(ContourParams, balloon, 0, -1e6, 1e6, "1",
                  "pressure where the image is above threshold / |balloon|: > 0 grows, < 0 shrinks, 0 none"),
    CM_PARAM_ENUM(ContourParams, thresholds, "percentile|value", "percentile",
                  "whether threshold is a percentile inside the mask or a value"),
    CM_PARAM_REAL(ContourParams, threshold, 40, -1e30, 1e30, "", "where the image is lower the balloon stops"),
};

typedef struct Contour {
  const ContourParams *p;
  double weight[3]; /* of the axes: (finest spacing / spacing)^2 */
  CmBits open;      /* where the balloon pushes */
  CmBits blown;     /* the contour before the balloon, and room for it after */
  double limit;
} Contour;

static bool open_rows(void *arg, CmRange range, CmError **err) {
  const CmSnake *snake = arg;
  const Contour *job = snake->arg;
  const CmType type = cm_image_type(snake->image);
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const void *values = cm__row(snake->image, &snake->grid, snake->t * snake->grid.ny * snake->grid.nz + row);
    uint64_t *to = job->open.word + row * job->open.words;
    for (int64_t w = 0; w < job->open.words; w++) {
      to[w] = 0;
      for (int64_t x = w * 64; x < snake->grid.nx && x < w * 64 + 64; x++)
        to[w] |= (uint64_t)(cm__snake_value(type, values, x) > job->limit) << (x % 64);
    }
  }
  return true;
}

static bool prepare(void *arg, CmSnake *snake, CmError **err) {
  Contour *job = arg;
  const CmGrid *grid = &snake->grid;
  const double *spacing = cm_image_geometry(snake->image)->spacing;
  double finest = INFINITY;
  if (grid->components != 1) {
    cm_error_set(err, CM_ERR_DATA, "the image has %lld components; give the result of inverse_gaussian_gradient of one",
                 (long long)grid->components);
    return false;
  }
  const int64_t n[3] = {grid->nx, grid->ny, grid->nz}, rows = grid->ny * grid->nz;
  for (int axis = 0; axis < 3; axis++)
    if (n[axis] > 1 && spacing[axis] < finest) finest = spacing[axis];
  for (int axis = 0; axis < 3; axis++) job->weight[axis] = finest / spacing[axis] * (finest / spacing[axis]);
  if (job->p->balloon == 0.0) return true;
  job->limit = job->p->threshold;
  const CmPart part = {.image = snake->image,
                       .mask = snake->mask,
                       .row_begin = snake->t * rows,
                       .row_end = (snake->t + 1) * rows,
                       .component = -1};
  const double q = job->p->threshold / 100.0;
  if (job->p->thresholds == PERCENTILE && !cm__part_quantiles(snake->ctx, &part, NULL, &q, 1, &job->limit, err))
    return false;
  job->limit /= fabs(job->p->balloon);
  if (!job->open.word && (!cm__bits_create(snake->ctx, grid->nx, grid->ny, grid->nz, &job->open, err) ||
                          !cm__bits_create(snake->ctx, grid->nx, grid->ny, grid->nz, &job->blown, err)))
    return false;
  return cm_parallel_for(snake->ctx, NULL, rows, snake->chunk, open_rows, snake, err);
}

static void exchange(CmBits *a, CmBits *b) {
  const CmBits swap = *a;
  *a = *b;
  *b = swap;
}

/* Grows or shrinks by one voxel where the balloon pushes. */
static bool blow(void *arg, CmSnake *snake, CmError **err) {
  Contour *job = arg;
  const CmBits *now = &snake->now, *blown = &job->blown;
  const double radii[3] = {now->nx > 1, now->ny > 1, now->nz > 1};
  const int64_t dims[3] = {now->nx, now->ny, now->nz};
  CmElement cube = {.items = NULL};
  if (job->p->balloon == 0.0) return true;
  const bool ok = cm__element_create(snake->ctx, CM_SHAPE_BOX, radii, dims, &cube, err) &&
                  cm__bits_morph(snake->ctx, now, &job->blown, &cube, job->p->balloon < 0.0, true, err);
  cm_free(cube.items);
  for (int64_t w = 0; ok && w < now->words * now->ny * now->nz; w++) {
    const uint64_t open = job->open.word[w];
    blown->word[w] = ((open & blown->word[w]) | (~open & now->word[w])) & snake->allowed.word[w];
  }
  exchange(&snake->now, &job->blown);
  return ok;
}

/* What the contour was is what it was before the balloon. */
static bool remember(void *arg, CmSnake *snake, CmError **err) {
  Contour *job = arg;
  (void)err;
  if (job->p->balloon != 0.0) exchange(&snake->last, &job->blown);
  return true;
}

/* Slopes of the contour and of the image along one axis: differences of the two neighbours, or at the border of voxel
 * and neighbour. */
static double pull(const CmSnake *snake, const int64_t at[3], int axis) {
  const int64_t n[3] = {snake->grid.nx, snake->grid.ny, snake->grid.nz};
  int64_t a[3] = {at[0], at[1], at[2]}, b[3] = {at[0], at[1], at[2]};
  if (n[axis] == 1) return 0.0;
  a[axis] -= a[axis] > 0;
  b[axis] += b[axis] + 1 < n[axis];
  const int set = cm__snake_bit(&snake->now, b[0], b[1], b[2]) - cm__snake_bit(&snake->now, a[0], a[1], a[2]);
  if (set == 0) return 0.0;
  const CmType type = cm_image_type(snake->image);
  const double steps = (double)(b[axis] - a[axis]);
  const int64_t first = snake->t * n[1] * n[2];
  const double va = cm__snake_value(type, cm__row(snake->image, &snake->grid, first + a[2] * n[1] + a[1]), a[0]);
  const double vb = cm__snake_value(type, cm__row(snake->image, &snake->grid, first + b[2] * n[1] + b[1]), b[0]);
  return (vb - va) / steps * ((double)set / steps);
}

static void push(void *arg, const CmSnake *snake, const CmSnakeRow *row) {
  const Contour *job = arg;
  for (int64_t w = 0; w < snake->now.words; w++)
    for (uint64_t word = row->edge[w]; word; word &= word - 1) {
      const int64_t at[3] = {w * 64 + __builtin_ctzll(word), row->y, row->z};
      double force = 0.0;
      for (int axis = 2; axis >= 0; axis--) force += job->weight[axis] * pull(snake, at, axis);
      const uint64_t bit = word & -word;
      if (force > 0.0) row->to[w] |= bit;
      if (force < 0.0) row->to[w] &= ~bit;
    }
}

static bool run(const CmCall *call, CmError **err) {
  const ContourParams *p = call->params;
  Contour job = {.p = p};
  CmSnake snake = {.what = "geodesic_active_contour",
                   .params = &p->snake,
                   .before = blow,
                   .force = push,
                   .after = remember,
                   .arg = &job};
  const bool ok = cm__snake_call(call, &snake, prepare, err);
  cm_free(job.open.word);
  cm_free(job.blown.word);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const ContourParams *p = values;
  if (p->thresholds == VALUE || (p->threshold >= 0.0 && p->threshold <= 100.0)) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "thresholds=percentile needs a threshold between 0 and 100");
  return false;
}

CM_OP(geodesic_active_contour) = {
    .name = "geodesic_active_contour",
    .family = "segment",
    .since = "0.1",
    .summary = "Draw a contour to the edges, by morphological operators.",
    .details =
        "The image is a map that is low at edges, such as the result of inverse_gaussian_gradient. In each step the "
        "balloon first grows (box of 3 voxels a side) or shrinks the contour where the image is above threshold / "
        "|balloon|; then a voxel at the contour goes inside where the sum over the axes of (slope of the image) x "
        "(slope of the contour) is > 0, and outside where it is < 0; slopes are central differences, one-sided at the "
        "border, and with unequal spacings per mm; then the contour is smoothed. " CM_SNAKE_DETAILS
        " NaN: no force where it is a neighbour, and no pressure there.",
    CM_OP_PARAMS(ContourParams, params),
    CM_SNAKE_PORTS,
    .cite =
        "Marquez-Neila P, Baumela L, Alvarez L. A morphological approach to curvature-based evolution of curves "
        "and surfaces. IEEE TPAMI 36(1), 2014, section 5.1; Caselles V, Kimmel R, Sapiro G. Geodesic active "
        "contours. Int J Comput Vis 22(1), 1997",
    .examples =
        "cormack apply ct.nii.gz liver.nii.gz \"inverse_gaussian_gradient sigma=2\" \"geodesic_active_contour "
        "balloon=-1\"\n"
        "cormack geodesic_active_contour edges.nii.gz organ.nii.gz --start seed.nii.gz --balloon 1",
    .check = check,
    .run = run,
};
