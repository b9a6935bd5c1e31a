/* What operations say of their reach: a block of the image that is larger by the reach on all sides gives, to the last
 * bit, what the whole image gives there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/op.h"

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

/* Blobs and noise far from 0, so that sums round; in integers ties and equal neighbours. */
static CmImage *make_image(CmContext *ctx, CmType type, const int64_t dims[3], int components) {
  CmError *err = NULL;
  CmGeometry geometry;
  uint32_t seed = 9;
  cm_geometry_default(&geometry);
  geometry.spacing[0] = 0.7;
  geometry.spacing[2] = 1.9;
  CmImage *image = cm_image_create(ctx, CM_F64, dims[2] > 1 ? 3 : 2, dims, components, &err);
  assert_non_null(image);
  double *v = cm_image_data_mut(image);
  for (int64_t i = 0; i < cm_image_values(image); i++)
    v[i] = 100.0 + (double)(i / 7 % 40) + (double)(next_random(&seed) % 1000) / (type == CM_U8 ? 10.0 : 0.37);
  assert_true(cm_image_set_geometry(image, &geometry, &err));
  CmImage *typed = cm_image_convert(ctx, image, type, true, &err);
  assert_non_null(typed);
  cm_image_unref(&image);
  return typed;
}

static CmImage *take_block(CmContext *ctx, const CmImage *image, const int64_t begin[3], const int64_t end[3]) {
  CmError *err = NULL;
  const int64_t *dims = cm_image_dims(image), size[3] = {end[0] - begin[0], end[1] - begin[1], end[2] - begin[2]};
  const size_t voxel = cm_type_size(cm_image_type(image)) * (size_t)cm_image_components(image);
  CmImage *block =
      cm_image_create(ctx, cm_image_type(image), cm_image_rank(image), size, cm_image_components(image), &err);
  assert_non_null(block);
  assert_true(cm_image_set_geometry(block, cm_image_geometry(image), &err));
  char *to = cm_image_data_mut(block);
  for (int64_t z = begin[2]; z < end[2]; z++)
    for (int64_t y = begin[1]; y < end[1]; y++, to += voxel * (size_t)size[0])
      memcpy(to, (const char *)cm_image_data(image) + voxel * (size_t)((z * dims[1] + y) * dims[0] + begin[0]),
             voxel * (size_t)size[0]);
  return block;
}

/* NULL: refused. */
static CmImage *run(CmContext *ctx, const CmOp *op, const void *params, CmImage *image) {
  CmValue in[CM_MAX_PORTS] = {cm_value_image(image)}, out[CM_MAX_PORTS] = {{0}};
  bool wanted[CM_MAX_PORTS] = {true};
  return cm_op_run(ctx, op, params, in, out, wanted, NULL) ? out[0].image : NULL;
}

/* Some blocks, those at the corners among them. */
static void check_blocks(CmContext *ctx, const CmOp *op, const void *params, CmImage *image, const char *what) {
  int64_t reach[3];
  if (!cm_op_reach(op, params, image, reach)) return;
  const int64_t *dims = cm_image_dims(image);
  CmImage *whole = run(ctx, op, params, image);
  if (!whole) return;
  uint32_t seed = 4;
  for (int k = 0; k < 6; k++) {
    int64_t begin[3], end[3], outer_begin[3], outer_end[3], inner_begin[3], inner_end[3];
    for (int axis = 0; axis < 3; axis++) {
      const int64_t n = dims[axis], size = n < 3 ? n : 1 + next_random(&seed) % (n / 2);
      begin[axis] = k == 0 ? 0 : k == 1 ? n - size : next_random(&seed) % (n - size + 1);
      end[axis] = begin[axis] + size;
      outer_begin[axis] = begin[axis] > reach[axis] ? begin[axis] - reach[axis] : 0;
      outer_end[axis] = end[axis] + reach[axis] < n ? end[axis] + reach[axis] : n;
      if (n > 1 && outer_end[axis] - outer_begin[axis] == 1) { /* an axis of one voxel is another thing */
        if (outer_end[axis] < n)
          outer_end[axis]++;
        else
          outer_begin[axis]--;
      }
      inner_begin[axis] = begin[axis] - outer_begin[axis];
      inner_end[axis] = end[axis] - outer_begin[axis];
    }
    CmImage *block = take_block(ctx, image, outer_begin, outer_end), *result = run(ctx, op, params, block);
    assert_non_null(result);
    CmImage *ours = take_block(ctx, result, inner_begin, inner_end), *wanted = take_block(ctx, whole, begin, end);
    if (cm_image_bytes(ours) != cm_image_bytes(wanted) ||
        memcmp(cm_image_data(ours), cm_image_data(wanted), cm_image_bytes(ours)) != 0)
      fail_msg("%s %s: a block gives other bits than the whole image", op->name, what);
    cm_image_unref(&block);
    cm_image_unref(&result);
    cm_image_unref(&ours);
    cm_image_unref(&wanted);
  }
  cm_image_unref(&whole);
}

static const char *const settings[] = {"",
                                       "sigma=0",
                                       "sigma=0.6",
                                       "sigma=2.3",
                                       "sigma=1,0,2",
                                       "radius=2",
                                       "radius=3.6",
                                       "radius=0",
                                       "radius=1,3,0",
                                       "shape=box",
                                       "units=voxel",
                                       "units=mm",
                                       "border=wrap",
                                       "border=reflect",
                                       "border=mirror",
                                       "border=constant",
                                       "border=zero",
                                       "type=f32",
                                       "type=f64",
                                       "type=keep",
                                       "truncate=2.5",
                                       "normalize=true",
                                       "percentile=30",
                                       "method=var",
                                       "method=uniform",
                                       "method=ror",
                                       "plane=xz",
                                       "output=y",
                                       "order=2,1,0",
                                       "mode=binary",
                                       "mode=label",
                                       "per=voxel",
                                       "statistic=entropy",
                                       "statistic=mean",
                                       "statistic=range",
                                       "statistic=skewness",
                                       "statistic=kurtosis"};

static void check_op(CmContext *ctx, const CmOp *op, CmImage *image) {
  for (int k = 0; k < CM_COUNT(settings); k++) {
    CmError *err = NULL;
    void *params = cm_params_create(ctx, op, &err);
    assert_non_null(params);
    if (cm_params_set_words(ctx, op, params, settings[k], &err) && (!op->check || op->check(params, &err)))
      check_blocks(ctx, op, params, image, settings[k]);
    cm_error_free(&err);
    cm_free(params);
  }
}

static void test_blocks(void **state) {
  (void)state;
  static const int64_t dims[3][3] = {{41, 37, 1}, {27, 19, 23}, {30, 1, 21}};
  static const CmType types[] = {CM_U8, CM_I16, CM_F32, CM_F64};
  CmError *err = NULL;
  int known = 0;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 2;
  CmContext *ctx = cm_context_create(&options, &err);
  assert_non_null(ctx);
  for (int t = 0; t < 4; t++)
    for (int d = 0; d < 3; d++) {
      CmImage *image = make_image(ctx, types[t], dims[d], d == 1 && t == 2 ? 2 : 1);
      for (int k = 0; k < cm_op_count(); k++) {
        const CmOp *op = cm_op_at(k);
        known += op->reach != NULL;
        if (op->reach) check_op(ctx, op, image);
      }
      cm_image_unref(&image);
    }
  assert_true(known > 0);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
