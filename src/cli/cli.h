/* How a command of the program is declared. One file per command in src/cli/, found by scanning for CM_COMMAND(name):
 *
 *   typedef struct { bool suv; CmText select; } ConvertOptions;
 *   static const CmParam options[] = {CM_PARAM_BOOL(ConvertOptions, suv, "false", "convert PET to SUV by body weight"),
 * ...}; static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) { ... }
 *   CM_COMMAND(convert) = {.name = "convert", .arguments = "IN OUT", .summary = "...",
 * CM_COMMAND_OPTIONS(ConvertOptions, options), .min_args = 2, .max_args = 2, .run = run};
 *
 * Options are parsed by the parser of operations: --suv, --select=1.2.3 or --select 1.2.3; «-o» is short for --output.
 * A bool takes no value. --threads, --memory, --quiet, --json and --help belong to every command and are handled before
 * `run`. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "cormack/op.h"

typedef struct CmCli {
  CmContext *ctx;
  bool json;           /* --json: print one JSON document on stdout and nothing else */
  bool quiet;          /* --quiet: no progress, no notes */
  int64_t quarantined; /* set by the command: inputs put aside; the exit code is then 1 */
} CmCli;

typedef struct CmCommand {
  const char *name;
  const char *arguments; /* "IN OUT", as shown in the usage line */
  const char *summary;   /* one sentence with full stop */
  const char *details;   /* what a newcomer must know, with examples; may be NULL */
  const CmParam *options;
  int option_count;
  size_t options_size;
  int min_args, max_args; /* of positional arguments */
  bool own_words;         /* run gets all words as they are typed, and splits them itself; options may be NULL then */
  /* Prints results on stdout. false with *err: one line on stderr, exit code by the error. */
  bool (*run)(CmCli *cli, const void *options, int argc, char **argv, CmError **err);
} CmCommand;

#define CM_COMMAND(command) const CmCommand cm__command_##command
#define CM_COMMAND_OPTIONS(S, table) .options = table, .option_count = CM_COUNT(table), .options_size = sizeof(S)

extern const CmCommand *const cm__command_list[]; /* generated, sorted by name */
extern const int cm__command_list_count;

/* What a port of the given kind reads from and writes to files. "-" writes tables to stdout. */
bool cm__cli_read(CmCli *cli, CmKind kind, const char *path, CmValue *value, CmError **err);
bool cm__cli_write(CmCli *cli, const CmValue *value, const char *path, CmError **err);

/* help.c: what --help prints. */
void cm__cli_help_program(FILE *to);
void cm__cli_help_command(FILE *to, const CmCommand *command);
void cm__cli_help_op(FILE *to, const CmOp *op);
void cm__cli_help_kind(FILE *to, const char *usage, const CmOp *about); /* of model, or a part of learning */

/* run_op.c: cormack OPERATION IN... OUT... --param value */
bool cm__cli_run_op(CmCli *cli, const CmOp *op, int argc, char **argv, CmError **err);

/* options.c: splits words into options and positional arguments. `set` is called per option (value NULL for a flag that
 * is_flag names). */
typedef struct CmCliWords {
  bool (*is_flag)(void *user, const char *name); /* takes no value */
  bool (*set)(void *user, const char *name, const char *value, CmError **err);
  void *user;
} CmCliWords;
/* Positional arguments are moved to the front of argv; returns their number, -1 on failure. */
int cm__cli_split(int argc, char **argv, const CmCliWords *words, CmError **err);

/* progress.c: a bar with rate and time left on a terminal, plain lines elsewhere. */
typedef struct CmProgressBar {
  bool terminal, shown;
  double started, last;
  int64_t first_done, last_done;
  char what[64];
} CmProgressBar;
void cm__progress_start(CmProgressBar *bar);
void cm__progress_report(void *bar, const char *what, int64_t done, int64_t total);
/* Clears the line of the bar, so that other output starts on a line of its own. */
void cm__progress_clear(CmProgressBar *bar);

#endif
