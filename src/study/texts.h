/* Sorted lists of texts. */
#ifndef STUDY_TEXTS_H
#define STUDY_TEXTS_H

#include <stdbool.h>

/* Sorts and drops repetitions. */
void cm__texts_sort(const char **texts, int *count);
/* Whether a sorted list has the text. */
bool cm__texts_have(const char *const *texts, int count, const char *text);

#endif
