/* mechanics: one interface for all kinds of model; files, refusals, failing memory, threads. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/learn.h"
#include "learn/rng.h"

#define ROWS 90
#define FEATURES 4
#define MOST_KINDS 32

static double noise(uint64_t at) {
  return (double)(cm__draw(17, at) >> 11) * 0x1p-53 - 0.5;
}

/* Three rows a subject; classes differ in two of four features; every ninth cell of the last is empty. «number» is a
 * sum of features and noise, «time» falls with the first, and every fourth row is censored. */
static CmTable *make_table(CmContext *ctx, int classes, const char *unit) {
  CmError *err = NULL;
  CmTable *table = cm_table_create(ctx, &err);
  assert_non_null(table);
  assert_int_equal(cm_table_add_column(table, "patient", CM_COLUMN_TEXT, "", &err), 0);
  assert_int_equal(cm_table_add_column(table, "target", CM_COLUMN_INT, "", &err), 1);
  for (int j = 0; j < FEATURES; j++) {
    char name[16];
    snprintf(name, sizeof name, "f%d", j);
    assert_int_equal(cm_table_add_column(table, name, CM_COLUMN_REAL, j == 1 ? unit : "", &err), 2 + j);
  }
  int number = cm_table_add_column(table, "number", CM_COLUMN_REAL, "mg", &err),
      time = cm_table_add_column(table, "time", CM_COLUMN_REAL, "d", &err),
      event = cm_table_add_column(table, "event", CM_COLUMN_INT, "", &err);
  for (int64_t i = 0; i < ROWS; i++) {
    char name[16];
    int y = (int)(i / 3 % classes);
    snprintf(name, sizeof name, "P%02d", (int)i / 3);
    assert_int_equal(cm_table_add_row(table, &err), i);
    assert_true(cm_table_set_text(table, i, 0, name, &err));
    cm_table_set_int(table, i, 1, y);
    for (int j = 0; j < FEATURES; j++)
      cm_table_set_real(table, i, 2 + j, noise((uint64_t)(i * FEATURES + j)) + (j < 2 ? 0.4 * y : 0));
    double first = cm_table_real(table, i, 2);
    cm_table_set_real(table, i, number, 3 * first - cm_table_real(table, i, 3) + noise(5000 + (uint64_t)i));
    cm_table_set_real(table, i, time, 1 + floor(20 * exp(-first) * (1 + noise(9000 + (uint64_t)i))));
    cm_table_set_int(table, i, event, i % 4 != 3);
    if (i % 9 == 4) cm_table_set_missing(table, i, 5);
  }
  return table;
}

static const char *const features[FEATURES] = {"f0", "f1", "f2", "f3"};
static const CmLearnColumns columns = {
    .target = "target", .subject = "patient", .features = features, .feature_count = FEATURES};

/* The columns of the first task that a kind has. */
static CmLearnColumns columns_for(const CmModelKind *kind) {
  CmLearnColumns c = columns;
  if (kind->tasks & (CM_TASKS_CLASSES | 1u << CM_TASK_ORDINAL)) return c;
  c.target = kind->tasks & 1u << CM_TASK_REGRESSION ? "number" : kind->tasks & 1u << CM_TASK_SURVIVAL ? "time" : NULL;
  if (kind->tasks & 1u << CM_TASK_SURVIVAL) c.event = "event";
  return c;
}

static bool is_classifier(const CmModelKind *kind) {
  return (kind->tasks & CM_TASKS_CLASSES) == CM_TASKS_CLASSES;
}

static CmContext *make_context(int threads) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = threads;
  CmError *err = NULL;
  CmContext *ctx = cm_context_create(&options, &err);
  assert_non_null(ctx);
  return ctx;
}

static CmModel *fit(CmContext *ctx, const char *kind, const CmTable *table) {
  CmError *err = NULL;
  CmLearner learner = {.kind = cm_model_kind_get(kind, &err)};
  assert_non_null(learner.kind);
  CmLearnColumns c = columns_for(learner.kind);
  CmModel *model = cm_model_fit(ctx, &learner, table, &c, &err);
  if (!model) fail_msg("%s", cm_error_text(err));
  return model;
}

static void kinds_are_described(void **state) {
  (void)state;
  assert_true(cm_model_kind_count() >= 5);
  for (int i = 0; i < cm_model_kind_count(); i++) {
    const CmModelKind *kind = cm_model_kind_at(i);
    const char *name = kind->about.name;
    assert_true(i == 0 || strcmp(cm_model_kind_at(i - 1)->about.name, name) < 0);
    assert_ptr_equal(cm_model_kind_find(name), kind);
    assert_true(kind->about.summary && kind->about.details && kind->about.cite && kind->tasks);
  }
  CmError *err = NULL;
  assert_null(cm_model_kind_get("random_forrest", &err));
  assert_int_equal(cm_error_code(err), CM_ERR_MISSING);
  assert_non_null(strstr(cm_error_text(err), "random_forest"));
  cm_error_free(&err);
}

static void same_tables(const CmTable *a, const CmTable *b) {
  CmHash x, y;
  cm_table_hash(a, &x);
  cm_table_hash(b, &y);
  assert_true(cm_hash_equal(&x, &y));
}

static void models_are_data(void **state) {
  (void)state;
  CmContext *ctx = make_context(2);
  CmError *err = NULL;
  for (int classes = 2; classes <= 3; classes++) {
    CmTable *table = make_table(ctx, classes, "mm");
    for (int k = 0; k < cm_model_kind_count(); k++) {
      const char *kind = cm_model_kind_at(k)->about.name;
      CmModel *model = fit(ctx, kind, table);
      char *text = cm_model_to_json(ctx, model, &err);
      assert_non_null(text);
      CmModel *back = cm_model_from_json(ctx, text, strlen(text), "model", &err);
      if (!back) fail_msg("%s: %s", kind, cm_error_text(err));
      char *again = cm_model_to_json(ctx, back, &err);
      assert_string_equal(text, again);
      if (is_classifier(cm_model_kind_at(k))) assert_int_equal(cm_model_classes(back), classes);
      assert_string_equal(cm_model_feature_unit(back, 1), "mm");
      CmTable *p = cm_model_predict(ctx, model, table, &err), *q = cm_model_predict(ctx, back, table, &err);
      assert_true(p && q);
      same_tables(p, q);
      int64_t right = 0;
      bool classifier = is_classifier(cm_model_kind_at(k));
      for (int64_t i = 0; classifier && i < ROWS; i++)
        right += atoi(cm_table_text(p, i, 2)) == (int)cm_table_int(table, i, 1);
      assert_true(!classifier || right > ROWS / 2);
      cm_table_unref(&p);
      cm_table_unref(&q);
      p = cm_model_explain(ctx, back, table, &err);
      assert_true((p != NULL) == cm_model_kind_at(k)->explains_rows);
      if (!p) assert_int_equal(cm_error_code(err), CM_ERR_UNSUPPORTED);
      cm_error_free(&err);
      cm_table_unref(&p);
      cm_free(text);
      cm_free(again);
      cm_model_unref(&model);
      cm_model_unref(&back);
    }
    cm_table_unref(&table);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

/* Of known subjects the prediction is another than of new ones. */
static void what_is_handed_out_is_judged(void **state) {
  (void)state;
  CmContext *ctx = make_context(1);
  CmError *err = NULL;
  CmTable *table = make_table(ctx, 2, "mm");
  CmModel *model = fit(ctx, "mixed", table);
  const CmLearnColumns own = {.subject = "patient"};
  CmTable *p = cm_model_predict(ctx, model, table, &err), *judged = cm_model_judge(ctx, model, table, &own, NULL, &err);
  assert_true(p && judged);
  double sum = 0;
  const int number = cm_table_find_column(table, "number");
  for (int64_t i = 0; i < ROWS; i++) sum += fabs(cm_table_real(p, i, 2) - cm_table_real(table, i, number)) / ROWS;
  assert_string_equal(cm_table_text(judged, 0, 3), "mae");
  assert_true(fabs(cm_table_real(judged, 0, 4) - sum) < 1e-12);
  cm_table_unref(&p);
  cm_table_unref(&judged);
  cm_table_unref(&table);
  cm_model_unref(&model);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void other_tables_are_refused(void **state) {
  (void)state;
  CmContext *ctx = make_context(1);
  CmError *err = NULL;
  CmTable *table = make_table(ctx, 2, "mm"), *other = make_table(ctx, 2, "cm"), *less = cm_table_create(ctx, &err);
  CmModel *model = fit(ctx, "logistic", table);
  assert_null(cm_model_predict(ctx, model, other, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_DATA);
  assert_non_null(strstr(cm_error_text(err), "\"f1\" is in \"cm\", not \"mm\""));
  cm_error_free(&err);
  assert_null(cm_model_predict(ctx, model, less, &err));
  assert_non_null(strstr(cm_error_text(err), "\"f0\" is missing"));
  cm_error_free(&err);
  cm_model_unref(&model);
  cm_table_unref(&table);
  cm_table_unref(&other);
  cm_table_unref(&less);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

/* Every place of the document spoilt in turn: never a crash, and what is accepted predicts. */
static void spoilt_models_are_refused(void **state) {
  (void)state;
  CmContext *ctx = make_context(1);
  CmError *err = NULL;
  CmTable *table = make_table(ctx, 3, "mm");
  int accepted = 0, refused = 0;
  for (int k = 0; k < cm_model_kind_count(); k++) {
    CmLearner learner = {.kind = cm_model_kind_at(k)};
    void *params = cm_params_create(ctx, &learner.kind->about, &err);
    const char *name = learner.kind->about.name;
    if (!strcmp(name, "random_forest")) assert_true(cm_params_set(&learner.kind->about, params, "trees", "2", &err));
    if (!strcmp(name, "gradient_boosting"))
      assert_true(cm_params_set(&learner.kind->about, params, "rounds", "2", &err));
    learner.params = params;
    CmLearnColumns c = columns_for(learner.kind);
    CmModel *model = cm_model_fit(ctx, &learner, table, &c, &err);
    assert_non_null(model);
    char *text = cm_model_to_json(ctx, model, &err);
    size_t size = strlen(text), step = 1 + size / 250;
    for (size_t at = 0; at < size; at += step) {
      char kept = text[at];
      text[at] = kept == '9' ? '-' : kept >= '0' && kept <= '8' ? (char)(kept + 1) : 'x';
      CmModel *bad = cm_model_from_json(ctx, text, size, "spoilt", &err);
      if (bad) {
        CmTable *p = cm_model_predict(ctx, bad, table, &err);
        cm_table_unref(&p);
        if (learner.kind->explains_rows) p = cm_model_explain(ctx, bad, table, &err);
        cm_table_unref(&p);
      } else {
        assert_true(err != NULL);
      }
      accepted += bad != NULL;
      refused += bad == NULL;
      cm_error_free(&err);
      cm_model_unref(&bad);
      text[at] = kept;
    }
    assert_null(cm_model_from_json(ctx, text, size / 2, "cut", &err));
    assert_int_equal(cm_error_code(err), CM_ERR_FORMAT);
    cm_error_free(&err);
    cm_free(params);
    cm_free(text);
    cm_model_unref(&model);
  }
  assert_true(accepted > 100 &&
              refused > 100); /* a changed digit of a coefficient is another model; the rest is refused */
  static const struct {
    const char *text;
    CmErrorCode code;
  } documents[] = {{"{}", CM_ERR_FORMAT},
                   {"[1]", CM_ERR_FORMAT},
                   {"{\"cormack_model\":4}", CM_ERR_UNSUPPORTED},
                   {"{\"cormack_model\":3}", CM_ERR_FORMAT},
                   {"{\"cormack_model\":1}", CM_ERR_UNSUPPORTED}};
  for (int i = 0; i < CM_COUNT(documents); i++) {
    assert_null(cm_model_from_json(ctx, documents[i].text, strlen(documents[i].text), "document", &err));
    assert_int_equal(cm_error_code(err), documents[i].code);
    cm_error_free(&err);
  }
  cm_table_unref(&table);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static int take_classifiers(CmLearner *learners, int most) {
  int count = 0;
  for (int k = 0; k < cm_model_kind_count(); k++) {
    if (!is_classifier(cm_model_kind_at(k))) continue;
    assert_true(count < most);
    learners[count++] = (CmLearner){.kind = cm_model_kind_at(k)};
  }
  return count;
}

static CmLearnResult *validate(CmContext *ctx, const CmTable *table, CmError **err) {
  CmLearner learners[MOST_KINDS];
  int kinds = take_classifiers(learners, MOST_KINDS);
  CmValidateParams *params = cm_params_create(ctx, cm_validate_about(), err);
  if (!params) return NULL;
  params->folds = 3;
  params->hold_out = 0.2;
  params->resamples = 40;
  params->permutations = 1;
  CmLearnResult *result = cm_learn_validate(ctx, learners, kinds, table, &columns, params, err);
  cm_free(params);
  return result;
}

/* The L1 solver draws random numbers from the C library; it is in the set. */
static void threads_do_not_matter(void **state) {
  (void)state;
  CmHash hash[2][CM_LEARN_TABLE_COUNT];
  char *text[2][MOST_KINDS];
  CmContext *ctxs[2];
  int count = 0;
  for (int t = 0; t < 2; t++) {
    CmContext *ctx = ctxs[t] = make_context(t ? 4 : 1);
    CmError *err = NULL;
    CmTable *table = make_table(ctx, 3, "mm");
    CmLearner learners[MOST_KINDS];
    count = take_classifiers(learners, MOST_KINDS - 1);
    CmLearner *lasso = &learners[count++];
    *lasso = (CmLearner){.kind = cm_model_kind_find("logistic"), .name = "lasso"};
    void *params = cm_params_create(ctx, &lasso->kind->about, &err);
    assert_true(cm_params_set(&lasso->kind->about, params, "penalty", "l1", &err));
    lasso->params = params;
    srand(5);
    int before = rand();
    srand(5);
    CmLearnResult *result = cm_learn_validate(ctx, learners, count, table, &columns, NULL, &err);
    if (!result) fail_msg("%s", cm_error_text(err));
    assert_int_equal(rand(), before); /* the host's generator is as it was */
    for (int i = 0; i < CM_LEARN_TABLE_COUNT; i++)
      cm_table_hash(cm_learn_result_table(result, (CmLearnTable)i), &hash[t][i]);
    for (int m = 0; m < count; m++)
      assert_non_null(text[t][m] = cm_model_to_json(ctx, cm_learn_result_model(result, m), &err));
    cm_learn_result_unref(&result);
    cm_free(params);
    cm_table_unref(&table);
  }
  for (int i = 0; i < CM_LEARN_TABLE_COUNT; i++)
    if (!cm_hash_equal(&hash[0][i], &hash[1][i]))
      fail_msg("table %s differs between 1 and 4 threads", cm_learn_table_name((CmLearnTable)i));
  for (int m = 0; m < count; m++) assert_string_equal(text[0][m], text[1][m]);
  for (int t = 0; t < 2; t++) {
    for (int m = 0; m < count; m++) cm_free(text[t][m]);
    assert_int_equal(cm_context_destroy(&ctxs[t]), 0);
  }
}

/* Kinds that validation does not judge: fitted and applied with 1 and with 4 threads. */
static void threads_do_not_matter_to_other_kinds(void **state) {
  (void)state;
  for (int k = 0; k < cm_model_kind_count(); k++) {
    const CmModelKind *kind = cm_model_kind_at(k);
    if (is_classifier(kind)) continue;
    CmHash hash[2];
    char *text[2];
    CmContext *ctxs[2];
    for (int t = 0; t < 2; t++) {
      CmError *err = NULL;
      CmContext *ctx = ctxs[t] = make_context(t ? 4 : 1);
      CmTable *table = make_table(ctx, 3, "mm");
      CmModel *model = fit(ctx, kind->about.name, table);
      CmTable *p = cm_model_predict(ctx, model, table, &err);
      assert_non_null(p);
      cm_table_hash(p, &hash[t]);
      text[t] = cm_model_to_json(ctx, model, &err);
      cm_table_unref(&p);
      cm_model_unref(&model);
      cm_table_unref(&table);
    }
    assert_string_equal(text[0], text[1]);
    assert_true(cm_hash_equal(&hash[0], &hash[1]));
    for (int t = 0; t < 2; t++) {
      cm_free(text[t]);
      assert_int_equal(cm_context_destroy(&ctxs[t]), 0);
    }
  }
}

/* Kinds that validation does not judge: each allocation of fit and prediction in turn. */
static void failing_memory_in_other_kinds(void **state) {
  (void)state;
  CmContext *ctx = make_context(1);
  CmTable *table = make_table(ctx, 3, "mm");
  uint64_t used = cm_context_memory_used(ctx);
  for (int k = 0; k < cm_model_kind_count(); k++) {
    const CmModelKind *kind = cm_model_kind_at(k);
    const CmLearner learner = {.kind = kind};
    const CmLearnColumns c = columns_for(kind);
    if (is_classifier(kind)) continue;
    uint64_t all = 1;
    for (uint64_t nth = 0; nth <= all; nth += 1 + all / 60) { /* 0: nothing fails, and all are counted */
      CmError *err = NULL;
      uint64_t start = cm_context_allocation_count(ctx);
      cm_context_fail_allocation(ctx, nth);
      CmModel *model = cm_model_fit(ctx, &learner, table, &c, &err);
      CmTable *p = model ? cm_model_predict(ctx, model, table, &err) : NULL;
      cm_context_fail_allocation(ctx, 0);
      if (nth == 0) all = cm_context_allocation_count(ctx) - start;
      if (!p) assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
      cm_error_free(&err);
      cm_table_unref(&p);
      cm_model_unref(&model);
      assert_int_equal(cm_context_memory_used(ctx), used);
    }
  }
  cm_table_unref(&table);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void failing_memory_leaks_nothing(void **state) {
  (void)state;
  CmContext *ctx = make_context(1);
  CmError *err = NULL;
  CmTable *table = make_table(ctx, 2, "mm");
  uint64_t start = cm_context_allocation_count(ctx), used = cm_context_memory_used(ctx);
  CmLearnResult *result = validate(ctx, table, &err);
  assert_non_null(result);
  cm_learn_result_unref(&result);
  uint64_t all = cm_context_allocation_count(ctx) - start, step = 1 + all / 40;
  for (uint64_t nth = 1; nth <= all; nth += step) {
    cm_context_fail_allocation(ctx, nth);
    result = validate(ctx, table, &err);
    cm_context_fail_allocation(ctx, 0);
    if (!result) assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    cm_error_free(&err);
    cm_learn_result_unref(&result);
    assert_int_equal(cm_context_memory_used(ctx), used);
  }
  CmModel *model = fit(ctx, "svm", table);
  char *text = cm_model_to_json(ctx, model, &err);
  used = cm_context_memory_used(ctx);
  start = cm_context_allocation_count(ctx);
  CmModel *back = cm_model_from_json(ctx, text, strlen(text), "model", &err);
  all = cm_context_allocation_count(ctx) - start;
  cm_model_unref(&back);
  for (uint64_t nth = 1; nth <= all; nth++) {
    cm_context_fail_allocation(ctx, nth);
    back = cm_model_from_json(ctx, text, strlen(text), "model", &err);
    cm_context_fail_allocation(ctx, 0);
    assert_null(back);
    assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    cm_error_free(&err);
    assert_int_equal(cm_context_memory_used(ctx), used);
  }
  cm_free(text);
  cm_model_unref(&model);
  cm_table_unref(&table);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void unusable_plans_are_refused(void **state) {
  (void)state;
  CmContext *ctx = make_context(1);
  CmError *err = NULL;
  CmTable *table = make_table(ctx, 2, "mm");
  CmLearner learners[2] = {{.kind = cm_model_kind_find("knn")}, {.kind = cm_model_kind_find("knn")}};
  static const struct {
    const char *name, *value, *says;
  } plans[] = {{"folds", "1", "folds"},
               {"folds", "0", "hold-out"},
               {"folds", "40", "subjects"},
               {"temporal", "true", "hold-out"}};
  for (int i = 0; i < CM_COUNT(plans); i++) {
    CmValidateParams *params = cm_params_create(ctx, cm_validate_about(), &err);
    assert_true(cm_params_set(cm_validate_about(), params, plans[i].name, plans[i].value, &err));
    assert_null(cm_learn_validate(ctx, learners, 1, table, &columns, params, &err));
    if (!strstr(cm_error_text(err), plans[i].says)) fail_msg("%s", cm_error_text(err));
    cm_error_free(&err);
    cm_free(params);
  }
  assert_null(cm_learn_validate(ctx, learners, 2, table, &columns, NULL, &err)); /* the same name twice */
  assert_int_equal(cm_error_code(err), CM_ERR_USAGE);
  cm_error_free(&err);
  assert_null(cm_learn_validate(ctx, learners, 0, table, &columns, NULL, &err));
  cm_error_free(&err);
  CmLearnColumns wrong = {.target = "targt", .subject = "patient"};
  assert_null(cm_learn_validate(ctx, learners, 1, table, &wrong, NULL, &err));
  assert_non_null(strstr(cm_error_text(err), "did you mean \"target\""));
  cm_error_free(&err);
  CmPrepareParams prepare = {.impute = CM_IMPUTE_NONE, .max_correlation = 1};
  learners[0].prepare = &prepare;
  assert_null(cm_model_fit(ctx, &learners[0], table, &columns, &err));
  assert_non_null(strstr(cm_error_text(err), "\"f3\" has missing values"));
  cm_error_free(&err);
  cm_table_unref(&table);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(kinds_are_described),           cmocka_unit_test(models_are_data),
      cmocka_unit_test(other_tables_are_refused),      cmocka_unit_test(spoilt_models_are_refused),
      cmocka_unit_test(threads_do_not_matter),         cmocka_unit_test(threads_do_not_matter_to_other_kinds),
      cmocka_unit_test(failing_memory_in_other_kinds), cmocka_unit_test(failing_memory_leaks_nothing),
      cmocka_unit_test(unusable_plans_are_refused),    cmocka_unit_test(what_is_handed_out_is_judged),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
