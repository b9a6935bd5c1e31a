/* The registry: looking operations up, checking what goes in, running them. */
#include "cormack/op.h"

#include <stdio.h>
#include <string.h>

#include "core/registry.h"

int cm_op_count(void) {
  return cm__op_list_count;
}
const CmOp *cm_op_at(int at) {
  return cm__op_list[at];
}

const CmOp *cm_op_find(const char *name) {
  int low = 0, high = cm__op_list_count;
  while (low < high) {
    int middle = (low + high) / 2;
    int order = strcmp(name, cm__op_list[middle]->name);
    if (!order) return cm__op_list[middle];
    if (order < 0)
      high = middle;
    else
      low = middle + 1;
  }
  return NULL;
}

const CmOp *cm_op_get(const char *name, CmError **err) {
  enum { MOST = 512 };
  const CmOp *op = cm_op_find(name);
  if (op) return op;
  const char *names[MOST] = {0};
  int count = cm__op_list_count < MOST ? cm__op_list_count : MOST;
  for (int i = 0; i < count; i++) names[i] = cm__op_list[i]->name;
  const char *nearest = cm_nearest_name(name, names, count);
  if (nearest)
    cm_error_set(err, CM_ERR_MISSING, "there is no operation «%s»; did you mean «%s»?", name, nearest);
  else
    cm_error_set(err, CM_ERR_MISSING, "there is no operation «%s»; «cormack ops» lists them", name);
  return NULL;
}

const char *cm_kind_name(CmKind kind) {
  static const char *const names[] = {"nothing", "image", "labels", "table", "signal"};
  return names[kind];
}

void cm_value_unref(CmValue *value) {
  if (value->kind == CM_KIND_IMAGE || value->kind == CM_KIND_LABELS) cm_image_unref(&value->image);
  if (value->kind == CM_KIND_TABLE) cm_table_unref(&value->table);
  if (value->kind == CM_KIND_SIGNAL) cm_signal_unref(&value->signal);
  *value = (CmValue){0};
}

CmValue cm_value_image(CmImage *image) {
  return (CmValue){.kind = CM_KIND_IMAGE, .image = image};
}
CmValue cm_value_labels(CmImage *image) {
  return (CmValue){.kind = CM_KIND_LABELS, .image = image};
}
CmValue cm_value_table(CmTable *table) {
  return (CmValue){.kind = CM_KIND_TABLE, .table = table};
}

static bool is_image(CmKind kind) {
  return kind == CM_KIND_IMAGE || kind == CM_KIND_LABELS;
}

static void list_types(uint32_t types, char *to, size_t size) {
  size_t used = 0;
  to[0] = 0;
  for (int i = 0; i < CM_TYPE_COUNT && used < size; i++) {
    if (!(types & CM_TYPE_BIT(i))) continue;
    used += (size_t)snprintf(to + used, size - used, "%s%s", used ? ", " : "", cm_type_name((CmType)i));
  }
}

static bool check_image(const CmPort *port, const CmImage *image, CmError **err) {
  CmType type = cm_image_type(image);
  uint32_t types = port->types ? port->types : CM_REAL_TYPES;
  if (port->kind == CM_KIND_LABELS) types &= CM_INTEGER_TYPES;
  if (!(types & CM_TYPE_BIT(type))) {
    char known[64];
    list_types(types, known, sizeof known);
    cm_error_set(err, CM_ERR_UNSUPPORTED, "input «%s» has voxel type %s; it must be one of %s (cormack convert --type)",
                 port->name, cm_type_name(type), known);
    return false;
  }
  if (!port->components && cm_image_components(image) != 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "input «%s» has %d components a voxel; it must have one", port->name,
                 cm_image_components(image));
    return false;
  }
  return true;
}

static bool check_input(const CmPort *port, const CmValue *value, CmError **err) {
  if (value->kind == CM_KIND_NONE) {
    if (port->optional) return true;
    cm_error_set(err, CM_ERR_USAGE, "input «%s» is missing (%s)", port->name, port->help);
    return false;
  }
  bool fits = value->kind == port->kind || (is_image(value->kind) && is_image(port->kind));
  if (!fits) {
    cm_error_set(err, CM_ERR_USAGE, "input «%s» is a %s; it must be a %s", port->name, cm_kind_name(value->kind),
                 cm_kind_name(port->kind));
    return false;
  }
  return !is_image(port->kind) || check_image(port, value->image, err);
}

static bool check_inputs(const CmOp *op, const CmValue *in, CmError **err) {
  const CmImage *first = NULL;
  const char *first_name = NULL;
  for (int i = 0; i < op->input_count; i++) {
    const CmPort *port = &op->inputs[i];
    if (!check_input(port, &in[i], err)) return false;
    if (!is_image(in[i].kind) || op->geometry == CM_GEOMETRY_CHANGE || port->own_grid) continue;
    if (first && !cm_image_same_grid(first, first_name, in[i].image, port->name, err)) return false;
    if (!first) first = in[i].image, first_name = port->name;
  }
  return true;
}

static bool check_output(const CmOp *op, int at, const CmValue *in, const CmValue *value, CmError **err) {
  const CmPort *port = &op->outputs[at];
  if (value->kind == CM_KIND_NONE && port->optional) return true;
  bool good = value->kind == port->kind;
  if (good && port->kind == CM_KIND_LABELS) good = cm_type_is_integer(cm_image_type(value->image));
  if (!good) {
    cm_error_set(err, CM_ERR_FAULT, "output «%s» is a %s instead of a %s", port->name, cm_kind_name(value->kind),
                 cm_kind_name(port->kind));
    return false;
  }
  if (op->geometry != CM_GEOMETRY_KEEP || !is_image(port->kind)) return true;
  for (int i = 0; i < op->input_count; i++)
    if (is_image(in[i].kind)) return cm_image_same_grid(in[i].image, op->inputs[i].name, value->image, port->name, err);
  return true;
}

/* Masks often come as real numbers: where these are whole they are labels. `made`: what has to be freed. */
static bool take_labels(CmContext *ctx, const CmOp *op, CmValue *in, CmImage **made, CmError **err) {
  for (int i = 0; i < op->input_count; i++) {
    const CmPort *port = &op->inputs[i];
    if (port->kind != CM_KIND_LABELS || !is_image(in[i].kind) || cm_type_is_integer(cm_image_type(in[i].image)))
      continue;
    made[i] = cm_image_as_labels(ctx, in[i].image, port->types ? port->types : CM_INTEGER_TYPES, err);
    if (!made[i]) {
      cm_error_context(err, "input «%s»", port->name);
      return false;
    }
    in[i].image = made[i];
  }
  return true;
}

static bool run_checked(const CmOp *op, const CmCall *call, CmError **err) {
  if (!check_inputs(op, call->in, err)) return false;
  if (op->check && !op->check(call->params, err)) return false;
  if (!op->run(call, err)) {
    if (err && !*err) cm_error_set(err, CM_ERR_FAULT, "failed without saying why");
    return false;
  }
  for (int i = 0; i < op->output_count; i++)
    if (call->wanted[i] && !check_output(op, i, call->in, &call->out[i], err)) return false;
  return true;
}

bool cm_op_run(CmContext *ctx, const CmOp *op, const void *params, const CmValue *in, CmValue *out, const bool *wanted,
               CmError **err) {
  static const bool all[CM_MAX_PORTS] = {true, true, true, true, true, true, true, true};
  CmValue made[CM_MAX_PORTS] = {{0}}, taken[CM_MAX_PORTS] = {{0}};
  CmImage *labels[CM_MAX_PORTS] = {NULL};
  CmError *error = NULL;
  void *defaults = params ? NULL : cm_params_create(ctx, op, &error);
  memcpy(taken, in, (size_t)op->input_count * sizeof *taken);
  bool good = (params || defaults) && take_labels(ctx, op, taken, labels, &error);
  if (good) {
    CmCall call = {ctx, params ? params : defaults, taken, made, wanted ? wanted : all};
    good = run_checked(op, &call, &error);
  }
  for (int i = 0; i < op->input_count; i++) cm_image_unref(&labels[i]);
  cm_free(defaults);
  for (int i = 0; i < op->output_count; i++) {
    if (good)
      out[i] = made[i];
    else
      cm_value_unref(&made[i]);
  }
  if (!good) {
    cm_error_context(&error, "%s", op->name);
    cm_error_move(err, &error);
  }
  return good;
}

bool cm_op_reach(const CmOp *op, const void *params, const CmImage *image, int64_t reach[3]) {
  return op->reach && op->reach(params, image, reach);
}

CmImage *cm_op_apply(CmContext *ctx, const char *name, const char *words, CmImage *image, CmError **err) {
  const CmOp *op = cm_op_get(name, err);
  if (!op) return NULL;
  void *params = cm_params_create(ctx, op, err);
  CmValue in[CM_MAX_PORTS] = {{0}}, out[CM_MAX_PORTS] = {{0}};
  bool wanted[CM_MAX_PORTS] = {true};
  in[0] = cm_value_image(image);
  bool good = params && cm_params_set_words(ctx, op, params, words ? words : "", err) &&
              cm_op_run(ctx, op, params, in, out, wanted, err);
  for (int i = 1; good && i < op->output_count; i++) cm_value_unref(&out[i]);
  cm_free(params);
  return good && is_image(out[0].kind) ? out[0].image : NULL;
}
