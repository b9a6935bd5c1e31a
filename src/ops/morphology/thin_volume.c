/* Thinning of volumes: of the voxels that are open to one direction, those that no topology hangs on are marked side by
 * side; then they are taken away one after the other, if that still holds. */
#include <string.h>

#include "cormack/parallel.h"
#include "ops/morphology/thin.h"
#include "ops/simd.h"

/* The 3 x 3 x 3 voxels around one as bits x + 3 y + 9 z. */
#define CUBE(x, y, z) (1u << ((x) + 3 * (y) + 9 * (z)))
enum { CENTRE = 1 << 13, ALL = (1 << 27) - 1 };

static inline uint32_t three(const uint64_t *row, int64_t x) {
  const int64_t w = x >> 6;
  const int at = (int)(x & 63);
  if (at == 0) return (uint32_t)(row[w] << 1 | row[w - 1] >> 63) & 7;
  return (uint32_t)(row[w] >> (at - 1) | (at == 63 ? row[w + 1] << 2 : 0)) & 7;
}

/* Around the voxel x of the row at `here`, without it. */
static inline uint32_t around(const uint64_t *here, int64_t x, int64_t row, int64_t plane) {
  uint32_t cube = 0;
  for (int z = 0; z < 3; z++)
    for (int y = 0; y < 3; y++) cube |= three(here + (z - 1) * plane + (y - 1) * row, x) << (3 * y + 9 * z);
  return cube & ~(uint32_t)CENTRE;
}

/* Does the Euler number stay when the voxel in the middle goes? Of its cube's corners, edges and faces those go with it
 * that touch no other voxel: corners - edges + faces has to be 1, as the cube itself counts -1. */
static inline bool keeps_euler(uint32_t c) {
  const uint32_t first_x = 0333333333, first_y = 0077077077,
                 first_z = 0777777; /* both of a pair: 0 or 1, octal by rows */
  const uint32_t px = (c | c >> 1) & first_x, pxy = (px | px >> 3) & first_y, py = (c | c >> 3) & first_y;
  const uint32_t corners = (pxy | pxy >> 9) & first_z, pxz = (px | px >> 9) & first_z, pyz = (py | py >> 9) & first_z;
  const uint32_t along_z = CUBE(0, 0, 1) | CUBE(1, 0, 1) | CUBE(0, 1, 1) | CUBE(1, 1, 1),
                 along_y = CUBE(0, 1, 0) | CUBE(1, 1, 0) | CUBE(0, 1, 1) | CUBE(1, 1, 1),
                 along_x = CUBE(1, 0, 0) | CUBE(1, 1, 0) | CUBE(1, 0, 1) | CUBE(1, 1, 1),
                 eight = along_z | CUBE(0, 0, 0) | CUBE(1, 0, 0) | CUBE(0, 1, 0) | CUBE(1, 1, 0),
                 faces = CUBE(0, 1, 1) | CUBE(2, 1, 1) | CUBE(1, 0, 1) | CUBE(1, 2, 1) | CUBE(1, 1, 0) | CUBE(1, 1, 2);
  const int free_corners = 8 - __builtin_popcount(corners & eight),
            free_edges = 12 - __builtin_popcount(pxy & along_z) - __builtin_popcount(pxz & along_y) -
                         __builtin_popcount(pyz & along_x),
            free_faces = 6 - __builtin_popcount(c & faces);
  return free_corners - free_edges + free_faces == 1;
}

/* Are the voxels around (some are) one piece? */
static inline bool one_piece(uint32_t c) {
  const uint32_t not_x0 = 0666666666, not_x2 = 0333333333, not_y0 = 0770770770, not_y2 = 0077077077;
  uint32_t piece = c & (~c + 1), last;
  do {
    last = piece;
    piece |= (piece << 1 & not_x0) | (piece >> 1 & not_x2);
    piece |= (piece << 3 & not_y0) | (piece >> 3 & not_y2);
    piece |= (piece << 9 & ALL) | piece >> 9;
    piece &= c;
  } while (piece != last);
  return piece == c;
}

static inline bool is_spare(uint32_t c) {
  return keeps_euler(c) && one_piece(c);
}

/* An end of a line has one neighbour. */
static inline bool is_end(uint32_t c) {
  return (c & (c - 1)) == 0;
}

typedef struct Thin {
  const CmThinBits *bits;
  uint64_t *marked; /* rows of words, without borders */
  int64_t pass, directions;
  const int64_t *before; /* per row of bits (borders too): the pass that changed it last, as it was */
  int64_t *changed;      /* as it becomes */
  uint8_t *any;          /* per row: something is marked */
} Thin;

static int64_t row_number(const CmThinBits *bits, int64_t y, int64_t z) {
  return (z + 1) * (bits->ny + 2) + y + 1;
}

static bool is_quiet(const Thin *job, int64_t row) {
  for (int64_t z = -1; z <= 1; z++)
    for (int64_t y = -1; y <= 1; y++)
      if (job->before[row + z * (job->bits->ny + 2) + y] >= job->pass - job->directions) return false;
  return true;
}

/* Marks what may go in a row; the direction: 0 above, 1 below, 2 right, 3 left, 4 next plane, 5 plane before. */
CM_SIMD static bool mark_row(const uint64_t *here, int64_t words, int64_t row, int64_t plane, int64_t direction,
                             uint64_t *to) {
  uint64_t any = 0;
  for (int64_t w = 0; w < words; w++) {
    const uint64_t set = here[w];
    uint64_t open = 0, marked = 0;
    if (!set) {
      to[w] = 0;
      continue;
    }
    switch (direction) {
      case 0:
        open = here[w - row];
        break;
      case 1:
        open = here[w + row];
        break;
      case 2:
        open = set >> 1 | here[w + 1] << 63;
        break;
      case 3:
        open = set << 1 | here[w - 1] >> 63;
        break;
      case 4:
        open = here[w + plane];
        break;
      default:
        open = here[w - plane];
        break;
    }
    for (uint64_t left = set & ~open; left; left &= left - 1) {
      const int bit = __builtin_ctzll(left);
      const uint32_t c = around(here, w * 64 + bit, row, plane);
      if (!is_end(c) && is_spare(c)) marked |= (uint64_t)1 << bit;
    }
    to[w] = marked;
    any |= marked;
  }
  return any != 0;
}

static bool mark_rows(void *arg, CmRange range, CmError **err) {
  const Thin *job = arg;
  const CmThinBits *bits = job->bits;
  (void)err;
  for (int64_t at = range.begin; at < range.end; at++) {
    const int64_t y = at % bits->ny, z = at / bits->ny;
    job->any[at] = !is_quiet(job, row_number(bits, y, z)) &&
                   mark_row(cm__thin_row(bits, y, z), bits->words, bits->stride, (bits->ny + 2) * bits->stride,
                            job->pass % job->directions, job->marked + at * bits->words);
  }
  return true;
}

/* Takes away what is marked, in order, as long as it may still go; true where something went. */
CM_SIMD static bool clear_row(uint64_t *here, int64_t words, int64_t row, int64_t plane, const uint64_t *marked) {
  bool gone = false;
  for (int64_t w = 0; w < words; w++)
    for (uint64_t left = marked[w]; left; left &= left - 1) {
      const int bit = __builtin_ctzll(left);
      if (!is_spare(around(here, w * 64 + bit, row, plane))) continue;
      here[w] &= ~((uint64_t)1 << bit);
      gone = true;
    }
  return gone;
}

static bool clear_marked(const Thin *job) {
  const CmThinBits *bits = job->bits;
  bool gone = false;
  for (int64_t z = 0; z < bits->nz; z++)
    for (int64_t y = 0; y < bits->ny; y++) {
      const int64_t at = z * bits->ny + y;
      if (!job->any[at] || !clear_row(cm__thin_row(bits, y, z), bits->words, bits->stride,
                                      (bits->ny + 2) * bits->stride, job->marked + at * bits->words))
        continue;
      job->changed[row_number(bits, y, z)] = job->pass;
      gone = true;
    }
  return gone;
}

bool cm__thin_volume(CmContext *ctx, CmThinBits *bits, int64_t most, CmError **err) {
  const int64_t rows = bits->ny * bits->nz, all_rows = (bits->ny + 2) * (bits->nz + 2);
  int64_t *changed = cm_calloc(ctx, (size_t)all_rows, sizeof(int64_t), err);
  Thin job = {.bits = bits, .before = changed, .changed = changed, .directions = bits->nz == 1 ? 4 : 6};
  job.marked = cm_alloc_array(ctx, (size_t)(rows * bits->words), sizeof(uint64_t), err);
  job.any = cm_alloc(ctx, (size_t)rows, err);
  bool ok = changed && job.marked && job.any, gone = true;
  for (int64_t round = 0; ok && gone && (most == 0 || round < most); round++) {
    gone = false;
    for (int64_t direction = 0; ok && direction < job.directions; direction++) {
      job.pass = round * job.directions + direction;
      ok = cm_parallel_for(ctx, NULL, rows, 8192 / bits->words + 1, mark_rows, &job, err);
      if (ok) gone |= clear_marked(&job);
    }
  }
  cm_free(changed);
  cm_free(job.marked);
  cm_free(job.any);
  return ok;
}
