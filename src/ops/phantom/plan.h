#ifndef CORMACK_OPS_PHANTOM_PLAN_H
#define CORMACK_OPS_PHANTOM_PLAN_H

#include "cormack/phantom.h"

struct CmPhantomPlan {
  CmPhantomOptions options;
  CmPhantomPatient patient[];
};

#endif
