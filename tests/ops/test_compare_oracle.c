/* compare: matching and formulas on tables made by hand. Doubling time: days ln 2 / ln(V2 / V1) (Schwartz, Cancer 14
 * (1961) 1272). */
#include "phantom_kit.h"

typedef struct Row {
  double x, y, z, volume;
} Row;

static CmTable *table_of(CmContext *ctx, const Row *row, int count) {
  static const char *const names[] = {"nodule", "x", "y", "z", "volume", "diameter"};
  CmError *err = NULL;
  CmTable *t = cm_table_create(ctx, &err);
  for (int k = 0; k < 6; k++)
    assert_true(cm_table_add_column(t, names[k], k ? CM_COLUMN_REAL : CM_COLUMN_INT, "", &err) == k);
  for (int i = 0; i < count; i++) {
    assert_true(cm_table_add_row(t, &err) == i);
    cm_table_set_int(t, i, 0, i + 1);
    const double v[] = {row[i].x, row[i].y, row[i].z, row[i].volume, cbrt(row[i].volume * 6 / 3.14159265358979323846)};
    for (int k = 0; k < 5; k++) cm_table_set_real(t, i, k + 1, v[k]);
  }
  return t;
}

static void test_growth(void **state) {
  (void)state;
  CmContext *ctx = kit_context(1);
  /* the second visit lies 10 mm to the left; 1 doubles, 2 halves, 3 is gone, 4 is new */
  const Row first[] = {{0, 0, 0, 500}, {40, 0, 0, 400}, {0, 60, 0, 300}},
            second[] = {{51, 0, 0, 200}, {10, 1, 0, 1000}, {0, 0, 90, 100}};
  CmValue in[3] = {cm_value_table(table_of(ctx, first, 3)), cm_value_table(table_of(ctx, second, 3)), {0}}, out = {0};
  CmError *err = NULL;
  CmTable *m = cm_table_create(ctx, &err);
  assert_true(cm_table_add_row(m, &err) == 0);
  for (int k = 0; k < 12; k++) {
    char name[16];
    snprintf(name, sizeof name, "matrix_%d%d", k / 4 + 1, k % 4 + 1);
    const int column = cm_table_add_column(m, name, CM_COLUMN_REAL, "", &err);
    cm_table_set_real(m, 0, column, k == 3 ? 10 : k % 5 == 0);
  }
  in[2] = cm_value_table(m);
  kit_run(ctx, "compare", "days=100", in, &out);
  const CmTable *t = out.table;
  assert_int_equal(cm_table_rows(t), 4);
  const int status = cm_table_find_column(t, "status");
  assert_string_equal(cm_table_text(t, 0, status), "growing");
  assert_true(kit_real(t, 0, "nodule_2") == 2);
  assert_true(fabs(kit_real(t, 0, "growth") - 100) < 1e-12);
  assert_true(fabs(kit_real(t, 0, "doubling_time") - 100) < 1e-12);
  assert_true(fabs(kit_real(t, 0, "distance") - 1) < 1e-12);
  assert_string_equal(cm_table_text(t, 1, status), "shrinking");
  assert_true(fabs(kit_real(t, 1, "doubling_time") + 100) < 1e-12);
  assert_string_equal(cm_table_text(t, 2, status), "gone");
  assert_true(isnan(kit_real(t, 2, "growth")) && kit_real(t, 2, "x") == 10);
  assert_string_equal(cm_table_text(t, 3, status), "new");
  assert_true(kit_real(t, 3, "nodule_2") == 3);
  cm_value_unref(&out);
  /* a table that is not of nodules is refused by name */
  CmValue wrong[3] = {in[2], in[1], {0}};
  assert_false(cm_op_run(ctx, cm_op_find("compare"), NULL, wrong, &out, NULL, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_DATA);
  assert_non_null(strstr(cm_error_text(err), "nodule"));
  cm_error_free(&err);
  for (int k = 0; k < 3; k++) cm_value_unref(&in[k]);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

/* lungs and nodules: the same bits at one thread and at three. */
static void hash_ops(int threads, CmHash hash[4]) {
  CmError *err = NULL;
  CmContext *ctx = kit_context(threads);
  CmPhantomOptions options;
  cm_phantom_default_options(&options);
  options.patients = 3;
  options.matrix = 128;
  options.slice_mm = 4;
  CmPhantomPlan *plan = cm_phantom_thorax_plan(ctx, &options, &err);
  kit_good(plan != NULL, err);
  CmImage *ct;
  kit_good(cm_phantom_thorax_image(ctx, plan, 2, 0, &ct, NULL, NULL, &err), err);
  CmValue in[2] = {cm_value_image(ct), {0}}, lungs[2] = {{0}, {0}}, nodules[2] = {{0}, {0}};
  kit_run(ctx, "lungs", NULL, in, lungs);
  in[1] = lungs[0];
  kit_run(ctx, "nodules", NULL, in, nodules);
  cm_image_hash(lungs[0].image, &hash[0]);
  cm_image_hash(lungs[1].image, &hash[1]);
  cm_image_hash(nodules[0].image, &hash[2]);
  cm_table_hash(nodules[1].table, &hash[3]);
  for (int k = 0; k < 2; k++) {
    cm_value_unref(&lungs[k]);
    cm_value_unref(&nodules[k]);
  }
  cm_image_unref(&ct);
  cm_phantom_plan_free(&plan);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_threads(void **state) {
  (void)state;
  CmHash one[4], many[4];
  hash_ops(1, one);
  hash_ops(3, many);
  for (int k = 0; k < 4; k++) assert_true(cm_hash_equal(&one[k], &many[k]));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_growth), cmocka_unit_test(test_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
