/* Heads and cells of the tables about learning. */
#ifndef STUDY_REPORT_CELLS_H
#define STUDY_REPORT_CELLS_H

#include "core/text.h"
#include "cormack/table.h"

/* Title, note and the head of a table: columns of text, then of numbers. */
void cm__report_head(CmTextBuffer *out, const char *title, const char *note, const char *const *texts, int text_count,
                     const char *const *numbers, int number_count);
/* A word of ours, with blanks for its underscores; a name as the user gave it. */
void cm__report_word(CmTextBuffer *out, const CmTable *table, int64_t row, const char *column);
void cm__report_name(CmTextBuffer *out, const CmTable *table, int64_t row, const char *column);
/* A value with its interval below. */
void cm__report_interval(CmTextBuffer *out, double value, double low, double high);
void cm__report_p(CmTextBuffer *out, double p);

#endif
