/* mechanics: context, memory, errors, parallel loops, parameters, tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cormack/hash.h"
#include "cormack/op.h"
#include "cormack/parallel.h"

/* Freed large blocks are kept for the next, but neither counted nor in the way of the ceiling; they serve only what is
 * about as large. */
static void freed_blocks_stay_below_the_ceiling(void **state) {
  (void)state;
  CmContextOptions options;
  CmError *err = NULL;
  const size_t mib = 1 << 20;
  cm_context_default_options(&options);
  options.memory_limit = 64 * mib;
  CmContext *ctx = cm_context_create(&options, NULL);
  for (int round = 0; round < 3; round++)
    for (size_t size = 2; size <= 60; size += 7) {
      unsigned char *block = cm_alloc(ctx, size * mib, &err);
      assert_non_null(block);
      memset(block, round, size * mib);
      assert_true(cm_context_memory_used(ctx) < (size + 1) * mib);
      unsigned char *other = cm_alloc(ctx, 3 * mib, &err);
      assert_non_null(other);
      memset(other, 255, 3 * mib);
      assert_int_equal(block[size * mib - 1], round);
      cm_free(block);
      cm_free(other);
      assert_int_equal(cm_context_memory_used(ctx), 0);
    }
  assert_null(cm_alloc(ctx, 65 * mib, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
  cm_error_free(&err);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void memory_is_counted_and_limited(void **state) {
  (void)state;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.memory_limit = 1 << 20;
  CmError *err = NULL;
  CmContext *ctx = cm_context_create(&options, &err);
  assert_non_null(ctx);
  void *block = cm_alloc(ctx, 1000, &err);
  assert_non_null(block);
  assert_int_equal((uintptr_t)block % 64, 0);
  assert_true(cm_context_memory_used(ctx) >= 1000);
  assert_null(cm_alloc(ctx, 1 << 20, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_MEMORY);
  cm_error_free(&err);
  assert_null(cm_calloc(ctx, SIZE_MAX / 2, 3, &err));
  cm_error_free(&err);
  cm_free(block);
  assert_int_equal(cm_context_memory_used(ctx), 0);
  cm_context_fail_allocation(ctx, 2);
  block = cm_alloc(ctx, 1, &err);
  assert_non_null(block);
  assert_null(cm_alloc(ctx, 1, &err));
  cm_error_free(&err);
  cm_free(block);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

static void errors_chain_in_one_line(void **state) {
  (void)state;
  CmError *err = NULL;
  cm_error_set(&err, CM_ERR_IO, "cannot be\nread");
  cm_error_context(&err, "step %d", 3);
  cm_error_context(&err, "a.dcm");
  assert_string_equal(cm_error_text(err), "a.dcm: step 3: cannot be read");
  cm_error_set(&err, CM_ERR_DATA, "again");
  assert_int_equal(cm_error_code(err), CM_ERR_IO);
  assert_non_null(strstr(cm_error_text(err), "again"));
  cm_error_free(&err);
  assert_null(err);
}

typedef struct Sum {
  double partial[128];
  int64_t fail_from;
} Sum;

static bool add_range(void *arg, CmRange range, CmError **err) {
  Sum *sum = arg;
  if (range.begin >= sum->fail_from) {
    cm_error_set(err, CM_ERR_DATA, "chunk %lld", (long long)range.chunk);
    return false;
  }
  double total = 0;
  for (int64_t i = range.begin; i < range.end; i++) total += 1.0 / (double)(i + 1);
  sum->partial[range.chunk] = total;
  return true;
}

static void loops_give_the_same_bits(void **state) {
  (void)state;
  double results[3];
  for (int run = 0; run < 3; run++) {
    CmContextOptions options;
    cm_context_default_options(&options);
    options.threads = (int[]){1, 2, 7}[run];
    CmContext *ctx = cm_context_create(&options, NULL);
    Sum sum = {.fail_from = INT64_MAX};
    for (int repeat = 0; repeat < 50; repeat++)
      assert_true(cm_parallel_for(ctx, NULL, 100000, 1000, add_range, &sum, NULL));
    results[run] = 0;
    for (int i = 0; i < 100; i++) results[run] += sum.partial[i];
    sum.fail_from = 50000;
    CmError *err = NULL;
    assert_false(cm_parallel_for(ctx, "sum", 100000, 1000, add_range, &sum, &err));
    assert_int_equal(cm_error_code(err), CM_ERR_DATA);
    cm_error_free(&err);
    assert_int_equal(cm_context_destroy(&ctx), 0);
  }
  assert_memory_equal(&results[0], &results[1], sizeof(double));
  assert_memory_equal(&results[0], &results[2], sizeof(double));
}

static void csv_goes_round(void **state) {
  (void)state;
  static const char csv[] = "\xEF\xBB\xBFid,\"name, full\",volume [mm3],n\r\na,\"x \"\"y\"\"\nz\",0.1,1\n\nb,,,2\n";
  static const char again[] = "id,\"name, full\",volume [mm3],n\na,\"x \"\"y\"\"\nz\",0.1,1\nb,,,2\n";
  CmContext *ctx = cm_context_create(NULL, NULL);
  CmError *err = NULL;
  CmTable *table = cm_table_parse_csv(ctx, csv, sizeof csv - 1, "t.csv", &err);
  assert_non_null(table);
  assert_int_equal(cm_table_rows(table), 2);
  assert_int_equal(cm_table_columns(table), 4);
  assert_string_equal(cm_table_column_unit(table, 2), "mm3");
  assert_int_equal(cm_table_column_type(table, 3), CM_COLUMN_INT);
  assert_true(cm_table_is_missing(table, 1, 1));
  char *text = cm_table_to_csv(ctx, table, &err);
  assert_string_equal(text, again);
  cm_free(text);
  cm_table_unref(&table);
  assert_null(cm_table_parse_csv(ctx, "a,b\n1\n", 6, "t.csv", &err));
  assert_string_equal(cm_error_text(err), "t.csv: line 2 has 1 fields, the first line 2");
  cm_error_free(&err);
  assert_int_equal(cm_context_destroy(&ctx), 0);
}

typedef struct Probe {
  bool flag;
  int64_t count;
  double sigma;
  int32_t edge;
  CmReals list;
  CmText note;
} Probe;

static const CmParam probe_params[] = {
    CM_PARAM_BOOL(Probe, flag, "true", "a flag"),
    CM_PARAM_INT(Probe, count, 3, 1, 10, "voxel", "a count"),
    CM_PARAM_REAL(Probe, sigma, 1.5, 0.0, 100.0, "mm", "a width"),
    CM_PARAM_ENUM(Probe, edge, "replicate|mirror|zero", "mirror", "a rule"),
    CM_PARAM_REALS(Probe, list, "", 0.0, 9.0, 1, 3, "mm", "a list"),
    CM_PARAM_TEXT(Probe, note, "", "a text"),
};
static const CmOp probe = {.name = "probe", CM_OP_PARAMS(Probe, probe_params)};

static void refused(const char *name, const char *value, const char *text) {
  CmContext *ctx = cm_context_create(NULL, NULL);
  CmError *err = NULL;
  void *params = cm_params_create(ctx, &probe, &err);
  assert_non_null(params);
  assert_false(cm_params_set(&probe, params, name, value, &err));
  assert_int_equal(cm_error_code(err), CM_ERR_PARAMETER);
  assert_string_equal(cm_error_text(err), text);
  cm_error_free(&err);
  cm_free(params);
  cm_context_destroy(&ctx);
}

static void parameters_parse_and_refuse(void **state) {
  (void)state;
  CmContext *ctx = cm_context_create(NULL, NULL);
  CmError *err = NULL;
  Probe *params = cm_params_create(ctx, &probe, &err);
  assert_true(params->flag && params->count == 3 && params->edge == 1 && params->list.count == 0);
  assert_true(cm_params_set(&probe, params, "list", "[1, 2.5]", &err));
  assert_true(params->list.count == 2 && params->list.value[1] == 2.5);
  assert_false(cm_params_set(&probe, params, "list", "1, x", &err));
  cm_error_free(&err);
  assert_true(params->list.count == 2 && params->list.value[1] == 2.5); /* refused: as before */
  assert_true(cm_params_set(&probe, params, "edge", "zero", &err));
  char *json = cm_params_to_json(ctx, &probe, params, &err);
  assert_string_equal(json,
                      "{\"flag\":true,\"count\":3,\"sigma\":1.5,\"edge\":\"zero\",\"list\":[1,2.5],\"note\":\"\"}");
  cm_free(json);
  cm_free(params);
  cm_context_destroy(&ctx);
  refused("sigmma", "1", "probe has no parameter «sigmma»; did you mean «sigma»?");
  refused("sigma", "-1", "parameter «sigma» is «-1»; it must be from 0 to 100 mm");
  refused("sigma", "nan", "parameter «sigma» is «nan»; it must be a number");
  refused("count", "2.5", "parameter «count» is «2.5»; it must be a whole number");
  refused("edge", "wrap", "parameter «edge» is «wrap»; it must be one of replicate, mirror, zero");
  refused("list", "1,2,3,4", "parameter «list» is «1,2,3,4»; it must be 1 to 3 numbers separated by commas");
}

static void reals_read_back(void **state) {
  (void)state;
  static const double values[] = {0.1, 1e-300, 1.0 / 3, 123456789.123, -0.0, 5e-324, 1.7976931348623157e308};
  for (int i = 0; i < CM_COUNT(values); i++) {
    char text[32];
    double back = strtod(cm_real_text(values[i], text), NULL);
    assert_memory_equal(&back, &values[i], sizeof back);
  }
  char text[32];
  assert_string_equal(cm_real_text(0.1, text), "0.1");
}

static void blake2b_matches_b2sum(void **state) {
  (void)state;
  /* printf abc | b2sum -l 256 (coreutils 9.1) */
  char hex[2 * CM_HASH_SIZE + 1];
  CmHash hash, back;
  cm_hash_bytes("abc", 3, &hash);
  cm_hash_hex(&hash, hex);
  assert_string_equal(hex, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  assert_true(cm_hash_from_hex(hex, &back) && cm_hash_equal(&hash, &back));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_is_counted_and_limited),
      cmocka_unit_test(freed_blocks_stay_below_the_ceiling),
      cmocka_unit_test(errors_chain_in_one_line),
      cmocka_unit_test(loops_give_the_same_bits),
      cmocka_unit_test(csv_goes_round),
      cmocka_unit_test(parameters_parse_and_refuse),
      cmocka_unit_test(reals_read_back),
      cmocka_unit_test(blake2b_matches_b2sum),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
