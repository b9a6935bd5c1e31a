/* A self-contained HTML page: style and pictures inside, nothing fetched, readable on paper. */
#ifndef STUDY_REPORT_HTML_H
#define STUDY_REPORT_HTML_H

#include "core/text.h"
#include "cormack/table.h"

/* Text with &, <, > and " escaped. */
void cm__html_text(CmTextBuffer *out, const char *text);
void cm__html_textf(CmTextBuffer *out, const char *format, ...) CM_PRINTF(2, 3);

void cm__html_start(CmTextBuffer *out, const char *title, const char *subtitle);
void cm__html_end(CmTextBuffer *out);
/* A section with an anchor and, unless NULL, a sentence that leads into it. */
void cm__html_section(CmTextBuffer *out, const char *anchor, const char *title, const char *lead);
void cm__html_section_end(CmTextBuffer *out);

typedef struct CmHtmlTable {
  const CmTable *table;
  const char *const *columns; /* NULL: all */
  const char *const *titles;  /* NULL: the names; a unit is added in brackets */
  int column_count;
  int64_t first, rows; /* rows 0: all from first */
  int digits;          /* significant digits of reals; 0: 4 */
  const char *file;    /* where the whole table stands, e.g. "tables/metrics.csv"; may be NULL */
} CmHtmlTable;
/* Long tables show the first 200 rows and name the file with the rest. */
void cm__html_table(CmTextBuffer *out, const CmHtmlTable *spec);

/* One row of a table that the caller opened: texts first, then whole numbers. */
void cm__html_row(CmTextBuffer *out, const char *const *texts, int text_count, const int64_t *numbers,
                  int number_count);

/* A number for people: `digits` significant digits, no exponent between 1e-4 and 1e6. "" where not finite. */
const char *cm__html_number(double value, int digits, char to[32]);

#endif
