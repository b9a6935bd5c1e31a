#include "ops/chest/canonical.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/lines.h"

/* Pairs each anatomical axis with the source's axis that is nearest to it, the surest pair first. */
static void pair_axes(const CmGeometry *g, int axis[3], bool flip[3]) {
  bool used_row[3] = {false, false, false}, used_column[3] = {false, false, false};
  for (int round = 0; round < 3; round++) {
    double best = -1;
    int r = 0, c = 0;
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++) {
        const double size = fabs(g->direction[3 * i + j]);
        if (!used_row[i] && !used_column[j] && size > best) {
          best = size;
          r = i;
          c = j;
        }
      }
    used_row[r] = used_column[c] = true;
    axis[r] = c;
    flip[r] = g->direction[3 * r + c] < 0;
  }
}

static void set_geometry(Canonical *c, const CmGeometry *from, CmGeometry *to) {
  cm_geometry_default(to);
  double first[3] = {0, 0, 0};
  for (int k = 0; k < 3; k++) {
    const int a = c->axis[k];
    const int64_t *dims = cm_image_dims(c->source);
    to->spacing[k] = from->spacing[a] * (double)c->factor[k];
    const double half = 0.5 * (double)(c->factor[k] - 1);
    first[a] = c->flip[k] ? (double)(dims[a] - 1) - half : half;
    for (int i = 0; i < 3; i++) to->direction[3 * i + k] = from->direction[3 * i + a] * (c->flip[k] ? -1 : 1);
    c->mm[k] = to->spacing[k];
  }
  cm_geometry_to_physical(from, first, to->origin);
  c->voxel_mm3 = c->mm[0] * c->mm[1] * c->mm[2];
}

typedef struct Gather {
  const Canonical *c;
  int64_t step[3], start; /* in voxels of the source */
  double *line;           /* a row of the source for each worker, and a row of sums */
  int64_t line_size;
  int16_t *out;
} Gather;

static int16_t as_hu(double v) {
  return v >= -1024 ? (int16_t)lrint(v < 3071 ? v : 3071) : -1024;
}

static bool gather_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Gather *g = arg;
  const Canonical *c = g->c;
  const CmType type = cm_image_type(c->source);
  const size_t size = cm_type_size(type);
  const uint8_t *data = cm_image_data(c->source);
  double *sum = g->line + range.worker * g->line_size, *row = sum + c->n[0];
  const int64_t fine = c->n[0] * c->factor[0];
  const double scale = 1.0 / (double)(c->factor[0] * c->factor[1] * c->factor[2]);
  for (int64_t r = range.begin; r < range.end; r++) {
    const int64_t y = r % c->n[1], z = r / c->n[1];
    memset(sum, 0, (size_t)c->n[0] * sizeof *sum);
    for (int64_t fz = 0; fz < c->factor[2]; fz++)
      for (int64_t fy = 0; fy < c->factor[1]; fy++) {
        const int64_t at = g->start + (y * c->factor[1] + fy) * g->step[1] + (z * c->factor[2] + fz) * g->step[2];
        if (g->step[0] == 1) {
          cm__line_to_f64(type, data + (size_t)at * size, fine, row);
        } else if (g->step[0] == -1) {
          cm__line_to_f64(type, data + (size_t)(at - fine + 1) * size, fine, row);
          for (int64_t i = 0, j = fine - 1; i < j; i++, j--) {
            const double t = row[i];
            row[i] = row[j];
            row[j] = t;
          }
        } else {
          for (int64_t x = 0; x < fine; x++)
            cm__line_to_f64(type, data + (size_t)(at + x * g->step[0]) * size, 1, row + x);
        }
        for (int64_t x = 0; x < fine; x++) sum[x / c->factor[0]] += as_hu(row[x]);
      }
    for (int64_t x = 0; x < c->n[0]; x++) g->out[r * c->n[0] + x] = (int16_t)lrint(sum[x] * scale);
  }
  return true;
}

static void source_steps(const Canonical *c, int64_t step[3], int64_t *start) {
  const int64_t *d = cm_image_dims(c->source);
  const int64_t stride[3] = {1, d[0], d[0] * d[1]};
  *start = 0;
  for (int k = 0; k < 3; k++) {
    step[k] = c->flip[k] ? -stride[c->axis[k]] : stride[c->axis[k]];
    if (c->flip[k]) *start += stride[c->axis[k]] * (d[c->axis[k]] - 1);
  }
}

bool cm__canonical_make(CmContext *ctx, const CmImage *image, double bin_mm, Canonical *c, CmError **err) {
  memset(c, 0, sizeof *c);
  const int64_t *dims = cm_image_dims(image);
  if (cm_image_rank(image) != 3 || cm_image_components(image) != 1) {
    cm_error_set(err, CM_ERR_DATA, "the image has rank %d and %d components; give a volume x,y,z of one component",
                 cm_image_rank(image), cm_image_components(image));
    return false;
  }
  c->source = image;
  const CmGeometry *from = cm_image_geometry(image);
  pair_axes(from, c->axis, c->flip);
  for (int k = 0; k < 3; k++) {
    const double mm = from->spacing[c->axis[k]];
    c->factor[k] = bin_mm > mm ? (int64_t)floor(bin_mm / mm + 1e-6) : 1;
    if (c->factor[k] > dims[c->axis[k]]) c->factor[k] = dims[c->axis[k]];
    c->n[k] = dims[c->axis[k]] / c->factor[k]; /* what is left over at the far end belongs to the last cell */
  }
  c->voxels = c->n[0] * c->n[1] * c->n[2];
  CmGeometry to;
  set_geometry(c, from, &to);
  c->hu = cm_image_create(ctx, CM_I16, 3, c->n, 1, err);
  if (!c->hu) return false;
  Gather g = {.c = c, .out = cm_image_data_mut(c->hu)};
  source_steps(c, g.step, &g.start);
  g.line_size = c->n[0] * (1 + c->factor[0]);
  bool ok = false;
  if (!cm_image_set_geometry(c->hu, &to, err)) goto done;
  g.line = cm_alloc_array(ctx, (size_t)cm_context_threads(ctx), (size_t)g.line_size * sizeof(double), err);
  if (!g.line) goto done;
  ok = cm_parallel_for(ctx, NULL, c->n[1] * c->n[2], 64, gather_rows, &g, err);
done:
  cm_free(g.line);
  if (!ok) cm__canonical_free(c);
  return ok;
}

void cm__canonical_free(Canonical *c) {
  cm_image_unref(&c->hu);
}

CmImage *cm__canonical_mask(CmContext *ctx, const Canonical *c, CmError **err) {
  return cm_image_create_like(ctx, c->hu, CM_U8, 1, err);
}

int64_t cm__canonical_cell(const Canonical *c, const int64_t source_index[3]) {
  const int64_t *d = cm_image_dims(c->source);
  int64_t at = 0;
  for (int k = 2; k >= 0; k--) {
    const int a = c->axis[k];
    int64_t i = (c->flip[k] ? d[a] - 1 - source_index[a] : source_index[a]) / c->factor[k];
    if (i >= c->n[k]) i = c->n[k] - 1;
    at = at * c->n[k] + i;
  }
  return at;
}

typedef struct Scatter {
  const Canonical *c;
  const uint8_t *labels;
  uint8_t *out;
} Scatter;

static bool scatter_rows(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Scatter *s = arg;
  const int64_t *d = cm_image_dims(s->c->source);
  for (int64_t r = range.begin; r < range.end; r++) {
    int64_t index[3] = {0, r % d[1], r / d[1]};
    for (; index[0] < d[0]; index[0]++) s->out[r * d[0] + index[0]] = s->labels[cm__canonical_cell(s->c, index)];
  }
  return true;
}

bool cm__canonical_back(CmContext *ctx, const Canonical *c, const CmImage *labels, CmImage *out, CmError **err) {
  Scatter s = {c, cm_image_data(labels), cm_image_data_mut(out)};
  const int64_t *d = cm_image_dims(c->source);
  return cm_parallel_for(ctx, NULL, d[1] * d[2], 64, scatter_rows, &s, err);
}
