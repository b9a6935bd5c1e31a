/* A YAML document as a tree that knows the line of every word, and the list of what is wrong with it. */
#ifndef STUDY_YAML_H
#define STUDY_YAML_H

#include "core/arena.h"

typedef enum CmYamlKind { CM__YAML_SCALAR, CM__YAML_LIST, CM__YAML_MAP } CmYamlKind;

typedef struct CmYaml CmYaml;
struct CmYaml {
  CmYamlKind kind;
  int line, column; /* 1-based */
  const char *text; /* scalar: its UTF-8 text with ${VARIABLES} filled in; else "" */
  const char *raw;  /* scalar: the text as it is written, variables and all */
  bool quoted;      /* scalar: written in quotes or as a block, so never a number, truth value or null */
  int count;        /* of items or pairs */
  CmYaml **keys;    /* map */
  CmYaml **items;   /* list: its items; map: the values */
};

typedef struct CmProblemEntry {
  int line, column; /* 0: the file as a whole */
  const char *text;
} CmProblemEntry;

/* Problems are collected rather than returned; what fails here (memory) is kept in `failure`. */
typedef struct CmProblems {
  CmArena *arena;
  CmProblemEntry *entries;
  int count;
  CmError *failure;
} CmProblems;

#define CM__YAML_MAX_BYTES ((size_t)4 << 20)
#define CM__YAML_MAX_DEPTH 32
#define CM__YAML_MAX_NODES 200000

/* Reads one document. Syntax errors and unset variables become problems; NULL where there is no tree at all. */
CM_NODISCARD CmYaml *cm__yaml_parse(CmArena *arena, const char *text, size_t size, CmProblems *problems);

/* Value of a key; NULL if absent or not a map. */
const CmYaml *cm__yaml_get(const CmYaml *map, const char *key);
const CmYaml *cm__yaml_key(const CmYaml *map, const char *key); /* the key's own node, for its line */
bool cm__yaml_is_null(const CmYaml *node);                      /* absent, empty, ~ or null */

void cm__problem_add(CmProblems *problems, const CmYaml *at, const char *format, ...) CM_PRINTF(3, 4);
/* Sorts by place and drops repetitions. */
void cm__problems_sort(CmProblems *problems);
/* Every key of the map must be one of `known`; the others become problems with the nearest known name. `what` is
 * what the map describes: "an input". */
void cm__yaml_known_keys(CmProblems *problems, const CmYaml *map, const char *const *known, int count,
                         const char *what);

/* Typed values of a key, each leaving *to untouched where the key is absent and reporting where the type is wrong. */
void cm__yaml_text(CmProblems *problems, const CmYaml *map, const char *key, const char **to);
void cm__yaml_bool(CmProblems *problems, const CmYaml *map, const char *key, bool *to);
void cm__yaml_int(CmProblems *problems, const CmYaml *map, const char *key, int64_t min, int64_t max, int64_t *to);
void cm__yaml_real(CmProblems *problems, const CmYaml *map, const char *key, double min, double max, double *to);
/* One of the choices, by index. */
void cm__yaml_choice(CmProblems *problems, const CmYaml *map, const char *key, const char *const *choices, int count,
                     int *to);
bool cm__yaml_as_bool(const CmYaml *node, bool *to);
bool cm__yaml_as_int(const CmYaml *node, int64_t *to);
bool cm__yaml_as_real(const CmYaml *node, double *to);
/* A scalar or a list of scalars as a list of texts. NULL + problem where it is something else. */
CM_NODISCARD const char **cm__yaml_texts(CmProblems *problems, const CmYaml *node, const char *what, int *count);
const char *cm__yaml_kind_name(const CmYaml *node); /* "a list", "the text 'x'", ... for messages; from a small set */

#endif
