/* The study that a model carries, with new places in it. */
#include <jansson.h>
#include <string.h>

#include "core/text.h"
#include "cormack/learn.h"
#include "study/study_priv.h"

/* As it is to be read: «${» would be a variable. */
static json_t *plain_text(CmContext *ctx, const char *text, CmError **err) {
  CmTextBuffer to;
  cm__text_start(&to, ctx, err);
  for (const char *at; (at = strstr(text, "${")); text = at + 1) {
    cm__text_add_n(&to, text, (size_t)(at - text));
    cm__text_add(&to, "$$");
  }
  cm__text_add(&to, text);
  char *whole = cm__text_finish(&to);
  json_t *json = whole ? json_string(whole) : NULL;
  if (whole && !json) cm_error_set(err, CM_ERR_DATA, "«%s» is not UTF-8; give the file another name", whole);
  cm_free(whole);
  return json;
}

static bool no_memory(CmError **err) {
  cm_error_set(err, CM_ERR_MEMORY, "no memory for the study of the model");
  return false;
}

static bool put(json_t *group, const char *key, json_t *value, CmError **err) {
  return value && (json_object_set_new(group, key, value) == 0 || no_memory(err));
}

/* The input that a place names, and what is left of the place. */
static json_t *input_of(json_t *inputs, const char **place, CmError **err) {
  const char *name, *sign = strchr(*place, '=');
  json_t *input, *only = json_object_iter_value(json_object_iter(inputs));
  json_object_foreach(inputs, name, input) {
    if (!sign || strlen(name) != (size_t)(sign - *place) || strncmp(name, *place, strlen(name)) != 0) continue;
    *place = sign + 1;
    return input;
  }
  if (json_object_size(inputs) == 1) return only;
  char list[400] = "";
  json_object_foreach(inputs, name, input) {
    size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s=…", used ? " " : "", name);
  }
  cm_error_set(err, CM_ERR_USAGE, "the model's study has several inputs, and «%s» is of none of them; write %s", *place,
               list);
  return NULL;
}

static bool put_places(CmContext *ctx, json_t *inputs, const CmStudyNew *what, CmError **err) {
  const char *name;
  json_t *input;
  for (int i = 0; i < what->place_count; i++) {
    const char *place = what->places[i];
    if (!(input = input_of(inputs, &place, err))) return false;
    if (!json_object_get(input, "path") && !put(input, "path", json_array(), err)) return false;
    json_t *text = plain_text(ctx, place, err);
    if (!text) return false;
    if (json_array_append_new(json_object_get(input, "path"), text)) return no_memory(err);
    if (what->select && !put(input, "select", plain_text(ctx, what->select, err), err)) return false;
  }
  json_object_foreach(inputs, name, input) {
    if (json_object_get(input, "path") || json_is_true(json_object_get(input, "optional"))) continue;
    cm_error_set(err, CM_ERR_USAGE, "the model needs images of «%s» as well; add %s=FOLDER", name, name);
    return false;
  }
  return true;
}

static bool put_labels(CmContext *ctx, json_t *root, const char *target, const CmStudyNew *what, CmError **err) {
  json_t *labels = json_object_get(root, "labels");
  if (target && !put(labels, "target", plain_text(ctx, target, err), err)) return false;
  if (!what->labels) /* without a file only those that the images carry can be had */
    return json_object_get(labels, "of") || json_object_del(root, "labels") == 0;
  json_object_del(labels, "of");
  if (what->subject && !put(labels, "subject", plain_text(ctx, what->subject, err), err)) return false;
  if (!json_object_get(labels, "subject") && !put(labels, "subject", json_string("subject"), err)) return false;
  return put(labels, "file", plain_text(ctx, what->labels, err), err);
}

static bool has_any(const json_t *group, const char *const *keys, int count) {
  bool any = false;
  for (int k = 0; k < count; k++) any = any || json_object_get(group, keys[k]);
  return any;
}

/* As cm__recipe_write() makes it: steps without places, so that none is read or written but those given now. */
static bool is_recipe(json_t *root) {
  static const char *const never[] = {"catalog", "outputs", "learn"}, *const places[] = {"path", "catalog", "query"};
  json_t *inputs = json_object_get(root, "inputs"), *input;
  const char *name;
  bool good = json_object_size(inputs) && json_is_object(json_object_get(root, "predict")) &&
              json_is_object(json_object_get(root, "labels")) && !has_any(root, never, CM_COUNT(never));
  json_object_foreach(inputs, name, input) good =
      good && json_is_object(input) && !has_any(input, places, CM_COUNT(places));
  return good;
}

static bool fill(CmContext *ctx, json_t *root, const char *path, const CmModel *model, const CmStudyNew *what,
                 CmError **err) {
  json_t *inputs = json_object_get(root, "inputs"), *predict = json_object_get(root, "predict");
  if (!is_recipe(root)) {
    cm_error_set(err, CM_ERR_FORMAT, "the study in it is damaged; make the model again with «cormack run»");
    return false;
  }
  return put(predict, "model", plain_text(ctx, path, err), err) && put_places(ctx, inputs, what, err) &&
         put_labels(ctx, root, cm_model_target(model), what, err);
}

CmStudy *cm_study_of_model(CmContext *ctx, const char *path, const CmStudyNew *what, CmError **err) {
  CmModel *model = cm_model_load(ctx, path, err);
  if (!model) return NULL;
  const char *recipe = cm_model_study(model);
  CmStudy *study = NULL;
  json_t *root = recipe ? json_loads(recipe, JSON_REJECT_DUPLICATES, NULL) : NULL;
  if (!recipe)
    cm_error_set(err, CM_ERR_DATA,
                 "it was trained on a table, so the steps from images to its features are not known; give it a table, "
                 "or a model that «cormack run» has made");
  if (recipe && fill(ctx, root, path, model, what, err)) {
    char *text = json_dumps(root, JSON_REAL_PRECISION(17));
    if (text)
      study = cm_study_parse(ctx, text, strlen(text), path, "", err);
    else
      no_memory(err);
    free(text);
  }
  if (!study) cm_error_context(err, "%s", path);
  json_decref(root);
  cm_model_unref(&model);
  return study;
}
