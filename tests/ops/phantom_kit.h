/* What the tests of the chest family share: a context, a phantom's scan, an operation's call. */
#ifndef TESTS_OPS_PHANTOM_KIT_H
#define TESTS_OPS_PHANTOM_KIT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/op.h"
#include "cormack/phantom.h"

static inline CmContext *kit_context(int threads) {
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = threads;
  CmError *err = NULL;
  CmContext *ctx = cm_context_create(&options, &err);
  assert_non_null(ctx);
  return ctx;
}

static inline void kit_good(bool ok, CmError *err) {
  if (!ok) print_error("%s\n", cm_error_text(err));
  assert_true(ok);
}

/* Runs an operation with parameters as "a=1 b=2"; all outputs. */
static inline void kit_run(CmContext *ctx, const char *name, const char *words, const CmValue *in, CmValue *out) {
  CmError *err = NULL;
  const CmOp *op = cm_op_get(name, &err);
  kit_good(op != NULL, err);
  void *params = cm_params_create(ctx, op, &err);
  kit_good(params != NULL, err);
  char text[256];
  snprintf(text, sizeof text, "%s", words ? words : "");
  for (char *rest = text, *word; (word = strtok_r(rest, " ", &rest));) {
    char *value = strchr(word, '=');
    *value = 0;
    kit_good(cm_params_set(op, params, word, value + 1, &err), err);
  }
  kit_good(cm_op_run(ctx, op, params, in, out, NULL, &err), err);
  cm_free(params);
}

static inline double kit_real(const CmTable *table, int64_t row, const char *column) {
  const int at = cm_table_find_column(table, column);
  assert_true(at >= 0);
  return cm_table_real(table, row, at);
}

static inline double kit_dice(const CmImage *a, const CmImage *b, int label) {
  const uint8_t *x = cm_image_data(a), *y = cm_image_data(b);
  int64_t both = 0, all = 0;
  for (int64_t i = 0; i < cm_image_voxels(a); i++) {
    all += (x[i] == label) + (y[i] == label);
    both += x[i] == label && y[i] == label;
  }
  return all ? 2.0 * (double)both / (double)all : 1;
}

#endif
