/* Options and positional arguments of a command line. */
#include <string.h>

#include "cli/cli.h"

static bool take_option(int argc, char **argv, int *at, const CmCliWords *words, CmError **err) {
  const char *word = strcmp(argv[*at], "-o") == 0 ? "--output" : argv[*at];
  char name[128];
  const char *value = strchr(word, '=');
  size_t length = value ? (size_t)(value - word - 2) : strlen(word + 2);
  if (word[1] != '-' || !length || length >= sizeof name) {
    cm_error_set(err, CM_ERR_USAGE, "«%s» is not an option; options begin with two dashes", word);
    return false;
  }
  memcpy(name, word + 2, length);
  name[length] = 0;
  for (char *c = name; *c; c++)
    if (*c == '-') *c = '_'; /* --min-size and --min_size are the same */
  if (value) return words->set(words->user, name, value + 1, err);
  if (words->is_flag(words->user, name)) return words->set(words->user, name, NULL, err);
  if (*at + 1 >= argc) {
    cm_error_set(err, CM_ERR_USAGE, "option «%s» needs a value", word);
    return false;
  }
  return words->set(words->user, name, argv[++*at], err);
}

int cm__cli_split(int argc, char **argv, const CmCliWords *words, CmError **err) {
  int count = 0;
  bool only_arguments = false;
  for (int i = 0; i < argc; i++) {
    if (!only_arguments && strcmp(argv[i], "--") == 0) {
      only_arguments = true;
    } else if (only_arguments || argv[i][0] != '-' || !argv[i][1]) {
      argv[count++] = argv[i];
    } else if (!take_option(argc, argv, &i, words, err)) {
      return -1;
    }
  }
  return count;
}
