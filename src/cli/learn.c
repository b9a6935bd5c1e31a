#include "cli/learn.h"

#include <string.h>

/* Splits "a,b,c" in place. */
static bool split_names(CmCli *cli, const char *text, char **copy, const char **names, int *count, CmError **err) {
  if (!*text) return true;
  *copy = cm_strdup(cli->ctx, text, err);
  if (!*copy) return false;
  char *rest = *copy;
  for (char *name; (name = strsep(&rest, ","));) {
    if (!*name) continue;
    if (*count == CM__MOST_NAMES) {
      cm_error_set(err, CM_ERR_USAGE, "more than %d names are given; leave columns out of the table instead",
                   CM__MOST_NAMES);
      return false;
    }
    names[(*count)++] = name;
  }
  return true;
}

static const char *given(const CmText *text) {
  return *text->value ? text->value : NULL;
}

/* A model of this kind was there before: the second is «svm 2». */
static void name_learner(CmLearnWords *words) {
  CmLearner *learner = &words->learner[words->count];
  int same = 1;
  for (int i = 0; i < words->count; i++) same += words->learner[i].kind == learner->kind;
  if (same == 1) return;
  snprintf(words->name[words->count], sizeof words->name[0], "%.60s %d", learner->kind->about.name, same);
  learner->name = words->name[words->count];
}

/* Several values, or two numbers with dots between: the parameter is to be chosen. */
static bool is_choice(const char *word) {
  const char *value = strchr(word, '=');
  return value && (strchr(value, '|') || strstr(value, ".."));
}

/* Sets the parameters that have one value; the others go to `search`, with `prefix`. */
static bool set_or_search(CmCli *cli, const CmOp *about, void *params, const char *words, const char *prefix,
                          char **search, CmError **err) {
  char *copy = cm_strdup(cli->ctx, words, err), *rest = copy;
  bool good = copy != NULL;
  for (char *word; good && (word = strsep(&rest, " \t"));) {
    if (!is_choice(word)) {
      good = cm_params_set_words(cli->ctx, about, params, word, err);
      continue;
    }
    char *longer = cm_sprintf(cli->ctx, err, "%s%s%s%s", *search ? *search : "", *search ? " " : "", prefix, word);
    good = longer != NULL;
    cm_free(*search);
    *search = longer;
  }
  cm_free(copy);
  return good;
}

/* What is to be chosen of the preparation is chosen for each model. */
static bool share_search(CmCli *cli, CmLearnWords *words, CmError **err) {
  for (int i = 0; i < words->count; i++) {
    CmLearner *learner = &words->learner[i];
    char **own = &words->search[i];
    learner->tune = words->tune;
    learner->recalibrate = words->recalibrate;
    if (words->prepare_search) {
      char *both = cm_sprintf(cli->ctx, err, "%s%s%s", *own ? *own : "", *own ? " " : "", words->prepare_search);
      if (!both) return false;
      cm_free(*own);
      *own = both;
    }
    learner->search = *own;
  }
  return true;
}

static bool add_word(CmCli *cli, const char *word, CmLearnWords *words, CmError **err) {
  char name[64];
  size_t length = strcspn(word, " \t");
  snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), word);
  if (!strcmp(name, "prepare"))
    return set_or_search(cli, cm_prepare_about(), words->prepare, word + length, "prepare.", &words->prepare_search,
                         err);
  if (!strcmp(name, "tune")) return cm_params_set_words(cli->ctx, cm_tune_about(), words->tune, word + length, err);
  if (!strcmp(name, "recalibrate"))
    return cm_params_set_words(cli->ctx, cm_recalibrate_about(), words->recalibrate, word + length, err);
  if (!strcmp(name, "validate"))
    return cm_params_set_words(cli->ctx, cm_validate_about(), words->validate, word + length, err);
  if (words->count == CM__MOST_LEARNERS) {
    cm_error_set(err, CM_ERR_USAGE, "more than %d models are named; run twice", CM__MOST_LEARNERS);
    return false;
  }
  CmLearner *learner = &words->learner[words->count];
  learner->kind = cm_model_kind_get(name, err);
  if (!learner->kind) return false;
  void *params = words->params[words->count] = cm_params_create(cli->ctx, &learner->kind->about, err);
  if (!params) return false;
  learner->params = params;
  learner->prepare = words->prepare;
  name_learner(words);
  words->count++;
  return set_or_search(cli, &learner->kind->about, params, word + length, "", &words->search[words->count - 1], err);
}

bool cm__learn_words(CmCli *cli, const CmLearnOptions *options, int count, char **words, CmLearnWords *result,
                     CmError **err) {
  *result = (CmLearnWords){0};
  CmLearnColumns *c = &result->columns;
  if (!strchr(options->target.value, ',')) c->target = given(&options->target);
  c->positive = given(&options->positive);
  c->subject = given(&options->subject);
  c->time = given(&options->time);
  c->outcome_time = given(&options->outcome_time);
  c->hold_out = given(&options->hold_out_column);
  c->group = given(&options->group);
  c->task = given(&options->task);
  c->event = given(&options->event);
  c->allow = given(&options->allow);
  c->start = given(&options->start);
  if (!split_names(cli, options->features.value, &result->text[0], result->names[0], &c->feature_count, err) ||
      !split_names(cli, options->ignore.value, &result->text[1], result->names[1], &c->ignore_count, err) ||
      !split_names(cli, options->order.value, &result->text[2], result->names[2], &c->order_count, err) ||
      !split_names(cli, options->subgroups.value, &result->text[3], result->names[3], &c->subgroup_count, err) ||
      (!c->target &&
       !split_names(cli, options->target.value, &result->text[4], result->names[4], &c->label_count, err)))
    return false;
  if (c->feature_count) c->features = result->names[0];
  c->ignore = result->names[1];
  c->order = result->names[2];
  c->subgroups = result->names[3];
  c->labels = result->names[4];
  result->prepare = cm_params_create(cli->ctx, cm_prepare_about(), err);
  result->validate = cm_params_create(cli->ctx, cm_validate_about(), err);
  result->tune = cm_params_create(cli->ctx, cm_tune_about(), err);
  result->recalibrate = cm_params_create(cli->ctx, cm_recalibrate_about(), err);
  if (!result->prepare || !result->validate || !result->tune || !result->recalibrate) return false;
  for (int i = 0; i < count; i++)
    if (!add_word(cli, words[i], result, err)) return false;
  if (!result->count) cm_error_set(err, CM_ERR_USAGE, "no model is named; add one, e.g. logistic or \"svm C=2\"");
  return result->count > 0 && share_search(cli, result, err);
}

void cm__learn_words_free(CmLearnWords *words) {
  for (int i = 0; i < CM_COUNT(words->text); i++) cm_free(words->text[i]);
  for (int i = 0; i < CM__MOST_LEARNERS; i++) {
    cm_free(words->params[i]);
    cm_free(words->search[i]);
  }
  cm_free(words->prepare_search);
  cm_free(words->tune);
  cm_free(words->recalibrate);
  cm_free(words->prepare);
  cm_free(words->validate);
}
