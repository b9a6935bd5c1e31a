#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/enhance/clahe_direct.h"
#include "ops/intensity/stats.h"
#include "ops/simd.h"

#define MOST_BINS 65536
#define FLOAT_BINS 4096 /* of values that are not whole numbers, or too many */

typedef struct ClaheParams {
  CmInts tiles;
  double clip_limit;
  CmReals range;
  int64_t bins;
  int32_t type;
} ClaheParams;

static const CmParam params[] = {
    CM_PARAM_INTS(ClaheParams, tiles, "8", 1, 1024, 1, 3, "1",
                  "how many tiles, one number for all axes or one each for x,y,z; at most one per voxel"),
    CM_PARAM_REAL(ClaheParams, clip_limit, 2, 0, 1e9, "1",
                  "how high a bin of a tile's histogram may be, in mean bin heights; 0: no limit"),
    CM_PARAM_REALS(ClaheParams, range, "", -1e300, 1e300, 0, 2, "",
                   "what is stretched, e.g. 0,4095; not given: the whole range of u8 and u16, else the smallest to the "
                   "largest value of the component and time point"),
    CM_PARAM_INT(
        ClaheParams, bins, 0, 0, 65536, "1",
        "bins of the histograms; 0: one for each whole number in the range if they are at most 65536, else 4096"),
    CM_TYPE_PARAM(ClaheParams),
};

/* An axis: where its cells begin (between the centres of tiles), and how much of the tile ahead counts. */
typedef struct Axis {
  int64_t n, tiles, tile; /* voxels, tiles, voxels of a tile */
  int64_t *cells;         /* tiles + 2 */
  float *ahead;           /* n */
} Axis;

typedef struct Clahe {
  CmContext *ctx;
  const CmImage *image;
  CmImage *out;
  const CmMask *mask;
  CmGrid grid;
  int64_t t, component;
  Axis axis[3];
  int64_t bins;
  double low, factor, step; /* bin = (v - low) * factor; v = low + bin * step */
  bool narrow;              /* whole numbers that float holds, in and out */
  bool direct;              /* u8 or u16 over their whole range, in planes */
  bool whole;               /* bins are whole numbers, and what they become is rounded, too */
  double clip_limit;
  float *maps; /* of each tile: what each bin becomes, in bins */
} Clahe;

static const char *line_at(const Clahe *job, int64_t row, int64_t x) {
  return (const char *)cm__row(job->image, &job->grid, row) + (size_t)(x * job->grid.components) * job->grid.size;
}

/* n voxels of a row from x on. room: n * components doubles, the result at its front. */
static void load(const Clahe *job, int64_t row, int64_t x, int64_t n, double *room) {
  const int64_t c = job->grid.components;
  cm__line_to_f64(cm_image_type(job->image), line_at(job, row, x), n * c, room);
  for (int64_t i = 0; c > 1 && i < n; i++) room[i] = room[i * c + job->component];
}

/* -1: NaN */
CM_SIMD static void to_bins(const double *values, double low, double factor, double most, int32_t *bins, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    double b = (values[i] - low) * factor;
    b = b > 0.0 ? b : 0.0;
    b = b < most ? b : most;
    bins[i] = values[i] == values[i] ? (int32_t)b : -1;
  }
}

CM_SIMD static void narrow_to_bins(const float *values, float low, float most, int32_t *bins, int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    float b = values[i] - low;
    b = b > 0.0f ? b : 0.0f;
    b = b < most ? b : most;
    bins[i] = (int32_t)b;
  }
}

/* The bins of n voxels of a row from x on; room: n * components doubles, of which the first n keep the values (not
 * where the job is narrow). */
static void load_bins(const Clahe *job, int64_t row, int64_t x, int64_t n, double *room, int32_t *bins) {
  if (job->narrow && job->grid.components == 1) {
    cm__line_to_f32(cm_image_type(job->image), line_at(job, row, x), n, (float *)room);
    narrow_to_bins((float *)room, (float)job->low, (float)(job->bins - 1), bins, n);
    return;
  }
  load(job, row, x, n, room);
  to_bins(room, job->low, job->factor, (double)(job->bins - 1), bins, n);
}

/* Bins above the limit give what is above it to all. */
static void clip(uint32_t *counts, int64_t bins, int64_t limit) {
  int64_t over = 0;
  for (int64_t i = 0; i < bins; i++)
    if (counts[i] > limit) {
      over += counts[i] - limit;
      counts[i] = (uint32_t)limit;
    }
  const uint32_t share = (uint32_t)(over / bins);
  int64_t rest = over % bins;
  for (int64_t i = 0; i < bins; i++) counts[i] += share;
  if (rest == 0) return;
  const int64_t stride = bins / rest > 1 ? bins / rest : 1;
  for (int64_t i = 0; i < bins && rest > 0; i += stride, rest--) counts[i]++;
}

/* Neighbours are often alike: two tables, so that one count need not wait for the other. */
static void count_line(const int32_t *bins, int64_t n, uint32_t *counts, uint32_t *others) {
  int64_t i = 0;
  for (; i + 1 < n; i += 2) {
    if (bins[i] >= 0) counts[bins[i]]++;
    if (bins[i + 1] >= 0) others[bins[i + 1]]++;
  }
  if (i < n && bins[i] >= 0) counts[bins[i]]++;
}

/* What each bin of a tile becomes. */
static void make_map(const Clahe *job, uint32_t *counts, int64_t voxels, float *map) {
  const float scale = (float)(job->bins - 1) / (float)voxels;
  const int64_t limit = (int64_t)(job->clip_limit * (double)voxels / (double)job->bins);
  int64_t sum = 0;
  if (job->clip_limit > 0.0) clip(counts, job->bins, limit > 1 ? limit : 1);
  for (int64_t i = 0; i < job->bins; i++) {
    sum += counts[i];
    const float to = (float)sum * scale;
    map[i] = job->whole ? rintf(to) : to;
  }
}

/* What a tile needs while it is counted. */
typedef struct Count {
  uint32_t *counts; /* several tables */
  double *values;
  int32_t *bins;
} Count;

enum { U8_TABLES = 4, TABLES = 2 };

/* n voxels of a row from x on. */
static void count_voxels(const Clahe *job, const Count *count, int64_t row, int64_t x, int64_t n) {
  const void *from = line_at(job, row, x);
  if (job->direct && cm_image_type(job->image) == CM_U8) {
    cm__clahe_count_u8(from, n, count->counts);
  } else if (job->direct) {
    cm__clahe_count_u16(from, n, count->counts);
  } else {
    load_bins(job, row, x, n, count->values, count->bins);
    count_line(count->bins, n, count->counts, count->counts + job->bins);
  }
}

/* The mapping of a tile; tiles may reach beyond the image, which goes on mirrored. */
static bool do_tile(void *arg, CmRange range, CmError **err) {
  const Clahe *job = arg;
  const Axis *x = &job->axis[0], *y = &job->axis[1], *z = &job->axis[2];
  const int64_t tx = range.begin % x->tiles, ty = range.begin / x->tiles % y->tiles,
                tz = range.begin / x->tiles / y->tiles, x0 = tx * x->tile;
  const int tables = !job->direct ? TABLES : cm_image_type(job->image) == CM_U8 ? U8_TABLES : 1;
  const Count count = {
      .counts = cm_calloc(job->ctx, (size_t)job->bins, (size_t)tables * sizeof(uint32_t), err),
      .values = cm_alloc_array(job->ctx, (size_t)(x->tile + 1), (size_t)job->grid.components * sizeof(double), err),
      .bins = cm_alloc_array(job->ctx, (size_t)x->tile, sizeof(int32_t), err)};
  const bool ok = count.counts && count.values && count.bins;
  const int64_t inside = x0 >= x->n ? 0 : x->n - x0 < x->tile ? x->n - x0 : x->tile;
  for (int64_t k = 0; ok && k < y->tile * z->tile; k++) {
    const int64_t yy = cm__border_index(CM_BORDER_MIRROR, ty * y->tile + k % y->tile, y->n),
                  zz = cm__border_index(CM_BORDER_MIRROR, tz * z->tile + k / y->tile, z->n);
    const int64_t row = (job->t * job->grid.nz + zz) * job->grid.ny + yy;
    if (inside) count_voxels(job, &count, row, x0, inside);
    for (int64_t i = inside; i < x->tile; i++)
      count_voxels(job, &count, row, cm__border_index(CM_BORDER_MIRROR, x0 + i, x->n), 1);
  }
  for (int table = 1; ok && table < tables; table++)
    for (int64_t i = 0; i < job->bins; i++) count.counts[i] += count.counts[table * job->bins + i];
  if (ok) make_map(job, count.counts, x->tile * y->tile * z->tile, job->maps + range.begin * job->bins);
  cm_free(count.counts);
  cm_free(count.values);
  cm_free(count.bins);
  return ok;
}

/* The maps around a cell: [z][y][x]. */
typedef struct Corners {
  const float *map[2][2][2];
} Corners;

/* A run of voxels of one cell: what their bins become, mixed from the maps of the tiles around. */
CM_SIMD static void mix(const float *const map[2][2], const int32_t *restrict bins, const float *restrict ahead,
                        float y_ahead, float *restrict to, int64_t n) {
  const float *a = map[0][0], *b = map[0][1], *c = map[1][0], *d = map[1][1];
  const float y_back = 1.0f - y_ahead;
  for (int64_t i = 0; i < n; i++) {
    const int32_t at = bins[i] < 0 ? 0 : bins[i];
    const float x = ahead[i], x_back = 1.0f - x;
    to[i] = (a[at] * x_back + b[at] * x) * y_back + (c[at] * x_back + d[at] * x) * y_ahead;
  }
}

CM_SIMD static void finish(const float *restrict mixed, bool whole, double low, double step, double *restrict to,
                           int64_t n) {
  for (int64_t i = 0; i < n; i++) {
    const double v = low + (double)(whole ? rintf(mixed[i]) : mixed[i]) * step;
    to[i] = to[i] == to[i] ? v : to[i];
  }
}

CM_SIMD static void blend(float *restrict to, const float *restrict other, float ahead, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] = to[i] * (1.0f - ahead) + other[i] * ahead;
}

CM_SIMD static void finish_narrow(float *mixed, float low, int64_t n) {
  for (int64_t i = 0; i < n; i++) mixed[i] = rintf(mixed[i]) + low;
}

static char *line_to(const Clahe *job, int64_t row, int64_t x) {
  const int64_t at = row * job->grid.row + x * job->grid.components + job->component;
  return (char *)cm_image_data_mut(job->out) + (size_t)at * cm_type_size(cm_image_type(job->out));
}

static void store(const Clahe *job, int64_t row, int64_t x, double *values, int64_t n, uint8_t *inside, double *room) {
  const int64_t c = job->grid.components;
  const CmType type = cm_image_type(job->out);
  const size_t size = cm_type_size(type);
  char *to = line_to(job, row, x);
  if (job->mask->image) {
    load(job, row, x, n, room);
    cm__mask_row(job->mask, row, inside);
    for (int64_t i = 0; i < n; i++) values[i] = inside[x + i] ? values[i] : room[i];
  }
  char *put = c == 1 ? to : (char *)room;
  cm__line_from_f64(type, values, n, put);
  for (int64_t i = 0; c > 1 && i < n; i++) memcpy(to + (size_t)(i * c) * size, put + (size_t)i * size, size);
}

static Corners corners_of(const Clahe *job, const int64_t cell[3]) {
  Corners corners;
  for (int k = 0; k < 8; k++) {
    const int up[3] = {k & 1, k >> 1 & 1, k >> 2};
    int64_t at[3];
    for (int axis = 0; axis < 3; axis++) {
      at[axis] = cell[axis] - 1 + up[axis];
      at[axis] = at[axis] < 0 ? 0 : at[axis] >= job->axis[axis].tiles ? job->axis[axis].tiles - 1 : at[axis];
    }
    corners.map[up[2]][up[1]][up[0]] =
        job->maps + ((at[2] * job->axis[1].tiles + at[1]) * job->axis[0].tiles + at[0]) * job->bins;
  }
  return corners;
}

/* Rows y0..y1 of the cell from x to x + n. */
static bool do_direct(const Clahe *job, const Corners *corners, int64_t x, int64_t n, int64_t y0, int64_t y1, int64_t z,
                      CmError **err) {
  const bool is_u8 = cm_image_type(job->image) == CM_U8;
  const float *const maps[4] = {corners->map[0][0][0], corners->map[0][0][1], corners->map[0][1][0],
                                corners->map[0][1][1]};
  uint32_t *table = cm_alloc_array(job->ctx, is_u8 ? 256 : 2 * 65536, sizeof(uint32_t), err);
  if (!table) return false;
  if (is_u8)
    cm__clahe_pack_u8(maps, table);
  else
    cm__clahe_pack_u16(maps, table);
  for (int64_t y = y0; y < y1; y++) {
    const int64_t row = (job->t * job->grid.nz + z) * job->grid.ny + y;
    const float *ahead = job->axis[0].ahead + x, y_ahead = job->axis[1].ahead[y];
    if (is_u8)
      cm__clahe_mix_u8(table, (const uint8_t *)line_at(job, row, x), ahead, y_ahead, n,
                       (uint8_t *)line_to(job, row, x));
    else
      cm__clahe_mix_u16(table, (const void *)line_at(job, row, x), ahead, y_ahead, n, (void *)line_to(job, row, x));
  }
  cm_free(table);
  return true;
}

/* The voxels between the centres of neighbouring tiles. */
static bool do_cell(void *arg, CmRange range, CmError **err) {
  const Clahe *job = arg;
  const Axis *axis = job->axis;
  const int64_t nx = axis[0].tiles + 1, ny = axis[1].tiles + 1;
  const int64_t cell[3] = {range.begin % nx, range.begin / nx % ny, range.begin / nx / ny};
  const int64_t x = axis[0].cells[cell[0]], n = axis[0].cells[cell[0] + 1] - x, y0 = axis[1].cells[cell[1]],
                y1 = axis[1].cells[cell[1] + 1], z0 = axis[2].cells[cell[2]], z1 = axis[2].cells[cell[2] + 1];
  if (n == 0 || y0 == y1 || z0 == z1) return true;
  const Corners corners = corners_of(job, cell);
  if (job->direct && n * (y1 - y0) >= job->bins / 8) return do_direct(job, &corners, x, n, y0, y1, z0, err);
  const size_t c = (size_t)job->grid.components, line = (size_t)n;
  double *values = cm_alloc_array(job->ctx, line * (2 * c), sizeof(double), err);
  float *mixed = cm_alloc_array(job->ctx, 2 * line, sizeof(float), err);
  int32_t *bins = cm_alloc_array(job->ctx, line, sizeof(int32_t), err);
  uint8_t *inside = cm_alloc(job->ctx, (size_t)job->grid.nx, err);
  const bool ok = values && mixed && bins && inside;
  for (int64_t k = 0; ok && k < (y1 - y0) * (z1 - z0); k++) {
    const int64_t y = y0 + k % (y1 - y0), z = z0 + k / (y1 - y0), row = (job->t * job->grid.nz + z) * job->grid.ny + y;
    const float *ahead = axis[0].ahead + x;
    load_bins(job, row, x, n, values, bins);
    mix(corners.map[0], bins, ahead, axis[1].ahead[y], mixed, n);
    if (axis[2].tiles > 1) {
      mix(corners.map[1], bins, ahead, axis[1].ahead[y], mixed + n, n);
      blend(mixed, mixed + n, axis[2].ahead[z], n);
    }
    if (job->narrow && job->grid.components == 1) {
      finish_narrow(mixed, (float)job->low, n);
      cm__line_from_f32(cm_image_type(job->out), mixed, n, line_to(job, row, x));
      continue;
    }
    finish(mixed, job->whole && cm_type_is_integer(cm_image_type(job->out)), job->low, job->step, values, n);
    store(job, row, x, values, n, inside, values + line * c);
  }
  cm_free(values);
  cm_free(mixed);
  cm_free(bins);
  cm_free(inside);
  return ok;
}

/* Tiles cover the image; where they do not fit, it goes on beyond its end along every axis. */
static bool set_axes(Clahe *job, const CmInts *tiles, CmError **err) {
  const int64_t *dims = cm_image_dims(job->image);
  bool fits = true;
  for (int k = 0; k < 3; k++) {
    Axis *axis = &job->axis[k];
    axis->n = dims[k];
    axis->tiles = dims[k] == 1 ? 1 : tiles->value[tiles->count == 1 ? 0 : k < tiles->count ? k : tiles->count - 1];
    axis->tiles = axis->tiles > dims[k] ? dims[k] : axis->tiles; /* none without a voxel */
    fits = fits && axis->n % axis->tiles == 0;
  }
  for (int k = 0; k < 3; k++) {
    Axis *axis = &job->axis[k];
    const int64_t more = fits || axis->n == 1 ? 0 : axis->tiles - axis->n % axis->tiles;
    axis->tile = (axis->n + more) / axis->tiles;
    axis->cells = cm_alloc_array(job->ctx, (size_t)axis->tiles + 2, sizeof(int64_t), err);
    axis->ahead = cm_alloc_array(job->ctx, (size_t)axis->n, sizeof(float), err);
    if (!axis->cells || !axis->ahead) return false;
    const float inverse = 1.0f / (float)axis->tile;
    for (int64_t c = 0; c < axis->tiles + 2; c++) axis->cells[c] = axis->n;
    for (int64_t i = axis->n - 1; i >= 0; i--) {
      const float at = (float)i * inverse - 0.5f, below = floorf(at);
      axis->ahead[i] = at - below;
      axis->cells[(int64_t)below + 1] = i;
    }
    for (int64_t c = axis->tiles; c >= 0; c--)
      if (axis->cells[c] > axis->cells[c + 1]) axis->cells[c] = axis->cells[c + 1];
  }
  return true;
}

static bool set_range(Clahe *job, const ClaheParams *p, CmError **err) {
  const CmType type = cm_image_type(job->image);
  const int64_t rows = job->grid.ny * job->grid.nz;
  double low = cm_type_min(type), high = cm_type_max(type);
  if (p->range.count == 2) {
    low = p->range.value[0];
    high = p->range.value[1];
  } else if (type != CM_U8 && type != CM_U16) {
    const CmPart part = {
        .image = job->image, .row_begin = job->t * rows, .row_end = (job->t + 1) * rows, .component = job->component};
    CmMoments moments;
    if (!cm__part_ends(job->ctx, &part, &moments, err)) return false;
    low = moments.count ? moments.min : 0.0;
    high = moments.count ? moments.max : 0.0;
  }
  if (!isfinite(high - low)) {
    cm_error_set(err, CM_ERR_DATA, "the values reach from %g to %g, too far apart for bins; give range=LOW,HIGH", low,
                 high);
    return false;
  }
  const double span = high - low;
  const bool whole = cm_type_is_integer(type) && low == rint(low) && high == rint(high) && span < MOST_BINS;
  job->whole = whole && (p->bins == 0 || (double)p->bins == span + 1.0);
  job->bins = job->whole ? (int64_t)span + 1 : p->bins ? p->bins : FLOAT_BINS;
  job->narrow = job->whole && cm__type_fits_f32(type) && cm_image_type(job->out) == type && !job->mask->image;
  job->direct = job->narrow && job->grid.components == 1 && job->grid.nz == 1 && low == 0.0 &&
                ((type == CM_U8 && job->bins == 256) || (type == CM_U16 && job->bins == 65536));
  job->low = low;
  job->factor = job->whole ? 1.0 : span > 0.0 ? (double)job->bins / span : 0.0;
  job->step = job->whole ? 1.0 : job->bins > 1 ? span / (double)(job->bins - 1) : 0.0;
  return true;
}

static bool do_volume(Clahe *job, const ClaheParams *p, CmError **err) {
  const Axis *axis = job->axis;
  const int64_t tiles = axis[0].tiles * axis[1].tiles * axis[2].tiles;
  const int64_t cells = (axis[0].tiles + 1) * (axis[1].tiles + 1) * (axis[2].tiles + 1);
  size_t size;
  if (!set_range(job, p, err)) return false;
  if (!cm_size_multiply((size_t)tiles, (size_t)job->bins, &size, err)) return false;
  job->maps = cm_alloc_array(job->ctx, size, sizeof(float), err);
  const bool ok = job->maps && cm_parallel_for(job->ctx, NULL, tiles, 1, do_tile, job, err) &&
                  cm_parallel_for(job->ctx, "clahe", cells, 1, do_cell, job, err);
  cm_free(job->maps);
  job->maps = NULL;
  return ok;
}

static bool run(const CmCall *call, CmError **err) {
  const ClaheParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Clahe job = {.ctx = call->ctx, .image = image, .mask = &mask, .grid = cm__grid(image), .clip_limit = p->clip_limit};
  bool ok = cm__mask_open(&mask, &call->in[1], image, err) && set_axes(&job, &p->tiles, err);
  if (ok)
    job.out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                   cm_image_components(image), err);
  ok = ok && job.out;
  for (int64_t k = 0; ok && k < job.grid.nt * job.grid.components; k++) {
    job.t = k / job.grid.components;
    job.component = k % job.grid.components;
    ok = do_volume(&job, p, err);
  }
  for (int k = 0; k < 3; k++) {
    cm_free(job.axis[k].cells);
    cm_free(job.axis[k].ahead);
  }
  if (!ok) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

static bool check(const void *parameters, CmError **err) {
  const ClaheParams *p = parameters;
  if (p->range.count == 0 || (p->range.count == 2 && p->range.value[0] < p->range.value[1])) return true;
  cm_error_set(err, CM_ERR_PARAMETER, "range needs two numbers, the lower one first");
  return false;
}

CM_OP(clahe) = {
    .name = "clahe",
    .family = "enhance",
    .since = "0.2",
    .summary = "Contrast limited adaptive histogram equalization, in 2D and 3D.",
    .details =
        "Each tile has a histogram; bins above clip_limit times the mean height give what is above it to all bins "
        "alike "
        "(once), and the cumulated histogram, scaled to the range, is the tile's mapping. Each voxel is mapped by the "
        "two, four or eight tiles around it, mixed linearly by the distance from their centres. Where the tiles do not "
        "divide the image, it goes on mirrored beyond its end. u8 and u16 in 2D as OpenCV's CLAHE. Values beyond the "
        "range count as its ends; NaN stays, and is not counted. Every time point and component is equalized by "
        "itself. "
        "Mask: voxels outside keep their value, but take part in the histograms. Memory: 4 bytes per tile and bin.",
    CM_OP_PARAMS(ClaheParams, params),
    CM_FILTER_PORTS,
    .tolerance = 0,
    .cite = "Zuiderveld K. Contrast limited adaptive histogram equalization. Graphics Gems IV, 1994, VIII.5",
    .examples =
        "cormack clahe xray.png out.png --tiles 8 --clip_limit 2\n"
        "cormack clahe ct.nii.gz out.nii.gz --tiles 8,8,4 --range -1000,1000",
    .check = check,
    .run = run,
};
