/* Columns of tables that lie row by row. */
#ifndef CORMACK_LEARN_COLUMNS_H
#define CORMACK_LEARN_COLUMNS_H

#include "cormack/context.h"

/* So many columns are taken at once: what lies beside each other comes from memory once. */
enum { CM__PANEL = 8 };

/* Columns first .. first + count - 1 of x (rows x features), one after the other. */
void cm__take_columns(const double *x, int64_t rows, int features, int first, int count, double *to);

/* Means and deviations (of the population) of all columns, in one reading; x: rows x count, nothing missing. */
bool cm__moments(CmContext *ctx, const double *x, int64_t rows, int count, double *mean, double *deviation,
                 CmError **err);

#endif
