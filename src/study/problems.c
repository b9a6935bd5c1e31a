/* Typed look-ups in a YAML tree that collect what is wrong. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/op.h"
#include "study/yaml.h"

#define TEXT_MOST 2000

void cm__problem_add(CmProblems *problems, const CmYaml *at, const char *format, ...) {
  char text[TEXT_MOST];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  /* one problem is one line, whatever the file's words hold */
  for (char *c = text; *c; c++)
    if ((unsigned char)*c < ' ') *c = ' ';
  CmProblemEntry *entries =
      cm__arena_grow(problems->arena, problems->entries, problems->count, sizeof *entries, &problems->failure);
  char *copy = entries ? cm__arena_strdup(problems->arena, text, &problems->failure) : NULL;
  if (!copy) return;
  problems->entries = entries;
  entries[problems->count++] = (CmProblemEntry){at ? at->line : 0, at ? at->column : 0, copy};
}

static int compare_problems(const void *a, const void *b) {
  const CmProblemEntry *x = a, *y = b;
  if (x->line != y->line) return x->line < y->line ? -1 : 1;
  if (x->column != y->column) return x->column < y->column ? -1 : 1;
  return strcmp(x->text, y->text);
}

void cm__problems_sort(CmProblems *problems) {
  if (problems->count < 2) return;
  qsort(problems->entries, (size_t)problems->count, sizeof *problems->entries, compare_problems);
  int kept = 1;
  for (int i = 1; i < problems->count; i++)
    if (compare_problems(&problems->entries[i], &problems->entries[kept - 1]) != 0)
      problems->entries[kept++] = problems->entries[i];
  problems->count = kept;
}

static int find_key(const CmYaml *map, const char *key) {
  if (map && map->kind == CM__YAML_MAP)
    for (int i = 0; i < map->count; i++)
      if (strcmp(map->keys[i]->text, key) == 0) return i;
  return -1;
}

const CmYaml *cm__yaml_get(const CmYaml *map, const char *key) {
  int at = find_key(map, key);
  return at < 0 ? NULL : map->items[at];
}

const CmYaml *cm__yaml_key(const CmYaml *map, const char *key) {
  int at = find_key(map, key);
  return at < 0 ? NULL : map->keys[at];
}

bool cm__yaml_is_null(const CmYaml *node) {
  return !node || (node->kind == CM__YAML_SCALAR && !node->quoted &&
                   (!*node->text || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0));
}

const char *cm__yaml_kind_name(const CmYaml *node) {
  if (cm__yaml_is_null(node)) return "nothing";
  if (node->kind == CM__YAML_LIST) return "a list";
  return node->kind == CM__YAML_MAP ? "a group of keys" : "a single value";
}

void cm__yaml_known_keys(CmProblems *problems, const CmYaml *map, const char *const *known, int count,
                         const char *what) {
  if (!map || map->kind != CM__YAML_MAP) return;
  for (int i = 0; i < map->count; i++) {
    const char *key = map->keys[i]->text;
    int at = 0;
    while (at < count && strcmp(known[at], key) != 0) at++;
    if (at < count) continue;
    const char *near = cm_nearest_name(key, known, count);
    if (near) {
      cm__problem_add(problems, map->keys[i], "unknown key «%s» in %s; did you mean «%s»?", key, what, near);
    } else {
      char list[600];
      size_t used = 0;
      list[0] = 0;
      for (int k = 0; k < count && used < sizeof list; k++) {
        int more = snprintf(list + used, sizeof list - used, "%s%s", k ? ", " : "", known[k]);
        if (more > 0) used += (size_t)more;
      }
      cm__problem_add(problems, map->keys[i], "unknown key «%s» in %s; it has %s", key, what, list);
    }
  }
}

bool cm__yaml_as_bool(const CmYaml *node, bool *to) {
  static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "on"};
  static const char *const no[] = {"false", "False", "FALSE", "no", "No", "off"};
  if (!node || node->kind != CM__YAML_SCALAR || node->quoted) return false;
  for (int i = 0; i < CM_COUNT(yes); i++) {
    if (strcmp(node->text, yes[i]) == 0) return *to = true, true;
    if (strcmp(node->text, no[i]) == 0) return *to = false, true;
  }
  return false;
}

bool cm__yaml_as_int(const CmYaml *node, int64_t *to) {
  if (!node || node->kind != CM__YAML_SCALAR || node->quoted || !*node->text) return false;
  char *end;
  errno = 0;
  long long value = strtoll(node->text, &end, 10);
  if (errno || *end || end == node->text) return false;
  *to = value;
  return true;
}

bool cm__yaml_as_real(const CmYaml *node, double *to) {
  if (!node || node->kind != CM__YAML_SCALAR || node->quoted || !*node->text) return false;
  if (strspn(node->text, "+-.0123456789eE") != strlen(node->text)) return false; /* no hexadecimal, nan or inf */
  char *end;
  double value = strtod(node->text, &end);
  if (*end || !isfinite(value)) return false;
  *to = value;
  return true;
}

void cm__yaml_text(CmProblems *problems, const CmYaml *map, const char *key, const char **to) {
  const CmYaml *node = cm__yaml_get(map, key);
  if (!node) return;
  if (node->kind == CM__YAML_SCALAR && !cm__yaml_is_null(node))
    *to = node->text;
  else
    cm__problem_add(problems, node, "«%s» must be a text, not %s", key, cm__yaml_kind_name(node));
}

void cm__yaml_bool(CmProblems *problems, const CmYaml *map, const char *key, bool *to) {
  const CmYaml *node = cm__yaml_get(map, key);
  if (!node || cm__yaml_as_bool(node, to)) return;
  if (node->kind == CM__YAML_SCALAR)
    cm__problem_add(problems, node, "«%s» must be true or false, not «%s»", key, node->text);
  else
    cm__problem_add(problems, node, "«%s» must be true or false, not %s", key, cm__yaml_kind_name(node));
}

void cm__yaml_int(CmProblems *problems, const CmYaml *map, const char *key, int64_t min, int64_t max, int64_t *to) {
  const CmYaml *node = cm__yaml_get(map, key);
  if (!node) return;
  int64_t value;
  if (!cm__yaml_as_int(node, &value))
    cm__problem_add(problems, node, "«%s» must be a whole number, not %s%s%s", key,
                    node->kind == CM__YAML_SCALAR ? "«" : "",
                    node->kind == CM__YAML_SCALAR ? node->text : cm__yaml_kind_name(node),
                    node->kind == CM__YAML_SCALAR ? "»" : "");
  else if (value < min || value > max)
    cm__problem_add(problems, node, "«%s» is %lld; it goes from %lld to %lld", key, (long long)value, (long long)min,
                    (long long)max);
  else
    *to = value;
}

void cm__yaml_real(CmProblems *problems, const CmYaml *map, const char *key, double min, double max, double *to) {
  const CmYaml *node = cm__yaml_get(map, key);
  if (!node) return;
  double value;
  if (!cm__yaml_as_real(node, &value))
    cm__problem_add(problems, node, "«%s» must be a number, not %s%s%s", key, node->kind == CM__YAML_SCALAR ? "«" : "",
                    node->kind == CM__YAML_SCALAR ? node->text : cm__yaml_kind_name(node),
                    node->kind == CM__YAML_SCALAR ? "»" : "");
  else if (value < min || value > max)
    cm__problem_add(problems, node, "«%s» is %g; it goes from %g to %g", key, value, min, max);
  else
    *to = value;
}

void cm__yaml_choice(CmProblems *problems, const CmYaml *map, const char *key, const char *const *choices, int count,
                     int *to) {
  const char *text = NULL;
  cm__yaml_text(problems, map, key, &text);
  if (!text) return;
  for (int i = 0; i < count; i++)
    if (strcmp(choices[i], text) == 0) {
      *to = i;
      return;
    }
  const char *near = cm_nearest_name(text, choices, count);
  char list[400];
  size_t used = 0;
  list[0] = 0;
  for (int k = 0; k < count && used < sizeof list; k++) {
    int more = snprintf(list + used, sizeof list - used, "%s%s",
                        k == 0           ? ""
                        : k == count - 1 ? " or "
                                         : ", ",
                        choices[k]);
    if (more > 0) used += (size_t)more;
  }
  if (near)
    cm__problem_add(problems, cm__yaml_get(map, key), "«%s» is «%s», but must be %s; did you mean «%s»?", key, text,
                    list, near);
  else
    cm__problem_add(problems, cm__yaml_get(map, key), "«%s» is «%s», but must be %s", key, text, list);
}

const char **cm__yaml_texts(CmProblems *problems, const CmYaml *node, const char *what, int *count) {
  *count = 0;
  if (!node) return NULL;
  int most = node->kind == CM__YAML_LIST ? node->count : 1;
  const char **texts = cm__arena_alloc(problems->arena, (size_t)most, sizeof *texts, &problems->failure);
  if (!texts) return NULL;
  if (node->kind == CM__YAML_SCALAR && !cm__yaml_is_null(node)) {
    texts[(*count)++] = node->text;
  } else if (node->kind == CM__YAML_LIST && node->count > 0) {
    for (int i = 0; i < node->count; i++) {
      const CmYaml *item = node->items[i];
      if (item->kind != CM__YAML_SCALAR || cm__yaml_is_null(item))
        cm__problem_add(problems, item, "%s must be a text, not %s", what, cm__yaml_kind_name(item));
      else
        texts[(*count)++] = item->text;
    }
  } else {
    cm__problem_add(problems, node, "%s must be a text or a list of texts, not %s", what,
                    node->kind == CM__YAML_LIST ? "an empty list" : cm__yaml_kind_name(node));
  }
  return texts;
}
