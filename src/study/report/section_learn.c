/* The prediction: how good, how sure, why, and for each subject. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "study/report/sections.h"

enum { MOST_MODELS = 16, MOST_METRICS = 40 };

static void add_notes(CmTextBuffer *out, const CmTable *notes) {
  for (int64_t row = 0; row < cm_table_rows(notes); row++) {
    bool warning = cm__row_is(notes, row, "level", "warning");
    cm__text_add(out, warning ? "<div class=\"warn\">" : "<p class=\"note\">");
    cm__html_text(out, cm__row_text(notes, row, "text"));
    cm__text_add(out, warning ? "</div>\n" : "</p>\n");
  }
}

static void add_metric(CmTextBuffer *out, const CmTable *metrics, const char *model, const char *part,
                       const char *class_name, const char *metric) {
  static const char *const classes[] = {NULL, "all", "macro"};
  int64_t row = -1;
  for (int i = 0; row < 0 && i < CM_COUNT(classes); i++)
    row = CM__FIND(metrics, 0, "model", model, "part", part, "metric", metric, "class",
                   classes[i] ? classes[i] : class_name);
  if (row < 0) {
    cm__text_add(out, "<td></td>");
    return;
  }
  double low = cm__row_real(metrics, row, "low"), high = cm__row_real(metrics, row, "high");
  double value = cm__row_real(metrics, row, "value");
  cm__text_add(out, "<td class=\"n\">");
  if (isfinite(value)) cm__text_addf(out, "%.3f", value);
  if (isfinite(low) && isfinite(high)) cm__text_addf(out, "<br><span class=\"note\">%.3f to %.3f</span>", low, high);
  cm__text_add(out, "</td>");
}

typedef struct Shown {
  const char *name, *shown;
} Shown;

/* Those of survival have the times in their names. */
static int survival_metrics(const CmReport *report, Shown to[MOST_METRICS]) {
  static const Shown known[] = {{"c_index", "C-index"},
                                {"auc_q25", "AUC at the first quarter of events"},
                                {"auc_q50", "at the half"},
                                {"auc_q75", "at three quarters"},
                                {"brier_q25", "Brier score at the first quarter"},
                                {"brier_q50", "at the half"},
                                {"brier_q75", "at three quarters"},
                                {"integrated_brier", "integrated Brier score"}};
  const char *names[MOST_METRICS];
  int count = cm__distinct(report->result->learn[CM_LEARN_METRICS], "metric", names, MOST_METRICS);
  for (int i = 0; i < count; i++) {
    to[i] = (Shown){names[i], names[i]};
    for (int k = 0; k < CM_COUNT(known); k++)
      if (!strcmp(names[i], known[k].name)) to[i].shown = known[k].shown;
  }
  return count;
}

/* The metrics of a task that a reader wants first. */
static int shown_metrics(const CmReport *report, Shown room[MOST_METRICS], const Shown **shown) {
  static const Shown classes[] = {{"auc", "AUC"},
                                  {"accuracy", "accuracy"},
                                  {"balanced_accuracy", "balanced accuracy"},
                                  {"precision", "precision"},
                                  {"recall", "recall"},
                                  {"specificity", "specificity"},
                                  {"f1", "F1"},
                                  {"brier", "Brier"},
                                  {"log_loss", "log loss"},
                                  {"calibration_slope", "calibration slope"}};
  static const Shown numbers[] = {{"r2", "R²"},
                                  {"mae", "MAE"},
                                  {"rmse", "RMSE"},
                                  {"correlation", "correlation"},
                                  {"calibration_intercept", "observed − predicted"},
                                  {"calibration_slope", "calibration slope"}};
  bool regression = strcmp(report->measure, "r2") == 0;
  *shown = *report->class_name ? classes : regression ? numbers : room;
  return *report->class_name ? CM_COUNT(classes) : regression ? CM_COUNT(numbers) : survival_metrics(report, room);
}

static void add_metrics(CmReport *report, const char *part, const char *title) {
  Shown room[MOST_METRICS];
  const Shown *shown;
  int metric_count = shown_metrics(report, room, &shown);
  const CmTable *metrics = report->result->learn[CM_LEARN_METRICS];
  CmTextBuffer *out = &report->out;
  if (CM__FIND(metrics, 0, "part", part) < 0) return;
  const char *models[MOST_MODELS];
  int count = cm__distinct(metrics, "model", models, MOST_MODELS);
  cm__text_add(out, "<h3>");
  cm__html_text(out, title);
  cm__text_add(out, "</h3><div class=\"scroll\"><table class=\"tight\"><thead><tr><th>model</th>");
  for (int i = 0; i < metric_count; i++) cm__text_addf(out, "<th class=\"n\">%s</th>", shown[i].shown);
  cm__text_add(out, "</tr></thead>\n");
  for (int m = 0; m < count; m++) {
    cm__text_add(out, "<tr><td class=\"k\">");
    cm__html_text(out, models[m]);
    cm__text_add(out, "</td>");
    for (int i = 0; i < metric_count; i++) add_metric(out, metrics, models[m], part, report->class_name, shown[i].name);
    cm__text_add(out, "</tr>\n");
  }
  cm__text_add(out, "</table></div>\n");
}

static void add_curves(CmReport *report) {
  const CmTable *const *learn = report->result->learn;
  CmTextBuffer *out = &report->out;
  const char *classes[8], *models[MOST_MODELS];
  int class_count = cm__distinct(learn[CM_LEARN_ROC], "class", classes, 8);
  bool binary = class_count == 1;
  cm__text_add(out, "<div class=\"grid\">");
  for (int i = 0; i < class_count; i++) {
    if (strcmp(classes[i], "macro") == 0) continue;
    cm__text_add(out, "<figure>");
    cm__chart_roc(out, learn[CM_LEARN_ROC], learn[CM_LEARN_METRICS], "cross_validation", classes[i]);
    cm__text_add(out, "<figcaption>");
    cm__html_textf(
        out, binary ? "Positive class: %s. First repeat; the area is the mean over repeats." : "%s against the rest.",
        classes[i]);
    cm__text_add(out, "</figcaption></figure>");
  }
  cm__chart_intervals(out, learn[CM_LEARN_METRICS], "cross_validation", report->class_name, "auc",
                      "AUC with 95 % interval");
  cm__text_add(out,
               "</div>\n<h3>Calibration</h3><p class=\"note\">A probability of 0.7 should come true in 7 of 10. Bars: "
               "Wilson intervals.</p>\n");
  for (int i = 0; i < class_count; i++)
    if (binary || strcmp(classes[i], "macro"))
      cm__chart_calibration(out, learn[CM_LEARN_CALIBRATION], "cross_validation", classes[i]);
  cm__text_add(out,
               "<h3>Confusion</h3><p class=\"note\">Rows of the cross-validation, all repeats added; shares of what it "
               "is.</p><div class=\"grid\">\n");
  int count = cm__distinct(learn[CM_LEARN_CONFUSION], "model", models, MOST_MODELS);
  for (int i = 0; i < count; i++) cm__chart_confusion(out, learn[CM_LEARN_CONFUSION], models[i], "cross_validation");
  cm__text_add(out, "</div>\n");
}

const char *cm__report_summary(const CmReport *report, const char *name) {
  const CmStudyResult *r = report->result;
  const CmTable *summary = r->learn ? r->learn[CM_LEARN_SUMMARY] : NULL;
  int64_t row = summary ? CM__FIND(summary, 0, "name", name) : -1;
  return row >= 0 ? cm__row_text(summary, row, "value") : "";
}

static void add_question(CmReport *report) {
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__text_add(out, "<p>");
  cm__html_textf(out, "Outcome: «%s»; one row a %s.", r->target, r->row);
  if (r->learn) {
    const char *held = cm__report_summary(report, "hold_out_subjects");
    cm__html_textf(out, " %s rows of %s subjects, %s features; cross-validation in %s folds, %s repeat%s",
                   cm__report_summary(report, "rows"), cm__report_summary(report, "subjects"),
                   cm__report_summary(report, "features"), cm__report_summary(report, "folds"),
                   cm__report_summary(report, "repeats"),
                   strcmp(cm__report_summary(report, "repeats"), "1") ? "s" : "");
    if (*held && strcmp(held, "0")) cm__html_textf(out, "; %s subjects held out", held);
    cm__text_add(out, ".");
  }
  cm__text_add(out, "</p>\n");
}

bool cm__report_prediction(CmReport *report, CmError **err) {
  (void)err;
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  if (!r->target) return true;
  cm__html_section(out, "prediction", "Do the measurements predict the outcome?",
                   "Everything that learns (imputation, scaling, selection, models) saw training subjects only; all "
                   "rows of a subject stay in one fold.");
  add_question(report);
  if (!r->learn) {
    cm__text_add(out, "<div class=\"warn\">The learning was refused: ");
    cm__html_text(out, r->learn_refusal ? r->learn_refusal : "no reason was given");
    cm__text_add(out, "</div>\n");
    cm__html_section_end(out);
    return true;
  }
  add_notes(out, r->learn[CM_LEARN_NOTES]);
  add_metrics(report, "cross_validation", "Cross-validation");
  add_metrics(report, "hold_out", "Held-out subjects, seen once at the end");
  cm__text_add(out,
               "<p class=\"note\">95 % intervals below each value; how each is made stands in "
               "<code>tables/learn_metrics.csv</code>.</p>\n");
  if (*report->class_name)
    add_curves(report);
  else
    cm__report_numbers(report);
  cm__report_decisions(report);
  cm__report_validation(report);
  cm__html_section_end(out);
  return true;
}

bool cm__report_why(CmReport *report, CmError **err) {
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  if (!r->learn) return true;
  const CmTable *importance = r->learn[CM_LEARN_IMPORTANCE];
  if (CM__FIND(importance, 0, "measure", "permutation") < 0 && !report->explained_model) return true;
  char lead[192];
  snprintf(lead, sizeof lead,
           "SHAP: how much each feature moved the output of a row that the model had not seen. Permutation: the %s "
           "lost when it is shuffled.",
           report->measure_shown);
  cm__html_section(out, "why", "Which features mattered", lead);
  cm__text_add(out, "<div class=\"grid\">");
  char title[160];
  if (report->explained_model) {
    snprintf(title, sizeof title, "mean |SHAP|, %s", report->explained_model);
    cm__chart_importance(out, importance, report->explained_model, "cross_validation", "shap", title);
  }
  if (report->best_model) {
    snprintf(title, sizeof title, "permutation importance, %s", report->best_model);
    cm__chart_importance(out, importance, report->best_model, "cross_validation", "permutation", title);
  }
  cm__text_add(out, "</div>\n");
  bool good = !report->explained_model || cm__chart_beeswarm(out, r->learn[CM_LEARN_SHAP], r->features,
                                                             report->explained_model, report->class_name, err);
  cm__html_section_end(out);
  return good;
}

static int64_t shap_row_of(const CmTable *shap, const char *model, const char *part, const char *class_name,
                           double row_number) {
  for (int64_t row = CM__FIND(shap, 0, "model", model, "part", part, "class", class_name); row >= 0;
       row = CM__FIND(shap, row + 1, "model", model, "part", part, "class", class_name))
    if (cm__row_real(shap, row, "row") == row_number) return row;
  return -1;
}

/* What was predicted, and what is. */
static void add_outcome(CmReport *report, const CmTable *predictions, int64_t row, int probability) {
  CmTextBuffer *out = &report->out;
  const char *held = cm__row_is(predictions, row, "part", "hold_out") ? "; held out" : "";
  if (!*report->class_name) {
    double risk = cm__row_real(predictions, row, "risk"),
           said = isnan(risk) ? cm__row_real(predictions, row, "predicted") : risk;
    cm__html_textf(out, "%s %.4g, observed %.4g%s%s", isnan(risk) ? "predicted" : "risk", said,
                   cm__row_real(predictions, row, "target"),
                   isnan(risk)                                   ? ""
                   : cm__row_real(predictions, row, "event") > 0 ? " (event)"
                                                                 : " (censored)",
                   held);
    return;
  }
  const char *target = cm__row_text(predictions, row, "target"),
             *predicted = cm__row_text(predictions, row, "predicted");
  cm__text_addf(out, "<b style=\"color:%s\">", strcmp(target, predicted) == 0 ? "#1d7a46" : "#b3431e");
  cm__html_textf(out, "predicted %s (%.2f)", predicted,
                 probability >= 0 ? cm_table_real(predictions, row, probability) : NAN);
  cm__text_add(out, "</b>");
  cm__html_textf(out, ", is %s%s", target, held);
}

static bool add_subject(CmReport *report, const CmTable *predictions, int64_t row, const char *model, int probability,
                        CmError **err) {
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  cm__text_add(out, "<details><summary>");
  cm__html_textf(out, "%s: ", cm__row_text(predictions, row, "subject"));
  add_outcome(report, predictions, row, probability);
  cm__text_add(out, "</summary>");
  int64_t shap = shap_row_of(r->learn[CM_LEARN_SHAP], model, cm__row_text(predictions, row, "part"), report->class_name,
                             cm__row_real(predictions, row, "row"));
  char name[CM_TEXT_MAX + 32];
  snprintf(name, sizeof name, "%s-%.0f", cm__row_text(predictions, row, "subject"),
           cm__row_real(predictions, row, "row"));
  bool good = true;
  if (shap >= 0) {
    cm__chart_force(out, r->learn[CM_LEARN_SHAP], shap, name);
    good = cm__chart_waterfall(out, r->learn[CM_LEARN_SHAP], shap, r->features, name, err);
  }
  cm__text_add(out, "</details>\n");
  return good;
}

bool cm__report_subjects(CmReport *report, CmError **err) {
  enum { MOST = 120 };
  const CmStudyResult *r = report->result;
  CmTextBuffer *out = &report->out;
  const char *model = report->explained_model ? report->explained_model : report->best_model;
  if (!r->learn || !model) return true;
  const CmTable *predictions = r->learn[CM_LEARN_PREDICTIONS];
  char column[256], lead[320];
  snprintf(column, sizeof column, "probability %s", report->class_name);
  int probability = cm_table_find_column(predictions, column);
  snprintf(lead, sizeof lead,
           "By %s, each predicted by a model that had not seen the subject.%s%s%s Open one to see what moved it.",
           model, *report->class_name ? " The probability is of «" : "", report->class_name,
           *report->class_name ? "»." : "");
  cm__html_section(out, "subjects", "Each subject's prediction", lead);
  bool good = true;
  int shown = 0;
  int64_t all = 0;
  for (int64_t row = CM__FIND(predictions, 0, "model", model); row >= 0 && good;
       row = CM__FIND(predictions, row + 1, "model", model)) {
    double repeat = cm__row_real(predictions, row, "repeat");
    if (!isnan(repeat) && repeat != 1) continue;
    all++;
    if (shown == MOST) continue;
    shown++;
    good = add_subject(report, predictions, row, model, probability, err);
  }
  cm__text_addf(out,
                "<p class=\"note\">%d of %lld predictions of the first repeat and the hold-out; all of them in "
                "<code>tables/learn_predictions.csv</code>, "
                "SHAP values in <code>tables/learn_shap.csv</code>.</p>\n",
                shown, (long long)all);
  cm__html_section_end(out);
  return good;
}
