/* The tables of a study: those of its steps, put together from all units, and the one that is learned from. */
#ifndef STUDY_TABLES_H
#define STUDY_TABLES_H

#include "core/table_cell.h"
#include "study/work.h"

/* Text of a cell's key column. */
typedef struct CmRowKey {
  const char *subject, *visit, *later, *series; /* later: NULL unless between visits */
} CmRowKey;

/* All units of one table output: key columns, then the operation's, in the order of subjects, visits and series. NULL +
 * err. */
CM_NODISCARD CmTable *cm__tables_of_step(CmWork *work, int step, int port, CmError **err);
/* Adds the columns that any unit of a table output has, each with the widest type that one gives it. */
bool cm__tables_columns(CmWork *work, int step, int port, CmTable *table, CmError **err);
/* Adds the rows of a unit's table by the names of columns; keys: of the first three, NULL: there are none. */
bool cm__tables_append(CmTable *table, const CmTable *part, const char *const keys[3], CmError **err);
/* Name of the file of a step's table, without folder and extension: the step's, with the output's where it has several
 * tables. */
void cm__table_name(const CmSpec *spec, int step, int port, char *to, size_t size);

/* Its file's name without extension; the learning's others begin with «learn_», too, and a step's may not. */
#define CM__LEARN_INPUT "learn_features"
/* The same of a prediction. */
#define CM__PREDICT_INPUT CM__PREDICTIONS "_features"
#define CM__PREDICT_METRICS CM__PREDICTIONS "_metrics"
/* What the learning or the model sees: «subject», «visit», «series» where a row has them, the labels' columns, the
 * features. */
CM_NODISCARD CmTable *cm__tables_for_learning(CmWork *work, CmError **err);

/* Adds a column unless it is there; an integer column that meets reals is the caller's to avoid. -1 + err. */
int cm__table_column(CmTable *table, const char *name, CmColumnType type, const char *unit, CmError **err);

#endif
