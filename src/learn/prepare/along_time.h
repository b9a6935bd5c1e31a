/* Missing values from other visits of the same subject. */
#ifndef CORMACK_LEARN_PREPARE_ALONG_TIME_H
#define CORMACK_LEARN_PREPARE_ALONG_TIME_H

#include "learn/data.h"

enum { CM__ALONG_NONE, CM__ALONG_LINEAR, CM__ALONG_PREVIOUS };

/* x: rows x stride, of which `features` columns are filled. Rows without a time neither give nor take. Returns false
 * without memory. */
bool cm__fill_along_time(CmContext *ctx, int method, const int64_t *subject, const double *when, int64_t rows,
                         int features, int stride, double *x, int64_t *filled, CmError **err);
/* The same on the rows of a table, whose subjects and times are in the named columns. */
bool cm__fill_table_along_time(CmContext *ctx, int method, const CmTable *table, const char *subject, const char *time,
                               int features, int stride, double *x, CmError **err);

#endif
