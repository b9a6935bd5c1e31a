/* cormack run STUDY.yaml -o OUT: the whole job. */
#include <jansson.h>
#include <string.h>

#include "cli/study.h"

typedef struct RunOptions {
  CmText output;
  bool resume, fresh, plan;
} RunOptions;

static const CmParam options_of_run[] = {
    CM_PARAM_TEXT(RunOptions, output, "", "folder for the outputs; an empty or new one, or an earlier run's (-o)"),
    CM_PARAM_BOOL(RunOptions, resume, "false",
                  "carry on where an earlier run was stopped or killed; a plain run does so too"),
    CM_PARAM_BOOL(RunOptions, fresh, "false", "forget what earlier runs have kept, and do everything again"),
    CM_PARAM_BOOL(RunOptions, plan, "false", "check the study, say what would be done, and do nothing"),
};

static void print_problems(const CmCli *cli, const CmStudy *study, const char *path) {
  if (!cli->json) {
    for (int i = 0; i < cm_study_problem_count(study); i++) {
      const CmStudyProblem *problem = cm_study_problem_at(study, i);
      if (problem->line)
        fprintf(stderr, "%s:%d:%d: %s\n", path, problem->line, problem->column, problem->text);
      else
        fprintf(stderr, "%s: %s\n", path, problem->text);
    }
    return;
  }
  json_t *list = json_array();
  for (int i = 0; i < cm_study_problem_count(study); i++) {
    const CmStudyProblem *problem = cm_study_problem_at(study, i);
    json_array_append_new(
        list, json_pack("{s:i,s:i,s:s}", "line", problem->line, "column", problem->column, "text", problem->text));
  }
  json_t *whole = json_pack("{s:s,s:o}", "study", cm_study_name(study), "problems", list);
  json_dumpf(whole, stdout, 0);
  putchar('\n');
  json_decref(whole);
}

static void print_outcome(const CmCli *cli, const char *out, const CmStudyOutcome *o) {
  if (cli->json) {
    printf(
        "{\"subjects\": %lld, \"images\": %lld, \"steps_run\": %lld, \"steps_kept\": %lld, \"steps_failed\": %lld, "
        "\"quarantined\": %lld, "
        "\"seconds\": %.3f}\n",
        (long long)o->subjects, (long long)o->images, (long long)o->steps_run, (long long)o->steps_kept,
        (long long)o->steps_failed, (long long)o->quarantined, o->seconds);
    return;
  }
  if (cli->quiet) return;
  printf("%lld subjects, %lld images: %lld steps done, %lld kept from before, %.1f s\n", (long long)o->subjects,
         (long long)o->images, (long long)o->steps_run, (long long)o->steps_kept, o->seconds);
  if (o->quarantined)
    printf("%lld in quarantine, %lld steps not done: %s/quarantine.csv\n", (long long)o->quarantined,
           (long long)o->steps_failed, out);
}

bool cm__cli_check_study(const CmCli *cli, const CmStudy *study, const char *path, CmError **err) {
  int problems = cm_study_problem_count(study);
  if (!problems) return true;
  print_problems(cli, study, path);
  cm_error_set(err, CM_ERR_USAGE, "%s: %d problem%s; nothing was run", path, problems, problems == 1 ? "" : "s");
  return false;
}

bool cm__cli_run_study(CmCli *cli, const CmStudy *study, const CmStudyOptions *options, CmError **err) {
  CmStudyOutcome outcome;
  bool good = cm_study_run(cli->ctx, study, options, &outcome, err);
  cli->quarantined = outcome.quarantined;
  if (good) print_outcome(cli, options->out, &outcome);
  return good;
}

static bool show_plan(CmCli *cli, const CmStudy *study, const CmStudyOptions *options, CmError **err) {
  char *text = cm_study_plan(cli->ctx, study, options, cli->json, err);
  if (text) fputs(text, stdout);
  cm_free(text);
  return text != NULL;
}

static bool run_study(CmCli *cli, const RunOptions *asked, const CmStudy *study, const char *path, CmError **err) {
  CmStudyOptions options;
  if (!cm__cli_check_study(cli, study, path, err)) return false;
  cm_study_default_options(&options);
  options.out = asked->output.value;
  options.resume = asked->resume;
  options.fresh = asked->fresh;
  if (asked->plan) return show_plan(cli, study, &options, err);
  if (!*options.out) {
    cm_error_set(err, CM_ERR_USAGE, "no folder for the outputs is given; the form is «cormack run STUDY.yaml -o OUT»");
    return false;
  }
  return cm__cli_run_study(cli, study, &options, err);
}

static bool run(CmCli *cli, const void *values, int argc, char **argv, CmError **err) {
  (void)argc;
  CmStudy *study = cm_study_open(cli->ctx, argv[0], err);
  if (!study) return false;
  bool good = run_study(cli, values, study, argv[0], err);
  cm_study_free(&study);
  return good;
}

CM_COMMAND(run) = {
    .name = "run",
    .arguments = "STUDY.yaml -o OUT",
    .summary = "Run a study: from folders of images to tables, models and a report.",
    .details =
        "The study file is checked whole before anything runs. What a step has made is kept in OUT/.cormack, so that a "
        "second run does\n"
        "only what has changed, and one that was killed carries on. A file that is broken goes to OUT/quarantine.csv "
        "with its reason and\n"
        "the rest is done; the exit code is then 1. docs/study-files.md describes the file.\n"
        "  cormack run study.yaml --plan\n"
        "  cormack run study.yaml -o results --threads 8",
    CM_COMMAND_OPTIONS(RunOptions, options_of_run),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
