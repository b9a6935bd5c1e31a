/* The learning of a study: validated once, kept like a step, and there again without being done twice. */
#ifndef STUDY_LEARNING_H
#define STUDY_LEARNING_H

#include "cormack/learn.h"
#include "study/store.h"
#include "study/tables.h"

typedef struct CmLearning {
  CmTable *tables[CM_LEARN_TABLE_COUNT]; /* owned; NULL: nothing was learned */
  CmModel **models;                      /* owned */
  char **model_json;                     /* owned: what is saved */
  int model_count;
  CmHash key;
  bool kept; /* found rather than done */
} CmLearning;

/* Validates the study's models on `features`. Free with cm__learning_free() in either case. */
bool cm__learning_do(CmLearning *learning, CmWork *work, const CmTable *features, CmError **err);
void cm__learning_free(CmLearning *learning);

#endif
