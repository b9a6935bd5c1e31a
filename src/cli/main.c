/* The program: finds the command or operation, sets the context up, turns errors into one line and an exit code. */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

typedef struct Program {
  CmCli cli;
  CmContextOptions context;
  CmProgressBar bar;
  bool help;
} Program;

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number) {
  if (interrupted) _Exit(128 + signal_number); /* asked twice */
  interrupted = 1;
}

static bool is_cancelled(void *user) {
  (void)user;
  return interrupted;
}

static void print_log(void *user, CmLogLevel level, const char *text) {
  Program *program = user;
  static const char *const names[] = {"error", "warning", "note", "debug"};
  if (level > CM_LOG_INFO || (program->cli.quiet && level > CM_LOG_WARNING)) return;
  cm__progress_clear(&program->bar);
  fprintf(stderr, "cormack: %s: %s\n", names[level], text);
}

static void report_progress(void *user, const char *what, int64_t done, int64_t total) {
  Program *program = user;
  cm__progress_report(&program->bar, what, done, total);
}

static bool parse_memory(const char *text, uint64_t *bytes, CmError **err) {
  char *end;
  double value = strtod(text, &end);
  const char *units = "KMGT", *unit = *end ? strchr(units, *end & ~0x20) : NULL;
  bool good = end != text && value >= 0 && value < 1e15 && (!*end || (unit && *unit && !end[1]));
  if (!good) {
    cm_error_set(err, CM_ERR_PARAMETER, "option «--memory» is «%s»; give bytes, or a number with K, M or G", text);
    return false;
  }
  for (const char *u = units; unit && u <= unit; u++) value *= 1024;
  *bytes = (uint64_t)value;
  return true;
}

static bool parse_threads(const char *text, int *threads, CmError **err) {
  char *end;
  long value = strtol(text, &end, 10);
  if (end == text || *end || value < 0 || value > 256) {
    cm_error_set(err, CM_ERR_PARAMETER, "option «--threads» is «%s»; give 1 to 256, or 0 for all processors", text);
    return false;
  }
  *threads = (int)value;
  return true;
}

/* Takes the options that belong to every command out of argv. */
static bool take_common(Program *program, int *argc, char **argv, CmError **err) {
  int kept = 0;
  for (int i = 0; i < *argc; i++) {
    char *word = argv[i];
    bool threads = strncmp(word, "--threads", 9) == 0 && (!word[9] || word[9] == '=');
    bool memory = strncmp(word, "--memory", 8) == 0 && (!word[8] || word[8] == '=');
    if (threads || memory) {
      const char *value = strchr(word, '=');
      value = value ? value + 1 : i + 1 < *argc ? argv[++i] : "";
      if (threads && !parse_threads(value, &program->context.threads, err)) return false;
      if (memory && !parse_memory(value, &program->context.memory_limit, err)) return false;
    } else if (strcmp(word, "--quiet") == 0) {
      program->cli.quiet = true;
    } else if (strcmp(word, "--json") == 0) {
      program->cli.json = true;
    } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
      program->help = true;
    } else {
      argv[kept++] = word;
    }
  }
  *argc = kept;
  return true;
}

/* ---- commands
 * -------------------------------------------------------------------------------------------------------- */

typedef struct CommandCall {
  const CmOp *options; /* the command's options in the shape that the parser knows */
  void *values;
} CommandCall;

static bool is_flag(void *user, const char *name) {
  const CmParam *param = cm_op_find_param(((CommandCall *)user)->options, name);
  return param && param->type == CM_BOOL;
}

static bool set_option(void *user, const char *name, const char *value, CmError **err) {
  CommandCall *call = user;
  return cm_params_set(call->options, call->values, name, value ? value : "true", err);
}

static bool run_command(CmCli *cli, const CmCommand *command, int argc, char **argv, CmError **err) {
  const CmOp options = {.name = command->name,
                        .params = command->options,
                        .param_count = command->option_count,
                        .params_size = command->options_size ? command->options_size : 1};
  CommandCall call = {&options, cm_params_create(cli->ctx, &options, err)};
  const CmCliWords words = {is_flag, set_option, &call};
  if (!call.values) return false;
  if (command->own_words) {
    cm_free(call.values);
    return command->run(cli, NULL, argc, argv, err);
  }
  int count = cm__cli_split(argc, argv, &words, err);
  bool good = count >= 0;
  if (good && (count < command->min_args || count > command->max_args)) {
    cm_error_set(err, CM_ERR_USAGE, "%d arguments are given; the form is «cormack %s %s»", count, command->name,
                 command->arguments);
    good = false;
  }
  good = good && command->run(cli, call.values, count, argv, err);
  cm_free(call.values);
  return good;
}

static const CmCommand *find_command(const char *name) {
  for (int i = 0; i < cm__command_list_count; i++)
    if (strcmp(cm__command_list[i]->name, name) == 0) return cm__command_list[i];
  return NULL;
}

static bool refuse_name(const char *name, CmError **err) {
  enum { MOST = 600 };
  const char *names[MOST] = {0};
  int count = 0;
  for (int i = 0; i < cm__command_list_count && count < MOST; i++) names[count++] = cm__command_list[i]->name;
  for (int i = 0; i < cm_op_count() && count < MOST; i++) names[count++] = cm_op_at(i)->name;
  const char *nearest = cm_nearest_name(name, names, count);
  if (nearest)
    cm_error_set(err, CM_ERR_USAGE, "there is no command or operation «%s»; did you mean «%s»?", name, nearest);
  else
    cm_error_set(err, CM_ERR_USAGE, "there is no command or operation «%s»; «cormack --help» lists them", name);
  return false;
}

static bool help_about(const char *name, CmError **err) {
  const CmCommand *command = name ? find_command(name) : NULL;
  const CmOp *op = name ? cm_op_find(name) : NULL;
  if (name && !command && !op) return refuse_name(name, err);
  if (!name) cm__cli_help_program(stdout);
  if (command) cm__cli_help_command(stdout, command);
  if (command && op) putchar('\n');
  if (op) cm__cli_help_op(stdout, op);
  return true;
}

static bool dispatch(Program *program, int argc, char **argv, CmError **err) {
  const char *name = argc ? argv[0] : NULL;
  if (name && strcmp(name, "help") == 0) return help_about(argc > 1 ? argv[1] : NULL, err);
  if (program->help || !name) return help_about(name, err);
  if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) return puts("cormack " CM_VERSION) >= 0;
  const CmCommand *command = find_command(name);
  const CmOp *op = command ? NULL : cm_op_find(name);
  if (!command && !op) return refuse_name(name, err);
  if (!program->cli.quiet) program->context.progress = report_progress;
  program->context.log = print_log;
  program->context.cancel = is_cancelled;
  program->context.user = program;
  program->cli.ctx = cm_context_create(&program->context, err);
  if (!program->cli.ctx) return false;
  bool good = command ? run_command(&program->cli, command, argc - 1, argv + 1, err)
                      : cm__cli_run_op(&program->cli, op, argc - 1, argv + 1, err);
  cm_context_destroy(&program->cli.ctx);
  return good;
}

int main(int argc, char **argv) {
  Program program = {0};
  CmError *err = NULL;
  cm_context_default_options(&program.context);
  cm__progress_start(&program.bar);
  const struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  argc--;
  argv++;
  bool good = take_common(&program, &argc, argv, &err) && dispatch(&program, argc, argv, &err);
  cm__progress_clear(&program.bar);
  if (fflush(stdout) && good) {
    cm_error_set(&err, CM_ERR_IO, "standard output: cannot be written");
    good = false;
  }
  int code = good ? (program.cli.quarantined ? 1 : 0) : cm_error_exit_code(err);
  if (!good) fprintf(stderr, "cormack: %s\n", cm_error_text(err));
  cm_error_free(&err);
  return code;
}
