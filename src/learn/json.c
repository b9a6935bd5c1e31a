#include "learn/json.h"

#include <math.h>
#include <string.h>

#define MINUS_ZERO "-0.0" /* «-0» would be read as an integer, without its sign */

void cm__json_ints(CmTextBuffer *json, const int *value, int64_t count) {
  for (int64_t i = 0; i < count; i++) cm__text_addf(json, "%s%d", i ? "," : "[", value[i]);
  cm__text_add(json, count ? "]" : "[]");
}

void cm__json_real(CmTextBuffer *json, double value) {
  if (value == 0 && signbit(value))
    cm__text_add(json, MINUS_ZERO);
  else
    cm__text_add_real(json, value);
}

void cm__json_reals(CmTextBuffer *json, const double *value, int64_t count) {
  cm__text_add(json, "[");
  for (int64_t i = 0; i < count; i++) {
    if (i) cm__text_add(json, ",");
    cm__json_real(json, value[i]);
  }
  cm__text_add(json, "]");
}

/* The shortest of 6 to 9 digits that reads back as the same float. */
static void add_float(CmTextBuffer *json, float value) {
  char text[32];
  for (int digits = 6; digits <= 9; digits++) {
    double back;
    snprintf(text, sizeof text, "%.*g", digits, (double)value);
    for (char *c = text; *c; c++)
      if (*c == ',') *c = '.';
    if (cm__parse_real(text, &back) && (float)back == value) break;
  }
  cm__text_add(json, text);
}

void cm__json_floats(CmTextBuffer *json, const float *value, int64_t count) {
  cm__text_add(json, "[");
  for (int64_t i = 0; i < count; i++) {
    if (i) cm__text_add(json, ",");
    if (value[i] == 0 && signbit(value[i]))
      cm__text_add(json, MINUS_ZERO);
    else
      add_float(json, value[i]);
  }
  cm__text_add(json, "]");
}

bool cm__json_refuse(CmError **err, const char *where) {
  cm_error_set(err, CM_ERR_FORMAT, "%s: damaged or not as Cormack writes it; make the model again", where);
  return false;
}

bool cm__json_members(const json_t *object, const char *where, const CmJsonMember *members, int count, CmError **err) {
  if (!json_is_object(object)) return cm__json_refuse(err, where);
  for (int i = 0; i < count; i++) {
    *members[i].value = json_object_get(object, members[i].name);
    if (*members[i].value) continue;
    cm_error_set(err, CM_ERR_FORMAT, "%s: has no \"%s\"; make the model again", where, members[i].name);
    return false;
  }
  if (json_object_size(object) == (size_t)count) return true;
  for (void *at = json_object_iter((json_t *)(uintptr_t)object); at;
       at = json_object_iter_next((json_t *)(uintptr_t)object, at)) {
    bool known = false;
    for (int i = 0; i < count; i++) known = known || !strcmp(json_object_iter_key(at), members[i].name);
    if (known) continue;
    cm_error_set(err, CM_ERR_UNSUPPORTED,
                 "%s: \"%.40s\" is unknown to this version; use a newer Cormack, or make the model again", where,
                 json_object_iter_key(at));
    return false;
  }
  return cm__json_refuse(err, where);
}

bool cm__json_read_real(const json_t *json, const char *where, double least, double *value, CmError **err) {
  *value = json_number_value(json);
  return (json_is_number(json) && *value >= least) || cm__json_refuse(err, where);
}

int *cm__json_read_ints(CmArena *hold, const json_t *array, const char *where, int64_t count, int64_t least,
                        int64_t most, CmError **err) {
  if (!json_is_array(array) || (int64_t)json_array_size(array) != count) return cm__json_refuse(err, where), NULL;
  int *value = CM__NEW(hold, int, count, err);
  for (int64_t i = 0; value && i < count; i++) {
    const json_t *item = json_array_get(array, (size_t)i);
    int64_t number = json_integer_value(item);
    if (!json_is_integer(item) || number < least || number > most) return cm__json_refuse(err, where), NULL;
    value[i] = (int)number;
  }
  return value;
}

double *cm__json_read_reals(CmArena *hold, const json_t *array, const char *where, int64_t count, bool missing,
                            CmError **err) {
  if (!json_is_array(array) || (int64_t)json_array_size(array) != count) return cm__json_refuse(err, where), NULL;
  double *value = CM__NEW(hold, double, count, err);
  for (int64_t i = 0; value && i < count; i++) {
    const json_t *item = json_array_get(array, (size_t)i);
    bool empty = missing && json_is_null(item);
    if (!empty && !json_is_number(item)) return cm__json_refuse(err, where), NULL;
    value[i] = empty ? (double)NAN : json_number_value(item);
  }
  return value;
}

float *cm__json_read_floats(CmArena *hold, const json_t *array, const char *where, int64_t count, CmError **err) {
  if (!json_is_array(array) || (int64_t)json_array_size(array) != count) return cm__json_refuse(err, where), NULL;
  float *value = CM__NEW(hold, float, count, err);
  for (int64_t i = 0; value && i < count; i++) {
    const json_t *item = json_array_get(array, (size_t)i);
    double number = json_number_value(item);
    if (!json_is_number(item) || !(fabs(number) <= 3.4028234663852886e38)) return cm__json_refuse(err, where), NULL;
    value[i] = (float)number;
  }
  return value;
}

/* A number as a parameter's text; NULL for what is none. */
static const char *number_text(const json_t *value, char to[32]) {
  if (json_is_real(value)) return cm_real_text(json_real_value(value), to);
  if (!json_is_integer(value)) return NULL;
  snprintf(to, 32, "%lld", (long long)json_integer_value(value));
  return to;
}

/* [1, 2.5] as "1,2.5". */
static bool list_text(const json_t *list, char *to, size_t size) {
  size_t used = 0;
  to[0] = 0;
  if (json_array_size(list) > CM_LIST_MAX) return false;
  for (size_t i = 0; i < json_array_size(list); i++) {
    char number[32];
    const char *text = number_text(json_array_get(list, i), number);
    if (!text) return false;
    used += (size_t)snprintf(to + used, size - used, "%s%s", i ? "," : "", text);
  }
  return true;
}

/* Sets one parameter from JSON as the command line would. */
static bool set_param(const CmOp *about, void *params, const char *name, const json_t *value, CmError **err) {
  char text[CM_LIST_MAX * 33];
  const char *from = NULL;
  if (json_is_boolean(value))
    from = json_is_true(value) ? "true" : "false";
  else if (json_is_string(value))
    from = json_string_value(value);
  else if (json_is_array(value))
    from = list_text(value, text, sizeof text) ? text : NULL;
  else
    from = number_text(value, text);
  return from ? cm_params_set(about, params, name, from, err) : cm__json_refuse(err, name);
}

void *cm__json_read_params(CmContext *ctx, const CmOp *about, const json_t *json, bool old, CmError **err) {
  size_t given = json_object_size(json), all = (size_t)about->param_count, known = 0;
  if (!json_is_object(json) || (old ? given > all : given != all)) return cm__json_refuse(err, about->name), NULL;
  void *params = cm_params_create(ctx, about, err);
  bool ok = params != NULL;
  for (int i = 0; ok && i < about->param_count; i++) {
    const json_t *value = json_object_get(json, about->params[i].name);
    known += value != NULL;
    ok = value ? set_param(about, params, about->params[i].name, value, err)
               : old || cm__json_refuse(err, about->params[i].name);
  }
  if (ok && (known == given || cm__json_refuse(err, about->name))) return params;
  cm_free(params);
  return NULL;
}
