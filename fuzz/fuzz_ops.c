/* Any operation of the registry with any parameters on small images: it gives a result or an error with a text, never
 * both, leaks nothing, survives an allocation that fails, and gives the same bits with three threads as with one.
 *
 * Input: operation (2 bytes), flags, allocation that fails, sizes (4), voxel type, components, contents, spacing; then
 * a few bytes a parameter; then voxels. What is missing counts as 0. An operation is found by the hash of its name, so
 * that old crashers keep their meaning while the registry grows. New operations are fuzzed on arrival. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cormack/hash.h"
#include "cormack/op.h"

typedef struct Bytes {
  const uint8_t *at, *end;
} Bytes;

static unsigned next(Bytes *in) {
  return in->at < in->end ? *in->at++ : 0;
}

static unsigned next_pair(Bytes *in) {
  const unsigned low = next(in);
  return low | next(in) << 8;
}

static unsigned name_hash(const char *name) {
  unsigned hash = 2166136261u; /* FNV-1a, folded to 16 bits */
  for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
  return (hash ^ hash >> 16) & 0xffff;
}

static const CmOp *pick(unsigned key) {
  const CmOp *best = cm_op_at(0);
  for (int k = 1; k < cm_op_count(); k++)
    if (((name_hash(cm_op_at(k)->name) - key) & 0xffff) < ((name_hash(best->name) - key) & 0xffff)) best = cm_op_at(k);
  return best;
}

/* ---- parameters */

static double within(double low, double high, double share) {
  const double a = fmax(low, -1e15), b = fmin(high, 1e15);
  return a + (b - a) * share;
}

/* A number as text: ordinary, from the whole range, its ends, outside, odd, or no number at all. */
static void write_number(const CmParam *param, bool whole, Bytes *in, char *to, size_t size) {
  static const char *const odd[] = {"nan", "inf",  "-inf", "1e308", "", "-0", "1e-320", "abc", "99999999999999999999",
                                    "1,2", "0x10", "1e"};
  const unsigned how = next(in), raw = next(in);
  double value = param->max * 2 + 1;
  if (how < 128)
    value = within(fmin(fmax(param->min, -10), param->max), fmax(fmin(param->max, 10), param->min), raw / 255.0);
  else if (how < 192)
    value = within(param->min, param->max, (raw * 256.0 + next(in)) / 65535.0);
  else if (how < 208)
    value = param->min;
  else if (how < 224)
    value = param->max;
  else if (how < 232)
    value = param->min - 1;
  else if (how >= 240) {
    snprintf(to, size, "%s", odd[raw % CM_COUNT(odd)]);
    return;
  }
  snprintf(to, size, whole ? "%.0f" : "%.9g", value);
}

static void write_list(const CmParam *param, Bytes *in, char *to, size_t size) {
  const unsigned raw = next(in);
  int count = param->min_count + (int)(raw % (unsigned)(param->max_count - param->min_count + 1));
  if (raw < 250 && count > 9) count = 9;
  size_t used = 0;
  to[0] = 0;
  for (int k = 0; k < count && used + 48 < size; k++) {
    if (k) to[used++] = ',';
    write_number(param, param->type == CM_INTS, in, to + used, size - used);
    used += strlen(to + used);
  }
}

static void write_raw(Bytes *in, char *to, size_t size) {
  size_t count = next(in) % 24;
  if (count >= size) count = size - 1;
  for (size_t k = 0; k < count; k++) to[k] = (char)next(in);
  to[count] = 0;
}

static void set_param(const CmOp *op, void *params, const CmParam *param, Bytes *in) {
  char text[4096];
  CmError *err = NULL;
  const unsigned how = next(in);
  if (how < 80) return; /* the default */
  if (how >= 250 || param->type == CM_TEXT)
    write_raw(in, text, sizeof text);
  else if (param->type == CM_BOOL)
    snprintf(text, sizeof text, "%s", how & 1 ? "true" : "false");
  else if (param->type == CM_ENUM) {
    int count = 1;
    for (const char *c = param->choices; *c; c++) count += *c == '|';
    cm_param_choice(param, (int32_t)(how % (unsigned)count), text, sizeof text);
  } else if (param->type == CM_INTS || param->type == CM_REALS)
    write_list(param, in, text, sizeof text);
  else
    write_number(param, param->type == CM_INT, in, text, sizeof text);
  if (!cm_params_set(op, params, param->name, text, &err) && (!err || !*cm_error_text(err))) abort();
  cm_error_free(&err);
}

/* ---- images and tables */

typedef struct Form {
  int rank, components;
  int64_t dims[4];
  CmType type;
  unsigned contents;
  CmGeometry geometry;
} Form;

static void read_form(Bytes *in, Form *form) {
  static const double spacings[] = {1, 0.7, 3, 1, 0.01, 500, 1.25, 1};
  unsigned raw = next(in);
  form->rank = 2 + (int)(raw % 3);
  static const int64_t longest[] = {24, 20, 12, 3};
  for (int k = 0; k < 4; k++) form->dims[k] = k < form->rank ? 1 + (int64_t)next(in) % longest[k] : (next(in), 1);
  form->type = (CmType)(next(in) % CM_TYPE_COUNT);
  raw = next(in);
  form->components = raw < 160 ? 1 : 1 + (int)(raw % 4);
  form->contents = next(in);
  raw = next(in);
  cm_geometry_default(&form->geometry);
  for (int k = 0; k < 3; k++) form->geometry.spacing[k] = spacings[raw >> k & 7];
  if (raw >= 192) { /* turned about z */
    const double c = 0.8, s = 0.6;
    const double turned[9] = {c, -s, 0, s, c, 0, 0, 0, 1};
    memcpy(form->geometry.direction, turned, sizeof turned);
    form->geometry.origin[0] = -40;
  }
}

static double voxel(const Form *form, bool labels, int64_t at, uint32_t *seed, Bytes *in) {
  *seed = *seed * 1664525u + 1013904223u;
  const unsigned r = *seed >> 16;
  switch (form->contents % 8) {
    case 0:
      return labels ? r % 4 : (double)(r % 256);
    case 1:
      return 7;
    case 2:
      return 0;
    case 3:
      return labels ? (double)(at / 3 % 3) : (double)(at * 3 % 50) + r % 9;
    case 4:
      return r & 1 ? cm_type_min(form->type) : cm_type_max(form->type);
    case 5:
      return r % 5 ? (double)(r % 100) : r & 32 ? (double)NAN : r & 64 ? (double)INFINITY : -(double)INFINITY;
    case 6:
      return labels ? next(in) % 3 : (double)next(in) * 16 - 2000;
    default:
      return r % 7 ? 1e-30 * r : 1e30 * r;
  }
}

static CmImage *make_image(CmContext *ctx, const Form *form, const CmPort *port, Bytes *in, CmError **err) {
  const bool labels = port->kind == CM_KIND_LABELS;
  CmType type = form->type;
  const uint32_t types = port->types ? port->types : labels ? CM_INTEGER_TYPES : CM_REAL_TYPES;
  for (int k = 0; form->contents < 250 && !(types & CM_TYPE_BIT(type)) && k < CM_TYPE_COUNT; k++)
    type = (CmType)((type + 1) % CM_TYPE_COUNT);
  const int components = port->components || form->contents >= 245 ? form->components : 1;
  CmImage *image = cm_image_create(ctx, CM_F64, form->rank, form->dims, components, err);
  if (!image) return NULL;
  double *v = cm_image_data_mut(image);
  uint32_t seed = form->contents * 77u + labels;
  for (int64_t k = 0; k < cm_image_values(image); k++) v[k] = voxel(form, labels, k / components, &seed, in);
  CmImage *typed =
      cm_image_set_geometry(image, &form->geometry, err) ? cm_image_convert(ctx, image, type, true, err) : NULL;
  cm_image_unref(&image);
  return typed;
}

/* Columns that operations on tables know, with numbers or nothing in them. */
static CmTable *make_table(CmContext *ctx, Bytes *in, CmError **err) {
  static const char *const names[] = {"nodule",    "x",         "y",         "z",         "volume",
                                      "diameter",  "label",     "matrix_11", "matrix_12", "matrix_13",
                                      "matrix_14", "matrix_21", "matrix_22", "matrix_23", "matrix_24",
                                      "matrix_31", "matrix_32", "matrix_33", "matrix_34"};
  CmTable *table = cm_table_create(ctx, err);
  bool good = table != NULL;
  const unsigned rows = next(in) % 5, left_out = next(in);
  for (unsigned k = 0; good && k < CM_COUNT(names); k++)
    good = k == left_out || cm_table_add_column(table, names[k], k ? CM_COLUMN_REAL : CM_COLUMN_INT, "", err) >= 0;
  for (unsigned r = 0; good && r < rows; r++) {
    good = cm_table_add_row(table, err) >= 0;
    for (int c = 0; good && c < cm_table_columns(table); c++) {
      const unsigned raw = next(in);
      if (raw >= 250) continue;
      if (cm_table_column_type(table, c) == CM_COLUMN_INT)
        cm_table_set_int(table, (int64_t)r, c, raw % 5);
      else
        cm_table_set_real(table, (int64_t)r, c, raw == 249 ? 1e300 : raw / 8.0);
    }
  }
  if (!good) cm_table_unref(&table);
  return table;
}

/* false where an input could not be made: no memory, or it is none of these kinds. */
static bool make_inputs(CmContext *ctx, const CmOp *op, Form form, unsigned flags, Bytes *in, CmValue *value) {
  CmError *err = NULL;
  for (int k = 0; !err && k < op->input_count; k++) {
    const CmPort *port = &op->inputs[k];
    if (port->optional && !(flags >> (k & 3) & 1)) continue;
    if (k && flags >= 240) form.dims[k % form.rank] += 1; /* shapes that disagree */
    if (port->kind == CM_KIND_TABLE)
      value[k] = cm_value_table(make_table(ctx, in, &err));
    else if (port->kind == CM_KIND_LABELS)
      value[k] = cm_value_labels(make_image(ctx, &form, port, in, &err));
    else if (port->kind == CM_KIND_IMAGE)
      value[k] = cm_value_image(make_image(ctx, &form, port, in, &err));
  }
  const bool good = !err;
  if (err)
    for (int k = 0; k < op->input_count; k++)
      if (!value[k].image) value[k].kind = CM_KIND_NONE;
  cm_error_free(&err);
  return good;
}

/* ---- one run */

/* Stops what takes longer than two seconds; an operation that does not listen runs into libFuzzer's limit. */
static bool too_late(void *user) {
  return clock() > *(const clock_t *)user;
}

typedef struct Outcome {
  bool good;
  CmErrorCode code;
  CmHash hash;
} Outcome;

static void hash_outputs(const CmOp *op, const CmValue *out, CmHash *hash) {
  CmHasher hasher;
  cm_hash_start(&hasher);
  for (int k = 0; k < op->output_count; k++) {
    CmHash part;
    memset(&part, 0, sizeof part);
    if (out[k].kind == CM_KIND_IMAGE || out[k].kind == CM_KIND_LABELS) cm_image_hash(out[k].image, &part);
    if (out[k].kind == CM_KIND_TABLE) cm_table_hash(out[k].table, &part);
    cm_hash_add(&hasher, &part, sizeof part);
  }
  cm_hash_finish(&hasher, hash);
}

static Outcome run_once(const CmOp *op, Bytes in, int threads) {
  Outcome outcome = {false, CM_ERR_MEMORY, {{0}}};
  clock_t deadline = clock() + 2 * CLOCKS_PER_SEC;
  CmContextOptions options;
  cm_context_default_options(&options);
  options.threads = threads;
  options.memory_limit = (uint64_t)256 << 20;
  options.cancel = too_late;
  options.user = &deadline;
  CmContext *ctx = cm_context_create(&options, NULL);
  if (!ctx) return outcome;
  const unsigned flags = next(&in), fail = next(&in);
  Form form;
  read_form(&in, &form);
  CmError *err = NULL;
  CmValue value[CM_MAX_PORTS] = {{0}}, out[CM_MAX_PORTS] = {{0}};
  void *params = cm_params_create(ctx, op, &err);
  for (int k = 0; params && k < op->param_count; k++) set_param(op, params, &op->params[k], &in);
  if (params && make_inputs(ctx, op, form, flags, &in, value)) {
    if (fail >= 200) cm_context_fail_allocation(ctx, fail - 199);
    outcome.good = cm_op_run(ctx, op, params, value, out, NULL, &err);
    cm_context_fail_allocation(ctx, 0);
    if (outcome.good == (err != NULL) || (err && !*cm_error_text(err))) abort();
    outcome.code = cm_error_code(err);
    hash_outputs(op, out, &outcome.hash);
  }
  for (int k = 0; k < CM_MAX_PORTS; k++) {
    cm_value_unref(&value[k]);
    cm_value_unref(&out[k]);
  }
  cm_error_free(&err);
  cm_free(params);
  if (cm_context_destroy(&ctx) != 0) abort();
  return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 3) return 0;
  Bytes in = {data, data + size};
  const CmOp *op = pick(next_pair(&in));
  const Outcome one = run_once(op, in, 1);
  if ((in.at[0] & 0x30) != 0x10 || !one.good) return 0;
  const Outcome three = run_once(op, in, 3);
  if (three.good ? memcmp(&one.hash, &three.hash, sizeof one.hash) != 0
                 : three.code != CM_ERR_CANCELLED && three.code != CM_ERR_MEMORY)
    abort();
  return 0;
}
