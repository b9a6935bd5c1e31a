/* Several targets at once, each a column of 0 and 1: which of the labels a row has. */
#ifndef CORMACK_LEARN_LABELS_H
#define CORMACK_LEARN_LABELS_H

#include "learn/data.h"

enum { CM__MOST_LABELS = 64 };

/* Finds the columns, where there are any. */
bool cm__labels_find(CmLearnData *data, const CmLearnColumns *columns, CmError **err);
/* Whether a row of the table lacks one of them. */
bool cm__labels_lack(const CmLearnData *data, int64_t row);
/* Fills data->marks. */
bool cm__labels_read(CmLearnData *data, CmError **err);

#endif
