#ifndef STUDY_STUDY_PRIV_H
#define STUDY_STUDY_PRIV_H

#include "cormack/study.h"
#include "study/spec.h"

struct CmStudy {
  CmSpec spec;
  CmStudyProblem *problems; /* those of the spec, as the public type */
};

#endif
