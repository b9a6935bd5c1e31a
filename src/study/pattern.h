/* Patterns that take subject and visit out of a path: {subject}/{visit}.nii.gz. */
#ifndef STUDY_PATTERN_H
#define STUDY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#define CM__KEY_SIZE 256

/* What is wrong with a pattern; NULL where it is good. Static text. */
const char *cm__pattern_problem(const char *pattern);
/* Matches the end of the path, from the start of a folder's or the file's name on. {subject} and {visit} take one or
 * more characters other than '/', the fewest that fit; * takes any but '/', ** any, ? one but '/'. Parts that are not
 * in the pattern are "". false where it does not match, or a part is longer than the buffers. */
bool cm__pattern_match(const char *pattern, const char *path, char subject[CM__KEY_SIZE], char visit[CM__KEY_SIZE]);
/* Whole text against * and ?, letter case ignored; for descriptions. */
bool cm__glob_match(const char *pattern, const char *text);

#endif
