/* What a preparation asks of the rows of a table before any split: batches, whole rows, values of other visits. None of
 * it learns from other subjects. */
#ifndef CORMACK_LEARN_PREPARE_ROWS_H
#define CORMACK_LEARN_PREPARE_ROWS_H

#include "learn/data.h"

#define CM__MOST_LEVELS 1000

/* Whether the learners of one table ask the same of its rows; takes down in `data` what they ask. */
bool cm__rows_plan(CmLearnData *data, const CmLearnColumns *columns, CmAbility ability, CmError **err);
/* Numbers the levels of the batch and puts them into its column of features. */
bool cm__rows_batch(CmLearnData *data, CmError **err);

/* Whether each row of the table has a value of each feature that has any; 1 for all where rows need not be whole. */
uint8_t *cm__rows_whole(CmLearnData *data, CmError **err);
/* Fills the labelled rows from other visits of their subjects. */
bool cm__rows_along_time(CmLearnData *data, CmError **err);

#endif
