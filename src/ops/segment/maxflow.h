/* The largest flow through a grid, and the smallest cut, with whole numbers. */
#ifndef CM_OPS_SEGMENT_MAXFLOW_H
#define CM_OPS_SEGMENT_MAXFLOW_H

#include "ops/segment/components.h"

/* Nodes are the voxels of a grid with a rim of voxels around along the axes that are longer than one. Directions go in
 * pairs: k ^ 1 is opposite to k. */
typedef struct CmMaxflow {
  CmContext *ctx;
  int64_t size[3], rim[3], nodes; /* with the rim, which is 0 or 1 wide */
  int directions;
  int step[26][3];    /* in voxels */
  int64_t offset[26]; /* in nodes */
  int32_t *edge;      /* node * directions + k: what can still flow that way */
  int32_t *terminal;  /* what can still flow from the source (> 0) or to the sink (< 0) */
  int64_t flow;
  /* the search */
  uint8_t *parent; /* direction of the parent, or one of those below */
  uint8_t *sink;   /* the node is in the tree of the sink */
  uint32_t *stamp, *distance, *next;
  uint32_t time, first[2], last[2];
  uint32_t *orphans;
  int64_t orphan_begin, orphan_end, orphan_room;
} CmMaxflow;

/* Room for a grid of n voxels; all capacities are 0. Free with cm__maxflow_close(), also after a failure. */
bool cm__maxflow_open(CmContext *ctx, const int64_t n[3], CmConnect connect, CmMaxflow *graph, CmError **err);
void cm__maxflow_close(CmMaxflow *graph);
/* The node of a voxel. */
static inline int64_t cm__maxflow_node(const CmMaxflow *g, int64_t x, int64_t y, int64_t z) {
  return ((z + g->rim[2]) * g->size[1] + y + g->rim[1]) * g->size[0] + x + g->rim[0];
}
/* Fills flow. Afterwards cm__maxflow_is_source() says which nodes are on the source's side of the smallest cut, of
 * several ones that with the fewest. */
bool cm__maxflow_run(CmMaxflow *graph, CmError **err);
bool cm__maxflow_is_source(const CmMaxflow *graph, int64_t node);

#endif
