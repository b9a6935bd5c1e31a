/* Words of a command that measures: its own options, a parameter file, and the parameters of the operation radiomics
 * (or of radiomics_map, where the command has an option mode=voxel). */
#include <string.h>

#include "cli/radiomics.h"
#include "study/params_file.h"

enum { TYPED_MOST = 128 };
/* A parameter of the operation as it was typed: it counts more than the file. */
typedef struct Typed {
  CmRadiomicsCall *call;
  char names[TYPED_MOST][64];
  const char *values[TYPED_MOST];
  int count;
} Typed;

static const char *const ops[] = {"radiomics", "radiomics_map"}; /* by the command's option mode */

static bool is_flag(void *user, const char *name) {
  const CmRadiomicsCall *call = ((Typed *)user)->call;
  const CmParam *param = cm_op_find_param(call->own, name);
  for (int k = 0; !param && k < CM_COUNT(ops); k++) param = cm_op_find_param(cm_op_find(ops[k]), name);
  return param && param->type == CM_BOOL;
}

static bool set_option(void *user, const char *name, const char *value, CmError **err) {
  Typed *typed = user;
  const CmRadiomicsCall *call = typed->call;
  if (cm_op_find_param(call->own, name))
    return cm_params_set(call->own, call->options, name, value ? value : "true", err);
  if (typed->count == TYPED_MOST) {
    cm_error_set(err, CM_ERR_USAGE, "more than %d parameters are given", TYPED_MOST);
    return false;
  }
  snprintf(typed->names[typed->count], sizeof typed->names[0], "%s", name);
  typed->values[typed->count++] = value ? value : "true";
  return true;
}

/* Several problems are printed on stderr, one a line. */
static bool report(CmCli *cli, const CmProblems *problems, const char *path, CmError **err) {
  if (problems->count == 0) return true;
  const CmProblemEntry *first = &problems->entries[0];
  if (problems->count == 1) {
    cm_error_set(err, CM_ERR_USAGE, "%s:%d:%d: %s", path, first->line, first->column, first->text);
    return false;
  }
  for (int i = 0; i < problems->count && !cli->json; i++)
    fprintf(stderr, "%s:%d:%d: %s\n", path, problems->entries[i].line, problems->entries[i].column,
            problems->entries[i].text);
  cm_error_set(err, CM_ERR_USAGE, "%s: %d problems, the first in line %d: %s", path, problems->count, first->line,
               first->text);
  return false;
}

static bool read_file(const CmRadiomicsCall *call, const char *path, CmParamsFile *found, CmError **err) {
  CmArena arena = {.ctx = call->cli->ctx};
  CmProblems problems = {.arena = &arena};
  bool good = cm__params_file(&problems, call->op, path, call->params, found, err);
  if (good && problems.failure) {
    cm_error_move(err, &problems.failure);
    good = false;
  }
  good = good && report(call->cli, &problems, path, err);
  cm_error_free(&problems.failure);
  cm__arena_free(&arena);
  return good;
}

static bool set_typed(CmRadiomicsCall *call, const char *name, const char *value, CmError **err) {
  const bool of_maps = strcmp(name, "convention") == 0 && !cm_op_find_param(call->op, name);
  if (!of_maps) return cm_params_set(call->op, call->params, name, value, err);
  if (strcmp(value, "pyradiomics") == 0) return true;
  cm_error_set(err, CM_ERR_USAGE,
               "maps have PyRadiomics' names and definitions alone, not those of «%s»; leave --convention "
               "or --mode voxel away",
               value);
  return false;
}

/* The file, then what was typed. */
static bool read_params(const Typed *typed, CmError **err) {
  CmRadiomicsCall *call = typed->call;
  CmParamsFile file = {0};
  const CmText *path = (const void *)((const char *)call->options + cm_op_find_param(call->own, "params")->offset);
  if (*path->value && !read_file(call, path->value, &file, err)) return false;
  call->label_named = file.label;
  for (int k = 0; k < typed->count; k++) {
    if (!set_typed(call, typed->names[k], typed->values[k], err)) return false;
    call->label_named |= strcmp(typed->names[k], "label") == 0;
  }
  return true;
}

static bool choose_op(CmRadiomicsCall *call, CmError **err) {
  const CmParam *mode = cm_op_find_param(call->own, "mode");
  const int32_t which = mode ? *(const int32_t *)(const void *)((const char *)call->options + mode->offset) : 0;
  call->op = cm_op_get(ops[which], err);
  call->params = call->op ? cm_params_create(call->cli->ctx, call->op, err) : NULL;
  return call->params != NULL;
}

int cm__radiomics_call(CmRadiomicsCall *call, CmCli *cli, const CmOp *own, int argc, char **argv, CmError **err) {
  *call = (CmRadiomicsCall){.cli = cli, .own = own, .options = cm_params_create(cli->ctx, own, err)};
  Typed *typed = call->options ? cm_calloc(cli->ctx, 1, sizeof *typed, err) : NULL;
  int count = -1;
  if (typed) {
    typed->call = call;
    const CmCliWords words = {is_flag, set_option, typed};
    count = cm__cli_split(argc, argv, &words, err);
    if (count >= 0 && (!choose_op(call, err) || !read_params(typed, err))) count = -1;
  }
  cm_free(typed);
  return count;
}

void cm__radiomics_call_free(CmRadiomicsCall *call) {
  cm_free(call->options);
  cm_free(call->params);
}
