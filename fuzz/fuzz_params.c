/* Parameters of operations and models as text: what is taken reads back to the same bits, what is not is refused with a
 * reason. Input: a byte that picks the description, then lines «name=value». */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cormack/learn.h"
#include "cormack/op.h"

static const CmOp *pick(unsigned at) {
  unsigned ops = (unsigned)cm_op_count(), kinds = (unsigned)cm_model_kind_count();
  at %= ops + kinds + 2;
  if (at < ops) return cm_op_at((int)at);
  if (at < ops + kinds) return &cm_model_kind_at((int)(at - ops))->about;
  return at == ops + kinds ? cm_prepare_about() : cm_validate_about();
}

static void set_one(CmContext *ctx, const CmOp *op, void *params, const char *name, const char *value) {
  CmError *err = NULL;
  if (!cm_params_set(op, params, name, value, &err)) {
    if (!*cm_error_text(err)) abort();
    cm_error_free(&err);
    return;
  }
  const CmParam *param = cm_op_find_param(op, name);
  char text[8192], again[8192];
  cm_params_get(op, params, param, text, sizeof text);
  void *copy = cm_params_create(ctx, op, &err);
  if (copy) {
    if (!cm_params_set(op, copy, name, text, &err)) abort();
    cm_params_get(op, copy, param, again, sizeof again);
    if (strcmp(text, again) != 0) abort();
  }
  cm_error_free(&err);
  cm_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > 65536) return 0;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 1;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return 0;
  const CmOp *op = pick(data[0]);
  CmError *err = NULL;
  void *params = cm_params_create(ctx, op, &err);
  char *text = cm_strndup(ctx, (const char *)data + 1, size - 1, &err);
  for (char *line = text, *end; params && line && *line; line = end) {
    end = strchr(line, '\n');
    if (end)
      *end++ = 0;
    else
      end = line + strlen(line);
    char *value = strchr(line, '=');
    if (!value) continue;
    *value++ = 0;
    set_one(ctx, op, params, line, value);
  }
  if (params) {
    char *json = cm_params_to_json(ctx, op, params, &err);
    if (!json) abort();
    cm_free(json);
    if (op->check && !op->check(params, &err) && !*cm_error_text(err)) abort();
  }
  cm_error_free(&err);
  cm_free(text);
  cm_free(params);
  if (cm_context_destroy(&ctx) != 0) abort();
  return 0;
}
