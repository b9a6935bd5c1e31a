/* Parameter files of operations. PyRadiomics' kind: https://pyradiomics.readthedocs.io, «Customizing the extraction».
 */
#include "study/params_file.h"

#include <string.h>

#include "cormack/file.h"
#include "ops/radiomics/pyrad.h"

#define KNOWN_MOST 96

typedef struct Reader {
  CmProblems *problems;
  const CmOp *op;
  void *params;
} Reader;

/* «name» of a pyradiomics parameter that is a setting of its own, not a class or the list of image types. */
static bool is_setting(const CmParam *param) {
  return strcmp(param->name, "label") == 0 || (strncmp(param->help, "(pyradiomics)", 13) == 0 &&
                                               (param->type != CM_TEXT || strcmp(param->name, "sigma") == 0));
}

/* Numbers of SimpleITK's interpolators. */
static const char *interpolator_name(const CmYaml *node) {
  static const char *const names[] = {"sitkNearestNeighbor",
                                      "sitkLinear",
                                      "sitkBSpline",
                                      "sitkGaussian",
                                      "sitkLabelGaussian",
                                      "sitkHammingWindowedSinc",
                                      "sitkCosineWindowedSinc",
                                      "sitkWelchWindowedSinc",
                                      "sitkLanczosWindowedSinc",
                                      "sitkBlackmanWindowedSinc"};
  int64_t number;
  return cm__yaml_as_int(node, &number) && number >= 1 && number <= CM_COUNT(names) ? names[number - 1] : node->text;
}

/* A value as the operation's parser reads it; NULL: nothing is set. */
static const char *value_text(Reader *r, const CmParam *param, const CmYaml *node) {
  bool truth;
  if (node->kind == CM__YAML_MAP) {
    cm__problem_add(r->problems, node, "%s: a value or a list is wanted here, not a group of keys", param->name);
    return NULL;
  }
  if (node->kind == CM__YAML_LIST) {
    const char *text = "";
    for (int i = 0; text && i < node->count; i++) {
      if (node->items[i]->kind != CM__YAML_SCALAR) {
        cm__problem_add(r->problems, node->items[i], "%s: a list of single values is wanted here", param->name);
        return NULL;
      }
      text = cm__arena_printf(r->problems->arena, &r->problems->failure, "%s%s%s", text, i ? "," : "",
                              node->items[i]->text);
    }
    return text;
  }
  if (cm__yaml_is_null(node)) return strcmp(param->name, "interpolator") == 0 ? "none" : NULL;
  if (param->type == CM_BOOL && cm__yaml_as_bool(node, &truth)) return truth ? "true" : "false";
  return strcmp(param->name, "interpolator") == 0 ? interpolator_name(node) : node->text;
}

static void set(Reader *r, const CmYaml *at, const char *name, const char *value) {
  CmError *why = NULL;
  const char *mend = strcmp(name, "interpolator") == 0
                         ? " (sitkLabelGaussian is for labels, sitkBSplineResampler for coefficients; of intensities "
                           "sitkBSpline is PyRadiomics' own choice)"
                         : "";
  if (!cm_params_set(r->op, r->params, name, value, &why))
    cm__problem_add(r->problems, at, "%s%s", cm_error_text(why), mend);
  cm_error_free(&why);
}

static void refuse_kind(Reader *r, const CmYaml *node, const char *what) {
  cm__problem_add(r->problems, node, "%s has to be a group of keys, not %s", what, cm__yaml_kind_name(node));
}

/* Settings into the parameters, or (words not NULL) as words of an image type. */
static void read_settings(Reader *r, const CmYaml *map, const char *what, const char **words, CmParamsFile *found) {
  const char *known[KNOWN_MOST];
  int count = 0;
  if (cm__yaml_is_null(map)) return;
  if (map->kind != CM__YAML_MAP) {
    refuse_kind(r, map, what);
    return;
  }
  for (int i = 0; i < r->op->param_count && count < KNOWN_MOST; i++)
    if (is_setting(&r->op->params[i])) known[count++] = r->op->params[i].name;
  cm__yaml_known_keys(r->problems, map, known, count, what);
  for (int i = 0; i < map->count; i++) {
    const CmParam *param = cm_op_find_param(r->op, map->keys[i]->text);
    const char *value = param && is_setting(param) ? value_text(r, param, map->items[i]) : NULL;
    if (!value) continue;
    found->label = found->label || (!words && strcmp(param->name, "label") == 0);
    if (words)
      *words = cm__arena_printf(r->problems->arena, &r->problems->failure, "%s %s=%s", *words, param->name, value);
    else
      set(r, map->items[i], param->name, value);
    if (words && !*words) return;
  }
}

static void read_image_types(Reader *r, const CmYaml *map, CmParamsFile *found) {
  const char *text = "";
  if (cm__yaml_is_null(map) || (map->kind == CM__YAML_MAP && map->count == 0)) return;
  if (map->kind != CM__YAML_MAP) {
    refuse_kind(r, map, "imageType");
    return;
  }
  const char *known[CM__PYRAD_TYPES];
  for (int i = 0; i < CM__PYRAD_TYPES; i++) known[i] = cm__pyrad_type_name(i);
  cm__yaml_known_keys(r->problems, map, known, CM__PYRAD_TYPES, "imageType");
  for (int i = 0; text && i < map->count; i++) {
    const char *words = map->keys[i]->text;
    read_settings(r, map->items[i], "an image type", &words, found);
    text = words ? cm__arena_printf(r->problems->arena, &r->problems->failure, "%s%s%s", text, i ? "; " : "", words)
                 : NULL;
  }
  if (text) set(r, map, "imageType", text);
}

static const char *const class_names[] = {"firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape", "shape2D"};

static void read_classes(Reader *r, const CmYaml *map) {
  if (!cm__yaml_is_null(map) && map->kind != CM__YAML_MAP) {
    refuse_kind(r, map, "featureClass");
    return;
  }
  const bool all = cm__yaml_is_null(map) || map->count == 0;
  cm__yaml_known_keys(r->problems, map, class_names, CM_COUNT(class_names), "featureClass");
  for (int k = 0; k < CM_COUNT(class_names); k++) {
    const CmYaml *features = all ? NULL : cm__yaml_get(map, class_names[k]);
    const bool asked = all || cm__yaml_key(map, class_names[k]);
    if (!asked || cm__yaml_is_null(features) || (features->kind != CM__YAML_SCALAR && features->count == 0)) {
      set(r, map, class_names[k], asked ? "all" : "none");
      continue;
    }
    const char *value = value_text(r, cm_op_find_param(r->op, class_names[k]), features);
    CmError *why = NULL;
    if (value && !cm__pyrad_check_class(class_names[k], value, &why))
      cm__problem_add(r->problems, features, "%s", cm_error_text(why));
    else if (value)
      set(r, features, class_names[k], value);
    cm_error_free(&why);
  }
}

/* The settings of maps; where features of regions are measured, their names alone are checked. */
static void read_voxel_settings(Reader *r, const CmYaml *map) {
  static const char *const known[] = {"kernelRadius", "maskedKernel", "initValue", "voxelBatch"};
  if (cm__yaml_is_null(map)) return;
  if (map->kind != CM__YAML_MAP) {
    refuse_kind(r, map, "voxelSetting");
    return;
  }
  cm__yaml_known_keys(r->problems, map, known, CM_COUNT(known), "voxelSetting");
  for (int i = 0; i < map->count; i++) {
    const CmParam *param = cm_op_find_param(r->op, map->keys[i]->text);
    const char *value = param ? value_text(r, param, map->items[i]) : NULL;
    if (value) set(r, map->items[i], param->name, value);
  }
}

static void read_pyradiomics(Reader *r, const CmYaml *root, CmParamsFile *found) {
  static const char *const known[] = {"setting", "imageType", "featureClass", "voxelSetting"};
  cm__yaml_known_keys(r->problems, root, known, CM_COUNT(known), "a parameter file");
  if (cm_op_find_param(r->op, "convention")) set(r, root, "convention", "pyradiomics");
  read_settings(r, cm__yaml_get(root, "setting"), "setting", NULL, found);
  read_image_types(r, cm__yaml_get(root, "imageType"), found);
  read_classes(r, cm__yaml_get(root, "featureClass"));
  read_voxel_settings(r, cm__yaml_get(root, "voxelSetting"));
}

static void read_flat(Reader *r, const CmYaml *root, CmParamsFile *found) {
  for (int i = 0; i < root->count; i++) {
    const char *key = root->keys[i]->text;
    const CmParam *param = cm_op_find_param(r->op, key);
    const char *value = param ? value_text(r, param, root->items[i]) : "";
    if (value) set(r, root->keys[i], key, value);
    found->label = found->label || strcmp(key, "label") == 0;
  }
}

static bool is_pyradiomics(const CmOp *op, const CmYaml *root) {
  return cm_op_find_param(op, "imageType") &&
         (cm__yaml_key(root, "setting") || cm__yaml_key(root, "imageType") || cm__yaml_key(root, "featureClass") ||
          cm__yaml_key(root, "voxelSetting"));
}

bool cm__params_file(CmProblems *problems, const CmOp *op, const char *path, void *params, CmParamsFile *found,
                     CmError **err) {
  Reader r = {.problems = problems, .op = op, .params = params};
  size_t size;
  char *text = (char *)cm_file_read(problems->arena->ctx, path, CM__YAML_MAX_BYTES, &size, err);
  if (!text) return false;
  *found = (CmParamsFile){0};
  const CmYaml *root = cm__yaml_parse(problems->arena, text, size, problems);
  if (root && root->kind != CM__YAML_MAP)
    cm__problem_add(problems, root, "a parameter file is a group of keys, such as «setting:»");
  else if (root && (found->pyradiomics = is_pyradiomics(op, root)))
    read_pyradiomics(&r, root, found);
  else if (root)
    read_flat(&r, root, found);
  cm__problems_sort(problems);
  cm_free(text);
  return true;
}
