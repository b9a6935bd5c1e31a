/* Between visits, the tables, the methods and the provenance. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/report/plot.h"
#include "study/report/sections.h"

static const CmResultTable *growth_table(const CmReport *report, int from) {
  const CmStudyResult *r = report->result;
  for (int i = from; i < r->table_count; i++)
    if (r->tables[i].step >= 0 && r->steps[r->tables[i].step].between && cm_table_find_column(r->tables[i].table, "volume_1") >= 0)
      return &r->tables[i];
  return NULL;
}

bool cm__report_has_growth(const CmReport *report) { return growth_table(report, 0) != NULL; }

/* Volume at the later visit against the earlier one, both logarithmic; lines of equal size and of doubling. */
static void growth_chart(CmTextBuffer *out, const CmTable *table) {
  CmPlot plot = {.out = out, .width = 420, .height = 400, .left = 54, .right = 14, .top = 26, .bottom = 42, .x0 = INFINITY, .x1 = -INFINITY};
  for (int64_t row = 0; row < cm_table_rows(table); row++) {
    double a = log10(cm__row_real(table, row, "volume_1")), b = log10(cm__row_real(table, row, "volume_2"));
    if (!isfinite(a) || !isfinite(b)) continue;
    plot.x0 = fmin(plot.x0, fmin(a, b) - 0.1);
    plot.x1 = fmax(plot.x1, fmax(a, b) + 0.1);
  }
  if (!(plot.x1 > plot.x0)) return;
  plot.y0 = plot.x0;
  plot.y1 = plot.x1;
  cm__plot_start(&plot, "volume at the two visits", "earlier, log10 of mm³", "later, log10 of mm³");
  cm__plot_segment(&plot, plot.x0, plot.x0, plot.x1, plot.x1, "#9aa5b1", 1, "stroke-dasharray=\"4 4\"");
  cm__plot_segment(&plot, plot.x0, plot.x0 + log10(2), plot.x1 - log10(2), plot.x1, "#d55e00", 1, "stroke-dasharray=\"2 4\"");
  for (int64_t row = 0; row < cm_table_rows(table); row++) {
    double a = cm__row_real(table, row, "volume_1"), b = cm__row_real(table, row, "volume_2");
    if (!(a > 0) || !(b > 0)) continue;
    char tip[128];
    snprintf(tip, sizeof tip, "%s: %.0f to %.0f mm³", cm__row_text(table, row, "subject"), a, b);
    cm__plot_point(&plot, log10(a), log10(b), 4, b > 1.25 * a ? "#d55e00" : "#0072b2", tip);
  }
  cm__plot_end(&plot);
}

bool cm__report_growth(CmReport *report, CmError **err) {
  (void)err;
  CmTextBuffer *out = &report->out;
  if (!cm__report_has_growth(report)) return true;
  cm__html_section(out, "growth", "Between visits", "The same nodules at two visits: volume, diameter, growth and volume doubling time.");
  const CmResultTable *found = growth_table(report, 0);
  while (found) {
    char file[256];
    snprintf(file, sizeof file, "tables/%s.csv", found->name);
    cm__text_add(out, "<div class=\"grid\"><figure>");
    growth_chart(out, found->table);
    cm__text_add(out, "<figcaption>Dashed: no change; dotted: doubled. Orange: grown by more than a quarter.</figcaption></figure></div>\n");
    cm__html_table(out, &(CmHtmlTable){.table = found->table, .file = file});
    found = growth_table(report, (int)(found - report->result->tables) + 1);
  }
  cm__html_section_end(out);
  return true;
}

bool cm__report_tables(CmReport *report, CmError **err) {
  (void)err;
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__html_section(out, "tables", "Tables", "What the steps measured: the first rows here, all of it beside this page as CSV and JSON.");
  for (int i = 0; i < r->table_count; i++) {
    char file[256];
    snprintf(file, sizeof file, "tables/%s.csv", r->tables[i].name);
    cm__text_add(out, "<details><summary>");
    cm__html_textf(out, "%s: %lld rows, %d columns", r->tables[i].name, (long long)cm_table_rows(r->tables[i].table),
                   cm_table_columns(r->tables[i].table));
    cm__text_add(out, "</summary>");
    cm__html_table(out, &(CmHtmlTable){.table = r->tables[i].table, .rows = 12, .file = file});
    cm__text_add(out, "</details>\n");
  }
  cm__html_section_end(out);
  return true;
}

bool cm__report_methods(CmReport *report, CmError **err) {
  (void)err;
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__html_section(out, "methods", "Methods", "Each step with all its parameters and its source.");
  cm__text_add(out, "<div class=\"scroll\"><table><thead><tr><th>step</th><th>operation</th><th>from</th><th>parameters</th><th>source</th>"
                    "<th class=\"n\">done</th><th class=\"n\">not done</th></tr></thead>\n");
  for (int i = 0; i < r->step_count; i++) {
    const CmResultStep *step = &r->steps[i];
    char what[512];
    snprintf(what, sizeof what, "%s: %s", step->op->name, step->op->summary);
    cm__html_row(out, (const char *const[]){step->name, what, step->of, step->params_json, step->op->cite ? step->op->cite : ""}, 5,
                 (const int64_t[]){step->done, step->failed}, 2);
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
  cm__html_section(out, "provenance", "Provenance", "What made each output: hashes are BLAKE2b-256. The same inputs and the same file give the same bytes.");
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
