/* Bone against the phantom's anatomy, which is closed form: Dice at least 0.88 (0.911 and 0.896 were measured, with
 * contrast medium, on voxels of 1.9 x 1.9 x 2.5 mm). */
#include "ops/phantom/anatomy.h"
#include "phantom_kit.h"

#define SEED 20260131

static CmImage *truth_of(CmContext *ctx, const CmPhantomPatient *patient, int number, const CmImage *ct) {
  const CmPhantomVisit *v = &patient->visit[0];
  const CmGeometry *g = cm_image_geometry(ct);
  const int64_t *n = cm_image_dims(ct);
  CmError *err = NULL;
  Anatomy anatomy;
  CmImage *truth = cm_image_create_like(ctx, ct, CM_U8, 1, &err);
  kit_good(truth != NULL, err);
  uint8_t *to = cm_image_data_mut(truth);
  cm__anatomy_make(&anatomy, SEED, number, patient->sex == 'F', patient->contrast, v->breathing_mm);
  for (int64_t z = 0, at = 0; z < n[2]; z++)
    for (int64_t y = 0; y < n[1]; y++)
      for (int64_t x = 0; x < n[0]; x++, at++) {
        double p[3], q[3] = {0, 0, 0};
        cm_geometry_to_physical(g, (double[3]){(double)x, (double)y, (double)z}, p);
        for (int k = 0; k < 3; k++)
          for (int i = 0; i < 3; i++) q[k] += v->rotation[3 * i + k] * (p[i] - v->shift_mm[i]);
        to[at] = cm__anatomy_bone(&anatomy, q);
      }
  return truth;
}

static void bone_is_found_in_patients(void **state) {
  (void)state;
  CmContext *ctx = kit_context(2);
  CmPhantomOptions options;
  cm_phantom_default_options(&options);
  options.seed = SEED;
  CmError *err = NULL;
  CmPhantomPlan *plan = cm_phantom_thorax_plan(ctx, &options, &err);
  kit_good(plan != NULL, err);
  bool with = false, without = false;
  for (int k = 0; k < cm_phantom_patients(plan) && !(with && without); k++) {
    const CmPhantomPatient *patient = cm_phantom_patient(plan, k);
    if (patient->contrast ? with : without) continue;
    *(patient->contrast ? &with : &without) = true;
    CmImage *ct = NULL;
    kit_good(cm_phantom_thorax_image(ctx, plan, k, 0, &ct, NULL, NULL, &err), err);
    CmImage *truth = truth_of(ctx, patient, k, ct);
    CmValue in = cm_value_image(ct), out = {0};
    kit_run(ctx, "bone", NULL, &in, &out);
    const double dice = kit_dice(out.image, truth, 1);
    print_message("patient %d, contrast %d: Dice %.4f\n", k, patient->contrast, dice);
    assert_true(dice >= 0.88);
    cm_value_unref(&out);
    cm_image_unref(&truth);
    cm_image_unref(&ct);
  }
  assert_true(with && without);
  cm_phantom_plan_free(&plan);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(bone_is_found_in_patients)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
