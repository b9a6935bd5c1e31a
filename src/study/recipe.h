/* The steps of a study as its models keep them, so that a model can be applied to new images. */
#ifndef STUDY_RECIPE_H
#define STUDY_RECIPE_H

#include "study/work.h"

/* A study file with «predict» in place of «learn», every parameter written out, what the inputs looked like, and no
 * paths. Free with cm_free(). */
CM_NODISCARD char *cm__recipe_write(const CmWork *work, CmError **err);

#endif
