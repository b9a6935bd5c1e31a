/* Single cells of tables, whatever their type. */
#ifndef CORMACK_CORE_TABLE_CELL_H
#define CORMACK_CORE_TABLE_CELL_H

#include "cormack/table.h"

/* A numeric cell; NaN where missing or text. */
double cm__table_number(const CmTable *table, int64_t row, int column);
/* Copies a cell; missing stays missing, numbers become text in a column of text, ints reals in one of reals. */
bool cm__table_copy_cell(CmTable *to, int64_t row, int column, const CmTable *from, int64_t from_row, int from_column,
                         CmError **err);

#endif
