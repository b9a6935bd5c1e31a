/* Morphological active contours: a set of voxels as bits that is pushed by a force at its surface and smoothed by
 * curvature operators (Márquez-Neila P, Baumela L, Álvarez L. IEEE TPAMI 36(1), 2014). */
#ifndef CM_OPS_SEGMENT_SNAKE_H
#define CM_OPS_SEGMENT_SNAKE_H

#include "ops/morphology/bits.h"

/* What both operations have. */
typedef struct CmSnakeParams {
  int64_t iterations, smoothing;
  int32_t init;
  double square, radius;
  int32_t units;
} CmSnakeParams;

#define CM_SNAKE_PARAMS(S, member, iterations_, init_)                                                  \
  {.name = "iterations",                                                                                \
   .type = CM_INT,                                                                                      \
   .offset = offsetof(S, member.iterations),                                                            \
   .initial = iterations_,                                                                              \
   .min = 0,                                                                                            \
   .max = 100000,                                                                                       \
   .unit = "1",                                                                                         \
   .help = "how many steps are taken; fewer where nothing changes any more"},                           \
      {.name = "smoothing",                                                                             \
       .type = CM_INT,                                                                                  \
       .offset = offsetof(S, member.smoothing),                                                         \
       .initial = "1",                                                                                  \
       .min = 0,                                                                                        \
       .max = 100,                                                                                      \
       .unit = "1",                                                                                     \
       .help = "how often the curvature operator is applied in each step"},                             \
      {.name = "init",                                                                                  \
       .type = CM_ENUM,                                                                                 \
       .offset = offsetof(S, member.init),                                                              \
       .initial = init_,                                                                                \
       .choices = "checkerboard|ball",                                                                  \
       .unit = "",                                                                                      \
       .help = "where the contour begins, unless `start` is given"},                                    \
      {.name = "square",                                                                                \
       .type = CM_REAL,                                                                                 \
       .offset = offsetof(S, member.square),                                                            \
       .initial = "5",                                                                                  \
       .min = 1e-3,                                                                                     \
       .max = 1e6,                                                                                      \
       .unit = "",                                                                                      \
       .help = "side of the squares of the checkerboard"},                                              \
      {.name = "radius",                                                                                \
       .type = CM_REAL,                                                                                 \
       .offset = offsetof(S, member.radius),                                                            \
       .initial = "0",                                                                                  \
       .min = 0,                                                                                        \
       .max = 1e6,                                                                                      \
       .unit = "",                                                                                      \
       .help = "radius of the ball around the middle; 0: 3/8 of the shortest side"},                    \
  {                                                                                                     \
    .name = "units", .type = CM_ENUM, .offset = offsetof(S, member.units), .initial = "voxel",          \
    .choices = CM_UNITS_CHOICES, .unit = "", .help = "what square and radius are given in: voxel or mm" \
  }

#define CM_SNAKE_DETAILS                                                                                              \
  "Smoothing: SI (the largest of the erosions by the 9 planes, in a slice the 4 lines, of 3 voxels through the "      \
  "middle) and IS (the smallest of the dilations) in turn: SI(IS), then IS(SI), and so on; beyond the border is 0. "  \
  "The checkerboard is that of floor(index / square), the ball holds what is nearer than the radius to voxel "        \
  "floor(n / 2). Steps end early where the contour stands still or swings between two states, which changes nothing " \
  "in the result. Mask: outside is 0 all the time. Time points stay apart. Beside the result less than one byte per " \
  "voxel is allocated."

extern const CmPort cm__snake_inputs[3]; /* image, mask, start */
extern const CmPort cm__snake_outputs[1];
#define CM_SNAKE_PORTS                                                                           \
  .inputs = cm__snake_inputs, .input_count = 3, .outputs = cm__snake_outputs, .output_count = 1, \
  .geometry = CM_GEOMETRY_KEEP

typedef struct CmSnake CmSnake;

/* The force on one row: `edge` are the voxels whose neighbour along some axis is on the other side. Sets or clears bits
 * of `to`, which holds the row as it is. row: of the image. */
typedef struct CmSnakeRow {
  int64_t row, y, z;
  const uint64_t *edge;
  uint64_t *to;
} CmSnakeRow;
typedef void (*CmSnakeForce)(void *arg, const CmSnake *snake, const CmSnakeRow *row);
/* Called around a step. */
typedef bool (*CmSnakeStep)(void *arg, CmSnake *snake, CmError **err);

struct CmSnake {
  CmContext *ctx;
  const char *what; /* for progress */
  const CmImage *image;
  const CmMask *mask;
  const CmSnakeParams *params;
  CmSnakeForce force;
  CmSnakeStep before; /* may change `now`; may be NULL */
  CmSnakeStep after;  /* when `last` is what `now` was, as `before` left it; may be NULL */
  void *arg;
  CmGrid grid;
  int64_t t, chunk; /* time point; rows of a piece of work */
  CmBits allowed;   /* inside the mask */
  CmBits now, last, work[2];
  bool swap; /* order of the next curvature operator */
};

/* Bit (x, y, z). */
static inline int cm__snake_bit(const CmBits *bits, int64_t x, int64_t y, int64_t z) {
  return (int)(bits->word[(z * bits->ny + y) * bits->words + x / 64] >> (x % 64) & 1);
}

/* The whole of an operation: opens the start, runs each time point, makes output 0. `prepare` is called for each time
 * point, when `allowed` and `now` are set and may be changed. */
bool cm__snake_call(const CmCall *call, CmSnake *snake, CmSnakeStep prepare, CmError **err);
/* One value of an image, for the few voxels at the surface. */
double cm__snake_value(CmType type, const void *row, int64_t at);

#endif
