/* Before a validation runs: who is held out, who is in which fold, and room for what comes out. */
#include "learn/levels.h"
#include "learn/numbers.h"
#include "learn/result.h"
#include "learn/rng.h"
#include "learn/split.h"
#include "learn/strata.h"

/* ---- who is held out, who is in which fold
 * ---------------------------------------------------------------------------- */

bool cm__trial_check(const CmTrial *trial, CmError **err) {
  const CmLearnColumns *columns = trial->columns;
  const CmValidateParams *p = &trial->params;
  bool held = p->hold_out > 0 || columns->hold_out;
  const char *wrong = p->folds == 1 ? "folds: one fold leaves no training rows; use 2 or more, or 0 for none"
                      : columns->group && p->repeats > 1
                          ? "repeats: groups can be left out in one way; use repeats=1, or folds by subject"
                      : p->folds == 0 && !held && !columns->group && !p->optimism
                          ? "folds: without folds a hold-out is needed; set folds, hold_out or optimism"
                      : p->hold_out > 0 && columns->hold_out
                          ? "hold_out: a share and a column are given; give one of them"
                      : p->temporal && !held ? "temporal: it needs a hold-out; set hold_out, or name its column"
                      : p->temporal && !columns->time ? "temporal: it needs a time column; name it"
                                                      : NULL;
  if (wrong) cm_error_set(err, CM_ERR_PARAMETER, "%s", wrong);
  return !wrong;
}

/* Hold-out and folds have their share of each stratum, if each has subjects enough. */
static bool set_strata(CmTrial *trial, CmStrata *all, CmError **err) {
  CmLearnData *data = &trial->data;
  const CmValidateParams *p = &trial->params;
  int64_t *every = CM__NEW(&data->hold, int64_t, data->rows, err);
  if (!every) return false;
  for (int64_t i = 0; i < data->rows; i++) every[i] = i;
  if (data->event && !cm__survival_moments(&data->hold, data, &p->horizons, &trial->moments, err)) return false;
  trial->width = cm__width(data->task, data->classes) + trial->moments.count;
  double wanted = (double)(p->folds + 2) / (1 - p->hold_out);
  if (!(data->labels ? cm__stratify_labels(&data->hold, data, wanted, all, err)
                     : cm__stratify(&data->hold, data, every, data->rows, wanted, all, err)))
    return false;
  trial->strata = all->strata;
  trial->stratum = all->stratum;
  return true;
}

static bool choose_held(CmTrial *trial, CmError **err) {
  CmLearnData *data = &trial->data;
  const CmValidateParams *p = &trial->params;
  if (!data->held && p->hold_out > 0) {
    data->held = CM__NEW(&data->hold, uint8_t, data->rows, err);
    if (!data->held || !cm__split_hold_out(trial->ctx, trial->stratum, trial->strata, data->subject, data->subjects,
                                           data->rows, p->hold_out, p->temporal ? data->when : NULL,
                                           cm__stream((uint64_t)p->seed, CM__STREAM_HOLD_OUT, 0), data->held, err))
      return false;
  }
  return !data->held || cm__leak_check_split(data, data->held, p->temporal, p->allow.value, err);
}

/* Takes the rows whose mark is `mark`. */
static bool take_rows(CmTrial *trial, uint8_t mark, int64_t *count, int64_t **rows, int **y, int64_t **subject,
                      int64_t *subjects, CmError **err) {
  CmLearnData *data = &trial->data;
  *rows = CM__NEW(&data->hold, int64_t, data->rows, err);
  *y = CM__NEW(&data->hold, int, data->rows, err);
  *subject = CM__NEW(&data->hold, int64_t, data->rows, err);
  if (!*rows || !*y || !*subject) return false;
  for (int64_t i = 0; i < data->rows; i++) {
    if ((data->held ? data->held[i] : 0) != mark) continue;
    (*rows)[*count] = i;
    (*y)[*count] = data->labels ? data->y[i] : trial->stratum[i];
    (*subject)[(*count)++] = data->subject[i];
  }
  return cm__compact_subjects(&data->hold, *subject, *count, subjects, err);
}

static bool enough_subjects(CmTrial *trial, CmError **err) {
  const CmLearnData *data = &trial->data;
  int64_t least = trial->params.folds > 2 && !trial->columns->group ? trial->params.folds : 2, have;
  int few, parts = data->labels ? data->classes : trial->strata;
  if (!cm__fewest_subjects(trial->ctx, trial->pool_y, parts, trial->pool_subject, trial->pool_subjects,
                           trial->pool_rows, &few, &have, err))
    return false;
  if (have >= least) return true;
  cm_error_set(err, CM_ERR_DATA,
               "%s%s%s of %s has %lld subjects for training, too few for %lld folds; use fewer folds, a smaller "
               "hold-out or more subjects",
               data->classes ? "class \"" : "", data->classes ? data->class_name[few] : "a part",
               data->classes ? "\"" : "", data->target, (long long)have, (long long)trial->params.folds);
  return false;
}

/* No subject may have rows in two groups: it would be trained and tested on. */
static bool check_groups(CmTrial *trial, const CmLevels *levels, CmError **err) {
  CmLearnData *data = &trial->data;
  const char *name = trial->columns->group;
  int *of = CM__NEW(&data->hold, int, data->subjects, err);
  for (int64_t i = 0; of && i < data->rows; i++) {
    int *known = &of[data->subject[i]];
    if (levels->of[i] < 0) {
      cm_error_set(err, CM_ERR_DATA, "group: row %lld has no \"%s\"; fill it, or leave the row out",
                   (long long)data->row[i] + 1, name);
      return false;
    }
    if (*known && *known != levels->of[i] + 1) {
      const char *subject = data->subject_name[data->subject[i]];
      return cm__leak_found(data, trial->params.allow.value, "subject_overlap", err,
                            "subject \"%s\" has rows in \"%s\" and \"%s\" of %s; put all its rows into one",
                            subject ? subject : "?", levels->name[*known - 1], levels->name[levels->of[i]], name);
    }
    *known = levels->of[i] + 1;
  }
  return of != NULL;
}

/* Each group of the pool is a fold. */
static bool fold_groups(CmTrial *trial, CmError **err) {
  CmArena *hold = &trial->data.hold;
  CmLevels levels;
  int number[CM__MOST_LEVELS];
  if (!cm__levels_read(hold, &trial->data, trial->columns->group, "group", &levels, err) ||
      !check_groups(trial, &levels, err))
    return false;
  trial->fold = CM__NEW(hold, int, trial->pool_rows, err);
  trial->fold_name = CM__NEW(hold, const char *, levels.count, err);
  if (!trial->fold || !trial->fold_name) return false;
  trial->params.folds = 0;
  for (int l = 0; l < levels.count; l++) {
    number[l] = -1;
    for (int64_t i = 0; i < trial->pool_rows; i++) {
      if (levels.of[trial->pool[i]] != l) continue;
      if (number[l] < 0) {
        trial->fold_name[trial->params.folds] = levels.name[l];
        number[l] = (int)trial->params.folds++;
      }
      trial->fold[i] = number[l];
    }
  }
  if (trial->params.folds > 1) return true;
  cm_error_set(err, CM_ERR_DATA, "group: \"%s\" has one value among the rows to train on; two or more are needed",
               trial->columns->group);
  return false;
}

/* Those that fewer subjects than folds have are joined as the last part, until it has enough. */
static bool join_few(const CmTrial *trial, int *part, int *parts, CmError **err) {
  while (*parts > 1) {
    int few;
    int64_t have;
    if (!cm__fewest_subjects(trial->ctx, part, *parts, trial->pool_subject, trial->pool_subjects, trial->pool_rows,
                             &few, &have, err))
      return false;
    if (have >= trial->params.folds) return true;
    const int last = --*parts;
    for (int64_t i = 0; i < trial->pool_rows; i++)
      part[i] = part[i] == few || part[i] == last ? last - 1 : part[i] == last - 1 && few != last ? few : part[i];
  }
  return true;
}

/* What the folds have their share of: pool_y, but for several targets, whose combinations are those of all rows. */
static const int *fold_parts(CmTrial *trial, int *parts, CmError **err) {
  int *part = CM__NEW(&trial->data.hold, int, trial->pool_rows, err);
  *parts = trial->strata;
  for (int64_t i = 0; part && i < trial->pool_rows; i++) part[i] = trial->stratum[trial->pool[i]];
  return part && (!trial->data.labels || join_few(trial, part, parts, err)) ? part : NULL;
}

static bool plan(CmTrial *trial, CmError **err) {
  CmLearnData *data = &trial->data;
  const CmValidateParams *p = &trial->params;
  CmStrata all;
  if (!set_strata(trial, &all, err) || !choose_held(trial, err)) return false;
  if (!take_rows(trial, 0, &trial->pool_rows, &trial->pool, &trial->pool_y, &trial->pool_subject, &trial->pool_subjects,
                 err))
    return false;
  if (data->held && !take_rows(trial, 1, &trial->held_rows, &trial->held, &trial->held_y, &trial->held_subject,
                               &trial->held_subjects, err))
    return false;
  if (!enough_subjects(trial, err)) return false;
  if (trial->columns->group) return fold_groups(trial, err);
  if (!p->folds) return true;
  size_t cells;
  int parts;
  const int *part = fold_parts(trial, &parts, err);
  if (!part || !cm_size_multiply((size_t)p->repeats, (size_t)trial->pool_rows, &cells, err) ||
      !(trial->fold = CM__NEW(&data->hold, int, cells, err)))
    return false;
  for (int64_t r = 0; r < p->repeats; r++)
    if (!cm__split_folds(trial->ctx, part, parts, trial->pool_subject, trial->pool_subjects, trial->pool_rows,
                         (int)p->folds, cm__stream((uint64_t)p->seed, CM__STREAM_FOLDS, (uint64_t)r),
                         trial->fold + r * trial->pool_rows, err))
      return false;
  return true;
}

/* Room for what comes out, before the jobs start: they must not share a growing hold. */
static bool make_room(CmTrial *trial, CmError **err) {
  CmArena *hold = &trial->data.hold;
  const CmValidateParams *p = &trial->params;
  int64_t k = trial->width, d = trial->data.features, outputs = cm__outputs(trial->data.task, trial->data.classes),
          width = outputs * (d + 1);
  trial->drop_is_held = p->folds == 0;
  trial->drops = (int)p->permutations * (trial->drop_is_held ? 1 : (int)p->folds);
  trial->jobs = 1 + p->folds * p->repeats;
  trial->outcome = CM__NEW(hold, CmOutcome, trial->count, err);
  if (!trial->outcome) return false;
  for (int l = 0; l < trial->count; l++) {
    CmOutcome *o = &trial->outcome[l];
    bool shap = p->explain && trial->learners[l].kind->explains_rows;
    o->p = CM__NEW(hold, double, p->folds ? p->repeats * trial->pool_rows *k : 0, err);
    o->held_p = CM__NEW(hold, double, trial->held_rows *k, err);
    o->drop = CM__NEW(hold, double, d * trial->drops, err);
    o->tuning = CM__NEW(hold, CmTuning, trial->jobs, err);
    if (!o->p || !o->held_p || !o->drop || !o->tuning) return false;
    if (trial->learners[l].recalibrate && trial->learners[l].recalibrate->method) {
      o->raw_p = CM__NEW(hold, double, p->folds ? p->repeats * trial->pool_rows *k : 0, err);
      o->raw_held_p = CM__NEW(hold, double, trial->held_rows *k, err);
      if (!o->raw_p || !o->raw_held_p) return false;
    }
    if (!shap) continue;
    o->shap = CM__NEW(hold, double, p->folds ? trial->pool_rows *width : 0, err);
    o->held_shap = CM__NEW(hold, double, trial->held_rows *width, err);
    if (!o->shap || !o->held_shap) return false;
  }
  return true;
}

bool cm__trial_plan(CmTrial *trial, CmError **err) {
  return plan(trial, err) && make_room(trial, err);
}
