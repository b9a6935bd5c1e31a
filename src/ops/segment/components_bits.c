/* Rows that touch everywhere, corners included, are bundled: their union has runs that are connected for sure, and only
 * those of different bundles are to be united. With 26 neighbours four rows make a bundle, with 8 or 18 two, else one.
 * Which runs touch follows from a few operations on words; which run a voxel is in, from counting the bits before it.
 */
#include "ops/segment/components_bits.h"

#include <string.h>

#include "cormack/parallel.h"
#include "ops/morphology/pack.h"
#include "ops/simd.h"

enum { MOST_LINKS = 7, MOST_ROWS = 4 };

/* Rows of a bundle that touch rows of an earlier one: bits 0 .. 3 for the rows y, y + 1 and those of the next slice.
 * reach 1: at corners too. */
typedef struct Link {
  int dy, dz; /* in bundles */
  unsigned mine, theirs;
  int reach;
} Link;

typedef struct Plan {
  int64_t ny, nz; /* rows of a bundle */
  int count;
  Link link[MOST_LINKS];
} Plan;

static const Plan plans[5] = {
    [CM_CONNECT_26] = {2, 2, 4, {{-1, 0, 5, 10, 1}, {0, -1, 3, 12, 1}, {-1, -1, 1, 8, 1}, {1, -1, 2, 4, 1}}},
    [CM_CONNECT_18] = {2,
                       1,
                       7,
                       {{-1, 0, 1, 2, 1},
                        {0, -1, 1, 1, 1},
                        {0, -1, 2, 2, 1},
                        {0, -1, 1, 2, 0},
                        {0, -1, 2, 1, 0},
                        {-1, -1, 1, 2, 0},
                        {1, -1, 2, 1, 0}}},
    [CM_CONNECT_6] = {1, 1, 2, {{-1, 0, 1, 1, 0}, {0, -1, 1, 1, 0}}},
    [CM_CONNECT_8] = {2, 1, 1, {{-1, 0, 1, 2, 1}}},
    [CM_CONNECT_4] = {1, 1, 1, {{-1, 0, 1, 1, 0}}},
};

typedef struct Find {
  CmContext *ctx;
  const CmImage *image;
  CmComponents *found;
  bool zero;
  const Plan *plan;
  int64_t words;         /* of a row */
  int64_t ny, nz, chunk; /* bundles along y and z; in a piece of work */
  int64_t bundles;       /* of all time points */
  uint64_t *bits;        /* per row: what is set */
  uint64_t *starts;      /* per bundle: where runs of the union begin */
  uint32_t *before;      /* per word of a bundle: runs that begin before it */
  int64_t *begin;        /* per bundle: its first run */
  uint32_t *parent;      /* of runs */
} Find;

/* The row r of a bundle in the image, -1 if the image ends before it. */
static int64_t row_of(const Find *find, int64_t bundle, int r) {
  const CmGrid *grid = &find->found->grid;
  const int64_t y = bundle % find->ny * find->plan->ny + r % find->plan->ny,
                z = bundle / find->ny % find->nz * find->plan->nz + r / find->plan->ny;
  return y < grid->ny && z < grid->nz ? (bundle / (find->ny * find->nz) * grid->nz + z) * grid->ny + y : -1;
}

/* Where runs begin. */
static inline uint64_t starts_of(const uint64_t *bits, int64_t w) {
  return bits[w] & ~(bits[w] << 1 | (w > 0 ? bits[w - 1] >> 63 : 0));
}

CM_SIMD static int64_t count_starts(const uint64_t *bits, int64_t words) {
  int64_t count = 0;
  for (int64_t w = 0; w < words; w++) count += __builtin_popcountll(starts_of(bits, w));
  return count;
}

static bool scan_bundles(void *arg, CmRange range, CmError **err) {
  const Find *find = arg;
  const CmGrid *grid = &find->found->grid;
  const int64_t words = find->words;
  const uint64_t tail = grid->nx % 64 ? ~(uint64_t)0 >> (64 - grid->nx % 64) : ~(uint64_t)0;
  uint64_t *joined = cm_alloc_array(find->ctx, (size_t)words, sizeof(uint64_t), err);
  for (int64_t bundle = range.begin; joined && bundle < range.end; bundle++) {
    memset(joined, 0, (size_t)words * sizeof(uint64_t));
    for (int r = 0; r < find->plan->ny * find->plan->nz; r++) {
      const int64_t row = row_of(find, bundle, r);
      if (row < 0) continue;
      uint64_t *bits = find->bits + row * words;
      cm__bits_pack_row(cm_image_type(find->image), cm__row(find->image, grid, row), grid->nx, 0, bits);
      for (int64_t w = 0; find->zero && w < words; w++) bits[w] = ~bits[w];
      bits[words - 1] &= tail;
      find->found->row_begin[row + 1] = count_starts(bits, words);
      for (int64_t w = 0; w < words; w++) joined[w] |= bits[w];
    }
    find->begin[bundle + 1] = count_starts(joined, words);
    for (int64_t w = 0; w < words; w++) find->starts[bundle * words + w] = starts_of(joined, w);
  }
  cm_free(joined);
  return joined != NULL;
}

static inline uint32_t root_of(uint32_t *parent, uint32_t at) {
  while (parent[at] != at) {
    parent[at] = parent[parent[at]];
    at = parent[at];
  }
  return at;
}

/* The root of a set is its first run. */
static inline void unite(uint32_t *parent, uint32_t a, uint32_t b) {
  if (parent[a] == parent[b]) return;
  const uint32_t root_a = root_of(parent, a), root_b = root_of(parent, b), root = root_a < root_b ? root_a : root_b;
  parent[root_a] = root;
  parent[root_b] = root;
}

/* The run of a bundle that has the voxel at `bit` of word w. */
static inline uint32_t run_at(const Find *find, int64_t bundle, int64_t w, int bit) {
  const uint64_t starts = find->starts[bundle * find->words + w];
  return find->before[bundle * find->words + w] + (uint32_t)__builtin_popcountll(starts << (63 - bit)) - 1;
}

/* The union of some rows of a bundle, with a word of zeros before and behind. */
static void join_rows(const Find *find, int64_t bundle, unsigned rows, uint64_t *to) {
  memset(to, 0, (size_t)find->words * sizeof(uint64_t));
  for (int r = 0; r < MOST_ROWS; r++) {
    const int64_t row = rows >> r & 1 ? row_of(find, bundle, r) : -1;
    for (int64_t w = 0; row >= 0 && w < find->words; w++) to[w] |= find->bits[row * find->words + w];
  }
}

/* Unites the runs of two bundles that touch in the rows a and b. Where voxels of both lie side by side, one union
 * serves all of the stretch; corners count only where no such stretch joins the same runs. */
CM_SIMD static void unite_rows(const Find *find, int64_t mine, int64_t other, const uint64_t *a, const uint64_t *b,
                               int reach) {
  uint32_t *parent = find->parent;
  for (int64_t w = 0; w < find->words; w++) {
    if (!a[w]) continue;
    const uint64_t both = a[w] & b[w], both_left = both << 1 | (a[w - 1] & b[w - 1]) >> 63;
    for (uint64_t left = both & ~both_left; left; left &= left - 1) {
      const int bit = __builtin_ctzll(left);
      unite(parent, run_at(find, mine, w, bit), run_at(find, other, w, bit));
    }
    if (!reach) continue;
    const uint64_t both_right = both >> 1 | (a[w + 1] & b[w + 1]) << 63;
    for (uint64_t left = a[w] & ~b[w] & (b[w] << 1 | b[w - 1] >> 63) & ~both_left; left; left &= left - 1) {
      const int bit = __builtin_ctzll(left);
      unite(parent, run_at(find, mine, w, bit), bit ? run_at(find, other, w, bit - 1) : run_at(find, other, w - 1, 63));
    }
    for (uint64_t left = a[w] & ~b[w] & (b[w] >> 1 | b[w + 1] << 63) & ~both_right; left; left &= left - 1) {
      const int bit = __builtin_ctzll(left);
      unite(parent, run_at(find, mine, w, bit),
            bit < 63 ? run_at(find, other, w, bit + 1) : run_at(find, other, w + 1, 0));
    }
  }
}

/* Unites the runs of a bundle with those of earlier ones in [first, last). lines: two rows, padded. */
static void unite_bundle(const Find *find, int64_t bundle, int64_t first, int64_t last, uint64_t *lines) {
  const int64_t y = bundle % find->ny, z = bundle / find->ny % find->nz;
  uint64_t *mine = lines + 1, *theirs = mine + find->words + 2;
  if (find->begin[bundle] == find->begin[bundle + 1]) return;
  for (int k = 0; k < find->plan->count; k++) {
    const Link *link = &find->plan->link[k];
    const int64_t other = bundle + link->dy + link->dz * find->ny;
    if (y + link->dy < 0 || y + link->dy >= find->ny || z + link->dz < 0 || other < first || other >= last) continue;
    if (find->begin[other] == find->begin[other + 1]) continue;
    join_rows(find, bundle, link->mine, mine);
    join_rows(find, other, link->theirs, theirs);
    unite_rows(find, bundle, other, mine, theirs, link->reach);
  }
}

static bool unite_bundles(void *arg, CmRange range, CmError **err) {
  const Find *find = arg;
  uint64_t *lines = cm_calloc(find->ctx, (size_t)(2 * find->words + 4), sizeof(uint64_t), err);
  for (int64_t bundle = range.begin; lines && bundle < range.end; bundle++) {
    uint32_t run = (uint32_t)find->begin[bundle];
    for (int64_t w = 0; w < find->words; w++) {
      find->before[bundle * find->words + w] = run;
      for (uint64_t left = find->starts[bundle * find->words + w]; left; left &= left - 1, run++)
        find->parent[run] = run;
    }
    unite_bundle(find, bundle, range.begin, bundle, lines);
  }
  cm_free(lines);
  return lines != NULL;
}

/* What touches across the seams between pieces of work. */
static bool unite_seams(const Find *find, int64_t span, CmError **err) {
  uint64_t *lines = cm_calloc(find->ctx, (size_t)(2 * find->words + 4), sizeof(uint64_t), err);
  for (int64_t seam = find->chunk; lines && seam < find->bundles; seam += find->chunk)
    for (int64_t bundle = seam; bundle < seam + span && bundle < find->bundles; bundle++)
      unite_bundle(find, bundle, 0, seam, lines);
  cm_free(lines);
  return lines != NULL;
}

/* The runs of a row, with the roots of their sets. */
CM_SIMD static void make_runs(const Find *find, int64_t row, int64_t bundle, CmRun *run) {
  const uint64_t *bits = find->bits + row * find->words;
  uint64_t carry = 0;
  for (int64_t w = 0; w < find->words; w++) {
    for (uint64_t change = bits[w] ^ (bits[w] << 1 | carry); change; change &= change - 1) {
      const int bit = __builtin_ctzll(change);
      if (bits[w] >> bit & 1)
        *run =
            (CmRun){.x0 = (int32_t)(w * 64 + bit), .value = 1, .component = find->parent[run_at(find, bundle, w, bit)]};
      else
        run++->x1 = (int32_t)(w * 64 + bit);
    }
    carry = bits[w] >> 63;
  }
  if (carry) run->x1 = (int32_t)find->found->grid.nx;
}

static bool make_rows(void *arg, CmRange range, CmError **err) {
  const Find *find = arg;
  const CmGrid *grid = &find->found->grid;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const int64_t y = row % grid->ny / find->plan->ny, z = row / grid->ny % grid->nz / find->plan->nz,
                  t = row / (grid->ny * grid->nz);
    make_runs(find, row, (t * find->nz + z) * find->ny + y, find->found->runs + find->found->row_begin[row]);
  }
  return true;
}

/* Numbers the sets in the order of their first voxels, and measures them. */
static bool number(const Find *find, CmError **err) {
  CmComponents *found = find->found;
  const CmGrid *grid = &found->grid;
  uint32_t *name = find->parent; /* served its purpose */
  const int64_t total = find->begin[find->bundles];
  int64_t count = 0;
  for (int64_t run = 0; run < total; run++) count += name[run] == run;
  found->items = cm_calloc(find->ctx, (size_t)count, sizeof(CmComponent), err);
  if (!found->items) return false;
  found->count = count;
  count = 0;
  memset(name, 0xff, (size_t)total * sizeof(uint32_t));
  for (int64_t row = 0; row < grid->rows; row++)
    for (int64_t at = found->row_begin[row]; at < found->row_begin[row + 1]; at++) {
      CmRun *run = &found->runs[at];
      if (name[run->component] == UINT32_MAX) name[run->component] = (uint32_t)count++;
      run->component = name[run->component];
      cm__component_add(&found->items[run->component], grid, run, row);
    }
  return true;
}

static bool find_components(Find *find, CmError **err) {
  CmComponents *found = find->found;
  const CmGrid *grid = &found->grid;
  /* about 16 pieces of whole slices (rows in 2D): seams between them are united afterwards */
  const int64_t span = find->nz * grid->nt > 1 ? find->ny : 1;
  find->chunk = span * cm_chunk_count(find->bundles / span, 16);
  if (!cm_parallel_for(find->ctx, NULL, find->bundles, 65536 / (find->words * 64) + 1, scan_bundles, find, err) ||
      !cm__components_room(find->ctx, found, err))
    return false;
  for (int64_t bundle = 0; bundle < find->bundles; bundle++) find->begin[bundle + 1] += find->begin[bundle];
  const int64_t total = find->begin[find->bundles];
  find->parent = cm_alloc_array(find->ctx, (size_t)total, sizeof(uint32_t), err);
  if (!find->parent ||
      !cm_parallel_for(find->ctx, "connected components", find->bundles, find->chunk, unite_bundles, find, err) ||
      !unite_seams(find, span, err))
    return false;
  /* what a run points to stands before it and points to its root already */
  for (int64_t run = 0; run < total; run++) find->parent[run] = find->parent[find->parent[run]];
  return cm_parallel_for(find->ctx, NULL, grid->rows, cm__row_chunk(grid), make_rows, find, err) && number(find, err);
}

bool cm__components_of_bits(CmContext *ctx, const CmImage *image, CmConnect connect, bool zero, CmComponents *found,
                            CmError **err) {
  const CmGrid *grid = &found->grid;
  Find find = {.ctx = ctx, .image = image, .found = found, .zero = zero, .plan = &plans[connect]};
  find.words = (grid->nx + 63) / 64;
  find.ny = cm_chunk_count(grid->ny, find.plan->ny);
  find.nz = cm_chunk_count(grid->nz, find.plan->nz);
  find.bundles = find.ny * find.nz * grid->nt;
  find.bits = cm_alloc_array(ctx, (size_t)(grid->rows * find.words), sizeof(uint64_t), err);
  find.starts = cm_alloc_array(ctx, (size_t)(find.bundles * find.words), sizeof(uint64_t), err);
  find.before = cm_alloc_array(ctx, (size_t)(find.bundles * find.words), sizeof(uint32_t), err);
  find.begin = cm_calloc(ctx, (size_t)find.bundles + 1, sizeof(int64_t), err);
  const bool ok = find.bits && find.starts && find.before && find.begin && find_components(&find, err);
  cm_free(find.bits);
  cm_free(find.starts);
  cm_free(find.before);
  cm_free(find.begin);
  cm_free(find.parent);
  return ok;
}
