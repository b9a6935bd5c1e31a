/* «catalog:» of a study file, and the inputs that are asked of a catalogue. */
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "cormack/catalog.h"
#include "study/cohort.h"

/* What a query may give to name images, the finest first. */
static const char *const identities[] = {"path", "series_uid", "study_uid", "patient_id"};

/* Keeps a failure of memory, reports any other at its place in the file; `name`: of the input that asks, or NULL. */
static void report_error(CmSpec *spec, const CmYaml *at, const char *name, CmError **wrong) {
  if (cm_error_code(*wrong) == CM_ERR_MEMORY)
    cm_error_move(&spec->problems.failure, wrong);
  else if (name)
    cm__problem_add(&spec->problems, at, "input «%s»: %s", name, cm_error_text(*wrong));
  else
    cm__problem_add(&spec->problems, at, "catalog: %s", cm_error_text(*wrong));
  cm_error_free(wrong);
}

/* ---- the catalogue --------------------------------------------------------------------------------------------------
 */

/* A catalogue that is there can be asked. */
static bool check_file(CmSpec *spec, const CmYaml *at, const char *file) {
  CmError *wrong = NULL;
  CmTable *columns = cm_catalog_columns(spec->ctx, file, "SELECT path FROM images", &wrong);
  bool good = columns != NULL;
  cm_table_unref(&columns);
  if (!good) report_error(spec, at, NULL, &wrong);
  return good;
}

static bool is_there(const char *path) {
  struct stat info;
  return stat(path, &info) == 0;
}

void cm__spec_catalog(CmSpec *spec) {
  static const char *const keys[] = {"file", "path"};
  const CmYaml *node = cm__yaml_get(spec->root, "catalog");
  CmSpecCatalog *catalog = &spec->catalog;
  if (!node) return;
  catalog->at = cm__yaml_key(spec->root, "catalog");
  catalog->name = "the study's own";
  if (node->kind == CM__YAML_SCALAR && !cm__yaml_is_null(node)) { /* catalog: cohort.sqlite */
    catalog->file = cm__spec_path(spec, node->text);
    catalog->name = node->raw;
    catalog->asked = check_file(spec, node, catalog->file);
    return;
  }
  if (node->kind != CM__YAML_MAP) {
    cm__problem_add(&spec->problems, node,
                    "catalog must be a file, e.g. cohort.sqlite, or {path: studies/} for a catalogue that each run "
                    "brings up to date, not %s",
                    cm__yaml_kind_name(node));
    return;
  }
  cm__yaml_known_keys(&spec->problems, node, keys, CM_COUNT(keys), "a catalogue");
  const CmYaml *path = cm__yaml_get(node, "path"), *file = cm__yaml_get(node, "file");
  if (!path && !file)
    cm__problem_add(&spec->problems, catalog->at,
                    "catalog: say what it is: file: an existing one, or path: folders that each run brings it up to "
                    "date with");
  if (file) {
    const char *written = NULL;
    cm__yaml_text(&spec->problems, node, "file", &written);
    catalog->file = written ? cm__spec_path(spec, written) : NULL;
    if (written) catalog->name = file->raw;
  }
  if (path) catalog->paths = cm__spec_paths(spec, path, "catalog", false, &catalog->path_count, &catalog->written);
  if (catalog->file && (!path || is_there(catalog->file))) catalog->asked = check_file(spec, file, catalog->file);
}

/* ---- what an input asks ---------------------------------------------------------------------------------------------
 */

/* «no such column: modalty»: the nearest one of those that there are. */
static const char *near_column(CmSpec *spec, const char *words) {
  static const char *const views[] = {"SELECT * FROM images", "SELECT * FROM series_list"};
  static const char mark[] = "no such column: ";
  const char *at = strstr(words, mark), *near = NULL;
  char name[100];
  size_t length = at ? strcspn(at + strlen(mark), "; ") : 0;
  if (!length || length >= sizeof name) return NULL;
  memcpy(name, at + strlen(mark), length);
  name[length] = 0;
  for (int v = 0; v < CM_COUNT(views) && !near; v++) {
    CmError *wrong = NULL;
    CmTable *columns = cm_catalog_columns(spec->ctx, NULL, views[v], &wrong);
    int count = columns ? cm_table_columns(columns) : 0;
    const char **names = cm__arena_alloc(&spec->arena, (size_t)count, sizeof *names, &spec->problems.failure);
    for (int i = 0; names && i < count; i++)
      names[i] = cm__arena_strdup(&spec->arena, cm_table_column_name(columns, i), &spec->problems.failure);
    if (names && !spec->problems.failure) near = cm_nearest_name(name, names, count);
    cm_table_unref(&columns);
    cm_error_free(&wrong);
  }
  return near;
}

/* The columns of some SQL; NULL, with the problem reported, where it is wrong. */
static CmTable *check_sql(CmSpec *spec, const CmSpecInput *input, const char *file, const char *sql) {
  CmError *wrong = NULL;
  CmTable *columns = cm_catalog_columns(spec->ctx, file, sql, &wrong);
  if (columns) return columns;
  const char *text = cm_error_text(wrong), *near = near_column(spec, text);
  if (near) {
    cm__problem_add(&spec->problems, input->asks_at, "input «%s»: %.*s; did you mean «%s»?", input->name,
                    (int)strcspn(text, ";"), text, near);
    cm_error_free(&wrong);
  } else {
    report_error(spec, input->asks_at, input->name, &wrong);
  }
  return NULL;
}

/* The paths of the rows of `images` that fit «where» and the modality. */
static const char *sql_of_where(CmSpec *spec, const CmSpecInput *input, const char *where) {
  CmError **failure = &spec->problems.failure;
  const char *modality = cm__sql_text(&spec->arena, input->modality, failure);
  /* a line's end behind what is written: it may end with a comment */
  return modality ? cm__arena_printf(&spec->arena, failure, "SELECT path FROM images WHERE (%s\n)%s%s%s",
                                     where ? where : "1", *input->modality ? " AND modality = " : "",
                                     *input->modality ? modality : "", *input->modality ? " COLLATE NOCASE" : "")
                  : NULL;
}

/* The query without what may end a statement, so that it can stand in brackets. */
static const char *bare(CmSpec *spec, const char *query) {
  size_t length = strlen(query);
  while (length && (isspace((unsigned char)query[length - 1]) || query[length - 1] == ';')) length--;
  return cm__arena_strndup(&spec->arena, query, length, &spec->problems.failure);
}

/* The paths of the images that the rows of the query name. */
static const char *sql_of_query(CmSpec *spec, const CmSpecInput *input, const char *file, const char *query) {
  query = bare(spec, query);
  CmTable *columns = query ? check_sql(spec, input, file, query) : NULL;
  if (!columns) return NULL;
  const char *name = NULL, *list = "";
  for (int i = 0; i < CM_COUNT(identities) && !name; i++)
    if (cm_table_find_column(columns, identities[i]) >= 0) name = identities[i];
  for (int i = 0; !name && list && i < cm_table_columns(columns) && i < 20; i++)
    list = cm__arena_printf(&spec->arena, &spec->problems.failure, "%s%s%s", list, i ? ", " : "",
                            cm_table_column_name(columns, i));
  cm_table_unref(&columns);
  if (!name) {
    cm__problem_add(&spec->problems, input->asks_at,
                    "input «%s»: the query gives %s, and nothing that names images; select series_uid, path, "
                    "study_uid or patient_id",
                    input->name, list ? list : "");
    return NULL;
  }
  return cm__arena_printf(&spec->arena, &spec->problems.failure,
                          "SELECT path FROM images WHERE %s IN (SELECT %s FROM (%s\n))", name, name, query);
}

/* Whether a catalogue that is there has any of it. */
static void check_rows(CmSpec *spec, const CmSpecInput *input) {
  CmError *wrong = NULL;
  const char *sql = cm__arena_printf(&spec->arena, &spec->problems.failure, "SELECT 1 FROM (%s\n) LIMIT 1", input->sql);
  CmTable *rows = sql ? cm_catalog_query(spec->ctx, input->catalog, sql, &wrong) : NULL;
  if (sql && !rows)
    report_error(spec, input->asks_at, input->name, &wrong);
  else if (rows && cm_table_rows(rows) == 0)
    cm__problem_add(&spec->problems, input->asks_at,
                    "input «%s»: the catalogue %s has no image that fits; see cormack catalog query \"SELECT * FROM "
                    "series_list\"",
                    input->name, input->catalog);
  cm_table_unref(&rows);
}

/* The catalogue that the input asks: its own, or the study's. false: it cannot be asked, which is reported. */
static bool choose_catalog(CmSpec *spec, CmSpecInput *input, const CmYaml *node, bool *asked) {
  const CmYaml *own = cm__yaml_get(node, "catalog");
  const char *written = NULL;
  cm__yaml_text(&spec->problems, node, "catalog", &written);
  *asked = spec->catalog.asked;
  if (!own) {
    input->catalog = spec->catalog.file;
    return spec->catalog.file == NULL || spec->catalog.asked || spec->catalog.path_count > 0;
  }
  if (!written) return false;
  input->catalog = cm__spec_path(spec, written);
  input->catalog_name = own->raw;
  return *asked = check_file(spec, own, input->catalog);
}

void cm__spec_input_asks(CmSpec *spec, CmSpecInput *input, const CmYaml *node) {
  CmProblems *problems = &spec->problems;
  const CmYaml *where = cm__yaml_get(node, "where"), *query = cm__yaml_get(node, "query");
  const char *condition = NULL, *select = NULL;
  bool asked;
  input->asks_at = query ? query : where ? where : input->at;
  input->written = query ? query->raw : where ? where->raw : "";
  input->catalog_name = spec->catalog.name;
  cm__yaml_text(problems, node, "where", &condition);
  cm__yaml_text(problems, node, "query", &select);
  if (where && query) {
    cm__problem_add(problems, where, "input «%s»: where and query exclude each other; keep one", input->name);
    return;
  }
  if ((where && !condition) || (query && !select) || !choose_catalog(spec, input, node, &asked)) return;
  const char *file = asked ? input->catalog : NULL;
  input->sql = select ? sql_of_query(spec, input, file, select) : sql_of_where(spec, input, condition);
  CmTable *columns = input->sql ? check_sql(spec, input, file, input->sql) : NULL;
  bool settled = asked && (input->catalog != spec->catalog.file || !spec->catalog.path_count);
  if (columns && settled && !input->optional) check_rows(spec, input);
  cm_table_unref(&columns);
}
