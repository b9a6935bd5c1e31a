#include "study/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct Builder {
  CmArena *arena;
  CmProblems *problems;
  yaml_document_t *document;
  int nodes;
} Builder;

static CmYaml mark_node(const yaml_mark_t *mark) {
  CmYaml node = {.line = (int)mark->line + 1, .column = (int)mark->column + 1, .text = "", .raw = ""};
  return node;
}

/* Length of the name in "${NAME}" or "${NAME:-default}", 0 where it is none. */
static size_t variable_name_length(const char *name) {
  size_t length = 0;
  while ((name[length] >= 'A' && name[length] <= 'Z') || (name[length] >= 'a' && name[length] <= 'z') ||
         name[length] == '_' || (length && name[length] >= '0' && name[length] <= '9'))
    length++;
  return length;
}

/* Fills in "${NAME}" and "${NAME:-default}" from the environment; "$${" stands for "${". */
static const char *expand_variables(Builder *b, const char *text, const CmYaml *at) {
  const char *open = strstr(text, "${");
  if (!open) return text;
  char *result = cm__arena_strdup(b->arena, "", &b->problems->failure);
  while (result && open) {
    if (open > text && open[-1] == '$') {
      result = cm__arena_printf(b->arena, &b->problems->failure, "%s%.*s{", result, (int)(open - text), text);
      text = open + 2;
      open = strstr(text, "${");
      continue;
    }
    const char *name = open + 2, *close = strchr(name, '}');
    size_t length = variable_name_length(name);
    bool fallback = length && name[length] == ':' && name[length + 1] == '-';
    if (!close || !length || (name[length] != '}' && !fallback)) {
      cm__problem_add(b->problems, at,
                      "«%.40s» is not a variable; write ${NAME} or ${NAME:-default}, or $${ for a plain ${", open);
      return text;
    }
    char *key = cm__arena_strndup(b->arena, name, length, &b->problems->failure);
    const char *value = key ? getenv(key) : NULL;
    if (value && !*value && fallback) value = NULL;
    if (!value && fallback)
      value =
          cm__arena_strndup(b->arena, name + length + 2, (size_t)(close - name) - length - 2, &b->problems->failure);
    if (!value) {
      if (key)
        cm__problem_add(b->problems, at, "the environment variable %s is not set; set it, or write ${%s:-default}", key,
                        key);
      value = "";
    }
    result = cm__arena_printf(b->arena, &b->problems->failure, "%s%.*s%s", result, (int)(open - text), text, value);
    text = close + 1;
    open = strstr(text, "${");
  }
  if (result) result = cm__arena_printf(b->arena, &b->problems->failure, "%s%s", result, text);
  return result ? result : "";
}

static CmYaml *build(Builder *b, int id, int depth);

static bool build_scalar(Builder *b, const yaml_node_t *from, CmYaml *node) {
  size_t length = from->data.scalar.length;
  const char *text = (const char *)from->data.scalar.value;
  if (memchr(text, 0, length)) {
    cm__problem_add(b->problems, node, "the text holds a zero byte; remove it");
    return true;
  }
  char *copy = cm__arena_strndup(b->arena, text, length, &b->problems->failure);
  if (!copy) return false;
  node->quoted = from->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
  node->raw = copy;
  node->text = expand_variables(b, copy, node);
  return true;
}

static bool build_list(Builder *b, const yaml_node_t *from, CmYaml *node, int depth) {
  int count = (int)(from->data.sequence.items.top - from->data.sequence.items.start);
  node->items = cm__arena_alloc(b->arena, (size_t)count, sizeof *node->items, &b->problems->failure);
  if (!node->items) return false;
  for (int i = 0; i < count; i++) {
    if (!(node->items[i] = build(b, from->data.sequence.items.start[i], depth + 1))) return false;
    node->count = i + 1;
  }
  return true;
}

static bool build_map(Builder *b, const yaml_node_t *from, CmYaml *node, int depth) {
  int count = (int)(from->data.mapping.pairs.top - from->data.mapping.pairs.start);
  node->items = cm__arena_alloc(b->arena, (size_t)count, sizeof *node->items, &b->problems->failure);
  node->keys = cm__arena_alloc(b->arena, (size_t)count, sizeof *node->keys, &b->problems->failure);
  if (!node->items || !node->keys) return false;
  for (int i = 0; i < count; i++) {
    const yaml_node_pair_t *pair = &from->data.mapping.pairs.start[i];
    CmYaml *key = build(b, pair->key, depth + 1);
    CmYaml *value = key ? build(b, pair->value, depth + 1) : NULL;
    if (!value) return false;
    if (key->kind != CM__YAML_SCALAR) {
      cm__problem_add(b->problems, key, "a key must be a plain word");
      continue;
    }
    const CmYaml *first = cm__yaml_key(node, key->text);
    if (first) {
      cm__problem_add(b->problems, key, "the key «%s» stands here a second time (first in line %d); keep one",
                      key->text, first->line);
      continue;
    }
    node->keys[node->count] = key;
    node->items[node->count++] = value;
  }
  return true;
}

static CmYaml *build(Builder *b, int id, int depth) {
  const yaml_node_t *from = yaml_document_get_node(b->document, id);
  if (!from) return NULL;
  CmYaml start = mark_node(&from->start_mark);
  /* an alias may lead to a node that holds it, or fan out; both end here */
  if (depth > CM__YAML_MAX_DEPTH || ++b->nodes > CM__YAML_MAX_NODES) {
    cm__problem_add(b->problems, &start,
                    depth > CM__YAML_MAX_DEPTH ? "nested more than %d deep" : "more than %d values",
                    depth > CM__YAML_MAX_DEPTH ? CM__YAML_MAX_DEPTH : CM__YAML_MAX_NODES);
    return NULL;
  }
  CmYaml *node = cm__arena_alloc(b->arena, 1, sizeof *node, &b->problems->failure);
  if (!node) return NULL;
  *node = start;
  bool ok = true;
  switch (from->type) {
    case YAML_SCALAR_NODE:
      node->kind = CM__YAML_SCALAR;
      ok = build_scalar(b, from, node);
      break;
    case YAML_SEQUENCE_NODE:
      node->kind = CM__YAML_LIST;
      ok = build_list(b, from, node, depth);
      break;
    case YAML_MAPPING_NODE:
      node->kind = CM__YAML_MAP;
      ok = build_map(b, from, node, depth);
      break;
    default:
      ok = false;
  }
  return ok ? node : NULL;
}

/* Whether the line of the mark (0-based) holds the words. */
static bool line_has(const char *text, size_t size, size_t line, const char *words) {
  const char *at = text, *end = text + size;
  for (; line && at < end; line--) {
    const char *next = memchr(at, '\n', (size_t)(end - at));
    at = next ? next + 1 : end;
  }
  const char *next = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
  return at < end && memmem(at, (size_t)((next ? next : end) - at), words, strlen(words)) != NULL;
}

static void report_syntax(CmProblems *problems, const yaml_parser_t *parser, const char *text, size_t size) {
  CmYaml at = mark_node(&parser->problem_mark);
  if (parser->error == YAML_MEMORY_ERROR) {
    cm_error_set(&problems->failure, CM_ERR_MEMORY, "no memory to parse the file");
  } else if (parser->error == YAML_READER_ERROR) {
    cm__problem_add(problems, NULL, "not UTF-8 text (byte %zu: %s); save the file as UTF-8", parser->problem_offset,
                    parser->problem ? parser->problem : "unreadable");
  } else {
    const char *problem = parser->problem ? parser->problem : "not valid YAML";
    const char *mend = "";
    if (strstr(problem, "cannot start any token") || strstr(problem, "tab character"))
      mend = "; indent with spaces, not tabs, and put odd characters in quotes";
    else if (line_has(text, size, parser->problem_mark.line, "${"))
      mend = "; inside { } and [ ] write a variable in quotes: \"${NAME}\"";
    cm__problem_add(problems, &at, "not valid YAML: %s%s%s%s", problem, parser->context ? " " : "",
                    parser->context ? parser->context : "", mend);
  }
}

CmYaml *cm__yaml_parse(CmArena *arena, const char *text, size_t size, CmProblems *problems) {
  if (size > CM__YAML_MAX_BYTES) {
    cm__problem_add(problems, NULL, "%zu bytes are more than a study file may have (%zu)", size, CM__YAML_MAX_BYTES);
    return NULL;
  }
  yaml_parser_t parser;
  yaml_document_t document;
  if (!yaml_parser_initialize(&parser)) {
    cm_error_set(&problems->failure, CM_ERR_MEMORY, "no memory to parse the file");
    return NULL;
  }
  yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
  CmYaml *root = NULL;
  if (!yaml_parser_load(&parser, &document)) {
    report_syntax(problems, &parser, text, size);
  } else {
    Builder b = {.arena = arena, .problems = problems, .document = &document};
    if (yaml_document_get_root_node(&document))
      root = build(&b, 1, 0);
    else
      cm__problem_add(problems, NULL, "the file is empty; docs/study-files.md shows how to begin");
    yaml_document_delete(&document);
    if (root) {
      if (!yaml_parser_load(&parser, &document)) {
        report_syntax(problems, &parser, text, size);
      } else {
        const yaml_node_t *more = yaml_document_get_root_node(&document);
        CmYaml at = more ? mark_node(&more->start_mark) : *root;
        if (more) cm__problem_add(problems, &at, "a second document begins here; a study is one document");
        yaml_document_delete(&document);
      }
    }
  }
  yaml_parser_delete(&parser);
  return root;
}
