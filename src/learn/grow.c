#include "learn/grow.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

/* ---- the library ----------------------------------------------------------------------------------------------------
 */

#define XGBOOST_FUNCTIONS(X)    \
  X(XGBRegisterLogCallback)     \
  X(XGBGetLastError)            \
  X(XGBSetGlobalConfig)         \
  X(XGDMatrixCreateFromMat_omp) \
  X(XGDMatrixSetFloatInfo)      \
  X(XGDMatrixFree)              \
  X(XGBoosterCreate) X(XGBoosterFree) X(XGBoosterSetParam) X(XGBoosterUpdateOneIter) X(XGBoosterSaveModelToBuffer)

typedef struct Library {
  void *handle;
#define XGBOOST_POINTER(name) __typeof__(&name) name;
  XGBOOST_FUNCTIONS(XGBOOST_POINTER)
#undef XGBOOST_POINTER
  char missing[200];
} Library;

static Library library; /* written once, under library_once */
static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void say_nothing(const char *text) {
  (void)text;
}

static void load_library(void) {
  library.handle = dlopen("libxgboost.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library.handle) library.handle = dlopen("libxgboost.so", RTLD_NOW | RTLD_LOCAL);
  if (!library.handle) {
    snprintf(library.missing, sizeof library.missing, "libxgboost cannot be loaded; install it (Debian: libxgboost0)");
    return;
  }
#define XGBOOST_LOOK_UP(name)                               \
  *(void **)(&library.name) = dlsym(library.handle, #name); \
  if (!library.name)                                        \
    snprintf(library.missing, sizeof library.missing, "libxgboost has no %s; install version 1.7", #name);
  XGBOOST_FUNCTIONS(XGBOOST_LOOK_UP)
#undef XGBOOST_LOOK_UP
  if (!library.missing[0]) library.XGBRegisterLogCallback(say_nothing);
}

static const Library *get_library(CmError **err) {
  pthread_once(&library_once, load_library);
  if (!library.missing[0]) return &library;
  cm_error_set(err, CM_ERR_UNSUPPORTED, "%s", library.missing);
  return NULL;
}

static bool called(const Library *xgboost, int result, CmError **err) {
  if (result == 0) return true;
  const char *text = xgboost->XGBGetLastError();
  size_t size = strcspn(text, "\n");
  cm_error_set(err, CM_ERR_DATA, "XGBoost: %.*s; check the table and the parameters", (int)(size < 300 ? size : 300),
               text);
  return false;
}

/* ---- settings -------------------------------------------------------------------------------------------------------
 */

CmGrowSetting cm__grow_text(const char *name, const char *value) {
  CmGrowSetting setting = {.name = name};
  snprintf(setting.value, sizeof setting.value, "%s", value);
  return setting;
}

CmGrowSetting cm__grow_real(const char *name, double value) {
  char text[32];
  return cm__grow_text(name, cm_real_text(value, text));
}

CmGrowSetting cm__grow_int(const char *name, int64_t value) {
  CmGrowSetting setting = {.name = name};
  snprintf(setting.value, sizeof setting.value, "%lld", (long long)value);
  return setting;
}

float *cm__grow_balance(CmArena *scratch, const CmTraining *training, CmError **err) {
  float *weight = CM__NEW(scratch, float, training->rows, err);
  const double *balance = weight ? cm__balance(scratch, training, err) : NULL;
  for (int64_t i = 0; balance && i < training->rows; i++) weight[i] = (float)balance[training->y[i]];
  return balance ? weight : NULL;
}

/* ---- trees out of XGBoost's JSON ------------------------------------------------------------------------------------
 */

typedef struct Source {
  const json_t *left, *right, *feature, *missing, *number, *cover, *gain;
} Source;

static int item(const json_t *array, int at) {
  const json_t *value = json_array_get(array, (size_t)at);
  return json_is_boolean(value) ? json_is_true(value) : (int)json_integer_value(value);
}
static float number(const json_t *array, int at) {
  return (float)json_number_value(json_array_get(array, (size_t)at));
}

static int count_nodes(const Source *from, int node, int depth) {
  if (node < 0 || node >= (int)json_array_size(from->left) || depth > CM__DEEPEST_TREE) return -1;
  if (item(from->left, node) < 0) return 1;
  int left = count_nodes(from, item(from->left, node), depth + 1),
      right = count_nodes(from, item(from->right, node), depth + 1);
  return left < 0 || right < 0 ? -1 : 1 + left + right;
}

/* Copies the subtree in preorder. */
static void copy_nodes(const Source *from, int node, CmTree *tree, int *next) {
  int at = (*next)++;
  float cover = number(from->cover, node);
  tree->cover[at] = cover > 0 ? cover : 1e-16f; /* sums of hessians may round to zero */
  tree->number[at] = number(from->number, node);
  tree->feature[at] = -1;
  if (item(from->left, node) < 0) return;
  tree->feature[at] = item(from->feature, node);
  tree->missing[at] = item(from->missing, node);
  tree->gain[at] = number(from->gain, node);
  copy_nodes(from, item(from->left, node), tree, next);
  tree->right[at] = *next;
  copy_nodes(from, item(from->right, node), tree, next);
}

static bool take_tree(CmArena *hold, const json_t *json, CmTree *tree, CmError **err) {
  Source from = {json_object_get(json, "left_children"),    json_object_get(json, "right_children"),
                 json_object_get(json, "split_indices"),    json_object_get(json, "default_left"),
                 json_object_get(json, "split_conditions"), json_object_get(json, "sum_hessian"),
                 json_object_get(json, "loss_changes")};
  int nodes = from.left && from.right && from.feature && from.missing && from.number && from.cover && from.gain
                  ? count_nodes(&from, 0, 0)
                  : -1;
  if (nodes < 1) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "XGBoost's trees are not as version 1.7 writes them; install that version");
    return false;
  }
  int next = 0;
  if (!cm__tree_create(hold, nodes, tree, err)) return false;
  copy_nodes(&from, 0, tree, &next);
  return true;
}

static bool take_trees(CmArena *hold, const char *text, size_t size, const CmGrow *grow, CmTrees *trees,
                       CmError **err) {
  json_t *root = json_loadb(text, size, 0, NULL);
  const json_t *learner = json_object_get(root, "learner");
  const json_t *list = json_object_get(json_object_get(json_object_get(learner, "gradient_booster"), "model"), "trees");
  const char *base = json_string_value(json_object_get(json_object_get(learner, "learner_model_param"), "base_score"));
  bool ok = false;
  double score;
  if (!json_is_array(list) || !base || !cm__parse_real(base, &score)) {
    cm_error_set(err, CM_ERR_UNSUPPORTED, "XGBoost's model is not as version 1.7 writes it; install that version");
    goto done;
  }
  trees->count = (int)json_array_size(list);
  trees->outputs = grow->outputs;
  trees->width = grow->width;
  trees->base = (float)score;
  trees->tree = CM__NEW(hold, CmTree, trees->count, err);
  ok = trees->tree != NULL;
  for (int t = 0; ok && t < trees->count; t++) {
    ok = take_tree(hold, json_array_get(list, (size_t)t), &trees->tree[t], err);
    trees->tree[t].output = t % grow->outputs;
  }
  ok = ok && cm__trees_ready(hold, trees, err);
done:
  json_decref(root);
  return ok;
}

/* ---- growing --------------------------------------------------------------------------------------------------------
 */

static bool make_matrix(const Library *xgboost, CmContext *ctx, const CmTraining *training, const CmGrow *grow,
                        DMatrixHandle *matrix, CmError **err) {
  size_t cells;
  if (!cm_size_multiply((size_t)training->rows, (size_t)training->features, &cells, err)) return false;
  float *x = cm_alloc_array(ctx, cells, sizeof *x, err);
  if (!x) return false;
  for (size_t i = 0; i < cells; i++) x[i] = (float)training->x[i];
  bst_ulong rows = (bst_ulong)training->rows;
  bool ok =
      called(xgboost, xgboost->XGDMatrixCreateFromMat_omp(x, rows, (bst_ulong)training->features, NAN, matrix, 1),
             err) &&
      called(xgboost, xgboost->XGDMatrixSetFloatInfo(*matrix, "label", grow->target, rows), err) &&
      (!grow->weight || called(xgboost, xgboost->XGDMatrixSetFloatInfo(*matrix, "weight", grow->weight, rows), err));
  cm_free(x);
  return ok;
}

static bool configure(const Library *xgboost, BoosterHandle booster, const CmGrow *grow, CmError **err) {
  static const char *const fixed[][2] = {
      {"booster", "gbtree"}, {"nthread", "1"}, {"verbosity", "0"}, {"validate_parameters", "0"}};
  for (int i = 0; i < CM_COUNT(fixed); i++)
    if (!called(xgboost, xgboost->XGBoosterSetParam(booster, fixed[i][0], fixed[i][1]), err)) return false;
  for (int i = 0; i < grow->setting_count; i++)
    if (!called(xgboost, xgboost->XGBoosterSetParam(booster, grow->settings[i].name, grow->settings[i].value), err))
      return false;
  return true;
}

bool cm__grow(CmArena *hold, const CmTraining *training, const CmGrow *grow, CmTrees *trees, CmError **err) {
  const Library *xgboost = get_library(err);
  if (!xgboost) return false;
  DMatrixHandle matrix = NULL;
  BoosterHandle booster = NULL;
  bool ok = false;
  if (!called(xgboost, xgboost->XGBSetGlobalConfig("{\"verbosity\": 0}"), err)) return false;
  if (!make_matrix(xgboost, hold->ctx, training, grow, &matrix, err)) goto done;
  if (!called(xgboost, xgboost->XGBoosterCreate(&matrix, 1, &booster), err) || !configure(xgboost, booster, grow, err))
    goto done;
  for (int round = 0; round < grow->rounds; round++) {
    if (cm_context_cancelled(hold->ctx, err)) goto done;
    if (!called(xgboost, xgboost->XGBoosterUpdateOneIter(booster, round, matrix), err)) goto done;
  }
  bst_ulong size;
  const char *text;
  if (!called(xgboost, xgboost->XGBoosterSaveModelToBuffer(booster, "{\"format\":\"json\"}", &size, &text), err))
    goto done;
  ok = take_trees(hold, text, (size_t)size, grow, trees, err);
done:
  if (booster) xgboost->XGBoosterFree(booster);
  if (matrix) xgboost->XGDMatrixFree(matrix);
  return ok;
}
