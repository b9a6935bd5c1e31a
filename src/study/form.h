/* What an image looks like, as far as what steps make of it depends on that: kept for each image that was read, and
 * asked of new ones by «shape», «components» and «unit» of an input. */
#ifndef STUDY_FORM_H
#define STUDY_FORM_H

#include "study/bytes.h"
#include "study/spec.h"

#define CM__UNIT_SIZE 64

typedef struct CmForm {
  int rank, components;
  int64_t dims[4];
  bool placed; /* has a geometry of its own, so that its size in voxels is chance */
  char unit[CM__UNIT_SIZE];
} CmForm;

void cm__form_of(const CmImage *image, CmForm *form);
void cm__form_put(CmBytes *bytes, const CmForm *form);
bool cm__form_take(CmView *view, CmForm *form);
/* What both have in common: lengths that differ become 0. false: not even axes, components and unit. */
bool cm__form_join(CmForm *form, const CmForm *other);
/* CM_ERR_DATA where the image is not as the input asks. */
bool cm__form_check(const CmSpecInput *input, const CmImage *image, CmError **err);

#endif
