/* «steps:» of a study file: operations, what feeds their ports, their parameters, and the order that follows. */
#include <stdio.h>
#include <string.h>

#include "study/params_file.h"
#include "study/spec.h"

/* A step takes these keys, the names of its operation's input ports, and the names of its parameters. */
static const char *const step_keys[] = {"name", "op", "of", "in", "between", "save", "params"};

static bool is_step_key(const char *key) {
  for (int i = 0; i < CM_COUNT(step_keys); i++)
    if (strcmp(step_keys[i], key) == 0) return true;
  return false;
}

/* «regions» is another word for an input «labels». */
static int find_port(const CmOp *op, const char *name) {
  for (int i = 0; i < op->input_count; i++)
    if (strcmp(op->inputs[i].name, name) == 0) return i;
  return strcmp(name, "regions") == 0 && !cm_op_find_param(op, name) ? find_port(op, "labels") : -1;
}

/* ---- names and operations, so that references can be resolved -------------------------------------------------------
 */

static void check_unique(CmSpec *spec, int at) {
  const CmSpecStep *step = &spec->steps[at];
  for (int i = 0; i < spec->input_count; i++)
    if (strcmp(spec->inputs[i].name, step->name) == 0)
      cm__problem_add(&spec->problems, step->at, "the name «%s» belongs to an input (line %d); give the step another",
                      step->name, spec->inputs[i].at->line);
  for (int i = 0; i < at; i++)
    if (strcmp(spec->steps[i].name, step->name) == 0)
      cm__problem_add(&spec->problems, step->at,
                      "the name «%s» belongs to the step in line %d; add another, e.g. name: %s2", step->name,
                      spec->steps[i].at->line, step->name);
}

static void find_op(CmSpec *spec, CmSpecStep *step, const CmYaml *node) {
  const char *name = NULL;
  const CmYaml *at = cm__yaml_get(node, "op");
  if (!at) cm__problem_add(&spec->problems, node, "a step needs an operation; add op: NAME (cormack ops lists them)");
  cm__yaml_text(&spec->problems, node, "op", &name);
  if (!name) return;
  CmError *wrong = NULL;
  step->op = cm_op_get(name, &wrong);
  if (!step->op) {
    const char *near = NULL;
    int count = cm_op_count();
    const char **names = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *names, &spec->problems.failure);
    for (int i = 0; names && i < count; i++) names[i] = cm_op_at(i)->name;
    if (names) near = cm_nearest_name(name, names, count);
    if (near)
      cm__problem_add(&spec->problems, at, "unknown operation «%s»; did you mean «%s»?", name, near);
    else
      cm__problem_add(&spec->problems, at, "unknown operation «%s»; cormack ops lists them", name);
  }
  cm_error_free(&wrong);
}

static void parse_between(CmSpec *spec, CmSpecStep *step, const CmYaml *node) {
  static const char *const choices[] = {"visits"};
  int choice = -1;
  cm__yaml_choice(&spec->problems, node, "between", choices, CM_COUNT(choices), &choice);
  step->between = choice == 0;
}

static void start_step(CmSpec *spec, int at, const CmYaml *node) {
  CmSpecStep *step = &spec->steps[at];
  *step = (CmSpecStep){.at = node, .name = ""};
  for (int i = 0; i < CM_MAX_PORTS; i++) step->in[i] = (CmSpecRef){.input = -1, .step = -1};
  if (node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node, "a step must be e.g. {name: clean, op: median, of: ct, radius: 1}, not %s",
                    cm__yaml_kind_name(node));
    return;
  }
  find_op(spec, step, node);
  if (step->op) step->name = step->op->name;
  parse_between(spec, step, node);
  cm__yaml_text(&spec->problems, node, "name", &step->name);
  if (!*step->name) return;
  const CmYaml *name_at = cm__yaml_get(node, "name");
  if (name_at) step->at = name_at;
  size_t length = strlen(step->name);
  if (strspn(step->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != length || length > 64 ||
      step->name[0] == '-' || step->name[0] == '_')
    cm__problem_add(&spec->problems, step->at, "«%s» cannot name a step; use letters, digits, _ and -, at most 64",
                    step->name);
  check_unique(spec, at);
}

/* ---- ports ----------------------------------------------------------------------------------------------------------
 */

static void connect(CmSpec *spec, CmSpecStep *step, int port, const CmYaml *at) {
  char where[200];
  const CmPort *to = &step->op->inputs[port];
  snprintf(where, sizeof where, "step «%.64s»: «%s»", step->name, to->name);
  if (at->kind != CM__YAML_SCALAR || cm__yaml_is_null(at)) {
    cm__problem_add(&spec->problems, at, "%s must name an input or a step, not %s", where, cm__yaml_kind_name(at));
    return;
  }
  CmSpecRef ref;
  if (!cm__spec_ref(spec, at, at->text, to->kind, where, &ref)) return;
  if (step->in[port].at)
    cm__problem_add(&spec->problems, at, "%s is given twice (first in line %d); keep one", where,
                    step->in[port].at->line);
  else
    step->in[port] = ref;
}

/* The second input that an operation needs; -1: it needs one only. */
static int second_port(const CmOp *op) {
  for (int i = 1; i < op->input_count; i++)
    if (!op->inputs[i].optional) return i;
  return -1;
}

/* «of: X»: the first port. Between visits the first two that are needed, X of the earlier and of the later visit. */
static void connect_of(CmSpec *spec, CmSpecStep *step, const CmYaml *of) {
  if (!of) return;
  if (step->op->input_count == 0) {
    cm__problem_add(&spec->problems, of, "step «%s»: %s takes no inputs; drop «of»", step->name, step->op->name);
  } else if (of->kind == CM__YAML_LIST) {
    if (of->count > step->op->input_count)
      cm__problem_add(&spec->problems, of, "step «%s»: %s takes at most %d inputs, and %d are given", step->name,
                      step->op->name, step->op->input_count, of->count);
    for (int i = 0; i < of->count && i < step->op->input_count; i++) connect(spec, step, i, of->items[i]);
  } else {
    connect(spec, step, 0, of);
    bool pair = step->between && step->in[0].at && step->in[0].when == CM__WHEN_SAME;
    int second = second_port(step->op);
    if (pair && second < 0) {
      cm__problem_add(&spec->problems, of, "step «%s»: %s takes one input, so it cannot work between visits",
                      step->name, step->op->name);
    } else if (pair) {
      CmSpecRef *first = &step->in[0];
      if (first->step >= 0 && spec->steps[first->step].between)
        return; /* exists once per pair already; found out below */
      connect(spec, step, second, of);
      if (step->in[second].at) step->in[second].when = CM__WHEN_AFTER;
      first->when = CM__WHEN_BEFORE;
    }
  }
}

static void check_required(CmSpec *spec, const CmSpecStep *step, const CmYaml *node) {
  for (int i = 0; i < step->op->input_count; i++) {
    const CmPort *port = &step->op->inputs[i];
    if (port->optional || step->in[i].at) continue;
    const CmYaml *given = i == 0 ? cm__yaml_get(node, "of") : cm__yaml_get(node, port->name);
    const CmYaml *of = cm__yaml_get(node, "of");
    if (given || (of && of->kind == CM__YAML_LIST && i < of->count) || (step->between && i == second_port(step->op)))
      continue; /* given, and wrong: reported */
    cm__problem_add(&spec->problems, step->at, "step «%s»: %s needs %s%s%s (%s); add %s: NAME", step->name,
                    step->op->name, cm_kind_name(port->kind), " ", port->name, port->help ? port->help : "",
                    i == 0 ? "of" : port->name);
  }
}

static void parse_save(CmSpec *spec, CmSpecStep *step, const CmYaml *node) {
  const CmYaml *save = cm__yaml_get(node, "save");
  bool all;
  if (!save) return;
  if (cm__yaml_as_bool(save, &all)) {
    for (int i = 0; all && i < step->op->output_count; i++) step->save[i] = step->wanted[i] = true;
    return;
  }
  int count;
  const char **names = cm__yaml_texts(&spec->problems, save, "save", &count);
  for (int k = 0; names && k < count; k++) {
    int found = -1;
    const char *outputs[CM_MAX_PORTS];
    for (int i = 0; i < step->op->output_count; i++) {
      outputs[i] = step->op->outputs[i].name;
      if (strcmp(outputs[i], names[k]) == 0) found = i;
    }
    const char *near = found < 0 ? cm_nearest_name(names[k], outputs, step->op->output_count) : NULL;
    if (!near && step->op->output_count == 1) near = outputs[0];
    if (found >= 0)
      step->save[found] = step->wanted[found] = true;
    else
      cm__problem_add(&spec->problems, save, "step «%s»: save must be true or an output of %s, not «%s»%s%s%s",
                      step->name, step->op->name, names[k], near ? "; did you mean «" : "", near ? near : "",
                      near ? "»?" : "");
  }
}

/* «days: from_visits»: a number that each two visits give. */
static void find_days(CmSpecStep *step, const CmYaml *node) {
  for (int i = 0; i < node->count; i++) {
    const CmParam *param = cm_op_find_param(step->op, node->keys[i]->text);
    bool number = param && (param->type == CM_REAL || param->type == CM_INT);
    if (number && node->items[i]->kind == CM__YAML_SCALAR && strcmp(node->items[i]->text, "from_visits") == 0)
      step->days = param->name;
  }
}

/* «params: FILE», before what the step says itself, which counts more. Its contents are the step's parameters: a run
 * does again what a change of the file changes. */
static void read_params_file(CmSpec *spec, CmSpecStep *step, const CmYaml *at, const char *what) {
  if (at->kind == CM__YAML_MAP) return;
  if (at->kind != CM__YAML_SCALAR || cm__yaml_is_null(at)) {
    cm__problem_add(&spec->problems, at, "%s: params must be a group of keys or a file with them, not %s", what,
                    cm__yaml_kind_name(at));
    return;
  }
  CmProblems found = {.arena = &spec->arena};
  CmParamsFile file;
  const char *path = cm__spec_path(spec, at->text);
  if (path && !cm__params_file(&found, step->op, path, step->params, &file, &found.failure) &&
      cm_error_code(found.failure) != CM_ERR_MEMORY) {
    cm__problem_add(&spec->problems, at, "%s: params: %s; paths are relative to the study file", what,
                    cm_error_text(found.failure));
    cm_error_free(&found.failure);
  }
  for (int i = 0; i < found.count; i++)
    cm__problem_add(&spec->problems, at, "%s: %s:%d:%d: %s", what, at->text, found.entries[i].line,
                    found.entries[i].column, found.entries[i].text);
  if (found.failure && !spec->problems.failure) cm_error_move(&spec->problems.failure, &found.failure);
  cm_error_free(&found.failure);
}

static void parse_params(CmSpec *spec, CmSpecStep *step, const CmYaml *node) {
  const char *skip[CM_COUNT(step_keys) + CM_MAX_PORTS + 2];
  char what[100];
  int count = 0;
  const CmYaml *group = cm__yaml_get(node, "params");
  for (int i = 0; i < CM_COUNT(step_keys); i++)
    /* an operation may have a parameter called like a key of steps; only «params: {…}» reaches those, but for «params:
     * value» */
    if (strcmp(step_keys[i], "params") != 0 || !group || group->kind == CM__YAML_MAP ||
        !cm_op_find_param(step->op, "params"))
      skip[count++] = step_keys[i];
  for (int i = 0; i < step->op->input_count; i++) skip[count++] = step->op->inputs[i].name;
  if (find_port(step->op, "regions") >= 0) skip[count++] = "regions";
  find_days(step, node);
  if (step->days) skip[count++] = step->days;
  snprintf(what, sizeof what, "step «%.64s»", step->name);
  step->params = cm_params_create(spec->ctx, step->op, &spec->problems.failure);
  if (!step->params) return;
  if (group && !cm_op_find_param(step->op, "params")) read_params_file(spec, step, group, what);
  cm__spec_params(spec, step->op, step->params, node, skip, count, what);
  cm__spec_params(spec, step->op, step->params, group, NULL, 0, what);
  CmError *wrong = NULL;
  if (step->op->check && !step->op->check(step->params, &wrong))
    cm__problem_add(&spec->problems, step->at, "%s: %s", what, cm_error_text(wrong));
  cm_error_free(&wrong);
  char *json = cm_params_to_json(spec->ctx, step->op, step->params, &spec->problems.failure);
  if (json) step->params_json = cm__arena_strdup(&spec->arena, json, &spec->problems.failure);
  cm_free(json);
}

static void parse_step(CmSpec *spec, CmSpecStep *step, const CmYaml *node) {
  if (node->kind != CM__YAML_MAP || !step->op) return;
  connect_of(spec, step, cm__yaml_get(node, "of"));
  const CmYaml *in = cm__yaml_get(node, "in");
  if (in && in->kind != CM__YAML_MAP)
    cm__problem_add(&spec->problems, in, "step «%s»: in must be a group of PORT: NAME, not %s", step->name,
                    cm__yaml_kind_name(in));
  for (int i = 0; in && in->kind == CM__YAML_MAP && i < in->count; i++) {
    int port = find_port(step->op, in->keys[i]->text);
    if (port >= 0)
      connect(spec, step, port, in->items[i]);
    else
      cm__problem_add(&spec->problems, in->keys[i], "step «%s»: %s has no input «%s»", step->name, step->op->name,
                      in->keys[i]->text);
  }
  for (int i = 0; i < node->count; i++) {
    int port = is_step_key(node->keys[i]->text) ? -1 : find_port(step->op, node->keys[i]->text);
    if (port >= 0) connect(spec, step, port, node->items[i]);
  }
  check_required(spec, step, node);
  parse_save(spec, step, node);
  parse_params(spec, step, node);
}

/* ---- order and visits -----------------------------------------------------------------------------------------------
 */

typedef struct Order {
  CmSpec *spec;
  signed char *state; /* 0 new, 1 on the way, 2 done */
  int *sorted, count;
} Order;

static void visit(Order *o, int at) {
  CmSpecStep *step = &o->spec->steps[at];
  o->state[at] = 1;
  for (int i = 0; i < CM_MAX_PORTS; i++) {
    int next = step->in[i].step;
    if (next < 0) continue;
    if (o->state[next] == 1) {
      cm__problem_add(&o->spec->problems, step->in[i].at,
                      "step «%s» waits for «%s», which waits for «%s»: a circle; break it", step->name,
                      o->spec->steps[next].name, step->name);
      step->in[i].step = -1;
    } else if (o->state[next] == 0) {
      visit(o, next);
    }
  }
  o->state[at] = 2;
  o->sorted[o->count++] = at;
}

/* Puts the steps into an order in which each stands behind what it uses; of several, the one nearest to the file's. */
static void sort_steps(CmSpec *spec) {
  size_t count = (size_t)spec->step_count;
  CmError **err = &spec->problems.failure;
  Order o = {.spec = spec};
  o.state = cm__arena_alloc(&spec->arena, count, 1, err);
  o.sorted = cm__arena_alloc(&spec->arena, count, sizeof *o.sorted, err);
  int *place = cm__arena_alloc(&spec->arena, count, sizeof *place, err);
  CmSpecStep *steps = cm__arena_alloc(&spec->arena, count, sizeof *steps, err);
  if (!o.state || !o.sorted || !place || !steps) return;
  for (int s = 0; s < spec->step_count; s++)
    if (o.state[s] == 0) visit(&o, s);
  for (int i = 0; i < spec->step_count; i++) {
    place[o.sorted[i]] = i;
    steps[i] = spec->steps[o.sorted[i]];
  }
  for (int s = 0; s < spec->step_count; s++)
    for (int i = 0; i < CM_MAX_PORTS; i++)
      if (steps[s].in[i].step >= 0) steps[s].in[i].step = place[steps[s].in[i].step];
  spec->steps = steps;
}

/* Which inputs a step depends on, and whether it works on one visit or on two. */
static void find_roots(CmSpec *spec, CmSpecStep *step) {
  for (int i = 0; i < CM_MAX_PORTS; i++) {
    const CmSpecRef *ref = &step->in[i];
    if (ref->input >= 0) step->roots |= (uint64_t)1 << ref->input;
    if (ref->step >= 0) {
      step->roots |= spec->steps[ref->step].roots;
      if (spec->steps[ref->step].between) step->between = true;
    }
    if (ref->when != CM__WHEN_SAME) step->between = true;
  }
  if (!step->roots && step->op && step->op->input_count == 0)
    cm__problem_add(&spec->problems, step->at,
                    "step «%s»: %s takes no input, so there is nothing to do it for; run it by itself and use its "
                    "files as an input",
                    step->name, step->op->name);
  for (int i = 0; i < CM_MAX_PORTS; i++) {
    const CmSpecRef *ref = &step->in[i];
    bool of_pair = ref->step >= 0 && spec->steps[ref->step].between;
    if (ref->input < 0 && ref->step < 0) continue;
    if (of_pair && ref->when != CM__WHEN_SAME)
      cm__problem_add(&spec->problems, ref->at,
                      "step «%s»: «%s» is made between visits and exists once for both; leave the @ away", step->name,
                      spec->steps[ref->step].name);
    if (!of_pair && step->between && ref->when == CM__WHEN_SAME)
      cm__problem_add(&spec->problems, ref->at,
                      "step «%s» works between two visits; say which «%s» is meant: %s@before or %s@after", step->name,
                      ref->at->text, ref->at->text, ref->at->text);
  }
}

static void check_between(CmSpec *spec, const CmSpecStep *step) {
  if (step->days && !step->between)
    cm__problem_add(&spec->problems, step->at, "step «%s»: from_visits is for steps between visits; give «%s» a number",
                    step->name, step->days);
  if (!step->between || !step->op) return;
  bool before = false, after = false, pair = false;
  for (int i = 0; i < CM_MAX_PORTS; i++) {
    before |= step->in[i].when == CM__WHEN_BEFORE;
    after |= step->in[i].when == CM__WHEN_AFTER;
    pair |= step->in[i].step >= 0 && spec->steps[step->in[i].step].between;
  }
  if (!pair && step->in[0].at && !(before && after))
    cm__problem_add(&spec->problems, step->at,
                    "step «%s» works between visits but uses only one of them; give it both, with @before and @after",
                    step->name);
}

/* The run writes tables of its own beside those of the steps. */
static void check_table_name(CmSpec *spec, const CmSpecStep *step) {
  bool learns = cm__yaml_get(spec->root, "learn") != NULL, predicts = cm__yaml_get(spec->root, "predict") != NULL,
       asks = spec->catalog.at != NULL, tables = false;
  for (int i = 0; i < spec->input_count; i++) asks |= spec->inputs[i].sql != NULL;
  for (int i = 0; step->op && i < step->op->output_count; i++) tables |= step->op->outputs[i].kind == CM_KIND_TABLE;
  const char *taken = learns && strncmp(step->name, "learn_", 6) == 0 ? "the learning"
                      : predicts && strncmp(step->name, CM__PREDICTIONS, sizeof CM__PREDICTIONS - 1) == 0
                          ? "what is predicted"
                      : asks && strcmp(step->name, "catalog") == 0 ? "the catalogue"
                                                                   : NULL;
  if (tables && taken)
    cm__problem_add(&spec->problems, step->at,
                    "step «%s»: tables/%s.csv is the table of %s; give the step another name", step->name, step->name,
                    taken);
}

void cm__spec_steps(CmSpec *spec) {
  const CmYaml *node = cm__yaml_get(spec->root, "steps");
  if (!node || node->kind != CM__YAML_LIST || node->count == 0) {
    cm__problem_add(&spec->problems, node ? node : spec->root,
                    "the study has no steps; add a list, e.g. «steps: [{name: clean, op: median, of: ct}]»");
    return;
  }
  if (node->count > 1000) {
    cm__problem_add(&spec->problems, node, "%d steps are more than a study may have (1000)", node->count);
    return;
  }
  spec->steps = cm__arena_alloc(&spec->arena, (size_t)node->count, sizeof *spec->steps, &spec->problems.failure);
  if (!spec->steps) return;
  for (int i = 0; i < node->count; i++) {
    spec->step_count = i + 1;
    start_step(spec, i, node->items[i]);
  }
  for (int i = 0; i < node->count; i++) parse_step(spec, &spec->steps[i], node->items[i]);
  sort_steps(spec);
  for (int i = 0; i < spec->step_count; i++) find_roots(spec, &spec->steps[i]);
  for (int i = 0; i < spec->step_count; i++) check_between(spec, &spec->steps[i]);
  for (int i = 0; i < spec->step_count; i++) check_table_name(spec, &spec->steps[i]);
}
