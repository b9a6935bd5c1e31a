/* Flood fill by spans of rows, from seeds, in one time point: its time goes with what is filled, not with the image. */
#ifndef CM_OPS_SEGMENT_SPAN_FLOOD_H
#define CM_OPS_SEGMENT_SPAN_FLOOD_H

#include "ops/segment/components.h"

enum { CM_SPAN_CLOSED, CM_SPAN_OPEN, CM_SPAN_FILLED };

/* Sets the nx states of a row, OPEN or CLOSED; asked once a row. */
typedef void (*CmSpanFn)(void *arg, int64_t row, uint8_t *state);

typedef struct CmSpan {
  int64_t row;
  int32_t x0, x1;
} CmSpan;

typedef struct CmSpanFlood {
  CmContext *ctx;
  int64_t nx, ny, nz;
  uint8_t *state; /* [nx * ny * nz]; of rows that are not ready: undefined */
  bool *ready;    /* [ny * nz] */
  CmSpanFn fn;
  void *arg;
  CmSpan *stack;
  int64_t count, room;
} CmSpanFlood;

/* Closes everything again, for another flood. state and ready: room of the caller. */
void cm__span_reset(CmSpanFlood *flood);
void cm__span_free(CmSpanFlood *flood);
/* Fills what touches the voxel, if it is open. */
bool cm__span_fill(CmSpanFlood *flood, CmConnect connect, int64_t x, int64_t row, CmError **err);

#endif
