#include "learn/pixels/stack.h"

#include <math.h>
#include <string.h>

#include "learn/json.h"

#define MOST_WORDS 32
#define MOST_VALUES 64

/* ---- from words -------------------------------------------------------------------------------------------------- */

/* A parameter and the values that it takes one after the other. */
typedef struct Setting {
  const char *name;
  const char *value[MOST_VALUES];
  int count, at;
} Setting;

typedef struct Words {
  const CmOp *op;
  Setting setting[MOST_WORDS];
  int count;
} Words;

/* One image in, one on the same grid out. */
static bool check_operation(const CmOp *op, CmError **err) {
  bool good = op->geometry == CM_GEOMETRY_KEEP && op->input_count && op->inputs[0].kind == CM_KIND_IMAGE &&
              op->output_count && !op->outputs[0].optional &&
              (op->outputs[0].kind == CM_KIND_IMAGE || op->outputs[0].kind == CM_KIND_LABELS);
  for (int i = 1; good && i < op->input_count; i++) good = op->inputs[i].optional;
  if (!good)
    cm_error_set(err, CM_ERR_PARAMETER,
                 "«%s» is no filter: it does not make one image into another on the same grid; take gaussian, "
                 "gradient_magnitude, hessian_eigenvalues …",
                 op->name);
  return good;
}

/* Does the parameter take one value, or one for all axes? */
static bool takes_one(const CmParam *param) {
  bool list = param->type == CM_REALS || param->type == CM_INTS;
  return list ? param->max_count == 3 : param->type != CM_TEXT;
}

static bool add_setting(Words *words, char *name, CmError **err) {
  char *value = strchr(name, '=');
  if (!value || words->count == MOST_WORDS) {
    cm_error_set(err, CM_ERR_PARAMETER, "filter %s: «%s» is not of the form name=value", words->op->name, name);
    return false;
  }
  *value++ = 0;
  Setting *setting = &words->setting[words->count++];
  *setting = (Setting){.name = name};
  const CmParam *param = cm_op_find_param(words->op, name);
  bool several = param && takes_one(param);
  for (char *rest = value; rest && setting->count < MOST_VALUES;)
    setting->value[setting->count++] = several ? strsep(&rest, ",|") : (rest = NULL, value);
  return true;
}

static bool is_given(const Words *words, const char *name) {
  for (int i = 0; i < words->count; i++)
    if (!strcmp(words->setting[i].name, name)) return true;
  return false;
}

/* Sets what the words do not: units, and reals for results that would be rounded. */
static bool set_unsaid(const Words *words, void *params, const char *units, CmError **err) {
  const CmParam *type = cm_op_find_param(words->op, "type");
  if (cm_op_find_param(words->op, "units") && !is_given(words, "units") &&
      !cm_params_set(words->op, params, "units", units, err))
    return false;
  return !type || is_given(words, "type") || !type->choices || !strstr(type->choices, "f32") ||
         cm_params_set(words->op, params, "type", "f32", err);
}

/* Sizes along the axes stand with colons in words, with commas in parameters. */
static bool set_value(const Words *words, void *params, const Setting *setting, CmError **err) {
  char text[CM_TEXT_MAX];
  const CmParam *param = cm_op_find_param(words->op, setting->name);
  snprintf(text, sizeof text, "%s", setting->value[setting->at]);
  for (char *c = text; param && (param->type == CM_REALS || param->type == CM_INTS) && *c; c++)
    if (*c == ':') *c = ',';
  return cm_params_set(words->op, params, setting->name, text, err);
}

static bool finish_filter(CmArena *hold, CmPixelStack *stack, const CmPixelFilter *filter, CmError **err) {
  for (int i = 0; i < stack->count; i++) {
    if (strcmp(stack->filter[i].name, filter->name)) continue;
    cm_error_set(err, CM_ERR_PARAMETER, "the filter «%s» is named twice; name it once", filter->name);
    return false;
  }
  if (stack->count == CM__MOST_FILTERS) {
    cm_error_set(err, CM_ERR_PARAMETER, "there are more than %d filters; name fewer", CM__MOST_FILTERS);
    return false;
  }
  CmPixelFilter *grown = cm__arena_grow(hold, stack->filter, stack->count, sizeof *filter, err);
  if (!grown) return false;
  stack->filter = grown;
  stack->filter[stack->count++] = *filter;
  return true;
}

/* The filter of the present values. */
static bool add_filter(CmArena *hold, CmPixelStack *stack, const Words *words, const char *units, CmError **err) {
  CmTextBuffer name;
  cm__text_start(&name, hold->ctx, err);
  cm__text_add(&name, words->op->name);
  void *made = cm_params_create(hold->ctx, words->op, err);
  CmPixelFilter filter = {.op = words->op, .params = cm__arena_alloc(hold, 1, words->op->params_size + 1, err)};
  bool ok = made && filter.params && set_unsaid(words, made, units, err);
  for (int i = 0; ok && i < words->count; i++) {
    const Setting *setting = &words->setting[i];
    ok = set_value(words, made, setting, err);
    cm__text_addf(&name, " %s=%s", setting->name, setting->value[setting->at]);
  }
  ok = ok && (!words->op->check || words->op->check(made, err));
  char *text = cm__text_finish(&name);
  ok = ok && text && (filter.name = cm__arena_strdup(hold, text, err));
  if (ok) memcpy(filter.params, made, words->op->params_size);
  cm_free(text);
  cm_free(made);
  return ok && finish_filter(hold, stack, &filter, err);
}

/* The next combination of values, the last setting fastest; false behind the last one. */
static bool next_values(Words *words) {
  for (int i = words->count - 1; i >= 0; i--) {
    if (++words->setting[i].at < words->setting[i].count) return true;
    words->setting[i].at = 0;
  }
  return false;
}

bool cm__stack_words(CmArena *hold, CmPixelStack *stack, const char *text, const char *units, CmError **err) {
  char *copy = cm__arena_strdup(hold, text, err), *rest = copy;
  Words words = {.op = NULL};
  bool ok = copy != NULL;
  for (char *word; ok && (word = strsep(&rest, " \t"));) {
    if (!*word) continue;
    if (words.op)
      ok = add_setting(&words, word, err);
    else
      ok = (words.op = cm_op_get(word, err)) && check_operation(words.op, err);
  }
  if (ok && !words.op) {
    cm_error_set(err, CM_ERR_PARAMETER, "a filter is empty; name an operation, as in \"gaussian sigma=1,2,4\"");
    return false;
  }
  while (ok) {
    ok = add_filter(hold, stack, &words, units, err);
    if (!next_values(&words)) break;
  }
  if (!ok) cm_error_context(err, "filter \"%s\"", text);
  return ok;
}

const char *cm__stack_feature(CmArena *hold, const CmPixelStack *stack, int feature, CmError **err) {
  const CmPixelFilter *filter = stack->filter;
  while (feature >= filter->parts) feature -= filter++->parts;
  return filter->parts == 1 ? cm__arena_strdup(hold, filter->name, err)
                            : cm__arena_printf(hold, err, "%s [%d]", filter->name, feature + 1);
}

bool cm__stack_fits(const CmPixelStack *stack, const CmImage *image, CmError **err) {
  const bool flat = cm_image_dims(image)[2] == 1;
  const char *unit = cm_image_unit(image);
  if (cm_image_components(image) != stack->components)
    cm_error_set(err, CM_ERR_DATA, "the image has %d component%s a voxel, those of the training have %d",
                 cm_image_components(image), cm_image_components(image) > 1 ? "s" : "", stack->components);
  else if (flat != stack->flat)
    cm_error_set(err, CM_ERR_DATA, "the image is a %s, those of the training are %s; filters would not see the same",
                 flat ? "plane" : "volume", stack->flat ? "planes" : "volumes");
  else if (strcmp(unit, stack->unit) && strcmp(unit, "1") && strcmp(stack->unit, "1"))
    cm_error_set(err, CM_ERR_DATA, "the image is in \"%s\", those of the training are in \"%s\"; convert it", unit,
                 stack->unit);
  else
    return true;
  return false;
}

bool cm__stack_in_mm(const CmPixelStack *stack) {
  for (int i = 0; i < stack->count; i++) {
    const CmPixelFilter *filter = &stack->filter[i];
    const CmParam *units = cm_op_find_param(filter->op, "units");
    char text[16];
    if (!units || strcmp(cm_params_get(filter->op, filter->params, units, text, sizeof text), "mm")) return false;
  }
  return true;
}

/* ---- as data ----------------------------------------------------------------------------------------------------- */

void cm__stack_write(const CmPixelStack *stack, CmContext *ctx, CmTextBuffer *json) {
  cm__text_addf(json, "{\"components\":%d,\"planes\":%s,\"spacing\":", stack->components,
                stack->flat ? "true" : "false");
  cm__json_reals(json, stack->spacing, 3);
  cm__text_add(json, ",\"unit\":");
  cm__text_add_json(json, stack->unit);
  cm__text_add(json, ",\"filters\":[");
  for (int i = 0; i < stack->count; i++) {
    const CmPixelFilter *filter = &stack->filter[i];
    char *params = cm_params_to_json(ctx, filter->op, filter->params, json->err);
    if (!params) json->failed = true;
    cm__text_add(json, i ? ",\n{\"name\":" : "\n{\"name\":");
    cm__text_add_json(json, filter->name);
    cm__text_addf(json, ",\"operation\":\"%s\",\"parameters\":%s,\"parts\":%d}", filter->op->name,
                  params ? params : "{}", filter->parts);
    cm_free(params);
  }
  cm__text_add(json, "]}");
}

static bool read_filter(CmArena *hold, const json_t *json, CmPixelFilter *filter, CmError **err) {
  const json_t *name, *operation, *parameters, *parts;
  CmJsonMember members[] = {{"name", &name}, {"operation", &operation}, {"parameters", &parameters}, {"parts", &parts}};
  if (!cm__json_members(json, "pixels.filters", members, CM_COUNT(members), err)) return false;
  int64_t count = json_integer_value(parts);
  if (!json_is_string(name) || !json_is_string(operation) || !json_is_integer(parts) || count < 1 ||
      count > CM_MAX_COMPONENTS || strlen(json_string_value(name)) != json_string_length(name))
    return cm__json_refuse(err, "pixels.filters");
  filter->op = cm_op_get(json_string_value(operation), err);
  if (!filter->op || !check_operation(filter->op, err)) return false;
  filter->parts = (int)count;
  filter->name = cm__arena_strdup(hold, json_string_value(name), err);
  filter->params = filter->name ? cm__arena_alloc(hold, 1, filter->op->params_size + 1, err) : NULL;
  void *made = filter->params ? cm__json_read_params(hold->ctx, filter->op, parameters, true, err) : NULL;
  if (!made) return false;
  memcpy(filter->params, made, filter->op->params_size);
  cm_free(made);
  return !filter->op->check || filter->op->check(filter->params, err);
}

static bool read_images(CmArena *hold, CmPixelStack *stack, const json_t *components, const json_t *planes,
                        const json_t *spacing, const json_t *unit, CmError **err) {
  const double *mm = cm__json_read_reals(hold, spacing, "pixels.spacing", 3, false, err);
  if (!mm) return false;
  for (int axis = 0; axis < 3; axis++) {
    if (!(mm[axis] > 0) || !isfinite(mm[axis])) return cm__json_refuse(err, "pixels.spacing");
    stack->spacing[axis] = mm[axis];
  }
  int64_t count = json_integer_value(components);
  if (!json_is_integer(components) || count < 1 || count > CM_MAX_COMPONENTS || !json_is_boolean(planes))
    return cm__json_refuse(err, "pixels");
  if (!json_is_string(unit) || strlen(json_string_value(unit)) != json_string_length(unit))
    return cm__json_refuse(err, "pixels.unit");
  stack->components = (int)count;
  stack->flat = json_is_true(planes);
  stack->unit = cm__arena_strdup(hold, json_string_value(unit), err);
  return stack->unit != NULL;
}

CmPixelStack *cm__stack_read(CmArena *hold, const json_t *json, CmError **err) {
  const json_t *components, *planes, *spacing, *unit, *filters;
  CmJsonMember members[] = {
      {"components", &components}, {"planes", &planes}, {"spacing", &spacing}, {"unit", &unit}, {"filters", &filters}};
  if (!cm__json_members(json, "pixels", members, CM_COUNT(members), err)) return NULL;
  int64_t count = (int64_t)json_array_size(filters);
  if (!json_is_array(filters) || count < 1 || count > CM__MOST_FILTERS)
    return cm__json_refuse(err, "pixels.filters"), NULL;
  CmPixelStack *stack = CM__NEW(hold, CmPixelStack, 1, err);
  if (!stack || !read_images(hold, stack, components, planes, spacing, unit, err)) return NULL;
  stack->filter = CM__NEW(hold, CmPixelFilter, count, err);
  if (!stack->filter) return NULL;
  for (; stack->count < count; stack->count++) {
    CmPixelFilter *filter = &stack->filter[stack->count];
    if (!read_filter(hold, json_array_get(filters, (size_t)stack->count), filter, err)) return NULL;
    stack->features += filter->parts;
  }
  return stack;
}
