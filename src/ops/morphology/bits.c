#include "ops/morphology/bits.h"

#include <float.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/morphology/pack.h"
#include "ops/simd.h"

/* 64 bytes, 0 or 1, as bits: of eight bytes one multiplication brings byte k to bit 56 + k. */
static inline uint64_t gather(const uint8_t is[64]) {
  uint64_t bits = 0;
  for (int k = 0; k < 8; k++) {
    uint64_t eight = 0;
    for (int i = 0; i < 8; i++) eight |= (uint64_t)is[8 * k + i] << (8 * i);
    bits |= (eight * UINT64_C(0x0102040810204080)) >> 56 << (8 * k);
  }
  return bits;
}

#define CM_TEMPLATE "ops/morphology/bits_tmpl.c"
#include "ops/each_type.h"

static void (*const pack[CM_TYPE_COUNT])(const void *, int64_t, int64_t, uint64_t *) = CM_TYPE_TABLE(pack);
static void (*const unpack[CM_TYPE_COUNT])(const uint64_t *, int64_t, int64_t, void *) = CM_TYPE_TABLE(unpack);

void cm__bits_pack_row(CmType type, const void *row, int64_t nx, int64_t label, uint64_t *word) {
  pack[type](row, nx, label, word);
}

bool cm__bits_create(CmContext *ctx, int64_t nx, int64_t ny, int64_t nz, CmBits *bits, CmError **err) {
  *bits = (CmBits){.nx = nx, .ny = ny, .nz = nz, .words = (nx + 63) / 64};
  bits->word = cm_alloc_array(ctx, (size_t)(bits->words * ny * nz), sizeof(uint64_t), err);
  return bits->word != NULL;
}

typedef struct Morph {
  CmContext *ctx;
  const CmBits *in;
  CmBits *out;
  const CmElement *element;
  bool erode;
  bool fill; /* what lies outside counts as set, in the sense of the dilation */
} Morph;

/* acc |= row ^ flip */
CM_SIMD static void or_row(uint64_t *restrict acc, const uint64_t *row, uint64_t flip, int64_t words) {
  for (int64_t w = 0; w < words; w++) acc[w] |= row[w] ^ flip;
}

/* One voxel more to both sides; acc has a zero word before and behind it. */
CM_SIMD static void widen(const uint64_t *restrict acc, uint64_t *restrict to, int64_t words) {
  for (int64_t w = 0; w < words; w++) to[w] = acc[w] | acc[w] << 1 | acc[w - 1] >> 63 | acc[w] >> 1 | acc[w + 1] << 63;
}

/* acc |= what lies `shift` bits further left in row ^ flip, of which the first nx bits count. */
static void or_shifted(uint64_t *acc, int64_t words, const uint64_t *row, uint64_t flip, int64_t nx, int64_t shift) {
  const int64_t first = shift / 64, row_words = (nx + 63) / 64;
  const int by = (int)(shift % 64);
  for (int64_t w = 0; w < row_words; w++) {
    uint64_t v = row[w] ^ flip;
    if (w == row_words - 1 && nx % 64) v &= ~(uint64_t)0 >> (64 - nx % 64);
    acc[first + w] |= v << by;
    if (by && first + w + 1 < words) acc[first + w + 1] |= v >> (64 - by);
  }
}

/* Sets bits [begin, end). */
static void set_bits(uint64_t *word, int64_t begin, int64_t end) {
  for (int64_t x = begin; x < end; x++)
    if (x % 64 == 0 && end - x >= 64) {
      word[x / 64] = ~(uint64_t)0;
      x += 63;
    } else
      word[x / 64] |= (uint64_t)1 << (x % 64);
}

/* One row of the result for an element whose segments are not centred: gathered as below, in a line that goes on by
 * `pad` voxels to both sides. */
static void morph_row_padded(const Morph *job, int64_t y, int64_t z, uint64_t *a, uint64_t *b) {
  const CmBits *in = job->in;
  const CmElement *element = job->element;
  const CmSegment *items = cm__element_segments(element, job->erode);
  const int64_t pad = element->pad, n = in->nx + 2 * pad, words = (n + 63) / 64;
  const uint64_t flip = job->erode ? ~(uint64_t)0 : 0;
  memset(a - 1, 0, (size_t)(words + 2) * sizeof(uint64_t));
  memset(b - 1, 0, (size_t)(words + 2) * sizeof(uint64_t));
  int64_t half = items[0].half;
  for (int64_t k = 0;; k++) {
    for (const int64_t next = k < element->count ? items[k].half : 0; half > next; half--) {
      widen(a, b, words);
      uint64_t *swap = a;
      a = b;
      b = swap;
    }
    if (k == element->count) break;
    const int64_t yy = y + items[k].dy, zz = z + items[k].dz, shift = pad - items[k].dx;
    if (yy >= 0 && yy < in->ny && zz >= 0 && zz < in->nz) {
      or_shifted(a, words, in->word + (zz * in->ny + yy) * in->words, flip, in->nx, shift);
      if (job->fill) set_bits(a, 0, shift);
      if (job->fill) set_bits(a, shift + in->nx, n);
    } else if (job->fill)
      set_bits(a, 0, n);
  }
  uint64_t *to = job->out->word + (z * in->ny + y) * in->words;
  const int by = (int)(pad % 64);
  for (int64_t w = 0; w < in->words; w++)
    to[w] = (a[pad / 64 + w] >> by | (by && pad / 64 + w + 1 < words ? a[pad / 64 + w + 1] << (64 - by) : 0)) ^ flip;
  if (in->nx % 64) to[in->words - 1] &= ~(uint64_t)0 >> (64 - in->nx % 64);
}

/* One row of the result. Erosion is the dilation of the complement. Going from the longest segments to the shortest,
 * what has gathered is widened by one voxel per step, so that a row that is added when `half` is reached ends half
 * voxels wider. */
static void morph_row(const Morph *job, int64_t y, int64_t z, uint64_t *a, uint64_t *b) {
  const CmBits *in = job->in;
  const CmElement *element = job->element;
  const CmSegment *items = cm__element_segments(element, job->erode);
  const int64_t words = in->words;
  const uint64_t flip = job->erode ? ~(uint64_t)0 : 0;
  const uint64_t tail = in->nx % 64 ? ~(uint64_t)0 >> (64 - in->nx % 64) : ~(uint64_t)0;
  memset(a - 1, 0, (size_t)(words + 2) * sizeof(uint64_t));
  memset(b - 1, 0, (size_t)(words + 2) * sizeof(uint64_t));
  int64_t half = items[0].half;
  for (int64_t k = 0;; k++) {
    int64_t next = k < element->count ? items[k].half : 0;
    for (; half > next; half--) {
      a[words - 1] &= tail;
      widen(a, b, words);
      uint64_t *swap = a;
      a = b;
      b = swap;
      if (job->fill) { /* from the voxels just beyond the ends */
        a[0] |= 1;
        a[words - 1] |= (uint64_t)1 << ((in->nx - 1) % 64);
      }
    }
    if (k == element->count) break;
    int64_t yy = y + items[k].dy, zz = z + items[k].dz;
    if (yy >= 0 && yy < in->ny && zz >= 0 && zz < in->nz)
      or_row(a, in->word + (zz * in->ny + yy) * words, flip, words);
    else if (job->fill)
      memset(a, 0xff, (size_t)words * sizeof(uint64_t));
  }
  uint64_t *to = job->out->word + (z * in->ny + y) * words;
  for (int64_t w = 0; w < words; w++) to[w] = a[w] ^ flip;
  to[words - 1] &= tail;
}

static bool morph_rows(void *arg, CmRange range, CmError **err) {
  const Morph *job = arg;
  const int64_t words = (job->in->nx + 2 * job->element->pad + 63) / 64;
  uint64_t *scratch = cm_alloc_array(job->ctx, (size_t)(2 * words + 4), sizeof(uint64_t), err);
  if (!scratch) return false;
  for (int64_t row = range.begin; row < range.end; row++)
    (job->element->pad ? morph_row_padded : morph_row)(job, row % job->in->ny, row / job->in->ny, scratch + 1,
                                                       scratch + words + 3);
  cm_free(scratch);
  return true;
}

bool cm__bits_morph(CmContext *ctx, const CmBits *in, CmBits *out, const CmElement *element, bool erode,
                    bool zero_outside, CmError **err) {
  Morph job = {.ctx = ctx, .in = in, .out = out, .element = element, .erode = erode, .fill = erode && zero_outside};
  int64_t chunk = 262144 / (in->words * 64 * (1 + element->count / 16));
  return cm_parallel_for(ctx, "morphology", in->ny * in->nz, chunk < 1 ? 1 : chunk, morph_rows, &job, err);
}

/* Between an image's time point and bits. */
typedef struct Transfer {
  const CmImage *from;
  CmImage *to;
  CmGrid grid;
  CmBits *bits;
  int64_t t, value;
} Transfer;

static bool pack_rows(void *arg, CmRange range, CmError **err) {
  const Transfer *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    pack[cm_image_type(job->from)](cm__row(job->from, &job->grid, job->t * job->grid.ny * job->grid.nz + row),
                                   job->grid.nx, 0, job->bits->word + row * job->bits->words);
  return true;
}

static bool unpack_rows(void *arg, CmRange range, CmError **err) {
  const Transfer *job = arg;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++)
    unpack[cm_image_type(job->to)](job->bits->word + row * job->bits->words, job->grid.nx, job->value,
                                   cm__row_mut(job->to, &job->grid, job->t * job->grid.ny * job->grid.nz + row));
  return true;
}

/* One time point. The first set of bits is kept in the place of the result where it fits there. */
static bool morph_time(CmContext *ctx, Transfer *in, Transfer *out, CmMorph morph, const CmElement *element,
                       bool zero_outside, CmError **err) {
  const CmGrid *grid = &in->grid;
  const int64_t rows = grid->ny * grid->nz, chunk = cm__row_chunk(grid);
  const bool twice = morph == CM_MORPH_OPEN || morph == CM_MORPH_CLOSE;
  CmBits first = {.nx = grid->nx, .ny = grid->ny, .nz = grid->nz, .words = (grid->nx + 63) / 64},
         second = {.word = NULL};
  char *place = cm__row_mut(out->to, &out->grid, in->t * rows);
  uint64_t *own = NULL;
  bool ok = false;
  if ((uint64_t)first.words * 8 <= (uint64_t)grid->nx * out->grid.size && ((uintptr_t)place & 7) == 0)
    first.word = (uint64_t *)(void *)place;
  else
    first.word = own = cm_alloc_array(ctx, (size_t)(first.words * rows), sizeof(uint64_t), err);
  if (!first.word || !cm__bits_create(ctx, grid->nx, grid->ny, grid->nz, &second, err)) goto done;
  /* the last step reads `second` and writes the result */
  CmBits *from = twice ? &second : &first, *to = twice ? &first : &second;
  in->bits = from;
  if (!cm_parallel_for(ctx, NULL, rows, chunk, pack_rows, in, err) ||
      !cm__bits_morph(ctx, from, to, element, morph == CM_MORPH_ERODE || morph == CM_MORPH_OPEN, zero_outside, err))
    goto done;
  if (twice && !cm__bits_morph(ctx, to, from, element, morph == CM_MORPH_CLOSE, zero_outside, err)) goto done;
  out->bits = &second;
  ok = cm_parallel_for(ctx, NULL, rows, chunk, unpack_rows, out, err);
done:
  cm_free(own);
  cm_free(second.word);
  return ok;
}

bool cm__morph_binary(CmContext *ctx, const CmImage *image, CmMorph morph, const CmElement *element, bool zero_outside,
                      int64_t value, CmImage *out, CmError **err) {
  Transfer in = {.from = image, .grid = cm__grid(image)}, back = {.to = out, .grid = cm__grid(out), .value = value};
  for (int64_t t = 0; t < in.grid.nt; t++) {
    in.t = back.t = t;
    if (!morph_time(ctx, &in, &back, morph, element, zero_outside, err)) return false;
  }
  return true;
}

CmImage *cm__morph_mask(CmContext *ctx, const CmImage *image, CmMorph morph, CmShape shape, const double radii[3],
                        CmError **err) {
  CmElement element = {.items = NULL};
  double clipped[3];
  CmImage *out = NULL;
  for (int axis = 0; axis < 3; axis++) clipped[axis] = cm_image_dims(image)[axis] == 1 ? 0.0 : radii[axis];
  if (!cm__element_create(ctx, shape, clipped, cm_image_dims(image), &element, err)) return NULL;
  out = cm_image_create_like(ctx, image, CM_U8, 1, err);
  if (out && !cm__morph_binary(ctx, image, morph, &element, false, 1, out, err)) cm_image_unref(&out);
  cm_free(element.items);
  return out;
}
