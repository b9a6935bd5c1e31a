/* Gaps in a line of values, and what goes into them. */
#ifndef CM_OPS_INTENSITY_GAPS_H
#define CM_OPS_INTENSITY_GAPS_H

#include "cormack/context.h"

typedef enum CmGapMethod { CM_GAP_LINEAR, CM_GAP_SPLINE, CM_GAP_NEAREST } CmGapMethod;

/* Fills v where missing is not 0. linear, spline: between the known values around (spline: the natural cubic spline
 * through all known ones); beyond the first and the last known value, and nearest: the nearest known one (halfway: the
 * one before). gap (may be NULL): for each missing value the distance of the known ones around, or INFINITY at an end.
 * work: 3 n numbers. false: nothing is known. */
bool cm__fill_gaps(CmGapMethod method, double *v, const uint8_t *missing, int64_t n, double *gap, double *work);

#endif
