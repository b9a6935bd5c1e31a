/* NumPy arrays: numbers whose place follows from the shape, and PneumoniaMNIST, whose counts its authors publish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cormack/io.h"

/* An .npy file by numpy.lib.format, version 1, of the numbers 0, 1, 2, ... in the order of the file. */
static size_t make_npy(uint8_t *to, const char *descr, const char *order, const char *shape, int count, int size) {
  memcpy(to, "\x93NUMPY\1\0\x76\0", 10);
  int length =
      snprintf((char *)to + 10, 118, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, order, shape);
  memset(to + 10 + length, ' ', (size_t)(117 - length));
  to[127] = '\n';
  for (int i = 0; i < count; i++)
    for (int b = 0; b < size; b++)
      to[128 + i * size + b] = (uint8_t)(descr[0] == '>' ? (b == size - 1 ? i : 0) : (b == 0 ? i : 0));
  return 128 + (size_t)(count * size);
}

static void order_and_types(void **state) {
  (void)state;
  CmContext *ctx = cm_context_create(NULL, NULL);
  char path[] = "/tmp/cormack-array-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  close(file);
  static const struct {
    const char *descr;
    int size;
    CmType type;
  } types[] = {{"|u1", 1, CM_U8},  {"|b1", 1, CM_U8},  {"<i2", 2, CM_I16}, {">u2", 2, CM_U16},
               {"<i4", 4, CM_I32}, {">u4", 4, CM_U32}, {"<i8", 8, CM_I32}, {">u8", 8, CM_I32}};
  for (int t = 0; t < CM_COUNT(types); t++)
    for (int fortran = 0; fortran < 2; fortran++) {
      uint8_t bytes[512];
      size_t size = make_npy(bytes, types[t].descr, fortran ? "True" : "False", "(2, 3, 4)", 24, types[t].size);
      assert_true(cm_file_write(ctx, path, bytes, size, NULL));
      CmArray *array = cm_array_read(ctx, path, NULL, NULL);
      assert_non_null(array);
      assert_int_equal(cm_array_info(array)->type, types[t].type);
      assert_int_equal(cm_array_info(array)->rank, 3);
      for (int i = 0; i < 2; i++)
        for (int j = 0; j < 3; j++)
          for (int k = 0; k < 4; k++) {
            double expected = fortran ? i + 2 * j + 6 * k : (i * 3 + j) * 4 + k;
            assert_true(cm_array_value(array, (i * 3 + j) * 4 + k) == expected);
          }
      CmImage *second = cm_array_image(ctx, array, 1, NULL);
      assert_non_null(second);
      assert_int_equal(cm_image_dims(second)[0], 4);
      assert_int_equal(cm_image_dims(second)[1], 3);
      assert_true(cm_image_value(second, 5) == (fortran ? 1 + 2 * 1 + 6 * 1 : 12 + 5));
      assert_null(cm_array_image(ctx, array, 2, NULL));
      cm_image_unref(&second);
      cm_array_free(&array);
    }
  unlink(path);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

/* Yang et al., MedMNIST v2, Scientific Data 2023, table 2: PneumoniaMNIST has 4,708 images for training and 524 for
 * validation; classes by the data set's own page: 1,214 normal and 3,494 pneumonia, 135 and 389. */
static void pneumonia_mnist(void **state) {
  (void)state;
  const char *data = getenv("CORMACK_TEST_DATA");
  char path[4096];
  snprintf(path, sizeof path, "%s/medmnist/pneumoniamnist_dev_trainval.npz", data ? data : "");
  if (access(path, R_OK)) skip();
  CmContext *ctx = cm_context_create(NULL, NULL);
  CmArrayInfo *infos;
  int count;
  assert_true(cm_array_list(ctx, path, &infos, &count, NULL));
  assert_int_equal(count, 4);
  assert_string_equal(infos[0].name, "train_images");
  assert_int_equal(infos[0].shape[0], 4708);
  cm_free(infos);
  static const struct {
    const char *name;
    int images, sick;
  } parts[] = {{"train", 4708, 3494}, {"val", 524, 389}};
  for (int p = 0; p < 2; p++) {
    char name[32];
    snprintf(name, sizeof name, "%s_labels", parts[p].name);
    CmArray *labels = cm_array_read(ctx, path, name, NULL);
    assert_non_null(labels);
    assert_int_equal(cm_array_count(labels), parts[p].images);
    int sick = 0;
    for (int64_t i = 0; i < cm_array_count(labels); i++) sick += cm_array_value(labels, i) == 1;
    assert_int_equal(sick, parts[p].sick);
    cm_array_free(&labels);
  }
  CmError *err = NULL;
  assert_null(cm_array_read(ctx, path, "test_images", &err));
  assert_int_equal(cm_error_code(err), CM_ERR_MISSING);
  cm_error_free(&err);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(order_and_types), cmocka_unit_test(pneumonia_mnist)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
