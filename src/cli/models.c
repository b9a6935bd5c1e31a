/* cormack models [NAME]: the kinds of model, as a list, as help, as JSON. */
#include <string.h>

#include "cli/cli.h"
#include "cormack/learn.h"

static void print_tasks(const CmModelKind *kind, const char *quote) {
  const char *comma = "";
  for (int t = 0; t < CM_LEARN_TASK_COUNT; t++) {
    if (!(kind->tasks & 1u << t)) continue;
    printf("%s%s%s%s", comma, quote, cm_learn_task_name((CmLearnTask)t), quote);
    comma = ",";
  }
}

static bool print_json(CmCli *cli, const CmModelKind *kind, CmError **err) {
  char *text = cm_ops_to_json(cli->ctx, &kind->about, err);
  if (!text) return false;
  printf("{\"tasks\":[");
  print_tasks(kind, "\"");
  printf("],\"takes_missing\":%s,\"takes_unlabelled\":%s,\"explains_rows\":%s,\"about\":%s}",
         kind->takes_missing ? "true" : "false", kind->takes_unlabelled ? "true" : "false",
         kind->explains_rows ? "true" : "false", text);
  cm_free(text);
  return true;
}

static bool print_list_json(CmCli *cli, CmError **err) {
  bool good = true;
  for (int i = 0; i < cm_model_kind_count() && good; i++) {
    printf(i ? "," : "[");
    good = print_json(cli, cm_model_kind_at(i), err);
  }
  printf("]\n");
  return good;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)options;
  const CmModelKind *kind = argc ? cm_model_kind_get(argv[0], err) : NULL;
  if (argc && !kind) return false;
  if (cli->json) return kind ? print_json(cli, kind, err) : print_list_json(cli, err);
  if (kind) {
    cm__cli_help_kind(stdout, &kind->about);
    printf("\nTasks: ");
    print_tasks(kind, "");
    printf("\n");
    return true;
  }
  for (int i = 0; i < cm_model_kind_count(); i++) {
    kind = cm_model_kind_at(i);
    printf("%-20s %s\n%-20s ", kind->about.name, kind->about.summary, "");
    print_tasks(kind, "");
    printf("\n");
  }
  return true;
}

CM_COMMAND(models) = {
    .name = "models",
    .arguments = "[NAME]",
    .summary = "List the kinds of model, or explain one.",
    .details = "With --json the whole list: tasks, parameters, ranges, defaults, citations.",
    .max_args = 1,
    .run = run,
};
