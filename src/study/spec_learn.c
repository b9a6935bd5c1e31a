/* «learn:» and «explain:» of a study file. The parameters of models, preparation and validation are those that the
 * learning room describes; nothing of them is repeated here. */
#include <stdio.h>
#include <string.h>

#include "study/spec.h"

static const char *const learn_keys[] = {"table",    "target", "positive", "row",     "visit",     "aggregate",
                                         "features", "ignore", "models",   "prepare", "validate",  "seed",
                                         "task",     "event",  "order",    "tune",    "subgroups", "recalibrate"};
const char *const cm__spec_row_names[3] = {"subject", "visit", "image"};
const char *const cm__spec_visit_names[3] = {"first", "last", "all"};
const char *const cm__spec_how_names[10] = {"count",  "largest", "smallest", "sum", "mean",
                                            "median", "min",     "max",      "std", "by"};

/* ---- tables and how many rows become one ----------------------------------------------------------------------------
 */

static void parse_aggregate(CmSpec *spec, CmSpecSource *source, const CmYaml *node) {
  if (!node) return;
  if (node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node, "aggregate must be e.g. {largest: volume, count: true, mean: all}, not %s",
                    cm__yaml_kind_name(node));
    return;
  }
  cm__yaml_known_keys(&spec->problems, node, cm__spec_how_names, CM_COUNT(cm__spec_how_names), "aggregate");
  source->aggregates =
      cm__arena_alloc(&spec->arena, (size_t)node->count, sizeof *source->aggregates, &spec->problems.failure);
  if (!source->aggregates) return;
  for (int i = 0; i < node->count; i++) {
    int how = 0;
    while (how < CM_COUNT(cm__spec_how_names) && strcmp(cm__spec_how_names[how], node->keys[i]->text) != 0) how++;
    if (how == CM_COUNT(cm__spec_how_names)) continue;
    CmSpecAggregate *to = &source->aggregates[source->aggregate_count++];
    *to = (CmSpecAggregate){.how = (CmAggregateHow)how, .at = node->keys[i]};
    bool on = true;
    if (how == CM__AGG_COUNT) {
      cm__yaml_bool(&spec->problems, node, "count", &on);
      if (!on) source->aggregate_count--;
      continue;
    }
    to->columns = cm__yaml_texts(&spec->problems, node->items[i], "a column", &to->column_count);
    bool one = how == CM__AGG_LARGEST || how == CM__AGG_SMALLEST || how == CM__AGG_BY;
    if (one && to->column_count > 1)
      cm__problem_add(&spec->problems, node->items[i], "aggregate: «%s» takes one column, and %d are given",
                      cm__spec_how_names[how], to->column_count);
    if (!one && to->column_count == 1 && strcmp(to->columns[0], "all") == 0) to->columns = NULL;
  }
}

static void parse_source(CmSpec *spec, CmSpecSource *source, const CmYaml *node, const CmYaml *aggregate) {
  static const char *const keys[] = {"of", "aggregate"};
  const char *name = NULL;
  const CmYaml *at = node;
  if (node->kind == CM__YAML_MAP) {
    cm__yaml_known_keys(&spec->problems, node, keys, CM_COUNT(keys), "a table of learn");
    at = cm__yaml_get(node, "of");
    if (!at) cm__problem_add(&spec->problems, node, "learn: a table needs of: the step that makes it");
    cm__yaml_text(&spec->problems, node, "of", &name);
    if (cm__yaml_get(node, "aggregate")) aggregate = cm__yaml_get(node, "aggregate");
  } else if (node->kind == CM__YAML_SCALAR && !cm__yaml_is_null(node)) {
    name = node->text;
  } else {
    cm__problem_add(&spec->problems, node, "learn: table must name a step, not %s", cm__yaml_kind_name(node));
  }
  source->ref = (CmSpecRef){.input = -1, .step = -1};
  if (name && cm__spec_ref(spec, at, name, CM_KIND_TABLE, "learn: table", &source->ref) &&
      source->ref.when != CM__WHEN_SAME)
    cm__problem_add(&spec->problems, at,
                    "learn: «%s» cannot name one of two visits; leave the @ away and use visit: first or last", name);
  parse_aggregate(spec, source, aggregate);
}

void cm__spec_rows(CmSpec *spec, const CmYaml *node) {
  CmSpecLearn *learn = &spec->learn;
  const CmYaml *table = cm__yaml_get(node, "table"), *aggregate = cm__yaml_get(node, "aggregate");
  if (!table) {
    cm__problem_add(&spec->problems, learn->at, "%s needs table: the step whose table holds the features",
                    learn->at->text);
    return;
  }
  bool several = table->kind == CM__YAML_LIST;
  int count = several ? table->count : 1;
  if (count == 0) cm__problem_add(&spec->problems, table, "learn: table is an empty list");
  learn->sources = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *learn->sources, &spec->problems.failure);
  if (!learn->sources) return;
  for (int i = 0; i < count; i++)
    parse_source(spec, &learn->sources[learn->source_count++], several ? table->items[i] : table, aggregate);
  learn->row = spec->labels.time ? CM__ROW_VISIT : CM__ROW_SUBJECT;
  cm__yaml_choice(&spec->problems, node, "row", cm__spec_row_names, CM_COUNT(cm__spec_row_names), &learn->row);
  cm__yaml_choice(&spec->problems, node, "visit", cm__spec_visit_names, CM_COUNT(cm__spec_visit_names), &learn->visit);
  if (spec->labels.time && learn->row == CM__ROW_SUBJECT)
    cm__problem_add(&spec->problems, cm__yaml_get(node, "row"),
                    "the labels have a time, so they belong to visits; use row: visit, or drop time from labels");
}

/* ---- models ---------------------------------------------------------------------------------------------------------
 */

static void report_model(CmSpec *spec, const CmYaml *at, const char *name) {
  int count = cm_model_kind_count();
  const char **names = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *names, &spec->problems.failure);
  const char *list = "";
  if (!names) return;
  for (int i = 0; i < count && list; i++) {
    names[i] = cm_model_kind_at(i)->about.name;
    list = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", list, i ? ", " : "", names[i]);
  }
  const char *near = cm_nearest_name(name, names, count);
  if (near)
    cm__problem_add(&spec->problems, at, "unknown model «%s»; did you mean «%s»?", name, near);
  else if (list)
    cm__problem_add(&spec->problems, at, "unknown model «%s»; there are %s", name, list);
}

static void add_learner(CmSpec *spec, const CmYaml *at, const char *kind, const char *name, const CmYaml *params) {
  static const char *const skip[] = {"model", "name"};
  CmSpecLearn *learn = &spec->learn;
  const CmModelKind *found = cm_model_kind_find(kind);
  if (!found) {
    report_model(spec, at, kind);
    return;
  }
  for (int i = 0; i < learn->learner_count; i++)
    if (strcmp(learn->learners[i].name, name) == 0) {
      cm__problem_add(&spec->problems, at,
                      "two models are called «%s»; give one another name, e.g. {model: %s, name: %s_2}", name, kind,
                      kind);
      return;
    }
  char what[100];
  snprintf(what, sizeof what, "model «%.64s»", name);
  void *values = cm_params_create(spec->ctx, &found->about, &spec->problems.failure);
  if (!values) return;
  const char *search = cm__spec_search(spec, &found->about, values, params, skip, CM_COUNT(skip), "", what);
  if (learn->prepare_search)
    search = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", search ? search : "", search ? " " : "",
                              learn->prepare_search);
  CmError *wrong = NULL;
  if (found->about.check && !found->about.check(values, &wrong))
    cm__problem_add(&spec->problems, at, "%s: %s", what, cm_error_text(wrong));
  cm_error_free(&wrong);
  char *json = cm_params_to_json(spec->ctx, &found->about, values, &spec->problems.failure);
  if (json) learn->learner_json[learn->learner_count] = cm__arena_strdup(&spec->arena, json, &spec->problems.failure);
  cm_free(json);
  learn->learners[learn->learner_count++] = (CmLearner){.kind = found,
                                                        .params = values,
                                                        .name = name,
                                                        .prepare = learn->prepare,
                                                        .search = search,
                                                        .tune = learn->tune,
                                                        .recalibrate = learn->recalibrate};
}

/* svm | svm: {c: 2} | {model: svm, name: svm_rbf, c: 2} */
static void parse_model(CmSpec *spec, const CmYaml *node) {
  if (node->kind == CM__YAML_SCALAR && !cm__yaml_is_null(node)) {
    add_learner(spec, node, node->text, node->text, NULL);
    return;
  }
  if (node->kind != CM__YAML_MAP || node->count == 0) {
    cm__problem_add(&spec->problems, node, "a model must be a name, or e.g. {model: svm, c: 2}, not %s",
                    cm__yaml_kind_name(node));
    return;
  }
  const char *kind = NULL, *name = NULL;
  if (!cm__yaml_get(node, "model") && node->count == 1 &&
      (node->items[0]->kind == CM__YAML_MAP || cm__yaml_is_null(node->items[0]))) {
    add_learner(spec, node->keys[0], node->keys[0]->text, node->keys[0]->text, node->items[0]);
    return;
  }
  cm__yaml_text(&spec->problems, node, "model", &kind);
  cm__yaml_text(&spec->problems, node, "name", &name);
  if (kind)
    add_learner(spec, cm__yaml_get(node, "model"), kind, name ? name : kind, node);
  else if (!cm__yaml_get(node, "model"))
    cm__problem_add(&spec->problems, node, "a model with parameters is written {model: svm, c: 2}; «model» is missing");
}

static void parse_models(CmSpec *spec, const CmYaml *node) {
  CmSpecLearn *learn = &spec->learn;
  const CmYaml *models = cm__yaml_get(node, "models");
  if (!models || (models->kind == CM__YAML_LIST && models->count == 0)) {
    cm__problem_add(&spec->problems, models ? models : learn->at,
                    "learn needs models, e.g. models: [logistic, random_forest]");
    return;
  }
  bool map = models->kind == CM__YAML_MAP, list = models->kind == CM__YAML_LIST;
  int count = map || list ? models->count : 1;
  learn->learners = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *learn->learners, &spec->problems.failure);
  learn->learner_json =
      cm__arena_alloc(&spec->arena, (size_t)count, sizeof *learn->learner_json, &spec->problems.failure);
  if (!learn->learners || !learn->learner_json) return;
  for (int i = 0; i < count; i++) {
    if (!map)
      parse_model(spec, list ? models->items[i] : models);
    else if (models->items[i]->kind == CM__YAML_MAP || cm__yaml_is_null(models->items[i]))
      add_learner(spec, models->keys[i], models->keys[i]->text, models->keys[i]->text, models->items[i]);
    else
      cm__problem_add(&spec->problems, models->items[i], "model «%s» must be a group of parameters, e.g. %s: {}",
                      models->keys[i]->text, models->keys[i]->text);
  }
}

/* ---- validation -----------------------------------------------------------------------------------------------------
 */

static void check_label_column(CmSpec *spec, const CmYaml *at, const char *what, const char *name) {
  const CmTable *labels = spec->labels.table;
  if (labels && cm_table_find_column(labels, name) < 0)
    cm__problem_add(&spec->problems, at, "%s; «%s» has no «%s»", what, spec->labels.file, name);
}

static void parse_group(CmSpec *spec, const CmYaml *node) {
  const char *group = NULL;
  cm__yaml_text(&spec->problems, node, "group", &group);
  if (!group || strcmp(group, "subject") == 0) return;
  spec->learn.group = group;
  check_label_column(spec, cm__yaml_get(node, "group"),
                     "validate: group must be subject, or a column of the labels whose values are left out in turn",
                     group);
}

static void parse_hold_out(CmSpec *spec, const CmYaml *node) {
  const CmYaml *hold_out = cm__yaml_get(node, "hold_out");
  double share;
  if (!hold_out) return;
  if (cm__yaml_as_real(hold_out, &share)) {
    CmError *wrong = NULL;
    if (!cm_params_set(cm_validate_about(), spec->learn.validate, "hold_out", hold_out->text, &wrong))
      cm__problem_add(&spec->problems, hold_out, "validate: %s", cm_error_text(wrong));
    cm_error_free(&wrong);
    return;
  }
  cm__yaml_text(&spec->problems, node, "hold_out", &spec->learn.hold_out);
  if (spec->learn.hold_out)
    check_label_column(
        spec, hold_out,
        "validate: hold_out must be a share such as 0.2, or a column of the labels that marks the test rows",
        spec->learn.hold_out);
}

/* Rules between parameters. */
static void check_rules(CmSpec *spec, const CmOp *about, const void *params, const CmYaml *at) {
  CmError *wrong = NULL;
  if (about->check && !about->check(params, &wrong))
    cm__problem_add(&spec->problems, at ? at : spec->learn.at, "%s: %s", about->name, cm_error_text(wrong));
  cm_error_free(&wrong);
}

static void parse_validate(CmSpec *spec, const CmYaml *node) {
  static const char *const skip[] = {"group", "hold_out", "seed", "explain"};
  const CmYaml *validate = cm__yaml_get(node, "validate");
  CmSpecLearn *learn = &spec->learn;
  int64_t seed = -1;
  if (validate && validate->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, validate,
                    "validate must be e.g. {folds: 5, repeats: 4, group: subject, hold_out: 0.2}, not %s",
                    cm__yaml_kind_name(validate));
  } else if (validate) {
    cm__spec_params(spec, cm_validate_about(), learn->validate, validate, skip, CM_COUNT(skip), "validate");
    parse_group(spec, validate);
    parse_hold_out(spec, validate);
    cm__yaml_int(&spec->problems, validate, "seed", 0, INT32_MAX, &seed);
    const CmYaml *explain = cm__yaml_key(validate, "explain");
    if (explain)
      cm__problem_add(&spec->problems, explain, "explanations are asked for at the top: explain: {shap: all}");
  }
  check_rules(spec, cm_validate_about(), learn->validate, validate);
  const CmYaml *folds = cm__yaml_get(validate, "folds");
  if (learn->validate->folds == 1)
    cm__problem_add(&spec->problems, folds ? folds : learn->at,
                    "validate: one fold leaves nothing to train on; use folds: 2 or more, or folds: 0 and a hold_out");
  if (learn->validate->folds == 0 && learn->validate->hold_out <= 0 && !learn->hold_out)
    cm__problem_add(&spec->problems, folds ? folds : learn->at,
                    "validate: without folds there must be a hold_out, e.g. hold_out: 0.2");
  cm__yaml_int(&spec->problems, spec->root, "seed", 0, INT32_MAX, &seed);
  cm__yaml_int(&spec->problems, node, "seed", 0, INT32_MAX, &seed);
  if (seed >= 0) learn->validate->seed = seed;
}

static void parse_explain(CmSpec *spec) {
  static const char *const keys[] = {"shap"};
  static const char *const choices[] = {"all", "none"};
  const CmYaml *node = cm__yaml_get(spec->root, "explain");
  int choice = 0;
  spec->learn.validate->explain = node != NULL;
  if (!node) return;
  if (node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node, "explain must be e.g. {shap: all}, not %s", cm__yaml_kind_name(node));
    return;
  }
  cm__yaml_known_keys(&spec->problems, node, keys, CM_COUNT(keys), "explain");
  cm__yaml_choice(&spec->problems, node, "shap", choices, CM_COUNT(choices), &choice);
  spec->learn.validate->explain = choice == 0;
}

static void parse_task(CmSpec *spec, const CmYaml *node) {
  const char *names[CM_LEARN_TASK_COUNT];
  int task = -1;
  for (int t = 0; t < CM_LEARN_TASK_COUNT; t++) names[t] = cm_learn_task_name((CmLearnTask)t);
  cm__yaml_choice(&spec->problems, node, "task", names, CM_LEARN_TASK_COUNT, &task);
  if (task >= 0) spec->learn.task = names[task];
}

static void parse_roles(CmSpec *spec, const CmYaml *node) {
  CmSpecLearn *learn = &spec->learn;
  const CmYaml *target = cm__yaml_get(node, "target");
  cm__spec_target(spec, node);
  cm__yaml_text(&spec->problems, node, "positive", &learn->positive);
  const CmSpecLabels *labels = &spec->labels;
  for (int i = 0; target && labels->table && i < (labels->target_count ? labels->target_count : 1); i++) {
    const char *name = labels->target_count ? labels->targets[i] : labels->target;
    if (name && cm_table_find_column(labels->table, name) < 0)
      cm__problem_add(&spec->problems, target, "learn: «%s» has no column «%s»", labels->file, name);
  }
  if (cm__yaml_get(node, "features"))
    learn->features =
        cm__yaml_texts(&spec->problems, cm__yaml_get(node, "features"), "a feature", &learn->feature_count);
  cm__yaml_text(&spec->problems, node, "event", &learn->event);
  if (learn->event && spec->labels.table && cm_table_find_column(spec->labels.table, learn->event) < 0)
    cm__problem_add(&spec->problems, cm__yaml_get(node, "event"), "learn: «%s» has no column «%s»", spec->labels.file,
                    learn->event);
  parse_task(spec, node);
  if (cm__yaml_get(node, "order"))
    learn->order = cm__yaml_texts(&spec->problems, cm__yaml_get(node, "order"), "a class", &learn->order_count);
  if (cm__yaml_get(node, "subgroups"))
    learn->subgroups =
        cm__yaml_texts(&spec->problems, cm__yaml_get(node, "subgroups"), "a column", &learn->subgroup_count);
  if (cm__yaml_get(node, "ignore"))
    learn->ignore = cm__yaml_texts(&spec->problems, cm__yaml_get(node, "ignore"), "a column", &learn->ignore_count);
}

static void parse_tune(CmSpec *spec, const CmYaml *tune) {
  if (tune && tune->kind != CM__YAML_MAP)
    cm__problem_add(&spec->problems, tune, "tune must be e.g. {search: halving, folds: 3}, not %s",
                    cm__yaml_kind_name(tune));
  cm__spec_params(spec, cm_tune_about(), spec->learn.tune, tune, NULL, 0, "tune");
}

/* recalibrate: isotonic | {method: isotonic, folds: 3} */
static void parse_recalibrate(CmSpec *spec, const CmYaml *node) {
  CmError *wrong = NULL;
  if (!node) return;
  if (node->kind == CM__YAML_MAP)
    cm__spec_params(spec, cm_recalibrate_about(), spec->learn.recalibrate, node, NULL, 0, "recalibrate");
  else if (node->kind != CM__YAML_SCALAR)
    cm__problem_add(&spec->problems, node, "recalibrate must be e.g. isotonic, not %s", cm__yaml_kind_name(node));
  else if (!cm_params_set(cm_recalibrate_about(), spec->learn.recalibrate, "method", node->text, &wrong))
    cm__problem_add(&spec->problems, node, "recalibrate: %s", cm_error_text(wrong));
  cm_error_free(&wrong);
}

void cm__spec_learn(CmSpec *spec) {
  const CmYaml *node = cm__yaml_get(spec->root, "learn");
  CmSpecLearn *learn = &spec->learn;
  if (!node) {
    const CmYaml *explain = cm__yaml_key(spec->root, "explain");
    if (explain)
      cm__problem_add(&spec->problems, explain, "there is nothing to explain without learn; add it, or drop explain");
    return;
  }
  learn->at = cm__yaml_key(spec->root, "learn");
  if (node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node, "learn must be e.g. {table: features, models: [logistic]}, not %s",
                    cm__yaml_kind_name(node));
    return;
  }
  CmError **failure = &spec->problems.failure;
  learn->prepare = cm_params_create(spec->ctx, cm_prepare_about(), failure);
  learn->validate = learn->prepare ? cm_params_create(spec->ctx, cm_validate_about(), failure) : NULL;
  learn->tune = learn->validate ? cm_params_create(spec->ctx, cm_tune_about(), failure) : NULL;
  learn->recalibrate = learn->tune ? cm_params_create(spec->ctx, cm_recalibrate_about(), failure) : NULL;
  if (!learn->recalibrate) return;
  cm__yaml_known_keys(&spec->problems, node, learn_keys, CM_COUNT(learn_keys), "learn");
  if (!spec->labels.at)
    cm__problem_add(&spec->problems, learn->at,
                    "there is nothing to learn from without labels; add e.g. «labels: {file: diagnoses.csv, subject: "
                    "patient_id, target: malignant}»");
  cm__spec_rows(spec, node);
  parse_roles(spec, node);
  const CmYaml *prepare = cm__yaml_get(node, "prepare");
  if (prepare && prepare->kind != CM__YAML_MAP)
    cm__problem_add(&spec->problems, prepare, "prepare must be e.g. {k_best: 10}, not %s", cm__yaml_kind_name(prepare));
  learn->prepare_search =
      cm__spec_search(spec, cm_prepare_about(), learn->prepare, prepare, NULL, 0, "prepare.", "prepare");
  parse_tune(spec, cm__yaml_get(node, "tune"));
  parse_recalibrate(spec, cm__yaml_get(node, "recalibrate"));
  parse_validate(spec, node);
  parse_explain(spec);
  parse_models(spec, node);
}
