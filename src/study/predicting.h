/* The end of a run that applies a saved model. */
#ifndef STUDY_PREDICTING_H
#define STUDY_PREDICTING_H

#include "study/finish.h"

/* Writes what the model saw, what it predicts, and where outcomes are known how good that is. */
bool cm__predicting_do(CmFinish *finish, CmError **err);

#endif
