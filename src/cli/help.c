/* Help, made from the registry and the declarations of the commands. */
#include <string.h>

#include "cli/cli.h"

/* Text flows to the width of the page; an empty line parts paragraphs, a line that begins with a space stays as it is.
 */
static void print_wrapped(FILE *to, const char *text, int indent) {
  enum { WIDTH = 100 };
  int column = 0;
  while (*text) {
    if (*text == '\n') {
      text++;
      if (*text != '\n' && *text != ' ') continue; /* goes on in the same paragraph */
      fputs(column ? "\n" : "", to);
      column = 0;
      if (*text == '\n') fputc(*text++, to);
    } else if (*text == ' ' && !column) {
      size_t length = strcspn(text, "\n");
      fprintf(to, "%*s%.*s", indent, "", (int)length, text);
      text += length;
      column = WIDTH;
      if (text[0] == '\n' && text[1] && text[1] != ' ') column = 0, fputc('\n', to);
    } else if (*text == ' ') {
      text++;
    } else {
      size_t length = strcspn(text, " \n");
      if (!column)
        column = fprintf(to, "%*s", indent, "");
      else if (column + 1 + (int)length > WIDTH)
        column = fprintf(to, "\n%*s", indent, "") - 1;
      else
        column += fprintf(to, " ");
      column += fprintf(to, "%.*s", (int)length, text);
      text += length;
    }
  }
  if (column) fputc('\n', to);
}

static void print_range(FILE *to, const CmParam *param) {
  char low[32], high[32];
  const char *unit = param->unit && *param->unit && strcmp(param->unit, "1") ? param->unit : "";
  switch (param->type) {
    case CM_INT:
    case CM_REAL:
    case CM_INTS:
    case CM_REALS:
      fprintf(to, "%s to %s%s%s", cm_real_text(param->min, low), cm_real_text(param->max, high), *unit ? " " : "",
              unit);
      if (param->type == CM_INTS || param->type == CM_REALS)
        fprintf(to, ", %d to %d numbers", param->min_count, param->max_count);
      break;
    case CM_ENUM:
      for (const char *c = param->choices; *c; c++) {
        if (*c == '|')
          fputs(", ", to);
        else
          fputc(*c, to);
      }
      break;
    case CM_BOOL:
      fputs("true or false", to);
      break;
    case CM_TEXT:
      fputs("text", to);
      break;
  }
}

/* prefix: "--" for options, "" for words such as "C=2". */
static void print_params(FILE *to, const CmParam *params, int count, const char *prefix) {
  for (int i = 0; i < count; i++) {
    fprintf(to, "  %s%s", prefix, params[i].name);
    if (params[i].type != CM_BOOL || !*prefix)
      fprintf(to, "%s%s", *prefix ? " " : "=", *params[i].initial ? params[i].initial : "...");
    fputc('\n', to);
    print_wrapped(to, params[i].help, 6);
    fputs("      (", to);
    print_range(to, &params[i]);
    fprintf(to, "; default %s)\n", *params[i].initial ? params[i].initial : "none");
  }
}

static const char *const common_options =
    "  --threads N     threads to use; 0, the default: all processors\n"
    "  --memory 8G     ceiling for memory in bytes, K, M or G; 0, the default: none\n"
    "  --quiet         no progress and no notes\n"
    "  --json          machine-readable output where something is reported\n"
    "  --help          this text\n";

/* Operations grouped by family, families in alphabetical order; the registry is sorted by name. */
static void print_op_names(FILE *to) {
  const char *last = "";
  for (;;) {
    const char *family = NULL;
    for (int i = 0; i < cm_op_count(); i++) {
      const char *f = cm_op_at(i)->family;
      if (strcmp(f, last) > 0 && (!family || strcmp(f, family) < 0)) family = f;
    }
    if (!family) return;
    int column = fprintf(to, "  %-12s", family);
    for (int i = 0; i < cm_op_count(); i++) {
      if (strcmp(cm_op_at(i)->family, family)) continue;
      if (column > 90) column = fprintf(to, "\n  %-12s", "") - 1;
      column += fprintf(to, " %s", cm_op_at(i)->name);
    }
    fputc('\n', to);
    last = family;
  }
}

/* Calls `print` for each of a command's forms, which " | " keeps apart. */
static void each_form(FILE *to, const CmCommand *command, void (*print)(FILE *, const CmCommand *, const char *, int)) {
  const char *at = command->arguments;
  for (int form = 0; at; form++) {
    const char *end = strstr(at, " | ");
    char text[128];
    snprintf(text, sizeof text, "cormack %s %.*s", command->name, end ? (int)(end - at) : (int)strlen(at), at);
    print(to, command, text, form);
    at = end ? end + 3 : NULL;
  }
}

/* The summary stands behind the first form, at a column that letters of several bytes do not shift. */
static void print_listed(FILE *to, const CmCommand *command, const char *text, int form) {
  int width = 50;
  for (const char *at = text; *at; at++) width += ((unsigned char)*at & 0xc0) == 0x80;
  if (form)
    fprintf(to, "  %s\n", text);
  else
    fprintf(to, "  %-*s %s\n", width, text, command->summary);
}

static void print_usage_line(FILE *to, const CmCommand *command, const char *text, int form) {
  (void)form;
  fprintf(to, "%s%s\n", text, command->option_count ? " [--option value]" : "");
}

void cm__cli_help_program(FILE *to) {
  fputs("cormack " CM_VERSION
        ": medical images from the file to an explained, validated prediction\n\n"
        "  cormack OPERATION IN... OUT... [--param value]     any operation of the list below\n",
        to);
  for (int i = 0; i < cm__command_list_count; i++) each_form(to, cm__command_list[i], print_listed);
  fputs("\nOperations by family («cormack NAME --help» explains one):\n", to);
  print_op_names(to);
  fprintf(to, "\nOptions of every command:\n%s", common_options);
  fputs(
      "\nExit code: 0 done; 1 done, but some inputs were put into quarantine; 2 bad usage or input; 3 a fault of "
      "ours.\n",
      to);
}

void cm__cli_help_command(FILE *to, const CmCommand *command) {
  each_form(to, command, print_usage_line);
  fputc('\n', to);
  print_wrapped(to, command->summary, 0);
  if (command->details) {
    fputc('\n', to);
    print_wrapped(to, command->details, 0);
  }
  if (command->option_count) fputs("\nOptions:\n", to);
  print_params(to, command->options, command->option_count, "--");
  fprintf(to, "\nOptions of every command:\n%s", common_options);
}

static void print_ports(FILE *to, const char *title, const CmPort *ports, int count) {
  fprintf(to, "\n%s:\n", title);
  for (int i = 0; i < count; i++) {
    fprintf(to, ports[i].optional ? "  --%s FILE" : "  %s", ports[i].name);
    fprintf(to, " (%s%s)\n", cm_kind_name(ports[i].kind), ports[i].optional ? ", may be left out" : "");
    print_wrapped(to, ports[i].help, 6);
  }
}

static void print_usage(FILE *to, const CmOp *op) {
  fprintf(to, "cormack %s", op->name);
  for (int i = 0; i < op->input_count; i++)
    if (!op->inputs[i].optional) fprintf(to, " %s", op->inputs[i].name);
  for (int i = 0; i < op->output_count; i++)
    if (!op->outputs[i].optional) fprintf(to, " %s", op->outputs[i].name);
  fputs(" [--param value]\n\n", to);
}

static void print_text(FILE *to, const CmOp *op) {
  print_wrapped(to, op->summary, 0);
  if (!op->details) return;
  fputc('\n', to);
  print_wrapped(to, op->details, 0);
}

static void print_source(FILE *to, const CmOp *op) {
  if (!op->cite || !*op->cite) return;
  fputs("\nSource: ", to);
  print_wrapped(to, op->cite, 0);
}

/* Examples are pasted: each stays on its line. */
static void print_lines(FILE *to, const char *text, const char *indent) {
  for (const char *at = text; *at; at += strspn(at, "\n")) {
    const size_t length = strcspn(at, "\n");
    fprintf(to, "%s%.*s\n", indent, (int)length, at);
    at += length;
  }
}

void cm__cli_help_kind(FILE *to, const char *usage, const CmOp *about) {
  fprintf(to, "%s\n\n", usage);
  print_text(to, about);
  fputs("\nParameters:\n", to);
  print_params(to, about->params, about->param_count, "");
  print_source(to, about);
}

void cm__cli_help_op(FILE *to, const CmOp *op) {
  print_usage(to, op);
  print_text(to, op);
  print_ports(to, "In", op->inputs, op->input_count);
  print_ports(to, "Out", op->outputs, op->output_count);
  if (op->param_count) fputs("\nParameters:\n", to);
  print_params(to, op->params, op->param_count, "--");
  if (op->tolerance > 0)
    fprintf(to, "\nResults agree between machines within %g (relative).\n", op->tolerance);
  else
    fputs("\nResults are the same bits on every machine and with any number of threads.\n", to);
  print_source(to, op);
  if (op->examples && *op->examples) {
    fputs("\nExamples:\n", to);
    print_lines(to, op->examples, "  ");
  }
  fprintf(to, "\nOptions of every command:\n%s", common_options);
}
