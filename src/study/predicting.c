#include "study/predicting.h"

#include <string.h>

#include "study/tables.h"

typedef struct Columns { /* of what the model saw that are none of its features */
  int *at, count;
} Columns;

static bool is_text(const char *a, const char *b) {
  return a && b && strcmp(a, b) == 0;
}

/* Who it is and what is known of them: features are real numbers. */
static bool find_columns(CmFinish *f, Columns *columns, CmError **err) {
  int count = cm_table_columns(f->features);
  columns->at = cm__arena_alloc(&f->arena, (size_t)count, sizeof *columns->at, err);
  for (int c = 0; columns->at && c < count; c++) {
    const char *name = cm_table_column_name(f->features, c);
    if (cm_table_column_type(f->features, c) != CM_COLUMN_REAL || is_text(name, f->spec->labels.target) ||
        is_text(name, f->spec->learn.event))
      columns->at[columns->count++] = c;
  }
  return columns->at != NULL;
}

static bool add_columns(CmTable *to, const CmTable *from, const int *at, int count, CmError **err) {
  for (int i = 0; i < count; i++) {
    int column = cm_table_add_column(to, cm_table_column_name(from, at[i]), cm_table_column_type(from, at[i]),
                                     cm_table_column_unit(from, at[i]), err);
    if (column < 0) return false;
    for (int64_t row = 0; row < cm_table_rows(from); row++)
      if (!cm__table_copy_cell(to, row, column, from, row, at[i], err)) return false;
  }
  return true;
}

/* The predictions behind the columns that tell the rows; of the former «row» and the subject are left out. */
static CmTable *put_together(CmFinish *f, const Columns *keys, const CmTable *predicted, CmError **err) {
  CmTable *table = cm_table_create(f->ctx, err);
  int count = cm_table_columns(predicted), first = cm_table_find_column(predicted, "predicted");
  int *at = cm__arena_alloc(&f->arena, (size_t)count, sizeof *at, err);
  if (first < 0) first = cm_table_find_column(predicted, "component 1");
  bool good = table && at;
  for (int64_t row = 0; good && row < cm_table_rows(predicted); row++) good = cm_table_add_row(table, err) >= 0;
  for (int i = 0; good && i < count - first; i++) at[i] = first + i;
  good = good && add_columns(table, f->features, keys->at, keys->count, err) &&
         add_columns(table, predicted, at, count - first, err);
  if (!good) cm_table_unref(&table);
  return table;
}

static bool has_outcome(const CmFinish *f) {
  const char *target = f->spec->labels.target;
  int column = target && cm_model_target(f->spec->learn.model) ? cm_table_find_column(f->features, target) : -1;
  for (int64_t row = 0; column >= 0 && row < cm_table_rows(f->features); row++)
    if (!cm_table_is_missing(f->features, row, column)) return true;
  return false;
}

static CmTable *judge(CmFinish *f, CmError **err) {
  const CmLearnColumns columns = {.target = f->spec->labels.target,
                                  .subject = "subject",
                                  .group = cm_table_find_column(f->features, "set") < 0 ? NULL : "set"};
  return cm_model_judge(f->ctx, f->spec->learn.model, f->features, &columns, NULL, err);
}

/* Takes the table over. */
static bool write_table(CmFinish *f, const char *name, CmTable *table, CmError **err) {
  CmOutput *output = table ? cm__outputs_write_table(f->outputs, name, table, err) : NULL;
  if (output) output->made_from = "the tables of predict, and the model";
  cm_table_unref(&table);
  return output != NULL;
}

bool cm__predicting_do(CmFinish *f, CmError **err) {
  Columns keys = {0};
  f->features = cm__tables_for_learning(f->work, err);
  if (!f->features) return false;
  if (!cm_table_rows(f->features)) {
    cm_error_set(err, CM_ERR_DATA, "nothing can be predicted: no image came through the steps; see quarantine.csv");
    return false;
  }
  f->result.features = f->features;
  if (!write_table(f, CM__PREDICT_INPUT, cm_table_ref(f->features), err) || !find_columns(f, &keys, err)) return false;
  CmTable *predicted = cm_model_predict(f->ctx, f->spec->learn.model, f->features, err);
  if (!predicted) return false;
  bool good = write_table(f, CM__PREDICTIONS, put_together(f, &keys, predicted, err), err);
  cm_table_unref(&predicted);
  return good && (!has_outcome(f) || write_table(f, CM__PREDICT_METRICS, judge(f, err), err));
}
