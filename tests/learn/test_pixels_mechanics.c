/* Pixel classifiers: the same bits in one piece and in blocks, with one thread and with three, after saving and
 * loading; failing allocations and cancellation end with an error and leak nothing; images of another kind are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/pixels.h"

static CmContext *make_context(int threads, uint64_t memory) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = threads;
  options.memory_limit = memory;
  CmContext *ctx = cm_context_create(&options, NULL);
  assert_non_null(ctx);
  return ctx;
}

/* A bright ball, or disc, in noise; labels: some voxels of it 2, some around it 1. */
static CmImage *make_image(CmContext *ctx, int side, int deep, int components, bool labels) {
  const int64_t dims[3] = {side, side, deep};
  CmError *err = NULL;
  CmImage *image = cm_image_create(ctx, labels ? CM_U8 : CM_F32, deep > 1 ? 3 : 2, dims, labels ? 1 : components, &err);
  if (!image) {
    cm_error_free(&err);
    return NULL;
  }
  uint32_t seed = 7;
  for (int64_t at = 0; at < cm_image_values(image); at++) {
    const int64_t v = labels ? at : at / components;
    const int64_t x = v % side - side / 2, y = v / side % side - side / 2, z = v / side / side - deep / 2;
    const bool inside = x * x + y * y + z * z < side * side / 9;
    seed = seed * 1664525u + 1013904223u;
    if (labels)
      ((uint8_t *)cm_image_data_mut(image))[at] = (seed >> 8) % 5 ? 0 : inside ? 2 : 1;
    else
      ((float *)cm_image_data_mut(image))[at] = (float)((seed >> 8) % 100) + (inside ? 80.0f : 0.0f);
  }
  return image;
}

static const char *const filters[] = {"gaussian sigma=0,1,2.5", "hessian_eigenvalues sigma=1", "median radius=1:1:0",
                                      "local_binary_patterns method=uniform", "otsu"};

/* Any step may fail where allocations do; NULL then. */
static CmModel *train(CmContext *ctx, const char *kind, int side, int deep, int components, CmTable **judged,
                      CmError **err) {
  const CmLearner learner = {.kind = cm_model_kind_find(kind)};
  const int count = components == 1 ? 5 : 4;
  CmImage *image = make_image(ctx, side, deep, components, false), *labels = make_image(ctx, side, deep, 1, true);
  CmPixelSet *set = image && labels ? cm_pixel_set_create(ctx, filters, count, NULL, err) : NULL;
  CmModel *model = NULL;
  if (set && cm_pixel_set_add(set, image, labels, "ball", err)) model = cm_pixel_set_fit(set, &learner, judged, err);
  cm_pixel_set_free(&set);
  cm_image_unref(&image);
  cm_image_unref(&labels);
  return model;
}

static void hash_of(CmImage *labels, CmImage *probabilities, CmHash hash[2]) {
  cm_image_hash(labels, &hash[0]);
  cm_image_hash(probabilities, &hash[1]);
}

static void predict(int threads, uint64_t memory, const char *json, int side, int deep, CmHash hash[2]) {
  CmError *err = NULL;
  CmContext *ctx = make_context(threads, memory);
  CmModel *model = cm_model_from_json(ctx, json, strlen(json), "model", &err);
  assert_non_null(model);
  CmImage *image = make_image(ctx, side, deep, 1, false), *labels = NULL, *probabilities = NULL;
  if (!cm_pixel_predict(ctx, model, image, &labels, &probabilities, &err)) fail_msg("%s", cm_error_text(err));
  hash_of(labels, probabilities, hash);
  cm_image_unref(&image);
  cm_image_unref(&labels);
  cm_image_unref(&probabilities);
  cm_model_unref(&model);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void check_same(const char *kind, int side, int deep) {
  char *json[2];
  CmContext *keep = make_context(1, 0);
  for (int k = 0; k < 2; k++) { /* trained with one thread, and with three */
    CmError *err = NULL;
    CmContext *ctx = make_context(k ? 3 : 1, 0);
    CmTable *judged = NULL;
    CmModel *model = train(ctx, kind, side, deep, 1, &judged, &err);
    if (!model) fail_msg("%s: %s", kind, cm_error_text(err));
    assert_int_equal(cm_table_rows(judged), 3);
    assert_true(cm_table_real(judged, 2, cm_table_find_column(judged, "accuracy")) > 0.8);
    char *text = cm_model_to_json(ctx, model, &err);
    json[k] = cm_strdup(keep, text, &err);
    cm_free(text);
    cm_table_unref(&judged);
    cm_model_unref(&model);
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
  assert_string_equal(json[0], json[1]);
  CmHash whole[2], other[2];
  predict(1, 0, json[0], side, deep, whole);
  const uint64_t image = (uint64_t)side * (uint64_t)side * (uint64_t)deep * 4; /* and 14 features of that size */
  for (int threads = 1; threads < 6; threads += 2) {
    predict(threads, threads == 1 ? 0 : 9 * image + (4u << 20), json[0], side, deep, other);
    assert_memory_equal(whole, other, sizeof whole);
  }
  cm_free(json[0]);
  cm_free(json[1]);
  cm_context_destroy(&keep);
}

static void test_same_bits(void **state) {
  (void)state;
  check_same("naive_bayes", 70, 1);
  check_same("random_forest", 33, 19);
}

static void test_refused(void **state) {
  (void)state;
  CmError *err = NULL;
  CmContext *ctx = make_context(2, 0);
  CmModel *model = train(ctx, "naive_bayes", 24, 6, 1, NULL, &err);
  assert_non_null(model);
  CmImage *labels = NULL;
  const int wrong[2][2] = {{1, 1}, {6, 2}}; /* a plane; two components */
  for (int k = 0; k < 2; k++) {
    CmImage *image = make_image(ctx, 24, wrong[k][0], wrong[k][1], false);
    assert_false(cm_pixel_predict(ctx, model, image, &labels, NULL, &err));
    assert_int_equal(cm_error_code(err), CM_ERR_DATA);
    cm_error_free(&err);
    cm_image_unref(&image);
  }
  CmImage *image = make_image(ctx, 24, 6, 1, false);
  assert_true(cm_image_set_unit(image, "HU", &err)); /* training had no unit: passes */
  assert_true(cm_pixel_predict(ctx, model, image, &labels, NULL, &err));
  cm_image_unref(&labels);
  cm_image_unref(&image);
  cm_model_unref(&model);
  static const char *const odd[] = {"resample", "median radios=1",    "gaussian sigma",
                                    "",         "gaussian sigma=1,1", "mutual_information"};
  for (int k = 0; k < CM_COUNT(odd); k++) {
    assert_null(cm_pixel_set_create(ctx, &odd[k], 1, NULL, &err));
    assert_non_null(err);
    cm_error_free(&err);
  }
  assert_null(train(ctx, "linear", 24, 6, 1, NULL, &err)); /* predicts no classes */
  assert_int_equal(cm_error_code(err), CM_ERR_PARAMETER);
  cm_error_free(&err);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static bool train_and_predict(CmContext *ctx, CmError **err) {
  CmTable *judged = NULL;
  CmModel *model = train(ctx, "naive_bayes", 16, 4, 1, &judged, err);
  CmImage *image = model ? make_image(ctx, 16, 4, 1, false) : NULL, *labels = NULL, *probabilities = NULL;
  const bool ok = image && cm_pixel_predict(ctx, model, image, &labels, &probabilities, err);
  cm_image_unref(&labels);
  cm_image_unref(&probabilities);
  cm_image_unref(&image);
  cm_table_unref(&judged);
  cm_model_unref(&model);
  return ok;
}

static void test_allocations(void **state) {
  (void)state;
  CmContext *ctx = make_context(1, 0);
  const uint64_t before = cm_context_allocation_count(ctx);
  assert_true(train_and_predict(ctx, NULL));
  const uint64_t count = cm_context_allocation_count(ctx) - before;
  for (uint64_t nth = 1; nth <= count; nth += nth < 300 ? 1 : 41) {
    CmError *err = NULL;
    cm_context_fail_allocation(ctx, nth);
    const bool ok = train_and_predict(ctx, &err);
    if (ok && err) fail_msg("allocation %d: a result and an error", (int)nth);
    cm_error_free(&err);
    cm_context_fail_allocation(ctx, 0);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static bool is_late(void *user) {
  int *left = user;
  return --*left < 0;
}

static void test_cancelled_pixels(void **state) {
  (void)state;
  for (int after = 0; after < 200; after += 9) {
    CmContextOptions options;
    int left = after;
    cm_context_default_options(&options);
    options.threads = 2;
    options.cancel = is_late;
    options.user = &left;
    CmError *err = NULL;
    CmContext *ctx = cm_context_create(&options, &err);
    if (!train_and_predict(ctx, &err)) assert_int_equal(cm_error_code(err), CM_ERR_CANCELLED);
    cm_error_free(&err);
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits), cmocka_unit_test(test_refused),
                                     cmocka_unit_test(test_allocations), cmocka_unit_test(test_cancelled_pixels)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
