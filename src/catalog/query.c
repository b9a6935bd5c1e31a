/* Read-only SQL to a table. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "catalog/catalog_priv.h"

/* Whether anything but space, semicolons and comments follows the statement. */
static bool only_space(const char *text) {
  for (;;) {
    while (isspace((unsigned char)*text) || *text == ';') text++;
    if (!strncmp(text, "--", 2)) {
      text += strcspn(text, "\n");
    } else if (!strncmp(text, "/*", 2)) {
      const char *end = strstr(text + 2, "*/");
      if (!end) return true;
      text = end + 2;
    } else {
      return !*text;
    }
  }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql, CmError **err) {
  sqlite3_stmt *statement = NULL;
  const char *tail = "";
  int code = sqlite3_prepare_v2(db, sql, -1, &statement, &tail);
  if (code == SQLITE_AUTH)
    cm_error_set(err, CM_ERR_USAGE, "the query is refused: %s; only SELECT is answered", sqlite3_errmsg(db));
  else if (code != SQLITE_OK)
    cm_error_set(
        err, CM_ERR_USAGE,
        "the query is wrong: %s; tables and views: patients, studies, series, instances, files, images, series_list",
        sqlite3_errmsg(db));
  else if (!statement)
    cm_error_set(err, CM_ERR_USAGE, "the query is empty; give a SELECT");
  else if (!only_space(tail))
    cm_error_set(err, CM_ERR_USAGE, "more than one statement; give one SELECT");
  else if (!sqlite3_stmt_readonly(statement) || !sqlite3_column_count(statement))
    cm_error_set(err, CM_ERR_USAGE, "the query gives no rows or would write; only SELECT is answered");
  else
    return statement;
  sqlite3_finalize(statement);
  return NULL;
}

static CmColumnType type_of_value(int type) {
  return type == SQLITE_INTEGER ? CM_COLUMN_INT : type == SQLITE_FLOAT ? CM_COLUMN_REAL : CM_COLUMN_TEXT;
}

/* The narrowest type that holds both. */
static CmColumnType wider(CmColumnType a, CmColumnType b) {
  if (a == b) return a;
  return a == CM_COLUMN_TEXT || b == CM_COLUMN_TEXT ? CM_COLUMN_TEXT : CM_COLUMN_REAL;
}

static CmTable *make_table(CmContext *ctx, sqlite3_stmt *statement, const CmColumnType *types, CmError **err) {
  CmTable *table = cm_table_create(ctx, err);
  for (int i = 0; table && i < sqlite3_column_count(statement); i++) {
    const char *name = sqlite3_column_name(statement, i);
    char unique[256];
    snprintf(unique, sizeof unique, "%s", name && *name ? name : "column");
    for (int n = 2; cm_table_find_column(table, unique) >= 0; n++)
      snprintf(unique, sizeof unique, "%.240s_%d", name && *name ? name : "column", n);
    if (cm_table_add_column(table, unique, types[i], "", err) < 0) cm_table_unref(&table);
  }
  return table;
}

static bool add_cell(CmTable *table, int64_t row, int column, sqlite3_stmt *statement, CmColumnType type,
                     CmError **err) {
  if (type == CM_COLUMN_INT) {
    cm_table_set_int(table, row, column, sqlite3_column_int64(statement, column));
  } else if (type == CM_COLUMN_REAL) {
    cm_table_set_real(table, row, column, sqlite3_column_double(statement, column));
  } else {
    return cm_table_set_text(table, row, column, (const char *)sqlite3_column_text(statement, column), err);
  }
  return true;
}

/* Fills the table; *again: a column turned out wider than its first values, types are updated and all is to be done
 * again. */
static bool fill(CmTable *table, sqlite3 *db, sqlite3_stmt *statement, CmColumnType *types, bool *known, bool *again,
                 CmError **err) {
  int columns = sqlite3_column_count(statement), code;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    int64_t row = *again ? -1 : cm_table_add_row(table, err);
    if (row < 0 && !*again) return false;
    for (int i = 0; i < columns; i++) {
      int type = sqlite3_column_type(statement, i);
      if (type == SQLITE_NULL) continue;
      CmColumnType needed = known[i] ? wider(types[i], type_of_value(type)) : type_of_value(type);
      *again |= needed != types[i]; /* from here on only the types are looked at */
      types[i] = needed;
      known[i] = true;
      if (!*again && !add_cell(table, row, i, statement, types[i], err)) return false;
    }
  }
  return code == SQLITE_DONE || cm__catalog_refuse(db, err);
}

/* A guess by the declaration; without values it stays. */
static CmColumnType declared_type(sqlite3_stmt *statement, int column) {
  const char *declared = sqlite3_column_decltype(statement, column);
  if (!declared || !strcmp(declared, "TEXT")) return CM_COLUMN_TEXT;
  return strcmp(declared, "REAL") ? CM_COLUMN_INT : CM_COLUMN_REAL;
}

static CmTable *run(CmContext *ctx, sqlite3 *db, sqlite3_stmt *statement, CmError **err) {
  size_t columns = (size_t)sqlite3_column_count(statement);
  CmTable *table = NULL;
  CmColumnType *types = cm_calloc(ctx, columns, sizeof *types, err);
  bool *known = types ? cm_calloc(ctx, columns, sizeof *known, err) : NULL;
  bool good = known != NULL, again = true;
  for (size_t i = 0; good && i < columns; i++) types[i] = declared_type(statement, (int)i);
  for (int pass = 0; good && again && pass < 8; pass++) {
    cm_table_unref(&table);
    sqlite3_reset(statement);
    again = false;
    table = make_table(ctx, statement, types, err);
    good = table && fill(table, db, statement, types, known, &again, err);
  }
  if (good && again)
    cm_error_set(err, CM_ERR_DATA, "the query's values change their type from run to run; cast() its columns");
  if (!good || again) cm_table_unref(&table);
  cm_free(known);
  cm_free(types);
  return table;
}

CmTable *cm_catalog_query(CmContext *ctx, const char *catalog, const char *sql, CmError **err) {
  CmTable *table = NULL;
  sqlite3 *db = cm__catalog_open_to_read(ctx, catalog, err);
  if (!db) return NULL;
  sqlite3_stmt *statement = prepare(db, sql, err);
  if (statement) table = run(ctx, db, statement, err);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return table;
}

CmTable *cm_catalog_columns(CmContext *ctx, const char *catalog, const char *sql, CmError **err) {
  CmTable *table = NULL;
  sqlite3 *db = catalog ? cm__catalog_open_to_read(ctx, catalog, err) : cm__catalog_open_empty(ctx, err);
  if (!db) return NULL;
  sqlite3_stmt *statement = prepare(db, sql, err);
  int columns = statement ? sqlite3_column_count(statement) : 0;
  CmColumnType *types = statement ? cm_calloc(ctx, (size_t)columns, sizeof *types, err) : NULL;
  for (int i = 0; types && i < columns; i++) types[i] = declared_type(statement, i);
  if (types) table = make_table(ctx, statement, types, err);
  cm_free(types);
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return table;
}
