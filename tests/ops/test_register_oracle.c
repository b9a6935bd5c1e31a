/* oracle: an analytic volume moved by a known rigid transform (closed form); brain slices whose file names give the
 * transform (ITK's examples). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/io.h"
#include "cormack/op.h"
#include "ops/registration/rigid.h"

static CmContext *ctx;

static int start(void **state) {
  (void)state;
  ctx = cm_context_create(NULL, NULL);
  return ctx ? 0 : 1;
}

static int stop(void **state) {
  (void)state;
  return cm_context_destroy(&ctx) ? 1 : 0;
}

/* Blobs of unlike size and place in a body, in mm. */
static double density(const double x[3]) {
  static const double blobs[][5] = {
      {30, 10, -20, 14, 700}, {-35, 5, 25, 9, 900}, {5, -40, 10, 18, 500}, {-10, 35, -30, 7, 1200}, {0, 0, 0, 70, 300}};
  double sum = -1000;
  for (int i = 0; i < CM_COUNT(blobs); i++) {
    double square = 0;
    for (int k = 0; k < 3; k++) square += (x[k] - blobs[i][k]) * (x[k] - blobs[i][k]);
    sum += blobs[i][4] * exp(-square / (2 * blobs[i][3] * blobs[i][3]));
  }
  return sum;
}

/* 7 degrees about z after 4 degrees about x, then a shift. */
static void truth(const double x[3], double y[3]) {
  const double a = 7 * M_PI / 180, b = 4 * M_PI / 180;
  double p[3] = {x[0], cos(b) * x[1] - sin(b) * x[2], sin(b) * x[1] + cos(b) * x[2]};
  y[0] = cos(a) * p[0] - sin(a) * p[1] + 11;
  y[1] = sin(a) * p[0] + cos(a) * p[1] - 8;
  y[2] = p[2] + 6;
}

static void truth_inverse(const double y[3], double x[3]) {
  const double a = 7 * M_PI / 180, b = 4 * M_PI / 180;
  double q[3] = {y[0] - 11, y[1] + 8, y[2] - 6};
  double p[3] = {cos(a) * q[0] + sin(a) * q[1], -sin(a) * q[0] + cos(a) * q[1], q[2]};
  x[0] = p[0];
  x[1] = cos(b) * p[1] + sin(b) * p[2];
  x[2] = -sin(b) * p[1] + cos(b) * p[2];
}

static CmImage *volume(const int64_t dims[3], const double spacing[3], bool moved) {
  CmImage *image = cm_image_create(ctx, CM_I16, 3, dims, 1, NULL);
  CmGeometry g = *cm_image_geometry(image);
  for (int k = 0; k < 3; k++) {
    g.spacing[k] = spacing[k];
    g.origin[k] = -spacing[k] * (double)(dims[k] - 1) / 2;
  }
  assert_true(cm_image_set_geometry(image, &g, NULL));
  int16_t *out = cm_image_data_mut(image);
  for (int64_t z = 0; z < dims[2]; z++)
    for (int64_t y = 0; y < dims[1]; y++)
      for (int64_t x = 0; x < dims[0]; x++) {
        double lps[3], at[3];
        cm_geometry_to_physical(&g, (double[]){(double)x, (double)y, (double)z}, lps);
        if (moved)
          truth_inverse(lps, at);
        else
          memcpy(at, lps, sizeof at);
        *out++ = (int16_t)lrint(density(at));
      }
  return image;
}

static void recovers(CmSimilarity metric, double worst_mm) {
  CmImage *fixed = volume((int64_t[]){70, 64, 40}, (double[]){2, 2, 3.5}, false);
  CmImage *moving = volume((int64_t[]){60, 66, 52}, (double[]){2.5, 2.2, 3}, true);
  const CmRigidOptions options = {.metric = metric,
                                  .start = CM_START_CENTRE,
                                  .rotate = true,
                                  .levels = 3,
                                  .finest_mm = 2,
                                  .samples = 40000,
                                  .bins = 40,
                                  .iterations = 200};
  CmRigidResult result;
  CmError *err = NULL;
  assert_true(cm__register_rigid(ctx, fixed, moving, &options, &result, &err));
  double worst = 0;
  for (int corner = 0; corner < 8; corner++) { /* target registration error at the corners of a box of 80 mm */
    double x[3], is[3], should[3], square = 0;
    for (int k = 0; k < 3; k++) x[k] = corner >> k & 1 ? 40 : -40;
    cm__rigid_point(&result.transform, x, is);
    truth(x, should);
    for (int k = 0; k < 3; k++) square += (is[k] - should[k]) * (is[k] - should[k]);
    worst = fmax(worst, sqrt(square));
  }
  print_message("metric %d: worst target registration error %.3f mm in %lld steps\n", (int)metric, worst,
                (long long)result.iterations);
  assert_true(worst < worst_mm);
  cm_image_unref(&fixed);
  cm_image_unref(&moving);
}

static void volumes_come_together(void **state) {
  (void)state;
  recovers(CM_SIMILARITY_MEAN_SQUARES, 0.1);
  recovers(CM_SIMILARITY_CORRELATION, 0.1);
  recovers(CM_SIMILARITY_MUTUAL_INFORMATION, 0.5);
}

/* One channel of a colour PNG of a grey slice. */
static CmImage *slice(const char *name) {
  const char *data = getenv("CORMACK_TEST_DATA");
  char path[4096];
  snprintf(path, sizeof path, "%s/reg/itk_examples_debian/%s", data ? data : "", name);
  CmImage *image = cm_image_read(ctx, path, NULL, NULL);
  if (!image) return NULL;
  CmImage *grey = cm_image_create(ctx, CM_U8, 2, cm_image_dims(image), 1, NULL);
  uint8_t *out = cm_image_data_mut(grey);
  for (int64_t i = 0; i < cm_image_voxels(image); i++)
    out[i] = (uint8_t)cm_image_value(image, i * cm_image_components(image));
  cm_image_unref(&image);
  return grey;
}

static void transform_of(const char *moving_name, const char *metric, double found[3]) {
  CmImage *fixed = slice("BrainProtonDensitySliceBorder20.png"), *moving = slice(moving_name);
  if (!fixed || !moving) skip();
  const CmOp *op = cm_op_find("register");
  CmError *err = NULL;
  void *params = cm_params_create(ctx, op, &err);
  char words[96];
  snprintf(words, sizeof words, "metric=%s start=identity finest=1", metric);
  assert_true(cm_params_set_words(ctx, op, params, words, &err));
  CmValue in[CM_MAX_PORTS] = {{0}}, out[CM_MAX_PORTS] = {{0}};
  in[0] = cm_value_image(fixed);
  in[1] = cm_value_image(moving);
  assert_true(cm_op_run(ctx, op, params, in, out, NULL, &err));
  found[0] = cm_table_real(out[1].table, 0, cm_table_find_column(out[1].table, "shift_x"));
  found[1] = cm_table_real(out[1].table, 0, cm_table_find_column(out[1].table, "shift_y"));
  found[2] = cm_table_real(out[1].table, 0, cm_table_find_column(out[1].table, "angle_z"));
  for (int i = 0; i < op->output_count; i++) cm_value_unref(&out[i]);
  cm_free(params);
  cm_image_unref(&fixed);
  cm_image_unref(&moving);
}

static void names_give_the_transform(void **state) {
  (void)state;
  static const char *const metrics[] = {"mean_squares", "correlation", "mutual_information"};
  for (int i = 0; i < CM_COUNT(metrics); i++) {
    double found[3];
    transform_of("BrainProtonDensitySliceShifted13x17y.png", metrics[i], found);
    assert_true(fabs(found[0] - 13) < 0.01 && fabs(found[1] - 17) < 0.01 && fabs(found[2]) < 0.01);
    transform_of("BrainProtonDensitySliceR10X13Y17.png", metrics[i], found);
    assert_true(fabs(found[2] - 10) < 0.05);
    transform_of("BrainProtonDensitySliceRotated10.png", metrics[i], found);
    assert_true(fabs(found[2] - 10) < 0.2); /* 10 degrees, resampled to whole grey values at another centre */
  }
}

static void threads_give_the_same_bits(void **state) {
  (void)state;
  CmRigidResult results[2];
  const CmRigidOptions options = {.start = CM_START_CENTRE,
                                  .rotate = true,
                                  .levels = 2,
                                  .finest_mm = 3,
                                  .samples = 20000,
                                  .bins = 32,
                                  .iterations = 40};
  for (int run = 0; run < 2; run++) {
    CmContext *kept = ctx;
    ctx = cm_context_create(&(CmContextOptions){.threads = run ? 5 : 1}, NULL);
    CmImage *fixed = volume((int64_t[]){40, 40, 24}, (double[]){3, 3, 5}, false),
            *moving = volume((int64_t[]){40, 40, 24}, (double[]){3, 3, 5}, true);
    assert_true(cm__register_rigid(ctx, fixed, moving, &options, &results[run], NULL));
    cm_image_unref(&fixed);
    cm_image_unref(&moving);
    assert_int_equal(cm_context_destroy(&ctx), 0);
    ctx = kept;
  }
  assert_memory_equal(&results[0], &results[1], sizeof results[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(volumes_come_together),
                                     cmocka_unit_test(names_give_the_transform),
                                     cmocka_unit_test(threads_give_the_same_bits)};
  return cmocka_run_group_tests(tests, start, stop);
}
