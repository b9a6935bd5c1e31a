/* Flooding whole numbers of 16 bits from markers: first in, first out at each level. Level and label of a voxel stand
 * in one word, and what comes next is known, so that its neighbourhood is fetched ahead: both save waiting for memory,
 * which is what flooding does most. */
#ifndef CM_OPS_SEGMENT_BUCKET_FLOOD_H
#define CM_OPS_SEGMENT_BUCKET_FLOOD_H

#include "cormack/image.h"

/* A voxel: its level << 16 | its label; labels 1 to CM_BUCKET_LABELS, 0 for none yet. */
enum { CM_BUCKET_BLOCKED = 0xFFFF, CM_BUCKET_LABELS = 0xFFFE };

typedef struct CmBucketFlood {
  CmContext *ctx;
  uint32_t *cell;     /* with a border of one blocked voxel on all sides */
  int64_t dims[3];    /* without it */
  int64_t row, plane; /* steps in y and z, with it */
  int64_t step[26];   /* of the neighbours */
  int neighbours;
} CmBucketFlood;

/* Gives every voxel that is not blocked, and to which a path leads, a label. */
bool cm__bucket_flood(CmBucketFlood *flood, const char *what, CmError **err);

#endif
