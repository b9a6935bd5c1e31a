#include "study/pattern.h"

#include <ctype.h>
#include <string.h>

#define PATTERN_MOST 256 /* characters; bounds the work of backtracking together with BUDGET */
#define BUDGET 1000000

static const char *const names[CM__PART_COUNT] = {"{subject}", "{visit}", "{label}"};

typedef struct Match {
  CmPathParts *parts;
  long budget;
} Match;

/* The part that is named here; CM__PART_COUNT: none. */
static CmPathPart part_at(const char *text) {
  int part = 0;
  while (part < CM__PART_COUNT && strncmp(text, names[part], strlen(names[part])) != 0) part++;
  return (CmPathPart)part;
}

const char *cm__pattern_problem(const char *pattern) {
  static const char *const twice[CM__PART_COUNT] = {"{subject} stands there more than once",
                                                    "{visit} stands there more than once",
                                                    "{label} stands there more than once"};
  int count[CM__PART_COUNT] = {0};
  if (strlen(pattern) > PATTERN_MOST) return "the pattern is longer than 256 characters";
  for (const char *at = pattern; *at; at++) {
    if (*at == '}') return "a } without {; write {subject}, {visit} and {label}";
    if (*at != '{') continue;
    CmPathPart part = part_at(at);
    if (part == CM__PART_COUNT) return "the parts of a pattern are {subject}, {visit} and {label}";
    if (count[part]++) return twice[part];
    at += strlen(names[part]) - 1;
  }
  return count[CM__PART_SUBJECT] ? NULL : "the pattern has no {subject}";
}

bool cm__pattern_has(const char *pattern, CmPathPart part) {
  return strstr(pattern, names[part]) != NULL;
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
    CmPathPart part = *pattern == '{' ? part_at(pattern) : CM__PART_COUNT;
    if (part < CM__PART_COUNT) return match_part(m, m->parts->text[part], pattern + strlen(names[part]), text);
    if (*pattern == '*') {
      bool slashes = pattern[1] == '*';
      return match_star(m, pattern + (slashes ? 2 : 1), text, slashes);
    }
    if (!*text || (*pattern == '?' ? *text == '/' : *pattern != *text)) return false;
  }
  return !*text;
}

bool cm__pattern_match(const char *pattern, const char *path, CmPathParts *parts) {
  /* nearest to the end first, so that "{subject}.nii" means the file's name */
  for (size_t at = strlen(path); at-- > 0;) {
    const char *start = path + at;
    if (at && start[-1] != '/') continue;
    Match m = {parts, BUDGET};
    *parts = (CmPathParts){0};
    if (match(&m, pattern, start)) return true;
  }
  *parts = (CmPathParts){0};
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
