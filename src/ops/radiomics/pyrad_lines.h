/* Lines of a volume side by side, as the recursion takes them. */
#ifndef CM_OPS_RADIOMICS_PYRAD_LINES_H
#define CM_OPS_RADIOMICS_PYRAD_LINES_H

#include "ops/radiomics/pyrad_recursion.h"

/* What covers lo, n of the source's grid: floats, but for an image whose values do not fit them. */
typedef struct CmField {
  int64_t lo[3], n[3], step[3]; /* step: to the next value along each axis */
  float *v;
  double *wide; /* in place of v */
} CmField;

/* Some lines of a field. */
typedef struct CmLines {
  int64_t start, step, across; /* of value 0 of line 0, to the next value, to the next line */
  int64_t count;               /* lines, at most CM__LANES; the last one stands for those that are missing */
} CmLines;

/* Values first .. first + count of each line; below 0 and beyond `last` those at the ends. */
void cm__lines_gather(const CmField *from, const CmLines *lines, int64_t first, int64_t count, int64_t last,
                      double *data);
/* Sums of the values first .. first + count by the sets of weights: set i of line k at [i * CM__LANES + k]. */
void cm__lines_remember(const CmField *from, const CmLines *lines, int64_t first, int64_t count, const double *weights,
                        double *to);
/* one + other as floats; lines from `skipped` on. */
void cm__lines_scatter(const double *one, const double *other, const CmLines *lines, int64_t skipped, int64_t length,
                       float *to);

#endif
