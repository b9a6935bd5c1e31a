/* A closed surface of triangles around a sphere's worth of vertices, that can be moved and filled. */
#ifndef CM_OPS_HEAD_BALLOON_H
#define CM_OPS_HEAD_BALLOON_H

#include "cormack/image.h"

enum { CM_BALLOON_FACES = 5120 };

typedef struct CmBalloonRow {
  int32_t candidate[CM_BALLOON_FACES];
  double hit[CM_BALLOON_FACES + 1], spare[CM_BALLOON_FACES + 1];
} CmBalloonRow;

typedef struct CmBalloon {
  int64_t vertices, faces;
  double (*at)[3];       /* mm along the axes of the grid, from the centre of voxel (0, 0, 0) */
  double (*normal)[3];   /* outwards, unit */
  double (*mean)[3];     /* of the neighbours of each vertex */
  int32_t (*face)[3];    /* anticlockwise seen from outside */
  CmBalloonRow *scratch; /* of filling, for each worker */
} CmBalloon;

/* An icosahedron cut four times, of this radius: 2562 vertices. Free with cm__balloon_free(), on failure as well. */
bool cm__balloon_create(CmContext *ctx, const double centre[3], double radius, CmBalloon *balloon, CmError **err);
void cm__balloon_free(CmBalloon *balloon);
/* Sets normals and means of neighbours; returns the mean length of the edges. */
double cm__balloon_measure(CmBalloon *balloon);
/* Sets the bytes of a volume n whose centres lie inside (an odd number of surfaces before them) to 1, the rest to 0. */
bool cm__balloon_fill(CmContext *ctx, const CmBalloon *balloon, const int64_t n[3], const double spacing[3],
                      uint8_t *to, CmError **err);

#endif
