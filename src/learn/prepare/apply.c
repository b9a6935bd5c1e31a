#include <math.h>
#include <string.h>

#include "core/simd.h"
#include "cormack/parallel.h"
#include "learn/json.h"
#include "learn/prepare/along_time.h"
#include "learn/prepare/harmony.h"
#include "learn/prepare/impute.h"

enum { ROWS_A_BLOCK = 256 };

typedef struct Apply {
  CmContext *ctx;
  const CmPrepare *prepare;
  const double *x;
  double *to;
} Apply;

/* All that most preparations do, a row at a time. */
CM_SIMD static void fill_and_scale(const double *from, const double *fill, const double *center, const double *scale,
                                   int count, double *to) {
  for (int k = 0; k < count; k++) to[k] = ((from[k] == from[k] ? from[k] : fill[k]) - center[k]) / scale[k];
}

static void apply_plain(const CmPrepare *p, const double *x, int64_t rows, double *to) {
  for (int64_t i = 0; i < rows; i++)
    fill_and_scale(x + i * p->features, p->fill, p->center, p->scale, p->features, to + i * p->features);
}

static bool apply_rows(void *arg, CmRange range, CmError **err) {
  const Apply *a = arg;
  const CmPrepare *p = a->prepare;
  const double *from = a->x + range.begin * p->features;
  double *to = a->to + range.begin * p->width;
  if (p->kept == p->features && p->width == p->kept && !p->imputer && !p->harmony)
    return apply_plain(p, from, range.end - range.begin, to), true;
  CmArena hold = {.ctx = a->ctx};
  double *row = CM__NEW(&hold, double, p->used, err);
  double *distance = CM__NEW(&hold, double, p->imputer ? p->imputer->rows : 0, err);
  bool *missing = CM__NEW(&hold, bool, p->used, err);
  bool ok = row && distance && missing;
  for (int64_t i = range.begin; ok && i < range.end; i++, from += p->features, to += p->width) {
    for (int u = 0; u < p->used; u++) row[u] = from[p->use[u]];
    if (p->imputer) cm__impute_row(p->imputer, row, distance, missing);
    for (int u = 0; u < p->used; u++)
      if (isnan(row[u])) row[u] = p->fill[u];
    if (p->harmony) {
      int level = cm__harmony_level(p->harmony, from[p->harmony->batch], err);
      ok = level >= 0;
      if (ok) cm__harmony_row(p->harmony, level, row);
    }
    for (int k = 0; k < p->width; k++) {
      double value = k < p->kept ? row[p->place[k]] : isnan(from[p->keep[k]]);
      to[k] = (value - p->center[k]) / p->scale[k];
    }
  }
  cm__arena_free(&hold);
  return ok;
}

bool cm__prepare_apply(CmContext *ctx, const CmPrepare *p, const double *x, int64_t rows, double *to, CmError **err) {
  Apply apply = {ctx, p, x, to};
  return cm_parallel_for(ctx, NULL, rows, ROWS_A_BLOCK, apply_rows, &apply, err);
}

bool cm__prepare_note(CmLearnData *data, const CmPrepare *prepare, CmError **err) {
  const char *text[] = {prepare->imputed, prepare->left_out}, *code[] = {"imputed", "left_out"};
  for (int i = 0; i < CM_COUNT(text); i++) {
    bool said = !text[i];
    for (const CmLearnNote *note = data->notes; note && !said; note = note->next) said = !strcmp(note->text, text[i]);
    if (!said && !cm__data_note(data, err, "note", code[i], "%s", text[i])) return false;
  }
  return true;
}

/* ---- file ----------------------------------------------------------------------------------------------------------
 */

void cm__prepare_write(const CmPrepare *p, CmTextBuffer *json) {
  cm__text_addf(json, "{\"along_time\":%d,\"time\":", p->along_time);
  cm__text_add_json(json, p->time);
  cm__text_add(json, ",\"use\":");
  cm__json_ints(json, p->use, p->used);
  cm__text_add(json, ",\"fill\":");
  cm__json_reals(json, p->fill, p->used);
  cm__text_add(json, ",\"imputer\":");
  cm__impute_write(p->imputer, json);
  cm__text_add(json, ",\"harmony\":");
  cm__harmony_write(p->harmony, json);
  cm__text_add(json, ",\"keep\":");
  cm__json_ints(json, p->keep, p->kept);
  cm__text_add(json, ",\"indicators\":");
  cm__json_ints(json, p->keep + p->kept, p->width - p->kept);
  cm__text_add(json, ",\"center\":");
  cm__json_reals(json, p->center, p->width);
  cm__text_add(json, ",\"scale\":");
  cm__json_reals(json, p->scale, p->width);
  cm__text_add(json, "}");
}

/* Features in rising order. */
static int *read_features(CmArena *hold, const json_t *json, const char *where, int least, int features, int *count,
                          CmError **err) {
  int64_t size = (int64_t)json_array_size(json);
  if (!json_is_array(json) || size < least || size > features) return cm__json_refuse(err, where), NULL;
  int *feature = cm__json_read_ints(hold, json, where, size, 0, features - 1, err);
  for (int64_t i = 1; feature && i < size; i++)
    if (feature[i] <= feature[i - 1]) return cm__json_refuse(err, where), NULL;
  *count = (int)size;
  return feature;
}

/* keep and indicators in one, and where they lie among the used. */
static bool join(CmArena *hold, CmPrepare *p, const int *keep, const int *indicator, CmError **err) {
  p->keep = CM__NEW(hold, int, p->width, err);
  p->place = CM__NEW(hold, int, p->width, err);
  if (!p->keep || !p->place) return false;
  for (int k = 0; k < p->width; k++) {
    int u = k && k != p->kept ? p->place[k - 1] : 0; /* both parts rise */
    p->keep[k] = k < p->kept ? keep[k] : indicator[k - p->kept];
    while (u < p->used && p->use[u] < p->keep[k]) u++;
    if (u == p->used || p->use[u] != p->keep[k]) return cm__json_refuse(err, "prepare.keep");
    p->place[k] = u;
  }
  return true;
}

/* Format 2 had neither columns that are only read, nor imputers, nor indicators. */
static bool read_old(CmArena *hold, const json_t *json, CmPrepare *p, CmError **err) {
  const json_t *keep, *fill, *center, *scale;
  CmJsonMember members[] = {{"keep", &keep}, {"fill", &fill}, {"center", &center}, {"scale", &scale}};
  if (!cm__json_members(json, "prepare", members, CM_COUNT(members), err)) return false;
  p->use = read_features(hold, keep, "prepare.keep", 1, p->features, &p->used, err);
  if (!p->use) return false;
  p->kept = p->width = p->used;
  p->fill = cm__json_read_reals(hold, fill, "prepare.fill", p->used, true, err);
  p->center = cm__json_read_reals(hold, center, "prepare.center", p->width, false, err);
  p->scale = cm__json_read_reals(hold, scale, "prepare.scale", p->width, false, err);
  return p->fill && p->center && p->scale && join(hold, p, p->use, NULL, err);
}

bool cm__prepare_read(CmArena *hold, const json_t *json, int version, int features, CmPrepare *p, CmError **err) {
  *p = (CmPrepare){.features = features};
  if (version == 2) return read_old(hold, json, p, err);
  const json_t *along_time, *time, *use, *fill, *imputer, *harmony, *keep, *indicators, *center, *scale;
  CmJsonMember members[] = {
      {"along_time", &along_time}, {"time", &time},       {"use", &use},   {"fill", &fill},
      {"imputer", &imputer},       {"harmony", &harmony}, {"keep", &keep}, {"indicators", &indicators},
      {"center", &center},         {"scale", &scale}};
  if (!cm__json_members(json, "prepare", members, CM_COUNT(members), err)) return false;
  int more;
  if (!json_is_integer(along_time) || json_integer_value(along_time) < 0 ||
      json_integer_value(along_time) > CM__ALONG_PREVIOUS || !json_integer_value(along_time) != json_is_null(time) ||
      (!json_is_null(time) && !json_is_string(time)))
    return cm__json_refuse(err, "prepare.along_time");
  p->along_time = (int)json_integer_value(along_time);
  p->time = cm__arena_strdup(hold, json_string_value(time), err);
  if (p->along_time && !p->time) return false;
  p->use = read_features(hold, use, "prepare.use", 1, features, &p->used, err);
  int *kept = p->use ? read_features(hold, keep, "prepare.keep", 1, features, &p->kept, err) : NULL;
  int *indicator = kept ? read_features(hold, indicators, "prepare.indicators", 0, features, &more, err) : NULL;
  if (!indicator) return false;
  p->width = p->kept + more;
  p->fill = cm__json_read_reals(hold, fill, "prepare.fill", p->used, true, err);
  p->center = cm__json_read_reals(hold, center, "prepare.center", p->width, false, err);
  p->scale = cm__json_read_reals(hold, scale, "prepare.scale", p->width, false, err);
  return p->fill && p->center && p->scale && join(hold, p, kept, indicator, err) &&
         cm__impute_read(hold, imputer, p->used, &p->imputer, err) &&
         cm__harmony_read(hold, harmony, features, p->used, &p->harmony, err);
}
