/* What the search for leaks wants to know of each feature, and of rows that are copies of others. */
#ifndef CORMACK_LEARN_SURVEY_H
#define CORMACK_LEARN_SURVEY_H

#include "learn/data.h"

enum { CM__FEWEST_ROWS = 10 }; /* below, chance alone makes copies and numberings */

typedef struct CmFacts {
  int64_t present;  /* values */
  int64_t distinct; /* of these, at least; all where they are at most so few that the checks ask for the number */
  bool counted;     /* `distinct` is the number */
  bool copy;        /* stands one to one for the classes */
  bool numbering;   /* whole numbers without a gap, each once a row or once a subject */
  bool whole;
  bool separates;   /* a cut parts the two classes without error */
  bool ordered;     /* larger values always go with larger targets, or always with smaller ones */
  double explained; /* share of the variance that goes with the target */
  int64_t missing;
  int missing_class; /* whose rows are all missing, and no others; -1 */
} CmFacts;

/* Facts of all features. */
bool cm__survey(const CmLearnData *data, CmFacts *facts, CmError **err);
/* Makes `distinct` the number. */
bool cm__count_distinct(const CmLearnData *data, int feature, CmFacts *facts, CmError **err);

/* Rows of other subjects whose first `measured` features are the same bits as an earlier row's; rows of which nothing
 * was measured are none. pair: the first two. */
bool cm__count_twins(const CmLearnData *data, int measured, int64_t *twins, int64_t pair[2], CmError **err);

#endif
