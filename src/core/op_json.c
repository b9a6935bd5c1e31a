/* The registry as JSON: what help, docs, Python and the server are made from. */
#include <string.h>

#include "core/text.h"
#include "cormack/op.h"

static const char *const type_names[] = {"bool", "int", "real", "enum", "text", "ints", "reals"};

static void add_field(CmTextBuffer *out, const char *name, const char *value) {
  cm__text_addf(out, ",\"%s\":", name);
  cm__text_add_json(out, value ? value : "");
}

static void add_choices(CmTextBuffer *out, const CmParam *param) {
  char choice[64];
  cm__text_add(out, ",\"choices\":[");
  for (int i = 0; *cm_param_choice(param, i, choice, sizeof choice); i++) {
    if (i) cm__text_add(out, ",");
    cm__text_add_json(out, choice);
  }
  cm__text_add(out, "]");
}

static void add_param(CmTextBuffer *out, const CmParam *param) {
  cm__text_addf(out, "{\"name\":\"%s\",\"type\":\"%s\"", param->name, type_names[param->type]);
  add_field(out, "default", param->initial);
  bool number = param->type == CM_INT || param->type == CM_REAL || param->type == CM_INTS || param->type == CM_REALS;
  if (number) {
    cm__text_add(out, ",\"min\":");
    cm__text_add_real(out, param->min);
    cm__text_add(out, ",\"max\":");
    cm__text_add_real(out, param->max);
  }
  if (param->type == CM_INTS || param->type == CM_REALS)
    cm__text_addf(out, ",\"min_count\":%d,\"max_count\":%d", param->min_count, param->max_count);
  if (param->type == CM_ENUM) add_choices(out, param);
  add_field(out, "unit", param->unit);
  add_field(out, "help", param->help);
  cm__text_add(out, "}");
}

static void add_port(CmTextBuffer *out, const CmPort *port) {
  cm__text_addf(out, "{\"name\":\"%s\",\"kind\":\"%s\",\"optional\":%s", port->name, cm_kind_name(port->kind),
                port->optional ? "true" : "false");
  if (port->kind == CM_KIND_IMAGE || port->kind == CM_KIND_LABELS) {
    uint32_t types = port->types ? port->types : CM_REAL_TYPES;
    if (port->kind == CM_KIND_LABELS) types &= CM_INTEGER_TYPES;
    cm__text_add(out, ",\"types\":[");
    const char *comma = "";
    for (int i = 0; i < CM_TYPE_COUNT; i++) {
      if (!(types & CM_TYPE_BIT(i))) continue;
      cm__text_addf(out, "%s\"%s\"", comma, cm_type_name((CmType)i));
      comma = ",";
    }
    cm__text_addf(out, "],\"components\":%s,\"own_grid\":%s", port->components ? "true" : "false",
                  port->own_grid ? "true" : "false");
  }
  add_field(out, "help", port->help);
  cm__text_add(out, "}");
}

static void add_ports(CmTextBuffer *out, const char *name, const CmPort *ports, int count) {
  cm__text_addf(out, ",\"%s\":[", name);
  for (int i = 0; i < count; i++) {
    if (i) cm__text_add(out, ",");
    add_port(out, &ports[i]);
  }
  cm__text_add(out, "]");
}

static void add_op(CmTextBuffer *out, const CmOp *op) {
  static const char *const geometry[] = {"keep", "change", "none"};
  cm__text_addf(out, "{\"name\":\"%s\"", op->name);
  add_field(out, "family", op->family);
  add_field(out, "since", op->since);
  add_field(out, "summary", op->summary);
  add_field(out, "details", op->details);
  add_ports(out, "inputs", op->inputs, op->input_count);
  add_ports(out, "outputs", op->outputs, op->output_count);
  cm__text_add(out, ",\"params\":[");
  for (int i = 0; i < op->param_count; i++) {
    if (i) cm__text_add(out, ",");
    add_param(out, &op->params[i]);
  }
  cm__text_addf(out, "],\"geometry\":\"%s\",\"tolerance\":", geometry[op->geometry]);
  cm__text_add_real(out, op->tolerance);
  add_field(out, "cite", op->cite);
  add_field(out, "examples", op->examples);
  cm__text_add(out, "}");
}

char *cm_ops_to_json(CmContext *ctx, const CmOp *op, CmError **err) {
  CmTextBuffer out;
  cm__text_start(&out, ctx, err);
  if (op) {
    add_op(&out, op);
  } else {
    cm__text_add(&out, "[");
    for (int i = 0; i < cm_op_count(); i++) {
      if (i) cm__text_add(&out, ",\n");
      add_op(&out, cm_op_at(i));
    }
    cm__text_add(&out, "]");
  }
  cm__text_add(&out, "\n");
  return cm__text_finish(&out);
}
