/* Tables to and from CSV (RFC 4180) and JSON. */
#include <string.h>

#include "core/table_priv.h"
#include "core/text.h"
#include "cormack/parallel.h"

/* ---- writing
 * --------------------------------------------------------------------------------------------------------- */

static void add_csv_field(CmTextBuffer *out, const char *text) {
  if (!strpbrk(text, ",\"\r\n") && *text != ' ' && !(*text && text[strlen(text) - 1] == ' ')) {
    cm__text_add(out, text);
    return;
  }
  cm__text_add_n(out, "\"", 1);
  for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
    cm__text_add_n(out, text, (size_t)(quote - text) + 1);
    cm__text_add_n(out, "\"", 1);
  }
  cm__text_add(out, text);
  cm__text_add_n(out, "\"", 1);
}

/* A present empty text is "" in quotes, so that it does not read back as missing. */
static void add_csv_cell(CmTextBuffer *out, const CmTable *table, int64_t row, int column) {
  char number[64];
  const char *text = cm_table_text(table, row, column);
  if (text && !*text)
    cm__text_add(out, "\"\"");
  else
    add_csv_field(out, text ? text : cm_table_cell(table, row, column, number, sizeof number));
}

static void add_csv_header(CmTextBuffer *out, const CmTable *table) {
  for (int i = 0; i < table->columns; i++) {
    CmTextBuffer name;
    cm__text_start(&name, out->ctx, out->err);
    cm__text_add(&name, table->column[i].name);
    if (*table->column[i].unit) cm__text_addf(&name, " [%s]", table->column[i].unit);
    char *text = cm__text_finish(&name);
    if (i) cm__text_add_n(out, ",", 1);
    if (text)
      add_csv_field(out, text);
    else
      out->failed = true;
    cm_free(text);
  }
  cm__text_add_n(out, "\n", 1);
}

char *cm_table_to_csv(CmContext *ctx, const CmTable *table, CmError **err) {
  CmTextBuffer out;
  cm__text_start(&out, ctx, err);
  add_csv_header(&out, table);
  for (int64_t row = 0; row < table->rows; row++) {
    for (int i = 0; i < table->columns; i++) {
      if (i) cm__text_add_n(&out, ",", 1);
      add_csv_cell(&out, table, row, i);
    }
    cm__text_add_n(&out, "\n", 1);
  }
  return cm__text_finish(&out);
}

static void add_json_cell(CmTextBuffer *out, const CmTable *table, int64_t row, int column) {
  char number[64];
  if (cm_table_is_missing(table, row, column))
    cm__text_add(out, "null");
  else if (table->column[column].type == CM_COLUMN_TEXT)
    cm__text_add_json(out, cm_table_text(table, row, column));
  else if (table->column[column].type == CM_COLUMN_REAL)
    cm__text_add_real(out, cm_table_real(table, row, column));
  else
    cm__text_add(out, cm_table_cell(table, row, column, number, sizeof number));
}

char *cm_table_to_json(CmContext *ctx, const CmTable *table, CmError **err) {
  static const char *const type_names[] = {"real", "int", "text"};
  CmTextBuffer out;
  cm__text_start(&out, ctx, err);
  cm__text_add(&out, "{\"columns\":[");
  for (int i = 0; i < table->columns; i++) {
    cm__text_add(&out, i ? ",{\"name\":" : "{\"name\":");
    cm__text_add_json(&out, table->column[i].name);
    cm__text_addf(&out, ",\"type\":\"%s\",\"unit\":", type_names[table->column[i].type]);
    cm__text_add_json(&out, table->column[i].unit);
    cm__text_add(&out, "}");
  }
  cm__text_add(&out, "],\n\"rows\":[");
  for (int64_t row = 0; row < table->rows; row++) {
    cm__text_add(&out, row ? ",\n[" : "\n[");
    for (int i = 0; i < table->columns; i++) {
      if (i) cm__text_add_n(&out, ",", 1);
      add_json_cell(&out, table, row, i);
    }
    cm__text_add(&out, "]");
  }
  cm__text_add(&out, "]}\n");
  return cm__text_finish(&out);
}

/* ---- reading
 * --------------------------------------------------------------------------------------------------------- */

enum { ROWS_A_CHUNK = 1024 };

typedef struct Field {
  char *text;
  bool quoted;
} Field;

typedef struct Reader {
  CmContext *ctx;
  char *at, *end; /* of a copy of the text: fields are ended in it, where their separators were */
  char stop;      /* behind the last field: a comma, or else */
  const char *name;
  int64_t line;
  Field *fields; /* of all records, one after another */
  int64_t count, room;
  int64_t columns;
} Reader;

static bool keep_field(Reader *reader, char *text, bool quoted, CmError **err) {
  if (reader->count == reader->room) {
    int64_t room = reader->room ? 2 * reader->room : 256;
    Field *grown = cm_realloc(reader->ctx, reader->fields, (size_t)room * sizeof *grown, err);
    if (!grown) return false;
    reader->fields = grown;
    reader->room = room;
  }
  reader->fields[reader->count++] = (Field){text, quoted};
  return true;
}

/* Moves the text over its first quote, doubled quotes becoming one. *to: behind it. */
static bool read_quoted(Reader *reader, char **to, CmError **err) {
  int64_t first_line = reader->line;
  for (reader->at++; reader->at < reader->end; reader->at++) {
    if (*reader->at == '"') {
      if (reader->at + 1 >= reader->end || reader->at[1] != '"') {
        reader->at++;
        return true;
      }
      reader->at++;
    }
    reader->line += *reader->at == '\n';
    *(*to)++ = *reader->at;
  }
  cm_error_set(err, CM_ERR_FORMAT, "%s: line %lld: a quoted field is never closed", reader->name,
               (long long)first_line);
  return false;
}

static bool read_field(Reader *reader, CmError **err) {
  char *text = reader->at, *to = text;
  bool quoted = reader->at < reader->end && *reader->at == '"';
  if (quoted && !read_quoted(reader, &to, err)) return false;
  char *from = reader->at;
  while (reader->at < reader->end && *reader->at != ',' && *reader->at != '\n' && *reader->at != '\r') reader->at++;
  if (quoted && reader->at > from) {
    cm_error_set(err, CM_ERR_FORMAT, "%s: line %lld: text behind a closing quote", reader->name,
                 (long long)reader->line);
    return false;
  }
  reader->stop = *reader->at; /* the copy ends in a zero */
  *(quoted ? to : reader->at) = 0;
  return keep_field(reader, text, quoted, err);
}

static bool read_record(Reader *reader, CmError **err) {
  int64_t before = reader->count, line = reader->line;
  for (;;) {
    if (!read_field(reader, err)) return false;
    if (reader->at >= reader->end || reader->stop != ',') break;
    reader->at++;
  }
  if (reader->at < reader->end) reader->at++;
  if (reader->stop == '\r' && reader->at < reader->end && *reader->at == '\n') reader->at++;
  reader->line++;
  int64_t fields = reader->count - before;
  if (!reader->columns) reader->columns = fields;
  if (fields == 1 && reader->columns > 1 && !*reader->fields[before].text) { /* an empty line */
    reader->count--;
    return true;
  }
  if (fields == reader->columns) return true;
  cm_error_set(err, CM_ERR_FORMAT, "%s: line %lld has %lld fields, the first line %lld", reader->name, (long long)line,
               (long long)fields, (long long)reader->columns);
  return false;
}

static const Field *field_at(const Reader *reader, int64_t row, int64_t column) {
  return &reader->fields[(row + 1) * reader->columns + column];
}

static bool field_missing(const Field *field) {
  return !field->quoted && !*field->text;
}

/* What programs write for a missing number: pandas, R, SAS and Stata, UCI. In a column of text it is text. */
static bool is_missing_mark(const Field *field) {
  static const char *const marks[] = {"NA",   "N/A",  "n/a",  "#N/A", "NaN", "nan",
                                      "-nan", "NULL", "null", "None", ".",   "?"};
  for (size_t i = 0; !field->quoted && i < sizeof marks / sizeof *marks; i++)
    if (strcmp(field->text, marks[i]) == 0) return true;
  return false;
}

static CmColumnType find_type(const Reader *reader, int64_t rows, int64_t column) {
  CmColumnType type = CM_COLUMN_INT;
  bool any = false;
  for (int64_t row = 0; row < rows; row++) {
    const Field *field = field_at(reader, row, column);
    int64_t integer;
    double real;
    if (field_missing(field) || is_missing_mark(field)) continue;
    any = true;
    if (field->quoted || !cm__parse_real(field->text, &real)) return CM_COLUMN_TEXT;
    if (type == CM_COLUMN_INT && !cm__parse_int(field->text, &integer)) type = CM_COLUMN_REAL;
  }
  return any ? type : CM_COLUMN_REAL;
}

/* «name [unit]» into its parts, in place. */
static const char *split_unit(char *header) {
  size_t length = strlen(header);
  char *open = strrchr(header, '[');
  if (!open || length < 4 || header[length - 1] != ']' || open == header || open[-1] != ' ' || open == header + 1)
    return "";
  header[length - 1] = 0;
  open[-1] = 0;
  return open + 1;
}

typedef struct Build {
  const Reader *reader;
  CmTable *table;
  int64_t rows;
  CmColumnType *type; /* of each column */
} Build;

static bool find_types(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Build *build = arg;
  for (int64_t column = range.begin; column < range.end; column++)
    build->type[column] = find_type(build->reader, build->rows, column);
  return true;
}

/* Numbers of some rows. */
static bool fill_numbers(void *arg, CmRange range, CmError **err) {
  (void)err;
  const Build *build = arg;
  double real = 0;
  int64_t integer = 0;
  for (int64_t row = range.begin; row < range.end; row++) {
    for (int64_t column = 0; column < build->reader->columns; column++) {
      const Field *field = field_at(build->reader, row, column);
      if (field_missing(field)) continue;
      if (build->type[column] == CM_COLUMN_INT && cm__parse_int(field->text, &integer))
        cm_table_set_int(build->table, row, (int)column, integer);
      if (build->type[column] == CM_COLUMN_REAL && cm__parse_real(field->text, &real))
        cm_table_set_real(build->table, row, (int)column, real);
    }
  }
  return true;
}

static bool fill_text(const Build *build, int64_t column, CmError **err) {
  for (int64_t row = 0; row < build->rows; row++) {
    const Field *field = field_at(build->reader, row, column);
    if (!field_missing(field) && !cm_table_set_text(build->table, row, (int)column, field->text, err)) return false;
  }
  return true;
}

static bool add_columns(const Build *build, CmError **err) {
  for (int64_t column = 0; column < build->reader->columns; column++) {
    char *name = build->reader->fields[column].text;
    const char *unit = split_unit(name);
    if (cm_table_add_column(build->table, name, build->type[column], unit, err) >= 0) continue;
    cm_error_context(err, "%s: line 1", build->reader->name);
    return false;
  }
  return true;
}

static CmTable *build_table(Reader *reader, CmError **err) {
  CmContext *ctx = reader->ctx;
  Build build = {.reader = reader, .rows = reader->columns ? reader->count / reader->columns - 1 : 0};
  build.type = cm_calloc(ctx, (size_t)reader->columns + 1, sizeof *build.type, err);
  build.table = build.type ? cm_table_create(ctx, err) : NULL;
  bool good = build.table && cm_parallel_for(ctx, NULL, reader->columns, 1, find_types, &build, err) &&
              add_columns(&build, err) && cm_table_add_rows(build.table, build.rows, err) &&
              cm_parallel_for(ctx, NULL, build.rows, ROWS_A_CHUNK, fill_numbers, &build, err);
  for (int64_t column = 0; good && column < reader->columns; column++)
    if (build.type[column] == CM_COLUMN_TEXT) good = fill_text(&build, column, err);
  cm_free(build.type);
  if (!good) cm_table_unref(&build.table);
  return build.table;
}

CmTable *cm_table_parse_csv(CmContext *ctx, const char *text, size_t size, const char *name, CmError **err) {
  static const char mark[] = "\xEF\xBB\xBF"; /* UTF-8 byte order mark, as spreadsheets write it */
  if (size >= 3 && memcmp(text, mark, 3) == 0) text += 3, size -= 3;
  if (!size) {
    cm_error_set(err, CM_ERR_FORMAT, "%s: is empty; the first line must name the columns", name);
    return NULL;
  }
  char *copy = cm_alloc(ctx, size + 1, err);
  if (!copy) return NULL;
  memcpy(copy, text, size);
  copy[size] = 0;
  Reader reader = {.ctx = ctx, .at = copy, .end = copy + size, .name = name, .line = 1};
  CmTable *table = NULL;
  bool good = true;
  while (good && reader.at < reader.end) good = read_record(&reader, err);
  if (good) table = build_table(&reader, err);
  cm_free(reader.fields);
  cm_free(copy);
  return table;
}
