#include "learn/rows.h"

#include <stdio.h>

#include "learn/model.h"

bool cm__rows_start(CmTableWriter *writer, CmContext *ctx, CmError **err) {
  *writer = (CmTableWriter){.table = cm_table_create(ctx, err), .err = err};
  return writer->table != NULL;
}

static void check(CmTableWriter *writer, bool ok) {
  if (!ok) cm_table_unref(&writer->table);
}

void cm__rows_column(CmTableWriter *writer, const char *name, CmColumnType type, const char *unit) {
  if (writer->table) check(writer, cm_table_add_column(writer->table, name, type, unit, writer->err) >= 0);
}

void cm__rows_columns(CmTableWriter *w, const char *const *names, const char *types) {
  for (int i = 0; types[i]; i++) {
    char type = types[i];
    cm__rows_column(w, names[i], type == 't' ? CM_COLUMN_TEXT : type == 'i' ? CM_COLUMN_INT : CM_COLUMN_REAL, "");
  }
}

void cm__rows_columnf(CmTableWriter *writer, CmColumnType type, const char *unit, const char *format, ...) {
  char name[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(name, sizeof name, format, args);
  va_end(args);
  cm__rows_column(writer, name, type, unit);
}

void cm__rows_next(CmTableWriter *writer) {
  if (!writer->table) return;
  writer->row = cm_table_add_row(writer->table, writer->err);
  writer->column = 0;
  check(writer, writer->row >= 0);
}

void cm__rows_text(CmTableWriter *writer, const char *value) {
  if (writer->table) check(writer, cm_table_set_text(writer->table, writer->row, writer->column++, value, writer->err));
}

void cm__rows_int(CmTableWriter *writer, int64_t value) {
  if (writer->table) cm_table_set_int(writer->table, writer->row, writer->column++, value);
}

void cm__rows_real(CmTableWriter *writer, double value) {
  if (writer->table) cm_table_set_real(writer->table, writer->row, writer->column++, value);
}

void cm__rows_skip(CmTableWriter *writer) {
  writer->column++;
}

CmTable *cm__rows_finish(CmTableWriter *writer) {
  CmTable *table = writer->table;
  writer->table = NULL;
  return table;
}

void cm__rows_shap_columns(CmTableWriter *writer, const CmModel *model) {
  cm__rows_column(writer, "class", CM_COLUMN_TEXT, "");
  cm__rows_column(writer, "base", CM_COLUMN_REAL, "");
  cm__rows_column(writer, "output", CM_COLUMN_REAL, "");
  for (int j = 0; j < model->features; j++)
    cm__rows_columnf(writer, CM_COLUMN_REAL, "", CM_SHAP_PREFIX "%s", model->feature[j]);
}

void cm__rows_shap(CmTableWriter *writer, const CmModel *model, int output, const double *contribution) {
  int d = model->features;
  double sum = contribution[d];
  for (int j = 0; j < d; j++) sum += contribution[j];
  cm__rows_text(writer, cm__output_name(model, output));
  cm__rows_real(writer, contribution[d]);
  cm__rows_real(writer, sum);
  for (int j = 0; j < d; j++) cm__rows_real(writer, contribution[j]);
}
