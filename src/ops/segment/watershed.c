#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/intensity/stats.h"
#include "ops/segment/bucket_flood.h"
#include "ops/segment/components.h"
#include "ops/segment/flood_queue.h"
#include "ops/segment/rank_flood.h"

#define BLOCKED CM_RANK_BLOCKED /* outside the mask, NaN, or beyond the border */

typedef struct WatershedParams {
  int32_t connectivity;
  double compactness;
  int32_t units;
  bool line;
} WatershedParams;

static const CmParam params[] = {
    CM_PARAM_ENUM(WatershedParams, connectivity, CM_CONNECT_CHOICES, "6",
                  "which voxels touch: by faces (6), also edges (18), also corners (26); each slice by itself: sides "
                  "(4), also corners (8)"),
    CM_PARAM_REAL(WatershedParams, compactness, 0, 0, 1e30, "",
                  "what a voxel of distance to the marker adds to the cost: compact watershed; 0: none"),
    CM_UNITS_PARAM(WatershedParams, "voxel"),
    CM_PARAM_BOOL(WatershedParams, line, "false", "leave a line of 0 between basins"),
};

static const CmPort inputs[] = {
    {.name = "image",
     .kind = CM_KIND_IMAGE,
     .help = "what is flooded from its low values, such as a gradient magnitude"},
    {.name = "markers",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where basins begin: not 0; else in the regional minima"},
    {.name = "mask",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "what is flooded: not 0"},
};
static const CmPort outputs[] = {
    {.name = "labels",
     .kind = CM_KIND_LABELS,
     .help = "each voxel's marker, in the markers' type (without: u16 or u32); 0 where none comes"}};

typedef struct Flood {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *markers, *mask;
  int64_t t;          /* time point */
  int64_t dims[3];    /* without the border of one voxel that is kept around */
  int64_t row, plane; /* steps in y and z of the padded arrays */
  int64_t padded;     /* voxels of them */
  int kind;           /* of levels: 0 u16 (exact), 1 float, 2 double */
  double low;         /* added to levels */
  double compactness, scale[3];
  void *level;
  int32_t *label;
  uint8_t *off; /* for lines: 1 where nothing is flooded any more */
  int neighbours;
  int64_t step[26];
  int delta[26][3];
  CmFloodQueue queue;
  CmBucketFlood bucket; /* one of the two has cells where it does all: level, label and queue are not used then */
  CmRankFlood ranked;
  int64_t ticks;
} Flood;

static int64_t padded_at(const Flood *f, int64_t x, int64_t y, int64_t z) {
  return (z + 1) * f->plane + (y + 1) * f->row + x + 1;
}

enum { TICKS = 1 << 18 };
static bool tick(Flood *f, CmError **err) {
  if (++f->ticks % TICKS) return true;
  const int64_t total = f->dims[0] * f->dims[1] * f->dims[2];
  cm_progress(f->ctx, "watershed", f->ticks < total ? f->ticks : total - 1, total);
  return !cm_context_cancelled(f->ctx, err);
}

/* Does another basin touch the voxel? Then it becomes part of the line. */
static bool on_line(Flood *f, uint32_t index, int32_t label) {
  if (f->off[index]) return true;
  for (int k = 0; k < f->neighbours; k++) {
    const int64_t near = index + f->step[k];
    if (f->off[near] || !f->label[near] || f->label[near] == label) continue;
    f->off[index] = 1;
    return true;
  }
  return false;
}

static void offset_between(const Flood *f, uint32_t index, uint32_t source, int64_t away[3]) {
  away[2] = index / f->plane - source / f->plane;
  away[1] = index % f->plane / f->row - source % f->plane / f->row;
  away[0] = index % f->row - source % f->row;
}

static double distance(const Flood *f, const int64_t away[3], int k) {
  double sum = 0.0;
  for (int axis = 2; axis >= 0; axis--) {
    const double d = (double)(away[axis] + f->delta[k][axis]) * f->scale[axis];
    sum += d * d;
  }
  return sqrt(sum);
}

#define L uint16_t
#define X(name) name##_exact
#include "ops/segment/watershed_tmpl.c"
#define L float
#define X(name) name##_single
#include "ops/segment/watershed_tmpl.c"
#define L double
#define X(name) name##_double
#include "ops/segment/watershed_tmpl.c"
static void (*const pad_row[])(const double *, int64_t, double, void *) = {pad_row_exact, pad_row_single,
                                                                           pad_row_double};
static bool (*const flood[])(Flood *, CmError **) = {flood_exact, flood_single, flood_double};
static const size_t level_size[] = {sizeof(uint16_t), sizeof(float), sizeof(double)};

/* Nearest first; equally near ones in the order of the voxels. */
static void set_neighbours(Flood *f, CmConnect connect) {
  static const int most[] = {
      [CM_CONNECT_6] = 1, [CM_CONNECT_18] = 2, [CM_CONNECT_26] = 3, [CM_CONNECT_4] = 1, [CM_CONNECT_8] = 2};
  const int depth = connect == CM_CONNECT_4 || connect == CM_CONNECT_8 ? 0 : 1;
  f->neighbours = 0;
  for (int near = 1; near <= most[connect]; near++)
    for (int z = -depth; z <= depth; z++)
      for (int y = -1; y <= 1; y++)
        for (int x = -1; x <= 1; x++) {
          if (x * x + y * y + z * z != near) continue;
          const int at = f->neighbours++;
          f->step[at] = z * f->plane + y * f->row + x;
          f->delta[at][0] = x;
          f->delta[at][1] = y;
          f->delta[at][2] = z;
        }
}

/* u32 markers keep their bits. */
static bool label_row(const double *line, const double *marks, const uint8_t *inside, int64_t n, int32_t *label,
                      CmError **err) {
  for (int64_t x = 0; x < n; x++) {
    const bool blocked = !inside[x] || line[x] != line[x];
    label[x] = blocked ? BLOCKED : (int32_t)(uint32_t)(int64_t)marks[x];
    if (blocked || label[x] != BLOCKED) continue;
    cm_error_set(err, CM_ERR_DATA, "a marker has the number %.0f, which cannot be used; number the markers anew",
                 marks[x]);
    return false;
  }
  return true;
}

typedef struct Row {
  double *line, *marks;
  uint8_t *inside;
  int32_t *label;
} Row;

static void put_buckets(const Flood *f, const Row *row, int64_t n, int64_t to) {
  for (int64_t x = 0; x < n; x++)
    f->bucket.cell[to + x] = row->inside[x] ? (uint32_t)(row->line[x] - f->low) << 16 | (uint32_t)row->marks[x]
                                            : (uint32_t)CM_BUCKET_BLOCKED;
}

/* The order of a value in 32 bits; whole numbers count from the lowest, since float merges large ones. */
static uint64_t narrow_key(const Flood *f, double value) {
  return f->kind == 0 ? (uint64_t)(value - f->low) : cm__key_f32(value);
}

static void put_keys(const Flood *f, const Row *row, int64_t n, int64_t to) {
  CmRankCell *cell = f->ranked.cell + to;
  for (int64_t x = 0; x < n; x++) {
    const bool blocked = row->label[x] == BLOCKED; /* its value may be anything */
    cell[x] = (CmRankCell){blocked ? 0 : (uint32_t)narrow_key(f, row->line[x]), row->label[x]};
  }
  for (int64_t x = 0; f->ranked.wide && x < n; x++) f->ranked.wide[to + x] = cm__key_f64(row->line[x]);
}

static void put_levels(const Flood *f, const Row *row, int64_t n, int64_t to) {
  memcpy(f->label + to, row->label, (size_t)n * sizeof(int32_t));
  for (int64_t x = 0; x < n; x++) {
    if (row->label[x] == BLOCKED) row->line[x] = f->low;
    if (f->off) f->off[to + x] = row->label[x] == BLOCKED;
  }
  pad_row[f->kind](row->line, n, f->low, (char *)f->level + (size_t)to * level_size[f->kind]);
}

static bool read_row(const Flood *f, const CmGrid *grid, int64_t at, const Row *to, CmError **err) {
  const int64_t row = at + f->t * grid->ny * grid->nz;
  const CmMask *markers = f->markers;
  cm__line_to_f64(cm_image_type(f->image), cm__row(f->image, grid, row), grid->nx, to->line);
  cm__line_to_f64(cm_image_type(markers->image), cm__row(markers->image, &markers->grid, row % markers->grid.rows),
                  grid->nx, to->marks);
  memset(to->inside, 1, (size_t)grid->nx);
  if (f->mask->image) cm__mask_row(f->mask, row, to->inside);
  return f->bucket.cell || label_row(to->line, to->marks, to->inside, grid->nx, to->label, err);
}

/* Values and markers into the padded arrays, whose border is blocked. */
static bool fill_rows(void *arg, CmRange range, CmError **err) {
  const Flood *f = arg;
  const CmGrid grid = cm__grid(f->image);
  Row row = {.line = cm_alloc_array(f->ctx, (size_t)grid.nx, sizeof(double), err)};
  row.marks = row.line ? cm_alloc_array(f->ctx, (size_t)grid.nx, sizeof(double), err) : NULL;
  row.inside = row.marks ? cm_alloc(f->ctx, (size_t)grid.nx, err) : NULL;
  row.label = row.inside ? cm_alloc_array(f->ctx, (size_t)grid.nx, sizeof(int32_t), err) : NULL;
  bool ok = row.label != NULL;
  for (int64_t at = range.begin; ok && at < range.end; at++) {
    const int64_t to = padded_at(f, 0, at % grid.ny, at / grid.ny);
    ok = read_row(f, &grid, at, &row, err);
    if (ok) (f->bucket.cell ? put_buckets : f->ranked.cell ? put_keys : put_levels)(f, &row, grid.nx, to);
  }
  cm_free(row.line);
  cm_free(row.marks);
  cm_free(row.inside);
  cm_free(row.label);
  return ok;
}

typedef struct Store {
  const Flood *f;
  CmImage *out;
} Store;

static void cells_to_line(const uint32_t *cell, int64_t nx, double *line) {
  for (int64_t x = 0; x < nx; x++) line[x] = (cell[x] & 0xFFFF) == CM_BUCKET_BLOCKED ? 0.0 : (double)(cell[x] & 0xFFFF);
}

static double number_of(int32_t label, CmType type) {
  return label == BLOCKED ? 0.0 : type == CM_U32 ? (double)(uint32_t)label : (double)label;
}

static void labels_to_line(const Flood *f, int64_t from, int64_t nx, CmType type, double *line) {
  for (int64_t x = 0; x < nx; x++)
    line[x] = number_of(f->ranked.cell ? f->ranked.cell[from + x].label : f->label[from + x], type);
}

static bool store_rows(void *arg, CmRange range, CmError **err) {
  const Store *job = arg;
  const Flood *f = job->f;
  const CmGrid grid = cm__grid(job->out);
  const CmType type = cm_image_type(job->out);
  double *line = cm_alloc_array(f->ctx, (size_t)grid.nx, sizeof(double), err);
  for (int64_t at = range.begin; line && at < range.end; at++) {
    const int64_t from = padded_at(f, 0, at % grid.ny, at / grid.ny);
    if (f->bucket.cell)
      cells_to_line(f->bucket.cell + from, grid.nx, line);
    else
      labels_to_line(f, from, grid.nx, type, line);
    cm__line_from_f64(type, line, grid.nx, cm__row_mut(job->out, &grid, at + f->t * grid.ny * grid.nz));
  }
  cm_free(line);
  return line != NULL;
}

static bool block_planes(void *arg, CmRange range, CmError **err) {
  const Flood *f = arg;
  (void)err;
  for (int64_t at = range.begin * f->plane; at < range.end * f->plane; at++)
    if (f->bucket.cell)
      f->bucket.cell[at] = CM_BUCKET_BLOCKED;
    else if (f->ranked.cell)
      f->ranked.cell[at].label = BLOCKED;
    else
      f->label[at] = BLOCKED;
  if (f->off) memset(f->off + range.begin * f->plane, 1, (size_t)((range.end - range.begin) * f->plane));
  return true;
}

/* In order of rank; the voxels that wait are forgotten after each time point. */
static bool flood_ranks(Flood *f, CmError **err) {
  const bool ok = cm__rank_cells(&f->ranked, err) && cm__rank_flood(&f->ranked, "watershed", err);
  cm__rank_free(&f->ranked);
  return ok;
}

/* In order of value, and with what is only known then. */
static bool flood_levels(Flood *f, const CmMoments *moments, CmError **err) {
  double diagonal = 0.0;
  for (int axis = 0; axis < 3; axis++) diagonal += pow((double)f->dims[axis] * f->scale[axis], 2);
  const bool ok = cm__flood_open(f->ctx, moments->min, moments->max + f->compactness * sqrt(diagonal),
                                 f->kind == 0 && f->compactness == 0.0, &f->queue, err) &&
                  flood[f->kind](f, err);
  cm__flood_free(&f->queue);
  return ok;
}

static bool flood_time(Flood *f, const CmMoments *moments, CmImage *out, CmError **err) {
  const CmGrid grid = cm__grid(f->image);
  const int64_t rows = grid.ny * grid.nz, chunk = cm__row_chunk(&grid);
  Store store = {.f = f, .out = out};
  return cm_parallel_for(f->ctx, NULL, grid.nz + 2, 1, block_planes, f, err) &&
         cm_parallel_for(f->ctx, NULL, rows, chunk, fill_rows, f, err) &&
         (f->bucket.cell   ? cm__bucket_flood(&f->bucket, "watershed", err)
          : f->ranked.cell ? flood_ranks(f, err)
                           : flood_levels(f, moments, err)) &&
         cm_parallel_for(f->ctx, "watershed", rows, chunk, store_rows, &store, err);
}

/* Do whole numbers and markers of 16 bits fit a word a voxel? */
static bool fits_buckets(const Flood *f, bool *fits, CmError **err) {
  const CmGrid grid = cm__grid(f->markers->image);
  const CmPart part = {.image = f->markers->image, .row_end = grid.rows, .component = -1};
  CmMoments marks = {0};
  if (f->kind == 0 && !cm__part_moments(f->ctx, &part, &marks, err)) return false;
  *fits = f->kind == 0 && marks.min >= 0.0 && marks.max <= CM_BUCKET_LABELS;
  return true;
}

/* Without lines and compactness: what is reached is labelled at once. */
static bool make_cells(Flood *f, const CmMoments *moments, CmError **err) {
  bool fits;
  if (!fits_buckets(f, &fits, err)) return false;
  if (fits) {
    f->bucket = (CmBucketFlood){.ctx = f->ctx, .row = f->row, .plane = f->plane, .neighbours = f->neighbours};
    memcpy(f->bucket.dims, f->dims, sizeof(f->dims));
    memcpy(f->bucket.step, f->step, sizeof(f->step));
    f->bucket.cell = cm_alloc_array(f->ctx, (size_t)f->padded, sizeof(uint32_t), err);
    return f->bucket.cell != NULL;
  }
  f->ranked = (CmRankFlood){.ctx = f->ctx, .row = f->row, .plane = f->plane, .neighbours = f->neighbours};
  memcpy(f->ranked.dims, f->dims, sizeof(f->dims));
  memcpy(f->ranked.step, f->step, sizeof(f->step));
  f->ranked.low = f->kind == 2 ? cm__key_f64(moments->min) : narrow_key(f, moments->min);
  f->ranked.high = f->kind == 2 ? cm__key_f64(moments->max) : narrow_key(f, moments->max);
  f->ranked.cell = cm_alloc_array(f->ctx, (size_t)f->padded, sizeof(CmRankCell), err);
  if (f->ranked.cell && f->kind == 2) f->ranked.wide = cm_alloc_array(f->ctx, (size_t)f->padded, sizeof(uint64_t), err);
  return f->ranked.cell && (f->ranked.wide || f->kind != 2);
}

/* Sizes, the kind of levels, and room. */
static bool prepare(Flood *f, const WatershedParams *p, CmMoments *moments, CmError **err) {
  const CmGrid grid = cm__grid(f->image);
  const CmPart part = {.image = f->image, .mask = f->mask, .row_end = grid.rows, .component = -1};
  if (!cm__part_ends(f->ctx, &part, moments, err)) return false;
  if (moments->count > 0 && !isfinite(moments->max - moments->min)) {
    cm_error_set(err, CM_ERR_DATA, "the image has infinite values; clip it first");
    return false;
  }
  if (moments->count == 0) moments->min = moments->max = 0.0; /* nothing is flooded */
  const bool whole = cm_type_is_integer(cm_image_type(f->image));
  f->kind = whole && moments->max - moments->min < CM_FLOOD_LEVELS ? 0
            : cm__type_fits_f32(cm_image_type(f->image))           ? 1
                                                                   : 2;
  f->low = f->kind == 0 ? moments->min : 0.0;
  f->row = grid.nx + 2;
  f->plane = f->row * (grid.ny + 2);
  f->padded = f->plane * (grid.nz + 2);
  if (f->padded >= (int64_t)UINT32_MAX) {
    cm_error_set(err, CM_ERR_DATA, "the image has more than 4294967294 voxels; crop it first");
    return false;
  }
  for (int axis = 0; axis < 3; axis++) {
    f->dims[axis] = cm_image_dims(f->image)[axis];
    f->scale[axis] = p->units == 1 ? cm_image_geometry(f->image)->spacing[axis] : 1.0;
  }
  f->compactness = p->compactness;
  set_neighbours(f, (CmConnect)p->connectivity);
  if (!p->line && p->compactness == 0.0) return make_cells(f, moments, err);
  f->level = cm_calloc(f->ctx, (size_t)f->padded, level_size[f->kind], err);
  f->label = cm_alloc_array(f->ctx, (size_t)f->padded, sizeof(int32_t), err);
  f->off = p->line ? cm_alloc(f->ctx, (size_t)f->padded, err) : NULL;
  return f->level && f->label && (f->off || !p->line);
}

/* The regional minima inside the mask, numbered by first voxel. */
static CmImage *find_minima(const CmCall *call, const WatershedParams *p, const CmMask *mask, CmError **err) {
  char words[64];
  CmImage *numbered = NULL;
  const int used = snprintf(words, sizeof(words), "connectivity=");
  cm_param_choice(&params[0], p->connectivity, words + used, 16);
  CmImage *minima = cm_op_apply(call->ctx, "regional_minima", words, call->in[0].image, err);
  snprintf(words + strlen(words), 32, " order=first");
  if (minima && (!mask->image || cm__mask_blank(call->ctx, mask, minima, err)))
    numbered = cm_op_apply(call->ctx, "connected_components", words, minima, err);
  cm_image_unref(&minima);
  return numbered;
}

static bool run(const CmCall *call, CmError **err) {
  const WatershedParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmImage *minima = NULL;
  CmMask markers, mask;
  Flood f = {.ctx = call->ctx, .image = image, .markers = &markers, .mask = &mask};
  CmMoments moments;
  CmImage *out = NULL;
  bool ok = false;
  if (!cm__mask_open(&markers, &call->in[1], image, err) || !cm__mask_open(&mask, &call->in[2], image, err))
    return false;
  if (!markers.image) {
    minima = find_minima(call, p, &mask, err);
    if (!minima) return false;
    const CmValue value = cm_value_labels(minima);
    if (!cm__mask_open(&markers, &value, image, err)) goto done;
  }
  ok = prepare(&f, p, &moments, err);
  if (ok) out = cm_image_create_like(call->ctx, image, cm_image_type(markers.image), 1, err);
  ok = ok && out && cm_image_set_unit(out, "1", err);
  for (f.t = 0; ok && f.t < cm_image_dims(image)[3]; f.t++) ok = flood_time(&f, &moments, out, err);
  if (ok) call->out[0] = cm_value_labels(cm_image_ref(out));
done:
  cm_image_unref(&minima);
  cm_image_unref(&out);
  cm_free(f.level);
  cm_free(f.label);
  cm_free(f.off);
  cm_free(f.bucket.cell);
  cm_free(f.ranked.cell);
  cm_free(f.ranked.wide);
  return ok;
}

static bool check(const void *values, CmError **err) {
  const WatershedParams *p = values;
  if (!p->line || p->compactness == 0.0) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "line and compactness do not go together; give one of them");
  return false;
}

CM_OP(watershed) = {
    .name = "watershed",
    .family = "segment",
    .since = "0.2",
    .summary = "Flood an image from markers or its minima until the basins meet.",
    .details =
        "Voxels are reached by rising value, those of equal value first come, first served; what is reached takes the "
        "label of the basin it is reached from. Markers of equal value begin in the order of their voxels, and "
        "neighbours are looked at from the nearest, then in the order of voxels: as in scikit-image, save that its "
        "heap begins with markers of equal value in an order of its own, which can move borders on plateaus. "
        "compactness > 0 adds "
        "compactness times the distance to the marker's voxel (in voxels or mm) to the value. line: a voxel that "
        "touches "
        "two basins when it is reached stays 0. Without markers, basins begin in the regional minima inside the mask. "
        "Mask: what is outside is not flooded and gets 0; markers there are "
        "left "
        "out. NaN: not flooded, 0. Infinite values are an error. Each time point by itself. Needs 4 bytes a voxel for "
        "images of up to 16 bits with labels of up to 65534, 13 for others, 20 for values of f64 and of more than 24 "
        "bits; with lines or compactness 8 to 13, and the voxels that wait.",
    CM_OP_PARAMS(WatershedParams, params),
    CM_OP_INPUTS(inputs),
    CM_OP_OUTPUTS(outputs),
    .geometry = CM_GEOMETRY_KEEP,
    .cite =
        "Meyer F. Color image segmentation. Proc. Int. Conf. Image Processing, 1992; Neubert P, Protzel P. Compact "
        "watershed and preemptive SLIC. Proc. ICPR, 2014",
    .examples =
        "cormack watershed gradient.nii.gz cells.nii.gz --markers seeds.nii.gz\n"
        "cormack watershed gradient.nii.gz cells.nii.gz --markers seeds.nii.gz --mask tissue.nii.gz --line true",
    .check = check,
    .run = run,
};
