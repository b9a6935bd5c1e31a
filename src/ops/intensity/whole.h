/* Rows as they lie: no mask, all components alike. */
#ifndef CM_OPS_INTENSITY_WHOLE_H
#define CM_OPS_INTENSITY_WHOLE_H

#include "ops/lines.h"

enum { CM_MOST_ODD = 8 };

/* A linear map: v -> (v - from) * factor + to, clamped to low..high. NaN stays. */
typedef struct CmStraight {
  double from, factor, to, low, high;
  int odd_count; /* values that float rounds the other way than the table: what they become instead */
  int32_t odd[CM_MOST_ODD], becomes[CM_MOST_ODD];
} CmStraight;

/* n values to f32, worked out in double. */
void cm__straight_reals(CmType type, const void *from, int64_t n, const CmStraight *map, float *to);
/* n values to u8, u16 or i16, worked out in float and rounded to nearest; map->low and map->high are whole numbers of
 * that type. */
void cm__straight_integers(CmType type, const void *from, int64_t n, const CmStraight *map, CmType to_type, void *to);
/* f32 to u8 or u16 (cm__straight_rounds_to), worked out in double; NaN becomes 0. */
void cm__straight_rounded(const void *from, int64_t n, const CmStraight *map, CmType to_type, void *to);
bool cm__straight_rounds_to(CmType to_type);
/* Does cm__straight_integers give the very numbers of `table` for all values that an 8 or 16 bit type can have, but for
 * a few, which are put down in the map? to_type as there, else false. */
bool cm__straight_agrees(CmType type, CmStraight *map, CmType to_type, const void *table);

#endif
