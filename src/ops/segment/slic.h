/* Simple linear iterative clustering of one time point: k-means over place and values, where each centre sees only the
 * voxels near it. */
#ifndef CM_OPS_SEGMENT_SLIC_H
#define CM_OPS_SEGMENT_SLIC_H

#include "cormack/image.h"

typedef struct CmSlic {
  CmContext *ctx;
  int64_t n[3]; /* voxels along x, y, z */
  int64_t features;
  float *value;    /* row r, feature f: value + (r * features + f) * n[0]; NaN: the voxel is left out */
  uint32_t *label; /* number of the centre + 1, per voxel; 0: none yet */
  int64_t count;
  double *place;   /* [count][3] centres, in voxels */
  float *mean;     /* [count][features] */
  float *weight;   /* [count] of squared differences of values */
  float *most;     /* [count] largest squared difference so far, for `zero` */
  bool zero;       /* after each step centres weigh values by the largest difference that their segment ever had */
  double reach[3]; /* a centre sees what is at most this far along each axis, in voxels */
  float axis[3];   /* of squared offsets; times `spatial` it is the squared distance in steps of the grid */
  float spatial;
} CmSlic;

/* Each voxel to the nearest centre that sees it (the first of equals; none: it keeps its label and counts nowhere),
 * each centre to the mean of its voxels. by_place: values do not count. *rests: no centre moved. */
bool cm__slic_step(CmSlic *slic, bool by_place, bool *rests, CmError **err);
/* Voxels without a label that are not left out get the centre nearest in place. */
bool cm__slic_complete(CmSlic *slic, CmError **err);

/* Steps of a grid of about `wanted` boxes, as cubic as the extents allow, for a part `share` of the extents that is
 * filled: step in the unit of the extents. */
void cm__slic_steps(const double extent[3], double share, double wanted, double step[3]);
/* Sets count and place: a regular grid of whole voxels. */
bool cm__slic_grid(CmSlic *slic, const double start[3], const int64_t step[3], CmError **err);
/* Sets count and place: `wanted` centres spread evenly over the voxels that are not left out, with `block` voxels
 * looked at as one; unit: length of a voxel along each axis. */
bool cm__slic_spread(CmSlic *slic, int64_t wanted, const int64_t block[3], const double unit[3], CmError **err);

/* Makes each label one piece (neighbours by faces): pieces smaller than `least` voxels go to a neighbour before them.
 * Labels become 1, 2, ... by first voxel; *count: how many. */
bool cm__slic_pieces(CmSlic *slic, double least, int64_t *count, CmError **err);

#endif
