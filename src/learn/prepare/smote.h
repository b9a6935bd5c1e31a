/* More rows of rare classes: SMOTE (Chawla, Bowyer, Hall, Kegelmeyer, J. Artif. Intell. Res. 16, 2002). */
#ifndef CORMACK_LEARN_PREPARE_SMOTE_H
#define CORMACK_LEARN_PREPARE_SMOTE_H

#include "learn/data.h"
#include "learn/kind.h"

/* Adds rows behind the prepared ones until each class has as many as the largest. A row lies between one of its class
 * and one of that one's nearest neighbours in the class, both drawn by the seed. Memory in `hold`. */
bool cm__smote(CmArena *hold, const CmPrepareParams *params, const CmModelKind *kind, const CmLearnData *data,
               CmTraining *training, CmError **err);

#endif
