/* «Did you mean»: the nearest of some names by edit distance. */
#include <ctype.h>
#include <string.h>

#include "cormack/op.h"

enum { LONGEST = 64 };

/* Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, case ignored. */
static int distance(const char *a, const char *b) {
  size_t m = strlen(a), n = strlen(b);
  if (m > LONGEST || n > LONGEST) return LONGEST;
  int row[3][LONGEST + 1];
  for (size_t j = 0; j <= n; j++) row[0][j] = (int)j;
  for (size_t i = 1; i <= m; i++) {
    int *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];
    now[0] = (int)i;
    for (size_t j = 1; j <= n; j++) {
      int p = tolower((unsigned char)a[i - 1]), q = tolower((unsigned char)b[j - 1]);
      int best = last[j - 1] + (p != q);
      if (last[j] + 1 < best) best = last[j] + 1;
      if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
      bool swap = i > 1 && j > 1 && p == tolower((unsigned char)b[j - 2]) && q == tolower((unsigned char)a[i - 2]);
      if (swap && before[j - 2] + 1 < best) best = before[j - 2] + 1;
      now[j] = best;
    }
  }
  return row[m % 3][n];
}

const char *cm_nearest_name(const char *name, const char *const *names, int count) {
  const char *nearest = NULL;
  int best = LONGEST;
  for (int i = 0; i < count; i++) {
    int d = distance(name, names[i]);
    if (d < best) best = d, nearest = names[i];
  }
  int length = (int)strlen(name);
  return best <= (length < 4 ? 1 : length / 3 + 1) ? nearest : NULL;
}
