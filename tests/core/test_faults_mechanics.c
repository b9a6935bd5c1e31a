/* mechanics: every allocation of some representative jobs fails in turn; nothing leaks, nothing crashes, each failure
 * is reported. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/io.h"
#include "cormack/op.h"
#include "cormack/table.h"

typedef bool (*Job)(CmContext *ctx, CmError **err);

/* Runs the job with allocation 1, 2, 3 ... failing until it runs through untouched. */
static void fail_each_allocation(Job job) {
  for (uint64_t nth = 1;; nth++) {
    CmContext *ctx = cm_context_create(&(CmContextOptions){.threads = 1}, NULL);
    CmError *err = NULL;
    cm_context_fail_allocation(ctx, nth);
    bool good = job(ctx, &err);
    bool reached = cm_context_allocation_count(ctx) >= nth;
    assert_int_equal(good, !err);
    if (reached && !good) assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
    cm_error_free(&err);
    assert_int_equal(cm_context_destroy(&ctx), 0);
    assert_true(nth < 20000);
    if (!reached) {
      assert_true(good);
      return;
    }
  }
}

static CmImage *make_image(CmContext *ctx, CmError **err) {
  CmImage *image = cm_image_create(ctx, CM_I16, 3, (int64_t[]){9, 8, 7}, 1, err);
  if (!image) return NULL;
  int16_t *voxels = cm_image_data_mut(image);
  for (int i = 0; i < 9 * 8 * 7; i++) voxels[i] = (int16_t)(i * 37 % 211 - 100);
  bool good = cm_image_set_unit(image, "HU", err) && cm_image_set_meta(image, "PatientID", "p1", err) &&
              cm_image_set_label(image, 3, "three", (uint8_t[]){1, 2, 3}, err);
  if (!good) cm_image_unref(&image);
  return image;
}

static bool image_job(CmContext *ctx, CmError **err) {
  CmImage *image = make_image(ctx, err), *shared = NULL, *real = NULL, *back = NULL;
  if (image) shared = cm_image_share(ctx, image, err);
  if (shared) real = cm_image_convert(ctx, shared, CM_F32, false, err);
  if (real) back = cm_image_convert(ctx, real, CM_I16, false, err);
  bool good = back && memcmp(cm_image_data(back), cm_image_data(image), cm_image_bytes(image)) == 0;
  cm_image_unref(&image);
  cm_image_unref(&shared);
  cm_image_unref(&real);
  cm_image_unref(&back);
  return good;
}

static bool table_job(CmContext *ctx, CmError **err) {
  static const char csv[] = "id,volume [mm3],n\na,0.5,1\n\"b,c\",,2\n";
  CmTable *table = cm_table_parse_csv(ctx, csv, sizeof csv - 1, "t.csv", err);
  CmTable *more = table ? cm_table_parse_csv(ctx, csv, sizeof csv - 1, "t.csv", err) : NULL;
  bool good = more && cm_table_append(table, more, err);
  char *text = good ? cm_table_to_csv(ctx, table, err) : NULL;
  char *json = text ? cm_table_to_json(ctx, table, err) : NULL;
  cm_free(text);
  cm_free(json);
  cm_table_unref(&table);
  cm_table_unref(&more);
  return json != NULL;
}

static const CmOp *tried;

/* One operation that takes an image and gives one, with its defaults. */
static bool operation_job(CmContext *ctx, CmError **err) {
  CmImage *image = make_image(ctx, err);
  CmImage *result = image ? cm_op_apply(ctx, tried->name, NULL, image, err) : NULL;
  bool good = result != NULL;
  if (!good && image && err && *err && cm_error_code(*err) != CM_ERR_MEMORY) { /* needs more than its defaults */
    cm_error_free(err);
    good = true;
  }
  cm_image_unref(&image);
  cm_image_unref(&result);
  return good;
}

static bool file_job(CmContext *ctx, CmError **err) {
  char path[64];
  snprintf(path, sizeof path, "/tmp/cormack-faults-%ld.nii.gz", (long)getpid());
  CmImage *image = make_image(ctx, err);
  bool good = image && cm_image_write(ctx, image, path, NULL, err);
  CmImage *back = good ? cm_image_read(ctx, path, NULL, err) : NULL;
  good = back != NULL;
  unlink(path);
  cm_image_unref(&image);
  cm_image_unref(&back);
  return good;
}

static void images(void **state) {
  (void)state, fail_each_allocation(image_job);
}
static void tables(void **state) {
  (void)state, fail_each_allocation(table_job);
}
static void operations(void **state) {
  (void)state;
  for (int i = 0; i < cm_op_count(); i++) {
    tried = cm_op_at(i);
    if (tried->input_count && tried->outputs[0].kind == CM_KIND_IMAGE && tried->inputs[0].kind == CM_KIND_IMAGE &&
        (tried->input_count == 1 || tried->inputs[1].optional) && strcmp(tried->family, "chest") &&
        strcmp(tried->family, "registration"))
      fail_each_allocation(operation_job);
  }
}
static void files(void **state) {
  (void)state, fail_each_allocation(file_job);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(images), cmocka_unit_test(tables), cmocka_unit_test(operations),
                                     cmocka_unit_test(files)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
