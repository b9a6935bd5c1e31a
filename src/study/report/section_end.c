/* The tables, the methods and the provenance. */
#include <stdio.h>
#include <string.h>

#include "study/report/sections.h"

enum { MOST_COLUMNS = 64, MOST_OPEN = 3 };

/* The columns for people: a series, which is a long number in DICOM, only where a visit has several. */
static int shown_columns(const CmTable *table, const char **to) {
  static const char *const keys[] = {"subject", "visit"};
  int count = 0, series = cm_table_find_column(table, "series");
  bool told_apart = false;
  for (int64_t row = 1; series >= 0 && row < cm_table_rows(table) && !told_apart; row++) {
    told_apart = strcmp(cm__row_text(table, row, "series"), cm__row_text(table, row - 1, "series")) != 0;
    for (int k = 0; k < CM_COUNT(keys); k++)
      if (strcmp(cm__row_text(table, row, keys[k]), cm__row_text(table, row - 1, keys[k])) != 0) told_apart = false;
  }
  for (int c = 0; c < cm_table_columns(table) && count < MOST_COLUMNS; c++)
    if (c != series || told_apart) to[count++] = cm_table_column_name(table, c);
  return count;
}

bool cm__report_tables(CmReport *report, CmError **err) {
  (void)err;
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__html_section(out, "tables", "Tables",
                   "What the steps measured: the first rows here, all of it beside this page as CSV and JSON.");
  for (int i = 0; i < r->table_count; i++) {
    const CmTable *table = r->tables[i].table;
    const char *columns[MOST_COLUMNS];
    char file[256];
    int64_t rows = cm_table_rows(table);
    snprintf(file, sizeof file, "tables/%s.csv", r->tables[i].name);
    cm__text_add(out, rows && rows <= MOST_OPEN ? "<details open><summary>" : "<details><summary>");
    cm__html_textf(out, "%s: %lld row%s, %d columns", r->tables[i].name, (long long)rows, rows == 1 ? "" : "s",
                   cm_table_columns(table));
    cm__text_add(out, "</summary>");
    int count = shown_columns(table, columns);
    cm__html_table(out,
                   &(CmHtmlTable){.table = table, .columns = columns, .column_count = count, .rows = 12, .file = file});
    cm__text_add(out, "</details>\n");
  }
  cm__html_section_end(out);
  return true;
}

/* Parameters without the signs that only machines need: «radius 1, units voxel». */
static char *plain(CmContext *ctx, const char *json, CmError **err) {
  CmTextBuffer text;
  bool quoted = false;
  cm__text_start(&text, ctx, err);
  cm__text_add(&text, "");
  for (const char *at = json; *at; at++) {
    if (*at == '"')
      quoted = !quoted;
    else if (quoted && *at == '\\' && at[1])
      cm__text_add_n(&text, ++at, 1);
    else if (quoted || !strchr("{}:,", *at))
      cm__text_add_n(&text, at, 1);
    else if (*at == ',')
      cm__text_add(&text, ", ");
    else if (*at == ':')
      cm__text_add(&text, " ");
  }
  return cm__text_finish(&text);
}

bool cm__report_methods(CmReport *report, CmError **err) {
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__html_section(out, "methods", "Methods", "Each step with all its parameters and its source.");
  cm__text_add(out,
               "<div "
               "class=\"scroll\"><table><thead><tr><th>step</th><th>operation</th><th>from</th><th>parameters</"
               "th><th>source</th>"
               "<th class=\"n\">done</th><th class=\"n\">not done</th></tr></thead>\n");
  for (int i = 0; i < r->step_count; i++) {
    const CmResultStep *step = &r->steps[i];
    char what[512];
    snprintf(what, sizeof what, "%s: %s", step->op->name, step->op->summary);
    char *said = plain(r->ctx, step->params_json, err);
    if (!said) return false;
    cm__html_row(out, (const char *const[]){step->name, what, step->of, said, step->op->cite ? step->op->cite : ""}, 5,
                 (const int64_t[]){step->done, step->failed}, 2);
    cm_free(said);
  }
  cm__text_add(out, "</table></div>\n");
  if (r->learn) {
    cm__text_add(out, "<h3>Models</h3>");
    cm__html_table(out, &(CmHtmlTable){.table = r->learn[CM_LEARN_MODELS], .file = "tables/learn_models.csv"});
  }
  cm__html_section_end(out);
  return true;
}

bool cm__report_provenance(CmReport *report, CmError **err) {
  (void)err;
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  char hex[2 * CM_HASH_SIZE + 1];
  cm_hash_hex(&r->study_hash, hex);
  cm__html_section(
      out, "provenance", "Provenance",
      "What made each output: hashes are BLAKE2b-256. The same inputs and the same file give the same bytes.");
  cm__text_add(out, "<p>");
  cm__html_textf(out, "Cormack %s. Study file %s.", r->version, hex);
  cm__text_add(out, "</p><details><summary>The study file</summary><pre>");
  cm__html_text(out, r->study_file);
  cm__text_add(out, "</pre></details><details><summary>The outputs and what they were made from</summary>\n");
  cm__html_table(out, &(CmHtmlTable){.table = r->provenance, .rows = 100, .file = "provenance.json"});
  cm__text_add(out, "</details>\n");
  cm__html_section_end(out);
  return true;
}
