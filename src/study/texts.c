#include "study/texts.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void cm__texts_sort(const char **texts, int *count) {
  if (*count < 2) return;
  qsort(texts, (size_t)*count, sizeof *texts, compare);
  int kept = 1;
  for (int i = 1; i < *count; i++)
    if (strcmp(texts[i], texts[kept - 1]) != 0) texts[kept++] = texts[i];
  *count = kept;
}

bool cm__texts_have(const char *const *texts, int count, const char *text) {
  return count > 0 && bsearch(&text, texts, (size_t)count, sizeof *texts, compare) != NULL;
}
