#include "ops/block.h"

#include <string.h>

int64_t cm__block_store_scratch(const CmBlocks *blocks) {
  /* a line as double, the image's, the line in the type of the result, and the mask */
  return blocks->grid.row + 3 * blocks->grid.nx;
}

#define R float
#define X(name) name##_f32
#define Y(name) name
#define LINE_TO cm__line_to_f32
#define LINE_FROM cm__line_from_f32
#include "ops/block_tmpl.c"
#undef R
#undef X
#undef Y
#undef LINE_TO
#undef LINE_FROM
#define R double
#define X(name) name##_f64
#define Y(name) name##_f64
#define LINE_TO cm__line_to_f64
#define LINE_FROM cm__line_from_f64
#include "ops/block_tmpl.c"
