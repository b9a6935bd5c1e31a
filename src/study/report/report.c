/* The report of a study: one HTML file that needs nothing else. */
#include "study/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cormack/file.h"
#include "study/report/sections.h"

typedef bool (*Section)(CmReport *report, CmError **err);

/* What is judged, by the task in the summary. */
static void pick_measure(CmReport *report, const CmTable *summary) {
  int64_t positive = CM__FIND(summary, 0, "name", "positive");
  report->class_name = positive >= 0 ? cm__row_text(summary, positive, "value") : "";
  if (!*report->class_name) report->class_name = "macro";
  report->measure = "auc";
  report->measure_shown = "AUC";
  bool regression = CM__FIND(summary, 0, "name", "task", "value", "regression") >= 0;
  if (!regression && CM__FIND(summary, 0, "name", "task", "value", "survival") < 0) return;
  report->class_name = "";
  report->measure = regression ? "r2" : "c_index";
  report->measure_shown = regression ? "R²" : "C-index";
}

static void pick_reference_model(CmReport *report) {
  const CmStudyResult *r = report->result;
  if (!r->learn) return;
  const CmTable *metrics = r->learn[CM_LEARN_METRICS], *shap = r->learn[CM_LEARN_SHAP];
  pick_measure(report, r->learn[CM_LEARN_SUMMARY]);
  const char *pairs[] = {
      "metric", report->measure, "part", "cross_validation", "class", *report->class_name ? report->class_name : "all",
      NULL};
  double best = -INFINITY, best_explained = -INFINITY;
  for (int64_t row = cm__find_row(metrics, 0, pairs); row >= 0; row = cm__find_row(metrics, row + 1, pairs)) {
    double value = cm__row_real(metrics, row, "value");
    const char *model = cm__row_text(metrics, row, "model");
    if (value > best) best = value, report->best_row = row, report->best_model = model;
    if (value > best_explained && CM__FIND(shap, 0, "model", model) >= 0)
      best_explained = value, report->explained_model = model;
  }
}

static void contents(CmReport *report) {
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__text_add(out, "<nav><a href=\"#inputs\">What went in</a>");
  if (r->picture_count) cm__text_add(out, "<a href=\"#images\">Images</a>");
  if (r->target) cm__text_add(out, "<a href=\"#prediction\">Prediction</a>");
  if (report->explained_model) cm__text_add(out, "<a href=\"#why\">Why</a>");
  if (r->learn) cm__text_add(out, "<a href=\"#subjects\">Each subject</a>");
  if (cm__report_has_growth(report)) cm__text_add(out, "<a href=\"#growth\">Between visits</a>");
  cm__text_add(out, "<a href=\"#tables\">Tables</a><a href=\"#methods\">Methods</a>");
  if (r->learn) cm__text_add(out, "<a href=\"#checklist\">Checklist</a>");
  cm__text_add(out, "<a href=\"#provenance\">Provenance</a></nav>\n");
}

static void card(CmTextBuffer *out, const char *value, const char *what) {
  cm__text_add(out, "<div class=\"card\"><b>");
  cm__html_text(out, value);
  cm__text_add(out, "</b><span>");
  cm__html_text(out, what);
  cm__text_add(out, "</span></div>");
}

static void count_card(CmTextBuffer *out, int64_t count, const char *what) {
  char text[32];
  snprintf(text, sizeof text, "%lld", (long long)count);
  card(out, text, what);
}

static void glance(CmReport *report) {
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__html_section(out, "glance", "At a glance", *r->text ? r->text : NULL);
  cm__text_add(out, "<div class=\"grid\">");
  int64_t images = 0;
  for (int i = 0; i < r->input_count; i++) images += r->inputs[i].images;
  count_card(out, r->subjects, "subjects");
  if (r->visits > r->subjects) count_card(out, r->visits, "visits");
  count_card(out, images, "images");
  count_card(out, cm_table_rows(r->quarantine), "in quarantine");
  if (report->best_model) {
    const CmTable *metrics = r->learn[CM_LEARN_METRICS];
    char value[32], what[160];
    snprintf(value, sizeof value, "%.3f", cm__row_real(metrics, report->best_row, "value"));
    snprintf(what, sizeof what, "%s of %s, cross-validated; 95 %% interval %.3f to %.3f", report->measure_shown,
             report->best_model, cm__row_real(metrics, report->best_row, "low"),
             cm__row_real(metrics, report->best_row, "high"));
    card(out, value, what);
  }
  cm__text_add(out, "</div>\n");
  cm__html_section_end(out);
}

char *cm__report_make(const CmStudyResult *result, CmError **err) {
  static const Section sections[] = {
      cm__report_inputs, cm__report_images, cm__report_prediction, cm__report_why,       cm__report_subjects,
      cm__report_growth, cm__report_tables, cm__report_methods,    cm__report_checklist, cm__report_provenance};
  CmReport report = {.result = result};
  char subtitle[256];
  cm__text_start(&report.out, result->ctx, err);
  pick_reference_model(&report);
  snprintf(subtitle, sizeof subtitle,
           "Study %s · made by Cormack %s · every number stands as CSV and JSON beside this page", result->study,
           result->version);
  cm__html_start(&report.out, *result->title ? result->title : result->study, subtitle);
  contents(&report);
  glance(&report);
  bool good = true;
  for (int i = 0; good && i < CM_COUNT(sections); i++) good = sections[i](&report, err);
  cm__html_end(&report.out);
  char *text = cm__text_finish(&report.out);
  if (good) return text;
  cm_free(text);
  return NULL;
}
