/* Radiomics of many images: a row of the table each. What is done is kept beside the output, so that a run that was
 * stopped carries on. */
#include <stdio.h>
#include <string.h>

#include "cli/radiomics.h"
#include "cormack/io.h"
#include "cormack/parallel.h"

typedef struct Case {
  const CmRadiomicsInput *input;
  CmTable *found;
  char folder[32]; /* of maps */
  char *why;       /* it could not be measured */
} Case;

typedef struct Batch {
  const CmRadiomicsWork *work;
  CmContext *ctx;
  CmStore *store; /* NULL: nothing is kept */
  CmRadiomicsInputs inputs;
  Case *cases;
} Batch;

static CmRadiomicsCase case_of(const Batch *batch, const Case *one) {
  CmRadiomicsCase what = cm__radiomics_case_of(batch->work, one->input);
  if (batch->work->maps) what.folder = one->folder;
  return what;
}

/* false with *known: an error; *known false: the case is not kept. */
static bool make_key(const Batch *batch, const Case *one, const void *params, CmHash *key, bool *known, CmError **err) {
  CmHasher hasher;
  CmHash part;
  char *json = cm_params_to_json(batch->ctx, batch->work->op, params, err);
  if (!json) return false;
  cm__store_key_start(&hasher, batch->work->op->name);
  cm_hash_add_text(&hasher, json);
  cm_free(json);
  const CmRadiomicsCase what = case_of(batch, one);
  if (what.folder) cm_hash_add_text(&hasher, what.folder);
  cm_hash_add_text(&hasher, what.region ? what.region : "");
  cm_hash_add_text(&hasher, what.label_named ? "named" : "");
  cm_hash_add_text(&hasher, batch->work->resample ? "resample" : "");
  cm_hash_add_text(&hasher, batch->work->select);
  const char *const inputs[2] = {one->input->image, one->input->mask};
  for (int k = 0; k < 2; k++) {
    if (!cm__radiomics_hash(batch->ctx, batch->store, inputs[k], &part, known, err)) return false;
    if (!*known) return true;
    cm_hash_add(&hasher, &part, sizeof part);
  }
  cm_hash_finish(&hasher, key);
  return true;
}

/* The contents of the maps that a table names: cells of text behind the columns of the region. */
static bool hash_maps(const Batch *batch, const CmTable *table, CmHash *hash, CmError **err) {
  CmHasher hasher;
  CmHash part;
  bool ok = true;
  cm_hash_start(&hasher);
  for (int64_t row = 0; batch->work->maps && row < cm_table_rows(table); row++)
    for (int c = 2; ok && c < cm_table_columns(table); c++) {
      const char *file = strcmp(cm_table_column_name(table, c), "overlaps") ? cm_table_text(table, row, c) : NULL;
      if (!file) continue;
      char *path = cm_sprintf(batch->ctx, err, "%s/%s", batch->work->maps, file);
      ok = path && cm_hash_file(batch->ctx, path, &part, err);
      cm_hash_add(&hasher, &part, sizeof part);
      cm_free(path);
    }
  cm_hash_finish(&hasher, hash);
  return ok;
}

/* Maps that have gone or changed since are made again. */
static bool is_whole(const Batch *batch, const CmStoreEntry *entry, const CmTable *found) {
  CmHash hash;
  CmError *why = NULL;
  const bool whole = !batch->work->maps || (cm__store_parts(entry) == 2 && hash_maps(batch, found, &hash, &why) &&
                                            cm_hash_equal(&hash, cm__store_hash(entry, 1)));
  cm_error_free(&why);
  return whole;
}

static bool find_kept(const Batch *batch, const CmHash *key, CmTable **found, CmError **err) {
  const CmStoreEntry *entry = cm__store_find(batch->store, key);
  size_t size;
  *found = NULL;
  if (!entry) return true;
  uint8_t *bytes = cm__store_read(batch->store, entry, 0, &size, err);
  if (!bytes) return *err == NULL;
  *found = cm_table_parse_csv(batch->ctx, (const char *)bytes, size, "kept result", err);
  cm_free(bytes);
  if (!*found) return false;
  if (!is_whole(batch, entry, *found)) cm_table_unref(found);
  return true;
}

/* Keeps a result and reads it back, so that a kept one and a new one are the same. */
static bool keep(const Batch *batch, const CmHash *key, bool known, CmTable **found, CmError **err) {
  char *text = cm_table_to_csv(batch->ctx, *found, err);
  if (!text) return false;
  CmStorePart parts[2] = {{.bytes = (const uint8_t *)text, .size = strlen(text)}, {.bytes = NULL}};
  cm_hash_bytes(parts[0].bytes, parts[0].size, &parts[0].hash);
  bool ok = !known || (hash_maps(batch, *found, &parts[1].hash, err) &&
                       cm__store_put(batch->store, key, parts, batch->work->maps ? 2 : 1, err));
  cm_table_unref(found);
  if (ok) ok = (*found = cm_table_parse_csv(batch->ctx, text, parts[0].size, "result", err)) != NULL;
  cm_free(text);
  return ok;
}

static bool write_report(const Batch *batch, const Case *one, const CmRadiomicsCase *what, CmError **err) {
  char *path =
      cm_sprintf(batch->ctx, err, "%s/row%05lld.dcm", batch->work->report, (long long)(one - batch->cases) + 1);
  const bool ok = path && cm__radiomics_report(batch->work, one->found, what, path, err);
  cm_free(path);
  return ok;
}

static bool measure_case(const Batch *batch, Case *one, CmError **err) {
  const CmOp *op = batch->work->op;
  CmHash key;
  bool known = false;
  const CmRadiomicsCase what = case_of(batch, one);
  if (!cm__radiomics_input_check(one->input, err) ||
      (*batch->work->report && !cm__radiomics_reportable(batch->work, &what, err)))
    return false;
  void *params = cm_params_create(batch->ctx, op, err);
  if (!params) return false;
  memcpy(params, batch->work->params, op->params_size);
  bool ok = ((what.region && *what.region) || !*one->input->label ||
             cm_params_set(op, params, "label", one->input->label, err)) &&
            make_key(batch, one, params, &key, &known, err) && (!known || find_kept(batch, &key, &one->found, err));
  if (ok && !one->found)
    ok = (one->found = cm__radiomics_measure(batch->work, params, &what, err)) &&
         keep(batch, &key, known, &one->found, err);
  if (ok && *batch->work->report) ok = write_report(batch, one, &what, err);
  cm_free(params);
  return ok;
}

static bool do_cases(void *arg, CmRange range, CmError **err) {
  const Batch *batch = arg;
  for (int64_t k = range.begin; k < range.end; k++) {
    CmError *why = NULL;
    if (measure_case(batch, &batch->cases[k], &why)) continue;
    if (cm_error_code(why) == CM_ERR_CANCELLED || cm_error_code(why) == CM_ERR_MEMORY) {
      *err = why;
      return false;
    }
    batch->cases[k].why = cm_strdup(batch->ctx, cm_error_text(why), err);
    cm_error_free(&why);
    cm_table_unref(&batch->cases[k].found);
    if (!batch->cases[k].why) return false;
  }
  return true;
}

static bool add_rows(const Batch *batch, int64_t k, CmTable *out, CmError **err) {
  const CmTable *found = batch->cases[k].found;
  const int given = cm_table_columns(batch->inputs.table);
  for (int64_t row = 0; row < cm_table_rows(found); row++) {
    const int64_t to = cm_table_add_row(out, err);
    if (to < 0) return false;
    if (!cm__radiomics_copy_row(batch->inputs.table, k, 0, out, to, 0, err) ||
        !cm__radiomics_copy_row(found, row, 0, out, to, given, err))
      return false;
  }
  return true;
}

static CmTable *gather(const Batch *batch, CmError **err) {
  CmTable *out = cm_table_create(batch->ctx, err);
  bool ok = out != NULL;
  for (int c = 0; ok && c < cm_table_columns(batch->inputs.table); c++)
    ok = cm_table_add_column(out, cm_table_column_name(batch->inputs.table, c),
                             cm_table_column_type(batch->inputs.table, c), cm_table_column_unit(batch->inputs.table, c),
                             err) >= 0;
  for (int64_t k = 0; ok && k < cm_table_rows(batch->inputs.table); k++)
    if (batch->cases[k].found) ok = add_rows(batch, k, out, err);
  if (!ok) cm_table_unref(&out);
  return out;
}

/* The row as it was given, its number, and why it could not be measured: mended, it is a table to run. */
static bool add_refused(const Batch *batch, int64_t k, CmTable *table, CmError **err) {
  const int64_t row = cm_table_add_row(table, err);
  if (row < 0 || !cm__radiomics_copy_row(batch->inputs.table, k, 0, table, row, 2, err)) return false;
  cm_table_set_int(table, row, 0, k + 1);
  return cm_table_set_text(table, row, 1, batch->cases[k].why, err);
}

/* OUT.quarantine.csv */
static bool write_quarantine(const Batch *batch, int64_t *count, CmError **err) {
  CmTable *table = cm_table_create(batch->ctx, err);
  bool ok = table && cm_table_add_column(table, "row", CM_COLUMN_INT, "", err) >= 0 &&
            cm_table_add_column(table, "reason", CM_COLUMN_TEXT, "", err) >= 0;
  *count = 0;
  for (int64_t k = 0; ok && k < batch->inputs.count; k++) {
    if (!batch->cases[k].why) continue;
    ok = add_refused(batch, k, table, err);
    ++*count;
  }
  char *path = ok ? cm_sprintf(batch->ctx, err, "%s.quarantine.csv", batch->work->out) : NULL;
  if (*count == 0 && path)
    remove(path); /* of an earlier run */
  else
    ok = path && cm_table_write_csv(batch->ctx, table, path, err);
  cm_free(path);
  cm_table_unref(&table);
  return ok;
}

static bool open_store(Batch *batch, CmError **err) {
  const CmRadiomicsWork *work = batch->work;
  if (strcmp(work->out, "-") == 0) return true;
  char *folder = cm_sprintf(batch->ctx, err, "%s.resume", work->out);
  if (folder && cm_make_folder(folder, err))
    batch->store = cm__store_open(batch->ctx, folder, work->fresh ? CM__STORE_FRESH : CM__STORE_WORK, err);
  cm_free(folder);
  return batch->store != NULL;
}

static bool finish(Batch *batch, CmError **err) {
  const CmRadiomicsWork *work = batch->work;
  CmTable *out = gather(batch, err);
  int64_t refused = 0;
  bool ok = out != NULL;
  if (ok) {
    const CmValue value = cm_value_table(out);
    ok = cm__cli_write(work->cli, &value, work->out, err);
  }
  if (ok && batch->store) ok = write_quarantine(batch, &refused, err) && cm__store_finish(batch->store, err);
  for (int64_t k = 0; ok && !batch->store && k < cm_table_rows(batch->inputs.table); k++)
    if (batch->cases[k].why) {
      cm_log(batch->ctx, CM_LOG_WARNING, "row %lld: %s", (long long)k + 1, batch->cases[k].why);
      refused++;
    }
  cm_table_unref(&out);
  if (!ok) return false;
  work->cli->quarantined = refused;
  if (refused && batch->store && !work->cli->quiet)
    fprintf(stderr, "%lld of %lld in quarantine: %s.quarantine.csv\n", (long long)refused,
            (long long)cm_table_rows(batch->inputs.table), work->out);
  return true;
}

static bool do_batch(Batch *batch, CmError **err) {
  const int64_t rows = batch->inputs.count;
  if (*batch->work->report && !cm_make_folder(batch->work->report, err)) return false;
  batch->cases = cm_calloc(batch->ctx, (size_t)rows + 1, sizeof(Case), err);
  for (int64_t k = 0; batch->cases && k < rows; k++) {
    batch->cases[k].input = &batch->inputs.items[k];
    snprintf(batch->cases[k].folder, sizeof batch->cases[k].folder, "row%05lld/", (long long)k + 1);
  }
  return batch->cases && open_store(batch, err) &&
         cm_parallel_for(batch->ctx, "radiomics", rows, 1, do_cases, batch, err) && finish(batch, err);
}

bool cm__radiomics_batch(const CmRadiomicsWork *work, const char *path, CmError **err) {
  Batch batch = {.work = work, .ctx = work->cli->ctx};
  const bool ok = cm__radiomics_inputs_read(batch.ctx, path, &batch.inputs, err) && do_batch(&batch, err);
  for (int64_t k = 0; batch.cases && k < batch.inputs.count; k++) {
    cm_free(batch.cases[k].why);
    cm_table_unref(&batch.cases[k].found);
  }
  cm_free(batch.cases);
  cm__store_close(&batch.store);
  cm__radiomics_inputs_free(&batch.inputs);
  return ok;
}
