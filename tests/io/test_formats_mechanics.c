/* Every allocation fails in turn, on reading and on writing, in every format; and refusals name what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/io.h"

static char folder[] = "/tmp/cormack-mechanics-XXXXXX";

static CmContext *one_thread(void) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  CmContext *ctx = cm_context_create(&options, NULL);
  assert_non_null(ctx);
  return ctx;
}

static CmImage *picture(CmContext *ctx) {
  CmImage *image = cm_image_create(ctx, CM_U8, 2, (const int64_t[]){16, 12}, 3, NULL);
  assert_non_null(image);
  uint8_t *data = cm_image_data_mut(image);
  for (size_t i = 0; i < cm_image_bytes(image); i++) data[i] = (uint8_t)(i * 7);
  assert_true(cm_image_set_unit(image, "%", NULL));
  assert_true(cm_image_set_meta(image, "StudyDate", "20240229", NULL));
  return image;
}

static void every_allocation_fails_in_turn(void **state) {
  (void)state;
  static const char *const extensions[] = {".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd",
                                           ".png", ".jpg",    ".tif",  ".npy",  ".npz"};
  for (int e = 0; e < CM_COUNT(extensions); e++) {
    char path[128];
    snprintf(path, sizeof path, "%s/x%s", folder, extensions[e]);
    CmContext *ctx = one_thread();
    CmImage *image = picture(ctx);
    bool written = false;
    for (uint64_t n = 1; !written && n < 500; n++) {
      CmError *err = NULL;
      cm_context_fail_allocation(ctx, n);
      written = cm_image_write(ctx, image, path, NULL, &err);
      if (!written && cm_error_code(err) != CM_ERR_MEMORY)
        fail_msg("writing, allocation %d: %s", (int)n, cm_error_text(err));
      cm_error_free(&err);
    }
    assert_true(written);
    cm_image_unref(&image);
    for (uint64_t n = 1; !image && n < 500; n++) {
      CmError *err = NULL;
      cm_context_fail_allocation(ctx, n);
      image = cm_image_read(ctx, path, NULL, &err);
      if (!image && cm_error_code(err) != CM_ERR_MEMORY)
        fail_msg("reading, allocation %d: %s", (int)n, cm_error_text(err));
      cm_error_free(&err);
    }
    assert_non_null(image);
    cm_context_fail_allocation(ctx, 0);
    cm_image_unref(&image);
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
}

/* A header may promise what it likes: nothing is allocated that the file cannot hold. */
static void a_promise_costs_nothing(void **state) {
  (void)state;
  CmContext *ctx = one_thread();
  char path[128];
  snprintf(path, sizeof path, "%s/big.nrrd", folder);
  static const char *const texts[] = {
      "NRRD0004\ntype: double\ndimension: 3\nsizes: 100000 100000 1000\nencoding: raw\nendian: little\n\nxxxx",
      "NRRD0004\ntype: double\ndimension: 3\nsizes: 100000 100000 1000\nencoding: gzip\nendian: little\n\nxxxx",
      "ObjectType = Image\nNDims = 3\nDimSize = 100000 100000 1000\nElementType = MET_DOUBLE\nElementDataFile = "
      "LOCAL\nxxxx",
      "NRRD0004\ntype: double\ndimension: 4\nsizes: 2000000000 2000000000 2000000000 2000000000\nencoding: "
      "raw\nendian: little\n\nxxxx"};
  for (int i = 0; i < CM_COUNT(texts); i++) {
    assert_true(cm_file_write(ctx, path, texts[i], strlen(texts[i]), NULL));
    cm_context_reset_peak(ctx);
    CmError *err = NULL;
    assert_null(cm_image_read(ctx, path, NULL, &err));
    assert_int_equal(cm_error_code(err), CM_ERR_FORMAT);
    assert_non_null(strstr(cm_error_text(err), path));
    assert_in_range(cm_context_memory_peak(ctx), 0, 1 << 20);
    cm_error_free(&err);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

/* A header from elsewhere reaches no file outside its folder. */
static void data_files_stay_in_the_folder(void **state) {
  (void)state;
  CmContext *ctx = one_thread();
  char path[128];
  snprintf(path, sizeof path, "%s/out.mhd", folder);
  static const char *const names[] = {"/etc/passwd", "../x.raw", "a/../../x.raw"};
  for (int i = 0; i < CM_COUNT(names); i++) {
    char text[256];
    snprintf(text, sizeof text, "NDims = 2\nDimSize = 2 2\nElementType = MET_UCHAR\nElementDataFile = %s\n", names[i]);
    assert_true(cm_file_write(ctx, path, text, strlen(text), NULL));
    CmError *err = NULL;
    assert_null(cm_image_read(ctx, path, NULL, &err));
    assert_int_equal(cm_error_code(err), CM_ERR_UNSUPPORTED);
    cm_error_free(&err);
  }
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void an_old_file_survives_a_failed_write(void **state) {
  (void)state;
  CmContext *ctx = one_thread();
  char path[128];
  snprintf(path, sizeof path, "%s/absent/x.nii", folder);
  CmImage *image = picture(ctx);
  CmError *err = NULL;
  assert_false(cm_image_write(ctx, image, path, NULL, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_IO);
  cm_error_free(&err);
  snprintf(path, sizeof path, "%s/old.nii", folder);
  assert_true(cm_file_write(ctx, path, "old", 3, NULL));
  cm_context_fail_allocation(ctx, 1);
  assert_false(cm_image_write(ctx, image, path, NULL, NULL));
  cm_context_fail_allocation(ctx, 0);
  size_t size;
  uint8_t *bytes = cm_file_read(ctx, path, 0, &size, NULL);
  assert_int_equal(size, 3);
  cm_free(bytes);
  cm_image_unref(&image);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static int start(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int stop(void **state) {
  (void)state;
  static const char *const names[] = {"x.nii", "x.nii.gz", "x.nrrd",  "x.nhdr", "x.raw.gz", "x.mha",
                                      "x.mhd", "x.zraw",   "x.png",   "x.jpg",  "x.tif",    "x.npy",
                                      "x.npz", "big.nrrd", "out.mhd", "old.nii"};
  for (int i = 0; i < CM_COUNT(names); i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, names[i]);
    unlink(path);
  }
  return rmdir(folder); /* fails where a temporary file was left behind */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_fails_in_turn), cmocka_unit_test(a_promise_costs_nothing),
      cmocka_unit_test(data_files_stay_in_the_folder), cmocka_unit_test(an_old_file_survives_a_failed_write)};
  return cmocka_run_group_tests(tests, start, stop);
}
