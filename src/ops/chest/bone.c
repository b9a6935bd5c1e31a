/* cormack bone: the skeleton in a CT. */
#include <math.h>
#include <string.h>

#include "cormack/op.h"
#include "cormack/parallel.h"
#include "ops/chest/ball.h"
#include "ops/chest/thorax.h"
#include "ops/morphology/grey.h"
#include "ops/segment/holes.h"
#include "ops/segment/hysteresis.h"

enum { FILL_NONE, FILL_CLOSED, FILL_MARROW, FILL_SLICE };

typedef struct BoneParams {
  double lower, upper, reach, edge, rim, closing;
  int32_t fill;
  double marrow, smallest;
  bool table;
} BoneParams;

/* Work on the canonical grid, a byte a voxel. */
typedef struct Bone {
  CmContext *ctx;
  const BoneParams *p;
  const Canonical *c;
  const int16_t *hu;
  uint8_t *bone;
} Bone;

/* 1 weak, 2 strong, inside the body. */
static void classify(const Bone *b, const uint8_t *body, uint8_t *to) {
  for (int64_t i = 0; i < b->c->voxels; i++)
    to[i] = (body && !body[i]) ? 0 : b->hu[i] >= b->p->upper ? 2 : b->hu[i] >= b->p->lower;
}

/* Weak voxels that a ball of `reach` around strong ones holds; reach 0: that a path of weak ones leads to. */
static bool grow(const Bone *b, CmImage *classes, CmImage *bone, CmError **err) {
  const uint8_t *class = cm_image_data(classes);
  if (b->p->reach <= 0.0) return cm__hysteresis(b->ctx, classes, CM_CONNECT_26, 1, bone, err);
  for (int64_t i = 0; i < b->c->voxels; i++) b->bone[i] = class[i] == 2;
  if (!cm__ball(b->ctx, b->bone, BALL_DILATE, b->p->reach, b->c->n, b->c->mm, err)) return false;
  for (int64_t i = 0; i < b->c->voxels; i++) b->bone[i] = b->bone[i] && class[i];
  return true;
}

/* Takes away what is nearer to soft tissue than to the densest voxel around: there the blurred shell ends. */
static bool peel(const Bone *b, CmError **err) {
  const double soft = 50.0;
  double radii[3];
  for (int k = 0; k < 3; k++) radii[k] = fmin(b->p->rim / b->c->mm[k], (double)b->c->n[k]);
  CmElement ball = {.items = NULL};
  CmImage *most = cm_image_create(b->ctx, CM_I16, 3, b->c->n, 1, err);
  bool ok = most && cm__element_create(b->ctx, CM_SHAPE_BALL, radii, b->c->n, &ball, err) &&
            cm__morph_grey(b->ctx, b->c->hu, CM_MORPH_DILATE, &ball, false, most, err);
  if (ok) {
    const int16_t *top = cm_image_data(most);
    for (int64_t i = 0; i < b->c->voxels; i++)
      b->bone[i] = b->bone[i] && b->hu[i] >= soft + b->p->edge * (top[i] - soft);
  }
  cm_free(ball.items);
  cm_image_unref(&most);
  return ok;
}

/* Of the pieces of `holes` those whose mean is at least `least` HU become bone. Slices stay apart. */
static bool add_marrow(const Bone *b, CmImage *holes, double least, CmError **err) {
  CmComponents found = {0};
  double *sum = NULL;
  bool ok = false;
  if (!cm__components_find(b->ctx, holes, CM_CONNECT_4, CM_COMPONENTS_NONZERO, &found, err)) goto done;
  sum = cm_calloc(b->ctx, (size_t)found.count, sizeof(double), err);
  if (!sum) goto done;
  for (int pass = 0; pass < 2; pass++)
    for (int64_t r = 0; r < found.grid.rows; r++)
      for (int64_t k = found.row_begin[r]; k < found.row_begin[r + 1]; k++) {
        const CmRun *run = &found.runs[k];
        const bool add = pass && sum[run->component] >= least * (double)found.items[run->component].voxels;
        for (int64_t i = r * found.grid.nx + run->x0; i < r * found.grid.nx + run->x1; i++)
          if (pass == 0)
            sum[run->component] += b->hu[i];
          else if (add)
            b->bone[i] = 1;
      }
  ok = true;
done:
  cm_free(sum);
  cm__components_free(&found);
  return ok;
}

/* The closed shell and all in it becomes bone as far as it lies deeper than the closing reaches. */
static bool add_core(const Bone *b, uint8_t *closed, CmError **err) {
  for (int64_t i = 0; i < b->c->voxels; i++) closed[i] = closed[i] || b->bone[i];
  if (!cm__ball(b->ctx, closed, BALL_ERODE, b->p->closing, b->c->n, b->c->mm, err)) return false;
  for (int64_t i = 0; i < b->c->voxels; i++) b->bone[i] = b->bone[i] || closed[i];
  return true;
}

/* What the shell encloses; gaps of the shell are closed for the question, not in the answer. */
static bool fill(const Bone *b, CmImage *shell, CmImage *work, CmError **err) {
  uint8_t *closed = cm_image_data_mut(shell), *to = cm_image_data_mut(work);
  memcpy(closed, b->bone, (size_t)b->c->voxels);
  if (b->p->closing > 0.0 && !cm__ball(b->ctx, closed, BALL_CLOSE, b->p->closing, b->c->n, b->c->mm, err)) return false;
  memcpy(to, closed, (size_t)b->c->voxels);
  if (!cm__fill_holes(b->ctx, work, CM_CONNECT_6, 0, false, err)) return false;
  for (int64_t i = 0; i < b->c->voxels; i++) {
    b->bone[i] = b->bone[i] || (to[i] && !closed[i]);
    to[i] = closed[i];
  }
  if (b->p->fill != FILL_CLOSED) {
    if (!cm__fill_holes(b->ctx, work, CM_CONNECT_4, 0, false, err)) return false;
    for (int64_t i = 0; i < b->c->voxels; i++) to[i] = to[i] && !closed[i];
    if (!add_marrow(b, work, b->p->fill == FILL_SLICE ? -2000.0 : b->p->marrow, err)) return false;
  }
  return b->p->closing <= 0.0 || add_core(b, closed, err);
}

static bool drop_small(const Bone *b, CmImage *bone, CmError **err) {
  CmComponents found = {0};
  int64_t *label = NULL, kept = 0;
  bool ok = false;
  if (!cm__components_find(b->ctx, bone, CM_CONNECT_26, CM_COMPONENTS_NONZERO, &found, err)) goto done;
  label = cm_calloc(b->ctx, (size_t)found.count, sizeof *label, err);
  if (!label) goto done;
  for (int64_t k = 0; k < found.count; k++)
    kept += label[k] = (double)found.items[k].voxels * b->c->voxel_mm3 >= b->p->smallest;
  if (kept == 0) {
    cm_error_set(
        err, CM_ERR_DATA,
        "no bone was found: no piece of %g mm3 holds %g HU; check that this is a CT in HU, or give lower limits",
        b->p->smallest, b->p->upper);
    goto done;
  }
  ok = cm__components_paint(b->ctx, &found, label, false, bone, err);
done:
  cm_free(label);
  cm__components_free(&found);
  return ok;
}

static bool find_bone(CmContext *ctx, const BoneParams *p, const Canonical *c, CmImage *bone, CmError **err) {
  Bone b = {.ctx = ctx, .p = p, .c = c, .hu = cm_image_data(c->hu), .bone = cm_image_data_mut(bone)};
  CmImage *body = cm__canonical_mask(ctx, c, err), *classes = body ? cm__canonical_mask(ctx, c, err) : NULL;
  bool ok = false;
  if (!classes) goto done;
  if (p->table &&
      (!cm__body_tissue(ctx, c, -300, 3, body, err) || !cm__fill_holes(ctx, body, CM_CONNECT_4, 0, false, err)))
    goto done;
  classify(&b, p->table ? cm_image_data(body) : NULL, cm_image_data_mut(classes));
  if (!grow(&b, classes, bone, err) || (p->edge > 0.0 && !peel(&b, err)) ||
      (p->fill != FILL_NONE && !fill(&b, body, classes, err)) || !drop_small(&b, bone, err))
    goto done;
  ok = true;
done:
  cm_image_unref(&body);
  cm_image_unref(&classes);
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  CmContext *ctx = call->ctx;
  const CmImage *image = call->in[0].image;
  Canonical c = {0};
  CmImage *bone = NULL, *out = NULL;
  bool ok = false;
  if (!cm__canonical_make(ctx, image, 0, &c, err)) goto done;
  bone = cm__canonical_mask(ctx, &c, err);
  out = bone ? cm_image_create_like(ctx, image, CM_U8, 1, err) : NULL;
  if (!out || !find_bone(ctx, call->params, &c, bone, err) || !cm__canonical_back(ctx, &c, bone, out, err) ||
      !cm_image_set_unit(out, "1", err) || !cm_image_set_label(out, 1, "bone", (const uint8_t[]){240, 228, 66}, err))
    goto done;
  call->out[0] = cm_value_labels(out);
  out = NULL;
  ok = true;
done:
  cm_image_unref(&out);
  cm_image_unref(&bone);
  cm__canonical_free(&c);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const BoneParams *p = values;
  if (p->lower <= p->upper) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "lower %g is above upper %g; swap them", p->lower, p->upper);
  return false;
}

static const CmParam params[] = {
    CM_PARAM_REAL(BoneParams, lower, 150, -1024, 3071, "HU", "from here on a voxel near strong ones is bone"),
    CM_PARAM_REAL(BoneParams, upper, 300, -1024, 3071, "HU",
                  "from here on a voxel is bone; above what contrast medium reaches"),
    CM_PARAM_REAL(BoneParams, reach, 6, 0, 50, "mm",
                  "how far from a strong voxel weak ones count; 0: as far as a path of weak ones leads"),
    CM_PARAM_REAL(
        BoneParams, edge, 0.5, 0, 1, "1",
        "where the shell ends: so far up from soft tissue (50 HU) to the densest voxel within `rim`; 0: at the "
        "limits"),
    CM_PARAM_REAL(BoneParams, rim, 3, 0, 20, "mm", "radius of the ball in which that voxel is sought"),
    CM_PARAM_REAL(BoneParams, closing, 2, 0, 20, "mm",
                  "radius of the ball that closes gaps of the shell before filling"),
    CM_PARAM_ENUM(
        BoneParams, fill, "none|closed|marrow|slice", "marrow",
        "what becomes bone as well: nothing, what bone encloses in 3D, also what it encloses in an axial slice "
        "if its mean is at least `marrow` (not the spinal canal), or all that it encloses in a slice"),
    CM_PARAM_REAL(BoneParams, marrow, 80, -1024, 3071, "HU", "least mean of enclosed marrow"),
    CM_PARAM_REAL(BoneParams, smallest, 300, 0, 1e9, "mm3", "smaller pieces are dropped (calcifications, clips)"),
    CM_PARAM_BOOL(BoneParams, table, "true", "find the body first, so that table and clothes are left out"),
};
static const CmPort inputs[] = {{.name = "image", .kind = CM_KIND_IMAGE, .help = "CT in HU"}};
static const CmPort outputs[] = {{.name = "bone", .kind = CM_KIND_LABELS, .help = "1 bone"}};

CM_OP(bone) = {
    .name = "bone",
    .family = "chest",
    .since = "0.1",
    .summary = "Segment the skeleton in a CT.",
    .details =
        "Inside the body (as the operation `body` finds it): voxels of at least `upper` HU and those of at least "
        "`lower` "
        "within `reach` mm of one. Of these, the shell ends where the value falls below `edge` of the way from soft "
        "tissue (50 HU) to the densest voxel within `rim` mm, which is where a blurred edge stands. A closing joins "
        "the "
        "gaps of the shell, what it encloses is filled, and pieces (26 neighbours) below `smallest` mm3 are dropped. "
        "Contrast medium: what stays below `upper` is left out but for a rim of `reach` where it touches bone; where "
        "vessels, kidneys or bladder reach more, raise `upper` (and lower `reach`). Metal counts as bone. The marrow "
        "of a "
        "bone that the image cuts off is not enclosed and may stay open there. The axial slice is found from the "
        "direction matrix. Values are clamped to -1024..3071, NaN to -1024. Memory: 5 bytes per voxel, for closing and "
        "`reach` 9.",
    CM_OP_PARAMS(BoneParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 0,
    .cite =
        "After Kang Y, Engelke K, Kalender WA. A new accurate and precise 3-D segmentation method for skeletal "
        "structures "
        "in volumetric CT data. IEEE Trans Med Imaging 22(5), 2003 (threshold and growth, closed boundary, filling)",
    .examples =
        "cormack bone ct.nii.gz bone.nii.gz\n"
        "cormack bone angiography.nii.gz bone.nii.gz --upper 500 --reach 2",
    .check = check,
    .run = run,
};
