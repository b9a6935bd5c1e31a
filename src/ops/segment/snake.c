#include "ops/segment/snake.h"

#include <math.h>
#include <string.h>

#include "cormack/parallel.h"
#include "ops/morphology/pack.h"
#include "ops/simd.h"

const CmPort cm__snake_inputs[3] = {
    {.name = "image", .kind = CM_KIND_IMAGE, .components = true, .help = "what is segmented"},
    {.name = "mask", .kind = CM_KIND_LABELS, .optional = true, .types = CM_INTEGER_TYPES, .help = "where: not 0"},
    {.name = "start",
     .kind = CM_KIND_LABELS,
     .optional = true,
     .types = CM_INTEGER_TYPES,
     .help = "where the contour begins: inside is not 0"},
};
const CmPort cm__snake_outputs[1] = {{.name = "labels", .kind = CM_KIND_LABELS, .help = "u8: 1 inside the contour"}};

double cm__snake_value(CmType type, const void *row, int64_t at) {
  switch (type) {
#define CASE(code, ctype, name, suffix) \
  case CM_##code:                       \
    return (double)((const ctype *)row)[at];
    CM_TYPE_MAP(CASE)
#undef CASE
    case CM_TYPE_COUNT:
      break;
  }
  return 0.0;
}

/* ---- curvature ---- */

typedef struct Curve {
  const CmSnake *snake;
  const CmBits *in;
  CmBits *out;
  uint64_t flip; /* 0: SI; all ones: IS, which is SI of the complement, with what lies outside complemented too */
} Curve;

/* A row with its neighbours along x: c itself, l what stands one voxel before, r one voxel behind. */
static void shift_row(const uint64_t *from, uint64_t flip, int64_t nx, int64_t words, uint64_t *c, uint64_t *l,
                      uint64_t *r) {
  for (int64_t w = 0; w < words; w++) c[w] = (from ? from[w] : 0) ^ flip;
  for (int64_t w = 0; w < words; w++) l[w] = c[w] << 1 | (w > 0 ? c[w - 1] : flip) >> 63;
  for (int64_t w = 0; w < words; w++) r[w] = c[w] >> 1 | (w + 1 < words ? c[w + 1] : flip) << 63;
  (void)nx; /* bits beyond nx are 0 ^ flip, as outside */
}

/* c, l, r: nine rows of `words` each, (dz + 1) * 3 + dy + 1. */
CM_SIMD static void planes_3d(const uint64_t *restrict c, const uint64_t *restrict l, const uint64_t *restrict r,
                              int64_t n, uint64_t *restrict to) {
  for (int64_t w = 0; w < n; w++) {
#define C(k) c[(k)*n + w]
#define L(k) l[(k)*n + w]
#define R(k) r[(k)*n + w]
#define A(k) (C(k) & L(k) & R(k))
    const uint64_t a4 = A(4);
    uint64_t any = C(0) & C(1) & C(2) & C(3) & C(4) & C(5) & C(6) & C(7) & C(8);
    any |= a4 & ((A(1) & A(7)) | (A(3) & A(5)) | (A(0) & A(8)) | (A(2) & A(6)));
    any |= L(0) & C(1) & R(2) & L(3) & C(4) & R(5) & L(6) & C(7) & R(8);
    any |= R(0) & C(1) & L(2) & R(3) & C(4) & L(5) & R(6) & C(7) & L(8);
    any |= L(0) & L(1) & L(2) & C(3) & C(4) & C(5) & R(6) & R(7) & R(8);
    any |= R(0) & R(1) & R(2) & C(3) & C(4) & C(5) & L(6) & L(7) & L(8);
    to[w] = any;
  }
}

/* The four lines in the plane of x and another axis; a, b: the rows before and behind along it. */
CM_SIMD static void lines_2d(const uint64_t *restrict c, const uint64_t *restrict l, const uint64_t *restrict r,
                             int64_t n, int64_t a, int64_t b, uint64_t *restrict to) {
  for (int64_t w = 0; w < n; w++) to[w] = C(4) & ((L(4) & R(4)) | (C(a) & C(b)) | (L(a) & R(b)) | (R(a) & L(b)));
}

/* The same in the plane of y and z. */
static void lines_yz(const uint64_t *c, int64_t n, uint64_t *to) {
  for (int64_t w = 0; w < n; w++) to[w] = C(4) & ((C(3) & C(5)) | (C(1) & C(7)) | (C(0) & C(8)) | (C(2) & C(6)));
#undef A
#undef R
#undef L
#undef C
}

static bool curve_rows(void *arg, CmRange range, CmError **err) {
  const Curve *job = arg;
  const CmBits *in = job->in;
  const int64_t words = in->words, ny = in->ny, nz = in->nz;
  uint64_t *scratch = cm_alloc_array(job->snake->ctx, (size_t)words * 27, sizeof(uint64_t), err);
  if (!scratch) return false;
  uint64_t *c = scratch, *l = scratch + 9 * words, *r = scratch + 18 * words;
  for (int64_t row = range.begin; row < range.end; row++) {
    const int64_t y = row % ny, z = row / ny;
    for (int64_t k = 0; k < 9; k++) {
      const int64_t yy = y + k % 3 - 1, zz = z + k / 3 - 1;
      const bool there = yy >= 0 && yy < ny && zz >= 0 && zz < nz;
      shift_row(there ? in->word + (zz * ny + yy) * words : NULL, job->flip, in->nx, words, c + k * words,
                l + k * words, r + k * words);
    }
    uint64_t *to = job->out->word + row * words;
    if (in->nx > 1 && ny > 1 && nz > 1)
      planes_3d(c, l, r, words, to);
    else if (in->nx > 1)
      lines_2d(c, l, r, words, ny > 1 ? 3 : 1, ny > 1 ? 5 : 7, to);
    else
      lines_yz(c, words, to);
    const uint64_t *allowed = job->snake->allowed.word + row * words;
    for (int64_t w = 0; w < words; w++) to[w] = (to[w] ^ job->flip) & allowed[w];
  }
  cm_free(scratch);
  return true;
}

static bool curve(CmSnake *snake, const CmBits *in, CmBits *out, bool dilate, CmError **err) {
  Curve job = {.snake = snake, .in = in, .out = out, .flip = dilate ? ~(uint64_t)0 : 0};
  return cm_parallel_for(snake->ctx, NULL, in->ny * in->nz, snake->chunk, curve_rows, &job, err);
}

/* work[0] in place, through work[1]. */
static bool smooth(CmSnake *snake, CmError **err) {
  const CmBits *b = &snake->now;
  if ((b->nx > 1) + (b->ny > 1) + (b->nz > 1) < 2) return true; /* a line has no curvature */
  for (int64_t k = 0; k < snake->params->smoothing; k++) {
    if (!curve(snake, &snake->work[0], &snake->work[1], !snake->swap, err) ||
        !curve(snake, &snake->work[1], &snake->work[0], snake->swap, err))
      return false;
    snake->swap = !snake->swap;
  }
  return true;
}

/* ---- force ---- */

/* Bits that differ along an axis between the two neighbours, or at the border between voxel and neighbour. */
static bool mark_edges(const CmBits *b, int64_t y, int64_t z, uint64_t *edge) {
  const int64_t words = b->words;
  const uint64_t *c = b->word + (z * b->ny + y) * words;
  const uint64_t *y0 = y > 0 ? c - words : c, *y1 = y + 1 < b->ny ? c + words : c;
  const uint64_t *z0 = z > 0 ? c - b->ny * words : c, *z1 = z + 1 < b->nz ? c + b->ny * words : c;
  const int64_t end = (b->nx - 1) % 64;
  uint64_t any = 0;
  for (int64_t w = 0; w < words; w++) {
    uint64_t l = c[w] << 1 | (w > 0 ? c[w - 1] >> 63 : c[0] & 1), r = c[w] >> 1;
    if (w + 1 < words)
      r |= c[w + 1] << 63;
    else
      r |= c[w] & (uint64_t)1 << end;
    edge[w] = (l ^ r) | (y0[w] ^ y1[w]) | (z0[w] ^ z1[w]);
    if (w + 1 == words && end < 63) edge[w] &= ((uint64_t)2 << end) - 1;
    any |= edge[w];
  }
  return any != 0;
}

static bool push_rows(void *arg, CmRange range, CmError **err) {
  CmSnake *snake = arg;
  const CmBits *now = &snake->now;
  const int64_t words = now->words;
  uint64_t *edge = cm_alloc_array(snake->ctx, (size_t)words, sizeof(uint64_t), err);
  if (!edge) return false;
  for (int64_t row = range.begin; row < range.end; row++) {
    const int64_t y = row % now->ny, z = row / now->ny;
    const uint64_t *allowed = snake->allowed.word + row * words;
    uint64_t *to = snake->work[0].word + row * words;
    memcpy(to, now->word + row * words, (size_t)words * sizeof(uint64_t));
    if (!mark_edges(now, y, z, edge)) continue;
    const CmSnakeRow job = {.row = snake->t * now->ny * now->nz + row, .y = y, .z = z, .edge = edge, .to = to};
    for (int64_t w = 0; w < words; w++) edge[w] &= allowed[w];
    snake->force(snake->arg, snake, &job);
  }
  cm_free(edge);
  return true;
}

static void exchange(CmBits *a, CmBits *b) {
  const CmBits swap = *a;
  *a = *b;
  *b = swap;
}

/* One step: last becomes now, now becomes the next. *turned: next is what last was, so the contour stands or swings. */
static bool step(CmSnake *snake, bool *turned, CmError **err) {
  const CmBits *now = &snake->now;
  const size_t bytes = (size_t)(now->words * now->ny * now->nz) * sizeof(uint64_t);
  if (snake->before && !snake->before(snake->arg, snake, err)) return false;
  if (!cm_parallel_for(snake->ctx, NULL, now->ny * now->nz, snake->chunk, push_rows, snake, err) || !smooth(snake, err))
    return false;
  *turned = memcmp(snake->work[0].word, snake->last.word, bytes) == 0;
  exchange(&snake->last, &snake->now);
  exchange(&snake->now, &snake->work[0]);
  return !snake->after || snake->after(snake->arg, snake, err);
}

/* Where the state of two steps ago comes back, all that follows is known. */
static bool evolve(CmSnake *snake, CmError **err) {
  const int64_t count = snake->params->iterations;
  for (int64_t k = 0; k < count; k++) {
    bool turned = false;
    cm_progress(snake->ctx, snake->what, snake->t * count + k, snake->grid.nt * count);
    if (!step(snake, &turned, err)) return false;
    if (turned && k > 0) {
      if ((count - 1 - k) % 2) exchange(&snake->last, &snake->now);
      break;
    }
  }
  cm_progress(snake->ctx, snake->what, (snake->t + 1) * count, snake->grid.nt * count);
  return true;
}

/* ---- start, mask, result ---- */

/* The squares of the checkerboard, or the square of the distance from the middle, along one axis. */
static void start_row(const CmSnake *snake, int64_t y, int64_t z, uint64_t *to) {
  const CmSnakeParams *p = snake->params;
  const int64_t n[3] = {snake->grid.nx, snake->grid.ny, snake->grid.nz};
  double mm[3] = {1.0, 1.0, 1.0}, shortest = INFINITY, far = 0.0;
  int64_t parity = 0;
  for (int axis = 0; axis < 3; axis++) {
    if (p->units == 1) mm[axis] = cm_image_geometry(snake->image)->spacing[axis];
    if (n[axis] > 1 && (double)n[axis] * mm[axis] < shortest) shortest = (double)n[axis] * mm[axis];
    const int64_t at = axis == 1 ? y : z;
    if (axis == 0 || n[axis] == 1) continue;
    const double d = (double)(at - n[axis] / 2) * mm[axis];
    far += d * d;
    parity += (int64_t)floor((double)at * mm[axis] / p->square);
  }
  const double radius = p->radius > 0.0 ? p->radius : isfinite(shortest) ? shortest * 3.0 / 8.0 : 1.0;
  for (int64_t x = 0; x < n[0]; x++) {
    const double d = n[0] > 1 ? (double)(x - n[0] / 2) * mm[0] : 0.0;
    const int64_t square = n[0] > 1 ? (int64_t)floor((double)x * mm[0] / p->square) : 0;
    const bool in = p->init == 0 ? (parity + square) & 1 : radius - sqrt(d * d + far) > 0.0;
    to[x / 64] |= (uint64_t)in << (x % 64);
  }
}

typedef struct Begin {
  CmSnake *snake;
  const CmMask *start; /* without image: by the parameters */
} Begin;

static bool begin_rows(void *arg, CmRange range, CmError **err) {
  const Begin *job = arg;
  CmSnake *snake = job->snake;
  const CmGrid *grid = &snake->grid;
  const CmBits *now = &snake->now;
  (void)err;
  for (int64_t row = range.begin; row < range.end; row++) {
    const int64_t at = snake->t * grid->ny * grid->nz + row;
    uint64_t *to = now->word + row * now->words, *allowed = snake->allowed.word + row * now->words;
    memset(to, 0, (size_t)now->words * sizeof(uint64_t));
    const CmMask *const from[2] = {snake->mask, job->start};
    for (int k = 0; k < 2; k++)
      if (from[k]->image)
        cm__bits_pack_row(cm_image_type(from[k]->image),
                          cm__row(from[k]->image, &from[k]->grid, at % from[k]->grid.rows), grid->nx, 0,
                          k ? to : allowed);
    if (!snake->mask->image) memset(allowed, 0xff, (size_t)now->words * sizeof(uint64_t));
    if (grid->nx % 64) allowed[now->words - 1] &= ~(uint64_t)0 >> (64 - grid->nx % 64);
    if (!job->start->image) start_row(snake, row % grid->ny, row / grid->ny, to);
    for (int64_t w = 0; w < now->words; w++) to[w] &= allowed[w];
  }
  return true;
}

static void unpack(const CmSnake *snake, CmImage *out) {
  const CmBits *now = &snake->now;
  for (int64_t row = 0; row < now->ny * now->nz; row++) {
    uint8_t *to = (uint8_t *)cm_image_data_mut(out) + (snake->t * now->ny * now->nz + row) * now->nx;
    const uint64_t *word = now->word + row * now->words;
    for (int64_t x = 0; x < now->nx; x++) to[x] = word[x / 64] >> (x % 64) & 1;
  }
}

bool cm__snake_call(const CmCall *call, CmSnake *snake, CmSnakeStep prepare, CmError **err) {
  const CmImage *image = call->in[0].image;
  const CmGrid grid = cm__grid(image);
  CmBits *const bits[] = {&snake->allowed, &snake->now, &snake->last, &snake->work[0], &snake->work[1]};
  CmMask mask, start;
  CmImage *out = NULL;
  bool ok = false;
  snake->ctx = call->ctx;
  snake->image = image;
  snake->grid = grid;
  if (!cm__mask_open(&mask, &call->in[1], image, err) || !cm__mask_open(&start, &call->in[2], image, err)) goto done;
  snake->mask = &mask;
  out = cm_image_create_like(call->ctx, image, CM_U8, 1, err);
  if (!out || !cm_image_set_unit(out, "1", err)) goto done;
  for (int k = 0; k < CM_COUNT(bits); k++)
    if (!cm__bits_create(call->ctx, grid.nx, grid.ny, grid.nz, bits[k], err)) goto done;
  const int64_t words = snake->now.words;
  snake->chunk = words < 4096 ? 4096 / words : 1;
  for (snake->t = 0; snake->t < grid.nt; snake->t++) {
    Begin begin = {.snake = snake, .start = &start};
    snake->swap = false;
    if (!cm_parallel_for(call->ctx, NULL, grid.ny * grid.nz, snake->chunk, begin_rows, &begin, err) ||
        !prepare(snake->arg, snake, err))
      goto done;
    memset(snake->last.word, 0, (size_t)(words * grid.ny * grid.nz) * sizeof(uint64_t));
    if (!evolve(snake, err)) goto done;
    unpack(snake, out);
  }
  call->out[0] = cm_value_labels(cm_image_ref(out));
  ok = true;
done:
  for (int k = 0; k < CM_COUNT(bits); k++) cm_free(bits[k]->word);
  cm_image_unref(&out);
  return ok;
}
