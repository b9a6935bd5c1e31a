/* cormack draw MODEL -o TREE.svg: a decision tree as a picture, or as lines of text. */
#include <string.h>

#include "cli/cli.h"
#include "cormack/file.h"
#include "cormack/learn.h"

typedef struct DrawOptions {
  CmText output;
} DrawOptions;

static const CmParam option_table[] = {
    CM_PARAM_TEXT(DrawOptions, output, "-", "where the drawing goes: .svg, .txt, or - for text on standard output"),
};

static bool run(CmCli *cli, const void *options, int argc, char **argv, CmError **err) {
  (void)argc;
  const char *path = ((const DrawOptions *)options)->output.value;
  const char *end = strrchr(path, '.');
  bool svg = end && strcmp(end, ".svg") == 0, print = strcmp(path, "-") == 0;
  if (!svg && !print && (!end || strcmp(end, ".txt") != 0)) {
    cm_error_set(err, CM_ERR_USAGE, "«%s» is neither .svg nor .txt; name one of these", path);
    return false;
  }
  CmModel *model = cm_model_load(cli->ctx, argv[0], err);
  char *text = model ? cm_model_draw(cli->ctx, model, svg, err) : NULL;
  if (text && print) fputs(text, stdout);
  bool good = text && (print || cm_file_write(cli->ctx, path, text, strlen(text), err));
  cm_free(text);
  cm_model_unref(&model);
  return good;
}

CM_COMMAND(draw) = {
    .name = "draw",
    .arguments = "MODEL",
    .summary = "Draw a decision tree.",
    .details =
        "As a picture (.svg) or as lines of text. Example:\n"
        "  cormack train features.csv \"tree max_depth=3\" --target malignant -o tree.json\n"
        "  cormack draw tree.json -o tree.svg",
    CM_COMMAND_OPTIONS(DrawOptions, option_table),
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
