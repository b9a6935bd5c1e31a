/* cormack ops [NAME]: the registry, as a list, as help, as JSON. */
#include <string.h>

#include "cli/cli.h"

static bool print_json(CmCli *cli, const CmOp *op, CmError **err) {
  char *text = cm_ops_to_json(cli->ctx, op, err);
  if (text) fputs(text, stdout);
  cm_free(text);
  return text != NULL;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)options;
  const CmOp *op = argc ? cm_op_get(argv[0], err) : NULL;
  if (argc && !op) return false;
  if (cli->json) return print_json(cli, op, err);
  if (op) {
    cm__cli_help_op(stdout, op);
    return true;
  }
  for (int i = 0; i < cm_op_count(); i++)
    printf("%-24s %-12s %s\n", cm_op_at(i)->name, cm_op_at(i)->family, cm_op_at(i)->summary);
  return true;
}

CM_COMMAND(ops) = {
    .name = "ops",
    .arguments = "[NAME]",
    .summary = "List the operations, or explain one.",
    .details = "With --json the whole registry: names, parameters, ranges, defaults, units, citations.",
    .max_args = 1,
    .run = run,
};
