#include "ops/intensity/whole.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "ops/simd.h"

enum { PART = 256 };

#define CM_TEMPLATE "ops/intensity/whole_tmpl.c"
#include "ops/each_type.h"

typedef void (*RowFn)(const void *, int64_t, const CmStraight *, void *);
static const RowFn reals[CM_TYPE_COUNT] = CM_TYPE_TABLE(reals);
static const RowFn to_u8[CM_TYPE_COUNT] = CM_TYPE_TABLE(to_u8);
static const RowFn to_u16[CM_TYPE_COUNT] = CM_TYPE_TABLE(to_u16);
static const RowFn to_i16[CM_TYPE_COUNT] = CM_TYPE_TABLE(to_i16);

void cm__straight_reals(CmType type, const void *from, int64_t n, const CmStraight *map, float *to) {
  reals[type](from, n, map, to);
}

void cm__straight_integers(CmType type, const void *from, int64_t n, const CmStraight *map, CmType to_type, void *to) {
  (to_type == CM_U8 ? to_u8 : to_type == CM_U16 ? to_u16 : to_i16)[type](from, n, map, to);
}

bool cm__straight_agrees(CmType type, const CmStraight *map, CmType to_type, const void *table) {
  const size_t size = cm_type_size(type), to_size = cm_type_size(to_type);
  const int64_t values = (int64_t)1 << (8 * size);
  double line[PART], from[PART], to[PART];
  if (to_type != CM_U8 && to_type != CM_U16 && to_type != CM_I16) return false;
  for (int64_t begin = 0; begin < values; begin += PART) {
    for (int k = 0; k < PART; k++) line[k] = (double)(begin + k) + cm_type_min(type);
    cm__line_from_f64(type, line, PART, from);
    cm__straight_integers(type, from, PART, map, to_type, to);
    if (memcmp(to, (const char *)table + (size_t)begin * to_size, PART * to_size) != 0) return false;
  }
  return true;
}
