/* A column seen as a few values that part the rows: sexes, sites, scanners. */
#ifndef CORMACK_LEARN_LEVELS_H
#define CORMACK_LEARN_LEVELS_H

#include "learn/data.h"

enum { CM__MOST_LEVELS = 50 };

typedef struct CmLevels {
  int count;
  const char *name[CM__MOST_LEVELS]; /* by first appearance */
  int *of;                           /* of each row of the data; -1: missing */
} CmLevels;

/* role: what the column is for, for messages. */
bool cm__levels_read(CmArena *hold, const CmLearnData *data, const char *name, const char *role, CmLevels *levels,
                     CmError **err);

#endif
