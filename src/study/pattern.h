/* Patterns that take subject, visit and label out of a path: {subject}/{visit}.nii.gz, {label}/{subject}.png. */
#ifndef STUDY_PATTERN_H
#define STUDY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#define CM__KEY_SIZE 256

typedef enum CmPathPart { CM__PART_SUBJECT, CM__PART_VISIT, CM__PART_LABEL, CM__PART_COUNT } CmPathPart;
typedef struct CmPathParts {
  char text[CM__PART_COUNT][CM__KEY_SIZE]; /* "" where the pattern has no such part */
} CmPathParts;

/* What is wrong with a pattern; NULL where it is good. Static text. */
const char *cm__pattern_problem(const char *pattern);
bool cm__pattern_has(const char *pattern, CmPathPart part);
/* Matches the end of the path, from the start of a folder's or the file's name on. {subject}, {visit} and {label} take
 * one or more characters other than '/', the fewest that fit; * takes any but '/', ** any, ? one but '/'. false where
 * it does not match, or a part is longer than the buffers. */
bool cm__pattern_match(const char *pattern, const char *path, CmPathParts *parts);
/* Whole text against * and ?, letter case ignored; for descriptions. */
bool cm__glob_match(const char *pattern, const char *text);

#endif
