/* Batches by name: in tables and in model files. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "learn/json.h"
#include "learn/prepare/harmony.h"

static bool refuse_level(const CmHarmony *h, const char *level, CmError **err) {
  char known[400] = "";
  for (int b = 0; b < h->levels; b++) {
    size_t used = strlen(known);
    if (h->rows[b] && used + strlen(h->level[b]) + 8 < sizeof known)
      snprintf(known + used, sizeof known - used, "%s\"%s\"", used ? ", " : "", h->level[b]);
  }
  cm_error_set(err, CM_ERR_DATA,
               "batch \"%s\" has no training row, so that ComBat cannot harmonise it; trained on: %s. Use fewer folds, or train again with rows of it",
               level, known);
  return false;
}

int cm__harmony_level(const CmHarmony *h, double number, CmError **err) {
  int level = number >= 0 && number < h->levels ? (int)number : -1;
  if (level >= 0 && h->rows[level]) return level;
  refuse_level(h, level >= 0 ? h->level[level] : "?", err);
  return -1;
}

bool cm__harmony_encode(const CmHarmony *h, const CmTable *table, int column, double *to, int stride, CmError **err) {
  for (int64_t i = 0; i < cm_table_rows(table); i++) {
    char cell[CM_TEXT_MAX];
    const char *text = cm_table_is_missing(table, i, column) ? "" : cm_table_cell(table, i, column, cell, sizeof cell);
    int level = 0;
    while (level < h->levels && (!h->rows[level] || strcmp(h->level[level], text))) level++;
    if (level == h->levels) {
      refuse_level(h, text, err);
      cm_error_context(err, "row %lld", (long long)i + 1);
      return false;
    }
    to[i * stride] = level;
  }
  return true;
}

void cm__harmony_write(const CmHarmony *h, CmTextBuffer *json) {
  if (!h) {
    cm__text_add(json, "null");
    return;
  }
  int64_t cells = (int64_t)h->levels * h->columns;
  cm__text_addf(json, "{\"batch\":%d,\"levels\":[", h->batch);
  for (int b = 0; b < h->levels; b++) {
    cm__text_add(json, b ? "," : "");
    cm__text_add_json(json, h->level[b]);
  }
  cm__text_add(json, "],\"rows\":");
  cm__json_ints(json, h->rows, h->levels);
  cm__text_add(json, ",\"covariates\":");
  cm__json_ints(json, h->covariate, h->covariates);
  cm__text_add(json, ",\"columns\":");
  cm__json_ints(json, h->column, h->columns);
  cm__text_add(json, ",\"mean\":");
  cm__json_reals(json, h->mean, h->columns);
  cm__text_add(json, ",\"deviation\":");
  cm__json_reals(json, h->deviation, h->columns);
  cm__text_add(json, ",\"slope\":");
  cm__json_reals(json, h->slope, (int64_t)h->columns * h->covariates);
  cm__text_add(json, ",\"shift\":");
  cm__json_reals(json, h->shift, cells);
  cm__text_add(json, ",\"spread\":");
  cm__json_reals(json, h->spread, cells);
  cm__text_add(json, "}");
}

static bool read_levels(CmArena *hold, const json_t *levels, CmHarmony *h, CmError **err) {
  h->level = CM__NEW(hold, const char *, h->levels, err);
  for (int b = 0; h->level && b < h->levels; b++) {
    const json_t *text = json_array_get(levels, (size_t)b);
    if (!json_is_string(text)) return cm__json_refuse(err, "prepare.harmony.levels");
    if (!(h->level[b] = cm__arena_strdup(hold, json_string_value(text), err))) return false;
  }
  return h->level != NULL;
}

bool cm__harmony_read(CmArena *hold, const json_t *json, int features, int used, CmHarmony **harmony, CmError **err) {
  *harmony = NULL;
  if (json_is_null(json)) return true;
  const json_t *batch, *levels, *rows, *covariates, *columns, *mean, *deviation, *slope, *shift, *spread;
  CmJsonMember members[] = {{"batch", &batch},     {"levels", &levels}, {"rows", &rows},
                            {"covariates", &covariates}, {"columns", &columns}, {"mean", &mean},
                            {"deviation", &deviation}, {"slope", &slope}, {"shift", &shift}, {"spread", &spread}};
  if (!cm__json_members(json, "prepare.harmony", members, CM_COUNT(members), err)) return false;
  int64_t level_count = (int64_t)json_array_size(levels), lines = (int64_t)json_array_size(covariates),
          count = (int64_t)json_array_size(columns);
  if (!json_is_integer(batch) || json_integer_value(batch) < 0 || json_integer_value(batch) >= features ||
      level_count < 1 || level_count > CM__MOST_LEVELS || lines > used || count > used)
    return cm__json_refuse(err, "prepare.harmony");
  CmHarmony *h = *harmony = CM__NEW(hold, CmHarmony, 1, err);
  if (!h) return false;
  *h = (CmHarmony){.batch = (int)json_integer_value(batch),
                   .levels = (int)level_count,
                   .covariates = (int)lines,
                   .columns = (int)count};
  if (!read_levels(hold, levels, h, err)) return false;
  h->rows = cm__json_read_ints(hold, rows, "prepare.harmony.rows", level_count, 0, INT32_MAX, err);
  h->covariate = cm__json_read_ints(hold, covariates, "prepare.harmony.covariates", lines, 0, used - 1, err);
  h->column = cm__json_read_ints(hold, columns, "prepare.harmony.columns", count, 0, used - 1, err);
  h->mean = cm__json_read_reals(hold, mean, "prepare.harmony.mean", count, false, err);
  h->deviation = cm__json_read_reals(hold, deviation, "prepare.harmony.deviation", count, false, err);
  h->slope = cm__json_read_reals(hold, slope, "prepare.harmony.slope", count * lines, false, err);
  h->shift = cm__json_read_reals(hold, shift, "prepare.harmony.shift", count * level_count, false, err);
  h->spread = cm__json_read_reals(hold, spread, "prepare.harmony.spread", count * level_count, false, err);
  return h->rows && h->covariate && h->column && h->mean && h->deviation && h->slope && h->shift && h->spread;
}
