/* cormack catalog add PATH… | query SQL: the catalogue of DICOM files. */
#include <string.h>

#include "cli/cli.h"
#include "cormack/catalog.h"

typedef struct CatalogOptions {
  CmText catalog;
  int32_t format;
  CmText output;
} CatalogOptions;

enum { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON };

static const CmParam options_table[] = {
    CM_PARAM_TEXT(CatalogOptions, catalog, "catalog.sqlite", "file of the catalogue"),
    CM_PARAM_ENUM(CatalogOptions, format, "table|csv|json", "table", "how the answer of a query is printed"),
    CM_PARAM_TEXT(CatalogOptions, output, "",
                  "file for the answer, .csv or .json by extension; without it standard output"),
};

static void print_report(const CmCli *cli, const char *catalog, const CmCatalogReport *report) {
  const struct {
    const char *name;
    int64_t count;
    const char *words;
  } rows[] = {
      {"files", report->files, "DICOM files"},
      {"unchanged", report->unchanged, "unchanged"},
      {"added", report->added, "added"},
      {"changed", report->changed, "changed"},
      {"moved", report->moved, "moved"},
      {"removed", report->removed, "removed"},
      {"quarantined", report->quarantined, "in quarantine"},
      {"other", report->other, "not DICOM"},
      {"unreadable", report->unreadable, "folders unreadable"},
  };
  if (cli->json) {
    printf("{");
    for (int i = 0; i < CM_COUNT(rows); i++)
      printf("%s\"%s\":%lld", i ? "," : "", rows[i].name, (long long)rows[i].count);
    printf("}\n");
    return;
  }
  printf("%s: ", catalog);
  const char *separator = "";
  for (int i = 0; i < CM_COUNT(rows); i++) {
    if (i && !rows[i].count) continue;
    printf("%s%lld %s", separator, (long long)rows[i].count, rows[i].words);
    separator = ", ";
  }
  printf("\n");
  if (report->quarantined)
    printf("why: cormack catalog query \"SELECT path, reason FROM quarantined\"%s%s\n",
           strcmp(catalog, "catalog.sqlite") ? " --catalog " : "", strcmp(catalog, "catalog.sqlite") ? catalog : "");
}

static bool add(CmCli *cli, const char *catalog, int count, char **paths, CmError **err) {
  CmCatalogReport report;
  if (!cm_catalog_add(cli->ctx, catalog, (const char *const *)paths, count, &report, err)) return false;
  cli->quarantined = report.quarantined;
  print_report(cli, catalog, &report);
  return true;
}

/* Characters, not bytes: what a terminal shows. */
static int width_of(const char *text) {
  int width = 0;
  for (; *text; text++) width += ((unsigned char)*text & 0xC0) != 0x80;
  return width;
}

static void print_row(const CmTable *table, int64_t row, const int *widths) {
  int columns = cm_table_columns(table);
  for (int i = 0; i < columns; i++) {
    char cell[2048];
    const char *text = row < 0 ? cm_table_column_name(table, i) : cm_table_cell(table, row, i, cell, sizeof cell);
    int gap = widths[i] - width_of(text);
    bool number = cm_table_column_type(table, i) != CM_COLUMN_TEXT;
    if (number) printf("%*s", gap, "");
    fputs(text, stdout);
    if (i + 1 < columns) printf("%*s", number ? 2 : gap + 2, "");
  }
  printf("\n");
}

static bool print_table(CmCli *cli, const CmTable *table, CmError **err) {
  int columns = cm_table_columns(table);
  int *widths = cm_calloc(cli->ctx, (size_t)columns, sizeof *widths, err);
  if (!widths) return false;
  for (int i = 0; i < columns; i++) {
    widths[i] = width_of(cm_table_column_name(table, i));
    for (int64_t row = 0; row < cm_table_rows(table); row++) {
      char cell[2048];
      int width = width_of(cm_table_cell(table, row, i, cell, sizeof cell));
      if (width > widths[i]) widths[i] = width;
    }
  }
  for (int64_t row = -1; row < cm_table_rows(table); row++) print_row(table, row, widths);
  cm_free(widths);
  return true;
}

static bool print_answer(CmCli *cli, const CatalogOptions *options, CmTable *table, CmError **err) {
  if (options->output.value[0]) {
    CmValue value = {.kind = CM_KIND_TABLE, .table = table};
    return cm__cli_write(cli, &value, options->output.value, err);
  }
  if (!cli->json && options->format == FORMAT_TABLE) return print_table(cli, table, err);
  bool json = cli->json || options->format == FORMAT_JSON;
  char *text = json ? cm_table_to_json(cli->ctx, table, err) : cm_table_to_csv(cli->ctx, table, err);
  if (!text) return false;
  fputs(text, stdout);
  if (json) printf("\n");
  cm_free(text);
  return true;
}

static bool query(CmCli *cli, const CatalogOptions *options, int count, char **words, CmError **err) {
  if (count != 1) {
    cm_error_set(err, CM_ERR_USAGE, "catalog query takes one SQL text; put it in quotation marks");
    return false;
  }
  CmTable *table = cm_catalog_query(cli->ctx, options->catalog.value, words[0], err);
  bool good = table && print_answer(cli, options, table, err);
  cm_table_unref(&table);
  if (good && fflush(stdout)) {
    cm_error_set(err, CM_ERR_IO, "standard output: cannot be written");
    good = false;
  }
  return good;
}

static bool run(CmCli *cli, const void *given, int argc, char **argv, CmError **err) {
  const CatalogOptions *options = given;
  if (!strcmp(argv[0], "add")) return add(cli, options->catalog.value, argc - 1, argv + 1, err);
  if (!strcmp(argv[0], "query")) return query(cli, options, argc - 1, argv + 1, err);
  cm_error_set(err, CM_ERR_USAGE, "catalog %s: is neither «add PATH…» nor «query SQL»", argv[0]);
  return false;
}

CM_COMMAND(catalog) = {
    .name = "catalog",
    .arguments = "add PATH… | query SQL",
    .summary = "Index DICOM headers into a database, again and again at little cost, and ask it by SQL.",
    .details =
        "  cormack catalog add studies/                       new, changed, moved and removed files\n"
        "  cormack catalog query \"SELECT patient_id, study_date, modality, images FROM series_list\"\n"
        "  cormack catalog query \"SELECT path, reason FROM quarantined\" --format csv\n"
        "Tables: patients, studies, series, instances, files, quarantine; views: images, series_list, quarantined, "
        "removed_files,\n"
        "duplicates. Dates are ISO, e.g. study_date >= '2024-01-01'. Only reading is possible.\n",
    CM_COMMAND_OPTIONS(CatalogOptions, options_table),
    .min_args = 2,
    .max_args = 1 << 20,
    .run = run,
};
