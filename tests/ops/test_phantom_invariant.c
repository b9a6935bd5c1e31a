/* The phantom: the same bits at any number of threads, and a truth that agrees with itself and with the laws that it
 * was made by. */
#include "phantom_kit.h"

static void hash_scan(int threads, int patient, int visit, CmHash hash[3]) {
  CmError *err = NULL;
  CmContext *ctx = kit_context(threads);
  CmPhantomOptions options;
  cm_phantom_default_options(&options);
  options.patients = 6;
  options.matrix = 96;
  options.slice_mm = 5;
  CmPhantomPlan *plan = cm_phantom_thorax_plan(ctx, &options, &err);
  kit_good(plan != NULL, err);
  CmImage *image[3];
  kit_good(cm_phantom_thorax_image(ctx, plan, patient, visit, &image[0], &image[1], &image[2], &err), err);
  for (int k = 0; k < 3; k++) {
    cm_image_hash(image[k], &hash[k]);
    cm_image_unref(&image[k]);
  }
  cm_phantom_plan_free(&plan);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_threads(void **state) {
  (void)state;
  CmHash one[3], many[3];
  hash_scan(1, 2, 1, one);
  hash_scan(3, 2, 1, many);
  for (int k = 0; k < 3; k++) assert_true(cm_hash_equal(&one[k], &many[k]));
}

static void test_plan(void **state) {
  (void)state;
  CmError *err = NULL;
  CmContext *ctx = kit_context(2);
  CmPhantomPlan *plan = cm_phantom_thorax_plan(ctx, NULL, &err);
  kit_good(plan != NULL, err);
  int malignant = 0, second = 0, missing = 0, truncated = 0;
  for (int i = 0; i < cm_phantom_patients(plan); i++) {
    const CmPhantomPatient *p = cm_phantom_patient(plan, i);
    malignant += p->malignant;
    second += p->visit_count == 2;
    assert_true(p->nodule_count >= 1 && p->nodule[0].malignant == p->malignant);
    for (int v = 0; v < p->visit_count; v++) {
      missing += p->visit[v].missing_slice >= 0;
      truncated += p->visit[v].truncated_slice >= 0;
    }
    for (int k = 0; k < p->nodule_count; k++) {
      const CmPhantomNodule *n = &p->nodule[k];
      assert_true(n->malignant ? n->doubling_days >= 100 && n->doubling_days <= 400
                               : n->doubling_days == 0 || n->doubling_days > 600);
      if (p->visit_count < 2 || n->place == CM_PLACE_WALL) continue;
      CmPhantomTruth a, b;
      cm_phantom_truth(plan, i, 0, k, &a);
      cm_phantom_truth(plan, i, 1, k, &b);
      /* V2 / V1 = 2^(days / doubling time) (Schwartz 1961) */
      const double law = n->doubling_days > 0 ? exp2(p->visit[1].days / n->doubling_days) : 1;
      assert_true(fabs(b.volume_mm3 / a.volume_mm3 - law) < 1e-9 * law);
    }
  }
  assert_int_equal(malignant, 20);
  assert_int_equal(second, 13);
  assert_int_equal(missing, 1);
  assert_int_equal(truncated, 1);
  cm_phantom_plan_free(&plan);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

/* The label maps hold what the table says: volume and centre of each nodule, lungs of a human size full of air, no
 * overlap with airways. */
static void test_truth(void **state) {
  (void)state;
  CmError *err = NULL;
  CmContext *ctx = kit_context(2);
  CmPhantomPlan *plan = cm_phantom_thorax_plan(ctx, NULL, &err);
  kit_good(plan != NULL, err);
  for (int patient = 2; patient < 9; patient += 3) {
    const CmPhantomPatient *p = cm_phantom_patient(plan, patient);
    CmImage *ct, *lungs, *nodules;
    kit_good(cm_phantom_thorax_image(ctx, plan, patient, 1, &ct, &lungs, &nodules, &err), err);
    const int16_t *hu = cm_image_data(ct);
    const uint8_t *l = cm_image_data(lungs), *m = cm_image_data(nodules);
    const int64_t *d = cm_image_dims(ct);
    const double voxel = pow(cm_image_geometry(ct)->spacing[0], 2) * cm_image_geometry(ct)->spacing[2];
    double count[4] = {0}, sum[4] = {0}, volume[8] = {0}, centre[8][3] = {{0}};
    for (int64_t i = 0; i < cm_image_voxels(ct); i++) {
      count[l[i]]++;
      sum[l[i]] += hu[i];
      if (!m[i]) continue;
      assert_true(l[i] == 1 || l[i] == 2 || l[i] == 0);
      volume[m[i]] += voxel;
      const double index[3] = {(double)(i % d[0]), (double)(i / d[0] % d[1]), (double)(i / (d[0] * d[1]))};
      double lps[3];
      cm_geometry_to_physical(cm_image_geometry(ct), index, lps);
      for (int k = 0; k < 3; k++) centre[m[i]][k] += voxel * lps[k];
    }
    for (int side = 1; side < 3; side++) {
      assert_true(count[side] * voxel > 1.2e6 && count[side] * voxel < 4e6); /* 1.2 to 4 litres */
      assert_true(sum[side] / count[side] > -900 && sum[side] / count[side] < -740);
    }
    assert_true(count[1] > count[2]); /* the heart takes room from the left one */
    for (int k = 0; k < p->nodule_count; k++) {
      CmPhantomTruth t;
      cm_phantom_truth(plan, patient, 1, k, &t);
      /* counting voxels of 8 mm3 at their middle: about the surface times a tenth of a voxel's width */
      const double slack = 3.14 * t.diameter_mm * t.diameter_mm * 0.35;
      assert_true(fabs(volume[k + 1] - t.volume_mm3) < slack);
      if (p->nodule[k].place == CM_PLACE_WALL) continue;
      for (int j = 0; j < 3; j++)
        assert_true(fabs(centre[k + 1][j] / volume[k + 1] - t.centre_mm[j]) < 1.6); /* lobes move it */
    }
    cm_image_unref(&ct);
    cm_image_unref(&lungs);
    cm_image_unref(&nodules);
  }
  cm_phantom_plan_free(&plan);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_refusals(void **state) {
  (void)state;
  CmContext *ctx = kit_context(1);
  CmPhantomOptions options;
  for (int k = 0; k < 4; k++) {
    CmError *err = NULL;
    cm_phantom_default_options(&options);
    if (k == 0) options.patients = 0;
    if (k == 1) options.matrix = 32;
    if (k == 2) options.slice_mm = NAN;
    if (k == 3) options.patients = 10000;
    assert_null(cm_phantom_thorax_plan(ctx, &options, &err));
    assert_int_equal(cm_error_code(err), CM_ERR_PARAMETER);
    cm_error_free(&err);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

/* Every allocation fails once; nothing leaks and nothing crashes. */
static void test_faults(void **state) {
  (void)state;
  CmPhantomOptions options;
  cm_phantom_default_options(&options);
  options.patients = 1;
  options.matrix = 64;
  options.slice_mm = 10;
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    CmError *err = NULL;
    CmContext *ctx = kit_context(1);
    CmImage *image[3] = {NULL, NULL, NULL};
    cm_context_fail_allocation(ctx, nth);
    CmPhantomPlan *plan = cm_phantom_thorax_plan(ctx, &options, &err);
    done = plan && cm_phantom_thorax_image(ctx, plan, 0, 0, &image[0], &image[1], &image[2], &err);
    if (!done) assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    for (int k = 0; k < 3; k++) cm_image_unref(&image[k]);
    cm_phantom_plan_free(&plan);
    cm_error_free(&err);
    cm_context_fail_allocation(ctx, 0);
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads), cmocka_unit_test(test_plan),
                                     cmocka_unit_test(test_truth), cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_faults)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
