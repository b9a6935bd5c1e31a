/* The convex hull of points in space. */
#ifndef CM_OPS_HULL_H
#define CM_OPS_HULL_H

#include "cormack/context.h"

/* Whole numbers below 2^20 in magnitude: the hull is exact. */
typedef struct CmHull3 {
  CmContext *ctx;
  int32_t (*point)[3];
  int64_t points;
  int32_t (*face)[3]; /* triangles of points, anticlockwise seen from outside */
  int64_t faces, room;
} CmHull3;

/* Finds the faces. Points of one plane have none. */
bool cm__hull3_make(CmHull3 *hull, CmError **err);
void cm__hull3_free(CmHull3 *hull); /* the faces */

/* Volume and area where the points are in units of `scale` along each axis. */
void cm__hull3_measure(const CmHull3 *hull, const double scale[3], double *volume, double *area);

#endif
