#include "study/pattern.h"

#include <ctype.h>
#include <string.h>

#define PATTERN_MOST 256 /* characters; bounds the work of backtracking together with BUDGET */
#define BUDGET 1000000

typedef struct Match {
  char *subject, *visit;
  long budget;
} Match;

const char *cm__pattern_problem(const char *pattern) {
  int subjects = 0, visits = 0;
  if (strlen(pattern) > PATTERN_MOST) return "the pattern is longer than 256 characters";
  for (const char *at = pattern; *at; at++) {
    if (*at == '}') return "a } without {; write {subject} and {visit}";
    if (*at != '{') continue;
    if (strncmp(at, "{subject}", 9) == 0) {
      subjects++;
      at += 8;
    } else if (strncmp(at, "{visit}", 7) == 0) {
      visits++;
      at += 6;
    } else {
      return "the parts of a pattern are {subject} and {visit}";
    }
  }
  if (subjects != 1) return subjects ? "{subject} stands there more than once" : "the pattern has no {subject}";
  return visits > 1 ? "{visit} stands there more than once" : NULL;
}

static bool match(Match *m, const char *pattern, const char *text);

/* A named part: the fewest characters first. */
static bool match_part(Match *m, char *to, const char *rest, const char *text) {
  for (size_t length = 1; length < CM__KEY_SIZE && text[length - 1] && text[length - 1] != '/'; length++) {
    if (!match(m, rest, text + length)) continue;
    memcpy(to, text, length);
    to[length] = 0;
    return true;
  }
  return false;
}

static bool match_star(Match *m, const char *rest, const char *text, bool slashes) {
  for (;; text++) {
    if (match(m, rest, text)) return true;
    if (!*text || (*text == '/' && !slashes)) return false;
  }
}

static bool match(Match *m, const char *pattern, const char *text) {
  for (; *pattern; pattern++, text++) {
    if (--m->budget < 0) return false;
    if (strncmp(pattern, "{subject}", 9) == 0) return match_part(m, m->subject, pattern + 9, text);
    if (strncmp(pattern, "{visit}", 7) == 0) return match_part(m, m->visit, pattern + 7, text);
    if (*pattern == '*') {
      bool slashes = pattern[1] == '*';
      return match_star(m, pattern + (slashes ? 2 : 1), text, slashes);
    }
    if (!*text || (*pattern == '?' ? *text == '/' : *pattern != *text)) return false;
  }
  return !*text;
}

bool cm__pattern_match(const char *pattern, const char *path, char subject[CM__KEY_SIZE], char visit[CM__KEY_SIZE]) {
  /* nearest to the end first, so that "{subject}.nii" means the file's name */
  for (size_t at = strlen(path); at-- > 0;) {
    const char *start = path + at;
    if (at && start[-1] != '/') continue;
    Match m = {subject, visit, BUDGET};
    subject[0] = visit[0] = 0;
    if (match(&m, pattern, start)) return true;
  }
  subject[0] = visit[0] = 0;
  return false;
}

bool cm__glob_match(const char *pattern, const char *text) {
  const char *star = NULL, *again = NULL;
  while (*text) {
    if (*pattern == '*') {
      star = ++pattern;
      again = text;
    } else if (*pattern == '?' || tolower((unsigned char)*pattern) == tolower((unsigned char)*text)) {
      pattern++;
      text++;
    } else if (star) {
      pattern = star;
      text = ++again;
    } else {
      return false;
    }
  }
  while (*pattern == '*') pattern++;
  return !*pattern;
}
