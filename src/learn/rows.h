/* Filling a table row by row, cell by cell, with one check at the end. */
#ifndef CORMACK_LEARN_ROWS_H
#define CORMACK_LEARN_ROWS_H

#include "cormack/learn.h"
#include "learn/split.h"

typedef struct CmTableWriter {
  CmTable *table; /* NULL before the start and after a failure */
  CmError **err;
  int64_t row;
  int column;
} CmTableWriter;

bool cm__rows_start(CmTableWriter *writer, CmContext *ctx, CmError **err);
void cm__rows_column(CmTableWriter *writer, const char *name, CmColumnType type, const char *unit);
/* Columns without units, by their types: 't' text, 'i' int, 'r' real. */
void cm__rows_columns(CmTableWriter *writer, const char *const *names, const char *types);
void cm__rows_columnf(CmTableWriter *writer, CmColumnType type, const char *unit, const char *format, ...)
    CM_PRINTF(4, 5);
void cm__rows_next(CmTableWriter *writer);                    /* a new row; the cursor is at its first column */
void cm__rows_text(CmTableWriter *writer, const char *value); /* NULL: missing */
void cm__rows_int(CmTableWriter *writer, int64_t value);
void cm__rows_real(CmTableWriter *writer, double value);
void cm__rows_skip(CmTableWriter *writer); /* leaves a cell missing */
/* Hands the table over, or NULL after a failure. */
CmTable *cm__rows_finish(CmTableWriter *writer);

/* Starts a result of a model: «row», and the subject's column where the table has it. Returns the table's column of the
 * subject, or -1; and then a row of it. */
int cm__start_rows(CmTableWriter *writer, const CmModel *model, const CmTable *table);
void cm__put_applied(CmTableWriter *writer, const CmTable *table, int64_t row, int subject);

/* «class», «base», «output» and a column for each feature's contribution. */
void cm__rows_shap_columns(CmTableWriter *writer, const CmModel *model);
void cm__rows_shap(CmTableWriter *writer, const CmModel *model, int output, const double *contribution);

#endif
