/* Scanning and reading with every allocation failing in turn, cancelled, and with other thread counts: nothing leaks,
 * nothing differs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/dicom.h"

static char folder[1024], enhanced[1024], segments[1024];

static CmContext *context(int threads, CmCancelFn cancel, void *user) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = threads;
  options.cancel = cancel;
  options.user = user;
  return cm_context_create(&options, NULL);
}

/* Scans and reads the first volume; false with err where either fails. */
static bool job(CmContext *ctx, const char *path, CmHash *hash, CmError **err) {
  CmDicomScan *scan = cm_dicom_scan(ctx, &path, 1, err);
  CmImage *image = scan ? cm_dicom_read_volume(ctx, scan, 0, NULL, err) : NULL;
  if (image && hash) cm_image_hash(image, hash);
  bool ok = image != NULL;
  cm_image_unref(&image);
  cm_dicom_scan_free(&scan);
  return ok;
}

static void fail_each(const char *path) {
  CmError *err = NULL;
  CmContext *ctx = context(1, NULL, NULL);
  uint64_t before = cm_context_allocation_count(ctx);
  assert_true(job(ctx, path, NULL, &err));
  uint64_t total = cm_context_allocation_count(ctx) - before;
  assert_true(total > 5);
  for (uint64_t nth = 1; nth <= total; nth++) {
    cm_context_fail_allocation(ctx, nth);
    bool ok = job(ctx, path, NULL, &err);
    cm_context_fail_allocation(ctx, 0);
    assert_false(ok);
    assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    cm_error_free(&err);
    assert_int_equal(cm_context_memory_used(ctx), 0);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void allocations_fail(void **state) {
  (void)state;
  fail_each(folder);
  fail_each(enhanced);
  fail_each(segments);
}

typedef struct Asked {
  int count, stop_at;
} Asked;

static bool cancel_at(void *user) {
  Asked *asked = user;
  return ++asked->count >= asked->stop_at;
}

static void cancelled_anywhere(void **state) {
  (void)state;
  for (int stop_at = 1; stop_at < 40; stop_at++) {
    Asked asked = {0, stop_at};
    CmContext *ctx = context(2, cancel_at, &asked);
    CmError *err = NULL;
    if (!job(ctx, folder, NULL, &err)) assert_int_equal(cm_error_code(err), CM_ERR_CANCELLED);
    cm_error_free(&err);
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
}

static void same_at_any_thread_count(void **state) {
  (void)state;
  CmHash one = {{0}}, many = {{0}};
  for (int threads = 1; threads <= 7; threads += 2) {
    CmContext *ctx = context(threads, NULL, NULL);
    CmError *err = NULL;
    assert_true(job(ctx, folder, threads == 1 ? &one : &many, &err));
    if (threads > 1) assert_true(cm_hash_equal(&one, &many));
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
}

int main(void) {
  const char *data = getenv("CORMACK_TEST_DATA");
  snprintf(folder, sizeof folder, "%s/ibsi_sts_validation/dicom/STS_019/PET/image", data ? data : "../shared/data");
  snprintf(enhanced, sizeof enhanced, "%s/dicom/dcm_qa_enh/In/Siemens/XA10", data ? data : "../shared/data");
  snprintf(segments, sizeof segments, "%s/dicom/pydicom-data/data/liver_rle.dcm", data ? data : "../shared/data");
  if (access(folder, R_OK) || access(enhanced, R_OK) || access(segments, R_OK)) {
    printf("skipped: %s is absent\n", folder);
    return 77;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocations_fail),
      cmocka_unit_test(cancelled_anywhere),
      cmocka_unit_test(same_at_any_thread_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
