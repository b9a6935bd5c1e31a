/* Parameters of models and of preparation that are to be chosen: {model: svm, C: [0.1, 1, 10]}, {C: 0.01..100}. */
#include <string.h>

#include "study/spec.h"

/* "0.1|1|10"; NULL where the value is no choice. */
static const char *choice_text(CmSpec *spec, const CmParam *param, const CmYaml *value) {
  if (!param) return NULL;
  if (value->kind == CM__YAML_SCALAR)
    return strchr(value->text, '|') || (param->type != CM_TEXT && strstr(value->text, "..")) ? value->text : NULL;
  if (value->kind != CM__YAML_LIST || param->type == CM_INTS || param->type == CM_REALS) return NULL;
  int count;
  const char **texts = cm__yaml_texts(&spec->problems, value, "a value", &count), *text = "";
  for (int i = 0; texts && text && i < count; i++)
    text = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", text, i ? "|" : "", texts[i]);
  return texts ? text : NULL;
}

const char *cm__spec_search(CmSpec *spec, const CmOp *about, void *params, const CmYaml *map, const char *const *skip,
                            int skip_count, const char *prefix, const char *what) {
  const char *search = NULL;
  bool group = map && map->kind == CM__YAML_MAP;
  int count = skip_count;
  const char **passed = cm__arena_alloc(&spec->arena, (size_t)(skip_count + (group ? map->count : 0) + 1),
                                        sizeof *passed, &spec->problems.failure);
  if (!passed) return NULL;
  for (int i = 0; i < skip_count; i++) passed[i] = skip[i];
  for (int i = 0; group && i < map->count; i++) {
    const char *key = map->keys[i]->text, *text = choice_text(spec, cm_op_find_param(about, key), map->items[i]);
    if (!text) continue;
    passed[count++] = key;
    search = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s%s=%s", search ? search : "",
                              search ? " " : "", prefix, key, text);
    if (!search) return NULL;
  }
  cm__spec_params(spec, about, params, map, passed, count, what);
  return search;
}
