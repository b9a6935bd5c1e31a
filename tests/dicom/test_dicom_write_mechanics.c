/* Writing series: same bytes at any thread count, every failing allocation, places that cannot be written, UIDs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/dicom.h"
#include "cormack/file.h"
#include "io/dicom/builder.h"

static char folder[256];

static int set_up(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "/tmp/cormack-write-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command);
}

static CmContext *context_of(int threads) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = threads;
  CmContext *ctx = cm_context_create(&options, NULL);
  assert_non_null(ctx);
  return ctx;
}

static CmImage *make_image(CmContext *ctx) {
  CmImage *image = cm_image_create(ctx, CM_I16, 3, (int64_t[]){5, 3, 4}, 1, NULL);
  assert_non_null(image);
  int16_t *values = cm_image_data_mut(image);
  for (int64_t i = 0; i < cm_image_values(image); i++) values[i] = (int16_t)(i * 37 % 2000 - 1000);
  assert_true(cm_image_set_unit(image, "HU", NULL));
  return image;
}

static const CmDicomAttribute attributes[] = {
    {CM_TAG(0x10, 0x10), "J\xC3\xB6rg"}, {CM_TAG(0x10, 0x20), "P"}, {CM_TAG(0x20, 0x4000), NULL}};

static bool write_series(CmContext *ctx, const CmImage *image, const char *where, CmError **err) {
  CmDicomWriteOptions options = {.sop_class_uid = "1.2.840.10008.5.1.4.1.1.2",
                                 .uid_seed = "s",
                                 .attributes = attributes,
                                 .attribute_count = CM_COUNT(attributes)};
  return cm_dicom_write_series(ctx, image, where, &options, err);
}

static void test_thread_counts(void **state) {
  (void)state;
  CmHash hashes[2][4];
  for (int k = 0; k < 2; k++) {
    CmContext *ctx = context_of(k ? 8 : 1);
    CmImage *image = make_image(ctx);
    assert_true(write_series(ctx, image, folder, NULL));
    for (int i = 0; i < 4; i++) {
      char path[300];
      snprintf(path, sizeof path, "%s/IM%04d.dcm", folder, i + 1);
      assert_true(cm_hash_file(ctx, path, &hashes[k][i], NULL));
      assert_int_equal(unlink(path), 0);
    }
    cm_image_unref(&image);
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
  assert_memory_equal(hashes[0], hashes[1], sizeof hashes[0]);
}

static void test_failing_allocations(void **state) {
  (void)state;
  CmContext *ctx = context_of(1);
  CmImage *image = make_image(ctx);
  uint64_t before = cm_context_memory_used(ctx);
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    CmError *err = NULL;
    cm_context_fail_allocation(ctx, nth);
    done = write_series(ctx, image, folder, &err);
    cm_context_fail_allocation(ctx, 0);
    if (!done) assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    cm_error_free(&err);
    assert_int_equal(cm_context_memory_used(ctx), before);
  }
  cm_image_unref(&image);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_place_that_cannot_be_written(void **state) {
  (void)state;
  CmContext *ctx = context_of(2);
  CmImage *image = make_image(ctx);
  CmError *err = NULL;
  assert_false(write_series(ctx, image, "/proc/cormack", &err));
  assert_int_equal(cm_error_code(err), CM_ERR_IO);
  assert_non_null(strstr(cm_error_text(err), "/proc/cormack"));
  cm_error_free(&err);
  cm_image_unref(&image);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_uids(void **state) {
  (void)state;
  char a[65], b[65];
  cm_dicom_uid("seed", a);
  cm_dicom_uid("seed", b);
  assert_string_equal(a, b);
  cm_dicom_uid("seeds", b);
  assert_string_not_equal(a, b);
  for (int i = 0; i < 2000; i++) {
    char seed[16];
    snprintf(seed, sizeof seed, "%d", i);
    cm_dicom_uid(seed, a);
    assert_memory_equal(a, "2.25.", 5);
    assert_true(strspn(a + 5, "0123456789") == strlen(a + 5) && strlen(a) <= 44 && a[5] != '0');
  }
}

static void test_decimals(void **state) {
  (void)state;
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0, "0"},
               {1, "1"},
               {-0.1, "-0.1"},
               {1e-7, "1e-7"},
               {0.1 + 0.2, "0.30000000000000"},
               {1e300, "1e300"},
               {123456789, "123456789"}};
  char text[17];
  for (int i = 0; i < CM_COUNT(cases); i++) {
    cm__dicom_decimal(cases[i].value, text);
    assert_true(strlen(text) <= 16);
    double error = fabs(strtod(text, NULL) - cases[i].value);
    assert_true(error <= 1e-14 * fabs(cases[i].value)); /* 16 characters */
    if (strlen(cases[i].text) < 12) assert_string_equal(text, cases[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_thread_counts), cmocka_unit_test(test_failing_allocations),
                                     cmocka_unit_test(test_place_that_cannot_be_written), cmocka_unit_test(test_uids),
                                     cmocka_unit_test(test_decimals)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
