/* Failing allocations and cancelled runs: nothing leaks, the catalogue stays whole, the next run does the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/catalog.h"
#include "cormack/dicom.h"

static char folder[256], catalog[300];
static int asked;

static bool cancel_late(void *user) {
  (void)user;
  return asked > 0 && --asked == 0;
}

static int set_up(void **state) {
  (void)state;
  CmError *err = NULL;
  snprintf(folder, sizeof folder, "/tmp/cormack-catalog-XXXXXX");
  if (!mkdtemp(folder)) return -1;
  snprintf(catalog, sizeof catalog, "%s.sqlite", folder);
  CmContext *ctx = cm_context_create(NULL, NULL);
  CmImage *image = ctx ? cm_image_create(ctx, CM_U8, 3, (int64_t[]){4, 4, 5}, 1, &err) : NULL;
  if (!image) return -1;
  memset(cm_image_data_mut(image), 0, cm_image_bytes(image));
  CmDicomWriteOptions options = {.uid_seed = "catalog"};
  bool good = cm_dicom_write_series(ctx, image, folder, &options, &err);
  cm_image_unref(&image);
  return good && cm_context_destroy(&ctx) == 0 ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  char command[700];
  snprintf(command, sizeof command, "rm -rf %s %s*", folder, folder);
  return system(command);
}

static void assert_whole(CmContext *ctx, int64_t images) {
  CmError *err = NULL;
  CmTable *table = cm_catalog_query(ctx, catalog, "SELECT count(*) AS n FROM images", &err);
  if (!table) fail_msg("%s", cm_error_text(err));
  assert_int_equal(cm_table_int(table, 0, 0), images);
  cm_table_unref(&table);
}

static void test_failing_allocations(void **state) {
  (void)state;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  CmContext *ctx = cm_context_create(&options, NULL);
  const char *path = folder;
  CmCatalogReport report;
  bool done = false;
  for (uint64_t nth = 1; !done; nth++) {
    CmError *err = NULL;
    unlink(catalog);
    cm_context_fail_allocation(ctx, nth);
    done = cm_catalog_add(ctx, catalog, &path, 1, &report, &err);
    if (done) done = cm_context_allocation_count(ctx) > 0 && report.added == 5;
    if (!done) assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    cm_error_free(&err);
    cm_context_fail_allocation(ctx, 0);
    assert_int_equal(cm_context_memory_used(ctx), 0);
  }
  assert_whole(ctx, 5);
  for (uint64_t nth = 1;; nth++) {
    CmError *err = NULL;
    cm_context_fail_allocation(ctx, nth);
    CmTable *table = cm_catalog_query(ctx, catalog, "SELECT path, number, 1.5 AS real FROM images", &err);
    cm_context_fail_allocation(ctx, 0);
    bool answered = table != NULL;
    if (!answered) assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    cm_table_unref(&table);
    cm_error_free(&err);
    assert_int_equal(cm_context_memory_used(ctx), 0);
    if (answered) break;
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void test_cancelled_run(void **state) {
  (void)state;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.cancel = cancel_late;
  CmContext *ctx = cm_context_create(&options, NULL);
  const char *path = folder;
  CmCatalogReport report;
  unlink(catalog);
  bool done = false;
  for (int after = 1; !done; after++) {
    CmError *err = NULL;
    asked = after;
    done = cm_catalog_add(ctx, catalog, &path, 1, &report, &err);
    asked = 0;
    if (!done) assert_int_equal(cm_error_code(err), CM_ERR_CANCELLED);
    cm_error_free(&err);
  }
  assert_int_equal(report.added + report.unchanged, 5);
  assert_whole(ctx, 5);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_failing_allocations), cmocka_unit_test(test_cancelled_run)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
