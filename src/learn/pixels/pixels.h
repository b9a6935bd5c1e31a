/* The filters as a part of a model. */
#ifndef CORMACK_LEARN_PIXELS_PIXELS_H
#define CORMACK_LEARN_PIXELS_PIXELS_H

#include "learn/model.h"
#include "learn/pixels/stack.h"

/* Reads the filters of a model whose features, classes and task are read; refuses what does not belong to them. */
bool cm__model_read_pixels(CmModel *model, const json_t *json, CmError **err);

#endif
