/* cormack apply IN OUT "median radius=2" ...: a chain of operations, nothing written in between. */
#include <string.h>

#include "cli/cli.h"

/* One link: "name param=value ..." applied to *value, which is replaced by the first output. */
static bool apply_one(CmCli *cli, const char *words, CmValue *value, CmError **err) {
  char name[64];
  size_t length = strcspn(words, " \t");
  snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), words);
  const CmOp *op = cm_op_get(name, err);
  if (!op) return false;
  CmValue in[CM_MAX_PORTS] = {*value}, out[CM_MAX_PORTS] = {{0}};
  bool wanted[CM_MAX_PORTS] = {false};
  for (int i = 0; i < op->output_count; i++) wanted[i] = !op->outputs[i].optional;
  void *params = cm_params_create(cli->ctx, op, err);
  bool good = params && cm_params_set_words(cli->ctx, op, params, words + length, err) &&
              cm_op_run(cli->ctx, op, params, in, out, wanted, err);
  cm_free(params);
  if (!good) return false;
  cm_value_unref(value);
  *value = out[0];
  for (int i = 1; i < op->output_count; i++) cm_value_unref(&out[i]);
  return true;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)options;
  CmValue value;
  if (!cm__cli_read(cli, CM_KIND_IMAGE, argv[0], &value, err)) return false;
  bool good = true;
  for (int i = 2; good && i < argc; i++) {
    good = apply_one(cli, argv[i], &value, err);
    if (!good) cm_error_context(err, "%s: link %d", argv[0], i - 1);
  }
  if (good) good = cm__cli_write(cli, &value, argv[1], err);
  cm_value_unref(&value);
  return good;
}

CM_COMMAND(apply) = {
    .name = "apply",
    .arguments = "IN OUT \"OPERATION param=value\"...",
    .summary = "Run a chain of operations with nothing written in between.",
    .details =
        "Each link takes the first output of the one before it. Example:\n"
        "  cormack apply ct.nii.gz lungs.nii.gz \"median radius=1\" lungs",
    .min_args = 3,
    .max_args = 256,
    .run = run,
};
