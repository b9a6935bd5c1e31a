/* Training of support vector machines: sequential minimal optimisation with working sets of second order (Fan, Chen,
 * Lin: Working set selection using second order information for training support vector machines, JMLR 6, 2005) and
 * shrinking (Joachims 1999), as LIBSVM has them. */
#ifndef CORMACK_LEARN_SMO_H
#define CORMACK_LEARN_SMO_H

#include "learn/gram.h"

/* Least b'Kb / 2 + linear'b with low <= b <= high and a sum of b that is kept. */
typedef struct CmSmo {
  int count;
  int *row;                        /* of the gram, of each variable */
  double *linear, *low, *high, *b; /* b: where it starts; where it ends */
  double tolerance;                /* how far two slopes may miss optimality */
  double rho;                      /* the result: the machine is sum b K - rho */
} CmSmo;

/* Room for so many variables, all zero. */
bool cm__smo_make(CmArena *scratch, int64_t count, double tolerance, CmSmo *problem, CmError **err);
/* The order of the variables changes, of all their arrays alike. scratch: for this call alone. */
bool cm__smo(CmArena *scratch, CmGramView *view, CmSmo *problem, CmError **err);

#endif
