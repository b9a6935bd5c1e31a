/* What a fit tells: which features were filled, and which went and why. */
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "learn/prepare/fit.h"

#define MOST_NAMED 12

/* A list that ends in «and 31 more». */
typedef struct Names {
  CmTextBuffer *text;
  int count;
} Names;

static void add_name(Names *names, const char *name, int64_t cells) {
  if (names->count++ >= MOST_NAMED) return;
  cm__text_addf(names->text, "%s%.60s", names->count > 1 ? ", " : " ", name);
  if (cells) cm__text_addf(names->text, " (%lld)", (long long)cells);
}

static void end_names(const Names *names) {
  if (names->count > MOST_NAMED) cm__text_addf(names->text, " and %d more", names->count - MOST_NAMED);
}

static const char *how_filled(const CmPrepareParams *params) {
  switch (params->impute) {
    case CM_IMPUTE_MEAN:
      return "by the mean";
    case CM_IMPUTE_KNN:
      return "by the nearest rows";
    case CM_IMPUTE_ITERATIVE:
      return "by regression on the other features";
    default:
      return "by the median";
  }
}

static void tell_filled(const CmFit *fit, const CmLearnData *data, CmTextBuffer *text) {
  int64_t cells = 0;
  int features = 0;
  for (int j = 0; j < fit->features; j++) {
    if (fit->column[j].gone || !fit->column[j].missing) continue;
    cells += fit->column[j].missing;
    features++;
  }
  if (!features) return;
  cm__text_addf(text, "%lld missing value%s of %d feature%s filled %s:", (long long)cells, cells == 1 ? "" : "s",
                features,
                cells == 1      ? " is"
                : features == 1 ? " are"
                                : "s are",
                how_filled(fit->params));
  Names names = {text, 0};
  for (int j = 0; j < fit->features; j++)
    if (!fit->column[j].gone && fit->column[j].missing) add_name(&names, data->feature[j], fit->column[j].missing);
  end_names(&names);
  cm__text_add(text, ".");
}

static bool told_before(const CmFit *fit, int j) {
  for (int k = 0; k < j; k++)
    if (fit->column[k].gone && !strcmp(fit->column[k].gone, fit->column[j].gone)) return true;
  return false;
}

static void tell_gone(const CmFit *fit, const CmLearnData *data, CmTextBuffer *text) {
  int gone = 0;
  for (int j = 0; j < fit->features; j++) gone += fit->column[j].gone && *fit->column[j].gone;
  if (!gone) return;
  cm__text_addf(text, "The preparation leaves out %d of %d features;", gone, fit->features);
  const char *comma = "";
  for (int j = 0; j < fit->features; j++) {
    const char *why = fit->column[j].gone;
    if (!why || !*why || told_before(fit, j)) continue;
    cm__text_addf(text, "%s %s:", comma, why);
    comma = ";";
    Names names = {text, 0};
    for (int k = j; k < fit->features; k++)
      if (fit->column[k].gone && !strcmp(fit->column[k].gone, why)) add_name(&names, data->feature[k], 0);
    end_names(&names);
  }
  cm__text_add(text, ".");
}

static bool told(CmArena *hold, CmTextBuffer *text, const char **note, CmError **err) {
  bool any = text->size > 0 || text->failed;
  char *made = any ? cm__text_finish(text) : NULL;
  *note = made ? cm__arena_strdup(hold, made, err) : NULL;
  cm_free(made);
  return !any || *note;
}

bool cm__fit_notes(CmArena *hold, const CmFit *fit, const CmLearnData *data, bool fill, CmPrepare *prepare,
                   CmError **err) {
  CmTextBuffer filled, gone;
  cm__text_start(&filled, hold->ctx, err);
  cm__text_start(&gone, hold->ctx, err);
  if (fill) tell_filled(fit, data, &filled);
  tell_gone(fit, data, &gone);
  bool ok = told(hold, &filled, &prepare->imputed, err);
  return told(hold, &gone, &prepare->left_out, err) && ok;
}
