/* The study file as a whole: its top-level keys, names and references. */
#include "study/spec.h"

#include <stdio.h>
#include <string.h>

static const char *const top_keys[] = {"study",   "catalog", "inputs", "labels",  "steps", "learn",
                                       "predict", "explain", "report", "outputs", "cache", "seed"};

const char *cm__spec_path(CmSpec *spec, const char *path) {
  if (path[0] == '/' || !spec->folder[0]) return path;
  const char *joined = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s/%s", spec->folder, path);
  return joined ? joined : path;
}

static int find_input(const CmSpec *spec, const char *name, size_t length) {
  for (int i = 0; i < spec->input_count; i++)
    if (strlen(spec->inputs[i].name) == length && memcmp(spec->inputs[i].name, name, length) == 0) return i;
  return -1;
}

static int find_step(const CmSpec *spec, const char *name, size_t length) {
  for (int i = 0; i < spec->step_count; i++)
    if (strlen(spec->steps[i].name) == length && memcmp(spec->steps[i].name, name, length) == 0) return i;
  return -1;
}

static void report_unknown_name(CmSpec *spec, const CmYaml *at, const char *name, const char *where) {
  int count = spec->input_count + spec->step_count;
  const char **names = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *names, &spec->problems.failure);
  if (!names) return;
  for (int i = 0; i < spec->input_count; i++) names[i] = spec->inputs[i].name;
  for (int i = 0; i < spec->step_count; i++) names[spec->input_count + i] = spec->steps[i].name;
  const char *near = cm_nearest_name(name, names, count);
  if (near)
    cm__problem_add(&spec->problems, at, "%s: there is no input or step «%s»; did you mean «%s»?", where, name, near);
  else
    cm__problem_add(&spec->problems, at, "%s: there is no input or step «%s»; add it, or use the name of one", where,
                    name);
}

bool cm__spec_kind_fits(CmKind given, CmKind wanted) {
  return wanted == CM_KIND_NONE || given == wanted || (wanted == CM_KIND_IMAGE && given == CM_KIND_LABELS);
}

static const char *kind_words(CmKind kind) {
  switch (kind) {
    case CM_KIND_IMAGE:
      return "an image";
    case CM_KIND_LABELS:
      return "a label map";
    case CM_KIND_TABLE:
      return "a table";
    case CM_KIND_SIGNAL:
      return "a signal";
    default:
      return "nothing";
  }
}

static void report_kind(CmSpec *spec, const CmYaml *at, const char *text, CmKind given, CmKind wanted,
                        const char *where, bool is_input) {
  const char *mend = "use another step's output";
  if (wanted == CM_KIND_LABELS && given == CM_KIND_IMAGE)
    mend = is_input ? "if its files are masks, say kind: labels at the input; else make one, e.g. with threshold"
                    : "make one from it, e.g. with threshold";
  if (wanted == CM_KIND_TABLE) mend = "use a step that makes one, e.g. regions";
  cm__problem_add(&spec->problems, at, "%s takes %s, but «%s» is %s; %s", where, kind_words(wanted), text,
                  kind_words(given), mend);
}

/* The output meant by "step" or "step.port"; -1 where there is none. */
static int find_output(const CmOp *op, const char *port, CmKind kind) {
  for (int pass = 0; pass < 2; pass++) /* a labels output serves as an image too, but an image is nearer */
    for (int i = 0; i < op->output_count; i++) {
      if (port && strcmp(op->outputs[i].name, port) != 0) continue;
      if (port || op->outputs[i].kind == kind || (pass && cm__spec_kind_fits(op->outputs[i].kind, kind))) return i;
    }
  return -1;
}

static void report_output(CmSpec *spec, const CmYaml *at, const CmSpecStep *step, const char *port, const char *where) {
  const char *names[CM_MAX_PORTS];
  char list[400];
  size_t used = 0;
  list[0] = 0;
  for (int i = 0; i < step->op->output_count; i++) {
    names[i] = step->op->outputs[i].name;
    int more = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
    if (more > 0 && used + (size_t)more < sizeof list) used += (size_t)more;
  }
  const char *near = cm_nearest_name(port, names, step->op->output_count);
  if (near)
    cm__problem_add(&spec->problems, at, "%s: step «%s» has no output «%s»; did you mean «%s.%s»?", where, step->name,
                    port, step->name, near);
  else
    cm__problem_add(&spec->problems, at, "%s: step «%s» (%s) has no output «%s»; it has %s", where, step->name,
                    step->op->name, port, list);
}

bool cm__spec_ref(CmSpec *spec, const CmYaml *at, const char *text, CmKind kind, const char *where, CmSpecRef *ref) {
  CmSpecRef found = {.input = -1, .step = -1, .at = at};
  size_t length = strlen(text);
  const char *when = strchr(text, '@');
  if (when) {
    if (strcmp(when, "@before") == 0)
      found.when = CM__WHEN_BEFORE;
    else if (strcmp(when, "@after") == 0)
      found.when = CM__WHEN_AFTER;
    else {
      cm__problem_add(&spec->problems, at, "%s: «%s» must be @before or @after", where, when);
      return false;
    }
    length = (size_t)(when - text);
  }
  const char *dot = memchr(text, '.', length);
  size_t name_length = dot ? (size_t)(dot - text) : length;
  char *name = cm__arena_strndup(&spec->arena, text, name_length, &spec->problems.failure);
  char *port = dot ? cm__arena_strndup(&spec->arena, dot + 1, length - name_length - 1, &spec->problems.failure) : NULL;
  if (!name || (dot && !port)) return false;
  found.input = find_input(spec, text, name_length);
  found.step = found.input < 0 ? find_step(spec, text, name_length) : -1;
  if (found.input < 0 && found.step < 0) {
    report_unknown_name(spec, at, name, where);
    return false;
  }
  if (found.input >= 0) {
    CmKind given = spec->inputs[found.input].kind;
    if (port)
      cm__problem_add(&spec->problems, at, "%s: «%s» is an input and has no outputs; write «%s»", where, name, name);
    else if (!cm__spec_kind_fits(given, kind))
      report_kind(spec, at, text, given, kind, where, true);
    else {
      *ref = found;
      return true;
    }
    return false;
  }
  CmSpecStep *step = &spec->steps[found.step];
  if (!step->op) return false; /* its own problem is reported already */
  found.port = find_output(step->op, port, kind);
  if (found.port < 0 && port) {
    report_output(spec, at, step, port, where);
    return false;
  }
  if (found.port < 0 || !cm__spec_kind_fits(step->op->outputs[found.port].kind, kind)) {
    report_kind(spec, at, text, step->op->outputs[found.port < 0 ? 0 : found.port].kind, kind, where, false);
    return false;
  }
  step->wanted[found.port] = true;
  *ref = found;
  return true;
}

CmKind cm__spec_ref_kind(const CmSpec *spec, const CmSpecRef *ref) {
  if (ref->input >= 0) return spec->inputs[ref->input].kind;
  return ref->step >= 0 ? spec->steps[ref->step].op->outputs[ref->port].kind : CM_KIND_NONE;
}

const char *cm__spec_ref_text(CmSpec *spec, const CmSpecRef *ref) {
  if (ref->input >= 0) return spec->inputs[ref->input].name;
  if (ref->step < 0) return "";
  const CmSpecStep *step = &spec->steps[ref->step];
  if (step->op->output_count == 1) return step->name;
  const char *text =
      cm__arena_printf(&spec->arena, &spec->problems.failure, "%s.%s", step->name, step->op->outputs[ref->port].name);
  return text ? text : step->name;
}

/* One YAML value as the text that cm_params_set() reads; NULL where it is neither a scalar nor a list of scalars. */
static const char *param_text(CmSpec *spec, const CmYaml *node) {
  if (node->kind == CM__YAML_SCALAR) {
    if (cm__yaml_is_null(node)) return "";
    bool truth;
    return cm__yaml_as_bool(node, &truth) ? (truth ? "true" : "false") : node->text;
  }
  if (node->kind != CM__YAML_LIST) return NULL;
  const char *text = "";
  for (int i = 0; i < node->count && text; i++) {
    if (node->items[i]->kind != CM__YAML_SCALAR) return NULL;
    text = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", text, i ? "," : "", node->items[i]->text);
  }
  return text;
}

static void report_unknown_param(CmSpec *spec, const CmOp *about, const CmYaml *key, const char *const *more,
                                 int more_count, const char *what) {
  int count = about->param_count + more_count;
  const char **names = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *names, &spec->problems.failure);
  if (!names) return;
  for (int i = 0; i < about->param_count; i++) names[i] = about->params[i].name;
  for (int i = 0; i < more_count; i++) names[about->param_count + i] = more[i];
  const char *near = cm_nearest_name(key->text, names, count);
  if (near) {
    cm__problem_add(&spec->problems, key, "%s: unknown parameter «%s»; did you mean «%s»?", what, key->text, near);
    return;
  }
  const char *list = about->param_count ? "" : "no parameters";
  for (int i = 0; i < about->param_count && list; i++)
    list = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", list, i ? ", " : "", names[i]);
  if (list)
    cm__problem_add(&spec->problems, key, "%s: unknown parameter «%s»; %s has %s", what, key->text, about->name, list);
}

void cm__spec_params(CmSpec *spec, const CmOp *about, void *params, const CmYaml *map, const char *const *skip,
                     int skip_count, const char *what) {
  if (!map || map->kind != CM__YAML_MAP || !params) return;
  for (int i = 0; i < map->count; i++) {
    const char *key = map->keys[i]->text;
    bool skipped = false;
    for (int k = 0; k < skip_count && !skipped; k++) skipped = strcmp(skip[k], key) == 0;
    if (skipped) continue;
    if (!cm_op_find_param(about, key)) {
      report_unknown_param(spec, about, map->keys[i], skip, skip_count, what);
      continue;
    }
    const char *value = param_text(spec, map->items[i]);
    if (!value) {
      cm__problem_add(&spec->problems, map->items[i], "%s: «%s» must be a value or a list of values", what, key);
      continue;
    }
    CmError *wrong = NULL;
    if (!cm_params_set(about, params, key, value, &wrong)) {
      cm__problem_add(&spec->problems, map->items[i], "%s: %s", what, cm_error_text(wrong));
      cm_error_free(&wrong);
    }
  }
}

static void parse_outputs(CmSpec *spec) {
  const CmYaml *node = cm__yaml_get(spec->root, "outputs");
  if (!node) return;
  int count;
  const char **names = cm__yaml_texts(&spec->problems, node, "an output", &count);
  int at = 0;
  for (int i = 0; names && i < (node->kind == CM__YAML_LIST ? node->count : 1); i++) {
    const CmYaml *item = node->kind == CM__YAML_LIST ? node->items[i] : node;
    if (item->kind != CM__YAML_SCALAR || cm__yaml_is_null(item) || at >= count) continue;
    CmSpecRef ref;
    if (!cm__spec_ref(spec, item, names[at++], CM_KIND_NONE, "outputs", &ref)) continue;
    if (ref.input >= 0)
      cm__problem_add(&spec->problems, item, "outputs: «%s» is an input; list steps, e.g. one that cleans it",
                      item->text);
    else if (ref.when != CM__WHEN_SAME)
      cm__problem_add(&spec->problems, item, "outputs: «%s» cannot name one of two visits; leave the @ away",
                      item->text);
    else
      spec->steps[ref.step].save[ref.port] = true;
  }
}

void cm__spec_outputs(CmSpec *spec) {
  parse_outputs(spec);
  for (int s = 0; s < spec->step_count; s++)
    for (int o = 0; spec->steps[s].op && o < spec->steps[s].op->output_count; o++) {
      CmSpecStep *step = &spec->steps[s];
      const CmPort *port = &step->op->outputs[o];
      /* what a step must make it makes; optional outputs are made for those who ask, tables always */
      if (!port->optional || step->save[o] || port->kind == CM_KIND_TABLE) step->wanted[o] = true;
    }
}

bool cm__spec_parse(CmSpec *spec, const char *text, size_t size, CmError **err) {
  CmProblems *problems = &spec->problems;
  static const char *const caches[] = {"all", "outputs"};
  int cache = 0;
  problems->arena = &spec->arena;
  spec->name = "";
  spec->labels.input = -1;
  spec->text = cm__arena_strndup(&spec->arena, text, size, &problems->failure);
  if (spec->text) spec->root = cm__yaml_parse(&spec->arena, text, size, problems);
  if (spec->root && spec->root->kind != CM__YAML_MAP) {
    cm__problem_add(problems, spec->root, "a study file begins with «study: NAME», not with %s",
                    cm__yaml_kind_name(spec->root));
  } else if (spec->root) {
    cm__yaml_known_keys(problems, spec->root, top_keys, CM_COUNT(top_keys), "a study");
    cm__yaml_text(problems, spec->root, "study", &spec->name);
    if (!cm__yaml_get(spec->root, "study"))
      cm__problem_add(problems, spec->root, "the study has no name; begin with «study: NAME»");
    cm__yaml_choice(problems, spec->root, "cache", caches, CM_COUNT(caches), &cache);
    cm__spec_catalog(spec);
    cm__spec_inputs(spec);
    cm__spec_steps(spec);
    cm__spec_labels(spec);
    cm__spec_learn(spec);
    cm__spec_predict(spec);
    cm__spec_report(spec);
    cm__spec_outputs(spec);
  }
  spec->keep_all = cache == 0;
  cm__problems_sort(problems);
  if (problems->failure)
    cm_error_move(err, &problems->failure);
  else
    return true;
  return false;
}

void cm__spec_free(CmSpec *spec) {
  for (int s = 0; s < spec->step_count; s++) cm_free(spec->steps[s].params);
  for (int m = 0; m < spec->learn.learner_count; m++) {
    /* the learner borrows what the study made */
    cm_free((void *)(uintptr_t)spec->learn.learners[m].params);
  }
  cm_model_unref(&spec->learn.model);
  cm_free(spec->learn.prepare);
  cm_free(spec->learn.validate);
  cm_free(spec->learn.tune);
  cm_free(spec->learn.recalibrate);
  cm_table_unref(&spec->labels.table);
  cm_error_free(&spec->problems.failure);
  cm__arena_free(&spec->arena);
}
