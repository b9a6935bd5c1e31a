/* CmTable: typed named columns with explicit missing values; a row is a subject, an image, a region or an instant. */
#ifndef CORMACK_TABLE_H
#define CORMACK_TABLE_H

#include "cormack/context.h"
#include "cormack/hash.h"

typedef enum CmColumnType { CM_COLUMN_REAL, CM_COLUMN_INT, CM_COLUMN_TEXT } CmColumnType;

CM_API CM_NODISCARD CmTable *cm_table_create(CmContext *ctx, CmError **err);
CM_API CmTable *cm_table_ref(CmTable *table);
CM_API void cm_table_unref(CmTable **table);

CM_API int cm_table_columns(const CmTable *table);
CM_API int64_t cm_table_rows(const CmTable *table);
/* Adds a column; existing rows are missing in it. unit may be "". Returns its index, or -1 (name empty or taken). */
CM_API int cm_table_add_column(CmTable *table, const char *name, CmColumnType type, const char *unit, CmError **err);
CM_API int64_t cm_table_add_row(CmTable *table, CmError **err);          /* all missing; index, or -1 */
CM_API int cm_table_find_column(const CmTable *table, const char *name); /* -1 if absent */
CM_API const char *cm_table_column_name(const CmTable *table, int column);
CM_API CmColumnType cm_table_column_type(const CmTable *table, int column);
CM_API const char *cm_table_column_unit(const CmTable *table, int column);

CM_API bool cm_table_is_missing(const CmTable *table, int64_t row, int column);
CM_API void cm_table_set_missing(CmTable *table, int64_t row, int column);
/* Setters need the column's type (an int may go into a real column). NaN is stored as missing. */
CM_API void cm_table_set_real(CmTable *table, int64_t row, int column, double value);
CM_API void cm_table_set_int(CmTable *table, int64_t row, int column, int64_t value);
CM_API bool cm_table_set_text(CmTable *table, int64_t row, int column, const char *value,
                              CmError **err);                                    /* NULL: missing */
CM_API double cm_table_real(const CmTable *table, int64_t row, int column);      /* NaN if missing or text */
CM_API int64_t cm_table_int(const CmTable *table, int64_t row, int column);      /* 0 if missing */
CM_API const char *cm_table_text(const CmTable *table, int64_t row, int column); /* NULL if missing; text columns */
/* Any cell as text into `to` ("" if missing); reals in the shortest form that reads back as the same double. */
CM_API const char *cm_table_cell(const CmTable *table, int64_t row, int column, char *to, size_t size);
/* The shortest decimal form of a double that reads back as the same bits: what CSV and JSON are written with. */
CM_API const char *cm_real_text(double value, char to[32]);

/* Of every column in turn; names and units stay the table's. */
CM_API void cm_table_describe(const CmTable *table, const char **names, const char **units, CmColumnType *types);
/* Whole columns, of as many rows as the table has. Reals: all columns of that type one after the other, NaN where
 * missing. Ints: 0 where not present; of int columns only. Texts: NULL where missing; they stay the table's. */
CM_API void cm_table_get_reals(const CmTable *table, double *to);
/* Numbers of one column into every stride-th place, NaN where missing or text: of rows first .. first + count - 1, or
 * of the rows that row[first ..] names. */
CM_API void cm_table_copy_reals(const CmTable *table, int column, const int64_t *row, int64_t first, int64_t count,
                                double *to, int64_t stride);
CM_API void cm_table_get_ints(const CmTable *table, int column, int64_t *to, uint8_t *present);
CM_API void cm_table_get_texts(const CmTable *table, int column, const char **to);
CM_API void cm_table_set_reals(CmTable *table, int column, const double *from);
CM_API void cm_table_set_ints(CmTable *table, int column, const int64_t *from, const uint8_t *present);
CM_API bool cm_table_add_rows(CmTable *table, int64_t count, CmError **err); /* all missing */

/* Rows of `extra` behind those of `table`; columns are matched by name and added where new. Types must agree. */
CM_API bool cm_table_append(CmTable *table, const CmTable *extra, CmError **err);

/* CSV (RFC 4180, UTF-8, LF): first line the names, a unit as «name [unit]»; empty cell = missing. Column types are
 * found from the contents: int, real, else text. Errors name file and line. Writing goes beside and is renamed. */
CM_API CM_NODISCARD CmTable *cm_table_read_csv(CmContext *ctx, const char *path, CmError **err);
CM_API CM_NODISCARD CmTable *cm_table_parse_csv(CmContext *ctx, const char *text, size_t size, const char *name,
                                                CmError **err);
CM_API bool cm_table_write_csv(CmContext *ctx, const CmTable *table, const char *path, CmError **err);
/* {"columns":[{"name","type","unit"}],"rows":[[...]]}, missing as null. Free text with cm_free(). */
CM_API CM_NODISCARD char *cm_table_to_csv(CmContext *ctx, const CmTable *table, CmError **err);
CM_API CM_NODISCARD char *cm_table_to_json(CmContext *ctx, const CmTable *table, CmError **err);
CM_API bool cm_table_write_json(CmContext *ctx, const CmTable *table, const char *path, CmError **err);
CM_API void cm_table_hash(const CmTable *table, CmHash *hash);

#endif
