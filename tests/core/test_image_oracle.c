/* oracle: geometry and conversion against closed forms. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/image.h"

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

/* Rotation by 30 degrees about z: columns (c,s,0), (-s,c,0), (0,0,1). */
static CmGeometry rotated(void) {
  const double c = sqrt(3) / 2, s = 0.5;
  return (CmGeometry){
      .spacing = {2, 3, 4}, .origin = {10, 20, 30}, .direction = {c, -s, 0, s, c, 0, 0, 0, 1}, .spacing_t = 1};
}

static void positions_follow_the_affine(void **state) {
  (void)state;
  CmGeometry geometry = rotated();
  double at[3], index[3];
  cm_geometry_to_physical(&geometry, (double[]){1, 2, 3}, at);
  /* 10 + c*2 - s*6, 20 + s*2 + c*6, 30 + 12 */
  assert_true(fabs(at[0] - (10 + sqrt(3) - 3)) < 1e-12);
  assert_true(fabs(at[1] - (21 + 3 * sqrt(3))) < 1e-12);
  assert_true(fabs(at[2] - 42) < 1e-12);
  cm_geometry_to_index(&geometry, at, index);
  for (int i = 0; i < 3; i++) assert_true(fabs(index[i] - (i + 1)) < 1e-12);
}

static void bad_geometry_is_refused(void **state) {
  (void)state;
  CmGeometry g = rotated();
  CmError *err = NULL;
  assert_true(cm_geometry_check(&g, &err));
  g.spacing[1] = 0;
  assert_false(cm_geometry_check(&g, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_GEOMETRY);
  cm_error_free(&err);
  g = rotated();
  g.direction[0] = 0.5; /* sheared */
  assert_false(cm_geometry_check(&g, &err));
  cm_error_free(&err);
}

static void grids_are_compared_at_the_corners(void **state) {
  (void)state;
  CmError *err = NULL;
  const int64_t dims[3] = {100, 100, 100};
  CmImage *a = cm_image_create(ctx, CM_U8, 3, dims, 1, &err), *b = cm_image_create(ctx, CM_F32, 3, dims, 1, &err);
  assert_true(cm_image_same_grid(a, "image", b, "mask", &err));
  CmGeometry geometry = *cm_image_geometry(b);
  geometry.spacing[0] = 1 + 2e-5; /* 99 voxels further on: 0.00198 voxel */
  assert_true(cm_image_set_geometry(b, &geometry, &err));
  assert_false(cm_image_same_grid(a, "image", b, "mask", &err));
  assert_non_null(strstr(cm_error_text(err), "image and mask"));
  cm_error_free(&err);
  cm_image_unref(&a);
  cm_image_unref(&b);
}

static void conversion_rounds_to_even_and_refuses(void **state) {
  (void)state;
  CmError *err = NULL;
  float values[] = {0.5f, 1.5f, 2.5f, -0.5f, 254.5f, 255.4f};
  const uint8_t rounded[] = {0, 2, 2, 0, 254, 255}; /* IEEE 754 round to nearest, ties to even */
  CmImage *image = cm_image_wrap(ctx, CM_F32, 2, (int64_t[]){6, 1}, 1, values, NULL, NULL, &err);
  CmImage *bytes = cm_image_convert(ctx, image, CM_U8, false, &err);
  assert_memory_equal(cm_image_data(bytes), rounded, sizeof rounded);
  cm_image_unref(&bytes);
  values[3] = -1;
  values[5] = NAN;
  assert_null(cm_image_convert(ctx, image, CM_U8, false, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_DATA);
  cm_error_free(&err);
  bytes = cm_image_convert(ctx, image, CM_U8, true, &err);
  assert_int_equal(((const uint8_t *)cm_image_data(bytes))[3], 0);
  assert_int_equal(((const uint8_t *)cm_image_data(bytes))[5], 0);
  cm_image_unref(&bytes);
  cm_image_unref(&image);
}

static void shapes_that_cannot_be_are_refused(void **state) {
  (void)state;
  CmError *err = NULL;
  assert_null(cm_image_create(ctx, CM_F64, 3, (int64_t[]){CM_MAX_DIM, CM_MAX_DIM, CM_MAX_DIM}, 4096, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
  cm_error_free(&err);
  assert_null(cm_image_create(ctx, CM_U8, 3, (int64_t[]){4, 0, 4}, 1, &err));
  cm_error_free(&err);
  assert_null(cm_image_create(ctx, CM_U8, 5, (int64_t[]){4, 4, 4, 4, 4}, 1, &err));
  cm_error_free(&err);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(positions_follow_the_affine), cmocka_unit_test(bad_geometry_is_refused),
      cmocka_unit_test(grids_are_compared_at_the_corners), cmocka_unit_test(conversion_rounds_to_even_and_refuses),
      cmocka_unit_test(shapes_that_cannot_be_are_refused)};
  return cmocka_run_group_tests(tests, start, stop);
}
