/* Every operation of the registry, on inputs made from its ports: 1, 2 and 5 threads give the same bits; a cancelled
 * call, a call without memory and odd images (one voxel, one slice, all equal, NaN, an empty mask) end with a result or
 * an error, and leak nothing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/op.h"

typedef struct Form {
  int rank;
  int64_t dims[4];
  int components;
  CmType image_type, label_type;
  enum { BLOBS, FLAT, EMPTY_MASK, NOT_NUMBERS, EXTREMES } kind;
} Form;

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

static double value_at(const Form *form, bool labels, int64_t at, uint32_t *seed) {
  const uint32_t r = next_random(seed);
  const int64_t x = at % form->dims[0], y = at / form->dims[0] % form->dims[1];
  if (labels)
    return form->kind == EMPTY_MASK   ? 0.0
           : form->kind == FLAT       ? 1.0
           : (x / 5 + y / 4) % 3 == 0 ? 0.0
                                      : 1.0 + (double)((x / 7) % 3);
  if (form->kind == FLAT) return 7.0;
  if (form->kind == NOT_NUMBERS && r % 5 == 0) return r % 2 ? (double)NAN : (double)INFINITY;
  if (form->kind == EXTREMES) return r % 2 ? cm_type_min(form->image_type) : cm_type_max(form->image_type);
  return (double)(r % 200) + (double)(x * 3 % 50);
}

static CmImage *make_image(CmContext *ctx, const Form *form, bool labels, CmType type, int components, CmError **err) {
  CmImage *image = cm_image_create(ctx, CM_F64, form->rank, form->dims, components, err);
  CmGeometry geometry;
  uint32_t seed = labels ? 5 : 3;
  if (!image) return NULL;
  cm_geometry_default(&geometry);
  geometry.spacing[0] = 0.8;
  geometry.spacing[2] = 2.5;
  double *v = cm_image_data_mut(image);
  for (int64_t i = 0; i < cm_image_values(image); i++) v[i] = value_at(form, labels, i / components, &seed);
  CmImage *typed = cm_image_set_geometry(image, &geometry, err) ? cm_image_convert(ctx, image, type, true, err) : NULL;
  cm_image_unref(&image);
  return typed;
}

static CmType port_type(const CmPort *port, CmType wanted) {
  const uint32_t types = port->types ? port->types : CM_REAL_TYPES;
  if (types & CM_TYPE_BIT(wanted)) return wanted;
  for (int type = 0; type < CM_TYPE_COUNT; type++)
    if (types & CM_TYPE_BIT(type)) return (CmType)type;
  return wanted;
}

/* Wavelet coefficients come in pairs. */
static void make_even(const CmOp *op, int64_t dims[4]) {
  for (int axis = 0; axis < 3 && strcmp(op->name, "inverse_wavelet") == 0; axis++)
    dims[axis] += dims[axis] > 1 && dims[axis] % 2;
}

/* A field of displacements has three; others as they come, where the port takes them. */
static int port_components(const CmPort *port, int wanted) {
  return strcmp(port->name, "field") == 0 ? 3 : port->components ? wanted : 1;
}

/* Inputs for an operation; false: it takes something that this test does not make. */
static bool make_inputs(CmContext *ctx, const CmOp *op, const Form *form, bool optional, CmValue *in, CmError **err) {
  Form fitting = *form;
  make_even(op, fitting.dims);
  form = &fitting;
  for (int i = 0; i < op->input_count; i++) {
    const CmPort *port = &op->inputs[i];
    if (port->optional && !optional) continue;
    if (port->kind == CM_KIND_IMAGE)
      in[i] = cm_value_image(make_image(ctx, form, false, port_type(port, form->image_type),
                                        port_components(port, form->components), err));
    else if (port->kind == CM_KIND_LABELS)
      in[i] = cm_value_labels(make_image(ctx, form, true, port_type(port, form->label_type), 1, err));
    else
      return false;
    if (!in[i].image) {
      in[i].kind = CM_KIND_NONE;
      return false;
    }
  }
  return true;
}

static void hash_outputs(const CmOp *op, const CmValue *out, CmHash *hash) {
  CmHasher hasher;
  cm_hash_start(&hasher);
  for (int i = 0; i < op->output_count; i++) {
    CmHash part;
    memset(&part, 0, sizeof(part));
    if (out[i].kind == CM_KIND_IMAGE || out[i].kind == CM_KIND_LABELS) cm_image_hash(out[i].image, &part);
    if (out[i].kind == CM_KIND_TABLE) cm_table_hash(out[i].table, &part);
    cm_hash_add(&hasher, &part, sizeof(part));
  }
  cm_hash_finish(&hasher, hash);
}

typedef enum Outcome { DONE, REFUSED, NOT_MADE } Outcome;
typedef struct Call {
  const CmOp *op;
  const Form *form;
  bool optional;
  const char *param, *value; /* set beside the defaults; may be NULL */
  int threads;
  uint64_t fail_allocation;
} Call;

/* One call in a context of its own; nothing may be left in it. */
static Outcome run_call(const Call *call, CmHash *hash, CmErrorCode *code, uint64_t *allocations) {
  CmError *err = NULL;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = call->threads;
  CmContext *ctx = cm_context_create(&options, &err);
  assert_non_null(ctx);
  CmValue in[CM_MAX_PORTS] = {{0}}, out[CM_MAX_PORTS] = {{0}};
  Outcome outcome = NOT_MADE;
  void *params = cm_params_create(ctx, call->op, &err);
  assert_non_null(params);
  /* what an operation asks for before it can do anything */
  if (cm_op_find_param(call->op, "spacing") && !call->optional)
    assert_true(cm_params_set(call->op, params, "spacing", "1.3", &err));
  if (strcmp(call->op->name, "crop") == 0 && !call->optional)
    assert_true(cm_params_set(call->op, params, "size", "4,3,2", &err));
  if (strcmp(call->op->name, "nyul") == 0 && !call->optional)
    assert_true(cm_params_set(call->op, params, "scale", "0,10,20,30,40,50,60,70,80,90,100", &err));
  if (call->param && !cm_params_set(call->op, params, call->param, call->value, &err)) goto done;
  if (!make_inputs(ctx, call->op, call->form, call->optional, in, &err)) goto done;
  const uint64_t before = cm_context_allocation_count(ctx);
  cm_context_fail_allocation(ctx, call->fail_allocation);
  outcome = cm_op_run(ctx, call->op, params, in, out, NULL, &err) ? DONE : REFUSED;
  cm_context_fail_allocation(ctx, 0);
  *allocations = cm_context_allocation_count(ctx) - before;
  if (outcome == DONE) {
    assert_null(err);
    hash_outputs(call->op, out, hash);
  } else {
    assert_non_null(err);
    assert_true(strlen(cm_error_text(err)) > 10);
    for (int i = 0; i < call->op->output_count; i++) assert_int_equal(out[i].kind, CM_KIND_NONE);
  }
done:
  *code = cm_error_code(err);
  cm_error_free(&err);
  cm_free(params);
  for (int i = 0; i < CM_MAX_PORTS; i++) {
    cm_value_unref(&in[i]);
    cm_value_unref(&out[i]);
  }
  const uint64_t left = cm_context_destroy(&ctx);
  if (left) print_error("%s left %llu bytes\n", call->op->name, (unsigned long long)left);
  assert_int_equal(left, 0);
  return outcome;
}

static void compare_threads(Call call, int *done) {
  CmHash one, other;
  CmErrorCode code, other_code;
  uint64_t count;
  call.threads = 1;
  const Outcome outcome = run_call(&call, &one, &code, &count);
  for (int threads = 2; threads <= 5; threads += 3) {
    call.threads = threads;
    assert_int_equal(run_call(&call, &other, &other_code, &count), outcome);
    assert_int_equal(other_code, code);
    if (outcome == DONE && !cm_hash_equal(&one, &other)) {
      print_error("%s %s=%s: other bits with %d threads\n", call.op->name, call.param ? call.param : "",
                  call.value ? call.value : "", threads);
      fail();
    }
  }
  *done += outcome == DONE;
}

static const Form usual[] = {
    {3, {37, 23, 11, 1}, 1, CM_I16, CM_U8, BLOBS},
    {3, {37, 23, 11, 1}, 1, CM_F32, CM_U16, BLOBS},
    {4, {21, 17, 5, 3}, 2, CM_U8, CM_I32, BLOBS},
    {2, {41, 35, 1, 1}, 3, CM_F64, CM_U8, BLOBS},
};
static const Form odd[] = {
    {3, {1, 1, 1, 1}, 1, CM_I16, CM_U8, BLOBS},        {2, {1, 1, 1, 1}, 1, CM_F32, CM_U8, FLAT},
    {3, {19, 13, 1, 1}, 1, CM_U16, CM_U8, BLOBS},      {3, {1, 1, 31, 1}, 1, CM_F32, CM_U8, BLOBS},
    {3, {3, 2, 5, 1}, 1, CM_F64, CM_U32, NOT_NUMBERS}, {3, {17, 9, 5, 1}, 1, CM_F32, CM_U8, NOT_NUMBERS},
    {3, {17, 9, 5, 1}, 1, CM_I32, CM_I8, FLAT},        {3, {17, 9, 5, 1}, 1, CM_I16, CM_U8, EMPTY_MASK},
    {3, {17, 9, 5, 1}, 1, CM_U16, CM_U8, EXTREMES},    {3, {17, 9, 5, 1}, 1, CM_U32, CM_U8, EXTREMES},
    {3, {17, 9, 5, 1}, 1, CM_F64, CM_U8, EXTREMES},    {3, {65, 64, 3, 1}, 1, CM_I8, CM_I16, EXTREMES},
};

/* Operations that take seconds by nature, or a world of their own, are tested with it. */
static bool is_local(const CmOp *op) {
  static const char *const families[] = {"intensity", "filter",     "denoise",   "enhance",
                                         "segment",   "morphology", "transform", "measure"};
  for (int i = 0; i < CM_COUNT(families); i++)
    if (strcmp(op->family, families[i]) == 0) return true;
  return false;
}

static void test_threads(void **state) {
  (void)state;
  for (int i = 0; i < cm_op_count(); i++) {
    const CmOp *op = cm_op_at(i);
    int done = 0;
    if (!is_local(op)) continue;
    for (int k = 0; k < CM_COUNT(usual); k++)
      for (int optional = 0; optional < 2; optional++)
        compare_threads((Call){.op = op, .form = &usual[k], .optional = optional}, &done);
    if (op->input_count == 0 || done == 0) print_message("%s: no call was done\n", op->name);
    assert_true(done > 0);
  }
}

/* Every choice of every parameter. */
static void test_choices(void **state) {
  (void)state;
  for (int i = 0; i < cm_op_count(); i++) {
    const CmOp *op = cm_op_at(i);
    for (int k = 0; is_local(op) && k < op->param_count; k++) {
      char value[64];
      int done = 0;
      for (int32_t at = 0; op->params[k].type == CM_ENUM && *cm_param_choice(&op->params[k], at, value, sizeof(value));
           at++)
        for (int f = 0; f < 2; f++)
          compare_threads(
              (Call){.op = op, .form = &usual[f], .optional = f == 0, .param = op->params[k].name, .value = value},
              &done);
    }
  }
}

static void test_odd_images(void **state) {
  (void)state;
  for (int i = 0; i < cm_op_count(); i++) {
    int done = 0;
    for (int k = 0; is_local(cm_op_at(i)) && k < CM_COUNT(odd); k++)
      for (int optional = 0; optional < 2; optional++)
        compare_threads((Call){.op = cm_op_at(i), .form = &odd[k], .optional = optional}, &done);
  }
}

/* Each of the first allocations, and some later ones, fails in turn. */
static void test_without_memory(void **state) {
  (void)state;
  for (int i = 0; i < cm_op_count(); i++) {
    CmHash hash;
    CmErrorCode code;
    uint64_t count = 0, none;
    if (!is_local(cm_op_at(i))) continue;
    Call call = {.op = cm_op_at(i), .form = &usual[0], .optional = true, .threads = 2};
    if (run_call(&call, &hash, &code, &count) != DONE) continue;
    for (uint64_t nth = 1; nth <= count; nth += nth < 40 ? 1 : 1 + count / 20) {
      call.fail_allocation = nth;
      const Outcome outcome = run_call(&call, &hash, &code, &none);
      if (outcome == REFUSED) assert_int_equal(code, CM_ERR_MEMORY);
    }
  }
}

static CmImage *zero_image(CmContext *ctx, const int64_t dims[4], int components, CmError **err) {
  CmImage *image = cm_image_create(ctx, CM_I16, 3, dims, components, err);
  assert_non_null(image);
  memset(cm_image_data_mut(image), 0, cm_image_bytes(image));
  return image;
}

static bool stop(void *user) {
  (void)user;
  return true;
}

static void test_cancelled(void **state) {
  (void)state;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = 2;
  options.cancel = stop;
  for (int i = 0; i < cm_op_count(); i++) {
    CmError *err = NULL;
    CmContext *ctx = cm_context_create(&options, &err);
    CmValue in[CM_MAX_PORTS] = {{0}}, out[CM_MAX_PORTS] = {{0}};
    int64_t dims[4] = {usual[0].dims[0], usual[0].dims[1], usual[0].dims[2], 1};
    make_even(cm_op_at(i), dims);
    if (is_local(cm_op_at(i)) && cm_op_at(i)->input_count > 0) {
      for (int k = 0; k < cm_op_at(i)->input_count; k++)
        if (!cm_op_at(i)->inputs[k].optional)
          in[k] = cm_value_image(zero_image(ctx, dims, port_components(&cm_op_at(i)->inputs[k], 1), &err));
      void *params = cm_params_create(ctx, cm_op_at(i), &err);
      if (cm_op_find_param(cm_op_at(i), "spacing"))
        assert_true(cm_params_set(cm_op_at(i), params, "spacing", "1.3", &err));
      if (strcmp(cm_op_at(i)->name, "crop") == 0)
        assert_true(cm_params_set(cm_op_at(i), params, "size", "4,3,2", &err));
      if (strcmp(cm_op_at(i)->name, "nyul") == 0)
        assert_true(cm_params_set(cm_op_at(i), params, "scale", "0,10,20,30,40,50,60,70,80,90,100", &err));
      if (strcmp(cm_op_at(i)->name, "region_growing") == 0)
        assert_true(cm_params_set(cm_op_at(i), params, "points", "1,1,0", &err));
      const bool ok = cm_op_run(ctx, cm_op_at(i), params, in, out, NULL, &err);
      cm_free(params);
      if (ok) print_error("%s does not ask whether to stop\n", cm_op_at(i)->name);
      assert_false(ok);
      assert_int_equal(cm_error_code(err), CM_ERR_CANCELLED);
    }
    cm_error_free(&err);
    for (int k = 0; k < CM_MAX_PORTS; k++) {
      cm_value_unref(&in[k]);
      cm_value_unref(&out[k]);
    }
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads), cmocka_unit_test(test_choices),
                                     cmocka_unit_test(test_odd_images), cmocka_unit_test(test_without_memory),
                                     cmocka_unit_test(test_cancelled)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
