/* The filters of a pixel classifier: from words, to and from JSON. */
#ifndef CORMACK_LEARN_PIXELS_STACK_H
#define CORMACK_LEARN_PIXELS_STACK_H

#include <jansson.h>

#include "core/arena.h"
#include "core/text.h"
#include "cormack/pixels.h"

#define CM__MOST_FILTERS 1000

typedef struct CmPixelFilter {
  const char *name; /* in words, as they make this one filter again */
  const CmOp *op;
  void *params;
  int parts; /* components of the result; 0: not known yet */
} CmPixelFilter;

typedef struct CmPixelStack {
  CmPixelFilter *filter;
  int count, features; /* features: 0 while parts are not known */
  /* of the training images; spacing and unit of the first */
  int components;
  bool flat; /* planes */
  double spacing[3];
  const char *unit;
} CmPixelStack;

/* Adds the filters that the words stand for. */
bool cm__stack_words(CmArena *hold, CmPixelStack *stack, const char *words, const char *units, CmError **err);
/* Name of a feature, "gaussian sigma=1" or "hessian_eigenvalues sigma=1 [2]". */
const char *cm__stack_feature(CmArena *hold, const CmPixelStack *stack, int feature, CmError **err);
/* Has the image the components, dimensions and unit of the training's? Else CM_ERR_DATA. */
bool cm__stack_fits(const CmPixelStack *stack, const CmImage *image, CmError **err);
/* Do all sizes stand in mm? */
bool cm__stack_in_mm(const CmPixelStack *stack);

void cm__stack_write(const CmPixelStack *stack, CmContext *ctx, CmTextBuffer *json);
CmPixelStack *cm__stack_read(CmArena *hold, const json_t *json, CmError **err);

#endif
