/* cormack OPERATION IN [IN2...] OUT [OUT2...] --param value: required ports by position, optional ones by name. */
#include <string.h>

#include "cli/cli.h"

typedef struct OpCall {
  const CmOp *op;
  void *params;
  const char *in_path[CM_MAX_PORTS], *out_path[CM_MAX_PORTS];
} OpCall;

static int find_port(const CmPort *ports, int count, const char *name) {
  for (int i = 0; i < count; i++)
    if (ports[i].optional && strcmp(ports[i].name, name) == 0) return i;
  return -1;
}

static bool is_flag(void *user, const char *name) {
  OpCall *call = user;
  const CmParam *param = cm_op_find_param(call->op, name);
  return param && param->type == CM_BOOL;
}

static bool set_option(void *user, const char *name, const char *value, CmError **err) {
  OpCall *call = user;
  int in = find_port(call->op->inputs, call->op->input_count, name);
  int out = find_port(call->op->outputs, call->op->output_count, name);
  if (in >= 0)
    call->in_path[in] = value;
  else if (out >= 0)
    call->out_path[out] = value;
  else
    return cm_params_set(call->op, call->params, name, value ? value : "true", err);
  return true;
}

static int count_required(const CmPort *ports, int count) {
  int required = 0;
  for (int i = 0; i < count; i++) required += !ports[i].optional;
  return required;
}

static void place(const CmPort *ports, int count, const char **paths, char ***argv) {
  for (int i = 0; i < count; i++)
    if (!ports[i].optional) paths[i] = *(*argv)++;
}

static bool place_arguments(OpCall *call, int argc, char **argv, CmError **err) {
  const CmOp *op = call->op;
  int needed = count_required(op->inputs, op->input_count) + count_required(op->outputs, op->output_count);
  if (argc != needed) {
    cm_error_set(err, CM_ERR_USAGE, "%s: %d files are given, %d are needed; see «cormack %s --help»", op->name, argc,
                 needed, op->name);
    return false;
  }
  place(op->inputs, op->input_count, call->in_path, &argv);
  place(op->outputs, op->output_count, call->out_path, &argv);
  return true;
}

static bool read_inputs(CmCli *cli, const OpCall *call, CmValue *in, CmError **err) {
  for (int i = 0; i < call->op->input_count; i++)
    if (call->in_path[i] && !cm__cli_read(cli, call->op->inputs[i].kind, call->in_path[i], &in[i], err)) return false;
  return true;
}

static bool run_and_write(CmCli *cli, const OpCall *call, CmError **err) {
  const CmOp *op = call->op;
  CmValue in[CM_MAX_PORTS] = {{0}}, out[CM_MAX_PORTS] = {{0}};
  bool wanted[CM_MAX_PORTS] = {false};
  for (int i = 0; i < op->output_count; i++) wanted[i] = call->out_path[i] != NULL;
  bool good = read_inputs(cli, call, in, err);
  if (good && !cm_op_run(cli->ctx, op, call->params, in, out, wanted, err)) {
    good = false;
    if (call->in_path[0]) cm_error_context(err, "%s", call->in_path[0]);
  }
  for (int i = 0; i < op->input_count; i++) cm_value_unref(&in[i]);
  for (int i = 0; i < op->output_count; i++) {
    if (good && wanted[i]) good = cm__cli_write(cli, &out[i], call->out_path[i], err);
    cm_value_unref(&out[i]);
  }
  return good;
}

bool cm__cli_run_op(CmCli *cli, const CmOp *op, int argc, char **argv, CmError **err) {
  OpCall call = {.op = op, .params = cm_params_create(cli->ctx, op, err)};
  if (!call.params) return false;
  const CmCliWords words = {is_flag, set_option, &call};
  int count = cm__cli_split(argc, argv, &words, err);
  bool good = count >= 0 && place_arguments(&call, count, argv, err) && run_and_write(cli, &call, err);
  cm_free(call.params);
  return good;
}
