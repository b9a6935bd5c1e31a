/* Operations on the neighbourhood of each voxel, in double, without a temporary of the image's size: a band of rows
 * walks along z with the padded planes that it needs in a ring. */
#ifndef CM_OPS_WINDOW_H
#define CM_OPS_WINDOW_H

#include "ops/lines.h"

typedef struct CmWindowRow {
  /* near[(dz + rz) * (2 ry + 1) + dy + ry]: row (y + dy, z + dz); value c of voxel x at [x * components + c], x from
   * -rx to nx - 1 + rx */
  const double *const *near;
  const double *centre; /* row (y, z) */
  double *to;           /* n values to set */
  double *scratch;
  int64_t row, n, components;
} CmWindowRow;

/* The same in float. */
typedef struct CmWindowFloats {
  const float *const *near;
  const float *centre;
  float *to;
  float *scratch;
  int64_t row, n, components;
} CmWindowFloats;

typedef struct CmWindow {
  const char *what; /* for progress; may be NULL */
  const CmImage *image;
  const CmMask *mask; /* may be NULL: everywhere */
  bool blank;         /* voxels outside the mask are 0; else they keep their value */
  CmImage *out;       /* same grid and components, any type; not image itself */
  int64_t radius[3];
  CmBorder border;
  double border_value;
  int64_t scratch; /* values that the row function is given */
  void (*row)(void *arg, const CmWindowRow *row);
  void (*floats)(void *arg, const CmWindowFloats *row); /* instead, where float is exact; NULL: row */
  void *arg;
} CmWindow;

bool cm__window(CmContext *ctx, const CmWindow *job, CmError **err);
/* The whole call of an operation with the ports of a filter: image, mask and out (of type `type`) are filled in here.
 */
bool cm__window_call(const CmCall *call, CmWindow *job, CmType type, CmError **err);

#endif
