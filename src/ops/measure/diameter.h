/* The largest distance between two of many points. */
#ifndef CM_OPS_MEASURE_DIAMETER_H
#define CM_OPS_MEASURE_DIAMETER_H

#include "cormack/context.h"

/* Points come level by level (rising z), in a level row by row (rising y), in a row the two ends. Only corners of each
 * level's convex hull are kept. */
typedef struct CmHull {
  CmContext *ctx;
  double (*point)[3]; /* mm */
  int64_t count, room;
  struct CmHullLevel {
    int64_t begin, end;
    double centre[3], radius;
  } * level;
  int64_t levels, level_room;
} CmHull;

/* xy: n points of one level in rising order of y, then x. Keeps the corners. */
bool cm__hull_add_level(CmHull *hull, const double (*xy)[2], int64_t n, double z, CmError **err);
/* Largest distance of any two, and of any two in one level. 0 for fewer than two points. */
double cm__hull_diameter(const CmHull *hull, double *in_level);
/* The latter alone. */
double cm__hull_level_diameter(const CmHull *hull);
void cm__hull_free(CmHull *hull);

#endif
