/* cormack lungs: both lungs in a chest CT. */
#include <math.h>
#include <string.h>

#include "cormack/op.h"
#include "cormack/parallel.h"
#include "ops/chest/ball.h"
#include "ops/chest/lungs.h"
#include "ops/chest/thorax.h"
#include "ops/segment/holes.h"

#define BIN_MM 1.45

/* Air that is lung: large pieces whose values are those of air and tissue mixed. Gas in stomach and bowel is air alone.
 */
static bool keep_lung_pieces(CmContext *ctx, const Canonical *c, CmImage *lungs, const LungsParams *p, CmError **err) {
  CmComponents found = {0};
  if (!cm__components_find(ctx, lungs, CM_CONNECT_6, CM_COMPONENTS_NONZERO, &found, err)) return false;
  const int16_t *hu = cm_image_data(c->hu);
  int64_t *label = cm_calloc(ctx, (size_t)found.count + 1, sizeof *label, err);
  int64_t *mixed = label ? cm_calloc(ctx, (size_t)found.count + 1, sizeof *mixed, err) : NULL;
  bool ok = false;
  double all_ml = 0;
  if (!mixed) goto done;
  const int64_t rows = found.grid.rows;
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = found.row_begin[r]; k < found.row_begin[r + 1]; k++)
      for (int64_t x = found.runs[k].x0; x < found.runs[k].x1; x++) {
        const int16_t v = hu[r * found.grid.nx + x];
        mixed[found.runs[k].component] += v > -945 && v < -500;
      }
  int64_t largest = 0;
  for (int64_t i = 0; i < found.count; i++)
    if (mixed[i] * 10 > found.items[i].voxels * 3 && found.items[i].voxels > largest) largest = found.items[i].voxels;
  for (int64_t i = 0; i < found.count; i++) {
    const double ml = (double)found.items[i].voxels * c->voxel_mm3 * 1e-3;
    label[i] = mixed[i] * 10 > found.items[i].voxels * 3 && ml >= p->smallest && found.items[i].voxels * 100 >= largest;
    all_ml += label[i] ? ml : 0;
  }
  if (all_ml < p->least) {
    cm_error_set(err, CM_ERR_DATA,
                 "no lung was found: %.3g ml of air within the body look like it; check that this is a chest CT in HU, "
                 "or give «least» below %g ml",
                 all_ml, p->least);
    goto done;
  }
  ok = cm__components_paint(ctx, &found, label, false, lungs, err);
done:
  cm_free(label);
  cm_free(mixed);
  cm__components_free(&found);
  return ok;
}

typedef struct Box {
  int64_t low[3], n[3];
} Box;

static void box_of(const Canonical *c, const uint8_t *labels, uint8_t value, double pad_mm, Box *box) {
  int64_t low[3] = {c->n[0], c->n[1], c->n[2]}, high[3] = {-1, -1, -1};
  for (int64_t i = 0, z = 0; z < c->n[2]; z++)
    for (int64_t y = 0; y < c->n[1]; y++)
      for (int64_t x = 0; x < c->n[0]; x++, i++)
        if (labels[i] == value) {
          const int64_t p[3] = {x, y, z};
          for (int k = 0; k < 3; k++) {
            low[k] = p[k] < low[k] ? p[k] : low[k];
            high[k] = p[k] > high[k] ? p[k] : high[k];
          }
        }
  for (int k = 0; k < 3; k++) {
    const int64_t pad = (int64_t)ceil(pad_mm / c->mm[k]) + 1;
    low[k] = low[k] > pad ? low[k] - pad : 0;
    high[k] = high[k] + pad < c->n[k] ? high[k] + pad : c->n[k] - 1;
    box->low[k] = low[k];
    box->n[k] = high[k] - low[k] + 1;
  }
}

static int64_t box_at(const Canonical *c, const Box *b, int64_t row) {
  return ((row / b->n[1] + b->low[2]) * c->n[1] + row % b->n[1] + b->low[1]) * c->n[0] + b->low[0];
}

/* Vessels at the hilum and nodules at the wall: a closing of each lung by itself. */
static bool close_lung(CmContext *ctx, const Canonical *c, uint8_t *labels, const uint8_t *airway, uint8_t side,
                       double closing_mm, CmError **err) {
  Box b;
  box_of(c, labels, side, closing_mm, &b);
  if (b.n[0] <= 0 || b.n[1] <= 0 || b.n[2] <= 0) return true;
  CmImage *mask = cm_image_create(ctx, CM_U8, 3, b.n, 1, err);
  bool ok = false;
  if (!mask) return false;
  uint8_t *m = cm_image_data_mut(mask);
  for (int64_t r = 0; r < b.n[1] * b.n[2]; r++) {
    const int64_t at = box_at(c, &b, r);
    for (int64_t x = 0; x < b.n[0]; x++) m[r * b.n[0] + x] = labels[at + x] == side;
  }
  if (closing_mm > 0 && !cm__ball(ctx, m, BALL_CLOSE, closing_mm, b.n, c->mm, err)) goto done;
  if (!cm__fill_holes(ctx, mask, CM_CONNECT_6, 0, false, err)) goto done;
  for (int64_t r = 0; r < b.n[1] * b.n[2]; r++) {
    const int64_t at = box_at(c, &b, r);
    for (int64_t x = 0; x < b.n[0]; x++)
      if (m[r * b.n[0] + x] && labels[at + x] == 0 && airway[at + x] != 2) labels[at + x] = side;
  }
  ok = true;
done:
  cm_image_unref(&mask);
  return ok;
}

bool cm__lungs_find(CmContext *ctx, const Canonical *c, const LungsParams *p, CmImage *lungs, CmImage *airway,
                    CmError **err) {
  CmImage *body = cm__canonical_mask(ctx, c, err);
  bool ok = false, trachea = false;
  double centre = 0;
  if (!body || !cm__body_tissue(ctx, c, -300, 3, body, err) ||
      !cm__enclosed_air(ctx, c, body, p->threshold, 3, lungs, err) ||
      !cm__airway_find(ctx, c, body, lungs, airway, &trachea, &centre, err))
    goto done;
  uint8_t *m = cm_image_data_mut(lungs);
  const uint8_t *a = cm_image_data(airway);
  for (int64_t i = 0; i < c->voxels; i++) m[i] = m[i] && !a[i];
  if (!cm__gas_erase(ctx, c, lungs, err) || !keep_lung_pieces(ctx, c, lungs, p, err) ||
      !cm__lungs_split(ctx, c, lungs, centre, err))
    goto done;
  for (uint8_t side = 1; side <= 2; side++)
    if (!close_lung(ctx, c, m, a, side, p->closing, err)) goto done;
  ok = true;
done:
  cm_image_unref(&body);
  return ok;
}

/* Voxels of the source at the border of the labels are decided by their own value. */
typedef struct Refine {
  const Canonical *c;
  const uint8_t *labels, *airway;
  double threshold;
  uint8_t *out;
} Refine;

static uint8_t near_label(const Canonical *c, const uint8_t *labels, int64_t cell, bool *mixed) {
  const int64_t nx = c->n[0], ny = c->n[1], p[3] = {cell % nx, cell / nx % ny, cell / (nx * ny)},
                step[3] = {1, nx, nx * ny};
  uint8_t other = 0;
  *mixed = false;
  for (int k = 0; k < 3; k++)
    for (int side = -1; side < 2; side += 2) {
      if (p[k] + side < 0 || p[k] + side >= c->n[k]) continue;
      const uint8_t l = labels[cell + side * step[k]];
      if (l != labels[cell]) *mixed = true;
      if (l && !other) other = l;
    }
  return labels[cell] ? labels[cell] : other;
}

static bool refine_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Refine *f = arg;
  const int64_t *d = cm_image_dims(f->c->source);
  const int16_t *coarse = cm_image_data(f->c->hu);
  for (int64_t r = range.begin; r < range.end; r++) {
    int64_t index[3] = {0, r % d[1], r / d[1]};
    for (; index[0] < d[0]; index[0]++) {
      const int64_t cell = cm__canonical_cell(f->c, index), at = r * d[0] + index[0];
      bool mixed;
      const uint8_t near = near_label(f->c, f->labels, cell, &mixed);
      uint8_t label = f->labels[cell];
      if (mixed && near && f->airway[cell] != 2) {
        const bool air = cm_image_value(f->c->source, at) < f->threshold;
        if (air)
          label = near;
        else if (label && coarse[cell] < f->threshold)
          label = 0; /* the cell was lung for its air, and this voxel has none */
      }
      f->out[at] = label;
    }
  }
  return true;
}

static bool name_lungs(CmImage *image, CmError **err) {
  return cm_image_set_label(image, 1, "lung_right", (const uint8_t[]){86, 180, 233}, err) &&
         cm_image_set_label(image, 2, "lung_left", (const uint8_t[]){230, 159, 0}, err);
}

static bool run(const CmCall *call, CmError **err) {
  const LungsParams *p = call->params;
  CmContext *ctx = call->ctx;
  Canonical c;
  if (!cm__canonical_make(ctx, call->in[0].image, BIN_MM, &c, err)) return false;
  bool ok = false;
  CmImage *lungs = cm__canonical_mask(ctx, &c, err), *airway = lungs ? cm__canonical_mask(ctx, &c, err) : NULL;
  CmImage *out = airway ? cm_image_create_like(ctx, call->in[0].image, CM_U8, 1, err) : NULL;
  if (!out || !cm__lungs_find(ctx, &c, p, lungs, airway, err)) goto done;
  if (c.factor[0] * c.factor[1] * c.factor[2] == 1) {
    if (!cm__canonical_back(ctx, &c, lungs, out, err)) goto done;
  } else {
    Refine f = {&c, cm_image_data(lungs), cm_image_data(airway), p->threshold, cm_image_data_mut(out)};
    const int64_t *d = cm_image_dims(out);
    if (!cm_parallel_for(ctx, NULL, d[1] * d[2], 64, refine_rows, &f, err)) goto done;
  }
  if (!name_lungs(out, err) || !cm_image_set_unit(out, "1", err)) goto done;
  if (call->wanted[1]) {
    CmImage *tree = cm_image_create_like(ctx, call->in[0].image, CM_U8, 1, err);
    if (!tree || !cm__canonical_back(ctx, &c, airway, tree, err) || !cm_image_set_unit(tree, "1", err) ||
        !cm_image_set_label(tree, 1, "bronchi", (const uint8_t[]){0, 158, 115}, err) ||
        !cm_image_set_label(tree, 2, "trachea_and_main_bronchi", (const uint8_t[]){0, 114, 178}, err)) {
      cm_image_unref(&tree);
      goto done;
    }
    call->out[1] = cm_value_labels(tree);
  }
  call->out[0] = cm_value_labels(out);
  out = NULL;
  ok = true;
done:
  cm_image_unref(&out);
  cm_image_unref(&lungs);
  cm_image_unref(&airway);
  cm__canonical_free(&c);
  return ok;
}

static const CmParam params[] = {
    CM_PARAM_REAL(LungsParams, threshold, -400, -900, -100, "HU", "what is below counts as air"),
    CM_PARAM_REAL(LungsParams, closing, 10, 0, 40, "mm",
                  "radius of the ball that closes vessels at the hilum and nodules at the wall into the lung"),
    CM_PARAM_REAL(LungsParams, smallest, 5, 0, 5000, "ml", "pieces of lung smaller than this are left out"),
    CM_PARAM_REAL(LungsParams, least, 50, 0, 5000, "ml",
                  "less lung than this in all is an error: the image shows no chest"),
};
static const CmPort inputs[] = {{.name = "ct", .kind = CM_KIND_IMAGE, .help = "chest CT in HU, any orientation"}};
static const CmPort outputs[] = {
    {.name = "lungs", .kind = CM_KIND_LABELS, .help = "1 right lung, 2 left lung"},
    {.name = "airways",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .help = "1 bronchi, 2 trachea and main bronchi with their wall"},
};

/* The description is the one place where defaults stand. */
bool cm__lungs_default_params(CmContext *ctx, LungsParams *p, CmError **err) {
  void *made = cm_params_create(ctx, cm_op_find("lungs"), err);
  if (!made) return false;
  memcpy(p, made, sizeof *p);
  cm_free(made);
  return true;
}

CM_OP(lungs) = {
    .name = "lungs",
    .family = "chest",
    .since = "0.1",
    .summary = "Segment both lungs in a chest CT.",
    .details =
        "Labels: 1 lung_right, 2 lung_left (the patient's sides). Vessels within the lungs and nodules at their walls "
        "belong to them; trachea, main "
        "bronchi, gas in stomach and bowel, and the air around the body and in the table do not. Steps: body by "
        "threshold, opening and largest piece; "
        "air that the body encloses on at least three sides of the axial slice; trachea as a chain of round sections, "
        "followed at rising thresholds "
        "until it leaks; pieces whose values mix air and tissue; left and right by erosion and watershed of the "
        "distance map; closing of each lung "
        "by a ball. Works on any orientation; scans finer than 1.45 mm are worked on in bins and decided voxel by "
        "voxel at the border. No lung is an error.",
    CM_OP_PARAMS(LungsParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .tolerance = 0,
    .cite =
        "Hu, Hoffman, Reinhardt, IEEE Trans Med Imaging 20 (2001) 490; Mori et al., Proc SPIE 2433 (1995) 231; "
        "Vincent, Soille, IEEE PAMI 13 (1991) 583",
    .examples =
        "cormack lungs ct.nii.gz lungs.nii.gz\ncormack lungs series/ lungs.nii.gz --closing 12 --airways "
        "airways.nii.gz",
    .run = run,
};
