/* cormack models [NAME]: the kinds of model, as a list, as help, as JSON; and prepare, tune, recalibrate, validate and
 * explain. */
#include <string.h>

#include "cli/cli.h"
#include "cormack/pixels.h"

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

/* What is not a kind and has parameters too. */
typedef struct LearnPart {
  const CmOp *about;
  const char *usage;
} LearnPart;

static bool find_part(const char *name, LearnPart *found) {
  const LearnPart parts[] = {
      {cm_prepare_about(), "cormack train|validate TABLE.csv MODEL... \"prepare [param=value]\" [--option value]"},
      {cm_validate_about(), "cormack validate TABLE.csv MODEL... \"validate [param=value]\" [--option value]"},
      {cm_tune_about(),
       "cormack train|validate TABLE.csv \"MODEL param=A|B|C\"... \"tune [param=value]\" [--option value]"},
      {cm_recalibrate_about(),
       "cormack train|validate TABLE.csv MODEL... \"recalibrate method=logistic\" [--option value]"},
      {cm_pixel_about(), "cormack pixel-train IMAGE LABELS... [--option value]"},
      {cm_explain_about(), "cormack explain MODEL TABLE.csv \"[param=value]\" [--option value]"}};
  for (int i = 0; i < CM_COUNT(parts); i++) {
    if (strcmp(parts[i].about->name, name)) continue;
    *found = parts[i];
    return true;
  }
  return false;
}

static bool print_part(CmCli *cli, const LearnPart *part, CmError **err) {
  if (!cli->json) {
    cm__cli_help_kind(stdout, part->usage, part->about);
    return true;
  }
  char *text = cm_ops_to_json(cli->ctx, part->about, err);
  if (text) printf("%s\n", text);
  cm_free(text);
  return text != NULL;
}

static bool print_kind(CmCli *cli, const CmModelKind *kind, CmError **err) {
  char *usage =
      cm_sprintf(cli->ctx, err, "cormack train TABLE.csv \"%s [param=value]\" [--option value]", kind->about.name);
  if (!usage) return false;
  cm__cli_help_kind(stdout, usage, &kind->about);
  cm_free(usage);
  printf("\nTasks: ");
  print_tasks(kind, "");
  printf("\n");
  return true;
}

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)options;
  LearnPart part;
  if (argc && find_part(argv[0], &part)) return print_part(cli, &part, err);
  const CmModelKind *kind = argc ? cm_model_kind_get(argv[0], err) : NULL;
  if (argc && !kind) return false;
  if (cli->json) return kind ? print_json(cli, kind, err) : print_list_json(cli, err);
  if (kind) return print_kind(cli, kind, err);
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
    .details =
        "With --json the whole list: tasks, parameters, ranges, defaults, citations. «cormack models prepare»,\n"
        "«cormack models validate» and «cormack models explain» list the parameters of these.",
    .max_args = 1,
    .run = run,
};
