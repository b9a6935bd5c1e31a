/* What parameters may be chosen from: text to candidates. */
#ifndef CORMACK_LEARN_SEARCH_H
#define CORMACK_LEARN_SEARCH_H

#include "core/arena.h"
#include "cormack/learn.h"

enum { CM__SEARCH_GRID, CM__SEARCH_RANDOM, CM__SEARCH_HALVING };
enum { CM__SCORE_AUTO, CM__SCORE_ACCURACY, CM__SCORE_LOG_LOSS, CM__SCORE_BRIER, CM__SCORE_MAE, CM__SCORE_RMSE };

typedef struct CmCandidate {
  CmLearner learner; /* its parameters lie in the arena */
  const char *text;  /* those that are chosen: "C=1 gamma=0.1" */
} CmCandidate;

typedef struct CmCandidates {
  int count;
  CmCandidate *candidate;
} CmCandidates;

/* Candidates of a learner whose `search` is given, in the order in which they are tried. */
bool cm__candidates(CmArena *hold, const CmLearner *learner, const CmTuneParams *tune, CmCandidates *to, CmError **err);

#endif
