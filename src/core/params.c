/* Parameters of operations: one parser and one validator for command line, study files, Python and server. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "cormack/op.h"

enum { MOST_PARAMS = 64 };

const CmParam *cm_op_find_param(const CmOp *op, const char *name) {
  for (int i = 0; i < op->param_count; i++)
    if (strcmp(op->params[i].name, name) == 0) return &op->params[i];
  return NULL;
}

static bool refuse_unknown(const CmOp *op, const char *name, CmError **err) {
  const char *names[MOST_PARAMS] = {0};
  int count = op->param_count < MOST_PARAMS ? op->param_count : MOST_PARAMS;
  for (int i = 0; i < count; i++) names[i] = op->params[i].name;
  const char *nearest = cm_nearest_name(name, names, count);
  if (nearest) {
    cm_error_set(err, CM_ERR_PARAMETER, "%s has no parameter «%s»; did you mean «%s»?", op->name, name, nearest);
    return false;
  }
  char known[512] = "";
  for (int i = 0; i < count; i++) {
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
  }
  cm_error_set(err, CM_ERR_PARAMETER, "%s has no parameter «%s»; it has %s", op->name, name, count ? known : "none");
  return false;
}

const char *cm_param_choice(const CmParam *param, int32_t at, char *to, size_t size) {
  const char *from = param->choices;
  while (at-- > 0 && from) {
    from = strchr(from, '|');
    if (from) from++;
  }
  if (!from) from = "";
  snprintf(to, size, "%.*s", (int)strcspn(from, "|"), from);
  return to;
}

static bool refuse_value(const CmParam *param, const char *value, const char *wanted, CmError **err) {
  cm_error_set(err, CM_ERR_PARAMETER, "parameter «%s» is «%s»; it must be %s", param->name, value, wanted);
  return false;
}

static bool parse_bool(const CmParam *param, const char *value, bool *to, CmError **err) {
  static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
  for (int i = 0; i < 4; i++) {
    if (strcasecmp(value, yes[i]) == 0) return *to = true, true;
    if (strcasecmp(value, no[i]) == 0) return *to = false, true;
  }
  return refuse_value(param, value, "true or false", err);
}

static bool refuse_range(const CmParam *param, const char *value, CmError **err) {
  char low[32], high[32], wanted[160];
  const char *unit = param->unit && *param->unit && strcmp(param->unit, "1") ? param->unit : "";
  snprintf(wanted, sizeof wanted, "from %s to %s%s%s", cm_real_text(param->min, low), cm_real_text(param->max, high),
           *unit ? " " : "", unit);
  return refuse_value(param, value, wanted, err);
}

static bool parse_int(const CmParam *param, const char *value, int64_t *to, CmError **err) {
  int64_t parsed;
  if (!cm__parse_int(value, &parsed)) return refuse_value(param, value, "a whole number", err);
  if ((double)parsed < param->min || (double)parsed > param->max) return refuse_range(param, value, err);
  *to = parsed;
  return true;
}

static bool parse_real(const CmParam *param, const char *value, double *to, CmError **err) {
  double parsed;
  if (!cm__parse_real(value, &parsed)) return refuse_value(param, value, "a number", err);
  if (!(parsed >= param->min && parsed <= param->max)) return refuse_range(param, value, err);
  *to = parsed;
  return true;
}

static bool parse_enum(const CmParam *param, const char *value, int32_t *to, CmError **err) {
  const char *from = param->choices;
  for (int32_t at = 0; from; at++) {
    size_t length = strcspn(from, "|");
    if (strlen(value) == length && strncmp(from, value, length) == 0) return *to = at, true;
    from = from[length] ? from + length + 1 : NULL;
  }
  char wanted[512] = "one of ";
  size_t used = strlen(wanted);
  for (from = param->choices; *from && used + 3 < sizeof wanted; from++) {
    if (*from == '|')
      wanted[used++] = ',', wanted[used++] = ' ';
    else
      wanted[used++] = *from;
  }
  wanted[used] = 0;
  return refuse_value(param, value, wanted, err);
}

static bool parse_text(const CmParam *param, const char *value, CmText *to, CmError **err) {
  if (strlen(value) >= CM_TEXT_MAX) return refuse_value(param, value, "shorter than 512 bytes", err);
  memset(to, 0, sizeof *to);
  memcpy(to->value, value, strlen(value));
  return true;
}

/* Items of "2,2,1", "2 2 1" or "[2, 2, 1]", one at a time into `item`. */
static bool next_item(const char **from, char *item, size_t size) {
  while (**from && strchr(" ,[]()", **from)) (*from)++;
  if (!**from) return false;
  size_t length = strcspn(*from, " ,[]()");
  snprintf(item, size, "%.*s", (int)(length < size ? length : size - 1), *from);
  *from += length;
  return true;
}

/* The lists are parsed beside `to` and stored whole: a refused value leaves the one before it. */
static bool parse_list(const CmParam *param, const char *value, void *to, CmError **err) {
  CmInts ints = {0};
  CmReals reals = {0};
  char item[64];
  int32_t count = 0, given = 0;
  for (const char *from = value; next_item(&from, item, sizeof item); count++) {
    if (count == param->max_count || count == CM_LIST_MAX) break;
    bool good = param->type == CM_INTS ? parse_int(param, item, &ints.value[count], err)
                                       : parse_real(param, item, &reals.value[count], err);
    if (!good) return false;
  }
  for (const char *rest = value; next_item(&rest, item, sizeof item);) given++;
  if (given < param->min_count || given > param->max_count || given > CM_LIST_MAX) {
    char wanted[96];
    if (param->min_count == param->max_count)
      snprintf(wanted, sizeof wanted, "%d numbers, as in 1,2,3", param->min_count);
    else
      snprintf(wanted, sizeof wanted, "%d to %d numbers separated by commas", param->min_count, param->max_count);
    return refuse_value(param, value, wanted, err);
  }
  ints.count = reals.count = count;
  if (param->type == CM_INTS)
    *(CmInts *)to = ints;
  else
    *(CmReals *)to = reals;
  return true;
}

static bool parse_value(const CmParam *param, const char *value, void *to, CmError **err) {
  switch (param->type) {
    case CM_BOOL:
      return parse_bool(param, value, to, err);
    case CM_INT:
      return parse_int(param, value, to, err);
    case CM_REAL:
      return parse_real(param, value, to, err);
    case CM_ENUM:
      return parse_enum(param, value, to, err);
    case CM_TEXT:
      return parse_text(param, value, to, err);
    case CM_INTS:
    case CM_REALS:
      return parse_list(param, value, to, err);
  }
  return false;
}

bool cm_params_set(const CmOp *op, void *params, const char *name, const char *value, CmError **err) {
  const CmParam *param = cm_op_find_param(op, name);
  if (!param) return refuse_unknown(op, name, err);
  return parse_value(param, value, (char *)params + param->offset, err);
}

bool cm_params_set_words(CmContext *ctx, const CmOp *op, void *params, const char *words, CmError **err) {
  char *copy = cm_strdup(ctx, words, err), *rest = copy;
  bool good = copy != NULL;
  for (char *word; good && (word = strsep(&rest, " \t"));) {
    if (!*word) continue;
    char *value = strchr(word, '=');
    if (value)
      *value++ = 0;
    else
      cm_error_set(err, CM_ERR_USAGE, "«%s» is not of the form name=value", word);
    good = value && cm_params_set(op, params, word, value, err);
  }
  cm_free(copy);
  return good;
}

void *cm_params_create(CmContext *ctx, const CmOp *op, CmError **err) {
  void *params = cm_calloc(ctx, 1, op->params_size, err);
  for (int i = 0; params && i < op->param_count; i++) {
    const CmParam *param = &op->params[i];
    /* An empty initial text is «none» for lists and texts: zeros. */
    if ((!*param->initial && param->type >= CM_TEXT) ||
        parse_value(param, param->initial, (char *)params + param->offset, err))
      continue;
    cm_error_context(err, "%s: the default is not valid", op->name);
    cm_free(params);
    params = NULL;
  }
  return params;
}

static void list_text(const CmParam *param, const void *from, char *to, size_t size) {
  const CmInts *ints = from;
  const CmReals *reals = from;
  int32_t count = param->type == CM_INTS ? ints->count : reals->count;
  size_t used = 0;
  to[0] = 0;
  for (int32_t i = 0; i < count && used < size; i++) {
    char number[32];
    if (param->type == CM_INTS)
      snprintf(number, sizeof number, "%lld", (long long)ints->value[i]);
    else
      cm_real_text(reals->value[i], number);
    used += (size_t)snprintf(to + used, size - used, "%s%s", i ? "," : "", number);
  }
}

const char *cm_params_get(const CmOp *op, const void *params, const CmParam *param, char *to, size_t size) {
  (void)op;
  const void *from = (const char *)params + param->offset;
  char number[32];
  switch (param->type) {
    case CM_BOOL:
      snprintf(to, size, "%s", *(const bool *)from ? "true" : "false");
      break;
    case CM_INT:
      snprintf(to, size, "%lld", (long long)*(const int64_t *)from);
      break;
    case CM_REAL:
      snprintf(to, size, "%s", cm_real_text(*(const double *)from, number));
      break;
    case CM_ENUM:
      return cm_param_choice(param, *(const int32_t *)from, to, size);
    case CM_TEXT:
      snprintf(to, size, "%s", ((const CmText *)from)->value);
      break;
    case CM_INTS:
    case CM_REALS:
      list_text(param, from, to, size);
      break;
  }
  return to;
}

char *cm_params_to_json(CmContext *ctx, const CmOp *op, const void *params, CmError **err) {
  CmTextBuffer out;
  cm__text_start(&out, ctx, err);
  cm__text_add(&out, "{");
  for (int i = 0; i < op->param_count; i++) {
    const CmParam *param = &op->params[i];
    char value[CM_LIST_MAX * 32];
    cm_params_get(op, params, param, value, sizeof value);
    cm__text_addf(&out, "%s\"%s\":", i ? "," : "", param->name);
    if (param->type == CM_ENUM || param->type == CM_TEXT)
      cm__text_add_json(&out, value);
    else if (param->type == CM_INTS || param->type == CM_REALS)
      cm__text_addf(&out, "[%s]", value);
    else if (param->type == CM_REAL)
      cm__text_add_real(&out, *(const double *)(const void *)((const char *)params + param->offset));
    else
      cm__text_add(&out, value);
  }
  cm__text_add(&out, "}");
  return cm__text_finish(&out);
}
