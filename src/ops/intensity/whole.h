/* Rows as they lie: no mask, all components alike. */
#ifndef CM_OPS_INTENSITY_WHOLE_H
#define CM_OPS_INTENSITY_WHOLE_H

#include "ops/lines.h"

/* A linear map: v -> (v - from) * factor + to, clamped to low..high. NaN stays. */
typedef struct CmStraight {
  double from, factor, to, low, high;
} CmStraight;

/* n values to f32, worked out in double. */
void cm__straight_reals(CmType type, const void *from, int64_t n, const CmStraight *map, float *to);
/* n values to u8, u16 or i16, worked out in float and rounded to nearest; map->low and map->high are whole numbers of
 * that type. */
void cm__straight_integers(CmType type, const void *from, int64_t n, const CmStraight *map, CmType to_type, void *to);
/* Does that give the very numbers of `table` for all values that an 8 or 16 bit type can have? to_type as there, else
 * false. */
bool cm__straight_agrees(CmType type, const CmStraight *map, CmType to_type, const void *table);

#endif
