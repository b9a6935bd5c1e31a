/* Median and rank. Small windows go through selection networks, many voxels side by side. In middle ones of up to 16
 * bits the answer lies between the medians of slabs, and is found by counting, many voxels side by side as well. For
 * large ones a tile is sorted once; a window is then a set of ranks, kept as bits, that slides along x while a pointer
 * follows the value of the rank. */
#include <float.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/filter/median_network.h"
#include "ops/lines.h"
#include "ops/simd.h"

enum { MOST_NETWORK = 49, SPARE = 128 }; /* values of a window that networks do; values to spare behind rows */
enum { MOST_BISECTION = 1000 };          /* bytes of a window that are counted */
typedef enum Way { BY_COLUMNS, BY_NETWORK, BY_BISECTION, BY_RANK } Way;

typedef struct MedianParams {
  CmReals radius;
  int32_t units;
  int32_t border;
  double border_value;
  int32_t type;
  double percentile; /* of rank */
} MedianParams;

#define BOX_PARAMS                                                                                                 \
  CM_PARAM_REALS(MedianParams, radius, "1", 0, 100, 1, 3, "",                                                      \
                 "half width of the box, one for all axes or one each for x,y,z; it is 2 radius + 1 voxels wide"), \
      CM_UNITS_PARAM(MedianParams, "voxel"), CM_BORDER_PARAMS(MedianParams), CM_TYPE_PARAM(MedianParams)

static const CmParam median_params[] = {BOX_PARAMS};
static const CmParam rank_params[] = {
    CM_PARAM_REAL(MedianParams, percentile, 50, 0, 100, "%",
                  "which of the n sorted values of the box: number floor(n * percentile / 100) from 0, at most n - 1"),
    BOX_PARAMS,
};

typedef struct Median {
  CmContext *ctx;
  const CmImage *image;
  const CmMask *mask;
  CmImage *out;
  CmGrid grid;
  CmBorder border;
  double border_value;
  int64_t radius[3];
  int64_t rank; /* of the value sought among those of the box, from 0 */
  Way way;
  int64_t tile[3], tiles[3]; /* size of a tile, number of tiles */
} Median;

typedef struct Tile {
  int64_t t, begin[3], size[3];
} Tile;

typedef struct RankItem {
  uint64_t key;
  uint32_t at;
} RankItem;

typedef struct Ranks {
  RankItem *items, *spare; /* sorted: items[rank] */
  uint32_t *rank;          /* of each value of the tile */
  uint64_t *bits;          /* the window */
  uint32_t *median;        /* place of the value sought, for each x */
} Ranks;

/* Values of a tile with its halo. */
static int64_t tile_values(const Median *job, const int64_t size[3]) {
  int64_t values = job->grid.components;
  for (int axis = 0; axis < 3; axis++) values *= size[axis] + 2 * job->radius[axis];
  return values;
}

/* Sorts by key (radix, bytes from the lowest) and fills rank. */
static void rank_items(const Ranks *ranks, int64_t n, int bytes) {
  RankItem *from = ranks->items, *to = ranks->spare;
  for (int byte = 0; byte < bytes; byte++) {
    int64_t begin[257] = {0};
    for (int64_t i = 0; i < n; i++) begin[(from[i].key >> (8 * byte) & 255) + 1]++;
    if (begin[(from[0].key >> (8 * byte) & 255) + 1] == n) continue; /* all the same */
    for (int k = 0; k < 256; k++) begin[k + 1] += begin[k];
    for (int64_t i = 0; i < n; i++) to[begin[from[i].key >> (8 * byte) & 255]++] = from[i];
    RankItem *swap = from;
    from = to;
    to = swap;
  }
  if (from != ranks->items) memcpy(ranks->items, from, (size_t)n * sizeof(RankItem));
  for (int64_t i = 0; i < n; i++) ranks->rank[ranks->items[i].at] = (uint32_t)i;
}

/* Row (y, z) of the tile, component k: ranks->median[x]. */
CM_SIMD static void slide_window(const Median *job, const Tile *tile, const Ranks *ranks, int64_t y, int64_t z,
                                 int64_t k) {
  const int64_t *r = job->radius, c = job->grid.components, wide = (tile->size[0] + 2 * r[0]) * c,
                rows = tile->size[1] + 2 * r[1];
  const int64_t wanted = job->rank;
  uint64_t *bits = ranks->bits;
  int64_t word = 0, below = 0; /* values in the words before `word` */
  memset(bits, 0, (size_t)(tile_values(job, tile->size) / 64 + 2) * sizeof(uint64_t));
  for (int64_t x = -2 * r[0]; x < tile->size[0]; x++) {
    for (int64_t dz = 0; dz <= 2 * r[2]; dz++)
      for (int64_t dy = 0; dy <= 2 * r[1]; dy++) {
        const uint32_t *row = ranks->rank + ((z + dz) * rows + y + dy) * wide + k;
        const uint32_t in = row[(x + 2 * r[0]) * c];
        bits[in >> 6] |= UINT64_C(1) << (in & 63);
        below += (int64_t)(in >> 6) < word;
        if (x > 0) {
          const uint32_t out = row[(x - 1) * c];
          bits[out >> 6] &= ~(UINT64_C(1) << (out & 63));
          below -= (int64_t)(out >> 6) < word;
        }
      }
    if (x < 0) continue;
    while (below > wanted) below -= __builtin_popcountll(bits[--word]);
    for (int64_t here; below + (here = __builtin_popcountll(bits[word])) <= wanted; word++) below += here;
    uint64_t left = bits[word];
    for (int64_t skip = wanted - below; skip > 0; skip--) left &= left - 1;
    ranks->median[x] = (uint32_t)(word * 64 + __builtin_ctzll(left));
  }
}

typedef uint8_t Key_u8;
typedef int8_t Key_i8;
typedef uint16_t Key_u16;
typedef int16_t Key_i16;
typedef uint32_t Key_u32;
typedef int32_t Key_i32;
typedef int32_t Key_f32;
typedef int64_t Key_f64;

#define CM_TEMPLATE "ops/filter/median_tmpl.c"
#include "ops/each_type.h"
static bool (*const do_tile[CM_TYPE_COUNT])(const Median *, const Tile *, void *, void *, double *, const Ranks *,
                                            CmError **) = CM_TYPE_TABLE(do_tile);

static void tile_at(const Median *job, int64_t at, Tile *tile) {
  const int64_t size[3] = {job->grid.nx, job->grid.ny, job->grid.nz};
  for (int axis = 0; axis < 3; axis++) {
    tile->begin[axis] = at % job->tiles[axis] * job->tile[axis];
    const int64_t left = size[axis] - tile->begin[axis];
    tile->size[axis] = left < job->tile[axis] ? left : job->tile[axis];
    at /= job->tiles[axis];
  }
  tile->t = at;
}

/* Puts back what lies outside the mask, in the rows of the tile. */
static bool restore(const Median *job, const Tile *tile, CmError **err) {
  const CmGrid *grid = &job->grid;
  const CmType type = cm_image_type(job->out);
  CmGrid out_grid = *grid, part = *grid;
  out_grid.size = cm_type_size(type);
  part.nx = tile->size[0];
  part.row = tile->size[0] * grid->components;
  uint8_t *inside = cm_alloc(job->ctx, (size_t)grid->nx, err);
  double *scratch = cm_alloc_array(job->ctx, (size_t)part.row, sizeof(double), err);
  const bool ok = inside && scratch;
  const size_t from = (size_t)(tile->begin[0] * grid->components);
  for (int64_t k = 0; ok && k < tile->size[1] * tile->size[2]; k++) {
    const int64_t row =
        (tile->t * grid->nz + tile->begin[2] + k / tile->size[1]) * grid->ny + tile->begin[1] + k % tile->size[1];
    cm__mask_row(job->mask, row, inside);
    cm__mask_restore(inside + tile->begin[0], &part, cm_image_type(job->image),
                     (const char *)cm__row(job->image, grid, row) + from * grid->size, type,
                     (char *)cm__row_mut(job->out, &out_grid, row) + from * out_grid.size, scratch);
  }
  cm_free(inside);
  cm_free(scratch);
  return ok;
}

static bool work(void *arg, CmRange range, CmError **err) {
  const Median *job = arg;
  Tile tile;
  tile_at(job, range.begin, &tile);
  const bool direct = job->way == BY_COLUMNS && cm_type_is_integer(cm_image_type(job->image)); /* no keys are loaded */
  const size_t values = direct ? 0 : (size_t)tile_values(job, tile.size),
               row = (size_t)(tile.size[0] * job->grid.components);
  const size_t wide = (size_t)((tile.size[0] + 2 * job->radius[0]) * job->grid.components),
               room = job->way != BY_RANK ? 0 : values;
  void *keys = cm_alloc_array(job->ctx, values + SPARE, job->grid.size, err);
  void *line = cm_alloc_array(job->ctx, 2 * row + 27 * wide + 4 * SPARE, job->grid.size, err);
  double *scratch = cm_alloc_array(job->ctx, row, sizeof(double), err);
  Ranks ranks = {.items = cm_alloc_array(job->ctx, room, sizeof(RankItem), err)};
  ranks.spare = cm_alloc_array(job->ctx, room, sizeof(RankItem), err);
  ranks.rank = cm_alloc_array(job->ctx, room, sizeof(uint32_t), err);
  ranks.bits = cm_alloc_array(job->ctx, room / 64 + 2, sizeof(uint64_t), err);
  ranks.median = cm_alloc_array(job->ctx, job->way != BY_RANK ? 0 : row, sizeof(uint32_t), err);
  bool ok = keys && line && scratch && ranks.items && ranks.spare && ranks.rank && ranks.bits && ranks.median;
  if (ok) {
    memset((char *)keys + values * job->grid.size, 0, SPARE * job->grid.size);
    ok = do_tile[cm_image_type(job->image)](job, &tile, keys, line, scratch, &ranks, err) &&
         (!job->mask->image || restore(job, &tile, err));
  }
  cm_free(keys);
  cm_free(line);
  cm_free(scratch);
  cm_free(ranks.items);
  cm_free(ranks.spare);
  cm_free(ranks.rank);
  cm_free(ranks.bits);
  cm_free(ranks.median);
  return ok;
}

/* Networks and counting: whole rows, in tiles that fit the cache. Ranks: cubes (squares) with a halo of about their
 * size. */
static void plan_tiles(Median *job) {
  const int64_t size[3] = {job->grid.nx, job->grid.ny, job->grid.nz}, row = job->grid.row * (int64_t)job->grid.size;
  int64_t *tile = job->tile;
  if (job->way != BY_RANK) {
    int64_t budget = row * job->grid.rows / 64;
    budget = budget < 65536 ? 65536 : budget > 524288 ? 524288 : budget;
    tile[0] = size[0];
    tile[1] = 16;
    tile[2] = job->radius[2] ? 8 : 1;
    while (tile[2] > 2 && tile_values(job, tile) * (int64_t)job->grid.size > budget) tile[2]--;
    while (tile[1] > 4 && tile_values(job, tile) * (int64_t)job->grid.size > budget) tile[1]--;
  } else {
    const bool flat = job->radius[2] == 0;
    /* a value of the tile takes about 40 bytes; two or three hundredths of the image are enough */
    int64_t budget = row * job->grid.rows / 1600;
    budget = budget < 4096 ? 4096 : budget > 65536 ? 65536 : budget;
    for (int axis = 0; axis < 3; axis++)
      tile[axis] = axis == 2 && flat ? 1 : job->radius[axis] < 4 ? 4 : job->radius[axis];
    bool grown = true;
    while (grown) {
      grown = false;
      for (int axis = 0; axis < (flat ? 2 : 3); axis++) {
        tile[axis]++;
        if (tile[axis] <= size[axis] && tile_values(job, tile) <= budget)
          grown = true;
        else
          tile[axis]--;
      }
    }
  }
  for (int axis = 0; axis < 3; axis++) {
    tile[axis] = tile[axis] > size[axis] ? size[axis] : tile[axis];
    job->tiles[axis] = cm_chunk_count(size[axis], tile[axis]);
  }
}

static Way choose_way(const Median *job, int64_t window, int64_t size) {
  const int64_t across = 2 * job->radius[0] + 1, slab = window / across;
  if (window <= MOST_NETWORK && job->rank == window / 2)
    return (across == 3 && (slab == 3 || slab == 9)) || (across == 5 && slab == 5) ? BY_COLUMNS : BY_NETWORK;
  return size <= 2 && window * size <= MOST_BISECTION ? BY_BISECTION : BY_RANK;
}

static bool run_box(const CmCall *call, const char *what, double percentile, CmError **err) {
  const MedianParams *p = call->params;
  const CmImage *image = call->in[0].image;
  CmMask mask;
  Median job = {.ctx = call->ctx,
                .image = image,
                .mask = &mask,
                .grid = cm__grid(image),
                .border = (CmBorder)p->border,
                .border_value = p->border_value};
  if (!cm__mask_open(&mask, &call->in[1], image, err) || !cm__axis_radii(&p->radius, p->units, image, job.radius, err))
    return false;
  int64_t window = 1;
  for (int axis = 0; axis < 3; axis++) {
    if (job.radius[axis] > 100) {
      cm_error_set(err, CM_ERR_PARAMETER, "a radius of %lld voxels along %c is too large; at most 100",
                   (long long)job.radius[axis], "xyz"[axis]);
      return false;
    }
    window *= 2 * job.radius[axis] + 1;
  }
  job.rank = (int64_t)((double)window * percentile / 100.0);
  job.rank = job.rank < window ? job.rank : window - 1;
  job.way = choose_way(&job, window, (int64_t)cm_type_size(cm_image_type(image)));
  plan_tiles(&job);
  if (tile_values(&job, job.tile) > (int64_t)UINT32_MAX) {
    cm_error_set(err, CM_ERR_PARAMETER, "the window is too large for %d components; give a smaller radius",
                 cm_image_components(image));
    return false;
  }
  job.out = cm_image_create_like(call->ctx, image, cm__out_type(p->type, cm_image_type(image)),
                                 cm_image_components(image), err);
  if (!job.out ||
      !cm_parallel_for(call->ctx, what, job.tiles[0] * job.tiles[1] * job.tiles[2] * job.grid.nt, 1, work, &job, err)) {
    cm_image_unref(&job.out);
    return false;
  }
  call->out[0] = cm_value_image(job.out);
  return true;
}

static bool run_median(const CmCall *call, CmError **err) {
  return run_box(call, "median", 50.0, err);
}

static bool run_rank(const CmCall *call, CmError **err) {
  return run_box(call, "rank", ((const MedianParams *)call->params)->percentile, err);
}

static bool reach(const void *values, const CmImage *image, int64_t to[3]) {
  const MedianParams *p = values;
  return cm__box_reach(&p->radius, p->units, p->border, image, to);
}

CM_OP(median) = {
    .name = "median",
    .family = "filter",
    .since = "0.1",
    .summary = "Replace each voxel by the median of the box around it.",
    .details =
        "The box is (2 rx + 1) x (2 ry + 1) x (2 rz + 1) voxels, an odd number, so the median is one of its values and "
        "the voxel type "
        "is kept without loss; a radius in mm is rounded down to whole voxels. " CM_BORDER_DETAILS
            CM_FILTER_MASK_DETAILS "NaN counts as larger than every number, -0 as smaller than 0.",
    CM_OP_PARAMS(MedianParams, median_params),
    CM_FILTER_PORTS,
    .cite =
        "Huang TS, Yang GJ, Tang GY. A fast two-dimensional median filtering algorithm. IEEE Trans ASSP 27(1), 1979; "
        "Paeth AW. Median finding on "
        "a 3 x 3 grid. Graphics Gems, 1990 (forgetful selection)",
    .examples = "cormack median ct.nii.gz out.nii.gz --radius 1\ncormack median ct.nii.gz out.nii.gz --radius 2,2,0",
    .reach = reach,
    .run = run_median,
};

CM_OP(rank) = {
    .name = "rank",
    .family = "filter",
    .since = "0.1",
    .summary = "Replace each voxel by a percentile of the box around it.",
    .details =
        "Of the n = (2 rx + 1) x (2 ry + 1) x (2 rz + 1) values of the box, sorted, number floor(n * percentile / 100) "
        "from 0, at most "
        "n - 1: always one of the values, so the voxel type is kept without loss. A radius in mm is rounded down to "
        "whole voxels. " CM_BORDER_DETAILS CM_FILTER_MASK_DETAILS
        "NaN counts as larger than every number, -0 as smaller than 0.",
    CM_OP_PARAMS(MedianParams, rank_params),
    CM_FILTER_PORTS,
    .cite = "Heygster G. Rank filters in digital image processing. Comput Graph Image Process 19(2), 1982",
    .examples =
        "cormack rank ct.nii.gz out.nii.gz --percentile 10 --radius 2\ncormack rank xray.png out.png --percentile 90 "
        "--radius 7",
    .reach = reach,
    .run = run_rank,
};
