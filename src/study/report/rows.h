/* Looking things up in the tables that a run hands over. */
#ifndef STUDY_REPORT_ROWS_H
#define STUDY_REPORT_ROWS_H

#include "cormack/table.h"

/* Text of a cell, "" where missing or where there is no such column. */
const char *cm__row_text(const CmTable *table, int64_t row, const char *column);
/* Number of a cell, NaN where missing. */
double cm__row_real(const CmTable *table, int64_t row, const char *column);
bool cm__row_is(const CmTable *table, int64_t row, const char *column, const char *value);
/* The first row from `from` where all of the columns have the values; pairs end with NULL; -1: none. */
int64_t cm__find_row(const CmTable *table, int64_t from, const char *const *pairs);
#define CM__FIND(table, from, ...) cm__find_row(table, from, (const char *const[]){__VA_ARGS__, NULL})

/* Distinct texts of a column in their order; at most `most`; the strings are borrowed from the table. */
int cm__distinct(const CmTable *table, const char *column, const char **to, int most);

#endif
