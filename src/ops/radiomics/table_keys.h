/* Rows of a table that belong together by what some of its columns say. */
#ifndef CORMACK_RADIOMICS_TABLE_KEYS_H
#define CORMACK_RADIOMICS_TABLE_KEYS_H

#include "cormack/op.h"

/* Columns by their names, with commas between; columns: room for CM_LIST_MAX. */
bool cm__listed_columns(const CmTable *table, const char *list, int *columns, int *count, CmError **err);
/* Rows with the same text in the columns get the same number, 0..most-1 in the order of the text's bytes. */
bool cm__number_rows(CmContext *ctx, const CmTable *table, const int *columns, int count, int64_t *number,
                     int64_t *most, CmError **err);

#endif
