/* The distance transform against its definition: the minimum over all sites. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/morphology/distance.h"

static void compare(const int64_t dims[3], const double spacing[3], int percent) {
  CmError *err = NULL;
  CmContext *ctx = cm_context_create(NULL, &err);
  CmImage *image = cm_image_create(ctx, CM_U8, 3, dims, 1, &err);
  CmGeometry geometry;
  cm_geometry_default(&geometry);
  for (int axis = 0; axis < 3; axis++) geometry.spacing[axis] = spacing[axis];
  assert_true(cm_image_set_geometry(image, &geometry, &err));
  uint8_t *v = cm_image_data_mut(image);
  const int64_t n = cm_image_voxels(image);
  uint32_t seed = 12345;
  for (int64_t i = 0; i < n; i++) {
    seed = seed * 1664525u + 1013904223u;
    v[i] = (int)(seed >> 16) % 100 < percent;
  }
  CmImage *out = cm__distance_squared(ctx, image, false, &err);
  assert_non_null(out);
  const float *d = cm_image_data(out);
  for (int64_t i = 0; i < n; i++) {
    double least = INFINITY;
    for (int64_t k = 0; k < n; k++)
      if (v[k]) {
        double dx = (double)(i % dims[0] - k % dims[0]) * spacing[0],
               dy = (double)(i / dims[0] % dims[1] - k / dims[0] % dims[1]) * spacing[1];
        double dz = (double)(i / dims[0] / dims[1] - k / dims[0] / dims[1]) * spacing[2];
        least = fmin(least, dx * dx + dy * dy + dz * dz);
      }
    if (isinf(least))
      assert_true(isinf(d[i]));
    else
      assert_true(fabs((double)d[i] - least) <= 3e-7 * least); /* three roundings to float */
  }
  cm_image_unref(&out);
  cm_image_unref(&image);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_random(void **state) {
  (void)state;
  compare((int64_t[]){13, 17, 11}, (double[]){1, 1, 1}, 3);
  compare((int64_t[]){33, 9, 7}, (double[]){0.7, 1.3, 5}, 2);
  compare((int64_t[]){20, 1, 1}, (double[]){2, 1, 1}, 10);
  compare((int64_t[]){5, 6, 7}, (double[]){1, 1, 1}, 0);
  compare((int64_t[]){1, 1, 1}, (double[]){1, 1, 1}, 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
